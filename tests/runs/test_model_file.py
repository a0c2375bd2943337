import json

import numpy as np
import pytest
from strict_device import StrictDevice, waiting_allowed
from tiny_trainings import MODELS, Named, own_layers

from npvae import (
    VAE,
    DataError,
    Gaussian,
    InputError,
    Laplace,
    Pixels,
    Standardized,
    TrainingError,
    load_model,
    save_model,
)
from npvae.runs.model_file import read_content, write_content

REBUILT = sorted(MODELS.keys() - {"own class", "own layers", "float64"})


@pytest.fixture
def x(rng):
    return rng.random((7, 6))


@pytest.fixture
def saved(tmp_path):
    """The file of a small model."""
    path = tmp_path / "model.npz"
    save_model(path, MODELS["vae"](), Pixels("dynamic"), (2, 3))
    return path


def rewrite(path, **changes):
    """Write a saved file again with other arrays; None leaves one out."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= {name.replace("__", "/").replace("_", "."): a for name, a in changes.items()}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def rewrite_header(path, **changes):
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
    rewrite(path, header=np.array(json.dumps(header | changes)))


# ---- there and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, np.float32) for name in REBUILT), ("vae", np.float64)]
)
def test_what_is_loaded_is_what_was_saved(tmp_path, x, name, dtype):
    model = MODELS[name](dtype=dtype)
    save_model(tmp_path / "model.npz", model, Pixels("threshold"), (2, 3))
    again = load_model(tmp_path / "model.npz", dtype=dtype)
    np.testing.assert_array_equal(again.model.params.flat, model.params.flat)
    assert again.model.params.flat.dtype == dtype
    assert type(again.model) is type(model)
    assert again.model.config == model.config
    assert again.shape == (2, 3)
    assert isinstance(again.scaling, Pixels)
    assert again.scaling.binarize == "threshold"
    x = x.astype(dtype)
    y = model.one_hot(np.arange(7) % 3) if model.n_y else None
    np.testing.assert_array_equal(again.model.reconstruct(x, y=y), model.reconstruct(x, y=y))
    for each in (model, again.model):
        each.params.grad[:] = 0
        each.loss_and_grad(x, each.draw_noise(np.random.default_rng(1), len(x)), y)
    np.testing.assert_array_equal(again.model.params.grad, model.params.grad)


def test_the_standardisation_goes_with_the_model(tmp_path):
    scaling = Standardized(np.arange(6) / 7, np.arange(1, 7) / 3)
    save_model(tmp_path / "model.npz", MODELS["gaussian"](), scaling, (6,))
    again = load_model(tmp_path / "model.npz").scaling
    assert isinstance(again, Standardized)
    np.testing.assert_array_equal(again.mean, scaling.mean)
    np.testing.assert_array_equal(again.std, scaling.std)
    assert not again.constant.any()


def test_constant_columns_go_with_the_model(tmp_path):
    """A model without one is written as older versions wrote it, and theirs have no such array."""
    path, flags = tmp_path / "model.npz", np.arange(6) == 2
    save_model(path, MODELS["gaussian"](), Standardized(np.ones(6), np.ones(6), flags), (6,))
    np.testing.assert_array_equal(load_model(path).scaling.constant, flags)
    content = read_content(path, "a model")
    content[1]["scaling/constant"] = flags[:5]
    write_content(path, *content)
    with pytest.raises(DataError, match="scaling/constant"):
        load_model(path)
    save_model(path, MODELS["gaussian"](), Standardized(np.ones(6), np.ones(6)), (6,))
    assert "scaling/constant" not in read_content(path, "a model")[1]


def test_something_else_than_a_model(tmp_path):
    (tmp_path / "own.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"own\.csv is not a file that npvae wrote"):
        load_model(tmp_path / "own.csv")
    with pytest.raises(DataError, match=r"nope: .*run folder"):
        load_model(tmp_path / "nope")


def test_same_model_same_bytes(tmp_path, saved):
    save_model(tmp_path / "again.npz", MODELS["vae"](), Pixels("dynamic"), (2, 3))
    assert (tmp_path / "again.npz").read_bytes() == saved.read_bytes()


def test_there_is_no_pickle_in_it(saved):
    with np.load(saved, allow_pickle=False) as file:
        assert {file[name].dtype.kind for name in file.files} <= {"f", "U"}


def test_a_model_moves_between_devices(tmp_path, saved):
    device = StrictDevice()
    moved = load_model(saved, device=device).model
    with waiting_allowed():
        save_model(tmp_path / "again.npz", moved, Pixels("dynamic"), (2, 3))
    assert (tmp_path / "again.npz").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("name", ["own class", "own layers"])
def test_of_what_is_ones_own_the_file_has_the_numbers(tmp_path, name):
    """Its code it cannot have: loading needs a model of the same make."""
    path, model = tmp_path / "model.npz", MODELS[name]()
    model.beta, kind = 0.5, type(model).__name__
    save_model(path, model, Pixels(), (6,))
    with pytest.raises(DataError, match=f"{kind}.*model="):
        load_model(path)
    given = MODELS[name]()
    given.params.flat[:] = 7
    again = load_model(path, model=given).model
    assert again is given
    assert (type(again), again.beta) == (type(model), 0.5)
    np.testing.assert_array_equal(again.params.flat, model.params.flat)


def test_one_class_is_not_taken_for_another(tmp_path):
    """Of the same sizes: what the class of one's own does is not in the file."""
    plain, own = VAE.dense(6, 5, 2), Named.dense(6, 5, 2)
    for model, other, words in ((plain, own, "VAE"), (own, plain, "Named")):
        before = other.params.flat.copy()
        save_model(tmp_path / "model.npz", model, Pixels(), (6,))
        with pytest.raises(DataError, match=words):
            load_model(tmp_path / "model.npz", model=other)
        np.testing.assert_array_equal(other.params.flat, before)


