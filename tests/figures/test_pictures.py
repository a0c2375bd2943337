"""What holds for every picture: where it is drawn, in which style, and what a dollar is."""

import os
import subprocess
import sys
from functools import partial
from itertools import combinations
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from npvae import figures
from npvae.errors import InputError
from npvae.figures import Form
from npvae.figures.style import UNREADABLE

X = 0.9 * np.random.default_rng(0).random((9, 45))  # dark: light images have a grey frame
TICK = np.array([-1.0, 0.0, 1.0])
HISTORY = {
    "epoch": [1.0, 2.0],
    "train_loss": [120.0, 110.0],
    "train_elbo": [-120.0, -110.0],
    "train_reconstruction": [110.0, 95.0],
    "train_kl": [10.0, 15.0],
    "validation_active_units": [3.0, 5.0],
}


def of_examples(form, kind):
    """Return every picture of examples of a form, by name, as a function of `ax`."""
    x = X[:, : form.n_x]
    paths = x.reshape(3, 3, -1)
    return {
        f"reconstructions of {kind}": partial(figures.reconstructions, x, 1 - x, form),
        f"samples of {kind}": partial(figures.samples, x, form),
        f"manifold of {kind}": partial(figures.manifold, x, form, [TICK, TICK]),
        f"interpolation of {kind}": partial(figures.interpolation, paths, form, names=list("abc")),
        f"traversals of {kind}": partial(figures.traversals, paths, form, TICK, list("abc")),
    }


PICTURES = {
    **of_examples(Form((5, 9)), "images"),
    **of_examples(Form((3,), ("height", "weight", "age")), "rows"),
    "manifold of one latent": partial(figures.manifold, X[:3, :3], (3,), [TICK]),
    "scatter": partial(figures.latent_scatter, X[:, :2], np.arange(9) % 3, ["a", "b", "c"]),
    "histogram": partial(figures.latent_scatter, X[:, :1], np.arange(9) % 3),
    "history": partial(figures.history, HISTORY, best=2),
    "comparison": partial(
        figures.comparison, {"a": HISTORY, "b": HISTORY}, {"a": (10.0, 95.0)}, told="two runs"
    ),
    "KL": partial(figures.kl_per_latent, np.array([2.0, 1.0]), np.array([True, False])),
    "rate and distortion": partial(figures.rate_distortion, [1.0, 2.0], [9.0, 7.0], ["a", "b"]),
}
every_picture = pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES.keys())
# those that divide the place of their ax
PANELS = (
    *(f"{name} of rows" for name in ("reconstructions", "manifold", "interpolation", "traversals")),
    "history",
    "comparison",
)
panelled = pytest.mark.parametrize("draw", [PICTURES[name] for name in PANELS], ids=PANELS)


@pytest.fixture(autouse=True)
def pyplot_forgets():
    """No test leaves a figure to the next one."""
    yield
    plt.close("all")


def all_axes(figure):
    """Return the axes of a figure, those inside others, too."""
    found = list(figure.axes)
    for ax in found:  # which grows on the way
        found += ax.child_axes
    return found


def place_of(ax):
    """Return the box of an axes in its figure; one that lies inside another is told where."""
    if (locator := ax.get_axes_locator()) is not None:
        ax.apply_aspect(locator(ax, None))
    return ax.get_position()


def overlap(a, b):
    """Whether two boxes have more than an edge in common."""
    wide = min(a.x1, b.x1) - max(a.x0, b.x0)
    return wide > 1e-6 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1e-6


# ---- where ---------------------------------------------------------------------------------------


def in_a_plain_figure():
    return tuple(Figure(figsize=(10, 4)).subplots(1, 2))


def in_a_subfigure():
    left, right = Figure(figsize=(10, 4), layout="constrained").subfigures(1, 2)
    return left.subplots(), right.subplots()


