import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from npvae.datasets import NAMES, catalogue, default_dataset, load_dataset
from npvae.datasets import glyphs as glyph_module
from npvae.datasets import load as module
from npvae.datasets import mnist as mnist_module
from npvae.datasets.places import cache_folder
from npvae.errors import DataError, DataUnavailableError, InputError


@pytest.fixture
def offline(monkeypatch, no_data_folder):
    def refuse(*arguments, **options):
        raise DataUnavailableError("https://mirror.example/: no connection")

    monkeypatch.setattr(mnist_module, "download", refuse)


@pytest.fixture
def few_glyphs(monkeypatch):
    monkeypatch.setattr(glyph_module, "N_TRAIN", 24)
    monkeypatch.setattr(glyph_module, "N_TEST", 6)


@pytest.fixture
def small_mnist(make_set, monkeypatch):
    monkeypatch.setattr(module, "IDX_SETS", {"mnist": make_set()})


def test_what_was_named_is_never_replaced(offline):
    for name in ("mnist", "fashion-mnist"):
        with pytest.raises(DataUnavailableError, match=f"^{name} is not on this machine"):
            load_dataset(name)


def test_a_folder_called_mnist_is_reached_by_its_path(offline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    with pytest.raises(DataUnavailableError):
        load_dataset("mnist")
    with pytest.raises(DataError, match="no images"):
        load_dataset("./mnist")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mnits", "did you mean mnist"),
        ("Fashion_MNIST", "did you mean fashion-mnist"),
        ("no/such/file.npy", "'no/such/file.npy'"),
        ("", "''"),
        ("a\0b", "no file"),
        ("x" * 5000, "no file"),
    ],
)
def test_an_unknown_name_gets_the_list(name, hint):
    with pytest.raises(InputError, match=hint) as caught:
        load_dataset(name)
    for expected in (*NAMES, ".npy", ".npz", ".csv", "folder of images"):
        assert expected in str(caught.value)


def test_arguments_that_do_not_fit():
    with pytest.raises(InputError, match=r"n_train and n_test .+ glyphs"):
        load_dataset("mnist", n_test=3)
    with pytest.raises(InputError, match=r"label_column .+ glyphs"):
        load_dataset("glyphs", label_column="y")


def test_default_is_mnist_where_it_can_be_had(
    small_mnist, no_data_folder, monkeypatch, small_files, cache
):
    monkeypatch.setattr(mnist_module, "download", lambda file, *_, **__: small_files[file])
    data, reason = default_dataset(progress=False)
    assert data.name == "small"
    assert "mnist" in reason


def test_default_is_glyphs_else_and_says_why(offline, few_glyphs):
    data, reason = default_dataset(seed=1, progress=False)
    assert data.name == "glyphs"
    assert "uses glyphs because MNIST is not on this machine" in reason
    np.testing.assert_array_equal(
        data.train.x, load_dataset("glyphs", seed=1, n_train=24, n_test=6).train.x
    )


def test_where_the_named_folder_does_not_have_mnist_it_says_so(
    offline, few_glyphs, monkeypatch, tmp_path
):
    monkeypatch.setenv("NPVAE_DATA", str(tmp_path))
    _, reason = default_dataset(progress=False)
    assert f"NPVAE_DATA is {tmp_path}" in reason


def test_default_is_glyphs_where_nothing_can_download(
    small_mnist, no_data_folder, few_glyphs, monkeypatch
):
    """A clone that nobody has installed, on a machine that has NumPy, matplotlib and tqdm."""
    monkeypatch.setitem(sys.modules, "pooch", None)
    data, reason = default_dataset(progress=False)
    assert data.name == "glyphs"
    assert "could not be downloaded" in reason
    with pytest.raises(DataUnavailableError, match="pip install pooch"):
        load_dataset("mnist")


def test_default_is_glyphs_where_mnist_is_damaged(
    small_mnist, few_glyphs, tmp_path, monkeypatch, small_files
):
    monkeypatch.setenv("NPVAE_DATA", str(tmp_path))
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / next(iter(small_files))).write_bytes(b"<html>")
    data, reason = default_dataset(progress=False)
    assert data.name == "glyphs"
    assert "not the official file" in reason
    assert "\n" not in reason


def test_catalogue_looks_without_loading(small_mnist, cache, small_files, no_data_folder):
    assert [entry.place for entry in catalogue()][:2] == ["not on disk", "not on disk"]
    folder = cache / "small"
    folder.mkdir(parents=True)
    for name in small_files:
        (folder / name).write_bytes(b"never opened")
    small, glyphs, tunes, own = catalogue()
    assert small.place == str(folder)
    assert (glyphs.name, glyphs.examples, glyphs.shape) == (
        "glyphs",
        "55,000 training, 5,000 validation, 10,000 test",
        (28, 28),
    )
    assert tunes.shape == (16, 33)
    assert ".csv" in own.how
    (folder / name).unlink()
    assert catalogue()[0].place == "not on disk"


def test_importing_stays_light():
    heavy = {"matplotlib", "PIL", "pooch", "requests", "tqdm"}
    code = f"import npvae.datasets, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_user_without_a_home_directory_has_a_cache_folder(monkeypatch, tmp_path):
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where nobody is known
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert cache_folder() == tmp_path / "npvae"
