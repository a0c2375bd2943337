"""What is damaged: for every kind of file how to make a small valid one, read it, and judge it.

To add a kind, add a `Subject` to `SUBJECTS`.
"""

import csv
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from judges import (
    LIMIT,
    judge_checkpoint,
    judge_columns,
    judge_dataset,
    judge_glyphs,
    judge_history,
    judge_idx,
    judge_model,
    judge_settings,
)
from mutations import archives, arrays, idx, images, texts
from PIL import Image

from npvae import (
    IWAE,
    VAE,
    DataError,
    Dataset,
    DenoisingAutoencoder,
    EarlyStopping,
    Split,
    Standardized,
    load_checkpoint,
    load_model,
    save_checkpoint,
    save_model,
    trainer_for,
)
from npvae.datasets import glyphs, load_dataset
from npvae.datasets.glyphs import draw_glyphs
from npvae.datasets.idx import read_idx
from npvae.runs.building import load_data, resolve
from npvae.runs.folder import RunFolder
from npvae.runs.history import history_columns
from npvae.runs.settings import Settings

SHAPE = (12, 10)  # of an image


@dataclass(frozen=True)
class Subject:
    """A kind of file.

    Attributes
    ----------
    file : path of the file within the subject's folder
    make : writes the valid file, and what belongs to it, into the working folder
    read : what npvae makes of the file; takes its path
    judge : asserts that what was read is well formed
    same : a list of arrays, equal where a damaged file holds what the valid one holds
    crafted : the changes that know the format
    checked : whether the format has checksums, so that no changed byte may change what is read
    """

    file: str
    make: Callable[[], None]
    read: Callable[[Path], Any]
    judge: Callable[[Any], None]
    same: Callable[[Any], list[Any]]
    crafted: tuple[Callable[..., bytes], ...]
    checked: bool = False


def numbers_of_dataset(data):
    parts = (data.train, data.validation, data.test)
    return [data.train.x, data.train.labels, *(part.rows for part in parts)]


def table():
    return np.random.default_rng(0).normal(10, 3, (40, 4))


def pixels():
    return np.random.default_rng(0).integers(0, 256, (12, *SHAPE), dtype=np.uint8)


# ---- valid files ---------------------------------------------------------------------------------


def make_idx(pack):
    header = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in pixels().shape)
    Path("images-idx3-ubyte").write_bytes(pack(header + pixels().tobytes()))


def _gzip(raw):
    return gzip.compress(raw, mtime=0)


