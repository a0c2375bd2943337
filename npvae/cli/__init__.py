"""The command line: `npvae train`, `evaluate`, `report`, `plot`, `sample` and others."""

import argparse
import os
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

VERBS = (
    *("train", "evaluate", "report", "plot", "sample", "reconstruct", "interpolate", "traverse"),
    *("manifold", "recipes", "datasets", "gradcheck", "completion"),
)  # each is a file here, and imported when it is asked for
PRINTED = (
    "evaluate",
    "recipes",
    "datasets",
    "gradcheck",
    "completion",
)  # whose result is what they print

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
NOBODY_READS = 141  # as of a process that SIGPIPE ended


class Parser(argparse.ArgumentParser):
    """One that says what is wrong in one line, and where to read on."""

    def error(self, message: str) -> NoReturn:
        """End with the exit status of bad input."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help and errors as everything else is printed; argparse would ignore a failure."""
        printing.say(message.rstrip("\n"), sys.stderr if file is sys.stderr else None)


def build_parser(names: Iterable[str] = VERBS) -> argparse.ArgumentParser:
    """Return the parser with these verbs."""
    parser = Parser(prog="npvae", description="The variational autoencoder, by hand, in NumPy.")
    parser.add_argument("--version", action="version", version=f"npvae {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for name in names:
        verb = import_module(f"npvae.cli.{name}")
        subparser = verbs.add_parser(
            name,
            help=(verb.__doc__ or "").splitlines()[0],
            description=verb.__doc__,
            epilog=f"example:  {verb.EXAMPLE}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.add_arguments(subparser)
        subparser.set_defaults(verb=name, run=verb.run, parser=subparser)
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of a command; names of pictures may stand after flags, too."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser(given[:1] if given[:1] and given[0] in VERBS else VERBS)
    if given and not given[0].startswith("-") and given[0] not in VERBS:
        parser.error(f"there is no command {given[0]!r:.60}{did_you_mean(given[0], VERBS)}")
    options, others = parser.parse_known_args(given)
    if "pictures" in options and not any(text.startswith("-") for text in others):
        options.pictures += others
    elif others:
        known = [flag for flag in options.parser._option_string_actions if flag.startswith("--")]
        close = did_you_mean(others[0].partition("=")[0], known)
        options.parser.error(f"unknown argument {others[0]!r:.60}{close}")
    return options


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Return a question after the name that was probably meant, or nothing.

    >>> did_you_mean("trian", ["train", "plot"])
    '; did you mean train?'
    """
    close = get_close_matches(text, list(names), 1)
    return f"; did you mean {close[0]}?" if close else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 if it did what was asked, 1 if a check failed or its result could not be printed, 2 for bad
    input (one line says what is wrong), 130 after Ctrl-C, 141 if nobody reads what it prints.
    """
    printing.prepare()
    for name in [name for name in os.environ if name.startswith("TQDM_")]:
        del os.environ[name]  # the bars are npvae's, and an odd value would end a training
    verb = None
    is_program = signal.getsignal(signal.SIGINT) is _leave
    try:
        if is_program:  # the imports are over
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with warnings.catch_warnings():
            if "PYTHONWARNINGS" in os.environ:  # a library's warning is no reason to end either
                warnings.simplefilter("default")
            options = parse(arguments)
            verb = options.verb
            with off_screen():  # figures are for files here, and open no window
                status = int(options.run(options))
    except (NpvaeError, OSError, MemoryError) as error:
        message = str(error) or type(error).__name__
        if isinstance(error, MemoryError):
            message += "; not enough memory: choose a smaller model, smaller batches or pictures"
        printing.say(f"npvae: {message}", sys.stderr)
        status = BAD_INPUT
    except KeyboardInterrupt:
        if is_program:  # another Ctrl-C ends it at once, as from here on
            signal.signal(signal.SIGINT, _leave)
        printing.say("npvae: interrupted", sys.stderr)
        status = INTERRUPTED
    except SystemExit as exit_:  # argparse has printed help, or what is wrong
        status = exit_.code if isinstance(exit_.code, int) else BAD_INPUT
    if is_program:
        signal.signal(signal.SIGINT, _leave)
    printing.flush()
    lost = printing.lost()
    if status == 0 and lost is not None and (verb is None or verb in PRINTED):
        if isinstance(lost, BrokenPipeError):
            return NOBODY_READS
        why = lost.strerror or lost
        printing.say(f"npvae: standard output could not be written ({why})", sys.stderr)
        return FAILED
    return status
