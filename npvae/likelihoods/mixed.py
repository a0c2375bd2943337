"""Features of several kinds: the likelihood of a table with numbers and categories."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from npvae.errors import InputError
from npvae.likelihoods.categorical import Categorical, require_groups
from npvae.likelihoods.likelihood import Likelihood
from npvae.likelihoods.normal import Gaussian
from npvae.parameters import Array


class Mixed(Likelihood):
    """Parts of the features, each with a likelihood of its own.

    log p(x | z) = sum over the parts of log p(x of the part | z)

    Given z, the parts are independent. The gradient with respect to the outputs of a part is
    therefore that of its own likelihood.

    Parameters
    ----------
    parts : sequence of (Likelihood, sequence of slice)
        Each likelihood with the places of its features in x, such as `slice(0, 3)`. A part sees
        its features side by side. Together the places are all features, each once.

    Raises
    ------
    InputError
        If the places overlap, leave a gap, or do not begin at 0.

    Notes
    -----
    `make_likelihood("mixed", ...)` makes it for a table, with a Gaussian part for the columns of
    numbers and a categorical part for the text columns; see `with_options`.

    >>> number_and_die = Mixed([(Gaussian(1), [slice(0, 1)]), (Categorical(), [slice(1, 7)])])
    >>> x = np.array([[0.0, 0, 0, 1, 0, 0, 0]])
    >>> number_and_die.log_prob(np.zeros((1, 7)), x).round(4)  # -log(2 pi) / 2 - log 6
    array([-2.7107])
    """

    grouped = True
    default_sigma = Gaussian.default_sigma
    sigmas = Gaussian.sigmas

    @classmethod
    def with_options(cls, sigma: float | str, groups: Sequence[int] = ()) -> "Mixed":
        """Return a Gaussian part for the columns of numbers, and a categorical one for the others.

        Parameters
        ----------
        sigma : float or str
            As for `Gaussian.with_options`.
        groups : sequence of int
            The number of categories of each column, 0 for a column of numbers.

        >>> Mixed.with_options(0.5, groups=(0, 0, 3, 0)).places
        ((slice(0, 2, None), slice(5, 6, None)), (slice(2, 5, None),))
        """
        require_groups(groups, least=0)
        if not groups:
            raise InputError(
                "the mixed likelihood needs groups: the number of categories of each column, 0 for "
                "a column of numbers"
            )
        places: dict[bool, list[slice]] = {False: [], True: []}
        stop = 0
        for are_categories, sizes in groupby(groups, key=bool):
            start, stop = stop, stop + sum(max(1, size) for size in sizes)
            places[are_categories].append(slice(start, stop))
        numbers = Gaussian.with_options(sigma), places[False]
        categories = Categorical(list(filter(None, groups))), places[True]
        return cls([part for part in (numbers, categories) if part[1]])

    def __init__(self, parts: Sequence[tuple[Likelihood, Sequence[slice]]]) -> None:
        self.parts = tuple(likelihood for likelihood, _ in parts)
        self.places = tuple(tuple(places) for _, places in parts)
        self.n_x, self.back = _way_back([place for places in self.places for place in places])
        self.closed_form = any(part.closed_form for part in self.parts)

    def loss_and_grad(self, outputs: Array, x: Array) -> tuple[Array, Array]:
        """Return -log p(x | z) in nats per example (batch mean), and its gradient dloss/doutputs.

        Parameters
        ----------
        outputs, x : (B, n_x) float arrays

        Returns
        -------
        loss : 0-d float
        doutputs : (B, n_x) float array
        """
        found = [part.loss_and_grad(a, x_of) for part, a, x_of in self._own(outputs, x)]
        return sum(loss for loss, _ in found), self._joined([da for _, da in found])

    def log_prob(self, outputs: Array, x: Array) -> Array:
        """Return log p(x | z) in nats, (B,) or (B, k), for outputs (B, n_x) or (B, k, n_x)."""
        return sum(part.log_prob(a, x_of) for part, a, x_of in self._own(outputs, x))

    def backward(self, dlog_px: Array) -> Array:
        """Return the gradient with respect to the outputs, for dlog_px (B,) or (B, k)."""
        return self._joined([part.backward(dlog_px) for part in self.parts])

    def nats_by_feature(self, outputs: Array, x: Array) -> Array:
        """Return -log p(x_i | z) of each feature, in nats, (B, n_x)."""
        return self._joined(
            [part.nats_by_feature(a, x_of) for part, a, x_of in self._own(outputs, x)]
        )

    def mean(self, outputs: Array) -> Array:
        """Return E[x | z], (B, n_x)."""
        return self._joined([part.mean(a) for part, a in self._own(outputs)])

    def link(self, mean: Array) -> Array:
        """Return the outputs for which E[x | z] is `mean`."""
        return self._joined([part.link(m) for part, m in self._own(mean)])

    def draw(self, outputs: Array, rng: np.random.Generator) -> Array:
        """Return a sample of x, (B, n_x), drawn part by part."""
        return self._joined([part.draw(a, rng) for part, a in self._own(outputs)])

    def start_at_variance(self, var: Array) -> None:
        """Let each part start at the variances of its own features, of var (n_x,)."""
        for part, var_of in self._own(var):
            part.start_at_variance(var_of)

    def fine_print(self) -> dict[str, str]:
        """Return the notes of all parts."""
        return {subject: note for part in self.parts for subject, note in part.fine_print().items()}

    def _own(self, *arrays: Array) -> Iterator[list[Any]]:
        """Yield each part with its own features, (..., n), of each array (..., n_x)."""
        for part, places in zip(self.parts, self.places, strict=True):
            yield [part, *(_taken(a, places) for a in arrays)]

    def _joined(self, arrays: list[Array]) -> Array:
        """Return the features of all parts in the order of x, (..., n_x)."""
        return _taken(np.concatenate(arrays, axis=-1), self.back)


def _taken(a: Array, places: Sequence[slice]) -> Array:
    """Return the features, (..., n), at these places side by side."""
    return np.concatenate([a[..., place] for place in places], axis=-1)


def _way_back(places: Sequence[slice]) -> tuple[int, tuple[slice, ...]]:
    """Return the number of features, and the places that undo `_taken` with the given ones.

    >>> _way_back([slice(0, 2), slice(5, 6), slice(2, 5)])
    (6, (slice(0, 2, None), slice(3, 6, None), slice(2, 3, None)))
    """
    moved, stop = [], 0
    for place in places:
        start, stop = stop, stop + place.stop - place.start
        moved.append((place.start, slice(start, stop)))
    moved.sort(key=lambda pair: pair[0])
    ends = [first + own.stop - own.start for first, own in moved]
    if [first for first, _ in moved] != [0, *ends[:-1]]:
        raise InputError(
            f"the places of the parts are {list(places)!s:.200}; expected slices that together are "
            "all features from 0 on, each once"
        )
    return stop, tuple(own for _, own in moved)
