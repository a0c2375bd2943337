"""Pictures of the latent space of a run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae import figures
from npvae.encoder_decoder import require_examples
from npvae.evaluation.elbo import ACTIVE_VARIANCE
from npvae.evaluation.latent_space import line, traverse
from npvae.figures.scatter import PRIOR
from npvae.figures.style import distinct
from npvae.parameters import Array
from npvae.runs.pictures.trained_run import FEW, Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRIPS, TABLE_STRIPS, STEPS = 5, 3, 11  # of an interpolation: of images, of tables; steps of each
MOST_LATENTS, REACH = 10, 3.0  # of traversals: latents, and the largest standard deviation
ACROSS = 15  # images along each direction of the manifold
MOST_POINTS = 3000  # of a scatter plot: more would cover each other


def kl(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Draw the KL of each latent, an upper bound on the information it carries."""
    run.require_prior("KL")
    codes = run.codes
    assert codes.kl is not None
    told = (
        "KL of each latent: at most this much information about the example passes through it. "
        f"Mean over {run.counted_codes}; {codes.kl.sum():.2f} nats in total"
    )
    active = codes.active if len(codes.mu) > 1 else None
    if active is not None and not active.all():
        told += (
            f". Hatched: inactive, the variance of the posterior mean is at most {ACTIVE_VARIANCE}"
        )
    if len(codes.mu) < FEW:
        told += ". Figures over so few examples are uncertain"
    return figures.kl_per_latent(codes.kl, active, told=told, ax=ax)


def scatter(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Draw test examples in latent space, coloured by label; at most 3,000 of them."""
    codes, n_z = run.codes, run.model.n_z
    n = len(codes.mu)
    shown = np.sort(np.random.default_rng(run.seed).permutation(n)[:MOST_POINTS])
    counted = (
        run.counted_codes
        if n <= MOST_POINTS
        else f"{MOST_POINTS:,} of {len(run.dataset.test):,} test examples"
    )
    told = f"{'Posterior means μ' if run.has_prior else 'Codes z'} of {counted}"
    if not codes.variance.any():
        told += ". All of them are equal."
    elif run.plane.principal:
        told += (
            f", on their first two principal directions in {n_z} latents, which hold "
            f"{run.plane.share.sum():.0%} of their variance"
        )
    return figures.latent_scatter(
        run.plane.project(codes.mu[shown]),
        None if codes.labels is None else codes.labels[shown],
        run.dataset.classes,
        axes=_axes(run),
        unit=PRIOR if run.has_prior else "",
        prior=run.has_prior,
        told=told,
        ax=ax,
    )


def _axes(run: Trained) -> list[str]:
    """Return the names of the coordinates in the plane."""
    if not run.plane.principal:
        return [f"z {i}" for i in range(run.model.n_z)]
    return ["principal direction 1", "principal direction 2"]


def manifold(
    run: Trained, n: int = ACROSS, label: int | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw what a plane of latent space decodes to, at Gaussian quantiles."""
    z, y, given = run.plane.grid(n), None, ""
    if run.model.n_y:
        y = run.device.to_host(run.model.one_hot(np.full(len(z), label or 0)))
        given = f", given label {run.label_name(label or 0)},"
    what = "picture" if run.form.is_image else "place"
    of, near = "the prior", "0"
    if not run.has_prior:
        of, near = "a Gaussian fitted to each coordinate of the codes", "the middle"
    space = "latent space"
    if run.plane.principal:
        space = "a plane through latent space: the two directions in which the codes vary most"
    told = (
        f"Each {what} is decoded{given} from one point of {space}. Steps have equal probability "
        f"under {of}, so they are finer near {near}"
    )
    return figures.manifold(
        run.decode(z, y),
        run.form,
        run.plane.ticks(n),
        axes=_axes(run),
        unit=PRIOR if run.has_prior else "",
        told=told + run.told_greys,
        ax=ax,
    )


def interpolation(
    run: Trained,
    pairs: Sequence[tuple[int, int]] | None = None,
    steps: int = STEPS,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw interpolations between pairs of test examples, by default of different labels."""
    if pairs is None:
        require_examples(run.model, run.dataset.test)
        pairs = _pairs(run, STRIPS if run.form.is_image else TABLE_STRIPS)
    n = len(pairs)
    x, y_given = run.take([i for i, _ in pairs] + [j for _, j in pairs])
    z = run.encode(x, y_given)
    code = "μ" if run.has_prior else "z"
    told = (
        f"Interpolation from test example A to test example B{run.told_pixels}, decoded from "
        f"(1 − t) {code}(A) + t {code}(B)"
    )
    y: Array | None = None
    if y_given:
        told_y = run.device.to_host(y_given[0])
        y = line(told_y[:n], told_y[n:], steps)
        told += " and from labels mixed in the same way"
    shown = run.seen(x)
    return figures.interpolation(
        run.decode(line(z[:n], z[n:], steps), y),
        run.form,
        ends=(shown[:n], shown[n:]),
        names=_pair_names(run, pairs),
        told=told + run.told_greys,
        ax=ax,
    )


def _pairs(run: Trained, n: int) -> list[tuple[int, int]]:
    """Return n pairs of test examples, chosen by the seed, if possible of different labels."""
    chosen, labels = run.chosen(20 * n).tolist(), run.dataset.test.labels
    ends: list[int] = []
    starts = (chosen * n)[:n]
    for a in starts:

        def rank(b: int, a: int = a) -> tuple[bool, bool, bool]:
            return b == a, labels is not None and labels[b] == labels[a], b in ends

        ends.append(min(chosen[n:] + chosen[:n], key=rank))
    return list(zip(starts, ends, strict=True))


def _pair_names(run: Trained, pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Return the labels of the two examples of each pair, long ones in two lines."""
    names = [run.example_name(i) for pair in pairs for i in pair]
    short = dict(zip(names, distinct(names, 18), strict=True))
    ends = [(short[a], short[b]) for a, b in zip(names[::2], names[1::2], strict=True)]
    break_ = "\n" if max(map(len, names)) > 5 else " "
    return [f"{a}{break_}→ {b}" for a, b in ends]


def traversals(
    run: Trained,
    index: int = 0,
    latents: int = MOST_LATENTS,
    steps: int = STEPS,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw how a test example changes with each latent, in descending order of KL."""
    codes, (x, y) = run.codes, run.take([index])
    order, values = codes.order[:latents], np.linspace(-REACH, REACH, steps)
    if codes.kl is not None:
        places, names = values, [f"z {i}: {codes.kl[i]:.2f} nats" for i in order]
        unit = PRIOR
    else:
        std = np.sqrt(codes.variance)
        places = codes.mu.mean(axis=0)[order, None] + values * std[order, None]
        names = [f"z {i}: std {std[i]:.3g}" for i in order]
        unit = "standard deviations of the codes from their mean"
    path = traverse(run.encode(x, y)[0], order, places)
    told_y = np.tile(run.device.to_host(y[0]), (len(order) * steps, 1)) if y else None
    name = run.example_name(index)
    label = "" if run.dataset.test.labels is None else f" (label {name})"
    n_z, by = run.model.n_z, "KL" if run.has_prior else "variance"
    which = f"in descending order of {by}"
    if len(order) < n_z:
        which = f"the {len(order)} of {n_z} with the largest {by}"
    return figures.traversals(
        run.decode(path, told_y),
        run.form,
        values,
        names,
        unit=unit,
        told=f"Test example {index}{label}, one latent changed at a time: {which}{run.told_greys}",
        ax=ax,
    )
