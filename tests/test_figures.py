import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from npvae import figures

SHAPES = [(28, 28), (8, 8), (5, 9), (12, 4), (1, 1), (6, 7, 3), (6, 6, 1)]
TABLES = [((3,), ("height", "weight", "age")), ((3,), ()), ((40,), ()), ((2, 3, 4), ())]


def examples(n, shape, seed=0):
    return np.random.default_rng(seed).random((n, int(np.prod(shape)))).astype(np.float32)


# ---- tiles ---------------------------------------------------------------------------------------


def test_tiles_by_hand():
    images = np.array([[0.0, 0.1], [0.2, 0.3], [0.4, 1.0]])  # three of 1 x 2
    w = 1.0  # white: the frame, and where no image is
    np.testing.assert_array_equal(
        figures.tile(images, (1, 2), columns=2),
        [
            [w, w, w, w, w, w, w],
            [w, 0.0, 0.1, w, 0.2, 0.3, w],
            [w, w, w, w, w, w, w],
            [w, 0.4, 1.0, w, w, w, w],
            [w, w, w, w, w, w, w],
        ],
    )


def test_colours_stay_the_last_axis():
    image = np.arange(12).reshape(1, 12) / 12
    grid = figures.tile(image, (2, 2, 3), columns=1)
    assert grid.shape == (4, 4, 3)
    np.testing.assert_array_equal(grid[1:3, 1:3], image.reshape(2, 2, 3))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((28, 28), True), ((5, 9, 3), True), ((5, 9, 1), True), ((5, 9, 4), False), ((784,), False)],
)
def test_what_can_be_shown_as_a_picture(shape, expected):
    assert figures.is_image(shape) is expected


# ---- the pictures --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 8, 9, 16, 20])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pictures_of_images(shape, n):
    x, x_hat = examples(n, shape), examples(n, shape, seed=1)
    pairs = figures.reconstructions(x, x_hat, shape)
    first = min(n, 8)
    above = figures.tile(np.concatenate([x[:first], x_hat[:first]]), shape, columns=first)
    shown = pairs.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, above.squeeze() if shape[-1:] == (1,) else above)
    figures.samples(x, shape)


@pytest.mark.parametrize("n", [1, 3, 20])
@pytest.mark.parametrize(("shape", "columns"), TABLES)
def test_pictures_of_tables(shape, columns, n):
    x, x_hat = examples(n, shape), examples(n, shape, seed=1)
    pairs = figures.reconstructions(x, x_hat, shape, columns)
    given, made = pairs.axes[0].lines
    np.testing.assert_array_equal(given.get_ydata(), x[0])
    np.testing.assert_array_equal(made.get_ydata(), x_hat[0])
    made_up = figures.samples(x, shape, columns)
    *lines, median = made_up.axes[0].lines
    assert len(lines) == n
    np.testing.assert_array_equal(median.get_ydata(), np.median(x, axis=0))
    if columns:
        labels = [label.get_text() for label in made_up.axes[0].get_xticklabels()]
        assert labels == list(columns)


HISTORY = {
    "epoch": [1.0, 2.0],
    "train_elbo": [-120.0, -110.0],
    "train_reconstruction": [110.0, 95.0],
    "train_kl": [10.0, 15.0],
}
HELD_OUT = {f"validation_{key[6:]}": values for key, values in HISTORY.items() if key != "epoch"}


def test_history_shows_both_parts():
    figure = figures.history(HISTORY | HELD_OUT | {"validation_active_units": [3.0, 5.0]})
    assert [len(ax.lines) for ax in figure.axes] == [2, 2, 2, 1]
    train, _ = figure.axes[0].lines
    np.testing.assert_array_equal(train.get_ydata(), HISTORY["train_elbo"])
    assert all("nats" in ax.get_title(loc="left") for ax in figure.axes[:3])


def test_history_shows_what_was_maximised():
    """Of several draws that is minus the loss, and no ELBO."""
    columns = HISTORY | {"train_loss": [100.0, 90.0], "validation_bound": [-95.0, -92.0]}
    ax = figures.history(columns, "L_5").axes[0]
    assert ax.get_title(loc="left") == "L_5 (nats an example)"
    train, held_out = (line.get_ydata() for line in ax.lines)
    np.testing.assert_array_equal(train, [-100, -90])
    np.testing.assert_array_equal(held_out, [-95, -92])


