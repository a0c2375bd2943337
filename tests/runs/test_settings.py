"""Each setting is declared once: its flag, its check, config.json and its words agree."""

import json
import re
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest

from npvae import InputError
from npvae.cli import build_parser
from npvae.optimizers import OPTIMIZERS
from npvae.runs.kinds import (
    MOST,
    MOST_REAL,
    NumberOr,
    OneOf,
    Pair,
    Real,
    Sizes,
    Text,
    Texts,
    Whole,
    YesNo,
    written,
)
from npvae.runs.settings import RATES, Settings, declared, flag, flag_name

FIXTURE = Path(__file__).parents[1] / "fixtures" / "run-format-1"
FIELDS = {one.name: one for one in fields(Settings)}
KINDS = {name: declared(one).kind for name, one in FIELDS.items()}
HUGE = [10**30, -(10**30), 10**5000, 1e308, -1e308, float("inf"), float("nan")]
ODD = [b"x", [1], {}, object, np.float32(1), np.int64(1)]


def good(kind):
    """Values of a kind: both ends of it, and one between."""
    match kind:
        case Whole():
            return [kind.least, kind.least + 1, kind.most]
        case Real():
            low = max(kind.least, kind.above + 1e-12 if kind.above > -MOST_REAL else -MOST_REAL)
            high = min(kind.most, kind.below - 1e-12 * max(1, abs(kind.below)))
            return [low, (low + min(high, 1)) / 2, 1e-5 / 3 if low < 1e-6 else low, high]
        case OneOf():
            return kind.names
        case Text():
            return ["mine.csv", "with space", ""]
        case Texts():
            return [(), ("name",), ("0", "with space", "-1")]
        case YesNo():
            return [True, False]
        case Sizes():
            return [(), (7,), (500, 300), (1,) * 100]
        case Pair():
            return [(kind.each.least, kind.each.most), (-6.0, 2.0)]
        case NumberOr():
            return [*kind.names, *good(kind.number)]


def bad(kind):
    """Values that are just beyond a kind, and odd ones."""
    common = [*ODD, *HUGE]
    match kind:
        case Whole():
            return [kind.least - 1, kind.most + 1, 1.0, True, "5", *common]
        case Real():
            low = kind.above if kind.above > -MOST_REAL else kind.least * 1.001 - 1e-3
            high = kind.below if kind.below < MOST_REAL else kind.most * 1.001
            return [low, high, True, "much", *common]
        case OneOf():
            return ["gelu", kind.names[0].upper(), 1, True, *common]
        case Text():
            return [3, True, *common]
        case Texts():
            return ["name", 3, True, (3,), *common]
        case YesNo():
            return [1, 0, "yes", *common]
        case Sizes():
            return [400, (400, 0), (1,) * 101, (2.0,), (True,), (MOST + 1,), [400], *common]
        case Pair():
            return [-6, (1,), (2.0, -6.0), (1, 1), (-41, 0), (0, 41), ("a", 1), (1, 2, 3), *common]
        case NumberOr():
            return ["best", *(value for value in bad(kind.number) if value != "much")]


