"""The style that all pictures share: colours, fonts and sizes; new figures and their panels."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from npvae.errors import InputError
from npvae.parameters import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 6.0  # inches: a column of print
MOST_MARKERS = 40  # a curve of more points has no markers
LARGEST = 1e30  # larger numbers are clipped, because matplotlib fails on them
INK, DARK_INK, DARK_PAPER = "#222222", "#dddddd", "#16191d"
FAINT = "#8a8a8a"  # visible on white and on dark paper
# Okabe & Ito 2008: distinct for colour-blind readers, and by their lightness in grey print
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
LINES = (BLUE, ORANGE, GREEN, PURPLE)
# ten colours for points, found by a search: the smallest distance of two is as large as possible,
# for all readers and for colour-blind ones, and all are visible on white and on dark paper
POINTS = (
    *("#0fd2ff", "#b4000f", "#4b00ff", "#c3c32d", "#9600a5"),
    *("#00a500", "#f096a5", "#9678ff", "#ff0fb4", "#697878"),
)
STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.facecolor": "white",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.facecolor": "white",
    "font.size": 9,
    "grid.alpha": 0.4,
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "image.interpolation": "nearest",
    "legend.frameon": False,
    "lines.markersize": 3.5,
    "savefig.facecolor": "auto",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


# control characters, which XML does not allow; and those that change the reading direction
UNREADABLE = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
BLANK = re.compile(r"[\t\n\r]")
_OFF_SCREEN = ContextVar("off screen", default=False)


@contextmanager
def off_screen() -> Iterator[None]:
    """Make figures that are unknown to pyplot while the block runs: for files only."""
    token = _OFF_SCREEN.set(True)
    try:
        yield
    finally:
        _OFF_SCREEN.reset(token)


@contextmanager
def drawing(ax: "Axes | None", width: float = WIDTH, height: float = 4.0) -> Iterator["Axes"]:
    """Give the axes to draw in: `ax`, in the caller's style, or those of a new figure in npvae's.

    Parameters
    ----------
    width, height : of the new figure, in inches

    Raises
    ------
    InputError : if `ax` is not a single matplotlib Axes
    """
    from matplotlib.axes import Axes

    if not (ax is None or isinstance(ax, Axes)):
        raise InputError(f"ax is of type {type(ax).__name__}; pass one Axes, such as axes[0, 0]")
    if ax is not None:
        yield ax
        return
    if not _OFF_SCREEN.get():
        import matplotlib.pyplot as plt

        # Load pyplot's backend before the style: in a notebook that switches `interactive` on, and
        # the end of the style's context would switch it off again.
        plt.draw_if_interactive()  # type: ignore[no-untyped-call]
    with own_style():
        yield _new_figure(width, height).subplots()


@contextmanager
def own_style(**others: Any) -> Iterator[None]:
    """Use npvae's style while the block runs, and restore the settings afterwards.

    Settings that STYLE does not name have matplotlib's defaults, whatever a matplotlibrc says, so
    that `text.usetex`, for instance, does not require LaTeX. Backend and `interactive` are kept.
    """
    from matplotlib import style

    with style.context(["default", STYLE | others]):
        yield


def _new_figure(width: float, height: float) -> "Figure":
    """Return a figure that `plt.show()` shows or, in a block of `off_screen`, one for a file."""
    if _OFF_SCREEN.get():
        from matplotlib.figure import Figure

        return Figure(figsize=(width, height), layout="constrained")
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def panels(ax: "Axes", rows: int, columns: int) -> list["Axes"]:
    """Divide an axes into panels and return them row by row; of the axes only its title stays.

    >>> from matplotlib.figure import Figure
    >>> [len(panels(Figure().subplots(), 2, n)) for n in (1, 3)]
    [2, 6]
    """
    places = [(i, j) for i in range(rows) for j in range(columns)]
    ax.set_axis_off()
    spec, figure = ax.get_subplotspec(), ax.figure
    if spec is None:  # the axes has a position of its own, and is in no grid
        wide, high = 1 / columns, 1 / rows
        return [
            ax.inset_axes((j * wide, 1 - (i + 0.8) * high, 0.75 * wide, 0.65 * high))
            for i, j in places
        ]
    halves = spec.subgridspec(2, 1, height_ratios=(1e-3, 1))
    ax.set_subplotspec(halves[0])
    grid = halves[1].subgridspec(rows, columns)
    return [figure.add_subplot(grid[place]) for place in places]


def drawable(numbers: Any) -> Array:
    """Return numbers as float64, clipped to those that matplotlib can draw."""
    return np.clip(np.asarray(numbers, np.float64), -LARGEST, LARGEST)


def title(ax: "Axes", text: str, **look: Any) -> None:
    """Write a title, in lines that fit; a dollar sign is shown as it is, and starts no formula."""
    inches = ax.get_window_extent().width / ax.figure.dpi
    points = 153  # of characters per inch, in a font of one point
    if len(ax.figure.axes) == 1:
        points = 180  # the layout will widen the axes
    wide = max(20, round(points / float(ax.title.get_fontsize()) * inches))
    ax.set_title(fill(one_line(text), wide), loc="left", parse_math=False, **look)


def number(value: float, digits: int) -> str:
    """Return a number with a true minus sign, and never as minus zero.

    >>> number(-1.25, 1), number(-0.01, 1)
    ('−1.2', '0.0')
    """
    text = f"{value:.{digits}f}"
    return text.replace("-", "" if float(text) == 0 else "−")


def tick_names(values: Array, most: int = 9) -> list[str]:
    """Return numbers as the labels of ticks, with equal digits; of many, only some in equal steps.

    >>> tick_names(np.array([-1.834, 0.0, 1.834])), tick_names(np.array([120.0, 15.25]))
    (['−1.8', '0.0', '1.8'], ['120', '15'])
    """
    largest = float(np.abs(values).max())
    digits = min(9, max(0, 1 - int(np.floor(np.log10(largest))))) if largest > 0 else 0
    step = -(-len(values) // most)
    start = (len(values) - 1) % step // 2
    return [number(v, digits) if i % step == start else "" for i, v in enumerate(values.tolist())]


def label_name(classes: Sequence[str], label: int) -> str:
    """Return the name of a label, or its number where it has none."""
    return one_line(classes[label]) if label < len(classes) else str(label)


def one_line(text: str) -> str:
    r"""Return text as one line that any picture can hold.

    Line breaks and tabs become spaces, and each unprintable character a replacement mark.

    >>> one_line("a\tb\x1b[31m")
    'a b�[31m'
    """
    return UNREADABLE.sub("\ufffd", BLANK.sub(" ", text))


def shortened(name: str, n: int) -> str:
    """Return a name in at most n characters: its beginning and its end, where names differ.

    >>> shortened("measurement number 17", 12)
    'measure…r 17'
    """
    name = one_line(name)
    return name if len(name) <= n else f"{name[: n - n // 3 - 1]}…{name[-(n // 3) :]}"


def distinct(names: Iterable[str], n: int) -> list[str]:
    """Return names in at most n characters; of names that would look alike, what differs.

    >>> distinct(["petal length in cm", "petal width in cm"], 12)
    ['petal l…n cm', 'petal w…n cm']
    >>> distinct(["the class A of my data", "the class B of my data"], 12)
    ['…A…', '…B…']
    """
    names = [one_line(name) for name in names]
    short = [shortened(name, n) for name in names]
    if len(set(short)) == len(set(names)):
        return short
    words = [re.findall(r"[^\W_]+|[\W_]+", name) for name in names]
    start = _shared(words)
    end = _shared([parts[start:][::-1] for parts in words])
    marks = "…" * (start > 0), "…" * (end > 0)
    return [
        shortened("".join(parts[start : len(parts) - end]), n - 2).join(marks) for parts in words
    ]


def _shared(rows: Sequence[Sequence[str]]) -> int:
    """Return how many words all rows begin with."""
    columns = enumerate(zip(*rows, strict=False))
    return next((i for i, column in columns if len(set(column)) > 1), min(map(len, rows)))


def no_frame(ax: "Axes") -> None:
    """Remove spines, ticks and grid; the labels of the ticks stay."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.grid(visible=False)


def say_instead(ax: "Axes", text: str) -> None:
    """Write in an empty panel why it is empty."""
    no_frame(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, fill(text, 24), ha="center", va="center", transform=ax.transAxes, color=FAINT)
