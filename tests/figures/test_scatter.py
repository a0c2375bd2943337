"""Codes in a plane and along a line: every one of them, under its label."""

from statistics import NormalDist

import matplotlib as mpl
import numpy as np
import pytest
from figure_texts import texts
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle

from npvae import figures

pytestmark = pytest.mark.usefixtures("off_screen")


def points(ax):
    """Return all points in the order in which they are drawn: place, colour, bytes of marker."""
    found = []
    for drawn in ax.collections:
        (path,), places = drawn.get_paths(), np.ma.getdata(drawn.get_offsets()).tolist()
        colours = [to_hex(colour) for colour in drawn.get_facecolor()]
        marker = path.vertices.tobytes()
        found += [(u, colour, marker) for u, colour in zip(places, colours, strict=True)]
    return found


def looks(ax):
    """Return what the legend says that points of each label look like: name -> colour, marker."""
    legend = ax.get_legend()
    found = {}
    for name, handle in zip(texts(legend.get_texts()), legend.legend_handles, strict=True):
        if handle.get_linestyle() == "None":
            marker = MarkerStyle(handle.get_marker())
            path = marker.get_path().transformed(marker.get_transform())
            found[name] = (to_hex(handle.get_color()), path.vertices.tobytes())
    return found


def groups(ax):
    """Return the points that look as the legend says: name -> sorted list; all are in it once."""
    everything = points(ax)
    if ax.get_legend() is None:
        return {"": sorted(u for u, *_ in everything)}
    found = {
        name: sorted(u for u, *other in everything if tuple(other) == look)
        for name, look in looks(ax).items()
    }
    assert sum(map(len, found.values())) == len(everything)
    return found


def of(u):
    return sorted(u.tolist())


@pytest.mark.parametrize("classes", [(), ("cat", "dog")])
def test_every_code_is_drawn_under_its_label(classes, rng):
    u, labels = rng.standard_normal((60, 2)), np.arange(60) % 3
    ax = figures.latent_scatter(u, labels, classes, prior=False)
    names = [*classes, *"012"[len(classes) :]]
    assert list(groups(ax)) == names
    for label, name in enumerate(names):
        assert groups(ax)[name] == of(u[labels == label])


@pytest.mark.parametrize("labels", [np.repeat([0, 1], 100), np.repeat([5, 10], 100)])
def test_codes_of_all_labels_are_drawn_mixed(labels, rng):
    """So that none lies over all the others."""
    drawn = points(figures.latent_scatter(rng.standard_normal((200, 2)), labels))
    colours = [colour for _, colour, _ in drawn]
    first = colours[:100].count(colours[0])
    assert 30 < first < 70
    assert colours.count(colours[0]) == 100


@pytest.mark.parametrize("labels", [None, np.array([3])])
def test_a_single_code(labels):
    ax = figures.latent_scatter(np.array([[1.0, 2.0]]), labels, prior=False)
    assert groups(ax) == {"": [[1, 2]]}


def test_names_far_apart_all_stand_amid_their_codes(rng):
    u = np.repeat([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], 34, axis=0) + rng.random((102, 2))
    ax = figures.latent_scatter(u, np.repeat([0, 1, 2], 34))
    assert texts(ax.texts) == ["0", "1", "2"]
    middles = [np.median(u[i : i + 34], axis=0) for i in (0, 34, 68)]
    np.testing.assert_allclose([text.get_position() for text in ax.texts], middles)
    circle = ax.lines[0]
    assert all(text.get_zorder() > circle.get_zorder() for text in ax.texts)


def test_few_codes_are_not_covered_by_names(rng):
    u = np.repeat([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], 33, axis=0) + rng.random((99, 2))
    assert not figures.latent_scatter(u, np.repeat([0, 1, 2], 33)).texts


def test_if_a_label_has_no_place_all_are_named_in_the_legend_alone(rng):
    """A name among the codes of others would be taken for theirs, and one alone is odd."""
    u = np.concatenate([rng.normal([5, 5], 0.1, (50, 2)), rng.standard_normal((150, 2))])
    ax = figures.latent_scatter(u, np.concatenate([np.zeros(50, int), 1 + np.arange(150) % 3]))
    assert not ax.texts
    assert texts(ax.get_legend().get_texts())[:4] == list("0123")


@pytest.mark.parametrize("n", [2, 3, 9])
def test_names_at_one_place_stand_above_one_another(n):
    u = np.concatenate([np.zeros((50 * n, 2)), [[-3.0, -5.0], [3.0, 5.0], [3.0, 5.0]]])
    labels = np.concatenate([np.repeat(np.arange(n), 50), [n, n, n]])
    ax = figures.latent_scatter(u, labels, [f"name {i}" for i in range(n)])
    assert texts(ax.texts)[:n] == [f"name {i}" for i in range(n)]
    x, y = np.transpose([text.get_position() for text in ax.texts[:n]])
    assert not x.any()
    assert y[0] == 0
    assert np.diff(np.sort(y)).min() >= 0.33, "a thirtieth of what is seen"
    assert np.abs(y).max() <= 1.7, "not far from where they belong"


def test_names_of_codes_in_the_middle_of_the_prior_stand_above_one_another():
    """What is seen is as high as the circle at two standard deviations."""
    u = np.tile([[0.0, 0.0], [0.1, 0.1]], (51, 1))
    ax = figures.latent_scatter(u, np.repeat([0, 1, 2], 34), ["cat", "dog", "emu"])
    heights = sorted(text.get_position()[1] for text in ax.texts)
    assert np.diff(heights).min() >= 4 / 31


