"""The pictures of a run: all that it has, and why it has no others."""

from io import StringIO

import matplotlib.pyplot as plt
import measured_runs
import numpy as np
import pytest
from strict_device import StrictDevice, waiting_allowed
from untrained_runs import HISTORY, SHAPES, by_the_seed, catch, make_run

from npvae import IWAE, VAE, Autoencoder, DataError, DenoisingAutoencoder, InputError, figures
from npvae.runs.folder import RunFolder
from npvae.runs.model_file import SavedModel
from npvae.runs.pictures import PICTURES, Picture, Trained, draw, draw_all, with_bar

WITHOUT_PRIOR = {"samples", "kl", "rate-distortion"}


@pytest.fixture
def caught(monkeypatch):
    """Where the arguments of every picture are, none of which is drawn."""
    return catch(monkeypatch)


# ---- every picture of every kind -----------------------------------------------------------------


def draw_those(run, *names):
    """Draw pictures, none of which is empty."""
    with figures.off_screen():
        for name in names:
            assert any(ax.has_data() for ax in PICTURES[name].draw(run).figure.axes), name


@pytest.mark.parametrize(
    ("form", "n_z", "labels"),
    [("grey", 1, None), ("grey", 3, "in turn"), ("table", 1, "in turn"), ("table", 2, None)],
)
def test_every_picture_that_the_codes_and_labels_decide(form, n_z, labels):
    """Of a VAE that is told the labels, where there are some."""
    run = make_run(form=form, n_z=n_z, labels=labels, n_y=3 if labels else 0)
    draw_those(run, *PICTURES.keys() - {"history", "kl", "rate-distortion"})


@pytest.mark.parametrize("form", sorted(SHAPES.keys() - {"grey", "table"}))
def test_every_picture_that_the_form_decides(form):
    run = make_run(form=form, n_z=2)
    draw_those(run, *PICTURES.keys() - {"history", "scatter", "kl", "rate-distortion"})


@pytest.mark.parametrize(
    ("model", "form"), [(IWAE, "table"), (Autoencoder, "grey"), (DenoisingAutoencoder, "table")]
)
def test_every_picture_that_a_model_has(model, form):
    """An autoencoder has no prior, and says so where one would be shown."""
    run = make_run(model, form, labels="in turn")
    for name in PICTURES:
        if model is not IWAE and name in WITHOUT_PRIOR:
            with pytest.raises(InputError, match="an autoencoder has no prior"):
                PICTURES[name].draw(run)
        else:
            draw_those(run, name)
    assert not plt.get_fignums()


@pytest.mark.parametrize("options", [{"n": 1}, {"history": HISTORY}, {"n": 40, "n_z": 12}])
@pytest.mark.parametrize("model", [VAE, Autoencoder])
def test_few_examples_no_validation_part_many_latents(model, options):
    run = make_run(model, **options)
    without = WITHOUT_PRIOR if model is Autoencoder else set()
    draw_those(run, *PICTURES.keys() - {"samples", "interpolation"} - without)


@pytest.mark.parametrize("model", [VAE, Autoencoder])
@pytest.mark.parametrize("form", ["grey", "table"])
@pytest.mark.parametrize("n_z", [1, 3])
def test_codes_that_have_all_become_one(model, form, n_z):
    run = make_run(model, form, n_z)
    run.model.encoder.layers[-1].W[...] = 0
    draw_those(run, "scatter", "manifold", "traversals")


