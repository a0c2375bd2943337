"""The command line: `npvae train`, `evaluate`, `report`, `plot`, `sample` and others.

Each command is a module of this package with a docstring, an `EXAMPLE`, `add_arguments` and `run`.
"""

import argparse
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

from npvae import __version__, _leave
from npvae.cli import printing
from npvae.errors import NpvaeError
from npvae.figures import off_screen
from npvae.parallel import Communicator
from npvae.parallel.mpi import Machines, started_by_mpi

GROUPS = {
    "Train and measure": ("train", "evaluate", "compare"),
    "Use a trained run": ("encode", "decode", "score", "sample", "reconstruct"),
    "Look at a trained run": ("report", "explore", "plot", "interpolate", "traverse", "manifold"),
    "Set up and look things up": ("recipes", "datasets", "gradcheck", "completion"),
}
VERBS = tuple(name for names in GROUPS.values() for name in names)
PRINTED = (
    "evaluate",
    "compare",
    *GROUPS["Set up and look things up"],
)  # their output is their result

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
CLOSED_PIPE = 141  # the status of a process that SIGPIPE ended

REWORDED = {  # messages of argparse
    r"^argument (\S+): is ": r"\1 is ",
    r"^argument (\S+): expected one argument$": r"\1 needs a value",
    r"^the following arguments are required: (.+)$": r"\1 is required",
    r"^argument (\S+): not allowed with argument (\S+)$": r"\1 and \2 exclude each other",
    r"^argument ": "",
}
OVERVIEW = """\
usage: npvae COMMAND [options]

npvae trains variational autoencoders in plain NumPy. Every gradient is written
by hand and checked.

Start here:
  npvae train --data mnist --epochs 5   train a model, saved in runs/mnist-001
  npvae sample runs/mnist-001           draw new digits from it
  npvae train --help                    see all options, such as your own data"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line: what is wrong, and which help to read.

    Attributes
    ----------
    overview : the text that --help prints in place of the generated one, unless empty
    """

    overview = ""

    def format_help(self) -> str:
        """Return the text of --help."""
        return self.overview or super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with the status of bad input."""
        for generated, better in REWORDED.items():
            message = re.sub(generated, better, message)
        see = " See" if message.endswith("?") else "; see"
        self.exit(BAD_INPUT, f"{self.prog}: {message}{see} {self.prog} --help\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help and errors through `printing`, because argparse ignores a failed write."""
        printing.say(message.rstrip("\n"), sys.stderr if file is sys.stderr else None)


