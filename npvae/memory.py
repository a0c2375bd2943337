"""How much memory this process has taken."""

import re
import sys
from pathlib import Path


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, in MB; None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, whose ru_maxrss starts from the parent's
        peaks = re.findall(r"^VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
        if peaks:
            return round(int(peaks[0]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)
