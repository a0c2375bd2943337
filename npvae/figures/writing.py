"""A picture as a file: whole or not at all, for white paper and for a dark screen."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.errors import InputError
from npvae.figures.style import DARK_INK, DARK_PAPER, INK, own_style
from npvae.storage.atomic import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DPI = 160


def save(drawn: "Axes | Figure", path: str | Path) -> None:
    """Write a figure, whole or not at all; the same picture of the same numbers: the same bytes.

    Parameters
    ----------
    drawn : the figure, or any axes of it
    path : ends in .png, .svg or .pdf
    """
    path = Path(path)
    format = path.suffix.lower().lstrip(".")
    if format not in FORMATS:
        raise InputError(f"{path}: give a name that ends in .{', .'.join(FORMATS)}")
    content = picture_bytes(drawn, format)
    with write_whole(path) as file:
        file.write(content)


def picture_bytes(drawn: "Axes | Figure", format: str = "png", *, dark: bool = False) -> bytes:
    """Return a figure as the content of a file, cropped to what is drawn.

    Parameters
    ----------
    drawn : the figure, or any axes of it
    format : png, svg or pdf
    dark : whether to swap ink and paper first; they stay swapped
    """
    nothing = {
        "png": {"Software": None},
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    figure: Any = drawn.figure.figure  # of a figure, itself
    if dark:
        _swap_ink(figure)
    file = BytesIO()
    with own_style(**{"svg.hashsalt": "npvae"}), warnings.catch_warnings():
        # a letter that the font lacks is drawn as an empty box
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(
            file,
            format=format,
            dpi=DPI,
            bbox_inches="tight",
            pad_inches=0.08,
            metadata=nothing[format],
        )
    return file.getvalue()


def _swap_ink(figure: "Figure") -> None:
    """Turn black on white into white on black; colours stay."""
    from matplotlib.axes import Axes
    from matplotlib.colors import same_color

    figure.set_facecolor(DARK_PAPER)
    for ax in figure.findobj(Axes):
        ax.set_facecolor(DARK_PAPER)
        ax.tick_params(colors=DARK_INK)
    for artist in figure.findobj():
        for of in ("color", "edgecolor"):
            get, set_ = getattr(artist, f"get_{of}", None), getattr(artist, f"set_{of}", None)
            if get is None or set_ is None:
                continue
            colour = get()
            dark = (same_color(colour, ink) for ink in (INK, "black"))
            if isinstance(colour, str | tuple) and any(dark):
                set_(DARK_INK)
