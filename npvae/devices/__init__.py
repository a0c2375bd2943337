"""Where arrays live: in the host's memory with NumPy, or on a GPU with CuPy.

The code of the models is the same for both. It calls NumPy functions, which dispatch on the class
of the arrays. This package holds what NumPy cannot dispatch: creating arrays, copying them to the
host, drawing random numbers, and the CUDA kernels that replace a few functions on a GPU.
"""

from npvae.devices.cpu import CPU, keep_freed_memory
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
    "keep_freed_memory",
    "one_thread_at_a_time",
    "restore_generator",
]

DEVICES = ("cpu", "cuda")


def find_device(device: Device | str) -> Device:
    """Return the device with the given name; a `Device` is returned unchanged.

    Parameters
    ----------
    device : str or Device
        "cpu" or "cuda", or a `Device`.

    Returns
    -------
    Device

    Raises
    ------
    InputError
        If the name is unknown, or the GPU cannot be used.

    >>> find_device("cpu").about
    'cpu'
    """
    if not isinstance(device, str) and hasattr(device, "array_type"):
        return device
    if device not in DEVICES:
        raise InputError(
            f"there is no device {device!r:.60}; choose from {', '.join(DEVICES)} (to use another "
            "GPU, set CUDA_VISIBLE_DEVICES=1 in the environment)"
        )
    return open_cuda() if device == "cuda" else CPU
