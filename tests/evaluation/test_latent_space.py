"""Codes, the plane they are looked at in, and the places in it that are decoded."""

from math import erf, sqrt

import numpy as np
import pytest
from strict_device import StrictDevice, waiting_allowed

from npvae import IWAE, VAE, Autoencoder, InputError, Pixels, Split, evaluate
from npvae.evaluation.elbo import block_of, blocks_of
from npvae.evaluation.latent_space import (
    Codes,
    encode_split,
    gaussian_quantiles,
    line,
    plane_of,
    traverse,
)

N = 2300  # examples: two whole chunks, and one that is not
SCALING = Pixels("dynamic")


def bright(n=N):
    """Pictures of a few bytes, each pixel drawn as 0 or 1, with two labels."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (n + 5, 6), dtype=np.uint8)
    return Split(x, rng.permutation(n + 5)[:n], np.arange(n) % 2, {"size": np.arange(n)})


def half_asleep(model=VAE, **options):
    """A model whose first latent says the same of every example."""
    made = model.dense(6, (), 3, **{"dtype": np.float64} | options)
    last = made.encoder.layers[-1]
    last.W[:, 0], last.b[0] = 0, 2
    return made


def pixels(split, seed=0):
    """The pixels that `evaluate` meets, drawn a block of examples at a time."""
    blocks = range(blocks_of(split))
    model = VAE.dense(split.x.shape[1], (), 1, dtype=np.float64)
    return np.concatenate([block_of(model, split, SCALING, seed, i)[0] for i in blocks])


# ---- codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
def test_codes_are_those_of_the_pixels_that_evaluate_meets(seed):
    vae, split = half_asleep(), bright()
    codes, x = encode_split(vae, split, SCALING, seed=seed), pixels(split, seed)
    mu, logvar = vae.encode(x)
    np.testing.assert_allclose(codes.mu, mu, rtol=1e-12)
    np.testing.assert_allclose(codes.logvar, logvar, rtol=1e-12)
    np.testing.assert_array_equal(codes.labels, split.labels)


@pytest.mark.parametrize(("model", "options"), [(VAE, {}), (VAE, {"n_y": 2}), (IWAE, {"k": 7})])
def test_their_kl_is_what_evaluate_reports(model, options):
    model, split = half_asleep(model, **options), bright()
    codes, measured = encode_split(model, split, SCALING), evaluate(model, split, SCALING)
    np.testing.assert_allclose(codes.kl, measured.kl_per_latent, rtol=1e-12)
    assert codes.active.tolist() == [False, True, True]
    assert measured.active_units == 2


def test_a_conditional_model_is_told_each_examples_own_label():
    vae, split = half_asleep(n_y=2), bright(40)
    mu, _ = vae.encode(pixels(split), vae.one_hot(split.labels))
    np.testing.assert_allclose(encode_split(vae, split, SCALING).mu, mu, rtol=1e-12)


def test_other_pixels_have_other_codes():
    one, other = (encode_split(half_asleep(), bright(40), SCALING, seed=seed) for seed in (0, 1))
    assert (one.mu[:, 1] != other.mu[:, 1]).any()


@pytest.mark.parametrize("n", [1, 3, 1700, N, N + 1])
def test_the_first_examples_have_the_first_of_the_codes(n):
    vae, split = half_asleep(), bright()
    every, first = (encode_split(vae, part, SCALING) for part in (split, split.only(slice(0, n))))
    np.testing.assert_allclose(first.mu, every.mu[:n], rtol=1e-12)
    np.testing.assert_array_equal(first.labels, every.labels[:n])


def test_codes_and_labels_of_a_part_on_a_device_come_to_the_host():
    device, split = StrictDevice(), bright(40)
    with waiting_allowed():
        vae = half_asleep(n_y=2, dtype=np.float32, device=device)
        codes = encode_split(vae, split.to(device), SCALING)
    assert type(codes.labels) is type(codes.mu) is type(codes.logvar) is np.ndarray
    np.testing.assert_array_equal(codes.labels, split.labels)


def test_an_autoencoder_has_codes_and_no_distribution():
    autoencoder, split = half_asleep(Autoencoder), bright()
    codes = encode_split(autoencoder, split, SCALING)
    np.testing.assert_allclose(codes.mu, autoencoder.encode(pixels(split)), rtol=1e-12)
    assert codes.logvar is None
    assert codes.kl is None


def test_nothing_to_encode_and_nothing_to_tell_the_model():
    with pytest.raises(InputError, match="no example"):
        encode_split(half_asleep(), bright().only(slice(0, 0)), SCALING)
    unlabelled = Split(bright().x, bright().rows)
    with pytest.raises(InputError, match="needs labels"):
        encode_split(half_asleep(n_y=2), unlabelled, SCALING)


def test_some_of_a_part_keep_rows_labels_and_factors_together():
    sizes = {"size": np.array([30, 10, 0])}
    split = Split(np.eye(4), np.array([3, 1, 0]), np.array([7, 8, 9]), sizes)
    first = split.only(slice(0, 2))
    np.testing.assert_array_equal(first.take(slice(None)), np.eye(4)[[3, 1]])
    np.testing.assert_array_equal(first.labels, [7, 8])
    np.testing.assert_array_equal(first.factors["size"], [30, 10])
    ends = split.only(np.array([2, 0]))
    np.testing.assert_array_equal(ends.take(slice(None)), np.eye(4)[[0, 3]])
    np.testing.assert_array_equal(ends.labels, [9, 7])
    np.testing.assert_array_equal(ends.factors["size"], [0, 30])
    assert [len(split.only(slice(0, n))) for n in (0, 1, 3, 9)] == [0, 1, 3, 3]
    assert Split(np.eye(4), np.arange(4)).only(slice(0, 2)).labels is None


def test_codes_by_hand():
    """Of two examples; KLs of (mu² + e^logvar - 1 - logvar) / 2, where logvar is 0 or log 3."""
    mu = np.array([[2.0, 3.0, 0.12, 0.08], [0.0, 3.0, -0.12, -0.08]])
    codes = Codes(mu, np.log([[1.0, 1.0, 3.0, 1.0]] * 2))
    np.testing.assert_allclose(codes.variance, [1, 0, 0.0144, 0.0064])
    assert codes.active.tolist() == [True, False, True, False]
    np.testing.assert_allclose(codes.kl, [1, 4.5, (0.0144 + 2 - np.log(3)) / 2, 0.0032])
    assert codes.order.tolist() == [1, 0, 2, 3], "from the largest KL"
    assert Codes(mu).order.tolist() == [0, 2, 3, 1], "from the largest variance"
    assert Codes(np.ones((2, 3))).order.tolist() == [0, 1, 2], "of equals, the first"


# ---- the plane -----------------------------------------------------------------------------------


def cloud(n=200, n_z=5, seed=0, centre=3.0):
    """Codes that lie in an ellipsoid askew, about a centre that is not zero."""
    rng = np.random.default_rng(seed)
    return centre + rng.standard_normal((n, n_z)) @ rng.standard_normal((n_z, n_z))


def vae_codes(mu):
    return Codes(mu, np.zeros_like(mu))


@pytest.mark.parametrize("codes", [Codes, vae_codes])
@pytest.mark.parametrize("n_z", [1, 2])
def test_up_to_two_latents_are_looked_at_as_they_are(codes, n_z):
    mu = cloud(n_z=n_z)
    plane = plane_of(codes(mu))
    np.testing.assert_array_equal(plane.directions, np.eye(n_z))
    np.testing.assert_allclose(plane.project(mu), mu)
    np.testing.assert_allclose(plane.share, mu.var(axis=0) / mu.var(axis=0).sum())
    assert not plane.principal


@pytest.mark.parametrize("codes", [Codes, vae_codes])
@pytest.mark.parametrize(("n", "n_z"), [(200, 3), (200, 7), (4, 9), (3, 3), (2, 4)])
def test_of_more_the_two_principal_directions(codes, n, n_z):
    mu = cloud(n, n_z, seed=n)
    plane = plane_of(codes(mu))
    _, singular, vectors = np.linalg.svd(mu - mu.mean(axis=0))
    along = 2 if n > 2 else 1  # two points have but one direction
    cosines = np.abs((plane.directions[:along] * vectors[:along]).sum(axis=1))
    np.testing.assert_allclose(cosines, 1, rtol=1e-9)
    share = (singular**2 / (singular**2).sum())[:2]
    np.testing.assert_allclose(plane.share, share, atol=1e-12)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-12)
    assert plane.principal


@pytest.mark.parametrize("seed", range(5))
def test_their_signs_are_fixed(seed):
    mu = cloud(seed=seed)
    directions = plane_of(Codes(mu)).directions
    np.testing.assert_array_equal(directions.max(axis=1), np.abs(directions).max(axis=1))
    np.testing.assert_allclose(plane_of(Codes(-mu)).directions, directions, rtol=1e-9)


@pytest.mark.parametrize("n_z", [1, 2, 3, 6])
@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("codes", [Codes, vae_codes])
def test_codes_in_one_point_have_a_plane(codes, n, n_z):
    mu = np.full((n, n_z), 1.5, np.float32)
    plane = plane_of(codes(mu))
    m = min(n_z, 2)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(m), atol=1e-12)
    np.testing.assert_array_equal(plane.share, np.zeros(m))
    if codes is Codes:  # the Gaussian that is fitted to a point is that point
        np.testing.assert_allclose(plane.grid(3), np.full((3**m, n_z), 1.5))
    else:
        np.testing.assert_allclose(plane.ticks(3), [gaussian_quantiles(3)] * m)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200])
@pytest.mark.parametrize("n_z", [1, 2, 5])
def test_codes_that_are_no_numbers_have_no_plane(n_z, value):
    """Nor have those whose squares are none."""
    mu = cloud(n_z=n_z)
    mu[7, -1] = value
    for codes in (Codes, vae_codes):
        with pytest.raises(InputError, match="not finite"):
            plane_of(codes(mu))


@pytest.mark.parametrize("n_z", [1, 2, 3, 6])
def test_a_vaes_plane_goes_through_the_prior(n_z):
    plane = plane_of(vae_codes(cloud(n_z=n_z)))
    np.testing.assert_array_equal(plane.at(np.zeros((1, min(n_z, 2)))), np.zeros((1, n_z)))
    np.testing.assert_array_equal(plane.mean, np.zeros(min(n_z, 2)))
    np.testing.assert_array_equal(plane.scale, np.ones(min(n_z, 2)))


@pytest.mark.parametrize("n_z", [1, 2, 3, 6])
def test_an_autoencoders_plane_goes_through_the_middle_of_its_codes(n_z):
    """Its Gaussian has the mean and the standard deviation of the codes along each direction."""
    mu = cloud(n_z=n_z)
    plane = plane_of(Codes(mu))
    u = plane.project(mu)
    np.testing.assert_allclose(plane.mean, u.mean(axis=0))
    np.testing.assert_allclose(plane.scale, u.std(axis=0))
    np.testing.assert_allclose(plane.at(plane.mean[None])[0], mu.mean(axis=0))
    np.testing.assert_allclose(plane.directions @ plane.origin, 0, atol=1e-12)


@pytest.mark.parametrize("n_z", [1, 2, 3, 6])
@pytest.mark.parametrize("codes", [Codes, vae_codes])
def test_on_the_plane_coordinates_and_codes_say_the_same(codes, n_z):
    plane = plane_of(codes(cloud(n_z=n_z)))
    u = np.random.default_rng(1).standard_normal((30, min(n_z, 2)))
    z = plane.at(u)
    assert z.shape == (30, n_z)
    np.testing.assert_allclose(plane.project(z), u, atol=1e-12)
    np.testing.assert_allclose(plane.at(plane.project(z)), z, atol=1e-12)


# ---- the grid ------------------------------------------------------------------------------------

Q = 0.6744897501960817  # half of a Gaussian lies between -Q and Q


def test_a_grid_is_read_like_a_picture():
    """Row by row from above, where the second coordinate is largest; each from left to right."""
    plane = plane_of(vae_codes(cloud(n_z=2)))
    np.testing.assert_allclose(plane.grid(2), [[-Q, Q], [Q, Q], [-Q, -Q], [Q, -Q]])
    np.testing.assert_allclose(plane_of(vae_codes(cloud(n_z=1))).grid(2), [[-Q], [Q]])


def test_a_fitted_grid_lies_where_the_codes_lie():
    """Codes of 5 ± 1 and 7 ± 2, which is half of the distance between the two of each."""
    plane = plane_of(Codes(np.array([[4.0, 5.0], [6.0, 5.0], [4.0, 9.0], [6.0, 9.0]])))
    low, high, down, up = 5 - Q, 5 + Q, 7 - 2 * Q, 7 + 2 * Q
    np.testing.assert_allclose(plane.grid(2), [[low, up], [high, up], [low, down], [high, down]])
    np.testing.assert_allclose(plane.ticks(2), [[low, high], [down, up]])


def test_a_grid_in_many_latents_lies_in_the_plane():
    plane = plane_of(vae_codes(cloud(n_z=6)))
    across, up = plane.ticks(5)
    u = plane.project(plane.grid(5)).reshape(5, 5, 2)
    np.testing.assert_allclose(u[..., 0], np.tile(across, (5, 1)), atol=1e-12)
    np.testing.assert_allclose(u[..., 1], np.tile(up[::-1, None], 5), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 15, 100])
def test_every_quantile_stands_for_as_much_probability(n):
    """Each is the median of its n-th of the Gaussian, whose distribution function is erf's."""
    below = [(1 + erf(q / sqrt(2))) / 2 for q in gaussian_quantiles(n)]
    np.testing.assert_allclose(below, (np.arange(n) + 0.5) / n, atol=1e-12)


