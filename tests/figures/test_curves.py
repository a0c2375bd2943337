"""History, KL and rate-distortion: the right numbers, named, marked and measured in nats."""

from itertools import combinations

import numpy as np
import pytest
from figure_texts import texts
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.text import Text

from npvae import figures

pytestmark = pytest.mark.usefixtures("off_screen")


# ---- history -----------------------------------------------------------------------------------

TRAIN = {
    "epoch": [1.0, 2.0, 4.0],
    "train_loss": [125.0, 105.0, 95.0],
    "train_elbo": [-120.0, -110.0, -100.0],
    "train_reconstruction": [110.0, 95.0, 85.0],
    "train_kl": [10.0, 15.0, 15.5],
}
VALIDATION = {
    "validation_elbo": [-125.0, -115.0, -112.0],
    "validation_bound": [-124.0, -114.0, -111.0],
    "validation_reconstruction": [112.0, 99.0, 96.0],
    "validation_kl": [13.0, 16.0, 16.5],
    "validation_active_units": [3.0, 5.0, 4.0],
}


def panels(ax):
    """Return what the four panels show: title -> {label: (epochs, values)}."""
    return {
        part.get_title(loc="left"): {
            line.get_label(): [*map(list, line.get_data())] for line in part.lines
        }
        for part in ax.figure.axes[1:]
    }


def test_history_shows_both_parts_of_every_quantity():
    epochs = TRAIN["epoch"]
    assert panels(figures.history(TRAIN | VALIDATION)) == {
        name: {
            part: [epochs, (TRAIN | VALIDATION)[f"{part}_{column}"]]
            for part in ("train", "validation")
        }
        for name, column in [
            ("ELBO", "elbo"),
            ("Reconstruction, −log p(x | z)", "reconstruction"),
            ("KL(q(z | x) ‖ p(z))", "kl"),
        ]
    } | {"Active latents": {"validation": [epochs, VALIDATION["validation_active_units"]]}}


def test_the_parts_are_told_apart_and_named_once():
    ax = figures.history(TRAIN | VALIDATION)
    first, *others = ax.figure.axes[1:]
    assert texts(first.get_legend().get_texts()) == ["train", "validation"]
    assert not any(other.get_legend() for other in others)
    for part in (first, *others[:2]):
        train, validation = part.lines
        assert not same_color(train.get_color(), validation.get_color())
        assert train.get_marker() != validation.get_marker()
    assert all(part.get_xlabel() == "epoch" for part in (first, *others))
    assert [part.get_ylabel() for part in (first, *others)] == ["nats per example"] * 3 + [""]


def test_history_shows_what_was_maximised():
    """Of several draws that is minus the loss, and no ELBO."""
    shown = panels(figures.history(TRAIN | VALIDATION, "L_5"))["L_5"]
    assert shown["train"][1] == [-125, -105, -95]
    assert shown["validation"][1] == [-124, -114, -111]


def test_history_of_an_autoencoder_has_no_kl():
    ax = figures.history(TRAIN | VALIDATION, "log p(x|z)", prior=False)
    part = ax.figure.axes[3]
    assert not part.lines
    (why,) = texts(part.texts)
    assert "prior" in why


def test_a_kl_of_nothing_is_shown_all_the_same():
    """Of a posterior that has collapsed; there is a prior."""
    part = figures.history(TRAIN | {"train_kl": [0.0] * 3}).figure.axes[3]
    (line,) = part.lines
    assert line.get_ydata().tolist() == [0, 0, 0]
    assert not part.texts


def test_history_without_a_validation_part_says_so():
    ax = figures.history(TRAIN)
    assert [list(shown) for shown in panels(ax).values()] == [["train"]] * 3 + [[]]
    (told,) = texts(ax.figure.axes[4].texts)
    assert "validation part" in " ".join(told.split())
    assert all(not texts(part.texts) for part in ax.figure.axes[1:4])


def test_the_best_epoch_is_marked_in_every_panel():
    ax = figures.history(TRAIN | VALIDATION, best=2)
    for part in ax.figure.axes[1:]:
        np.testing.assert_array_equal(part.lines[-1].get_xdata(), [2, 2])
    assert texts(ax.figure.axes[1].get_legend().get_texts())[-1] == "best epoch, 2"
    assert len(figures.history(TRAIN).figure.axes[1].lines) == 1


@pytest.mark.parametrize(("n", "marked"), [(1, True), (40, True), (41, False), (5000, False)])
def test_epochs_are_marked_while_there_are_few(n, marked):
    columns = {"epoch": np.arange(1.0, n + 1)} | {
        f"train_{name}": np.ones(n) for name in ("loss", "elbo", "reconstruction", "kl")
    }
    part = figures.history(columns | {"validation_active_units": np.ones(n)}).figure.axes[1]
    assert (part.lines[0].get_marker() not in ("", "None")) is marked
    low, high = part.get_xlim()
    assert low < 1 <= n < high
    ticks = part.get_xticks()
    np.testing.assert_array_equal(ticks, ticks.astype(int))


