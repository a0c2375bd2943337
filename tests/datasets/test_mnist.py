import numpy as np
import pytest

from npvae.datasets import load_dataset
from npvae.datasets import mnist as module
from npvae.datasets.mnist import FASHION_MNIST, MNIST, load_idx_set
from npvae.errors import DataError, DataUnavailableError, InputError

FIRST = "train-images-idx3-ubyte.gz"


def put(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


@pytest.fixture
def offline(monkeypatch):
    def refuse(file, *arguments, **options):
        raise DataUnavailableError("https://mirror.example/: no connection")

    monkeypatch.setattr(module, "download", refuse)


@pytest.fixture
def online(monkeypatch, small_files):
    asked = []

    def deliver(file, *arguments, **options):
        asked.append(file)
        return small_files[file]

    monkeypatch.setattr(module, "download", deliver)
    return asked


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("NPVAE_DATA", str(tmp_path / "data"))
    return tmp_path / "data" / "small"


def test_the_named_folder_comes_first(data_folder, cache, small_files, make_set, offline):
    put(data_folder, small_files)
    put(cache / "small", dict.fromkeys(small_files, b"never looked at"))
    assert load_idx_set(make_set()).source == str(data_folder)


def test_then_the_cache(data_folder, cache, small_files, make_set, offline):
    put(cache / "small", small_files)
    assert load_idx_set(make_set()).source == str(cache / "small")


def test_a_named_folder_may_hold_some_of_the_files(
    data_folder, cache, small_files, make_set, online
):
    put(data_folder, {FIRST: small_files[FIRST]})
    assert load_idx_set(make_set()).source == f"{data_folder}, {cache / 'small'}"
    assert online == list(small_files)[1:]


def test_a_download_is_kept_and_used_again(no_data_folder, cache, small_files, make_set, online):
    which = make_set()
    load_idx_set(which)
    load_idx_set(which)
    assert online == list(small_files)
    kept = {path.name: path.read_bytes() for path in (cache / "small").iterdir()}
    assert kept == small_files


def test_images_and_labels_stay_together_and_the_last_ones_are_held_out(
    data_folder, small_files, make_set
):
    put(data_folder, small_files)
    data = load_idx_set(make_set())
    assert (len(data.train), len(data.validation), len(data.test)) == (22, 2, 6)
    assert (data.shape, data.kind, data.n_x) == ((2, 3), "pixels", 6)
    for part in (data.train, data.validation, data.test):
        numbers = part.take(slice(None))[:, 0].astype(int)
        np.testing.assert_array_equal(part.labels, 7 * numbers % 10)
    np.testing.assert_array_equal(data.validation.take(slice(None))[:, 0], [22, 23])
    np.testing.assert_array_equal(data.train.take(slice(None))[:, 0], np.arange(22))
    assert data.train.x is data.validation.x  # one array, not a copy for each part


@pytest.mark.parametrize("validation", [0, 1, 23])
def test_validation_is_as_large_as_asked(data_folder, small_files, make_set, validation):
    put(data_folder, small_files)
    data = load_idx_set(make_set(), validation=validation)
    assert (len(data.train), len(data.validation)) == (24 - validation, validation)


@pytest.mark.parametrize("validation", [-1, 24])
def test_validation_out_of_range(data_folder, small_files, make_set, validation):
    put(data_folder, small_files)
    with pytest.raises(InputError, match=rf"validation .+ is {validation}"):
        load_idx_set(make_set(), validation=validation)


def test_a_file_of_the_user_with_another_checksum_is_named_not_replaced(
    data_folder, small_files, make_set, online
):
    put(data_folder, small_files | {FIRST: b"<html>403</html>"})
    with pytest.raises(DataError, match="not the official file") as caught:
        load_idx_set(make_set())
    assert str(data_folder / FIRST) in str(caught.value)
    assert online == []
    assert (data_folder / FIRST).read_bytes() == b"<html>403</html>"


def test_a_damaged_file_in_the_cache_is_downloaded_anew(
    no_data_folder, cache, small_files, make_set, online
):
    put(cache / "small", small_files | {FIRST: small_files[FIRST][:-1]})
    load_idx_set(make_set())
    assert online == [FIRST]
    assert (cache / "small" / FIRST).read_bytes() == small_files[FIRST]


def test_an_absurdly_large_file_is_not_read(data_folder, small_files, make_set, monkeypatch):
    put(data_folder, small_files)
    monkeypatch.setattr(module, "LARGEST_FILE", 10)
    with pytest.raises(DataError, match="not the official file"):
        load_idx_set(make_set())


def test_unavailable_says_where_it_looked_what_failed_and_what_to_do(
    data_folder, cache, small_files, make_set, offline
):
    put(data_folder, {FIRST.removesuffix(".gz"): b"unpacked"})
    with pytest.raises(DataUnavailableError) as caught:
        load_idx_set(make_set())
    said = str(caught.value)
    for words in [
        *(str(data_folder), str(cache / "small"), FIRST, "mirror.example", "no connection"),
        *("NPVAE_DATA", "glyphs", "unpacked in"),
    ]:
        assert words in said
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_costs_a_remark(
    no_data_folder, cache, small_files, make_set, online
):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    data = load_idx_set(make_set())
    assert "download could not be saved" in data.remark
    assert len(data.train) == 22


def test_arrays_that_do_not_belong_together(data_folder, small_files, make_set):
    files = dict(small_files)
    files["train-labels-idx1-ubyte.gz"] = files["t10k-labels-idx1-ubyte.gz"]
    small_files.update(files)  # so that the checksums agree
    put(data_folder, files)
    with pytest.raises(DataError, match="do not belong together"):
        load_idx_set(make_set())


def test_the_published_sets_are_complete():
    for which, digits in ((MNIST, 64), (FASHION_MNIST, 32)):
        assert len(which.checksums) == 4
        assert len(which.classes) == 10
        assert len(which.mirrors) == 2
        assert all(mirror.endswith("/") for mirror in which.mirrors)
        assert {len(sum_.partition(":")[2]) for sum_ in which.checksums.values()} == {digits}


@pytest.mark.mnist
def test_mnist_itself(mnist_folder):
    data = load_dataset("mnist")
    assert (len(data.train), len(data.validation), len(data.test)) == (55_000, 5_000, 10_000)
    assert (data.shape, data.kind, data.source) == ((28, 28), "pixels", str(mnist_folder))
    assert data.train.x.dtype == np.uint8
    # the first labels are known by heart
    np.testing.assert_array_equal(data.train.labels[:10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    np.testing.assert_array_equal(data.test.labels[:10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    counts = np.bincount(np.concatenate([data.train.labels, data.validation.labels]))
    np.testing.assert_array_equal(
        counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    )
    assert data.train.x.mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    # zeros are round and ones are thin: images and labels belong together
    ink = data.train.x[:55_000].mean(axis=1)
    assert ink[data.train.labels == 0].mean() > 2 * ink[data.train.labels == 1].mean()
