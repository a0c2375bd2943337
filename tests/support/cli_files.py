"""What the tests of the command line share: small data of every form, and how npvae is run."""

import subprocess
import sys

import numpy as np
from PIL import Image
from run_files import draw_quickly

from npvae.cli import main
from npvae.datasets import places

SMALL = ["--latent", "2", "--hidden", "8", "--epochs", "2", "--batch-size", "16"]


def save_files(folder):
    """Save small data of every form: pictures, a table, numbers in a file."""
    rng = np.random.default_rng(0)
    blobs = rng.integers(0, 256, (60, 5, 7), dtype=np.uint8)
    np.save(folder / "own.npy", blobs)
    np.savez(folder / "labelled.npz", x=blobs, y=np.arange(60) % 3)
    np.save(folder / "real.npy", rng.normal(100, 15, (60, 4)))
    np.save(folder / "unit.npy", rng.random((60, 5, 7)))
    rows = [
        ",".join(f"{v:.3f}" for v in row) + f",{i % 2}" for i, row in enumerate(blobs[:, 0, :3])
    ]
    (folder / "people.csv").write_text("\n".join(["height,weight,age,label", *rows]))
    (folder / "missing.csv").write_text("\n".join(["a,b", "1,2", "3,", *["1,2"] * 20]))
    (folder / "text.csv").write_text("\n".join(["a,b", "1,2", "3,tall", *["1,2"] * 20]))
    for name in ("cats", "dogs"):
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(8):
            Image.fromarray(blobs[i]).save(folder / "pets" / name / f"{i}.png")
    bad = {
        "nan": np.where(np.eye(20) > 0, np.nan, 1.0),
        "infinite": np.where(np.eye(20) > 0, np.inf, 1.0),
        "empty": np.zeros((0, 4)),
        "few": np.zeros((3, 4)),
        "flat": np.zeros(50),
        "constant": np.full((20, 4), 7.0),
        "complex": np.zeros((20, 4), complex),
        "words": np.full((20, 4), "word"),
        "objects": np.full((20, 4), None, dtype=object),
    }
    for name, array in bad.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "broken.npy").write_bytes((folder / "own.npy").read_bytes()[:500])
    (folder / "notes.txt").write_text("no data")


def work_offline(monkeypatch, files, tmp_path):
    """Work in the folder of the files, with no dataset in place, no cache and no network."""
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "data"))
    monkeypatch.setattr(places, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.chdir(files)
    draw_quickly(monkeypatch)


def run(*arguments):
    """Return the exit status, argparse's own among them."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as exit_:
        return exit_.code


def python(*arguments, **options):
    command = [sys.executable, "-m", "npvae", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def in_folder(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def assert_one_clear_message(captured, words):
    """The last line says what is wrong; before it stands nothing but argparse's usage."""
    *before, last = captured.err.splitlines()
    assert words in last
    assert last.startswith("npvae")
    assert before == [] or before[0].startswith("usage: npvae")
    assert "Traceback" not in captured.err
