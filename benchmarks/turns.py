"""Worker processes that take turns, with JSON lines on standard input and output.

This file serves both ends. The parent uses `Worker`, which imports nothing large, because a child
process may inherit its parent's peak memory. The child uses `serve`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import sleep
from typing import Any

HERE = Path(__file__).resolve().parent
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

# Threads of OpenMP and OpenBLAS do not sleep as soon as their work is done: they spin for up to
# 0.2 s, in case more follows. The next worker's turn starts when the cores are free again.
PAUSE = 0.3


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment, for so many threads and with this clone of npvae."""
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"PYTHONPATH": path}


class Worker:
    """A Python process that waits for its turn.

    Parameters
    ----------
    name : str
        Name for the report.
    script : str
        A file in this folder.
    arguments : iterable
        Arguments of the script.
    threads : int
        Number of threads for its libraries.
    """

    def __init__(self, name: str, script: str, arguments: Iterable[object], threads: int) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads),
        )
        self.about = self._answer()

    def ask(self, question: str) -> Any:
        """Return the worker's answer to one of the questions that its script passes to `serve`."""
        assert self.process.stdin is not None
        sleep(PAUSE)
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the {self.name} worker has stopped; see its message above")
        return json.loads(line)

    def close(self) -> None:
        """End the process, and wait until it has exited."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def serve(about: str, answers: dict[str, Callable[[], Any]]) -> None:
    """Introduce this worker to its parent, then answer questions until there are no more."""
    print(json.dumps(about), flush=True)
    for question in sys.stdin:
        print(json.dumps(answers[question.strip()]()), flush=True)


def peak_memory_mb() -> float | None:
    """Return the peak memory of this process in MB; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e6
