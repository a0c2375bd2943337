"""What the CPU benchmark writes: Markdown tables, verdicts and a picture, and the machine."""

import os
import platform
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from turns import cores

IDLE = 0.2  # load average, above which the machine is not idle


class Report:
    """A Markdown file that grows, and is printed as it grows, with a picture beside it.

    Parameters
    ----------
    folder : Path
    name : str
        The name of the table, and of both files.
    about : list of str
        What stands at its beginning.
    """

    def __init__(self, folder: Path, name: str, about: list[str]) -> None:
        self.file, self.name = folder / f"{name}.md", name
        self.verdicts: list[bool] = []
        self.file.write_text("", "utf-8")
        self.text(f"# {name}")
        for line in about:
            self.text(line)

    def text(self, text: str) -> None:
        """Add a paragraph."""
        print(text + "\n", flush=True)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(text + "\n\n")

    def heading(self, text: str) -> None:
        """Add a heading."""
        self.text(f"## {text}")

    def table(self, head: list[str], rows: list[list[str]]) -> None:
        """Add a table whose first column holds names, and the others numbers."""
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
        widths = [max(len(row[i]) for row in lines) for i in range(len(head))]
        self.text("\n".join("| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in lines))

    def verdict(self, about: str, target: str, met: bool) -> None:
        """Add a measurement with its target."""
        self.verdicts.append(met)
        self.text(f"{'PASS' if met else 'FAIL'}: {about}; target: {target}")

    def at_least(self, about: str, ratios: list[float], target: float) -> None:
        """Add ratios, and whether their median reaches the target."""
        self.verdict(f"{about} = {spread(ratios)}", f"at least {target}", median(ratios) >= target)

    def plot(self, draw: Callable[[Any], None]) -> None:
        """Write the picture that `draw` draws on a figure."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4.5), layout="constrained")
        draw(figure)
        figure.savefig(self.file.with_suffix(".png"), dpi=150)
        self.text(f"![{self.name}]({self.name}.png)")

    def close(self) -> bool:
        """Print where the report is, and return whether all targets were met."""
        print(f"written to {self.file}\n", flush=True)
        return all(self.verdicts)


def quartiles(values: list[float], form: str = ".3f") -> str:
    """Return the first and third quartile as text."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    return f"{low:{form}} to {high:{form}}"


def spread(values: list[float], form: str = ".2f") -> str:
    """Return the median and the quartiles as text; the value alone if there is one."""
    middle = f"{median(values):{form}}"
    return middle if len(values) < 2 else f"{middle} ({quartiles(values, form)})"


def machine() -> str:
    """Return the date, the processor, its load, the system and Python's version."""
    load = f"load average {os.getloadavg()[0]:.2f}, " if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{date.today()}: {processor()}, {cores()} cores, {load}{system}"


def processor() -> str:
    """Return the name of the processor, and the widest of its vector instructions."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    vectors = [name for name in ("avx512f", "avx2") if name in fields.get("flags", "").split()]
    return " ".join([fields.get("model name", platform.machine()), *vectors[:1]])


def warn_if_busy() -> None:
    """Print the load average, and a warning if the machine is not idle."""
    if not hasattr(os, "getloadavg"):
        print("load average: unknown here; make sure that the machine is idle\n")
        return
    load = os.getloadavg()[0]
    print(f"load average over the last minute: {load:.2f}\n")
    if load > IDLE:
        print("WARNING: the machine is not idle, so do not trust the times below.\n", flush=True)
