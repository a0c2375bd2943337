"""What stands around the training loop of `npvae train`: signals, the bar, the table, the clock."""

import signal
import sys
import threading
from time import monotonic
from typing import Any, Self

from npvae.cli.printing import say
from npvae.encoder_decoder import Loss
from npvae.iwae import IWAE
from npvae.training import EpochRecord, Trainer

SHOW_EVERY = 50  # updates between two readings of the loss
SIGNALS: dict[int, str] = {
    getattr(signal, name): "interrupted (Ctrl-C)" if name == "SIGINT" else f"stopped ({name})"
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
}


class Stopped(KeyboardInterrupt):
    """A signal that asks to stop at once."""

    def __init__(self, number: int) -> None:
        self.number = number


class Signals:
    """Notes the signals that ask to stop, while its block runs, for the loop to look at.

    However many of them arrive, an update or a save is never disturbed. `raise_at_once` changes
    that for the time after the training: from then on the first signal raises `Stopped`.

    Attributes
    ----------
    heard : the number of the first signal, or None
    """

    def __init__(self) -> None:
        self.heard: int | None = None
        self._at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # a script's `npvae ... &`, or nohup's
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def raise_at_once(self) -> None:
        """Raise `Stopped` at the next signal, or now if one has been heard."""
        if self.heard is not None:
            raise Stopped(self.heard)
        self._at_once = True

    def _on_signal(self, number: int, frame: object) -> None:
        self.heard = self.heard or number
        if self._at_once:
            self._at_once = False  # nor is what is said about it
            raise Stopped(number)


class Bar:
    """The progress bar of a training on a terminal, none in a file.

    Parameters
    ----------
    trainer : whose updates it counts
    epochs : in all
    hidden : whether to show none in any case
    """

    def __init__(self, trainer: Trainer, epochs: int, *, hidden: bool = False) -> None:
        from tqdm import tqdm

        self.trainer = trainer
        self.bar = tqdm(
            total=epochs * trainer.steps_per_epoch,
            initial=trainer.steps,
            unit="step",
            disable=hidden or None,
            leave=False,
            dynamic_ncols=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.close()

    def update(self, loss: Loss) -> None:
        """Count an update; show its loss now and then, but on a GPU, which it would wait for."""
        if not self.bar.disable and self.bar.n % SHOW_EVERY == 0:
            on_host = self.trainer.model.params.device.name == "cpu"
            shown = f", loss {float(loss.loss):.1f}" if on_host else ""
            self.bar.set_postfix_str(f"epoch {self.trainer.epoch}{shown}")
        self.bar.update()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        with self.bar.external_write_mode(file=sys.stdout):
            say(line)


class Clock:
    """Says when it is time for the next checkpoint.

    Parameters
    ----------
    epochs : between two checkpoints
    minutes : after which there is one within an epoch, too
    """

    def __init__(self, epochs: int, minutes: float) -> None:
        self.epochs, self.seconds, self.last = epochs, 60 * minutes, monotonic()

    def is_due(self, trainer: Trainer) -> bool:
        """Whether to save after this update."""
        if trainer.step_in_epoch == 0 and (trainer.epoch - 1) % self.epochs == 0:
            return True
        return monotonic() - self.last > self.seconds

    def restart(self) -> None:
        """Count the minutes from here."""
        self.last = monotonic()


class Table:
    """The table of a training: what is maximised, its parts, active latents, seconds, each epoch.

    Parameters
    ----------
    model : whose bound gives the column its name
    epochs : in all
    """

    def __init__(self, model: Any, epochs: int) -> None:
        self.weighted, self.epochs = isinstance(model, IWAE), epochs
        columns = f"{model.bound_name:>10} {'recon':>6} {'KL':>6}"
        self.head = (
            f"{'':12}{' train ':-^24} {' validation ':-^32}\n"
            f"{'epoch':<12}{columns} {columns} {'active':>7} {'seconds':>8}"
        )

    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch."""
        bound = -record.train_loss if self.weighted else record.train_elbo
        train = f"{bound:10.2f} {record.train_reconstruction:6.1f} {record.train_kl:6.2f}"
        held_out = " " * 32
        if (found := record.held_out) is not None:
            held_out = f"{found.bound:10.2f} {found.reconstruction:6.1f} {found.kl:6.2f}"
            held_out += f" {found.active_units:7d}"
        return f"{record.epoch:5d}/{self.epochs:<6d}{train} {held_out} {record.seconds:8.1f}"
