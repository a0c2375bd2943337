"""Figures as files: written completely or not at all, for white paper and for a dark screen."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae.errors import InputError
from npvae.figures.style import DARK_INK, DARK_PAPER, INK, own_style
from npvae.storage.atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
DPI = 160
MARGIN = 0.08  # inches of paper around what is drawn
METADATA: dict[str, dict[str, None]] = {  # left out: equal figures give equal bytes
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(drawn: "Axes | Figure", path: str | Path) -> None:
    """Write a figure to a file, completely or not at all; equal figures give equal bytes.

    Parameters
    ----------
    drawn : the figure, or any of its axes
    path : ends in .png, .svg or .pdf

    Raises
    ------
    InputError : if the path has another ending
    """
    path = Path(path)
    format = path.suffix.lower().lstrip(".")
    if format not in FORMATS:
        raise InputError(f"{path}: choose a name that ends in .{', .'.join(FORMATS)}")
    content = picture_bytes(drawn, format)
    with atomic_write(path) as file:
        file.write(content)


def picture_bytes(drawn: "Axes | Figure", format: str = "png") -> bytes:
    """Return a figure as the content of a file, cropped to what is drawn.

    Parameters
    ----------
    drawn : the figure, or any of its axes
    format : png, svg or pdf
    """
    with _laid_out(drawn) as (figure, crop):
        return _rendered(figure, crop, format)


def light_and_dark(drawn: "Axes | Figure") -> tuple[bytes, bytes]:
    """Return a figure as two PNG files of equal size, for white paper and for a dark screen.

    The figure keeps the colours of the second.
    """
    with _laid_out(drawn) as (figure, crop):
        light = _rendered(figure, crop, "png")
        _swap_ink(figure)
        return light, _rendered(figure, crop, "png")


@contextmanager
def _laid_out(drawn: "Axes | Figure") -> Iterator[tuple[Any, Any]]:
    """Give the figure, and its drawn part in inches; while the block runs its layout is fixed.

    Matplotlib would repeat the layout, which takes longer than the drawing, four times in a file.
    """
    figure: Any = drawn.figure.figure  # that of a figure is the figure itself
    engine, dpi = figure.get_layout_engine(), figure.dpi
    with own_style(**{"svg.hashsalt": "npvae"}), warnings.catch_warnings():
        # a character that the font lacks is drawn as an empty box
        warnings.filterwarnings("ignore", "Glyph .* missing")
        try:
            if figure.canvas.manager is None:  # there is no window that would change its size
                figure.dpi = DPI
            if engine is not None:
                engine.execute(figure)
            figure.set_layout_engine(None)
            yield figure, figure.get_tightbbox().padded(MARGIN)
        finally:
            figure.set_layout_engine(engine)
            figure.dpi = dpi


def _rendered(figure: Any, crop: Any, format: str) -> bytes:
    file = BytesIO()
    figure.savefig(file, format=format, dpi=DPI, bbox_inches=crop, metadata=METADATA[format])
    return file.getvalue()


def _swap_ink(figure: "Figure") -> None:
    """Turn black on white into white on black; other colours stay."""
    from matplotlib.axes import Axes
    from matplotlib.colors import same_color
    from matplotlib.patheffects import withStroke

    figure.set_facecolor(DARK_PAPER)
    for ax in figure.findobj(Axes):
        ax.set_facecolor(DARK_PAPER)
        ax.tick_params(colors=DARK_INK)
    for artist in figure.findobj():
        if artist.get_path_effects():  # the halo of a name is of the colour of paper
            artist.set_path_effects([withStroke(linewidth=2.5, foreground=DARK_PAPER)])
        for of in ("color", "edgecolor"):
            get, set_ = getattr(artist, f"get_{of}", None), getattr(artist, f"set_{of}", None)
            if get is None or set_ is None:
                continue
            colour = get()
            dark = (same_color(colour, ink) for ink in (INK, "black"))
            if isinstance(colour, str | tuple) and any(dark):
                set_(DARK_INK)
