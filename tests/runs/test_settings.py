import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from npvae import InputError
from npvae.runs.settings import EXPECTED, LATER, Settings

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-format-1"
WRONG = {
    "data": [3, None, b"x"],
    "label_column": [1.5],
    "validation": [-1, 2.0, "5"],
    "recipe": [3],
    "model": ["gan", None, 1],
    "conditional": [1, "yes", None],
    "latent": [0, 2.0, True, None, 1 << 63],
    "hidden": [[400], (400, 0), (1,) * 101, 400],
    "activation": ["gelu"],
    "init": [None],
    "mean_bias": [0, "no"],
    "logvar_range": [(1,), (2.0, -6.0), (1, 1), (-41, 0), (0, 41), ("a", 1), -6, (1, float("nan"))],
    "likelihood": ["poisson"],
    "binarize": ["maybe", True],
    "sigma": [0.0, -1, "best", True, float("inf")],
    "corruption": ["fog", 3],
    "noise": [0, -0.5, "much"],
    "objective": ["best", None],
    "k": [0, 1.5, True, (1 << 20) + 1],
    "beta": [-0.1, float("nan"), None],
    "warm_up": [-1, 0.5, None],
    "free_bits": [-0.1, float("inf"), "some"],
    "epochs": [0, 1.5],
    "patience": [0, 2.5, False],
    "batch_size": ["128", 0],
    "optimizer": ["rmsprop", "Adam"],
    "lr": [float("inf"), 0, np.float32(1)],
    "lr_schedule": ["linear", None],
    "adam_beta1": [1.0, -0.1, None],
    "adam_eps": [0, None],
    "device": ["gpu", "", 0, ["cuda"]],
    "seed": [-1, 1.0],
}
GOOD = {
    "label_column": "kind",
    "validation": 0,
    "recipe": "aevb",
    "model": "denoising",
    "conditional": True,
    "hidden": (7, 5),
    "logvar_range": (-40, 40),
    "sigma": "optimal",
    "corruption": "gaussian",
    "noise": 3,
    "objective": "dreg",
    "k": 1 << 20,
    "beta": 0,
    "free_bits": 0.5,
    "patience": 1,
    "optimizer": "adagrad",
    "lr": 1e-4,
    "lr_schedule": "cosine",
    "adam_beta1": 0,
}


def test_every_setting_is_expected_to_be_something():
    names = {field.name for field in fields(Settings)}
    assert set(EXPECTED) == set(WRONG) == names
    assert names > LATER


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in WRONG.items() for v in values])
def test_a_setting_that_makes_no_sense(name, value):
    with pytest.raises(InputError, match=f"^{name} is .*, expected "):
        Settings(**({"data": "x"} | {name: value}))
    stored = Settings(data="x").as_json() | {name: value}
    if (name, value) != ("hidden", [400]):  # in JSON a list is what it should be
        with pytest.raises(InputError, match=f"^{name} is .*, expected "):
            Settings.from_json(stored)


def test_settings_go_through_json():
    for settings in (Settings(data="x"), Settings(data="x", **GOOD)):
        assert Settings.from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_a_setting_that_is_missing_or_unknown():
    for change in (lambda s: s.pop("lr"), lambda s: s.update(speed=3)):
        stored = Settings(data="x").as_json()
        change(stored)
        with pytest.raises(InputError, match=r"missing or unknown: (lr|speed)$"):
            Settings.from_json(stored)


def test_settings_of_the_first_runs_have_the_defaults_of_what_came_later():
    stored = json.loads((FIXTURE / "config.json").read_text())["settings"]
    assert set(stored) == {field.name for field in fields(Settings)} - LATER
    whole = Settings(data="x", latent=3, **{k: v for k, v in GOOD.items() if k not in LATER})
    old = {name: value for name, value in whole.as_json().items() if name not in LATER}
    assert Settings.from_json(old) == whole
    assert Settings.from_json(old | {"k": 5}).k == 5


def test_drawing_several_times_or_weighing_what_was_drawn():
    several = [{"k": 2}, {"objective": "iwae"}, {"objective": "dreg", "k": 3}]
    assert all(Settings(data="x", **asked).draws_several for asked in several)
    assert not Settings(data="x").draws_several