def build_parser(names: Iterable[str] = VERBS) -> argparse.ArgumentParser:
    """Return the parser for these commands; only their modules are imported."""
    parser = Parser(prog="npvae")
    parser.add_argument("--version", action="version", version=f"npvae {__version__}")
    verbs = parser.add_subparsers(metavar="COMMAND", required=True)
    summaries = {}
    for name in names:
        verb = import_module(f"npvae.cli.{name}")
        text = "\n\n".join(map(printing.filled, (verb.__doc__ or "").strip().split("\n\n")))
        summaries[name] = text.splitlines()[0]
        example = "\n  ".join(verb.EXAMPLE.splitlines())
        subparser = verbs.add_parser(
            name,
            help=summaries[name],
            description=f"{text}\n\nExample:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.add_arguments(subparser)
        subparser.set_defaults(verb=name, run=verb.run, parser=subparser)
    parser.overview = OVERVIEW
    for title, group in GROUPS.items():
        lines = [f"  {name:<12} {summaries[name]}" for name in group if name in summaries]
        parser.overview += "\n".join([f"\n\n{title}:", *lines])
    parser.overview += "\n\nnpvae COMMAND --help explains a command and lists its options, and"
    parser.overview += "\nnpvae --version prints the version."
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command line. Names of pictures may also follow flags."""
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    parser = build_parser(given[:1] if given[0] in VERBS else VERBS)
    if not given[0].startswith("-") and given[0] not in VERBS:
        parser.error(f"unknown command {given[0]!r:.60}{did_you_mean(given[0], VERBS)}")
    options, others = parser.parse_known_args(given)
    if "pictures" in options and not any(text.startswith("-") for text in others):
        options.pictures += others
    elif others:
        flags, typed = options.parser._option_string_actions, others[0].partition("=")[0]
        close = did_you_mean(typed, [flag for flag in flags if flag.startswith("--")])
        if typed[1:] in flags:  # --n for -n
            close = f"; did you mean {typed[1:]}?"
        elif not typed.startswith("-") and options.verb == "train" and "data" not in options:
            close = f"; did you mean --data {others[0]:.60}?"
        what = "option" if typed.startswith("-") else "argument"
        options.parser.error(f"unknown {what} {others[0]!r:.60}{close}")
    return options


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Return a question that proposes the closest of the names, or "" if none is close.

    A name that begins with the text is preferred.

    >>> did_you_mean("trian", ["train", "plot"])
    '; did you mean train?'
    >>> did_you_mean("--label", ["--latent", "--label-column"])
    '; did you mean --label-column?'
    """
    names = list(names)
    close = [name for name in names if name.startswith(text)] or get_close_matches(text, names, 1)
    return f"; did you mean {close[0]}?" if close else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    If `mpiexec` has started several processes, that of rank 0 runs the command, and the others do
    their share of the work where it can be shared.

    0    the command did what was asked
    1    a check failed, or the result could not be printed
    2    bad input; one line on standard error says what is wrong
    130  Ctrl-C
    141  the reader of a pipe closed it before the result was printed
    """
    if started_by_mpi() > 1:
        try:
            connected = Machines()
        except NpvaeError as error:
            printing.say(f"npvae: {error}", sys.stderr)
            return BAD_INPUT
        with connected as machines:
            machines.status = _main(arguments, machines)
        return machines.status
    return _main(arguments)


def _main(arguments: Sequence[str] | None, machines: Communicator | None = None) -> int:
    """Run one command on rank 0."""
    printing.prepare()
    for name in [name for name in os.environ if name.startswith("TQDM_")]:
        del os.environ[name]  # an odd value would end a training that is otherwise fine
    verb = None
    is_program = signal.getsignal(signal.SIGINT) is _leave
    try:
        if is_program:  # the imports are over
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with warnings.catch_warnings():
            if "PYTHONWARNINGS" in os.environ:  # "error" would turn a library's warning into one
                warnings.simplefilter("default")
            options = parse(arguments)
            verb, options.machines = options.verb, machines
            with off_screen():  # figures are written to files and open no window
                status = int(options.run(options))
    except (NpvaeError, OSError, MemoryError) as error:
        message = printing.flags_only(str(error)) or type(error).__name__
        if isinstance(error, MemoryError):
            message = f"out of memory ({message}); use a smaller model, batch or picture"
        printing.say(f"npvae: {message}", sys.stderr)
        status = BAD_INPUT
    except KeyboardInterrupt:
        if is_program:  # another Ctrl-C ends it at once, as from here on
            signal.signal(signal.SIGINT, _leave)
        printing.say("npvae: interrupted (Ctrl-C)", sys.stderr)
        status = INTERRUPTED
    except SystemExit as exit_:  # argparse has printed help or an error
        status = exit_.code if isinstance(exit_.code, int) else BAD_INPUT
    if is_program:
        signal.signal(signal.SIGINT, _leave)
    printing.flush()
    lost = printing.lost()
    if status == 0 and lost is not None and (verb is None or verb in PRINTED):
        if isinstance(lost, BrokenPipeError):
            return CLOSED_PIPE
        why = lost.strerror or lost
        printing.say(f"npvae: standard output could not be written ({why})", sys.stderr)
        return FAILED
    return status
