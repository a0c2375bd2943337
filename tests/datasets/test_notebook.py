"""What a notebook and a terminal show: bars only where they have a place, datasets at a glance."""

import base64
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from npvae import Dataset
from npvae.datasets import notebook

IN_A_NOTEBOOK = """
import sys, types
sys.modules["ipykernel.zmqshell"] = types.ModuleType("ipykernel.zmqshell")
class ZMQInteractiveShell: pass
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = ZMQInteractiveShell
sys.modules["ipywidgets"] = None
from npvae.datasets.notebook import progress_bar, shows_progress
from npvae.datasets.places import cache_folder
cache_folder()
assert not shows_progress()
list(progress_bar(range(3)))
"""


def test_a_notebook_without_widgets_gets_a_bar_of_text_and_no_warning():
    code = [sys.executable, "-W", "default", "-c", IN_A_NOTEBOOK]
    done = subprocess.run(code, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "3/3" in done.stderr
    assert "Warning" not in done.stderr


def test_a_variable_of_tqdm_turns_every_bar_off():
    code = "from npvae.datasets.notebook import progress_bar as bar; list(bar([1], disable=False))"
    environment = os.environ | {"TQDM_DISABLE": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("modules", "widgets"), [((), False), (("ipykernel.zmqshell",), True)])
def test_widgets_are_for_notebooks(monkeypatch, modules, widgets):
    monkeypatch.delitem(sys.modules, "ipykernel.zmqshell", raising=False)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, object())
    monkeypatch.setattr(notebook, "find_spec", lambda name: name)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert notebook.has_widgets() is notebook.shows_progress() is widgets


@pytest.mark.parametrize(
    ("shape", "dtype", "mode"),
    [((5, 7), np.uint8, "L"), ((5, 7, 3), np.uint8, "RGB"), ((5, 7, 2), float, "L")],
)
def test_a_dataset_shows_its_first_images(shape, dtype, mode, rng):
    x = rng.integers(0, 256, (40, *shape)).astype(dtype)
    data = Dataset.from_arrays(x / 255 if dtype is float else x)
    html = data._repr_html_()
    png = base64.b64decode(re.search(r"base64,([\w+/=]+)", html)[1])
    with Image.open(io.BytesIO(png)) as image:
        assert (image.size, image.mode) == ((16 * 7, 5), mode)
        shown = np.asarray(image)[:, :7].reshape(5, 7, -1)
    first = data.train.take(slice(0, 1)).reshape(*shape)
    first = np.round(255 * first) if dtype is float else first
    np.testing.assert_array_equal(shown, first.reshape(5, 7, -1)[..., : shown.shape[2]])


def test_large_images_are_made_smaller(rng):
    x = rng.integers(0, 256, (12, 30, 2000), dtype=np.uint8)
    png = re.search(r"base64,([\w+/=]+)", Dataset.from_arrays(x)._repr_html_())[1]
    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        assert image.width <= 900


def test_a_table_shows_its_first_rows_and_its_text_is_escaped(rng):
    pandas_like = Dataset.from_arrays(rng.normal(100, 5, (20, 3)), name="<script>")
    html = pandas_like._repr_html_()
    assert html.count("<tr>") == 6
    assert f"{pandas_like.train.take(slice(0, 1))[0, 0]:.4g}" in html
    assert "<script>" not in html
