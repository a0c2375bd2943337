"""Compare runs: a table of what differs, and curves in a picture.

Sentences below the table say which figures cannot be compared, such as those of different data.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from npvae import figures
from npvae.cli.picture_verbs import out_file
from npvae.cli.printing import WIDTH, beside, say
from npvae.figures.style import distinct, shortened
from npvae.figures.writing import FORMATS
from npvae.runs.comparison import (
    PARTS,
    Compared,
    caveat_of_draws,
    caveats,
    common_part,
    differing_settings,
    open_runs,
)
from npvae.runs.kinds import written
from npvae.storage.json_files import finite

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EXAMPLE = "npvae compare runs/mnist-001 runs/mnist-002\nnpvae compare runs/mnist-* --out mnist.pdf"
OUT = "comparison.png"
SIDE_BY_SIDE = 4  # runs in a table; more are in several tables
LABEL = 24  # columns of the names of settings and figures
LEAST = 16  # columns of a run
UNKNOWN = "-"
Row = tuple[str, list[str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae compare`."""
    parser.add_argument(
        "folders", nargs="+", metavar="RUN", help="the run folders, from two to ten"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        default=OUT,
        help="write the picture to this file, whose name ends in .png, .svg or .pdf (default: "
        f"{OUT})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON (default: print a table)")


def run(options: argparse.Namespace) -> int:
    """Print the table of the runs, and draw their curves in one picture."""
    runs = open_runs(options.folders)
    for one in runs.values():
        out = out_file(options.out, one.folder, OUT, FORMATS)
    part = common_part([*runs.values()])
    remarks = [*caveats(runs, part), *caveat_of_draws(runs)]
    settings = differing_settings([*runs.values()])
    found = [_found(one, part) for one in runs.values()]
    figures.save(_picture(runs, part), out)
    if options.json:
        _print_json(runs, settings, found, part, remarks, out)
        return 0
    sections = {
        "Settings that differ": _setting_rows(settings),
        **_figure_rows(found, part),
        "Training": _training_rows(found),
    }
    for line in _tables([*runs], sections):
        say(line)
    for remark in remarks:
        say(beside("Note", remark))
    say(f"{chr(10) * bool(remarks)}Curves, rate and distortion of these runs, saved in {out}")
    return 0


def _found(run: Compared, part: str) -> dict[str, Any]:
    """Return the figures of a run, as JSON can represent them."""
    estimates = [
        {"entry": entry, "k": k, "log_px": log_px, "standard_error": error}
        for (entry, k), (log_px, error) in sorted(run.log_px.items())
    ]
    history, model, measured = run.trained.history, run.trained.model, run.figures(part)
    named: dict[str, Any] = {"bound_name": model.bound_name} if "bound" in measured else {}
    if "active_units" in measured:
        named["active_units"] = int(measured["active_units"])
    return {
        **measured,
        **named,
        "latents": model.n_z,
        "log_likelihood": estimates,
        "epochs": len(history["epoch"]),
        "epochs_asked": run.settings.epochs,
        "train_seconds": round(sum(history["seconds"]), 2),
        "parameters": model.params.size,
    }


# ---- the picture, and JSON -----------------------------------------------------------------------


def _picture(runs: Mapping[str, Compared], part: str) -> "Axes":
    """Draw the curves of the runs, and their rate and distortion; the title has the caveats."""
    measured = {name: one.figures(part) for name, one in runs.items()}
    return figures.comparison(
        {name: one.curves for name, one in runs.items()},
        {name: (of["kl"], of["reconstruction"]) for name, of in measured.items() if "kl" in of},
        part=PARTS[part],
        told=" ".join(caveats(runs, part)),
    )


def _print_json(
    runs: Mapping[str, Compared],
    settings: Mapping[str, Sequence[Any]],
    found: Sequence[dict[str, Any]],
    part: str,
    remarks: Sequence[str],
    out: Path,
) -> None:
    listed = [
        {
            "run": str(one.folder.path),
            "settings": {name: values[i] for name, values in settings.items()},
            **found[i],
        }
        for i, one in enumerate(runs.values())
    ]
    content = {"part": part, "runs": listed, "remarks": list(remarks), "picture": str(out)}
    say(json.dumps(finite(content), indent=2, allow_nan=False))


# ---- the table -----------------------------------------------------------------------------------


def _tables(names: Sequence[str], sections: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Yield the lines of one table or, for more than four runs, of several."""
    n_tables = ceil(len(names) / SIDE_BY_SIDE)
    across = ceil(len(names) / n_tables)
    widest = max(LEAST, *(len(name) + 2 for name in names))
    width = min((WIDTH - LABEL) // across, widest)
    short = distinct(names, width - 2)
    for first in range(0, len(names), across):
        some = slice(first, first + across)
        yield _line("", short[some], width)
        for title, rows in sections.items():
            if rows:
                yield title
            for label, cells in rows:
                yield _line(
                    f"  {label}", [shortened(cell, width - 2) for cell in cells[some]], width
                )
        yield ""


def _line(label: str, cells: Sequence[str], width: int) -> str:
    return f"{label:<{LABEL}}" + "".join(f"{cell:>{width}}" for cell in cells)


def _setting_rows(settings: Mapping[str, Sequence[Any]]) -> list[Row]:
    """Return a row for each setting that differs; of a path, its last part.

    The epochs that were asked for are beside those that were trained, among the rows of training.
    """
    rows = []
    for name, values in settings.items():
        if name == "epochs":
            continue
        absent = "by its name" if name == "label_column" else UNKNOWN  # such as target
        cells = [absent if value is None else written(value) for value in values]
        if name == "data" and len({Path(cell).name for cell in cells}) == len(set(cells)):
            cells = [Path(cell).name for cell in cells]
        rows.append((name.replace("_", " "), cells))
    return rows


def _figure_rows(found: Sequence[dict[str, Any]], part: str) -> dict[str, list[Row]]:
    """Return the rows of figures in nats: of the part, and log p(x) by entry of metrics.json."""
    bounds = dict.fromkeys(one["bound_name"] for one in found if "bound_name" in one)
    names = {
        "elbo": "ELBO",
        "bound": ", ".join(bounds),
        "reconstruction": "reconstruction",
        "kl": "KL",
    }
    own: list[Row] = []
    for key, name in names.items():
        if any(key in one for one in found):
            own.append((name, [_nats(one.get(key)) for one in found]))
    active = [
        f"{one['active_units']} of {one['latents']}" if "active_units" in one else UNKNOWN
        for one in found
    ]
    own.append(("active latents", active))
    heading = f"{PARTS[part].capitalize()} part, in nats per example"
    sections = {heading: own}
    estimates = [{(e["entry"], e["k"]): e for e in one["log_likelihood"]} for one in found]
    for entry, k in sorted(set().union(*estimates)):
        of = [one.get((entry, k), {}) for one in estimates]
        of_entry = f"Entry {entry} of metrics.json, in nats per example"
        rows = sections.setdefault(heading if entry == part else of_entry, [])
        rows.append((f"log p(x), {k} draws", [_nats(one.get("log_px")) for one in of]))
        rows.append(("  standard error", [_nats(one.get("standard_error")) for one in of]))
    return sections


def _nats(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _training_rows(found: Sequence[dict[str, Any]]) -> list[Row]:
    return [
        ("epochs", [f"{one['epochs']} of {one['epochs_asked']}" for one in found]),
        ("seconds", [f"{one['train_seconds']:,.1f}" for one in found]),
        ("parameters", [f"{one['parameters']:,}" for one in found]),
    ]