def test_layers_of_another_class_are_another_model(tmp_path):
    """Where their arrays have the same names and shapes."""
    path, other = tmp_path / "model.npz", own_layers()
    save_model(path, other, Pixels(), (6,))
    load_model(path, model=own_layers())
    other.decoder.__class__ = type("Steep", (type(other.decoder),), {})
    with pytest.raises(DataError, match="Steep"):
        load_model(path, model=other)


def test_a_likelihood_of_ones_own_is_given_again(tmp_path):
    path, model = tmp_path / "model.npz", VAE.dense(6, 5, 2, likelihood=Gaussian(0.5), seed=0)
    save_model(path, model, Pixels("none"), (6,))
    with pytest.raises(DataError, match="model="):
        load_model(path)
    again = VAE.dense(6, 5, 2, likelihood=Gaussian(0.5), seed=1)
    load_model(path, model=again)
    np.testing.assert_array_equal(again.params.flat, model.params.flat)
    with pytest.raises(DataError, match="Laplace"):
        load_model(path, model=VAE.dense(6, 5, 2, likelihood=Laplace(0.5)))


def test_what_is_assigned_to_a_layer_is_saved(tmp_path):
    model = own_layers()
    model.decoder.b = np.arange(6.0)
    save_model(tmp_path / "model.npz", model, Pixels(), (6,))
    with np.load(tmp_path / "model.npz") as file:
        np.testing.assert_array_equal(file["params/decoder.b"], np.arange(6))


@pytest.mark.parametrize(
    ("scaling", "change", "error"),
    [
        (Pixels(), {"beta": -1.0}, InputError),
        (Pixels(), {"beta": np.nan}, InputError),
        (object(), {}, InputError),
        (type("Own", (Pixels,), {})(), {}, InputError),
        (Pixels(), {"number": np.nan}, TrainingError),
        ("spread", {}, (InputError, DataError)),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path, scaling, change, error):
    model = MODELS["vae"]()
    if "beta" in change:
        model.beta = change["beta"]
    model.params.flat[0] = change.get("number", 1)
    with pytest.raises(error):  # noqa: PT012, a spread of zero is refused at once
        scaling = Standardized(np.zeros(6), np.zeros(6)) if scaling == "spread" else scaling
        save_model(tmp_path / "model.npz", model, scaling, (6,))
    assert not list(tmp_path.iterdir())


# ---- files that are none -------------------------------------------------------------------------


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(tmp_path / "model.npz")


@pytest.mark.parametrize("shape", [(5,), ("6",), "6", (2, -3, -1), (2.0, 3.0)])
def test_a_shape_that_could_not_be_loaded_is_not_saved(tmp_path, shape):
    with pytest.raises(DataError, match="6 numbers"):
        save_model(tmp_path / "model.npz", VAE.dense(6, 5, 2), Pixels(), shape)
    assert not list(tmp_path.iterdir())
    save_model(tmp_path / "model.npz", VAE.dense(6, 5, 2), Pixels(), tuple(np.array([2, 3])))
    assert load_model(tmp_path / "model.npz").shape == (2, 3)


def test_a_file_cut_short_at_any_place(saved):
    content = saved.read_bytes()
    for length in range(0, len(content), 97):
        saved.write_bytes(content[:length])
        with pytest.raises(DataError, match=r"model\.npz"):
            load_model(saved)


def test_a_damaged_file(saved):
    """Whichever byte is wrong: a DataError, or (in what zip itself ignores) the same model."""
    content, model = saved.read_bytes(), load_model(saved).model
    for place in range(0, len(content), 53):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        saved.write_bytes(damaged)
        try:
            again = load_model(saved).model
        except DataError:
            continue
        np.testing.assert_array_equal(again.params.flat, model.params.flat)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04", b"\x80\x04N."])
def test_another_kind_of_file(saved, content):
    saved.write_bytes(content)
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(saved)


def test_an_array_alone(saved, x):
    with open(saved, "wb") as file:
        np.save(file, x)
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(saved)


def test_a_pickle_is_never_opened(saved):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was opened",)

    rewrite(saved, header=np.array([Trap()], dtype=object))
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"header": None},
        {"header": np.array("no JSON")},
        {"header": np.array("[]")},
        {"params__encoder_0_W": None},
        {"params__encoder_0_W": np.zeros((6, 6))},
        {"params__encoder_0_b": np.zeros(1)},  # which would broadcast
        {"params__encoder_0_W": np.array("text")},
        {"params__encoder_0_b": np.full(5, np.nan)},
        {"params__encoder_0_b": np.full(5, 1j)},
        {"params__encoder_0_b": np.full(5, "b")},
    ],
)
def test_a_file_with_something_else_in_it(saved, changes):
    rewrite(saved, **changes)
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 99},
        {"model": {"model": "gan"}},
        {"model": {"model": "vae"}},
        {"model": {"model": "vae", "n_x": -1, "n_h": [3], "n_z": 2}},
        {"model": {"model": ["vae"], "n_x": 6, "n_h": [5, 4], "n_z": 2}},
        {"scaling": {"kind": "unknown"}},
        {"scaling": {"kind": "pixels", "binarize": "sometimes"}},
        {"scaling": {"kind": "standardized"}},
        {"shape": None},
        {"shape": [2, 2]},
    ],
)
def test_a_header_that_says_something_else(saved, changes):
    rewrite_header(saved, **changes)
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(saved)


