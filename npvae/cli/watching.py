"""What happens around the training loop: a progress bar, and a Ctrl-C that loses nothing."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

from npvae.training import Step

SHOW_EVERY = 50  # updates between two readings of the loss


def say(line: str) -> None:
    """Print a line; if nobody reads any more (`| head`), go on in silence."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, lasts as long as the process


class Watch:
    """Passes the updates on, shows them on a terminal, and stops after the one that Ctrl-C meets.

    A second Ctrl-C interrupts at once.

    Attributes
    ----------
    interrupted : whether Ctrl-C was pressed
    """

    def __init__(self, n: int, batch_size: int, epochs: int) -> None:
        from tqdm import tqdm

        self.interrupted = False
        total = epochs * -(-n // batch_size)
        # disable=None: a bar on a terminal, none in a file
        self.bar = tqdm(total=total, unit="step", disable=None, leave=False, dynamic_ncols=True)
        self._before: Any = None
        heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # a script's `npvae ... &`
        if heard and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)

    def __call__(self, updates: Iterator[Step]) -> Iterator[Step]:
        for number, step in enumerate(updates):
            if not self.bar.disable and number % SHOW_EVERY == 0:
                self.bar.set_postfix_str(f"epoch {step.epoch}, loss {float(step.loss.loss):.1f}")
            self.bar.update()
            yield step
            if self.interrupted:
                return

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        with self.bar.external_write_mode(file=sys.stdout):
            say(line)

    def close(self) -> None:
        """Remove the bar, and give Ctrl-C back its meaning."""
        self.bar.close()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _on_interrupt(self, number: int, frame: object) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, self._before)
        self._before = None