def test_codes_without_labels_have_one_colour(rng):
    u = rng.standard_normal((5, 2))
    ax = figures.latent_scatter(u, prior=False)
    assert len({colour for _, colour, _ in points(ax)}) == 1
    assert groups(ax) == {"": of(u)}
    assert ax.get_legend() is None
    assert not ax.texts


def test_from_the_eleventh_label_on_the_marker_is_another(rng):
    ax = figures.latent_scatter(rng.standard_normal((40, 2)), np.arange(40) % 20)
    assert [len(group) for group in groups(ax).values()] == [2] * 20
    drawn = list(looks(ax).values())
    assert len(set(drawn)) == 20
    first, second = drawn[:10], drawn[10:]
    assert len({colour for colour, _ in first}) == 10
    assert {marker for _, marker in first}.isdisjoint(marker for _, marker in second)


def test_twenty_labels_have_a_look_and_the_rarest_share_one(rng):
    labels = np.concatenate([np.repeat(np.arange(23), 2), np.arange(23)[3:]])  # 0, 1, 2 are rarer
    u = rng.standard_normal((len(labels), 2))
    drawn = groups(figures.latent_scatter(u, labels, prior=False))
    assert set(drawn) == {"3 other labels", *map(str, range(3, 23))}
    assert drawn["3 other labels"] == of(u[labels < 3])
    assert drawn["22"] == of(u[labels == 22])


@pytest.mark.parametrize("latents", [1, 2])
def test_a_long_name_keeps_its_end(latents, rng):
    u, names = rng.standard_normal((4, latents)), ["measurement number 123", "a name in 20 letters"]
    ax = figures.latent_scatter(u, np.arange(4) % 2, names, prior=False)
    shown = ["measurement n…er 123", "a name in 20 letters"]
    assert texts(ax.get_legend().get_texts()) == shown


@pytest.mark.parametrize("latents", [1, 2])
def test_a_name_that_begins_with_a_line_is_in_the_legend(latents, rng):
    """As a folder of images may be called; matplotlib leaves such labels out."""
    u = rng.standard_normal((6, latents))
    ax = figures.latent_scatter(u, np.arange(6) % 2, ["_noise_", "cat"], prior=False)
    assert set(texts(ax.get_legend().get_texts())) == {"_noise_", "cat"}


def test_circles_show_where_the_prior_is(rng):
    u = rng.standard_normal((9, 2))
    with mpl.rc_context({"text.color": "red"}):
        ax = figures.latent_scatter(u, ax=Figure().subplots())
    assert {line.get_color() for line in ax.lines} == {"red"}, "that of letters"
    radii = [np.hypot(*line.get_data()) for line in ax.lines]
    np.testing.assert_allclose(radii, np.repeat([[1.0], [2.0]], 100, axis=1))
    assert "the prior, at 1 and 2\nstandard deviations" in texts(ax.get_legend().get_texts())
    assert ax.get_aspect() == 1
    assert not figures.latent_scatter(u, prior=False).lines


@pytest.mark.parametrize(("n", "bins"), [(1, 5), (60, 15), (2000, 60)])
def test_one_latent_is_a_histogram(n, bins, rng):
    u, labels = rng.standard_normal((n, 1)), np.arange(n) % 2
    ax = figures.latent_scatter(u, labels, ["cat", "dog"])
    below = 0
    for label, steps in enumerate(ax.patches):
        inside, _ = np.histogram(u[labels == label], bins=bins, range=(u.min(), u.max()))
        np.testing.assert_array_equal(steps.get_data().baseline, below, "stacked")
        below = below + inside
        np.testing.assert_array_equal(steps.get_data().values, below)
    assert sum(below) == n
    assert ax.get_ylabel() == "examples"
    assert all(tick == int(tick) for tick in ax.get_yticks())
    classes = ["cat", "dog"][: min(n, 2)]
    assert texts(ax.get_legend().get_texts()) == [*classes, "the prior"]


def test_the_prior_of_one_latent_is_a_bell_over_as_many_examples():
    u = np.linspace(-1, 5, 100)[:, None]
    (bell,) = figures.latent_scatter(u).lines
    z, expected = bell.get_data()
    assert (z[0], z[-1]) == (-3, 5)
    wide = 6 / 20  # of a bin; by hand
    np.testing.assert_allclose(expected, [100 * wide * NormalDist().pdf(place) for place in z])
    alone = figures.latent_scatter(u, prior=False)
    assert not alone.lines
    assert alone.get_legend() is None


@pytest.mark.parametrize("latents", [1, 2])
def test_axes_say_what_and_in_which_unit(latents, rng):
    u = rng.standard_normal((5, latents))
    ax = figures.latent_scatter(u)
    assert ax.get_xlabel() == "z 0 (standard deviations of the prior)"
    if latents == 2:
        assert ax.get_ylabel() == "z 1 (standard deviations of the prior)"
    assert figures.latent_scatter(u, axes=["a", "b"], unit="").get_xlabel() == "a"


@pytest.mark.parametrize("latents", [1, 2])
def test_the_legend_is_of_the_codes_whatever_the_ax_had_before(latents, rng):
    ax = Figure().subplots()
    ax.plot([0, 1], [0, 1], color="red")
    ax.scatter([0], [0])
    figures.latent_scatter(rng.normal(size=(20, latents)), np.arange(20) % 2, ax=ax)
    *codes, prior = ax.get_legend().legend_handles
    assert {handle.get_marker() for handle in codes} == {"s" if latents == 1 else "o"}
    assert prior.get_linestyle() == "--"
    assert prior.get_color() != "red"