HOSTILE = {
    "vae": {
        "n_y": [10**15, -1, 1.5, "3", 1],
        "beta": ["much"],
        "free_bits": [-1, []],
        "logvar_range": [[2, -6], ["a", 2], 3],
        "sigma": ["best"],
        "likelihood": ["poisson"],
        "activation": ["gated"],
        "n_h": [[10**12, 4]],
        "model": ["iwae"],
        "k": [3],
        "speed": [3],
    },
    "iwae": {
        "k": [10**15, 2.0, 0, "3", True, None],
        "objective": ["best", []],
        "beta": [2],
        "model": ["vae"],
        "amount": [0.3],
    },
    "denoising": {
        "corruption": ["fog", 3, []],
        "amount": [0, "much", None],
        "n_y": [10**15],
        "logvar_range": [[-6, 2]],
    },
    "dreg, conditional": {"n_y": [10**15, 0, 2, True]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_lies_about_its_model(tmp_path, name):
    """No lie about a size may take memory, and none may end in a traceback."""
    path = tmp_path / "model.npz"
    for field, lie in ((field, lie) for field, lies in HOSTILE[name].items() for lie in lies):
        save_model(path, MODELS[name](), Pixels(), (2, 3))
        rewrite_header(path, model=MODELS[name]().config | {field: lie})
        with pytest.raises(DataError, match=r"model\.npz"):
            load_model(path)


@pytest.mark.parametrize("lie", [{"n_y": 10**6}, {"n_h": [10**6, 4]}, {"n_z": 10**6}])
def test_sizes_that_the_file_does_not_hold_take_no_memory(saved, lie):
    rewrite_header(saved, model=MODELS["vae"]().config | lie)
    with pytest.raises(DataError, match="110 numbers"):
        load_model(saved)


@pytest.mark.parametrize("changes", [{"scaling__std": np.zeros(6)}, {"scaling__mean": np.zeros(3)}])
def test_a_damaged_standardisation(tmp_path, changes):
    path = tmp_path / "model.npz"
    save_model(path, MODELS["vae"](), Standardized(np.zeros(6), np.ones(6)), (6,))
    rewrite(path, **changes)
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(path)


def test_a_file_of_a_later_npvae_says_what_to_do(saved):
    rewrite_header(saved, format=2)
    with pytest.raises(DataError, match=r"format 2.*format 1"):
        load_model(saved)


@pytest.mark.parametrize(
    ("options", "part", "key"),
    [
        ({"activation": "leaky-relu"}, lambda model: model.encoder.layers[1], "slope"),
        ({"logvar_range": (-4, 4)}, lambda model: model.encoder.layers[-1], "high"),
        ({"likelihood": "laplace"}, lambda model: model.likelihood, "b"),
    ],
)
def test_a_part_that_was_changed_after_the_build_is_not_saved(tmp_path, options, part, key):
    model = VAE.dense(6, 5, 2, **options)
    save_model(tmp_path / "model.npz", model, Pixels("none"), (6,))
    setattr(part(model), key, 9.0)
    with pytest.raises(InputError, match=f"{key} of .+ 9.0"):
        save_model(tmp_path / "model.npz", model, Pixels("none"), (6,))


def test_a_model_file_keeps_the_columns_of_a_table(tmp_path):
    model = VAE.dense(4, (3,), 2, likelihood="gaussian")
    scaling = Standardized(np.zeros(4), np.ones(4))
    columns, categories = ("size", "a=x", "a=y", "b"), {"a": ("x", "y")}
    path = tmp_path / "model.npz"
    save_model(path, model, scaling, (4,), columns=columns, categories=categories)
    saved = load_model(path)
    assert (saved.columns, saved.categories) == (columns, categories)
    save_model(path, model, scaling, (4,))
    assert load_model(path).columns == ()
    for odd in ({"columns": columns[:2]}, {"columns": columns, "categories": {"b": ("x", "y")}}):
        save_model(path, model, scaling, (4,), **odd)
        with pytest.raises(DataError, match=r"model\.npz.+columns"):
            load_model(path)
