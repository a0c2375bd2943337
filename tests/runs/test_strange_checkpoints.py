"""Checkpoints with right checksums in which something does not make sense."""

import json

import numpy as np
import pytest
from tiny_trainings import bits, go_on, make_training

from npvae import DataError, load_checkpoint, save_checkpoint


@pytest.fixture
def path(tmp_path):
    """The file of a training with early stopping that stands in its second epoch."""
    save_checkpoint(tmp_path / "c.npz", go_on(make_training(schedule="early stopping"), updates=5))
    return tmp_path / "c.npz"


def require_refused(path, words):
    """Refused it names the file, and changes nothing."""
    trainer = make_training(schedule="early stopping")
    before = bits(trainer)
    with pytest.raises(DataError, match=words):
        load_checkpoint(path, trainer)
    assert bits(trainer) == before


def rewrite(path, change):
    """Write a file again after `change(header, arrays)`; its checksums are right."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header")))
    change(header, arrays)
    np.savez(path, header=np.array(json.dumps(header)), **arrays)


def progress(**changes):
    return lambda header, arrays: header["progress"].update(changes)


def generator(**changes):
    return lambda header, arrays: header["progress"]["rng"]["state"].update(changes)


def numbers(**changes):
    return lambda header, arrays: header["optimizer"]["numbers"].update(changes)


def array(name, value):
    return lambda header, arrays: arrays.update({name: value})


def without(name):
    return lambda header, arrays: arrays.pop(name)


STRANGE = {
    "a record of an epoch to come": progress(epoch=1),
    "no epoch": progress(epoch=0),
    "half a step": progress(step=1.5),
    "a step beyond the epoch": progress(step=4),
    "a negative step": progress(step=-1),
    "no batch": progress(batch_size=0),
    "a seed below zero": progress(rng=-1),
    "an unknown generator": progress(rng={"bit_generator": "Random"}),
    "a generator without its state": progress(rng={"bit_generator": "PCG64"}),
    "a generator that draws one number for ever": generator(state=0, inc=0),
    "a generator with an even increment": generator(inc=4),
    "a generator with half a state": generator(state=1.5),
    "a counter without a key": progress(rng={"bit_generator": "Philox4x32-10", "drawn": 0}),
    "a counter below zero": progress(rng={"bit_generator": "Philox4x32-10", "key": 1, "drawn": -1}),
    "a counter of 65 bits": progress(
        rng={"bit_generator": "Philox4x32-10", "key": 1 << 64, "drawn": 0}
    ),
    "half a key": progress(rng={"bit_generator": "Philox4x32-10", "key": 0.5, "drawn": 0}),
    "a time that is none": progress(seconds="long"),
    "records that are none": progress(records=[{}]),
    "an order with gaps": array("progress/order", np.arange(40) * 2),
    "an order of floats": array("progress/order", np.arange(40.0)),
    "an order of other examples": array("progress/order", np.arange(9)),
    "losses of another epoch": array("progress/losses", np.zeros((2, 3))),
    "losses that are none": array("progress/losses", np.full((3, 3), np.nan)),
    "no losses": without("progress/losses"),
    "no order": without("progress/order"),
    "an unknown optimiser": lambda header, arrays: header["optimizer"].update(kind="Magic"),
    "half an update": numbers(t=1.5),
    "updates below zero": numbers(t=-1),
    "true": numbers(t=True),
    "a decay above one": numbers(beta1=2.0),
    "a rate below zero": numbers(lr=-0.1),
    "an infinite rate": numbers(lr=1e999),
    "another number": numbers(nesterov=1),
    "a short average": array("optimizer/M", np.zeros(3, np.float32)),
    "another average": array("optimizer/W", np.zeros(3, np.float32)),
    "an average in other floats": array("optimizer/M", np.zeros(110)),
    "sizes of nothing": array("params/encoder.0.W", np.zeros((10**6, 0), "U1")),
    "an average of text": array("optimizer/M", np.array(["a"] * 84)),
    "settings that are none": lambda header, arrays: header.update(settings=3),
    "no versions": lambda header, arrays: header.pop("versions"),
    "records of other forms": array("progress/records", np.ones((1, 7))),
    "half an epoch": array("progress/records", np.full((1, 6), 0.5)),
    "records of text": array("progress/records", np.full((1, 6), "a")),
    "parameters beyond float32": array("params/encoder.0.b", np.full(5, 1e300)),
    "parameters of nothing": array("params/extra", np.zeros(3, np.float32)),
    "a best of other sizes": array("progress/best", np.zeros(3, "f4")),
    "a best that is not finite": array("progress/best", np.full(110, np.nan, "f4")),
    "a best of text": array("progress/best", np.full(110, "b")),
    "a best beyond float32": array("progress/best", np.full(110, 1e300)),
    "a last layer that is not finite": array("params/decoder.2.b", np.full(6, np.nan)),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_what_does_not_fit_together_is_refused(path, strange):
    load_checkpoint(path, make_training(schedule="early stopping"))
    rewrite(path, STRANGE[strange])
    require_refused(path, r"c\.npz")


@pytest.mark.parametrize("format_", [2, 0, "1.0", None, [1]])
def test_another_format_is_refused_by_name(path, format_):
    rewrite(path, lambda header, arrays: header.update(format=format_))
    require_refused(path, "format 1")
