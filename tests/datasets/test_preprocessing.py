"""From stored numbers to x and back."""

from dataclasses import replace

import numpy as np
import pytest

from npvae.datasets.dataset import Dataset, Split
from npvae.datasets.one_hot import expand
from npvae.datasets.preprocessing import (
    Pixels,
    Standardized,
    column_statistics,
    moments_of,
    remark_on_columns,
    scaling_for,
)
from npvae.errors import DataError, InputError


@pytest.mark.parametrize("v", [0, 1, 128, 254, 255])
def test_a_byte_is_on_with_probability_v_of_255(v):
    n, p = 400_000, v / 255
    x = Pixels("dynamic").encode(np.full((n, 1), v, np.uint8), np.random.default_rng(0), np.float32)
    assert set(np.unique(x)) <= {0, 1}
    assert abs(x.mean(dtype=np.float64) - p) <= 4 * np.sqrt(p * (1 - p) / n)


def test_the_bytes_to_compare_with_are_0_to_254():
    """A plain byte, 0..255, would give v / 256: a bias of a nat an image, too small to measure."""

    class Rng:
        def integers(self, low, high, *, size, dtype):
            assert (low, high, dtype) == (0, 255, np.uint8)
            return np.arange(255, dtype=np.uint8).reshape(size)

    for v in (0, 1, 254, 255):
        x = Pixels("dynamic").encode(np.full((255, 1), v, np.uint8), Rng(), np.float64)
        assert x.sum() == v


def test_floats_are_on_with_their_own_probability():
    p = np.array([0.0, 0.3, 1.0])
    rows = np.tile(p, (100_000, 1))
    x = Pixels("dynamic").encode(rows, np.random.default_rng(0), np.float32)
    assert (np.abs(x.mean(axis=0) - p) <= 4 * np.sqrt(p * (1 - p) / 100_000) + 1e-6).all()


def test_threshold_and_grey():
    rows, rng = np.array([[0, 127, 128, 255]], np.uint8), np.random.default_rng(0)
    np.testing.assert_array_equal(Pixels("threshold").encode(rows, rng, np.float64), [[0, 0, 1, 1]])
    grey = Pixels("none").encode(rows, rng, np.float64)
    np.testing.assert_allclose(grey, rows / 255)
    assert Pixels("none").encode(rows, rng, np.float32).dtype == np.float32


def test_what_needs_nothing_random_needs_no_generator():
    rows = np.array([[0, 127, 128, 255]], np.uint8)
    np.testing.assert_array_equal(Pixels("threshold").encode(rows), [[0, 0, 1, 1]])
    assert Standardized(np.zeros(4), np.ones(4)).encode(rows).dtype == np.float32
    with pytest.raises(InputError, match="rng"):
        Pixels("dynamic").encode(rows)


@pytest.mark.parametrize("scaling", [Pixels("none"), Standardized(np.zeros(3), np.ones(3))])
def test_rows_that_cannot_be_encoded(scaling):
    for rows in (np.zeros(3), np.zeros((2, 3, 1)), [[0.0, 1, 2]]):
        with pytest.raises(InputError, match=r"rows has (shape|type)"):
            scaling.encode(rows)
    for number in (np.nan, np.inf):
        rows = np.zeros((4, 3))
        rows[2, 1] = number
        with pytest.raises(InputError, match="row 2, column 1"):
            scaling.encode(rows)


def test_another_number_of_columns_is_refused():
    with pytest.raises(InputError, match=r"\(2, 8\).+\(B, 7\)"):
        Standardized(np.zeros(7), np.ones(7)).encode(np.zeros((2, 8)))
    for columns in (8, 1):  # one would be repeated
        with pytest.raises(InputError, match=r"\(B, 7\)"):
            Standardized(np.zeros(7), np.ones(7)).decode(np.zeros((2, columns)))


def test_an_unknown_binarization():
    with pytest.raises(InputError, match="choose dynamic, threshold or none"):
        Pixels("static")


def table(x, n_train):
    rows = np.arange(len(x))
    parts = (Split(x, part) for part in np.split(rows, [n_train, n_train + 1]))
    return Dataset("t", *parts, shape=(x.shape[1],), kind="real", source="a test")


def test_columns_are_standardised_by_the_training_part_alone(monkeypatch):
    monkeypatch.setattr("npvae.datasets.dataset.CHUNK_BYTES", 100)  # several chunks
    x = np.random.default_rng(0).normal([5, -3], [2, 0.1], (50, 2))
    x[40:] += 100
    scaling = scaling_for(table(x, 40))
    np.testing.assert_allclose(scaling.mean, x[:40].mean(axis=0))
    np.testing.assert_allclose(scaling.std, x[:40].std(axis=0))
    standard = scaling.encode(x[:40], np.random.default_rng(0), np.float64)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(standard.std(axis=0), 1)
    np.testing.assert_allclose(scaling.decode(standard), x[:40])


