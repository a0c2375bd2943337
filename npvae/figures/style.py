"""The one style of all pictures: colours, letters, sizes, and where they are drawn."""

import re
from collections.abc import Iterator, Sequence
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
MOST_MARKERS = 40  # points of a curve that are marked one by one
LARGEST = 1e30  # number that is drawn; matplotlib's own limit is not far beyond
INK, DARK_INK, DARK_PAPER = "#222222", "#dddddd", "#16191d"
FAINT = "#8a8a8a"  # seen on white and on dark paper
# Okabe & Ito 2008: told apart by all eyes, and by their lightness in grey print
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
LINES = (BLUE, ORANGE, GREEN, PURPLE)
# Petroff 2021, arXiv:2107.02270: ten colours for points, found with models of colour-blind eyes
POINTS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
STYLE: dict[Any, Any] = {
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


# what no letter is drawn for, and what XML does not allow; and what turns the reading direction
UNREADABLE = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
BLANK = re.compile(r"[\t\n\r]")
_OFF_SCREEN = ContextVar("off screen", default=False)


@contextmanager
def off_screen() -> Iterator[None]:
    """Let figures be made, while the block runs, that pyplot knows nothing of: for files alone."""
    token = _OFF_SCREEN.set(True)
    try:
        yield
    finally:
        _OFF_SCREEN.reset(token)


@contextmanager
def drawing(ax: "Axes | None", width: float = WIDTH, height: float = 4.0) -> Iterator["Axes"]:
    """Give a place to draw: `ax`, in its owner's style, or in npvae's the axes of a new figure.

    Parameters
    ----------
    width, height : of the new figure, in inches

    Raises
    ------
    InputError : if `ax` is no axes, but a figure or an array of them
    """
    from matplotlib.axes import Axes

    if not (ax is None or isinstance(ax, Axes)):
        raise InputError(f"ax is of type {type(ax).__name__}; give one axes, such as axes[0, 0]")
    if ax is not None:
        yield ax
        return
    if not _OFF_SCREEN.get():
        import matplotlib.pyplot as plt

        # Loads pyplot's backend now: in a notebook that switches `interactive` on, which a context
        # of settings would switch off again at its end.
        plt.draw_if_interactive()  # type: ignore[no-untyped-call]
    with own_style():
        yield _new_figure(width, height).subplots()


@contextmanager
def own_style(**others: Any) -> Iterator[None]:
    """Use npvae's style while the block runs, whatever a matplotlibrc says, and put all back.

    What STYLE does not name is as matplotlib has it by default, so that `text.usetex`, for
    instance, does not need LaTeX. Backend and `interactive` are left alone.
    """
    from matplotlib import style

    with style.context(["default", STYLE | others]):
        yield


def _new_figure(width: float, height: float) -> "Figure":
    """Return a figure that `plt.show()` shows, or one for a file."""
    if _OFF_SCREEN.get():
        from matplotlib.figure import Figure

        return Figure(figsize=(width, height), layout="constrained")
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def panels(ax: "Axes", rows: int, columns: int) -> list["Axes"]:
    """Divide the place of an axes, of which only the title stays, and return the parts row by row.

    >>> from matplotlib.figure import Figure
    >>> [len(panels(Figure().subplots(), 2, n)) for n in (1, 3)]
    [2, 6]
    """
    places = [(i, j) for i in range(rows) for j in range(columns)]
    ax.set_axis_off()
    spec, figure = ax.get_subplotspec(), ax.figure
    if spec is None:  # an axes that was placed by hand
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
    """Return numbers as float64, none beyond what can be drawn."""
    return np.clip(np.asarray(numbers, np.float64), -LARGEST, LARGEST)


def title(ax: "Axes", text: str) -> None:
    """Write what a picture shows above it, in lines that fit; a dollar is a dollar."""
    inches = ax.get_window_extent().width / ax.figure.dpi
    points = 180 if len(ax.figure.axes) == 1 else 153  # of letters an inch; alone it will grow
    an_inch = points / float(ax.title.get_fontsize())
    text = one_line(text)
    ax.set_title(fill(text, max(20, round(an_inch * inches))), loc="left", parse_math=False)


def label_name(classes: Sequence[str], label: int) -> str:
    """Return the name of a label, or its number where it has none."""
    return one_line(classes[label]) if label < len(classes) else str(label)


def one_line(text: str) -> str:
    r"""Return text as one line that any picture can hold.

    Blanks take the place of line breaks and tabs, a mark that of each character that has no letter.

    >>> one_line("a\tb\x1b[31m")
    'a b�[31m'
    """
    return UNREADABLE.sub("\ufffd", BLANK.sub(" ", text))


def shortened(name: str, n: int) -> str:
    """Return a name in n letters at most: its beginning and its end, where names differ.

    >>> shortened("measurement number 17", 12)
    'measure…r 17'
    """
    name = one_line(name)
    return name if len(name) <= n else f"{name[: n - n // 3 - 1]}…{name[-(n // 3) :]}"


def no_frame(ax: "Axes") -> None:
    """Take spines, ticks and grid away; the labels of ticks stay."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.grid(visible=False)


def say_instead(ax: "Axes", text: str) -> None:
    """Write why there is nothing to see."""
    no_frame(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(0.5, 0.5, fill(text, 24), ha="center", va="center", transform=ax.transAxes, color=FAINT)
