"""Several runs side by side: the settings that differ, the figures, and what not to compare."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from npvae.datasets.load import IDX_SETS, NAMES
from npvae.datasets.preprocessing import Pixels, Scaling, Standardized
from npvae.errors import InputError
from npvae.figures.comparison import MOST_RUNS
from npvae.likelihoods import LIKELIHOODS, Mixed
from npvae.runs.config import read_config
from npvae.runs.folder import RunFolder, resume_command
from npvae.runs.metrics import WITH_K
from npvae.runs.pictures import Trained
from npvae.runs.settings import Settings, declared
from npvae.storage.reading import reading

PARTS = {"test": "test", "validation": "validation", "train": "training"}  # and their names
WITH_PRIOR = ("elbo", "kl")  # figures that an autoencoder lacks
DAMAGED = "a run's metrics", "delete it and run npvae evaluate with --samples again"


@dataclass(frozen=True)
class Compared:
    """One of the runs that are compared.

    Attributes
    ----------
    folder, settings, trained : the run, and its content
    data : the description of its data in config.json
    metrics : the entries of metrics.json for exactly this model; {} before it was measured
    """

    folder: RunFolder
    settings: Settings
    trained: Trained
    data: dict[str, Any]
    metrics: dict[str, dict[str, Any]]

    @classmethod
    def open(cls, path: str | Path) -> "Compared":
        """Return the run in a folder.

        Raises
        ------
        InputError : if it is not a run folder, or no epoch has ended yet
        DataError : if a file of the run is damaged
        """
        folder = RunFolder.open(path)
        if not folder.history().get("epoch"):
            raise InputError(
                f"{folder.path} has not finished an epoch yet, so it has no figures; train it "
                f"first: {resume_command(folder.path)}"
            )
        trained = Trained.open(folder)
        found = folder.metrics_of(trained.model)
        metrics = {name: entry for name, entry in found.items() if isinstance(entry, dict)}
        data = read_config(folder / "config.json")["data"]
        return cls(folder, folder.settings(), trained, data, metrics)

    def setting(self, name: str) -> Any:
        """Return the value of a setting; None if it has no effect on this model."""
        about = next(declared(one) for one in fields(Settings) if one.name == name)
        acts = self.settings.model in about.models
        acts = acts and not (about.one_draw and self.settings.draws_several)
        return getattr(self.settings, name) if acts else None

    def figures(self, part: str) -> dict[str, float]:
        """Return the figures of a part, in nats per example; {} if it was not measured.

        Those of the test part are from metrics.json. The others are from history.csv, of the epoch
        whose model is kept.
        """
        found = self._of_test if part == "test" else self._of_epoch(part)
        has_bound = self.trained.has_prior and self.trained.model.bound_name != "ELBO"
        left_out = () if self.trained.has_prior else WITH_PRIOR
        left_out = left_out if has_bound else (*left_out, "bound")
        return {name: value for name, value in found.items() if name not in left_out}

    @cached_property
    def _of_test(self) -> dict[str, float]:
        if "test" not in self.metrics:
            return {}
        with reading(self.folder / "metrics.json", *DAMAGED):
            found = self.metrics["test"]
            names = ["reconstruction", "active_units"]
            names += WITH_PRIOR if self.trained.has_prior else ()
            names += ["bound"] if "bound" in found else []
            return {name: float(found[name]) for name in names}

    def _of_epoch(self, part: str) -> dict[str, float]:
        kept = (self.trained.best or 0) - 1  # the last one without early stopping
        return {
            name.removeprefix(f"{part}_"): column[kept]
            for name, column in self.trained.history.items()
            if name.startswith(f"{part}_")
        }

    @cached_property
    def log_px(self) -> dict[tuple[str, int], tuple[float, float | None]]:
        """Each log p(x) and its standard error, by the entry of metrics.json and the draws."""
        with reading(self.folder / "metrics.json", *DAMAGED):
            return {
                (entry, int(k)): (float(one["log_px"]), one["standard_error"])
                for entry, found in self.metrics.items()
                for k, one in found.get(WITH_K, {}).items()
            }

    @property
    def curves(self) -> dict[str, Sequence[float]]:
        """The columns of history.csv; of an autoencoder, those that need no prior."""
        left_out = () if self.trained.has_prior else WITH_PRIOR
        columns = self.trained.history
        return {name: columns[name] for name in columns if name.partition("_")[2] not in left_out}


def open_runs(paths: Sequence[str | Path]) -> dict[str, Compared]:
    """Return runs by name: that of the folder or, if two have the same, the path.

    Raises
    ------
    InputError : if there are fewer than two or more than ten, or two are the same folder
    DataError : if a file of a run is damaged
    """
    if not 2 <= len(paths) <= MOST_RUNS:
        n = f"{len(paths)} run{'s' * (len(paths) != 1)}"
        raise InputError(f"npvae cannot compare {n}; give from 2 to {MOST_RUNS} run folders")
    places = [RunFolder.open(path).path.resolve() for path in paths]
    for i, place in enumerate(places):
        if place in places[:i]:
            raise InputError(
                f"{paths[i]} is the same run as {paths[places.index(place)]}; give each run once"
            )
    names = [place.name for place in places]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return {name: Compared.open(path) for name, path in zip(names, paths, strict=True)}


def differing_settings(runs: Sequence[Compared]) -> dict[str, list[Any]]:
    """Return the settings that differ, each with its value in every run as `setting` gives it."""
    names = [one.name for one in fields(Settings)]
    differ = [name for name in names if len({getattr(run.settings, name) for run in runs}) > 1]
    return {name: [run.setting(name) for run in runs] for name in differ}


def common_part(runs: Sequence[Compared]) -> str:
    """Return the part of which every run has figures: test, else validation, else train."""
    return next(part for part in PARTS if all(run.figures(part) for run in runs))


def caveats(runs: Mapping[str, Compared], part: str) -> Iterator[str]:
    """Yield sentences that say which figures of these runs cannot be compared, and why."""
    if part != "test":
        unmeasured = ", ".join(name for name, run in runs.items() if not run.figures("test"))
        yield (
            f"The figures are those of the {PARTS[part]} part, because these runs have no test "
            f"figures yet: {unmeasured}."
        )
    if reasons := list(_differences([*runs.values()], part)):
        yield (
            "Do not compare the ELBO, reconstruction, KL or log p(x) of these runs, because they "
            f"differ in {', in '.join(reasons)}."
        )
    if len(kinds := dict.fromkeys(run.settings.model for run in runs.values())) > 1:
        yield (
            f"Do not compare the reconstruction of different models ({', '.join(kinds)}): a VAE "
            "averages it over draws of z, and an autoencoder measures it at the code of x."
        )


def caveat_of_draws(runs: Mapping[str, Compared]) -> Iterator[str]:
    """Yield a sentence if log p(x) was estimated with several numbers of draws or examples."""
    if len({one for run in runs.values() for one in run.log_px}) > 1:
        yield (
            "Compare estimates of log p(x) only with the same examples and the same number of "
            "draws, because each is a lower bound that rises with that number."
        )


def _differences(runs: Sequence[Compared], part: str) -> Iterator[str]:
    """Yield what makes x, or its probability, another quantity in one run than in another."""
    data = [Path(run.settings.data).name for run in runs]
    if len({_identity(run) for run in runs}) > 1:
        if len(set(data)) > 1:
            yield _said("data", data)
        else:
            yield f"data ({data[0]}, drawn or split by another seed)"
    quantities: dict[str, list[Any]] = {
        "kind of x": [_kind(run) for run in runs],
        "binarisation": [of.binarize for of in _scalings(runs) if isinstance(of, Pixels)],
        "conditional": [run.settings.conditional for run in runs],
        f"number of {PARTS[part]} examples": [run.data.get(part) for run in runs],
    }
    likelihoods = [run.settings.likelihood for run in runs]
    if len({LIKELIHOODS[name or "bernoulli"].in_unit_interval for name in likelihoods}) > 1:
        quantities["likelihood"] = likelihoods
    for what, values in quantities.items():
        if len(set(map(str, values))) > 1:
            yield _said(what, values)


def _said(what: str, values: Sequence[Any]) -> str:
    words = (f"{value:,}" if type(value) is int else str(value).lower() for value in values)
    return f"{what} ({', '.join(dict.fromkeys(words))})"


def _identity(run: Compared) -> tuple[Any, ...]:
    """Return what identifies the data and, together with the size of a part, their split."""
    settings = run.settings
    if settings.data in IDX_SETS:  # the split of MNIST is fixed
        return (settings.data,)
    return (settings.data if settings.data in NAMES else run.data.get("crc32"), settings.seed)


def _scalings(runs: Sequence[Compared]) -> list[Scaling]:
    return [run.trained.scaling for run in runs]


def _kind(run: Compared) -> str:
    scaling = run.trained.scaling
    if isinstance(scaling, Standardized):
        texts = " and texts" if isinstance(run.trained.model.likelihood, Mixed) else ""
        return f"standardised numbers{texts}"
    return "pixels" if isinstance(scaling, Pixels) else "notes"