def by_hand():
    figure = Figure(figsize=(10, 4))
    return figure.add_axes((0.1, 0.2, 0.35, 0.6)), figure.add_axes((0.6, 0.2, 0.35, 0.6))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        *((name, in_a_plain_figure) for name in PICTURES),
        *((name, place) for name in (*PANELS, "scatter") for place in (in_a_subfigure, by_hand)),
    ],
)
def test_it_is_drawn_in_the_ax_given_and_nowhere_else(name, place):
    draw = PICTURES[name]
    ax, other = place()
    figure = ax.figure.figure
    assert draw(ax=ax) is ax
    assert not other.has_data()
    assert not other.child_axes
    assert not other.get_title(loc="left") + other.get_xlabel() + other.get_ylabel()
    parts = [part for part in all_axes(figure) if part not in (ax, other)]
    assert all(part.figure is ax.figure for part in parts)
    assert plt.get_fignums() == []
    if place is not in_a_subfigure:  # which is laid out when it is written
        other, *boxes = (place_of(part) for part in (other, *parts))
        assert all(box.x1 < other.x0 for box in boxes)
        assert not any(overlap(*pair) for pair in combinations(boxes, 2)), "panels or colour bar"


@every_picture
def test_without_an_ax_it_makes_one_figure_of_pyplots(draw):
    ax = draw()
    assert [plt.figure(number) for number in plt.get_fignums()] == [ax.figure]


def test_the_settings_are_as_before_when_drawing_fails():
    before = dict(mpl.rcParams)
    with pytest.raises(ValueError, match="same first dimension"):
        figures.history(HISTORY | {"train_kl": [1.0]})
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("of", ["a figure", "an array"])
@every_picture
def test_what_is_no_axes_is_refused(draw, of):
    figure = Figure()
    ax = figure if of == "a figure" else figure.subplots(1, 2)
    kind = "Figure" if of == "a figure" else "ndarray"
    with pytest.raises(InputError) as error:
        draw(ax=ax)
    assert f"ax is of type {kind}; " in str(error.value)


def test_off_screen_ends_with_its_block():
    with figures.off_screen():
        with figures.off_screen():
            pass
        figures.kl_per_latent(np.ones(1))
    assert plt.get_fignums() == []
    with pytest.raises(ZeroDivisionError), figures.off_screen():
        _ = 1 / 0
    figures.kl_per_latent(np.ones(1))
    assert len(plt.get_fignums()) == 1


@panelled
def test_the_title_stays_above_the_panels(draw):
    with figures.off_screen():
        ax = draw()
    ax.set_title("what it shows", loc="left")
    ax.figure.draw_without_rendering()
    (title,) = (text for text in ax.findobj(Text) if text.get_text() == "what it shows")
    parts = [part for part in ax.figure.axes if part is not ax]
    assert len(parts) > 1
    assert title.get_window_extent().y0 >= max(part.get_tightbbox().y1 for part in parts)


# ---- ink and paper -------------------------------------------------------------------------------


def lightness(colour):
    """Return the mean of red, green and blue: 0 is black, 1 is white."""
    return np.mean(to_rgb(colour))


def inks(figure):
    """Return the colours of all letters, spines and ticks that are seen, but for letters on halos.

    What a line, a bar or a field shows has colours of its own.
    """
    texts = [text for text in figure.findobj(Text) if not text.get_path_effects()]
    seen = [text.get_color() for text in texts if text.get_visible() and text.get_text().strip()]
    for ax in all_axes(figure):
        if not ax.axison:
            continue
        seen += [spine.get_edgecolor() for spine in ax.spines.values() if spine.get_visible()]
        ticks = ax.xaxis.get_major_ticks() + ax.yaxis.get_major_ticks()
        seen += [tick.tick1line.get_markeredgecolor() for tick in ticks]
        seen += [tick.label1.get_color() for tick in ticks]
    return [lightness(colour) for colour in seen]


def papers(figure):
    """Return the colours that things are drawn on."""
    seen = [figure.get_facecolor(), *(ax.get_facecolor() for ax in all_axes(figure) if ax.axison)]
    return [lightness(colour) for colour in seen]


@pytest.fixture
def unwritten(monkeypatch):
    """A picture becomes no bytes, which takes most of the time."""
    monkeypatch.setattr(Figure, "savefig", lambda *_, **__: None)


@pytest.mark.usefixtures("unwritten")
@every_picture
def test_off_screen_no_setting_changes_and_in_the_dark_all_ink_is_light(draw):
    with mpl.rc_context({"font.size": 20, "axes.grid": False}), figures.off_screen():
        before = dict(mpl.rcParams)
        ax = draw()
        assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    figures.light_and_dark(ax)
    assert min(inks(ax.figure)) > 0.5
    assert max(papers(ax.figure)) < 0.15


