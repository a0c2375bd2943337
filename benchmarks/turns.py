"""Worker processes that take turns, with JSON lines on standard input and output.

This file serves both ends. The parent uses `Worker`, and imports nothing large. The child uses
`serve`.
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


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment, for so many threads and with this clone of npvae."""
    path = os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")]))
    return os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads)) | {"PYTHONPATH": path}


def run_script(script: str, *arguments: object, threads: int) -> str:
    """Return what a script in this folder prints."""
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment(threads), check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


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
    python : str
        The Python of the environment that has the worker's libraries.
    """

    def __init__(
        self,
        name: str,
        script: str,
        arguments: Iterable[object],
        threads: int,
        python: str = sys.executable,
    ) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(threads),
        )
        self.about = self._answer()

    def ask(self, *question: object, pause: float = PAUSE) -> Any:
        """Return the worker's answer to a question that its script passes to `serve`.

        Parameters
        ----------
        question : the name of the question, and its arguments
        pause : seconds to wait before, until the threads of the worker before it sleep
        """
        assert self.process.stdin is not None
        sleep(pause)
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker {self.name} has stopped; see its message above")
        return json.loads(line)

    def close(self) -> None:
        """End the process, and wait until it has exited."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def serve(about: str, answers: dict[str, Callable[..., Any]]) -> None:
    """Introduce this worker to its parent, then answer questions until there are no more."""
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(answers[name](*arguments)), flush=True)