def make_csv():
    with open("own.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*"abcd", "label"])
        writer.writerows([*row.round(3), i % 3] for i, row in enumerate(table()))


def make_pictures(suffix):
    Path("own").mkdir()
    for i, image in enumerate(pixels() // 64):  # few greys: without noise, files pack to less
        Image.fromarray(image).save(f"own/{i:02d}.{suffix}")


def make_model(kind, **options):
    model = kind.dense(4, (3,), 2, **{"likelihood": "gaussian"} | options)
    save_model("model.npz", model, Standardized(np.arange(4.0), np.ones(4)), (4,))


def trainer_on_table():
    part, scaling = Split(table(), np.arange(40)), Standardized(np.full(4, 10.0), np.full(4, 3.0))
    data = Dataset("own", part, part, part, (4,), "real", "a test")
    model = VAE.dense(4, (3,), 2, likelihood="gaussian")
    options = {"scaling": scaling, "batch_size": 16, "early_stopping": EarlyStopping(3)}
    return trainer_for(model, data, **options)


def make_checkpoint():
    """Of a training that stands within its second epoch."""
    trainer = trainer_on_table()
    trainer.run_epoch()
    trainer.step(), trainer.step()
    save_checkpoint("checkpoint.npz", trainer, (4,), {"lr": 1e-3})


def read_checkpoint(path):
    """Return a trainer that goes on from there; one that refuses the file stays as it was."""
    trainer = trainer_on_table()
    before = trainer.model.params.flat.tobytes()
    try:
        load_checkpoint(path, trainer)
    except DataError:
        assert trainer.steps == 0
        assert trainer.model.params.flat.tobytes() == before
        raise
    return trainer


def make_run():
    """A run on own data, as `npvae train` leaves it; its paths are relative, so alike anywhere."""
    np.save("own.npy", table())
    settings = Settings(data="own.npy", latent=2, hidden=(5, 3), seed=3)
    data = load_data(settings)
    run = RunFolder.create("run", "own")
    run.write_config(resolve(settings, data), data, 123)
    config = json.loads((run / "config.json").read_text())
    config["settings"]["data"] = config["data"]["source"] = "own.npy"
    config["data"]["columns"] = ["a", "b", "c", "d"]
    config["versions"] = {}
    (run / "config.json").write_text(json.dumps(config, indent=2))
    (run / "history.csv").write_text(
        "epoch,train_loss,train_elbo,train_reconstruction,train_kl\r\n"
        "1,102.5,-102.5,90.5,12\r\n2,99.25,-99.25,85,14.25\r\n"
    )


def _glyphs(path):
    return glyphs._read(path)


def make_glyphs():
    parts = [draw_glyphs(n, np.random.default_rng(n), progress=False) for n in (6, 4)]
    glyphs._keep(Path("glyphs.npz"), *parts)


def _read_idx(path):
    return read_idx(path.read_bytes(), path.name, axes=3, limit=LIMIT)


def _own(path):
    return load_dataset(path.parent if path.parent.name == "own" else path, progress=False)


def _same_model(saved):
    return [saved.model.params.flat, saved.scaling.mean, saved.scaling.std]


def _same_checkpoint(trainer):
    state = trainer.state()
    vectors = [state[name] for name in ("params", "best", "order", "losses")]
    counts = [trainer.steps, str(state["rng"]), state["optimizer"]["t"]]
    return [*vectors, trainer.scaling.mean, trainer.optimizer.M, trainer.optimizer.V, *counts]


def _same_settings(settings):
    return [repr([getattr(settings, field.name) for field in fields(settings)])]


def own_file(name, make, crafted, checked=False):
    return Subject(name, make, _own, judge_dataset, numbers_of_dataset, crafted, checked)


def pictures(suffix, crafted=images.IMAGE):
    make, checked = lambda: make_pictures(suffix), suffix == "png"
    return own_file(f"own/03.{suffix}", make, crafted, checked)


def model_file(kind, **options):
    make = partial(make_model, kind, **options)
    return Subject("model.npz", make, load_model, judge_model, _same_model, archives.MODEL, True)


def run_file(name, read, judge, same, crafted, checked=False):
    def read_run(path):
        return read(RunFolder.open(path.parent))

    return Subject(f"run/{name}", make_run, read_run, judge, same, crafted, checked)


SUBJECTS = {
    "idx": Subject("images-idx3-ubyte", lambda: make_idx(bytes), _read_idx, judge_idx,
                   lambda array: [array], idx.RAW),
    "idx.gz": Subject("images-idx3-ubyte", lambda: make_idx(_gzip),
                      _read_idx, judge_idx, lambda array: [array], idx.GZIP, checked=True),
    "npy": own_file("own.npy", lambda: np.save("own.npy", pixels()), arrays.NPY),
    "npz": own_file("own.npz", lambda: np.savez("own.npz", x=pixels(), labels=np.arange(12) % 3),
                    archives.NPZ, checked=True),
    "csv": own_file("own.csv", make_csv, texts.CSV),
    "png": pictures("png", images.PNG),
    **{suffix: pictures(suffix) for suffix in ("jpg", "bmp", "gif", "tif", "webp")},
    "glyphs": Subject("glyphs.npz", make_glyphs, _glyphs, judge_glyphs,
                      lambda parts: [*parts[0][:2], *parts[0][2].values()], archives.NPZ, True),
    "model": model_file(VAE, sigma=0.3),
    "model-weighted": model_file(IWAE, k=3, objective="dreg", n_y=3, sigma="learned"),
    "model-categorical": model_file(VAE, likelihood="categorical", groups=(1, 3)),
    "model-mixed": model_file(VAE, likelihood="mixed", sigma="learned", groups=(0, 2, 0)),
    "model-denoising": model_file(DenoisingAutoencoder, corruption="mask", amount=0.3),
    "checkpoint": Subject("checkpoint.npz", make_checkpoint, read_checkpoint, judge_checkpoint,
                          _same_checkpoint, archives.MODEL, True),
    "config-settings": run_file("config.json", RunFolder.settings, judge_settings,
                                 _same_settings, texts.JSON),
    "config-columns": run_file("config.json", RunFolder.columns, judge_columns, list, texts.JSON),
    "config-data": run_file("config.json", RunFolder.load_data, judge_dataset,
                             numbers_of_dataset, texts.JSON),
    "split": run_file("split.npz", RunFolder.load_data, judge_dataset, numbers_of_dataset,
                      archives.NPZ, True),
    "history": run_file("history.csv", lambda run: history_columns(run / "history.csv"),
                        judge_history, lambda columns: [*columns.values()], texts.CSV),
}  # fmt: skip
