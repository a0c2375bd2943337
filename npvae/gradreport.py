"""The report of a gradient check: a row for each array, and a verdict."""

from dataclasses import dataclass

MOST_SKIPPED = 0.05  # largest share of probes that may fall on a kink


@dataclass(frozen=True)
class Probe:
    """One comparison of the hand-written with the numeric gradient along a direction.

    Attributes
    ----------
    where : str
        The coordinate, such as "[3, 0]", or "a random direction".
    analytic, numeric : float
        Directional derivative by hand, and by finite differences.
    error : float
        Relative error, as defined in `npvae.check`.
    """

    where: str
    analytic: float
    numeric: float
    error: float


@dataclass(frozen=True)
class Row:
    """The result for one array.

    Attributes
    ----------
    name : str
        Name of the array, such as "encoder.0.W".
    shape : tuple of int
    worst : Probe
        The probe with the largest error.
    checked, skipped : int
        Number of probes that were compared, and that fell on a kink.
    """

    name: str
    shape: tuple[int, ...]
    worst: Probe
    checked: int
    skipped: int

    def ok(self, tolerance: float) -> bool:
        """Whether every probe agrees, and there is at least one."""
        return self.worst.error < tolerance


@dataclass(frozen=True, repr=False)
class Report:
    """The result of `npvae.check`. It is true if every gradient is right, and prints as a table.

    Attributes
    ----------
    subject : str
        Name of what was checked.
    rows : tuple of Row
        One row per array.
    tolerance : float
        Largest relative error that passes.
    unchecked : tuple of str
        Names of the arrays that the forward pass uses and that have no gradient to check.
    """

    subject: str
    rows: tuple[Row, ...]
    tolerance: float
    unchecked: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every array was checked and passes, and few enough probes fell on a kink."""
        return self._all_agree and not self.too_many_skipped and not self.unchecked

    @property
    def _all_agree(self) -> bool:
        return all(row.ok(self.tolerance) for row in self.rows)

    def __bool__(self) -> bool:
        """Return `ok`, so that `assert check(...)` fails on a wrong gradient."""
        return self.ok

    @property
    def too_many_skipped(self) -> bool:
        """Whether more than 5 % of all probes, and more than one, fell on a kink.

        The check is then inconclusive. A single skipped probe is always allowed.
        """
        skipped = sum(row.skipped for row in self.rows)
        probes = skipped + sum(row.checked for row in self.rows)
        return skipped > max(1, MOST_SKIPPED * probes)

    @property
    def error(self) -> float:
        """Largest relative error of all probes."""
        return max(row.worst.error for row in self.rows)

    def __repr__(self) -> str:
        widths = "{:<24} {:<12} {:>7} {:>7}  {:<20} {:>13} {:>13} {:>8}  {}"
        head = widths.format(
            "array", "shape", "checked", "skipped", "worst at", "by hand", "numeric", "error", ""
        )
        lines = [
            widths.format(
                row.name,
                "x".join(map(str, row.shape)) or "scalar",
                row.checked,
                row.skipped,
                row.worst.where,
                f"{row.worst.analytic:.6g}",
                f"{row.worst.numeric:.6g}",
                f"{row.worst.error:.1e}",
                "ok" if row.ok(self.tolerance) else "WRONG",
            ).rstrip()
            for row in self.rows
        ]
        verdict = "all agree" if self._all_agree else "the gradient is WRONG"
        if self.too_many_skipped:
            verdict = "inconclusive, too many probes fell on a kink"
        elif self.unchecked:
            if self._all_agree:
                verdict = f"{', '.join(row.name for row in self.rows)} checked"
            verdict += f"; NOT CHECKED: {', '.join(self.unchecked)}"
        title = f"{self.subject}: {verdict} (tolerance {self.tolerance:g})"
        notes = [
            f"{name}: not checked, because there is no d{name.rpartition('.')[2]} of the same "
            "shape beside it; make a constant read-only with setflags(write=False)"
            for name in self.unchecked
        ]
        return "\n".join([title, *notes, head.rstrip(), *lines])
