"""Random numbers drawn on a GPU: those that Philox says, distributed as they should be."""

import copy

import numpy as np
import pytest
from strict_device import waiting_allowed

from npvae import VAE, InputError, Pixels
from npvae.datasets import preprocessing
from npvae.devices import CPU, DrawCounter

pytestmark = pytest.mark.gpu
N = 200_000
MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85
MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox 4x32-10 in Python's whole numbers: four words for a counter of four, a key of two."""
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(10):
        p, q = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = (q >> 32) ^ b ^ k0, q & MASK, (p >> 32) ^ d ^ k1, p & MASK
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return a, b, c, d


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((MASK,) * 4, (MASK,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_the_reference_gives_the_published_answers(counter, key, words):
    """The known answers that the authors publish with their library, Random123."""
    assert philox(counter, key) == words


def of_two(words):
    """The number in [0, 1) of 53 bits of two words."""
    return ((words[0] >> 5) * 2**26 + (words[1] >> 6)) / 2**53


def of_number(key, number):
    return philox((number & MASK, number >> 32, 0, 0), (key & MASK, key >> 32))


@pytest.mark.parametrize(
    ("key", "drawn"),
    [(0, 0), (5, 17), ((1 << 64) - 1, (1 << 33) - 2), (1 << 63, 1 << 40), (3, (1 << 64) - 2)],
)
def test_the_words_are_those_of_the_reference(own_gpu, key, drawn):
    words = [of_number(key, (drawn + i) % (1 << 64)) for i in range(5)]

    def draw(what, **options):
        rng = own_gpu.generator(DrawCounter(key, drawn))
        made = own_gpu.to_host(getattr(rng, what)(size=5, **options))
        assert rng.counter == DrawCounter(key, (drawn + 5) % (1 << 64))
        return made

    with waiting_allowed():
        np.testing.assert_array_equal(
            draw("random", dtype=np.float32), np.float32([(w[0] >> 8) / 2**24 for w in words])
        )
        np.testing.assert_array_equal(draw("random"), [of_two(w[:2]) for w in words])
        rng = own_gpu.generator(DrawCounter(key, drawn))
        np.testing.assert_array_equal(
            own_gpu.to_host(rng.integers(-3, 252, size=5)), [-3 + (w[0] * 255 >> 32) for w in words]
        )
        radius = [np.sqrt(-2 * np.log((w[0] + 0.5) / 2**32)) for w in words]
        angle = [2 * np.pi * w[1] / 2**32 for w in words]
        np.testing.assert_allclose(
            draw("standard_normal", dtype=np.float32), radius * np.cos(angle), rtol=0, atol=2e-6
        )
        radius = [np.sqrt(-2 * np.log(of_two(w[:2]) + 2.0**-54)) for w in words]
        angle = [2 * np.pi * of_two(w[2:]) for w in words]
        np.testing.assert_allclose(
            draw("standard_normal"), radius * np.cos(angle), rtol=0, atol=1e-14
        )
        keys = own_gpu.generator(DrawCounter(key, drawn))._fill("bits", 5, np.uint64)
        np.testing.assert_array_equal(
            own_gpu.to_host(keys), np.array([w[1] << 32 | w[0] for w in words], np.uint64)
        )


def test_whole_numbers_are_those_of_the_reference_without_rounding(own_gpu):
    expected = [of_number(9, i)[0] * 255 >> 32 for i in range(5000)]
    with waiting_allowed():
        found = own_gpu.to_host(own_gpu.generator(9).integers(0, 255, size=5000, dtype=np.uint8))
    np.testing.assert_array_equal(found, expected)
    near = DrawCounter(
        0, 597_688
    )  # whose word is so near to a boundary that a float would cross it
    assert of_number(0, near.drawn)[0] == 4_092_851_113
    with waiting_allowed():
        assert own_gpu.to_host(own_gpu.generator(near).integers(0, 255, size=1)) == [242]
    rng = own_gpu.generator(0)
    for low, high in ((0, (1 << 32) + 1), (3, 3)):
        with pytest.raises(InputError, match=r"integers from .*2\^32"):
            rng.integers(low, high, size=1)


def test_no_number_is_drawn_twice(own_gpu):
    rng = own_gpu.generator(1)
    with waiting_allowed():
        sizes = (3, np.int64(4)), np.int64(5), (2, 2)
        drawn = [own_gpu.to_host(rng.random(size=size)).ravel() for size in sizes]
        at_once = own_gpu.to_host(own_gpu.generator(1).random(size=21))
    assert rng.counter.drawn == 21
    assert type(rng.counter.drawn) is int  # as a checkpoint takes it
    np.testing.assert_array_equal(np.concatenate(drawn), at_once)


def test_a_word_of_zero_makes_a_number_all_the_same(own_gpu):
    """The radius of the largest normal numbers; its logarithm is taken half a step above zero."""
    zero = DrawCounter(0, 5_145_262_111)
    assert of_number(zero.key, zero.drawn)[0] == 0
    with waiting_allowed():
        z = own_gpu.to_host(own_gpu.generator(zero).standard_normal(size=1, dtype=np.float32))
    assert 0 < abs(z[0]) <= np.sqrt(2 * 33 * np.log(2)) + 1e-5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_moments(own_gpu, dtype):
    """Within five standard errors of what N(0, 1) and the uniform distribution have."""
    rng = own_gpu.generator(11)
    with waiting_allowed():
        z = own_gpu.to_host(rng.standard_normal(size=(N // 4, 4), dtype=dtype)).astype(float)
        u = own_gpu.to_host(rng.random(size=N, dtype=dtype)).astype(float)
    assert z.shape == (N // 4, 4)
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert abs((z**power).mean() - mean) < 5 * np.sqrt(variance / N)
    assert np.abs(np.corrcoef(z.T) - np.eye(4)).max() < 5 / np.sqrt(N / 4)
    for power in (1, 2, 3):
        mean, square = 1 / (power + 1), 1 / (2 * power + 1)
        assert abs((u**power).mean() - mean) < 5 * np.sqrt((square - mean**2) / N)
    assert 0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1


def test_a_pixel_is_on_as_often_as_it_is_bright(own_gpu):
    bright = np.tile(np.array([0, 1, 64, 127, 254, 255], np.uint8), (N, 1))
    with waiting_allowed():
        on = own_gpu.to_host(
            Pixels().encode(own_gpu.asarray(bright), own_gpu.generator(0), np.float32)
        )
    p = bright[0] / 255
    assert (np.abs(on.mean(axis=0) - p) <= 5 * np.sqrt(p * (1 - p) / N)).all()


def test_pixels_in_one_kernel_are_those_in_three(own_gpu):
    rows = own_gpu.asarray(np.arange(256, dtype=np.uint8).reshape(2, 128))
    with waiting_allowed():
        for dtype in (np.float32, np.float64):
            one, three = (
                own_gpu.to_host(draw(rows, own_gpu.generator(DrawCounter(3, 5)), dtype))
                for draw in (preprocessing.draw_pixels, preprocessing.draw_pixels.__wrapped__)
            )
            np.testing.assert_array_equal(one, three)
            assert one.dtype == three.dtype == dtype


def test_whole_numbers_are_equally_probable(own_gpu):
    rng = own_gpu.generator(2)
    with waiting_allowed():
        k = own_gpu.to_host(rng.integers(0, 255, size=N, dtype=np.uint8))
    counts = np.bincount(k, minlength=255)
    assert len(counts) == 255
    expected = N / 255
    assert abs(((counts - expected) ** 2 / expected).sum() - 254) < 5 * np.sqrt(2 * 254)


def test_a_permutation_has_each_number_once_in_any_order(own_gpu):
    rng = own_gpu.generator(3)
    with waiting_allowed():
        orders = [own_gpu.to_host(rng.permutation(50)) for _ in range(200)]
    assert all((np.sort(order) == np.arange(50)).all() for order in orders)
    assert len({order.tobytes() for order in orders}) == 200
    places = np.mean(orders, axis=0)
    assert np.abs(places - 24.5).max() < 5 * np.sqrt((50**2 - 1) / 12 / 200)


def test_where_a_generator_comes_from(own_gpu):
    generator = own_gpu.generator(7)
    assert own_gpu.generator(generator) is generator
    assert own_gpu.generator(7).counter == DrawCounter(7)
    stands = DrawCounter(7, 40)
    assert own_gpu.generator(stands).counter == stands
    own_gpu.generator(stands).random(size=3)
    assert stands == DrawCounter(7, 40)  # a generator counts for itself
    host = own_gpu.generator(np.random.default_rng(1)).counter
    assert host == own_gpu.generator(np.random.default_rng(1)).counter
    assert host != own_gpu.generator(np.random.default_rng(2)).counter
    for seed in (-1, None, 1.5):
        with pytest.raises(InputError, match="the seed is "):
            own_gpu.generator(seed)


def test_a_copied_generator_draws_the_same_again(own_gpu):
    rng = own_gpu.generator(6)
    again = copy.deepcopy(rng)
    with waiting_allowed():
        first, same = (own_gpu.to_host(r.random(size=3)) for r in (rng, again))
        np.testing.assert_array_equal(first, same)


def test_a_generator_of_the_gpu_is_a_seed_for_the_host(own_gpu):
    there, same = own_gpu.generator(4), DrawCounter(4)
    assert CPU.generator(there).random(2).tolist() == CPU.generator(same).random(2).tolist()
    assert VAE.dense(3, 2, 1).sample(2, rng=there).shape == (2, 3)


def test_a_host_that_goes_on_from_a_counter_draws_anew():
    def draw(counter):
        return CPU.generator(counter).random(3).tolist()

    assert draw(DrawCounter(1, 5)) == draw(DrawCounter(1, 5))
    assert draw(DrawCounter(1, 5)) != draw(DrawCounter(1, 6))
    assert draw(DrawCounter(1, 5)) != draw(DrawCounter(2, 5))


def test_the_streams_of_pixels_and_noise_are_two(own_gpu):
    with waiting_allowed():
        pixels, noise = (
            own_gpu.to_host(own_gpu.generator(seed).random(size=N)) for seed in (0, 1 << 32)
        )
    assert abs(np.corrcoef(pixels, noise)[0, 1]) < 5 / np.sqrt(N)