@pytest.mark.usefixtures("unwritten")
@pytest.mark.parametrize("place", [in_a_subfigure, by_hand])
@pytest.mark.parametrize("name", ["history", "traversals of rows", "scatter"])
def test_in_the_dark_all_ink_is_light_in_an_ax_of_the_user(name, place):
    ax, other = place()
    other.remove()
    PICTURES[name](ax=ax)
    figures.light_and_dark(ax)
    assert min(inks(ax.figure.figure)) > 0.5
    assert max(papers(ax.figure.figure)) < 0.15


@pytest.mark.parametrize("name", ["samples of images", "KL", "traversals of rows"])
def test_in_the_light_all_ink_is_dark_whatever_the_style_of_the_user(name):
    with plt.style.context("dark_background"), figures.off_screen():
        figure = PICTURES[name]().figure
    assert max(inks(figure)) < 0.6
    assert min(papers(figure)) == 1


def first_title(ax):
    """Return the title of a picture or, if it has none, that of its first panel."""
    told = [part.get_title(loc="left") for part in ax.figure.axes if part.get_title(loc="left")]
    return next(text for text in ax.figure.findobj(Text) if text.get_text() == told[0])


@every_picture
def test_in_an_ax_of_the_user_the_style_of_the_user_holds(draw):
    own = {"axes.titlecolor": "red", "axes.titlesize": 7, "axes.spines.right": True}
    with mpl.rc_context(own):
        ax = draw(ax=Figure(figsize=(10, 4)).subplots())
    told = first_title(ax)
    assert (told.get_color(), told.get_size()) == ("red", 7)


def test_in_a_figure_of_npvaes_own_the_style_is_npvaes():
    with mpl.rc_context({"axes.titlecolor": "red", "axes.titlesize": 7}), figures.off_screen():
        told = first_title(PICTURES["history"]())
    assert (told.get_color(), told.get_size()) == (figures.style.INK, 9)


def test_panels_in_an_ax_of_the_user_have_the_spines_and_the_grid_of_the_user():
    with mpl.rc_context({"axes.spines.right": True, "axes.grid": False}), figures.off_screen():
        own = figures.history(HISTORY, ax=Figure().subplots())
        alone = figures.history(HISTORY)
    for ax, of_the_user in ((own, True), (alone, False)):
        for part in ax.figure.axes[1:]:
            assert part.spines["right"].get_visible() is of_the_user
            gridlines = [line.get_visible() for line in part.get_xgridlines()]
            assert any(gridlines) is not of_the_user


@pytest.mark.parametrize("inches", [3, 6, 10])
def test_a_title_stands_in_lines_that_fit(inches):
    what = "seven words that say what is shown " * 3
    with figures.off_screen():
        alone = figures.reconstructions(X, X, Form((5, 9)), what=what)
    narrow = Figure(figsize=(inches, 6), layout="constrained").subplots()
    with mpl.rc_context({"axes.titlesize": 9}):
        figures.reconstructions(X, X, Form((5, 9)), what=what, ax=narrow)
    for ax in (alone, narrow):
        ax.figure.draw_without_rendering()
        (told,) = (text for text in ax.findobj(Text) if "seven" in text.get_text())
        assert told.get_window_extent().x1 <= 1.1 * ax.figure.bbox.x1, "a margin when it is saved"
        assert told.get_window_extent().width > 0.5 * ax.get_window_extent().width


# ---- a matplotlibrc, a notebook ------------------------------------------------------------------

ODD = {
    "text.usetex": True,
    "text.parse_math": False,
    "axes.formatter.use_mathtext": True,
    "path.sketch": (1, 100, 2),
    "figure.autolayout": True,
    "figure.figsize": (30, 1),
    "font.family": ["no such letters"],
    "savefig.bbox": None,
    "svg.fonttype": "none",
    "axes.xmargin": 5,
}


