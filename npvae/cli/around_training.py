"""What `npvae train` needs around its loop: signals, progress bar, table, checkpoint clock."""

import signal
import sys
import threading
from time import monotonic
from typing import Any, Self

from npvae.cli.printing import say
from npvae.encoder_decoder import Loss
from npvae.iwae import IWAE
from npvae.training import EpochRecord, Trainer
from npvae.vae import VAE

SHOW_EVERY = 50  # updates between two losses on the progress bar
MOST_WITH_TOTAL = 999  # epochs; with more, the table shows 1000 instead of 1000/2000
SIGNALS: dict[int, str] = {
    getattr(signal, name): "interrupted (Ctrl-C)" if name == "SIGINT" else f"stopped ({name})"
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
}


class Stopped(KeyboardInterrupt):
    """Raised by a signal that asks the process to stop at once."""

    def __init__(self, number: int) -> None:
        self.number = number


class Signals:
    """Records the signals that ask to stop while its block runs; the loop looks at `heard`.

    An update or a save is never disturbed, however many signals arrive. After the training,
    `raise_at_once` changes this: from then on the first signal raises `Stopped`.

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
                if before is not signal.SIG_IGN:  # ignored under nohup and in a script's `npvae &`
                    self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before = {}

    def raise_at_once(self) -> None:
        """Raise `Stopped` at the next signal, or now if one has already arrived."""
        if self.heard is not None:
            raise Stopped(self.heard)
        self._at_once = True

    def _on_signal(self, number: int, frame: object) -> None:
        self.heard = self.heard or number
        if self._at_once:
            self._at_once = False  # a second signal does not disturb the message
            raise Stopped(number)


class Bar:
    """The progress bar of a training; it appears on a terminal only.

    Parameters
    ----------
    trainer : the training whose updates are counted
    epochs : total number of epochs
    hidden : never show the bar
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
        """Count an update, and now and then show its loss.

        On a GPU no loss is shown, because reading it would wait for the device.
        """
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
    """Decides when the next checkpoint is due.

    Parameters
    ----------
    epochs : save after every so many epochs
    minutes : save within an epoch as well, once so many minutes have passed
    """

    def __init__(self, epochs: int, minutes: float) -> None:
        self.epochs, self.seconds, self.last = epochs, 60 * minutes, monotonic()

    def is_due(self, trainer: Trainer) -> bool:
        """Return whether to save after this update."""
        if trainer.step_in_epoch == 0 and (trainer.epoch - 1) % self.epochs == 0:
            return True
        return monotonic() - self.last > self.seconds

    def restart(self) -> None:
        """Count the minutes from now."""
        self.last = monotonic()


class Table:
    """The epoch table of a training: one line per epoch, at most 80 columns wide.

    It shows the bound and its two terms (only the reconstruction for an autoencoder) on the
    training and the validation part, in nats per example, then active latents and seconds.

    Parameters
    ----------
    model : the model, which names the bound it maximises
    epochs : total number of epochs
    validated : whether a validation part is evaluated after each epoch
    """

    def __init__(self, model: Any, epochs: int, *, validated: bool = True) -> None:
        self.weighted, self.terms = isinstance(model, IWAE), isinstance(model, VAE)
        total = f"/{epochs}" if epochs <= MOST_WITH_TOTAL else ""
        self.epoch = f"{{:>{len(str(epochs))}}}{total}"
        self.first = max(len("epoch"), len(self.epoch.format(epochs)))
        part = [f"{'':10}{'recon-':>11}{'':7}", f"{model.bound_name:>10}{'struction':>11}{'KL':>7}"]
        caption = f"{model.bound_name} = -(reconstruction + KL)"
        if self.weighted:
            caption = f"{model.bound_name} is the importance-weighted bound with {model.k} draws"
        if not self.terms:
            caption = "reconstruction = -log p(x | z)"
            part = [f"{'recon-':>16}", f"{'struction':>16}"]
        titles = ("training", "validation") if validated else ("training",)
        ends = [f"{'active':>8}", f"{'latents':>8}"] if validated else ["", ""]
        rows = [
            f"In nats per example; {caption}.\n",
            " " * self.first
            + "".join(f"  {f' {title} ':-^{len(part[0]) - 2}}" for title in titles),
            " " * self.first + part[0] * len(titles) + ends[0],
            f"{'epoch':<{self.first}}{part[1] * len(titles)}{ends[1]}{'seconds':>9}",
        ]
        self.head = "\n".join(rows)

    def line(self, record: EpochRecord) -> str:
        """Return the line of an epoch."""
        bound = -record.train_loss if self.weighted else record.train_elbo
        line = f"{self.epoch.format(record.epoch):<{self.first}}"
        line += self._figures(bound, record.train_reconstruction, record.train_kl)
        if (found := record.held_out) is not None:
            line += self._figures(found.bound, found.reconstruction, found.kl)
            line += f"{found.active_units:8d}"
        return line + f"{record.seconds:9.1f}"

    def _figures(self, bound: float, reconstruction: float, kl: float) -> str:
        if not self.terms:
            return _fitting(reconstruction, 16)
        return f"{_fitting(bound, 10)}{_fitting(reconstruction, 11)}{_fitting(kl, 7)}"


def _fitting(number: float, width: int) -> str:
    """Return a number right-aligned in so many columns, the first of them blank.

    >>> _fitting(-104.256, 10), _fitting(-12345678.9, 10)
    ('   -104.26', ' -12345679')
    """
    forms = (f"{number:{form}}" for form in (".2f", ".1f", ".0f"))
    text = next((form for form in forms if len(form) < width), f"{number:.0e}")
    return f"{text:>{width}}"
