"""Every operation on a GPU gives NumPy's numbers: within 2e-5 in float32, 1e-12 in float64.

The tolerance is relative to the largest number of each result. Marked `gpu`, run on the stand-in
everywhere, and on CuPy where there is a GPU.
"""

import copy
import pickle
import sys
from inspect import signature
from itertools import cycle

import numpy as np
import pytest
from gpus import TOLERANCE, HostNoiseCuda, assert_close, installed, open_backend, uninstall
from strict_device import waiting_allowed

from npvae import VAE, gaussian
from npvae.devices import CPU
from npvae.devices.kernels import INSTALLED
from npvae.encoder_decoder import EncoderDecoder
from npvae.likelihoods import bernoulli
from npvae.optimizers import OPTIMIZERS
from npvae.parameters import Parameters
from npvae.selfcheck import SUBJECTS

pytestmark = pytest.mark.gpu
DTYPES = (np.float32, np.float64)
SIZES = (5, 70, 3, 4, 6, 2)  # 70 rows have a whole group of 64, and a rest


def moved(thing, dtype, device):
    """Return a copy of a subject whose numbers, if it has any, are on another device."""
    if isinstance(thing, EncoderDecoder):
        config = thing.config | {"dtype": dtype, "device": device}
        del config["model"]
        model = type(thing).dense(**config)
        model.params.flat[...] = device.asarray(thing.params.flat, dtype)
        return model
    if not callable(thing):
        thing = copy.deepcopy(thing)
        thing.params = Parameters({"thing": thing}, dtype, device)
    return thing


def results(thing, inputs, rng, to_host):
    """Return what a thing computes, forwards and backwards, and every gradient, by name."""
    found = {}
    if hasattr(thing, "forward"):
        y = thing.forward(*inputs)
        found["y"] = to_host(y)
        found["dx"] = to_host(thing.backward(rng(y.shape)))
    else:
        function = getattr(thing, "loss_and_grad", thing)
        found |= {f"result {i}": to_host(part) for i, part in enumerate(function(*inputs))}
        if hasattr(thing, "terms"):
            found |= {f"term {i}": to_host(part) for i, part in enumerate(thing.terms(*inputs))}
    if hasattr(thing, "params"):
        found |= {f"d{name}": to_host(g) for name, g in thing.params.gradients.items()}
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SUBJECTS)
def test_an_operation(gpu, name, dtype):
    sizes = cycle(SIZES)
    thing, inputs = SUBJECTS[name](lambda: next(sizes), np.random.default_rng(3))

    def run(which, put, to_host):
        def random(shape):
            return put(np.random.default_rng(7).normal(size=shape))

        return results(which, [put(a) for a in inputs], random, to_host)

    here = run(moved(thing, dtype, CPU), lambda a: a.astype(dtype), np.asarray)
    with waiting_allowed():
        there = run(moved(thing, dtype, gpu), lambda a: gpu.asarray(a.astype(dtype)), gpu.to_host)
    assert list(there) == list(here)
    for what, value in here.items():
        assert_close(there[what], value, TOLERANCE[dtype], f"{name}, {what}")


# ---- the kernels, each against its NumPy form on the same device ---------------------------------


def arguments_of(rng):
    """Return the arguments of every function that has a kernel, as float64 arrays or numbers."""
    n, k, n_x, n_z = 6, 4, 130, 3
    a, x = rng.normal(0, 4, (n, n_x)), rng.integers(0, 2, (n, n_x)).astype(float)
    a[0, :4] = 0, 1e4, -1e4, 40
    several = rng.normal(0, 4, (n, k, n_x))
    mu, logvar = np.split(rng.normal(0, 1, (n, 2 * n_z)), 2, axis=1)  # views, as an encoder's are
    z, eps = rng.normal(0, 1, (2, n, k, n_z))
    vectors = rng.normal(0, 1, (5, 50))
    vectors[3] **= 2
    return {
        "sum_of_rows": [
            (a, np.zeros(n_x)),
            *((rng.normal(size=(n, 5)), np.ones(5)) for n in (600, 700)),
        ],
        "relu": [(a,)],
        "relu_backward": [(a, np.maximum(x - 0.5, 0))],
        "tanh_backward": [(a, np.tanh(a))],
        "sigmoid": [(a,)],
        "bernoulli_loss_and_grad": [(a, x), (a, rng.random((n, n_x)))],
        "bernoulli_log_prob": [(a, x), (several, x[:, None])],
        "bernoulli_backward": [
            (rng.normal(size=(n, 1)), a, x, np.exp(-abs(a))),
            (rng.normal(size=(n, k, 1)), several, x[:, None], np.exp(-abs(several))),
        ],
        "reparameterize": [(mu, logvar, mu), (mu[:, None], logvar[:, None], eps)],
        "reparameterize_backward": [(mu, logvar, logvar), (z, logvar[:, None], eps)],
        "kl_per_latent": [(mu, logvar), (mu, 1e-9 * logvar)],
        "kl_and_grad": [(mu, logvar)],
        "log_prior_over_posterior": [(mu, logvar, mu), (z, logvar[:, None], eps)],
        "adam_update": [(*vectors, 0.9, 0.999, 3e-3, 1e-6)],
    }


