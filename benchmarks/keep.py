"""Keep the figures of a run in benchmarks/published: settings, history and metrics, as text."""

import argparse
import csv
import json
import re
import shutil
from pathlib import Path

KEPT = Path(__file__).with_name("published")


def keep(run: Path, kept: Path) -> None:
    """Copy a run's figures, without the folder of its data and the KL of single latents."""
    kept.mkdir(parents=True, exist_ok=True)
    config = json.loads((run / "config.json").read_text("utf-8"))
    del config["data"]["source"]
    config["settings"]["start"] = Path(config["settings"].get("start") or "").name or None
    (kept / "config.json").write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    shutil.copyfile(run / "metrics.json", kept / "metrics.json")
    with (run / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if not re.fullmatch(r"validation_kl_\d+", name)]
    with (kept / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run folder")
    for run in parser.parse_args().runs:
        keep(run, KEPT / run.name)
        print(f"kept {run.name}")
