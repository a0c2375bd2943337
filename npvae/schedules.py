"""What changes while a training goes on: beta, the learning rate; and when to stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from typing import Any, Protocol

from npvae.errors import InputError, require_whole
from npvae.optimizers import require_rate


class Schedule(Protocol):
    """A number for every moment of a training."""

    def __call__(self, t: float, /) -> float:
        """Return it after t epochs, of which a part may count."""


@dataclass(frozen=True)
class WarmUp:
    """beta rising in a straight line from 0 to its end over the first epochs, and staying there.

    beta(t) = end min(1, t / epochs)

    At first z costs nothing, so that the decoder learns to use it before the KL is paid for.

    Parameters
    ----------
    epochs : above 0
    end : the last beta

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
                f"{self}: a warm-up takes some epochs, above 0, and ends at a beta of 0 or more"
            )

    def __call__(self, t: float) -> float:
        return self.end * min(1.0, t / self.epochs)


@dataclass(frozen=True)
class Stages:
    """A learning rate for 1, 3, 9, ..., 3^7 epochs, each a seventh of a decade below the last.

    lr 10^(-i / 7) in stage i = 0 .. 7, which takes 3^i epochs: 3,280 in all; then it stays.

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
    """A learning rate that falls from lr to zero along half a cosine.

    lr(t) = lr (1 + cos(pi t / epochs)) / 2

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
            raise InputError(f"{self}: the rate falls over some epochs, above 0")

    def __call__(self, t: float) -> float:
        return self.lr * (1 + cos(pi * min(1.0, t / self.epochs))) / 2


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the bound on the validation part has not risen for some epochs.

    Parameters
    ----------
    patience : epochs without a new best, at least 1
    after : epochs at the start that do not count, those of a warm-up for instance

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
        """Return the epoch, from 1, whose bound is the highest; 0 before one counts."""
        counted = bounds[self.after :]
        return self.after + 1 + counted.index(max(counted)) if counted else 0

    def is_over(self, bounds: Sequence[float]) -> bool:
        """Whether the training has gone on for long enough without a new best."""
        return len(bounds) - max(self.best(bounds), self.after) >= self.patience


def require_schedules(model: Any, lr: Schedule | None, beta: Schedule | None) -> None:
    """Refuse what is no schedule, and one of a weight that the model's loss does not have."""
    for name, one, instead in (("lr", lr, "optimizer=Adam"), ("beta", beta, "VAE(beta=...), not")):
        if one is not None and not callable(one):
            raise InputError(
                f"{name} is {one!r:.60}, expected a schedule such as Cosine or WarmUp; a number "
                f"that stays is given with {instead}"
            )
    has_beta = "beta" in getattr(model, "options", ("beta",)) and hasattr(model, "beta")
    if beta is not None and not has_beta:
        raise InputError(
            f"beta weighs the KL of a VAE's ELBO, and the loss of {type(model).__name__} has no "
            "such weight; leave the schedule out"
        )
