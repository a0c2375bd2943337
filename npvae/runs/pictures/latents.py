"""The latents of a run: what each carries, where test examples lie, and what places decode to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae import figures
from npvae.encoder_decoder import require_examples
from npvae.evaluation.latent_space import line, traverse
from npvae.figures.scatter import PRIOR
from npvae.parameters import Array
from npvae.runs.pictures.trained_run import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRIPS, STEPS = 5, 11  # of an interpolation
MOST_LATENTS, REACH = 10, 3.0  # that are traversed, and to how many standard deviations
ACROSS = 15  # images of the manifold, along each direction


def kl(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """How many nats each latent carries at most."""
    run.require_prior("KL")
    codes = run.codes
    assert codes.kl is not None
    told = (
        f"KL(q(z | x), p(z)) of each latent, mean of {run.counted_codes}; "
        f"{codes.kl.sum():.2f} nats in all"
    )
    active = codes.active if len(codes.mu) > 1 else None
    return figures.kl_per_latent(codes.kl, active, told=told, ax=ax)


def scatter(run: Trained, *, ax: "Axes | None" = None) -> "Axes":
    """Where test examples lie in latent space, by label."""
    what = "posterior means mu" if run.has_prior else "codes z"
    told, (first, *second) = f"{what} of {run.counted_codes}", run.plane.share
    if not run.codes.variance.any():
        told += ": all in one point"
    elif run.plane.principal:
        told += (
            f", along their two principal directions in all {run.model.n_z} latents, which have "
            f"{first:.0%} and {second[0]:.0%} of the variance"
        )
    return figures.latent_scatter(
        run.plane.project(run.codes.mu),
        run.codes.labels,
        run.dataset.classes,
        axes=_axes(run),
        unit=PRIOR if run.has_prior else "",
        prior=run.has_prior,
        told=told,
        ax=ax,
    )


def _axes(run: Trained) -> list[str]:
    """Return what the coordinates in the plane are."""
    if not run.plane.principal:
        return [f"z {i}" for i in range(run.model.n_z)]
    return ["principal direction 1", "principal direction 2"]


def manifold(
    run: Trained, n: int = ACROSS, label: int | None = None, *, ax: "Axes | None" = None
) -> "Axes":
    """What a plane of latent space decodes to, at Gaussian quantiles."""
    z, y, given = run.plane.grid(n), None, ""
    if run.model.n_y:
        y = run.device.to_host(run.model.one_hot(np.full(len(z), label or 0)))
        given = f", given label {run.label_name(label or 0)}"
    what = "means of p(x | z)" if run.has_prior else "decoded codes"
    of = "the prior" if run.has_prior else "a Gaussian fitted to each coordinate of the codes"
    code = "the posterior means" if run.has_prior else "the codes"
    told = f"{what}{given}, at quantiles of {of}"
    if run.plane.principal:
        told += f", in the plane of the two principal directions of {code}"
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
    """Strips between test examples, given in pairs of their numbers; by default some of them."""
    if pairs is None:
        require_examples(run.model, run.dataset.test)
        chosen = run.chosen(2 * STRIPS).tolist()
        n, far = len(chosen), min(STRIPS, len(chosen) - 1)  # so that none ends where it begins
        pairs = [(chosen[i % n], chosen[(i + far) % n]) for i in range(STRIPS)]
    n = len(pairs)
    x, y_given = run.take([i for i, _ in pairs] + [j for _, j in pairs])
    z = run.encode(x, y_given)
    code = "mu" if run.has_prior else "code"
    told = (
        f"between the test examples A and B{run.told_pixels}: decoded from "
        f"(1 - t) {code}(A) + t {code}(B)"
    )
    y: Array | None = None
    if y_given:
        told_y = run.device.to_host(y_given[0])
        y = line(told_y[:n], told_y[n:], steps)
        told += ", the label mixed likewise"
    shown = run.seen(x)
    return figures.interpolation(
        run.decode(line(z[:n], z[n:], steps), y),
        run.form,
        ends=(shown[:n], shown[n:]),
        names=[f"{run.example_name(i)} → {run.example_name(j)}" for i, j in pairs],
        told=told + run.told_greys,
        ax=ax,
    )


def traversals(
    run: Trained,
    index: int = 0,
    latents: int = MOST_LATENTS,
    steps: int = STEPS,
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """What each latent changes in a test example, ordered by KL."""
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
    which = f"of {n_z}, those with the largest {by}" if len(order) < n_z else f"in order of {by}"
    return figures.traversals(
        run.decode(path, told_y),
        run.form,
        values,
        names,
        unit=unit,
        told=f"test example {index}{label}, one latent changed at a time: {which}{run.told_greys}",
        ax=ax,
    )