END = slice(0, 0)
IN_PLACE = {"sum_of_rows": slice(1, 2), "adam_update": slice(0, 4)}  # which arguments change
FUNCTIONS = {
    "npvae.layers": ["sum_of_rows", "relu", "relu_backward", "tanh_backward", "sigmoid"],
    "npvae.optimizers": ["adam_update"],
    "npvae.likelihoods.bernoulli": [
        "bernoulli_loss_and_grad",
        "bernoulli_log_prob",
        "bernoulli_backward",
    ],
    "npvae.gaussian": [
        "reparameterize",
        "reparameterize_backward",
        "kl_per_latent",
        "kl_and_grad",
        "log_prior_over_posterior",
    ],
}
FULL_NAMES = {name: f"{module}.{name}" for module, names in FUNCTIONS.items() for name in names}
each_function = pytest.mark.parametrize("name", FULL_NAMES)


def kernel_and_plain(gpu, name):
    """Return the kernel for a function, and the function's NumPy form."""
    full = FULL_NAMES[name]
    return INSTALLED[gpu.array_type][full], installed(full).__wrapped__


def made_by(function, arguments, gpu, name):
    """Return what a function makes of arrays on the GPU, and what it does to them, on the host."""
    put = [gpu.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    made = function(*put)
    made = made if isinstance(made, tuple) else (made,)
    kept = put[IN_PLACE.get(name, END)]
    with waiting_allowed():
        return [gpu.to_host(a) for a in (*made, *kept) if hasattr(a, "shape")]


def test_every_kernel_is_tested(gpu):
    names = set(INSTALLED[gpu.array_type])
    assert names - {"npvae.datasets.preprocessing.draw_pixels"} == set(FULL_NAMES.values())
    assert set(FULL_NAMES) == set(arguments_of(np.random.default_rng(0)))


@pytest.mark.parametrize("dtype", DTYPES)
@each_function
def test_a_kernel_gives_what_its_numpy_form_gives(gpu, name, dtype):
    kernel, plain = kernel_and_plain(gpu, name)
    for arguments in arguments_of(np.random.default_rng(1))[name]:
        given = [a.astype(dtype) if isinstance(a, np.ndarray) else a for a in arguments]
        here, there = (made_by(function, given, gpu, name) for function in (plain, kernel))
        n = len(there)  # a kernel that computes e anew returns none
        assert n == len(here) - (name == "bernoulli_log_prob")
        for i, (a, b) in enumerate(zip(there, here, strict=False)):
            assert_close(a, b, TOLERANCE[dtype], f"{name}, {i}")


def test_x_may_have_another_dtype_than_the_model(gpu):
    """As x / 255 has, which NumPy makes float64; a model's numbers take it as it is."""
    model = VAE.dense(6, 5, 2, device=gpu)
    x, eps = (np.random.default_rng(0).random((3, n)) for n in (6, 2))
    for d, e in ((np.float64, np.float32), (np.float32, np.float64)):
        given = gpu.asarray(x.astype(d)), gpu.asarray(eps.astype(e))
        with waiting_allowed():
            there = gpu.to_host(model.terms(*given).bound), float(model.loss_and_grad(*given).loss)
        host = VAE.dense(6, 5, 2)
        given = x.astype(d), eps.astype(e)
        here = host.terms(*given).bound, float(host.loss_and_grad(*given).loss)
        np.testing.assert_allclose(there[0], here[0], rtol=1e-5)
        np.testing.assert_allclose(there[1], here[1], rtol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_small_probability_keeps_its_digits(gpu, dtype):
    logits, x = np.full((1, 1), -40.0, dtype), np.zeros((1, 1), dtype)
    loss, dlogits = bernoulli.bernoulli_loss_and_grad(gpu.asarray(logits), gpu.asarray(x))
    with waiting_allowed():
        np.testing.assert_allclose(gpu.to_host(dlogits), np.exp(-40.0), rtol=1e-5)
        np.testing.assert_allclose(float(loss), np.exp(-40.0), rtol=1e-5)


@each_function
def test_what_is_no_number_spoils_what_it_spoils_in_numpy(gpu, name):
    """A training that diverges is noticed by it."""
    arguments = arguments_of(np.random.default_rng(1))[name][0]
    arrays = [i for i, a in enumerate(arguments) if isinstance(a, np.ndarray)]
    alone = arrays[:-1] if name == "bernoulli_backward" else arrays  # e is no input of its own
    for which in [*([i] for i in alone), arrays]:
        spoiled = [np.full_like(a, np.nan) if i in which else a for i, a in enumerate(arguments)]
        kernel, plain = kernel_and_plain(gpu, name)
        here, there = (made_by(function, spoiled, gpu, name) for function in (plain, kernel))
        for a, b in zip(there, here, strict=False):
            assert np.isnan(a[np.isnan(b)]).all()
    assert all(np.isnan(a).all() for a in there)  # now that all is spoiled


@each_function
def test_a_call_by_keywords_works_too(gpu, name):
    """It takes the NumPy form, on the same arrays."""
    function, (arguments, *_) = (
        installed(FULL_NAMES[name]),
        arguments_of(np.random.default_rng(1))[name],
    )
    named = zip(signature(function).parameters, arguments, strict=True)
    put = {key: gpu.asarray(a) if isinstance(a, np.ndarray) else a for key, a in named}
    made = function(**put)
    with waiting_allowed():
        for a in made if isinstance(made, tuple) else (made, *put.values()):
            assert not hasattr(a, "shape") or np.isfinite(gpu.to_host(a)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_small_kl_keeps_its_digits_and_is_never_negative(gpu, dtype):
    logvar = np.linspace(-1e-3, 1e-3, 200).astype(dtype).reshape(50, 4)
    mu, exact = np.zeros_like(logvar), logvar.astype(np.float64) ** 2 / 4
    with waiting_allowed():
        kl = gpu.to_host(gaussian.kl_per_latent(gpu.asarray(mu), gpu.asarray(logvar)))
        total, _, dlogvar = gaussian.kl_and_grad(gpu.asarray(mu), gpu.asarray(logvar))
        np.testing.assert_allclose(gpu.to_host(dlogvar), np.expm1(logvar) / 100, rtol=1e-5)
        np.testing.assert_allclose(float(total), exact.sum() / 50, rtol=1e-3)
    assert kl.min() >= 0
    np.testing.assert_allclose(kl, exact, rtol=2e-3, atol=1e-10)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_optimizer(gpu, optimizer):
    def train(device):
        class Part:
            def __init__(self):
                self.w, self.dw = np.linspace(-1, 1, 30), np.zeros(30)

            def backward(self, dy): ...

        params, made = Parameters({"part": Part()}, np.float64, device), OPTIMIZERS[optimizer](0.1)
        for t in range(5):
            params.grad[...] = device.asarray(np.sin(np.arange(30.0) + t))
            made.step(params)
        return device.to_host(params.flat)

    with waiting_allowed():
        assert_close(train(gpu), train(CPU), TOLERANCE[np.float64])


# ---- how the kernels take the place of the functions ---------------------------------------------


def references():
    """Return every function that a module of npvae holds, by the module's name and its own."""
    return {
        (module, name): value
        for module in sorted(sys.modules)
        if module.split(".")[0] == "npvae"
        for name, value in vars(sys.modules[module]).items()
        if callable(value)
    }


@pytest.fixture
def opened():
    """The GPU of the stand-in, opened anew; what there was before it; what there is now."""
    uninstall()
    before = references()
    gpu = HostNoiseCuda(open_backend("stand-in"))
    yield gpu, before, references()
    uninstall()


def test_opening_a_gpu_replaces_every_reference_to_a_function_with_a_kernel(opened):
    gpu, before, after = opened
    replaced = {place: f for place, f in before.items() if after[place] is not f}
    places = {f"{module}.{name}" for module, name in replaced}
    assert places > set(INSTALLED[gpu.array_type])
    assert {"npvae.vae.kl_and_grad", "npvae.likelihoods.bernoulli.sigmoid"} <= places
    assert all(after[place].__wrapped__ is f for place, f in replaced.items())
    assert len({*map(id, replaced.values())}) == len(INSTALLED[gpu.array_type])
    assert {*map(id, replaced.values())}.isdisjoint(map(id, after.values()))


def test_a_host_that_opens_no_gpu_has_the_functions_as_they_were_written(opened):
    _, before, _ = opened
    uninstall()
    assert references() == before
    assert not any(hasattr(installed(name), "__wrapped__") for name in FULL_NAMES.values())


def test_opening_another_gpu_wraps_nothing_twice(opened):
    gpu, _, after = opened
    HostNoiseCuda(gpu._xp)
    assert references() == after


def test_a_replaced_function_can_be_copied_and_pickled(opened):
    for name in FULL_NAMES.values():
        function = installed(name)
        assert pickle.loads(pickle.dumps(function)) is copy.deepcopy(function) is function


def test_numpys_arrays_keep_the_numpy_form(opened, monkeypatch):
    gpu, _, _ = opened
    monkeypatch.setitem(INSTALLED, gpu.array_type, dict.fromkeys(INSTALLED[gpu.array_type]))
    np.testing.assert_array_equal(gaussian.kl_per_latent(np.ones((1, 1)), np.zeros((1, 1))), 0.5)
