"""Same seed, same machine, same number of threads: the same bits."""

import json
import os
import subprocess
import sys

import pytest

TRAIN = """
import hashlib, json
import numpy as np
from npvae import VAE, Adam, Dataset, Split, fit

x = np.random.default_rng(0).integers(0, 256, (768, 784), dtype=np.uint8)
parts = [Split(x, rows) for rows in np.split(np.arange(768), [640, 704])]
data = Dataset("noise", *parts, shape=(28, 28), kind="pixels", source="a test")
model, adam = VAE.dense(784, 400, 20, seed=0), Adam()
records = fit(model, data, optimizer=adam, epochs=2, rng=0)
assert len(records) == 2
made = model.params.flat.tobytes() + adam.M.tobytes() + model.sample(9, rng=0).tobytes()
elbos = [elbo for r in records for elbo in (r.train_elbo, r.held_out.elbo)]
print(json.dumps({"bits": hashlib.sha256(made).hexdigest(), "elbos": elbos}))
"""
TOLERANCE = 1e-3  # nats, of ELBOs around -540, after two epochs of five updates each


def train(threads):
    """Train in a process of its own whose BLAS has so many threads."""
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    done = subprocess.run(
        [sys.executable, "-c", TRAIN], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def trainings():
    """Two trainings with one thread, two with two."""
    return {threads: [train(threads) for _ in range(2)] for threads in (1, 2)}


@pytest.mark.parametrize("threads", [1, 2])
def test_two_processes_make_the_same_bits(trainings, threads):
    one, two = trainings[threads]
    assert one == two


def test_one_thread_and_two_agree_within_the_stated_tolerance(trainings):
    """They add the same numbers up in another order."""
    (one, _), (two, _) = trainings[1], trainings[2]
    assert one["elbos"] == pytest.approx(two["elbos"], abs=TOLERANCE, rel=0)
