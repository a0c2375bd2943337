"""What is well formed: of each kind of file, what a reader may return."""

import sys
from copy import deepcopy

import numpy as np

from npvae import VAE, Standardized
from npvae.datasets.glyphs import FONTS
from npvae.datasets.idx import TYPES
from npvae.likelihoods import SIGMAS

LIMIT = 1 << 25  # bytes, in place of `reading.LIMIT`: a bomb need not be large to be one


def judge_idx(array):
    assert array.ndim == 3
    assert array.dtype in [np.dtype(kind) for kind in TYPES.values()]
    assert array.nbytes <= LIMIT


def judge_dataset(data):
    """The parts share out the rows; their numbers are finite, and pixels where it says so."""
    rows = np.concatenate([part.rows for part in (data.train, data.validation, data.test)])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(data.train.x)))
    x = data.train.x
    assert x.ndim == 2
    assert x.shape[1] == data.n_x > 0
    assert x.dtype.kind in "uif"
    assert np.isfinite(x).all()
    if data.kind == "pixels":
        assert x.dtype == np.uint8 or (x.min() >= 0 and x.max() <= 1)
    for part in (data.train, data.validation, data.test):
        assert len(part) > 0
        if data.classes:
            assert part.labels.shape == part.rows.shape
            assert 0 <= part.labels.min() <= part.labels.max() < len(data.classes)
    assert all(ord(letter) <= sys.maxunicode for letter in "".join(data.classes))
    "".join(data.classes).encode()  # as whoever prints them must
    assert len(data.columns) in (0, data.n_x)


def judge_glyphs(parts):
    for n, (x, labels, factors) in zip((6, 4), parts, strict=True):
        assert (x.shape, x.dtype) == ((n, 784), np.uint8)
        assert (labels.shape, labels.dtype) == ((n,), np.int64)
        assert 0 <= labels.min() <= labels.max() <= 9
        assert 0 <= factors["font"].min() <= factors["font"].max() < len(FONTS)
        assert all(np.isfinite(values).all() for values in factors.values())


def judge_model(saved):
    assert np.isfinite(saved.model.params.flat).all()
    assert min(saved.shape) > 0
    assert np.prod(saved.shape) == saved.model.n_x == 4
    y = saved.model.one_hot(np.zeros(2, int)) if saved.model.n_y else None
    if isinstance(saved.model, VAE):
        assert saved.model.sample(2, y=y).shape == (2, 4)
    x, noise = np.zeros((2, 4), np.float32), saved.model.draw_noise(np.random.default_rng(0), 2)
    assert np.isfinite(saved.model.reconstruct(x, y=y)).all()
    with np.errstate(all="ignore"):  # a strange sigma
        saved.model.loss_and_grad(x, noise, y)
    if isinstance(saved.scaling, Standardized):
        assert (saved.scaling.std > 0).all()
    else:
        assert saved.scaling.binarize in ("none", "threshold", "dynamic")


def judge_checkpoint(trainer):
    """The training can go on."""
    trainer = deepcopy(trainer)  # which stays as it was read
    before = trainer.steps
    assert np.isfinite(trainer.model.params.flat).all()
    with np.errstate(all="ignore"):  # a strange rate or a strange average
        for _ in range(4):
            if trainer.epoch_is_over:
                break
            trainer.step()
    assert trainer.steps > before or trainer.epoch_is_over


def judge_settings(settings):
    """Every setting is of its type, and none is a number that is none."""
    kinds = {"data": str, "latent": int, "activation": str, "init": str, "epochs": int}
    kinds |= {"batch_size": int, "seed": int, "hidden": tuple}
    for name, kind in kinds.items():
        assert type(getattr(settings, name)) is kind, name
    assert all(type(size) is int and size > 0 for size in settings.hidden)
    assert min(settings.latent, settings.batch_size) > 0
    assert settings.validation is None or type(settings.validation) is int
    assert settings.sigma in (None, *SIGMAS) or 0 < settings.sigma < np.inf
    assert 0 <= settings.beta < np.inf
    assert 0 < settings.lr < np.inf


def judge_columns(columns):
    assert all(type(name) is str for name in columns)


def judge_history(columns):
    assert all(type(name) is str for name in columns)
    assert len({len(column) for column in columns.values()}) <= 1
    assert all(type(number) is float for column in columns.values() for number in column)
