"""Runs whose names, labels, columns and numbers are all markup that would run a script."""

import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from measured_runs import SMALL, run

from npvae.runs.folder import RunFolder

# a name cannot hold a slash, but "<script>alert(3)<" can be a folder
RUN = "<b onclick=alert(1)>run's &amp; <script>alert(2)<"
DATA = "<script>alert(3)</script><svg onload=alert(4)>\"'&lt;" + 100 * "W"
if os.name == "nt":  # where it cannot hold these, either
    RUN, DATA = (re.sub('[<>"]', "&#60;", name) for name in (RUN, DATA))
LABELS = (  # as they are sorted
    '"><svg onload=alert(5)>',
    "</style><script>alert(6)</script>",
    "<img src=x onerror=alert(7)>",
)
COLUMNS = ("<img src=x onerror=alert(8)>", '"><script>alert(9)</script>', "</table>", "a" * 120)
SETTINGS = {"recipe": "<iframe src=https://example.org></iframe>"}
STORED = {  # in the data of a config
    "remark": "<object data=x></object><!-- \u202eturned\u202c, \x1b[31mred, half \ud800",
    "<style>*{display:none}</style>": ["<a href=javascript:alert(10)>", "</td></tr></table>"],
}
VERSIONS = {
    "npvae": "<marquee onstart=alert(11)>",
    "</details><base href=https://example.org/>": "<link rel=stylesheet href=x>",
    "of another kind": [["<input autofocus onfocus=alert(12)>"], {"&lt;b&gt;": None}],
}
PROTOCOL = {"<form action=x>": "<details open ontoggle=alert(13)>", "long": 300 * "x"}
METRICS = {
    "elbo": -1.25,
    "bound": -1.5,
    "bound_name": "<video src=x onerror=alert(14)>",
    "reconstruction": 1.0,
    "kl": 0.25,
    "active_units": "<meter>",
    "protocol": PROTOCOL,
    "log_likelihood": {
        "1": {"name": "<sub>", "k": "<textarea>", "log_px": -2.0, "protocol": PROTOCOL}
    },
}
ENTRY = "test<frameset onload=alert(15)>"


def save(folder):
    """Train a small run on pictures of 9x9 bytes with such labels, and return its folder."""
    rng, path = np.random.default_rng(0), Path(f"{folder / DATA}.npz")
    path.parent.mkdir(parents=True)
    x, labels = rng.integers(0, 256, (100, 9, 9), dtype=np.uint8), np.arange(100) % len(LABELS)
    np.savez(path, x=x, y=np.array(LABELS)[labels])
    out = folder / RUN
    assert run("train", "--data", path, *SMALL, "--conditional", "--out", out) == 0
    mark(out)
    return out


def save_table(folder):
    """Train a small run on a table with such columns, and return its folder."""
    path = folder / "table.csv"
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow(COLUMNS)
        csv.writer(file).writerows(np.random.default_rng(0).normal(100, 15, (100, 4)).round(3))
    assert run("train", "--data", path, *SMALL, "--out", folder / "table") == 0
    return folder / "table"


def mark(out):
    """Put markup into the config and the metrics of a run."""
    opened = RunFolder.open(out)
    opened.write_settings(replace(opened.settings(), **SETTINGS))
    config = json.loads((out / "config.json").read_text())
    config["data"] |= STORED
    config["versions"] |= VERSIONS
    (out / "config.json").write_text(json.dumps(config))
    metrics = json.loads((out / "metrics.json").read_text())
    (out / "metrics.json").write_text(json.dumps(metrics | {ENTRY: METRICS}))


def texts(folder):
    """Return the tag and the text of elements that the page of `save` must have."""
    path = f"{folder / DATA}.npz"
    remark = "<object data=x></object><!-- \ufffdturned\ufffd, \ufffd[31mred, half \ufffd"
    cells = [
        *(path, f"{path}, split by seed 0", ", ".join(LABELS), SETTINGS["recipe"], remark),
        *(", ".join(STORED[list(STORED)[1]]), VERSIONS["npvae"], "<link rel=stylesheet href=x>"),
        "<input autofocus onfocus=alert(12)>, &lt;b&gt;: None",
    ]
    figures = ["−1.25 nats", "−1.50 nats", "−2.00 nats", "<meter> "]
    names = [list(STORED)[1], list(VERSIONS)[1]]
    heads = [METRICS["bound_name"], "<sub>"]
    return [
        ("title", f"{RUN}, trained on {Path(path).name}: npvae report"),
        ("span", RUN),
        ("h1", f"{RUN}, trained on {Path(path).name}"),
        ("h3", f"T{ENTRY[1:]}"),
        ("h3", f"T{ENTRY[1:]}, <textarea> draws"),
        *(("dt", told) for told in PROTOCOL),
        *(("dd", told) for told in PROTOCOL.values()),
        *(("td", told) for told in cells),
        *(("th", told) for told in names),
        *(("dt", told) for told in heads),
        *(("dd", told) for told in figures),
    ]
