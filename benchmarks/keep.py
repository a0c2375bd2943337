"""Keep the figures of a run in benchmarks/published, as text; with --model, its model as well.

The model becomes `pretrained:NAME`, a folder of npvae, with weights in half precision. Evaluate it
afterwards, because its figures are those of the rounded weights, and remove the lock:

    python benchmarks/keep.py runs/gated-100 --model gated
    npvae evaluate npvae/pretrained/gated --samples 5000 && rm npvae/pretrained/gated/.lock
"""

import argparse
import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np

from npvae.runs.model_file import below, read_content, write_content
from npvae.runs.pretrained import PRETRAINED

PUBLISHED = Path(__file__).with_name("published")


def keep_training(run: Path, kept: Path) -> None:
    """Copy settings and history, without paths and without the KL of single latents."""
    kept.mkdir(parents=True, exist_ok=True)
    config = json.loads((run / "config.json").read_text("utf-8"))
    config["data"]["source"] = config["settings"]["data"]
    config["versions"]["platform"] = config["versions"]["platform"].partition("-")[0]
    config["settings"]["start"] = Path(config["settings"].get("start") or "").name or None
    (kept / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if not re.fullmatch(r"validation_kl_\d+", name)]
    with (kept / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def keep_model(run: Path, kept: Path) -> None:
    """Write the parameters in half precision."""
    header, arrays = read_content(run / "model.npz", "a model")
    halves = {f"params/{k}": v.astype(np.float16) for k, v in below(arrays, "params").items()}
    write_content(kept / "model.npz", header, halves)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--model", metavar="NAME", help="keep the model as pretrained:NAME, too")
    options = parser.parse_args()
    kept = PUBLISHED / options.run.name
    keep_training(options.run, kept)
    shutil.copyfile(options.run / "metrics.json", kept / "metrics.json")
    if options.model:
        keep_training(options.run, PRETRAINED / options.model)
        keep_model(options.run, PRETRAINED / options.model)
