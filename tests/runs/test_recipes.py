"""The named settings: each builds, trains, is listed with its source, and can be overridden."""

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from run_files import draw_quickly

from npvae import Dataset, InputError, Split, trainer_for
from npvae.cli import build_parser, main
from npvae.runs.building import (
    build_model,
    build_optimizer,
    build_scaling,
    build_schedules,
    resolve,
)
from npvae.runs.folder import RunFolder
from npvae.runs.recipes import RECIPES, find_recipe
from npvae.runs.settings import Settings

PUBLISHED = {  # as in the papers; nats, 5,000 draws but for the grey pixels
    "pytorch-example": "105.6",
    "iwae-paper": "84.78",
    "tanh-vae": "86.76",
    "tanh-vae-longer": "86.76",
    "tanh-iwae-5": "85.54",
    "tanh-iwae-5-longer": "85.54",
    "tanh-dreg-5": "85.54",
    "tanh-iwae-50": "84.78",
    "tanh-iwae-50-longer": "84.78",
    "tanh-iwae-50-longest": "84.78",
    "tanh-dreg-50": "84.78",
    "tanh-dreg-50-longer": "84.78",
    "gated": "84.45 +- 0.12",
    "gated-longer": "84.45 +- 0.12",
}
NAMES = {field.name for field in fields(Settings)}


def tiny():
    """Six labelled pictures of 3x3 bytes in each part."""
    x = np.random.default_rng(0).integers(0, 256, (18, 9), dtype=np.uint8)
    parts = [Split(x, rows, rows % 2) for rows in np.split(np.arange(18), 3)]
    return Dataset("tiny", *parts, (3, 3), "pixels", "a test", classes=("even", "odd"))


def settings_of(name):
    return Settings(data="x", **RECIPES[name].settings)


# ---- what they are -------------------------------------------------------------------------------


def test_they_are_those_that_were_promised():
    without_figure = {"default", "aevb", "conditional", "denoising"}
    assert set(RECIPES) == {*PUBLISHED, *without_figure, "learned-sigma", "optimal-sigma"}
    assert RECIPES["default"].settings == {}


@pytest.mark.parametrize("name", RECIPES)
def test_each_builds_and_trains(name):
    """As it is, but on six examples and for one update."""
    data, recipe = tiny(), RECIPES[name]
    assert set(recipe.settings) <= NAMES - {"data", "recipe", "seed"}
    settings = resolve(settings_of(name), data)
    model = build_model(settings, data, np.random.default_rng(0))
    before = model.params.flat.copy()
    schedules = build_schedules(settings)
    trainer = trainer_for(
        model,
        data,
        scaling=build_scaling(settings, data),
        optimizer=build_optimizer(settings),
        batch_size=settings.batch_size,
        **schedules,
    )
    trainer.step()
    assert np.isfinite(model.params.flat).all()
    assert (model.params.flat != before).any()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_figures(name):
    assert RECIPES[name].published.startswith(f"{PUBLISHED[name]} (")


def test_where_there_is_no_figure_it_says_so():
    for name in RECIPES.keys() - PUBLISHED.keys():
        assert RECIPES[name].published.startswith("none")


def test_the_protocol_of_the_iwae_paper():
    settings = settings_of("iwae-paper")
    assert (settings.objective, settings.k) == ("iwae", 50)
    assert (settings.epochs, settings.lr, settings.lr_schedule) == (3280, 1e-3, "stages")
    assert (settings.adam_beta1, settings.adam_eps) == (0.99, pytest.approx(5e-6))
    assert (settings.batch_size, settings.validation, settings.init) == (20, 400, "glorot")
    assert settings.mean_bias


