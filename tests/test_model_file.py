import json

import numpy as np
import pytest
from strict_device import StrictDevice, waiting_allowed

from npvae import (
    VAE,
    Autoencoder,
    DataError,
    Dense,
    InputError,
    Pixels,
    Standardized,
    load_model,
    save_model,
)

MODELS = {
    "vae": lambda **o: VAE.dense(6, (5, 4), 2, activation="tanh", beta=2, seed=3, **o),
    "vae without hidden layers": lambda **o: VAE.dense(6, (), 2, seed=3, **o),
    "vae, gaussian": lambda **o: VAE.dense(6, 5, 2, likelihood="gaussian", sigma=0.3, **o),
    "autoencoder": lambda **o: Autoencoder.dense(6, 5, 2, activation="softplus", seed=3, **o),
}
X = np.random.default_rng(0).random((7, 6))


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MODELS)
def test_what_is_loaded_is_what_was_saved(tmp_path, name, dtype):
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
    x = X.astype(dtype)
    np.testing.assert_array_equal(again.model.reconstruct(x), model.reconstruct(x))
    eps = model.draw_noise(np.random.default_rng(1), len(x))
    assert again.model.loss_and_grad(x, eps) == model.loss_and_grad(x, eps)


def test_the_standardisation_goes_with_the_model(tmp_path):
    scaling = Standardized(np.arange(6) / 7, np.arange(1, 7) / 3)
    save_model(tmp_path / "model.npz", MODELS["vae, gaussian"](), scaling, (6,))
    again = load_model(tmp_path / "model.npz").scaling
    assert isinstance(again, Standardized)
    np.testing.assert_array_equal(again.mean, scaling.mean)
    np.testing.assert_array_equal(again.std, scaling.std)


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


def test_layers_of_ones_own_cannot_be_saved(tmp_path):
    model = VAE(Dense(6, 4, rng=0), Dense(2, 6, rng=0), n_x=6, n_z=2)
    with pytest.raises(InputError, match=r"layers of your own.*model\.params\.flat"):
        save_model(tmp_path / "model.npz", model, Pixels(), (6,))
    assert not list(tmp_path.iterdir())


# ---- files that are none -------------------------------------------------------------------------


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match=r"there is no file .*model\.npz; give one that"):
        load_model(tmp_path / "model.npz")


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
    with pytest.raises(DataError, match="cannot be read as"):
        load_model(saved)


def test_an_array_alone(saved):
    with open(saved, "wb") as file:
        np.save(file, X)
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


@pytest.mark.parametrize("changes", [{"scaling__std": np.zeros(6)}, {"scaling__mean": np.zeros(3)}])
def test_a_damaged_standardisation(tmp_path, changes):
    path = tmp_path / "model.npz"
    save_model(path, MODELS["vae"](), Standardized(np.zeros(6), np.ones(6)), (6,))
    rewrite(path, **changes)
    with pytest.raises(DataError, match=r"model\.npz"):
        load_model(path)


def test_a_file_of_a_later_npvae_says_what_to_do(saved):
    rewrite_header(saved, format=2)
    with pytest.raises(DataError, match="has format 2; this npvae reads format 1"):
        load_model(saved)