def test_active_latents_are_counted_from_zero_in_whole_numbers():
    part = figures.history(TRAIN | VALIDATION).figure.axes[4]
    low, high = part.get_ylim()
    assert low == 0
    assert 5 < high < 6
    np.testing.assert_array_equal(part.get_yticks(), part.get_yticks().astype(int))


# ---- KL per latent -----------------------------------------------------------------------------


def bars(ax):
    """Return number of the latent, KL, and whether it is hatched, from left to right."""
    found = sorted(ax.patches, key=lambda bar: bar.get_x())
    middles = [bar.get_x() + bar.get_width() / 2 for bar in found]
    np.testing.assert_allclose(middles, ax.get_xticks(), atol=1e-12)
    numbers = [int(text) for text in texts(ax.get_xticklabels())]
    return [
        (number, bar.get_height(), bool(bar.get_hatch()))
        for number, bar in zip(numbers, found, strict=True)
    ]


def test_latents_stand_in_the_order_of_their_kl():
    kl, active = np.array([0.5, 0.02, 3.0, 0.5]), np.array([True, False, True, False])
    ax = figures.kl_per_latent(kl, active)
    assert bars(ax) == [(2, 3.0, False), (0, 0.5, False), (3, 0.5, True), (1, 0.02, True)]
    assert texts(ax.get_legend().get_texts()) == ["2 active", "2 inactive"]
    assert ax.get_ylabel() == "KL (nats per example)"
    assert ax.get_xlabel() == "latent"
    low, high = ax.get_ylim()
    assert low == 0
    assert high > 3


@hypothesis_settings(max_examples=15)
@given(st.lists(st.floats(0, 1e30), min_size=1, max_size=40), st.randoms())
def test_any_latents_are_all_there(kl, random):
    active = np.array([random.random() < 0.5 for _ in kl])
    with figures.off_screen():
        found = bars(figures.kl_per_latent(np.array(kl), active))
    assert sorted(found) == [(i, kl[i], not active[i]) for i in range(len(kl))]
    heights = [height for _, height, _ in found]
    assert heights == sorted(heights, reverse=True)


def test_nobody_asked_who_is_active():
    ax = figures.kl_per_latent(np.zeros(1), told="what")
    assert bars(ax) == [(0, 0, False)]
    assert ax.get_legend() is None
    assert ax.get_title(loc="left") == "what"


def test_no_gridline_is_drawn_over_a_bar():
    """Nor over those of a histogram of codes; whatever the user's style says."""
    kl = figures.kl_per_latent(np.ones(3), ax=Figure().subplots())
    codes = figures.latent_scatter(np.zeros((4, 1)), ax=Figure().subplots())
    for ax in (kl, codes):
        grid = min(line.get_zorder() for line in ax.get_ygridlines())
        assert ax.get_axisbelow() is True or grid < 0
        assert ax.xaxis.get_zorder() < ax.patches[0].get_zorder()


def test_many_latents_are_not_numbered():
    ax = figures.kl_per_latent(np.arange(41.0))
    assert ax.get_xlabel() == "latents, in descending order of KL"
    assert [bar.get_height() for bar in ax.patches] == list(range(41))[::-1]


# ---- rate and distortion -----------------------------------------------------------------------

POINTS = st.tuples(st.floats(0, 1e4), st.floats(-1e4, 1e4))


def equal_elbo(ax):
    """Return the lines of equal ELBO: (rates, distortions) of their two ends."""
    return [np.array(line.get_data()) for line in ax.lines[1:]]


@hypothesis_settings(max_examples=10)
@given(st.lists(POINTS, min_size=1, max_size=5))
def test_along_a_dashed_line_the_elbo_is_the_same_and_as_it_says(points):
    rate, distortion = map(list, zip(*points, strict=True))
    with figures.off_screen():
        ax = figures.rate_distortion(rate, distortion)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    near = {"abs": 1e-6 * max(right - left, high - low, *map(abs, distortion), *rate)}
    totals = []
    for (first, second), ends in ((sum(line), line) for line in equal_elbo(ax)):
        assert first == pytest.approx(second, **near)
        assert left <= ends[0].min() <= ends[0].max() <= right
        assert low - near["abs"] <= ends[1].min() <= ends[1].max() <= high + near["abs"]
        totals.append(first)
    spans = np.array(totals) / max(right - left, high - low)
    assert len(set(np.round(spans, 6))) == len(totals), "each is drawn once"
    for said in ax.texts:
        total = -float(said.get_text().removeprefix("ELBO ").replace("−", "-"))
        assert sum(said.xy) == pytest.approx(total, rel=1e-5, **near)
        assert min(abs(total - other) for other in totals) <= max(near["abs"], 1e-5 * abs(total))


