"""A training on a GPU goes where it goes on the host, and what it left is as good there.

The noise is drawn on the host, the same for both, unless a test says otherwise. Tolerances: a whole
gradient within 2e-5 in float32 and 1e-12 in float64 of the largest number of each array; after ten
steps of Adam, whose division by small averages lets differences grow, the losses within 1e-5 and
1e-10 of their size, the parameters within 1e-4 and 1e-9; log p(x) within 1e-4 and 1e-9 nats.
"""

import numpy as np
import pytest
from gpu_models import MODELS, digits
from gpus import TOLERANCE, assert_close
from strict_device import waiting_allowed

from npvae import Adam, Pixels, Trainer, evaluate, log_likelihood
from npvae.devices import CPU

pytestmark = pytest.mark.gpu
DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_the_whole_gradient(gpu, name, dtype):
    def gradient(device):
        model = MODELS[name](dtype=dtype, device=device)
        rng = device.generator(1)
        x = Pixels().encode(device.asarray(digits(70).x), rng, dtype)
        y = [model.one_hot(digits(70).labels)] if model.n_y else []
        loss = model.loss_and_grad(x, model.draw_noise(rng, 70), *y)
        found = {name: device.to_host(g) for name, g in model.params.gradients.items()}
        return found | {f"loss {i}": device.to_host(part) for i, part in enumerate(loss)}

    with waiting_allowed():
        here, there = gradient(CPU), gradient(gpu)
    for what, value in here.items():
        assert_close(there[what], value, TOLERANCE[dtype], what)


@pytest.mark.parametrize(
    ("dtype", "of_losses", "apart"), [(np.float32, 1e-5, 1e-4), (np.float64, 1e-10, 1e-9)]
)
@pytest.mark.parametrize("name", MODELS)
def test_ten_training_steps(gpu, name, dtype, of_losses, apart):
    def train(device):
        model = MODELS[name](dtype=dtype, device=device)
        trainer = Trainer(model, digits(320), Pixels(), Adam(1e-3), batch_size=64, rng=2)
        losses = []
        while trainer.goes_on(epochs=2):
            losses.append(float(device.to_host(trainer.step().loss)))
            if trainer.epoch_is_over:
                trainer.end_epoch()
        assert len(losses) == 10
        return np.array(losses), device.to_host(model.params.flat)

    with waiting_allowed():
        (losses, flat), (losses_there, flat_there) = train(CPU), train(gpu)
    np.testing.assert_allclose(losses_there, losses, rtol=of_losses)
    np.testing.assert_allclose(flat_there, flat, rtol=0, atol=apart)


@pytest.mark.parametrize(("dtype", "nats"), [(np.float32, 1e-4), (np.float64, 1e-9)])
@pytest.mark.parametrize("name", ["vae", "conditional", "gaussian", "iwae"])
def test_the_importance_weighted_likelihood(gpu, name, dtype, nats):
    def measure(device):
        model = MODELS[name](dtype=dtype, device=device)
        part = digits(12)
        return [
            log_likelihood(model, part, Pixels(), k=30, memory=memory) for memory in (2000, 1 << 20)
        ], evaluate(model, part, Pixels())

    with waiting_allowed():
        (few, many), elbo = measure(CPU)
        (few_there, many_there), elbo_there = measure(gpu)
    assert abs(few_there.log_px - few.log_px) < nats
    assert abs(many_there.log_px - many.log_px) < nats
    assert abs(many_there.standard_error - many.standard_error) < nats
    assert abs(elbo_there.elbo - elbo.elbo) < nats
    assert elbo_there.active_units == elbo.active_units