def test_a_column_that_never_varies_keeps_its_unit():
    """Also where rounding makes its standard deviation 1e-17 instead of zero."""
    x = np.stack([np.full(50, 0.1), np.arange(50.0)], axis=1)
    scaling = scaling_for(table(x, 40))
    assert isinstance(scaling, Standardized)
    assert scaling.std[0] == 1
    np.testing.assert_allclose(scaling.encode(x[:1], None, np.float64)[0, 0], 0, atol=1e-12)


def test_held_out_numbers_far_from_the_training_part_are_named():
    """A column of noise about 5, and one row of the test part that is another thing."""
    x = np.stack([np.linspace(0, 1, 60), 5 + 1e-6 * np.sin(np.arange(60))], axis=1)
    plain = Dataset.from_arrays(x)
    assert "far from" not in plain.remark
    x[plain.test.rows[0], 1] = 5.1
    remark = Dataset.from_arrays(x).remark
    assert "test part has numbers far from" in remark
    assert "column 1 (counted from 0)" in remark
    assert "validation" not in remark


def test_a_column_that_hardly_varies_has_a_floor_for_its_spread():
    """One of 1,000 numbers is 1: std is 0.0316, and the 1 lies 31.6 of them from the mean."""
    x = np.stack([np.zeros(1010), np.arange(1010.0) % 7], axis=1)
    x[500, 0] = 1
    data = table(x, 1000)
    assert column_statistics(data).std[0] == pytest.approx(0.0316, rel=1e-2)
    scaling = scaling_for(data)
    assert scaling.std[0] == pytest.approx((1 - 1e-3) / 10, rel=1e-12)
    np.testing.assert_allclose(scaling.std[1], x[:1000, 1].std())
    assert remark_on_columns(data).startswith("1 of 2 columns hardly varies")
    assert "(0, counted from 0)" in remark_on_columns(data)


@pytest.mark.parametrize(
    ("value", "spread"), [(5e6, 5), (-5e6, 5), (7, 1), (0.1, 1), (1 / 3, 1), (0, 1)]
)
def test_a_constant_column_comes_back_exactly(value, spread):
    """The mean of forty thirds is not a third, so the mean is the number itself."""
    x = np.stack([np.full(50, value), np.arange(50.0)], axis=1)
    data = table(x, 40)
    scaling = scaling_for(data)
    assert scaling.std[0] == pytest.approx(spread, rel=1e-12)
    np.testing.assert_array_equal(scaling.constant, [True, False])
    np.testing.assert_array_equal(scaling.decode(np.array([[2.7, 1.0]]))[0, 0], value)
    assert scaling.encode(x[:1], None, np.float64)[0, 0] == 0
    assert scaling.encode(x[:1] + 2 * spread, None, np.float64)[0, 0] == pytest.approx(2)
    assert "1 of 2 columns is constant" in remark_on_columns(data)


def test_constant_columns_are_named_and_counted():
    x = np.stack([np.full(50, 7.0), np.arange(50.0), np.zeros(50)], axis=1)
    data = replace(table(x, 40), columns=("const", "a", "zero"))
    assert "2 of 3 columns are constant" in remark_on_columns(data)
    assert "('const', 'zero')" in remark_on_columns(data)


def test_a_copy_on_a_device_leaves_the_original():
    class Elsewhere:
        def asarray(self, x):
            return x + 1

    here = Standardized(np.zeros(2), np.ones(2))
    there = here.to(Elsewhere())
    np.testing.assert_array_equal([here.mean, here.std], [[0, 0], [1, 1]])
    np.testing.assert_array_equal([there.mean, there.std], [[1, 1], [2, 2]])


@pytest.mark.parametrize("factor", [1e200, 1e-200, 1e308, 5e-324, np.nan, np.inf])
def test_a_column_that_cannot_be_standardised_is_named(factor):
    x = np.stack([np.arange(50.0), factor * (1 + np.arange(50.0) % 2 / 2)], axis=1)
    data = replace(table(x, 40), columns=("age", "mass"))
    with pytest.raises(DataError, match="column 'mass'"):
        scaling_for(data)


@pytest.mark.parametrize(
    ("mean", "std"),
    [(0, 0), (0, -1), (0, np.nan), (0, np.inf), (np.nan, 1), (np.inf, 1), (1e200, 1), (0, 1e-200)],
)
def test_what_a_model_file_would_refuse_is_refused_when_it_is_made(mean, std):
    with pytest.raises(InputError, match="column 1"):
        Standardized(np.array([0.0, mean]), np.array([1.0, std]))
    with pytest.raises(InputError, match="shapes"):
        Standardized(np.zeros(2), np.ones(3))