@pytest.mark.parametrize("point", [(0.0, 2.0), (100.0, 90.0)])
def test_beside_a_single_model_each_line_says_another_number(point):
    ax = figures.rate_distortion(point[:1], point[1:])
    assert len(set(texts(ax.texts))) == len(ax.texts) > 0


def test_models_are_points_with_their_names():
    ax = figures.rate_distortion([10, 12, 20], [90, 80, 75], ["first", "", "last"])
    np.testing.assert_array_equal(ax.lines[0].get_data(), [[10, 12, 20], [90, 80, 75]])
    names = {said.get_text(): said.xy for said in ax.texts if "ELBO" not in said.get_text()}
    assert names == {"first": (10, 90), "last": (20, 75)}
    assert len(ax.texts) > 2, "and the lines of equal ELBO say which"
    assert ax.get_xlabel() == "Rate, KL(q(z | x) ‖ p(z)) (nats per example)"
    assert ax.get_ylabel() == "Distortion, −log p(x | z) (nats per example)"


@pytest.mark.parametrize("rates", [[0.0, 3.0], [0.01, 3.0], [0.0, 0.0]])
def test_no_tick_says_that_a_rate_is_negative(rates):
    ax = figures.rate_distortion(rates, [90.0, 80.0])
    assert ax.get_xlim()[0] >= 0


def test_names_hide_no_point_and_no_other_name():
    """Three epochs of a training that went to and fro, a few points of print apart."""
    rate = [1.0, 4.0, 3.0, 5.0, 5.1, 5.0, 5.1, 5.05, 5.02]
    distortion = [25.0, 17.0, 15.0, 8.0, 8.1, 7.9, 8.0, 7.95, 8.05]
    names = ["epoch 1", "", "", "", "", "", "epoch 7", "", "epoch 9"]
    ax = figures.rate_distortion(rate, distortion, names)
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(said) for said in ax.texts if "epoch" in said.get_text()]
    points = ax.transData.transform(np.transpose([rate, distortion]))
    assert len(boxes) == 3
    assert not any(box.contains(*point) for box in boxes for point in points)
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


@pytest.mark.parametrize("distortion", [[90.0, 80.0, 70.0], [5.0, 4.9, 4.8], [6.0, 2.0, 1.0]])
def test_no_name_of_a_line_of_equal_elbo_meets_another_name(distortion):
    ax = figures.rate_distortion([1.0, 4.0, 6.0], distortion, ["first", "second", "last"])
    ax.figure.draw_without_rendering()
    boxes = [Text.get_window_extent(said) for said in ax.texts]
    assert len(boxes) > 4
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


@pytest.mark.parametrize(("n", "marked"), [(1, True), (40, True), (41, False), (3000, False)])
def test_points_are_marked_while_there_are_few(n, marked):
    ax = figures.rate_distortion(np.arange(n), np.arange(n)[::-1])
    assert (ax.lines[0].get_marker() not in ("", "None")) is marked


# ---- a training that went astray ---------------------------------------------------------------

WILD = np.array([[1, -1], [-1, 0.5], [0.5, -1], [-1, 1]], np.float32)
ASTRAY = {
    "history": lambda x: figures.history(TRAIN | {"train_elbo": x[:3, 0]}),
    "KL": lambda x: figures.kl_per_latent(np.abs(x[0])),
    "rate and distortion": lambda x: figures.rate_distortion(np.abs(x[:, 0]), x[:, 1]),
    "scatter": lambda x: figures.latent_scatter(x, np.arange(4) % 2),
    "histogram": lambda x: figures.latent_scatter(x[:, :1]),
    "traversals": lambda x: figures.traversals(x[None], (2,), np.arange(4.0), ["z"]),
    "manifold": lambda x: figures.manifold(x, (2,), [np.arange(2.0)] * 2),
    "samples": lambda x: figures.samples(x, (2,)),
    "samples of images": lambda x: figures.samples(x, (1, 2)),
    "reconstructions": lambda x: figures.reconstructions(x, -x, (2,)),
}


@pytest.mark.parametrize("x", [3e38 * WILD, 1e308 * WILD.astype(float)], ids=["float32", "float64"])
@pytest.mark.parametrize("draw", ASTRAY.values(), ids=ASTRAY.keys())
def test_numbers_that_no_axis_can_hold(draw, x):
    figure = draw(x).figure
    figure.set_layout_engine("none")  # which takes long
    figure.draw_without_rendering()
