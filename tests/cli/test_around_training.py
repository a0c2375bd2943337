"""What stands around the loop of `npvae train`: signals, the bar, the clock, the table, a line."""

import errno
import io
import os
import re
import signal
import sys
from dataclasses import replace

import pytest
from strict_device import StrictDevice, waiting_allowed
from tiny_trainings import MODELS, make_training

from npvae import IWAE, VAE, Autoencoder, EpochRecord, Evaluation
from npvae.cli.around_training import SIGNALS, Bar, Clock, Signals, Stopped, Table
from npvae.cli.printing import say

HELD_OUT = Evaluation(-108.2, 84.1, 23.1, (1.0, 2.0), 21, 10, -102.2)
RECORD = EpochRecord(1000, 110.1, -108.36, 84.7, 23.64, HELD_OUT, 12.5)

pytestmark = pytest.mark.usefixtures("signals_are_heard")


# ---- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", SIGNALS)
def test_signals_are_noted_and_disturb_nothing(number):
    before = signal.getsignal(number)
    with Signals() as signals:
        assert signals.heard is None
        for each in (number, *SIGNALS, *reversed(SIGNALS)):
            signal.raise_signal(each)
            assert signals.heard == number
    assert signal.getsignal(number) is before


def test_after_the_training_they_stop_at_once():
    with Signals() as signals, pytest.raises(Stopped) as stopped:  # noqa: PT012
        signals.raise_at_once()
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.number == signal.SIGTERM


@pytest.mark.parametrize("number", SIGNALS)
def test_where_a_signal_is_ignored_it_stays_so(number):
    """As in the background of a script, `npvae train &`, or under nohup."""
    signal.signal(number, signal.SIG_IGN)
    with Signals() as signals:
        signal.raise_signal(number)
        assert signals.heard is None
    assert signal.getsignal(number) is signal.SIG_IGN


# ---- the clock -----------------------------------------------------------------------------------


def when_due(trainer, clock, updates):
    """Return after which updates the clock says so, and is restarted."""
    due = []
    for update in range(1, updates + 1):
        trainer.step()
        if trainer.epoch_is_over:
            trainer.end_epoch()
        if clock.is_due(trainer):
            due.append(update)
            clock.restart()
    return due


def test_it_is_due_after_some_epochs():
    assert when_due(make_training(), Clock(1, 1e9), 9) == [3, 6, 9]
    assert when_due(make_training(), Clock(2, 1e9), 9) == [6]


def test_it_is_due_when_the_minutes_have_passed(monkeypatch):
    """Since the last save: a second passes with every update, and 3.5 may."""
    trainer = make_training()
    monkeypatch.setattr("npvae.cli.around_training.monotonic", lambda: trainer.steps)
    assert when_due(trainer, Clock(3, 3.5 / 60), 14) == [4, 8, 9, 13]


# ---- the bar and the lines -----------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_the_bar_shows_the_loss_only_where_nobody_waits_for_it(monkeypatch, device):
    monkeypatch.setattr(sys, "stderr", Terminal())
    device = StrictDevice() if device == "strict" else "cpu"
    with waiting_allowed():
        trainer = make_training(MODELS["vae"](device=device))
    with Bar(trainer, 4) as bar:
        bar.update(trainer.step())
    shown = sys.stderr.getvalue()
    assert "epoch 1" in shown
    assert "/12" in shown
    assert ("loss" in shown) == (device == "cpu")


def test_in_a_file_there_is_no_bar(capsys):
    trainer = make_training()
    with Bar(trainer, 4) as bar:
        bar.update(trainer.step())
        bar.say("a line")
    assert capsys.readouterr() == ("a line\n", "")


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_line_that_nobody_can_read_is_no_reason_to_end(monkeypatch, name, number):
    """The reader has gone, the terminal has gone, the disk with the log is full."""

    class Gone(io.StringIO):
        def write(self, text):
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sys, name, Gone())
    for _ in range(2):
        say("epoch 1", None if name == "stdout" else sys.stderr)
    assert not isinstance(getattr(sys, name), Gone)
    getattr(sys, name).close()


# ---- the table: each number under its name, in 80 columns ----------------------------------------


def ends(line):
    """Where the words of a line end; what stands for log p(x|z) is one word."""
    return [found.end() for found in re.finditer(r"\S+", line.replace("log p(", "log_p("))]


@pytest.mark.parametrize("epochs", [5, 999, 3280])
@pytest.mark.parametrize("kind", [VAE, IWAE, Autoencoder])
def test_each_number_stands_under_its_name(kind, epochs):
    table = Table(kind.dense(4, 3, 2), epochs)
    names = table.head.splitlines()[-1]
    line = table.line(replace(RECORD, epoch=epochs))
    assert ends(line)[1:] == ends(names)[1:]
    assert max(map(len, [*table.head.splitlines(), line])) <= 80


def test_the_column_of_several_draws_has_their_bound():
    assert " -110.10 " in Table(IWAE.dense(4, 3, 2), 9).line(RECORD)  # minus the loss
    line = Table(VAE.dense(4, 3, 2), 9).line(RECORD)
    assert " -108.36 " in line  # the ELBO, whatever beta is
    assert " -102.20 " in line
