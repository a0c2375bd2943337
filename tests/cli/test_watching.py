import errno
import io
import os
import signal
import sys

import pytest
from strict_device import StrictDevice

from npvae.cli.watching import SIGNALS, Watch, say
from npvae.devices import CPU
from npvae.encoder_decoder import Loss
from npvae.training import Step


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """As in a terminal, also where the tests themselves run in the background of a script."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def make_watch(minutes=1e9, total=10):
    """A watch, and the list of what it saves: the number of the last update each time."""
    saved, passed = [], []
    watch = Watch(total, 0, lambda: saved.append(passed[-1] if passed else 0), minutes)
    return watch, saved, passed


def run(watch, passed, *, signal_at=(), number=signal.SIGINT, updates=10):
    for step in watch(Step(1, n, None) for n in range(1, updates + 1)):
        passed.append(step.n)
        for _ in range(signal_at.count(step.n)):
            signal.raise_signal(number)
    watch.close()


def test_where_a_signal_is_ignored_it_stays_so():
    """As in the background of a script, `npvae train &`, or under nohup."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch, _, _ = make_watch()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    watch.close()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("number", SIGNALS)
def test_after_a_signal_the_step_ends_and_then_the_training(number):
    before = signal.getsignal(number)
    watch, saved, passed = make_watch()
    assert signal.getsignal(number) != before
    run(watch, passed, signal_at=[3], number=number)
    assert passed == [1, 2, 3]
    assert watch.stopped_by == number
    assert signal.getsignal(number) == before
    assert saved == []  # what is saved then, the command decides


def test_a_second_ctrl_c_does_not_wait():
    watch, _, passed = make_watch()
    with pytest.raises(KeyboardInterrupt):
        run(watch, passed, signal_at=[2, 2])
    watch.close()
    assert watch.stopped_by == signal.SIGINT
    assert passed == [1, 2]


def test_without_a_signal_nothing_stops():
    watch, saved, passed = make_watch()
    run(watch, passed)
    assert passed == list(range(1, 11))
    assert watch.stopped_by is None
    assert saved == []


def test_it_saves_when_the_minutes_have_passed(monkeypatch):
    """A clock that shows one second more at every look, and a save every 3.5 seconds."""
    seconds = iter(range(1000))
    monkeypatch.setattr("npvae.cli.watching.monotonic", lambda: next(seconds))
    watch, saved, passed = make_watch(minutes=3.5 / 60)
    run(watch, passed)
    assert saved == [3, 7]  # before the update is passed on, which is whole by then


def test_a_save_at_the_end_of_an_epoch_begins_the_minutes_anew(monkeypatch):
    seconds = iter(range(1000))
    monkeypatch.setattr("npvae.cli.watching.monotonic", lambda: next(seconds))
    watch, saved, passed = make_watch(minutes=3.5 / 60)
    for step in watch(Step(1, n, None) for n in range(1, 8)):
        passed.append(step.n)
        if step.n == 3:
            watch.save()
    watch.close()
    assert saved == [3, 6]


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


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_the_loss_only_where_nobody_waits_for_it(monkeypatch):
    def shown_on(device):
        monkeypatch.setattr(sys, "stderr", Terminal())
        loss = device.zeros(1, float).sum() + 41.5  # a strict device refuses to hand it out
        watch = Watch(3, 0, lambda: None, 1e9, device)
        list(watch(Step(1, n, Loss(loss, loss, loss)) for n in range(3)))
        watch.close()
        return sys.stderr.getvalue()

    assert "epoch 1, loss 41.5" in shown_on(CPU)
    assert "epoch 1" in (shown := shown_on(StrictDevice()))
    assert "loss" not in shown