@pytest.mark.parametrize("name", PICTURES)
def test_every_picture_is_drawn_where_it_is_told(name):
    with figures.off_screen():
        figure, (_, ax) = plt.subplots(1, 2)
        assert PICTURES[name].draw(make_run(n_z=3), ax=ax) is ax
        with_content = [part for part in figure.axes if part.has_data()]
        plt.close(figure)
    assert with_content
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (InputError("too dark"), "too dark"),
        (FloatingPointError("overflow"), "overflow"),
        (ValueError("no axis"), "no axis"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_one_that_cannot_be_drawn_costs_no_other(monkeypatch, error, why):
    def fail(run):
        raise error

    monkeypatch.setattr("npvae.runs.pictures.light_and_dark", lambda ax: (b"", b""))
    few = {name: PICTURES[name] for name in ("history", "kl")}
    monkeypatch.setattr("npvae.runs.pictures.PICTURES", {"scatter": Picture(fail, "")} | few)
    drawn = draw_all(make_run())
    assert drawn.pop("scatter") == why
    assert drawn.keys() == few.keys()
    assert {picture[:2] for picture in drawn.values()} == {(b"", b"")}
    assert "nats in total" in drawn["kl"].title


def test_where_the_data_are_gone_nothing_is_drawn_in_vain(monkeypatch):
    def gone():
        raise DataError("gone")

    run = make_run()
    saved = SavedModel(run.model, run.scaling, run.shape)
    monkeypatch.setattr("npvae.runs.pictures.light_and_dark", lambda ax: (b"", b""))
    with pytest.raises(DataError):
        draw_all(Trained(saved, gone, HISTORY, columns=(), classes=()))


def test_all_at_once_with_reasons_for_the_missing(monkeypatch):
    """In the order of PICTURES; the pictures themselves are drawn elsewhere."""
    monkeypatch.setattr("npvae.runs.pictures.light_and_dark", lambda ax: ("light", "dark"))
    drawn = draw_all(make_run(Autoencoder, history={}))
    assert list(drawn) == list(PICTURES)
    reasons = {name: why for name, why in drawn.items() if isinstance(why, str)}
    assert reasons.keys() == {"samples", "history", "kl", "rate-distortion"}
    assert "no epoch" in reasons.pop("history")
    assert all("no prior" in why for why in reasons.values())
    light, dark, title = drawn["scatter"]
    assert (light, dark) == ("light", "dark")
    assert "12 test examples" in title


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_which_picture_is_drawn(monkeypatch, terminal):
    class Screen(StringIO):
        def isatty(self):
            return terminal

    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    for name in with_bar(["kl", "scatter"]):
        assert (f"Drawing {name}" in screen.getvalue()) == terminal
    assert terminal or not screen.getvalue()


def test_without_a_test_example():
    run = make_run(n=1)
    run.dataset = type(run.dataset)(
        **{**vars(run.dataset), "test": run.dataset.test.only(slice(0, 0))}
    )
    for name in ("reconstructions", "scatter", "manifold", "interpolation", "traversals", "kl"):
        with pytest.raises(InputError, match="no example"):
            PICTURES[name].draw(run)


def test_other_labels_than_the_model_knows():
    run = make_run(n=9, labels=np.arange(9), n_y=3)
    for name in ("reconstructions", "scatter", "interpolation", "traversals"):
        with pytest.raises(InputError, match="expected 0 to 2"):
            PICTURES[name].draw(run)


@pytest.mark.parametrize("name", ["samples", "reconstructions", "interpolation"])
def test_the_seed_decides_the_bytes(monkeypatch, name):
    """Of the draws of z, of pixels, and of the examples that are chosen."""
    monkeypatch.setattr("npvae.figures.writing.DPI", 40)
    with figures.off_screen():
        same, again, other = (
            figures.picture_bytes(
                PICTURES[name].draw(make_run(binarize="dynamic", n=40, seed=seed))
            )
            for seed in (3, 3, 4)
        )
    assert same == again
    assert same != other


def test_examples_are_chosen_by_the_seed_alone():
    """More of them begin with the same, and there are no more than there are."""
    run, other = make_run(n=40, seed=3), make_run(n=40, seed=4)
    np.testing.assert_array_equal(run.chosen(16), by_the_seed(run, 16))
    np.testing.assert_array_equal(run.chosen(30)[:16], run.chosen(16))
    assert sorted(run.chosen(50)) == list(range(40))
    assert (run.chosen(16) != other.chosen(16)).any()


def test_a_picture_for_white_paper_and_one_for_a_dark_screen():
    light, dark, _ = draw(make_run(), "kl")
    assert light[:4] == dark[:4] == b"\x89PNG"
    assert light != dark


@pytest.mark.parametrize(
    ("model", "options"),
    [(VAE, {"labels": "in turn", "n_y": 3}), (VAE, {"form": "heights"}), (Autoencoder, {})],
)
def test_a_model_on_a_device_has_the_same_pictures(caught, model, options):
    here, there = make_run(model, **options), make_run(model, device=StrictDevice(), **options)
    for name in ("reconstructions", "scatter", "manifold", "interpolation", "traversals"):
        x = []
        for run in (here, there):
            with waiting_allowed():
                PICTURES[name].draw(run)
            ((drawn, *_), _) = caught.popitem()[1]
            x.append(drawn)
        np.testing.assert_allclose(*x, rtol=1e-5, atol=1e-6, err_msg=name)


# ---- from a folder -------------------------------------------------------------------------------


def test_a_run_is_read_from_its_folder(tmp_path, monkeypatch):
    measured_runs.save_data(tmp_path)
    measured_runs.train(tmp_path, "animals")
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.open("animals")
    run = Trained.open(folder, seed=4)
    saved = folder.load_model()
    np.testing.assert_array_equal(run.model.params.flat, saved.model.params.flat)
    assert run.history["epoch"] == [1]
    assert (run.best, run.seed, run.form.shape) == (None, 4, (4, 5))
    for path in ("animals", tmp_path / "animals"):
        again = Trained.open(path)
        np.testing.assert_array_equal(again.model.params.flat, saved.model.params.flat)
    (folder / "history.csv").unlink()
    (tmp_path / "animals.npz").rename("moved.npz")
    assert Trained.open(folder, "moved.npz").history == {}