@pytest.mark.parametrize(
    ("name", "objective", "k", "start"),
    [
        ("iwae-paper", "iwae", 50, ""),
        ("tanh-vae", "elbo", 1, ""),
        ("tanh-vae-longer", "elbo", 1, "tanh-vae"),
        ("tanh-iwae-5", "iwae", 5, "tanh-vae-longer"),
        ("tanh-iwae-5-longer", "iwae", 5, "tanh-iwae-5"),
        ("tanh-dreg-5", "dreg", 5, "tanh-vae-longer"),
        ("tanh-iwae-50", "iwae", 50, "tanh-iwae-5-longer"),
        ("tanh-iwae-50-longer", "iwae", 50, "tanh-iwae-50"),
        ("tanh-iwae-50-longest", "iwae", 50, "tanh-iwae-50-longer"),
        ("tanh-dreg-50", "dreg", 50, "tanh-iwae-50"),
        ("tanh-dreg-50-longer", "dreg", 50, "tanh-dreg-50"),
    ],
)
def test_the_network_of_the_iwae_paper(name, objective, k, start):
    settings = settings_of(name)
    assert (settings.objective, settings.k, RECIPES[name].start) == (objective, k, start)
    assert (settings.latent, settings.hidden, settings.activation) == (50, (200, 200), "tanh")


@pytest.mark.parametrize("name", ["gated", "gated-longer"])
def test_the_protocol_of_the_gated_baseline(name):
    settings = settings_of(name)
    assert (settings.activation, settings.init) == ("gated", "he")
    assert (settings.latent, settings.hidden, settings.logvar_range) == (40, (300, 300), (-6, 2))
    assert settings.validation == 10_000


def test_the_protocol_of_pytorchs_example():
    settings = replace(settings_of("pytorch-example"), validation=None, init="glorot")
    same = {"latent": 20, "batch_size": 128, "epochs": 10}  # npvae's defaults for MNIST
    assert settings == Settings(data="x", binarize="none", **same)
    assert (settings.latent, settings.hidden, settings.batch_size) == (20, (400,), 128)
    assert (settings.rate, settings.epochs) == (1e-3, 10)
    assert settings_of("pytorch-example").validation == 0


def test_the_others():
    aevb, denoising = settings_of("aevb"), settings_of("denoising")
    assert (aevb.hidden, aevb.activation, aevb.optimizer) == ((500,), "tanh", "adagrad")
    assert (aevb.latent, aevb.lr, aevb.batch_size) == (20, 0.02, 100)
    assert settings_of("conditional").conditional
    assert (denoising.model, denoising.corruption, denoising.noise) == ("denoising", "mask", 0.3)
    for name in ("learned", "optimal"):
        settings = settings_of(f"{name}-sigma")
        assert (settings.likelihood, settings.sigma) == ("gaussian", name)