@pytest.mark.parametrize(("name", "format"), [("history", "png"), ("scatter", "svg")])
def test_odd_settings_change_nothing(monkeypatch, name, format):
    monkeypatch.setattr("npvae.figures.writing.DPI", 30)
    contents = []
    for settings in ({}, ODD):
        with mpl.rc_context(settings), figures.off_screen():
            before = dict(mpl.rcParams)
            contents.append(figures.picture_bytes(PICTURES[name](), format))
            assert dict(mpl.rcParams) == before
    assert contents[0] == contents[1]


BACKEND = """
import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.backend_bases import FigureManagerBase as FigureManager

matplotlib.interactive(True)  # as that of a notebook does when it is loaded
"""
NOTEBOOK = """
import matplotlib
import numpy as np

from npvae import figures

figures.kl_per_latent(np.ones(2))
assert matplotlib.is_interactive()
import matplotlib.pyplot as plt

assert len(plt.get_fignums()) == 1
assert matplotlib.get_backend() == "module://notebook_backend"
figures.picture_bytes(plt.gcf())
plt.figure()
assert matplotlib.is_interactive() and len(plt.get_fignums()) == 2
"""


def test_in_a_notebook_later_figures_are_shown_as_before(tmp_path):
    """There, the backend switches `interactive` on when it is loaded."""
    (tmp_path / "notebook_backend.py").write_text(BACKEND)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"MPLBACKEND": "module://notebook_backend", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


# ---- names ---------------------------------------------------------------------------------------

IMAGES, PATHS = Form((5, 9)), X.reshape(3, 3, -1)


def of_names(name):
    """Return every picture that shows names, each of which is this one."""
    prices = Form((3,), (name, "a$", "$"), unit=name)
    labelled = {"labels": np.arange(9) % 3, "classes": [name] * 3}
    return {
        "columns of samples": partial(figures.samples, X[:, :3], prices),
        "columns of reconstructions": partial(figures.reconstructions, X[:, :3], X[:, :3], prices),
        "columns of a manifold": partial(figures.manifold, X[:, :3], prices, [TICK, TICK]),
        "columns along one latent": partial(figures.manifold, X[:3, :3], prices, [TICK]),
        "columns of interpolations": partial(figures.interpolation, PATHS[..., :3], prices),
        "strips": partial(figures.interpolation, PATHS, IMAGES, names=[name] * 3),
        "strips of rows": partial(figures.interpolation, PATHS, (45,), names=[name] * 3),
        "latents": partial(figures.traversals, PATHS, IMAGES, TICK, [name] * 3),
        "latents of rows": partial(figures.traversals, PATHS, (45,), TICK, [name] * 3),
        "classes over images": partial(figures.samples, X, IMAGES, across=3, **labelled),
        "classes of rows": partial(figures.samples, X, (45,), **labelled),
        "classes of points": partial(figures.latent_scatter, X[:, :2], **labelled),
        "classes of a histogram": partial(figures.latent_scatter, X[:, :1], **labelled),
        "models": partial(figures.rate_distortion, [1.0, 2.0], [3.0, 2.0], [name] * 2),
        "what and how": partial(figures.reconstructions, X, X, IMAGES, what=name, how=name),
        "bound": partial(figures.history, HISTORY, name),
        "runs": partial(figures.comparison, {name: HISTORY}, {}, told=name),
        "titles": partial(figures.samples, X, IMAGES, told=name),
    }


ODD_NAME = "$\\foo$\x07\x1b[31m\ud800\ufffe\x00--><!-- \n\u202e]]>&"


@pytest.mark.parametrize("name", of_names(""))
def test_whatever_names_are_an_svg_is_well_formed_and_nothing_warns(name):
    """A dollar is a dollar, as in a table of prices; as a formula this one would raise."""
    with figures.off_screen():
        ax = of_names(ODD_NAME)[name]()
    ax.figure.set_layout_engine("none")  # which takes long
    if name in ("classes of rows", "latents", "titles"):  # a legend, ticks, a title
        ElementTree.fromstring(figures.picture_bytes(ax, "svg"))
    ax.figure.draw_without_rendering()
    shown = [text for text in ax.figure.findobj(Text) if "$\\foo$" in text.get_text()]
    assert shown
    assert not any(text.get_parse_math() for text in shown)
    for text in shown:
        assert "\ufffd" in text.get_text()
        assert not UNREADABLE.search(text.get_text())