def parsed(*flags):
    """The settings that `npvae train` is given by these flags."""
    given = vars(build_parser(["train"]).parse_args(["train", *flags]))
    return {name: value for name, value in given.items() if name in FIELDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_value_goes_through_its_flag_and_through_json(name):
    for value in good(KINDS[name]):
        settings = Settings(**{"data": "x", name: value})
        assert Settings.from_json(json.loads(json.dumps(settings.as_json()))) == settings
        text, *rest = flag(name, value).split(" ", maxsplit=1)
        assert parsed(text, *rest) == {name: value}


@pytest.mark.parametrize("name", KINDS)
def test_a_value_that_is_not_of_its_kind_is_refused(name):
    for value in bad(KINDS[name]):
        with pytest.raises(
            InputError, match=f"^{name} is .*(expected|choose at (least|most)) "
        ) as refused:
            Settings(**{"data": "x", name: value})
        assert len(str(refused.value)) < 300
        if not isinstance(value, list):  # which in JSON a tuple is
            with pytest.raises(
                InputError, match=f"^{name} is .*(expected|choose at (least|most)) "
            ):
                Settings.from_json({**Settings(data="x").as_json(), name: value})


@pytest.mark.parametrize(
    "name", [n for n, k in KINDS.items() if not isinstance(k, YesNo | Text | Texts)]
)
def test_a_text_that_is_not_of_its_kind_is_refused_in_one_line(name, capsys):
    kind = KINDS[name]
    texts = ["two", "0x10", "1,2,3", "nan", "inf", "-inf", "9" * 400, "9" * 5000, "1e308"]
    texts += [str(v) for v in bad(kind) if type(v) in (int, float) and abs(v) < 1e40]
    refused = 0
    for text in texts:
        if kind_takes(kind, text):
            continue
        refused += 1
        with pytest.raises(SystemExit):
            parsed(f"{flag_name(name)}={text}")
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert flag_name(name) in said
        assert re.search("(expected|choose at (least|most)) ", said)
        assert len(said) < 400
    assert refused > 3


def kind_takes(kind, text):
    """Whether this text, which is bad elsewhere, is a value of this kind."""
    try:
        return kind.fits(kind.read(text))
    except ValueError:
        return False


@pytest.mark.parametrize("name", [n for n, f in FIELDS.items() if f.default is not MISSING])
def test_the_default_is_accepted_and_the_help_says_it(name, capsys):
    default = FIELDS[name].default
    assert getattr(Settings(data="x"), name) == default
    settings = Settings(**{"data": "x", name: default})
    assert Settings.from_json(settings.as_json()) == settings
    about = declared(FIELDS[name])
    assert about.group
    assert about.help
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert flag_name(name) in said
    if default not in (None, False):
        assert f"(default: {written(default)})" in said


@pytest.mark.parametrize("name", [n for n, f in FIELDS.items() if f.default is None])
def test_only_what_has_no_default_may_be_none(name):
    assert getattr(Settings(**{"data": "x", name: None}), name) is None
    if not KINDS[name].fits("none"):  # it is the name of a binarisation, and may be one of a column
        assert parsed(flag_name(name), "none") == {name: None}


@pytest.mark.parametrize("name", [n for n, f in FIELDS.items() if f.default is not None])
def test_what_has_a_default_is_never_none(name):
    with pytest.raises(InputError, match=f"^{name} is None"):
        Settings(**{"data": "x", name: None})


def test_no_and_none_are_said_as_flags():
    assert flag("mean_bias", False) == "--no-mean-bias"
    assert flag("patience", None) == "--patience none"
    assert flag("logvar_range", (-6, 2)) == "--logvar-range=-6,2"


# ---- config.json ---------------------------------------------------------------------------------


def test_settings_of_the_first_runs_have_the_defaults_of_what_came_later():
    stored = json.loads((FIXTURE / "config.json").read_text())["settings"]
    assert 0 < len(stored) < len(FIELDS)
    settings = Settings.from_json(stored)
    for name, one in FIELDS.items():
        value = stored.get(name, one.default)
        assert getattr(settings, name) == (tuple(value) if isinstance(value, list) else value)
    assert Settings.from_json(stored | {"k": 5}).k == 5


@pytest.mark.parametrize(("change", "name"), [({"speed": 3}, "speed"), ({"data": None}, "data")])
def test_an_unknown_setting_and_missing_data_are_refused(change, name):
    with pytest.raises(InputError, match=name):
        Settings.from_json(Settings(data="x").as_json() | change)


def test_data_have_to_be_named():
    with pytest.raises(InputError, match="data"):
        Settings.from_json({"latent": 3})


# ---- the rest ------------------------------------------------------------------------------------


def test_drawing_several_times_or_weighing_what_was_drawn():
    several = [{"k": 2}, {"objective": "iwae"}, {"objective": "dreg", "k": 3}]
    assert all(Settings(data="x", **asked).draws_several for asked in several)
    assert not Settings(data="x").draws_several


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_learning_rate_is_the_optimisers_own_unless_it_is_given(name):
    own = OPTIMIZERS[name]().lr
    assert RATES[name.lower()] == Settings(data="x", optimizer=name.lower()).rate == own
    assert Settings(data="x", optimizer=name.lower(), lr=0.5).rate == 0.5