FOLDER = Path(__file__).parents[2] / "benchmarks" / "published"
KEPT = sorted(FOLDER.glob("*/config.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_the_runs_that_are_kept_had_the_settings_of_their_recipes(path):
    stored = json.loads(path.read_text("utf-8"))["settings"]
    for name, value in RECIPES[path.parent.name.rpartition("-")[0]].settings.items():
        assert stored[name] == (list(value) if isinstance(value, tuple) else value)


def test_what_a_recipe_has_reached_is_the_mean_of_the_runs_that_are_kept():
    reached = {}
    for path in KEPT:
        metrics = json.loads(path.with_name("metrics.json").read_text("utf-8"))
        figure = -metrics["test"]["log_likelihood"]["5000"]["log_px"]
        reached.setdefault(path.parent.name.rpartition("-")[0], []).append(figure)
    said = {name: recipe.reached for name, recipe in RECIPES.items() if recipe.reached}
    assert said.keys() == reached.keys()
    for name, figures in reached.items():
        spread = f"+- {np.std(figures, ddof=1):.2f} " if len(figures) > 1 else ""
        assert said[name].startswith(f"{np.mean(figures):.2f} {spread}"), name


def test_the_table_of_the_runs_that_are_kept_agrees_with_the_recipes():
    text = (FOLDER / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `(.+)` \| ([\d, ]+) \| (.+) \| (.+) \| (.+) \| (.+) \|$", text, re.M)
    assert len(rows) == sum(1 for recipe in RECIPES.values() if recipe.reached)
    runs = [f"{name}-{seed}" for name, seeds, *_ in rows for seed in seeds.split(", ")]
    assert sorted(runs) == [path.parent.name for path in KEPT]
    for name, _, published, reached, epochs, start in rows:
        recipe = RECIPES[name]
        assert published.startswith(PUBLISHED[name])
        assert recipe.reached.startswith(reached.partition(" (")[0])
        assert epochs == f"{recipe.settings['epochs']:,}"
        assert start.startswith(f"`{recipe.start}`" if recipe.start else "random weights")


def test_one_that_does_not_exist():
    with pytest.raises(InputError, match=r"'soup'.+ default, pytorch-example, "):
        find_recipe("soup")


# ---- npvae recipes, npvae train --recipe ---------------------------------------------------------


def test_they_are_listed_with_source_figure_and_flags(capsys):
    assert main(["recipes"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    *listed, advice = said.strip().split("\n\n")
    assert "--recipe NAME" in advice
    assert "npvae evaluate RUN --samples 5000" in advice
    for (name, recipe), text in zip(RECIPES.items(), listed, strict=True):
        words = " ".join(text.split())
        assert words.startswith(f"{name}: {recipe.what} Flags ")
        assert f"Source {recipe.source} Published {recipe.published}" in words
        last = recipe.remark or recipe.reached or recipe.published
        assert words.endswith(last)
        flags = re.split(" (?:Starts from|Source) ", words.partition(" Flags ")[2])[0]
        flags = flags if recipe.settings else flags.removeprefix("none")
        given = vars(build_parser().parse_args(["train", *flags.split()]))
        assert {key: given[key] for key in given if key in NAMES} == dict(recipe.settings)


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (40, 3, 3), dtype=np.uint8)
    np.savez("own.npz", x=x, y=np.arange(40) % 2)
    draw_quickly(monkeypatch)


def test_a_run_with_a_recipe_keeps_its_name_and_what_overrides_it(own, capsys):
    given = "--latent 3 --k 2 --epochs 1 --validation 4 --no-mean-bias"
    recipe = ["--recipe", "iwae-paper"]
    assert main(["train", "--data", "own.npz", *recipe, *given.split(), "--out", "run"]) == 0
    assert "iwae-paper" in capsys.readouterr().out
    stored = json.loads(Path("run/config.json").read_text())["settings"]
    expected = {"latent": 3, "k": 2, "epochs": 1, "validation": 4, "mean_bias": False}
    assert {name: stored[name] for name in expected} == expected
    assert stored["recipe"] == "iwae-paper"
    for name in RECIPES["iwae-paper"].settings.keys() - expected.keys():
        value = RECIPES["iwae-paper"].settings[name]
        assert stored[name] == (list(value) if isinstance(value, tuple) else value)
    assert len(RunFolder(Path("run")).load_data().validation) == 4
    assert main(["train", "--resume", "run"]) == 0
    assert main(["train", "--resume", "run", "--recipe", "aevb"]) == 2
    assert "--recipe" in capsys.readouterr().err


def test_what_does_not_fit_a_recipe_is_refused_with_what_the_recipe_sets(own, capsys):
    given = ["--recipe", "iwae-paper", "--model", "autoencoder", "--validation", "4"]
    assert main(["train", "--data", "own.npz", *given]) == 2
    said = capsys.readouterr().err
    assert "--objective iwae has no effect with --model autoencoder" in said
    assert "(--recipe iwae-paper sets --latent 50 --hidden 200,200" in said
    assert main(["train", "--data", "own.npz", "--recipe", "gated"]) == 2
    assert "(--recipe gated sets " in capsys.readouterr().err


def test_none_undoes_what_a_recipe_says(own):
    given = "--patience none --logvar-range none --warm-up 0 --epochs 1 --validation 4"
    recipe = ["--recipe", "gated", "--hidden", "5"]
    assert main(["train", "--data", "own.npz", *recipe, *given.split(), "--out", "run"]) == 0
    stored = json.loads(Path("run/config.json").read_text())["settings"]
    assert (stored["patience"], stored["logvar_range"]) == (None, None)
    other = ["--recipe", "learned-sigma", "--likelihood", "bernoulli", "--sigma", "none"]
    assert main(["train", "--data", "own.npz", *other, "--epochs", "1", "--out", "other"]) == 0


def test_the_recipe_decides_how_much_of_the_default_data_is_held_out(own, monkeypatch):
    asked = []

    def default(**options):
        asked.append(options)
        return tiny(), "tiny, since nothing else is there"

    monkeypatch.setattr("npvae.runs.run.default_dataset", default)
    for more in ([], ["--validation", "7"]):
        given = ["--recipe", "iwae-paper", "--epochs", "1", "--latent", "2", *more]
        main(["train", *given, "--out", "-".join(["run", *more])])
    assert [options["validation"] for options in asked] == [400, 7]