@pytest.mark.parametrize("n", [0, -1])
def test_no_quantile(n):
    with pytest.raises(InputError, match=f"n is {n};"):
        plane_of(vae_codes(cloud())).grid(n)


# ---- lines and axes ------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [2, 3, 11])
def test_a_line_has_both_ends_and_goes_straight(steps):
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 4, 3))
    z = line(a, b, steps)
    assert z.shape == (4, steps, 3)
    np.testing.assert_array_equal(z[:, 0], a)
    np.testing.assert_array_equal(z[:, -1], b)
    step = np.repeat(((b - a) / (steps - 1))[:, None], steps - 1, axis=1)
    np.testing.assert_allclose(np.diff(z, axis=1), step, atol=1e-12)
    np.testing.assert_array_equal(line(a[2], b[2], steps), z[2])


@pytest.mark.parametrize("steps", [1, 0, -2])
def test_a_line_of_no_length(steps):
    with pytest.raises(InputError, match=f"steps is {steps};"):
        line(np.zeros(2), np.ones(2), steps)


def test_along_a_traversal_one_latent_changes():
    z, values = np.array([5, 6, 7], np.float32), np.array([-1.0, 0.0, 1.0, 2.0])
    codes = traverse(z, [2, 0], values)
    np.testing.assert_array_equal(codes[0], [[5, 6, v] for v in values])
    np.testing.assert_array_equal(codes[1], [[v, 6, 7] for v in values])
    np.testing.assert_array_equal(z, [5, 6, 7])


def test_each_latent_may_take_values_of_its_own():
    codes = traverse(np.zeros(2), [1, 0], np.array([[1.0, 2.0], [30.0, 40.0]]))
    np.testing.assert_array_equal(codes, [[[0, 1], [0, 2]], [[30, 0], [40, 0]]])


@pytest.mark.parametrize("latents", [[2], [0, -1], np.array([5])])
def test_latents_that_are_not_there_are_refused(latents):
    with pytest.raises(InputError, match=r"latents are .*, expected numbers from 0 to 1"):
        traverse(np.zeros(2), latents, np.ones(3))
