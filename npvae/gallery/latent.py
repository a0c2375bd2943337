"""The latent space of a run: where test examples lie in it, and what its places decode to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from npvae import figures
from npvae.arrays import Array
from npvae.figures.latent import PRIOR
from npvae.gallery.trained import Trained
from npvae.latent_space import line, traverse

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STRIPS, STEPS = 5, 11  # of an interpolation
MOST_LATENTS, REACH = 10, 3.0  # that are traversed, and to how many standard deviations
ACROSS = 15  # images of the manifold, along each direction


def scatter(run: Trained) -> "Axes":
    """Where test examples lie in latent space, by label."""
    what = "posterior means mu" if run.has_prior else "codes z"
    told = f"{what} of {len(run.codes.mu):,} test examples"
    if run.plane.principal:
        first, second = run.plane.share
        told += (
            f", along the two principal directions of all {run.model.n_z} latents, which have "
            f"{first:.0%} and {second:.0%} of the variance"
        )
    return figures.latent_scatter(
        run.plane.project(run.codes.mu),
        run.codes.labels,
        run.dataset.classes,
        axes=_axes(run),
        unit=PRIOR if run.has_prior else "",
        prior=run.has_prior,
        told=told,
    )


def _axes(run: Trained) -> list[str]:
    """Return what the coordinates in the plane are."""
    if not run.plane.principal:
        return [f"z {i + 1}" for i in range(run.model.n_z)]
    return ["principal direction 1", "principal direction 2"]


def manifold(run: Trained, n: int = ACROSS, label: int | None = None) -> "Axes":
    """What a plane of latent space decodes to, at Gaussian quantiles."""
    z, y, given = run.plane.grid(n), None, ""
    if run.model.n_y:
        y = run.device.to_host(run.model.one_hot(np.full(len(z), label or 0)))
        given = f", given label {run.label_name(label or 0)}"
    what = "means of p(x | z)" if run.has_prior else "decoded codes"
    of = "the prior" if run.has_prior else "a Gaussian fitted to the codes"
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
        told=told,
    )


def interpolation(
    run: Trained, a: Sequence[int] = (), b: Sequence[int] = (), steps: int = STEPS
) -> "Axes":
    """Strips from test examples a to test examples b; by default from some to others."""
    if not a:
        rng = np.random.default_rng(run.seed)
        a, b = run.pick(None, STRIPS, rng), run.pick(None, STRIPS, rng)
    (x_a, y_a), (x_b, y_b) = run.take(list(a)), run.take(list(b))
    z = line(run.encode(x_a, y_a), run.encode(x_b, y_b), steps)
    code = "mu" if run.has_prior else "code"
    told = f"between the test examples A and B: decoded from (1 - t) {code}(A) + t {code}(B)"
    y: Array | None = None
    if y_a:
        y = line(run.device.to_host(y_a[0]), run.device.to_host(y_b[0]), steps)
        told += ", the label mixed likewise"
    return figures.interpolation(
        run.decode(z, y),
        run.form,
        ends=(run.seen(x_a), run.seen(x_b)),
        names=[
            f"{run.example_name(i)[:12]} → {run.example_name(j)[:12]}"
            for i, j in zip(a, b, strict=True)
        ],
        told=told,
    )


def traversals(
    run: Trained, index: int = 0, latents: int = MOST_LATENTS, steps: int = STEPS
) -> "Axes":
    """What each latent changes in a test example, ordered by KL."""
    codes, (x, y) = run.codes, run.take([index])
    order, values = codes.order[:latents], np.linspace(-REACH, REACH, steps)
    if codes.kl is not None:
        places, names = values, [f"z {i + 1}: {codes.kl[i]:.2f} nats" for i in order]
        unit = PRIOR
    else:
        std = np.sqrt(codes.variance)
        places = codes.mu.mean(axis=0)[order, None] + values * std[order, None]
        names = [f"z {i + 1}: std {std[i]:.3g}" for i in order]
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
        told=f"test example {index}{label} with one latent changed at a time: {which}",
    )
