"""What the tests of interrupted runs share: starting them, and looking at the files they leave."""

import json
import os
import re
import signal
import subprocess
import sys
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

import faults
import numpy as np
import quick
from PIL import Image

from npvae import load_model
from npvae.cli import main
from npvae.runs.checkpoints import read_checkpoint
from npvae.runs.history import OWN, history_columns
from npvae.storage.atomic import is_part

AT_EVERY_UPDATE = ["--checkpoint-minutes", "1e-9"]
TIMES = {
    "finished",
    "seconds",
    "train_seconds",
    "peak_memory_mb",
}  # all that may differ between equal runs
KILLED = {-9} if os.name == "posix" else {1, int(signal.SIGTERM)}


def save_data(folder):
    """Write 300 pictures of 6x6 bytes."""
    path = folder / "own.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (300, 6, 6), dtype=np.uint8))
    return path


def arguments(data, *others, epochs=6):
    """Return what a small training is asked for: ten updates an epoch."""
    sizes = ["--latent", "2", "--hidden", "8", "--batch-size", "24"]
    return ["--data", str(data), *sizes, "--epochs", str(epochs), *others]


def to_go_on(folder, given):
    """Return how a run is gone on with; one that was stopped before it began is begun again."""
    again = ["--out", folder, *given]
    return ["train", *(["--resume", folder] if (folder / "config.json").exists() else again)]


def run(*given):
    """Run npvae in this process."""
    return main([str(argument) for argument in given])


def straight(data, folder, epochs):
    """Return the folder of a run of so many epochs in one go."""
    assert run("train", *arguments(data, epochs=epochs), "--out", folder) == 0
    return folder


def draw_quickly(monkeypatch):
    """Write blots for pictures: drawing takes far longer than all the rest of a small run."""
    quick.draw_quickly(monkeypatch.setattr)


def start(command, *, fault=None):
    """Start npvae as another process, above a disk that fails if a fault (what, at) is given.

    Its pictures are blots.
    """
    how = [quick.__file__] if fault is None else [faults.__file__, *map(str, fault)]
    return subprocess.Popen(
        [sys.executable, *how, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process, timeout=60):
    """Wait for a process, and return its exit status and what it said on stderr."""
    try:
        _, said = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return process.returncode, said


def visible(folder):
    """Return the files by name, but for those that npvae hides: the lock and unfinished ones."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: path for name, path in names.items() if not path.name.startswith(".")}


def parts(folder):
    """Return the names of the files that are not finished."""
    return [path.name for path in folder.rglob("*") if is_part(path)]


# ---- whole files ---------------------------------------------------------------------------------


def read_numbers(path):
    with np.load(path) as stored:
        return dict(stored)


def read_picture(path):
    with Image.open(BytesIO(path.read_bytes())) as image:
        image.load()


def read_page(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert text.endswith("</html>\n")


KEPT = re.compile(r"epochs/epoch-\d{4}\.npz")  # models of earlier epochs, if they are kept
READERS = {
    "config.json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    "metrics.json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    "split.npz": read_numbers,
    "checkpoint.npz": read_checkpoint,
    "model.npz": load_model,
    "history.csv": history_columns,
    "explorer.html": read_page,
    "history.png": read_picture,
    "reconstructions.png": read_picture,
    "report.html": read_page,
    "samples.png": read_picture,
}


def require_whole(folder, where):
    """Fail if any file that has its name already cannot be read."""
    for name, path in visible(folder).items():
        reader = load_model if KEPT.fullmatch(name) else READERS.get(name)
        assert reader, f"{where}: {name} in the folder"
        try:
            reader(path)
        except Exception as error:
            raise AssertionError(f"{where}: {name} is not whole: {error}") from error


# ---- the same files ------------------------------------------------------------------------------


def without_times(stored):
    """Return JSON content without what the clock and the system have put in."""
    if isinstance(stored, dict):
        return {key: without_times(value) for key, value in stored.items() if key not in TIMES}
    return list(map(without_times, stored)) if isinstance(stored, list) else stored


def content(path):
    """Return the bytes of a file that must be equal in equal runs."""
    if path.suffix == ".json":
        return json.dumps(without_times(json.loads(path.read_bytes()))).encode()
    if path.suffix == ".html":
        own = r'<title>[^<]*</title>|<span class="(run|time)">[^<]*</span>|"name":"[^"]*","trained"'
        return re.sub(own, "", path.read_text()).encode()
    if path.name == "history.csv":
        names, *rows = [line.split(",") for line in path.read_text().splitlines()]
        kept = [i for i, name in enumerate(names) if name not in TIMES]
        return "\n".join(",".join(row[i] for i in kept) for row in [names, *rows]).encode()
    if path.name == "checkpoint.npz":
        stored = read_numbers(path)
        header = json.dumps(without_times(json.loads(str(stored.pop("header"))))).encode()
        if (records := stored.get("progress/records")) is not None:
            records[:, OWN.index("seconds")] = 0
        arrays = [
            f"{name} {array.dtype} {array.shape}".encode() + array.tobytes()
            for name, array in stored.items()
        ]
        return b"\n".join([header, *arrays])
    return path.read_bytes()


def differing_bytes(expected, found):
    """Return how many bytes differ between two runs, by the name of the file.

    A file that only one of them has differs in all its bytes.
    """
    one, other = visible(Path(expected)), visible(Path(found))
    counts = {}
    for name in one.keys() | other.keys():
        a, b = (content(files[name]) if name in files else b"" for files in (one, other))
        counts[name] = sum(x != y for x, y in zip_longest(a, b)) if a != b else 0
    return {name: count for name, count in counts.items() if count}
