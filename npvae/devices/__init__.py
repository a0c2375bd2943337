"""Where arrays live: the host's memory with NumPy, or a GPU with CuPy.

The model code is the same for both. It calls NumPy's functions, which follow the arrays to wherever
they are; what NumPy cannot dispatch (making arrays, fetching them, drawing random numbers), and the
few functions for which a GPU has kernels of its own, are in here.
"""

from npvae.devices.cpu import CPU
from npvae.devices.cuda import open_cuda
from npvae.devices.device import (
    Array,
    Device,
    DrawCounter,
    Seed,
    counter_of,
    generator_state,
    restore_generator,
)
from npvae.devices.threads import RLock, one_thread_at_a_time
from npvae.errors import InputError

__all__ = [
    "CPU",
    "DEVICES",
    "Array",
    "Device",
    "DrawCounter",
    "RLock",
    "Seed",
    "counter_of",
    "find_device",
    "generator_state",
    "one_thread_at_a_time",
    "restore_generator",
]

DEVICES = ("cpu", "cuda")


def find_device(device: Device | str) -> Device:
    """Return the device of a name; a device is passed through.

    Parameters
    ----------
    device : "cpu", "cuda", or a `Device`

    Raises
    ------
    InputError : there is none of that name, or no GPU that could be used

    >>> find_device("cpu").about
    'cpu'
    """
    if not isinstance(device, str) and hasattr(device, "array_type"):
        return device
    if device not in DEVICES:
        raise InputError(
            f"there is no device {device!r:.60}; choose from {', '.join(DEVICES)} ("
            "CUDA_VISIBLE_DEVICES=1 in the environment chooses another GPU)"
        )
    return open_cuda() if device == "cuda" else CPU
