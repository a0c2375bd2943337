"""Count the files that a reader visits who follows the code, call by call.

A profile hook counts the files of npvae, and the changes from one file to another: from
`npvae train` to the end of the first update, imports included, and within one `loss_and_grad`.

    python benchmarks/file_changes.py
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any


class Reached(BaseException):
    """Raised at the point where counting ends."""


class Visits:
    """The files of npvae in the order in which calls enter them and return to them."""

    def __init__(self, last: str = "") -> None:
        self.last, self.files = last, [""]

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        if "/npvae/" not in name or "benchmarks" in name or "site-packages" in name:
            return
        file = name.rpartition("/npvae/")[2]
        if event in ("call", "return") and self.files[-1] != file:
            self.files.append(file)
        if event == "return" and frame.f_code.co_qualname == self.last:
            raise Reached

    def count(self, act: Callable[[], Any]) -> str:
        """Run `act` and return the counts as text."""
        sys.setprofile(self)
        try:
            act()
        except Reached:
            pass
        finally:
            sys.setprofile(None)
        return f"{len(set(self.files)) - 1} files, {len(self.files) - 1} changes of file"


def main() -> None:
    """Print both counts."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder, "digits.npy"), Path(folder, "run")
        before = set(sys.modules)
        import numpy as np

        np.save(data, np.random.default_rng(0).integers(0, 256, (600, 28, 28), dtype=np.uint8))
        assert not any(name.startswith("npvae") for name in set(sys.modules) - before)

        def train() -> None:
            from npvae.cli import main

            main(["train", "--data", str(data), "--epochs", "1", "--out", str(out)])

        print(f"npvae train to the first update: {Visits('Adam.step').count(train)}")
    from npvae import VAE

    vae = VAE.dense(784, 400, 20)
    x, eps = np.zeros((8, 784), np.float32), np.zeros((8, 20), np.float32)
    print(f"VAE.loss_and_grad: {Visits().count(lambda: vae.loss_and_grad(x, eps))}")


if __name__ == "__main__":
    main()