def test_history_of_an_autoencoder_has_no_kl():
    columns = HISTORY | {"train_loss": [100.0, 90.0], "train_kl": [0.0, 0.0]}
    ax = figures.history(columns, "log p(x|z)").axes[2]
    assert not ax.lines
    assert ax.texts[0].get_text() == "no prior, no KL"


def test_history_without_a_validation_part_says_so():
    figure = figures.history(HISTORY)
    assert [len(ax.lines) for ax in figure.axes] == [1, 1, 1, 0]
    assert figure.axes[3].texts[0].get_text() == "no validation part"


# ---- what a model was given ----------------------------------------------------------------------


def test_spoiled_examples_lie_between_the_clean_ones_and_the_answers():
    clean, spoiled, made = (np.full((3, 4), level) for level in (0.2, 0.5, 0.8))
    figure = figures.reconstructions(clean, made, (2, 2), spoiled=spoiled, how="cleaned")
    (image,) = figure.axes[0].images
    np.testing.assert_allclose(image.get_array()[1::3, 1], [0.2, 0.5, 0.8])
    title = figure.axes[0].get_title(loc="left")
    assert title == "above: test examples, between: spoiled, as given to the model, below: cleaned"


def test_rows_of_a_table_are_shown_spoiled_as_well():
    x = np.zeros((1, 3))
    ax = figures.reconstructions(x, x + 1, (3,), spoiled=x - 1).axes[0]
    assert [line.get_label() for line in ax.lines] == [
        "example",
        "spoiled, as given",
        "reconstructed",
    ]
    assert [line.get_ydata()[0] for line in ax.lines] == [0, -1, 1]


def test_samples_in_columns_of_ones_own():
    figure = figures.samples(np.zeros((6, 4)), (2, 2), across=6)
    assert figure.axes[0].images[0].get_array().shape == (4, 19)


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28), (6, 7, 3), (3,)], ids=str)
def test_same_figure_same_bytes(tmp_path, shape):
    x = examples(16, shape)
    for name in ("one.png", "other.png"):
        figures.save(figures.reconstructions(x, x, shape), tmp_path / name)
    one, other = ((tmp_path / name).read_bytes() for name in ("one.png", "other.png"))
    assert one == other
    assert one.startswith(b"\x89PNG")
    assert mpl.__version__.encode() not in one


def test_everything_is_drawn_to_the_end(tmp_path):
    """Layout and tick labels are made only when a figure is written."""
    x, table = examples(64, (28, 28)), examples(64, (3,))
    drawn = {
        "samples": figures.samples(x, (28, 28)),
        "wide": figures.samples(examples(10, (5, 30)), (5, 30)),
        "table": figures.samples(table, (3,), ("a", "b", "c")),
        "pairs": figures.reconstructions(table, table, (3,), ("a", "b", "c")),
        "history": figures.history(HISTORY | HELD_OUT),
        "one epoch": figures.history({key: values[:1] for key, values in HISTORY.items()}),
    }
    for name, figure in drawn.items():
        figures.save(figure, tmp_path / f"{name}.png")
        with Image.open(tmp_path / f"{name}.png") as image:
            assert np.asarray(image).std() > 1


def test_a_digit_is_light_on_dark():
    """As MNIST is stored: 1 is white."""
    image = figures.samples(np.ones((1, 4)), (2, 2)).axes[0].images[0]
    assert image.get_cmap()(image.norm(1.0))[:3] == (1.0, 1.0, 1.0)


def test_names_of_columns_are_no_formulas(tmp_path):
    """A dollar is a dollar, as in a table of prices."""
    x = np.zeros((3, 4))
    for names in (["$\\foo$", "a$", "$", "b"], ["one", "name"]):
        figures.save(figures.samples(x, (4,), names), tmp_path / "samples.png")


def test_a_history_beyond_what_can_be_drawn(tmp_path):
    columns = {"epoch": [1, 2], "train_elbo": [-1e308, 1e308], "train_kl": [1.0, 1.0]}
    figures.save(figures.history(columns), tmp_path / "history.png")
