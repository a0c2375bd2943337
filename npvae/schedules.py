"""Schedules of beta and of the learning rate, and early stopping."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Any, Protocol

from npvae.errors import InputError, require_whole
from npvae.optimizers import require_rate


class Schedule(Protocol):
    """A quantity that changes during training: a function of the number of epochs done."""

    def __call__(self, t: float, /) -> float:
        """Return the value after t epochs; t is fractional within an epoch."""


@dataclass(frozen=True)
class WarmUp:
    """Raise beta linearly from 0 to its final value over the first epochs.

    beta(t) = end min(1, t / epochs)

    While the KL divergence costs little, the decoder learns to use z.

    Parameters
    ----------
    epochs : float
        Length of the warm-up, above 0.
    end : float
        Final beta, 0 or above.

    Raises
    ------
    InputError
        If an argument is out of range.

    References
    ----------
    Bowman et al. 2015, arXiv:1511.06349; Sønderby et al. 2016, arXiv:1602.02282.

    >>> [WarmUp(epochs=10)(t) for t in (0, 5, 20)]
    [0.0, 0.5, 1.0]
    """

    epochs: float
    end: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.epochs < float("inf") and 0 <= self.end < float("inf")):
            raise InputError(
                f"{self}: choose epochs above 0, and an end (the final beta) of 0 or above"
            )

    def __call__(self, t: float) -> float:
        return self.end * min(1.0, t / self.epochs)


@dataclass(frozen=True)
class Stages:
    """Lower the learning rate in eight stages of 1, 3, 9, ..., 3^7 epochs.

    lr(i) = lr 10^(-i / 7) in stage i = 0 .. 7

    Each rate is 10^(-1/7) = 0.72 times the one before, and the last is lr / 10. The stages take
    3,280 epochs in all; after that the rate stays the same.

    Parameters
    ----------
    lr : float
        Initial learning rate, above 0.

    Raises
    ------
    InputError
        If `lr` is not positive.

    References
    ----------
    Burda, Grosse & Salakhutdinov 2015, arXiv:1509.00519, section 5.

    >>> [round(Stages(1e-3)(t), 6) for t in (0, 1, 3.9, 4)]
    [0.001, 0.00072, 0.00072, 0.000518]
    """

    lr: float
    LAST = 7

    def __post_init__(self) -> None:
        require_rate(self.lr)

    def __call__(self, t: float) -> float:
        stage, end = 0, 1
        while t >= end and stage < self.LAST:
            stage += 1
            end += 3**stage
        return self.lr * 10 ** (-stage / 7)


@dataclass(frozen=True)
class Cosine:
    """Lower the learning rate from lr to zero along half a cosine.

    lr(t) = lr (1 + cos(pi t / epochs)) / 2

    Parameters
    ----------
    lr : float
        Initial learning rate, above 0.
    epochs : float
        Number of epochs until the rate is zero, above 0; it then stays zero.

    Raises
    ------
    InputError
        If an argument is not positive.

    References
    ----------
    Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.

    >>> round(Cosine(1e-3, epochs=10)(5), 6)
    0.0005
    """

    lr: float
    epochs: float

    def __post_init__(self) -> None:
        require_rate(self.lr)
        if not 0 < self.epochs < float("inf"):
            raise InputError(f"{self}: choose epochs above 0, over which the rate falls to zero")

    def __call__(self, t: float) -> float:
        return self.lr * (1 + cos(pi * min(1.0, t / self.epochs))) / 2


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation bound has not improved for a number of epochs.

    Parameters
    ----------
    patience : int
        Number of epochs without a new best after which training stops, at least 1.
    after : int
        Number of epochs at the start that do not count, such as those of a warm-up.

    Raises
    ------
    InputError
        If an argument is out of range.

    >>> stop = EarlyStopping(patience=2)
    >>> stop.best([-9.0, -7.0, -8.0]), stop.is_over([-9.0, -7.0, -8.0, -8.0])
    (2, True)
    """

    patience: int
    after: int = 0

    def __post_init__(self) -> None:
        require_whole("patience", self.patience)
        require_whole("after", self.after, least=0)

    def best(self, bounds: Sequence[float]) -> int:
        """Return the epoch with the highest bound, counted from 1; 0 if none counts yet.

        Parameters
        ----------
        bounds : sequence of float
            Validation bound of each epoch so far, in nats per example; higher is better.
        """
        counted = bounds[self.after :]
        return self.after + 1 + counted.index(max(counted)) if counted else 0

    def is_over(self, bounds: Sequence[float]) -> bool:
        """Whether `patience` epochs have passed without a new best."""
        return len(bounds) - max(self.best(bounds), self.after) >= self.patience


def require_schedules(model: Any, lr: Schedule | None, beta: Schedule | None) -> None:
    """Raise `InputError` for what is not a schedule, or a beta that the loss does not have."""
    for name, one, instead in (("lr", lr, "optimizer=Adam(...)"), ("beta", beta, "VAE(beta=...)")):
        if one is not None and not callable(one):
            raise InputError(
                f"{name} is {one!r:.60}, expected a schedule such as Cosine or WarmUp; set a "
                f"constant with {instead}"
            )
    has_beta = "beta" in getattr(model, "options", ("beta",)) and hasattr(model, "beta")
    if beta is not None and not has_beta:
        raise InputError(
            f"the loss of {type(model).__name__} has no weight beta of the KL divergence; leave "
            "out the schedule of beta"
        )
