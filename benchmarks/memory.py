"""Peak memory of a process and of all processes that it has started, by kind.

Linux alone tells the kinds apart; on other systems the result is None.
"""

import sys
from pathlib import Path
from threading import Event, Thread

KINDS = {"private": "Pss_Anon", "shared": "Pss_Shmem", "files": "Pss_File"}
INTERVAL = 0.05  # seconds between two samples


class PeakMemory:
    """Samples the memory of a process and of its descendants while a block runs.

    Attributes
    ----------
    peak : dict of str to float, or None
        Megabytes: "private" memory, memory "shared" between the processes, "files" (libraries and
        memory-mapped data, which the system can drop and read again), and "total". Each is the
        largest sum over the processes; what several processes share is counted once.
    """

    def __init__(self, pid: int) -> None:
        self.pid, self.peak = pid, None if sys.platform != "linux" else dict.fromkeys(KINDS, 0.0)
        self._over = Event()
        self._thread = Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "PeakMemory":
        if self.peak is not None:
            self.peak["total"] = 0.0
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        if self.peak is not None:
            self._thread.join()

    def _sample(self) -> None:
        assert self.peak is not None
        while not self._over.wait(INTERVAL):
            now = dict.fromkeys(KINDS, 0.0)
            for pid in family(self.pid):
                for kind, megabytes in memory_of(pid).items():
                    now[kind] += megabytes
            now["total"] = sum(now.values())
            self.peak = {kind: max(self.peak[kind], value) for kind, value in now.items()}


def family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for member in found:  # which grows meanwhile
        found += children.get(member, [])
    return found


def memory_of(pid: int) -> dict[str, float]:
    """Return the megabytes of a process, each shared page divided by the processes that have it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:  # it has just ended
        return {}
    kilobytes = {
        name: int(value.split()[0]) for name, _, value in (s.partition(":") for s in lines)
    }
    return {kind: kilobytes.get(name, 0) * 1024 / 1e6 for kind, name in KINDS.items()}