# ---- the mean of x -------------------------------------------------------------------------------

BYTES = np.array([[0, 255, 51], [0, 255, 204], [255, 255, 128], [9, 9, 9]], np.uint8)


@pytest.mark.parametrize(
    ("rows", "scaling", "mean"),
    [
        (BYTES, Pixels("none"), [1 / 3, 1, (51 + 204 + 128) / (3 * 255)]),
        (BYTES, Pixels("dynamic"), [1 / 3, 1, (51 + 204 + 128) / (3 * 255)]),  # none is drawn
        (BYTES, Pixels("threshold"), [1 / 3, 1, 2 / 3]),
        (BYTES / 255, Pixels("dynamic"), [1 / 3, 1, (51 + 204 + 128) / (3 * 255)]),
        (BYTES * 1.0, Standardized(np.array([85, 0, 0]), np.array([2.0, 5, 1])), [0, 51, 383 / 3]),
    ],
)
def test_the_moments_of_x_by_hand(rows, scaling, mean):
    """Over the rows of the part alone: the last row is of another."""
    np.testing.assert_allclose(moments_of(Split(rows, np.arange(3)), scaling)[0], mean, rtol=1e-12)


def test_the_variance_is_about_the_mean_of_each_number():
    """Columns at 0 and 100 that vary by 1 and 3: variances 1 and 9, whatever lies between them."""
    x = np.array([[-1.0, 97], [1, 103]])
    same = Standardized(np.zeros(2), np.ones(2))
    np.testing.assert_allclose(moments_of(Split(x, np.arange(2)), same)[1], [1, 9])
    np.testing.assert_array_equal(moments_of(Split(x[:1], np.arange(1)), same)[1], [0, 0])


# ---- tables with text ----------------------------------------------------------------------------


@pytest.fixture
def pets(rng):
    """Numbers around a text column with a rare text: 300 rows, most of them of a dog."""
    kinds = rng.choice(2, 300, p=[0.004, 0.996])
    kinds[:3] = [0, 1, 1]
    numbers = rng.normal([10, 200], [3, 40], (300, 2))
    x, names = expand(
        [numbers[:, 0], kinds, numbers[:, 1]], ["size", "kind", "age"], {"kind": ("cat", "dog")}
    )
    part = Split(x, np.arange(300))
    texts = {"kind": ("cat", "dog")}
    return Dataset("pets", part, part, part, (4,), "real", "a test", (), names, texts)


def test_the_zeros_and_ones_of_text_columns_are_kept(pets):
    assert pets.groups == (0, 2, 0)
    np.testing.assert_array_equal(pets.one_hot, [False, True, True, False])
    scaling = scaling_for(pets)
    x = scaling.encode(pets.train.x, dtype=np.float64)
    np.testing.assert_array_equal(x[:, 1:3], pets.train.x[:, 1:3])
    np.testing.assert_allclose(x[:, [0, 3]].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x[:, [0, 3]].std(axis=0), 1)
    np.testing.assert_array_equal(scaling.kept, pets.one_hot)
    np.testing.assert_allclose(scaling.decode(x), pets.train.x)


def test_or_they_are_standardised_like_numbers(pets):
    scaling = scaling_for(pets, one_hot="standardize")
    np.testing.assert_allclose(scaling.mean, pets.train.x.mean(axis=0))
    assert not scaling.kept.any()
    with pytest.raises(InputError, match="keep"):
        scaling_for(pets, one_hot="leave")


def test_a_table_of_text_alone_stays_as_it_is(pets):
    alone = Split(pets.train.x[:, 1:3], np.arange(300))
    texts = replace(
        pets, train=alone, validation=alone, test=alone, shape=(2,), columns=pets.columns[1:3]
    )
    np.testing.assert_array_equal(scaling_for(texts).encode(alone.x), alone.x)


def test_a_rare_text_is_not_remarked_on_but_a_constant_one_is(pets):
    assert remark_on_columns(pets) == ""
    always = pets.train.x.copy()
    always[:, 1:3] = 0, 1
    part = Split(always, np.arange(300))
    found = remark_on_columns(replace(pets, train=part, validation=part, test=part))
    assert "kind=dog" in found
    assert "kind=cat" not in found
    assert "1 of 3 columns" in found


def test_the_moments_of_more_rows_than_are_read_at_a_time():
    x = np.random.default_rng(0).integers(0, 256, (2300, 2), dtype=np.uint8)
    np.testing.assert_allclose(
        moments_of(Split(x, np.arange(1, 2300)), Pixels("none"))[0], x[1:].mean(axis=0) / 255
    )
