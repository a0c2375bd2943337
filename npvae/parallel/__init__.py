"""One training in several processes, on one machine or on many.

Every process runs the same program. It draws the whole batch with the same generator, keeps its
own rows, and computes their gradient. Then the gradients are added up and the parameters updated,
a slice of them in each process. One process alone needs none of this: see `ALONE`.

As in MPI, a communicator connects `size` processes, numbered by their `rank`.
Rank 0 is the process of the user, which alone prints, reads files and writes them.

`processes.Processes` starts the processes on this machine, and `mpi.Machines` connects those that
`mpiexec` has started.
"""

from npvae.parallel.alone import ALONE
from npvae.parallel.communicator import Communicator, everywhere

__all__ = [
    "ALONE",
    "Communicator",
    "everywhere",
]
