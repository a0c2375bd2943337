"""What happens around the training loop: a progress bar, saving, and a stop that loses nothing."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any, TextIO

from npvae.devices import CPU, Device
from npvae.training import Step

SHOW_EVERY = 50  # updates between two readings of the loss
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line; where nobody reads any more, or a log is full, go on in silence.

    That is after `| head`, when the terminal has gone, or on a full disk: no reason to end.
    """
    try:
        print(line, file=stream, flush=True)
    except OSError:
        nowhere = open(os.devnull, "w")  # noqa: SIM115, lasts as long as the process
        if stream is None:
            sys.stdout = nowhere
        else:
            sys.stderr = nowhere


class Stopped(KeyboardInterrupt):
    """A signal that asks to stop at once."""

    def __init__(self, number: int) -> None:
        self.number = number


class Watch:
    """Passes the updates on, shows them, saves every few minutes, and stops when asked to.

    Ctrl-C, a termination or the end of the terminal is heard after the update at hand. While a
    checkpoint is being written no further signal disturbs it; else a second one raises `Stopped`,
    and so does the first after the training.

    Parameters
    ----------
    total, done : updates of the whole training, and those of them that are done
    save : writes a checkpoint
    minutes : between two checkpoints
    device : on which it trains; the bar shows the loss only on the host, since to read it from
        another is to wait for that

    Attributes
    ----------
    stopped_by : the number of the signal that was heard first, or None
    """

    def __init__(
        self,
        total: int,
        done: int,
        save: Callable[[], None],
        minutes: float,
        device: Device = CPU,
    ) -> None:
        from tqdm import tqdm

        self.stopped_by: int | None = None
        self._save, self._seconds, self._saved = save, 60 * minutes, monotonic()
        # disable=None: a bar on a terminal, none in a file
        self.bar = tqdm(
            total=total, initial=done, unit="step", disable=None, leave=False, dynamic_ncols=True
        )
        self._saving, self._training = False, True
        self._shows_loss = device.name == CPU.name
        self._before: dict[int, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # a script's `npvae ... &`, or nohup's
                    self._before[number] = signal.signal(number, self._on_signal)

    def __call__(self, updates: Iterator[Step]) -> Iterator[Step]:
        for number, step in enumerate(updates):
            if not self.bar.disable and number % SHOW_EVERY == 0:
                loss = f", loss {float(step.loss.loss):.1f}" if self._shows_loss else ""
                self.bar.set_postfix_str(f"epoch {step.epoch}{loss}")
            self.bar.update()
            if monotonic() - self._saved > self._seconds:
                self.save()
            yield step
            if self.stopped_by is not None:
                return

    def save(self) -> None:
        """Write a checkpoint now, and count the minutes from here."""
        self._saving = True
        try:
            self._save()
        finally:
            self._saving = False
        self._saved = monotonic()

    def finish(self) -> None:
        """Remove the bar: there are no more updates, and a signal need not wait for one."""
        self.bar.close()
        self._training = False

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        with self.bar.external_write_mode(file=sys.stdout):
            say(line)

    def close(self) -> None:
        """Remove the bar, and give the signals back their meaning."""
        self.bar.close()
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def _on_signal(self, number: int, frame: object) -> None:
        waits = self._saving or (self._training and self.stopped_by is None)
        self.stopped_by = self.stopped_by or number
        if not waits:
            raise Stopped(number)
