import numpy as np
import pytest

from npvae.datasets import glyphs as module
from npvae.datasets.glyphs import cache_file, load_glyphs
from npvae.errors import InputError

SIZES = {"n_train": 24, "n_test": 6}


@pytest.fixture
def keeping(monkeypatch):
    monkeypatch.setattr(module, "WORTH_KEEPING", 30)


@pytest.fixture
def drawn(monkeypatch):
    """Count what is drawn."""
    numbers = []

    def count(n, *arguments, **options):
        numbers.append(n)
        return draw(n, *arguments, **options)

    draw = module.draw_glyphs
    monkeypatch.setattr(module, "draw_glyphs", count)
    return numbers


def assert_same(a, b):
    for part in ("train", "validation", "test"):
        one, other = getattr(a, part), getattr(b, part)
        np.testing.assert_array_equal(one.take(slice(None)), other.take(slice(None)))
        np.testing.assert_array_equal(one.labels, other.labels)
        assert one.factors.keys() == other.factors.keys()
        for name in one.factors:
            np.testing.assert_array_equal(one.factors[name], other.factors[name])


def test_parts_factors_and_description():
    data = load_glyphs(**SIZES)
    assert (len(data.train), len(data.validation), len(data.test)) == (22, 2, 6)
    assert (data.shape, data.kind, data.classes) == ((28, 28), "pixels", tuple("0123456789"))
    assert data.train.x.dtype == np.uint8
    for part in (data.train, data.validation, data.test):
        assert {len(values) for values in part.factors.values()} == {len(part)}
        assert len(part.labels) == len(part.rows) == len(part)


def test_everything_stays_aligned_in_the_held_out_part():
    data, whole = load_glyphs(**SIZES, validation=9), load_glyphs(**SIZES, validation=0)
    assert len(whole.validation) == 0
    assert len(data.validation) == 9
    np.testing.assert_array_equal(data.validation.take(0), whole.train.take(15))
    np.testing.assert_array_equal(data.validation.labels, whole.train.labels[15:])
    np.testing.assert_array_equal(
        data.validation.factors["slant"], whole.train.factors["slant"][15:]
    )


def test_training_and_test_images_differ_and_fewer_are_the_first_of_many():
    few, many = load_glyphs(n_train=6, n_test=3, validation=0), load_glyphs(n_train=12, n_test=6)
    np.testing.assert_array_equal(few.train.x, many.train.x[:6])
    np.testing.assert_array_equal(few.test.x, many.test.x[:3])
    assert not np.array_equal(few.train.x[:3], few.test.x)


def test_drawn_once_then_read(keeping, drawn):
    first = load_glyphs(**SIZES, seed=5)
    again = load_glyphs(**SIZES, seed=5)
    assert drawn == [24, 6]
    assert_same(first, again)
    load_glyphs(**SIZES, seed=6)
    load_glyphs(n_train=25, n_test=6, seed=5)
    assert drawn == [24, 6, 24, 6, 25, 6]


def test_few_are_not_kept(cache):
    load_glyphs(**SIZES)
    assert not cache.exists()


def damage_a_byte(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [damage_a_byte, lambda c: c[:-100], lambda c: b"", lambda c: b"PK" + c[2:500], lambda c: c[9:]],
    ids=["one bit", "cut short", "empty", "cut long", "no start"],
)
def test_a_damaged_file_is_drawn_anew(keeping, drawn, damage):
    sound = load_glyphs(**SIZES)
    path = cache_file(0, (24, 6))
    content = path.read_bytes()
    path.write_bytes(damage(content))
    assert_same(load_glyphs(**SIZES), sound)
    assert drawn == [24, 6, 24, 6]
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        {"0_images": np.zeros((24, 3), np.uint8)},
        {"0_images": np.zeros((24, 784), np.uint8)},
        {"0_labels": np.arange(24) % 10},
        {"sha256": np.zeros(32, np.uint8)},
        {"sha256": None},
        {"1_slant": None},
        {"1_slant": np.full(6, np.nan)},
        {"0_labels": np.full(24, 10)},
        {"0_labels": np.full(24, "7")},
        {"1_font": np.full(6, -1)},
        {"1_scale": np.full(6, 0.9, np.float32)},
    ],
)
def test_a_sound_file_with_other_arrays_is_drawn_anew(keeping, drawn, change):
    load_glyphs(**SIZES)
    path = cache_file(0, (24, 6))
    with np.load(path) as file:
        arrays = dict(file) | change
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    load_glyphs(**SIZES)
    assert drawn == [24, 6, 24, 6]


def test_a_file_of_another_seed_under_this_name_is_drawn_anew(keeping, drawn):
    load_glyphs(**SIZES, seed=1)
    cache_file(1, (24, 6)).rename(cache_file(0, (24, 6)))
    load_glyphs(**SIZES)
    assert drawn == [24, 6, 24, 6]


def test_a_cache_that_cannot_be_written_is_no_error(keeping, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    assert len(load_glyphs(**SIZES).train) == 22


@pytest.mark.parametrize(
    "arguments", [{"n_train": 0}, {"n_test": -1}, {"seed": -1}, {"validation": 24, **SIZES}]
)
def test_refused(arguments):
    with pytest.raises(InputError):
        load_glyphs(**{**SIZES, **arguments})
