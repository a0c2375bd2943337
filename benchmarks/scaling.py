"""Predict the time of a training step over 1 to 1,024 processes, beside what is measured here.

    python benchmarks/scaling.py                       some five minutes on two idle cores
    python benchmarks/scaling.py --rounds 1            quickly
    python benchmarks/scaling.py --out scaling.png     with a picture
    python benchmarks/scaling.py --latency-us 2 --gigabytes 12.5    for a faster network

The model of a step, in P processes on M machines of k cores:

    time     = fixed + drawing + products + update + exchange
    fixed    = the time of Python and NumPy for a step of a tiny model
    drawing  = B draw + b encode, because each process draws for the whole batch
    products = b W s(b), with b = B / P rows, rounded up, and W multiply-adds a row
    update   = a n / P, with n parameters
    exchange = 4 log2(P) latency + bytes / bandwidth, within a machine and between machines

Every constant but those of the network is measured on this machine, with one BLAS thread in each
process. The network is an assumption: --latency-us and --gigabytes. Machines are assumed to have as
many cores as this one, and the processes of a machine to share its network.

The measured steps are those of a `Trainer` in 1, 2 and 4 processes, which exchange numbers in
shared memory and, if mpiexec and mpi4py are there, by MPI. The numbers of processes take turns.
Run it on an idle machine.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from math import ceil, log2
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this clone need not be installed

import numpy as np
from threadpoolctl import threadpool_limits
from turns import environment

from npvae import VAE, Adam, Pixels, Split
from npvae.optimizers import SGD
from npvae.parallel import Communicator
from npvae.parallel.communicator import RowsOf
from npvae.parallel.mpi import Machines
from npvae.parallel.processes import Processes
from npvae.training import Trainer

N_X, N_Z, EXAMPLES = 784, 20, 32_768
PREDICTED = [2**i for i in range(11)]
MEASURED = [1, 2, 4]
SMALL_EXCHANGES = 4  # a step's start, its loss, its gradient and its parameters
SECONDS = 1.0  # of steps, for one measurement
TIMES = 15  # of a part of a step, for one measurement
SHARED, MPI = "shared memory", "MPI"  # how processes are connected
REDUCE_SCATTER, ALL_GATHER = 1, 2  # where they stand in what `exchanges` returns


class Case(NamedTuple):
    """A model 784-hidden-20-hidden-784 and a batch size."""

    hidden: int
    batch: int

    @property
    def name(self) -> str:
        return f"{N_X}-{self.hidden}-{N_Z}"

    @property
    def work(self) -> int:
        """Multiply-adds a row: forward, and for the gradients of weights and inputs.

        The gradient with respect to the images is not needed.
        """
        one_way = 2 * (N_X + N_Z) * self.hidden + N_Z * self.hidden
        return 3 * one_way - N_X * self.hidden

    def model(self) -> VAE:
        return VAE.dense(N_X, self.hidden, N_Z)


CASES = [Case(400, 128), Case(4000, 128), Case(400, 1024), Case(400, 8192)]


class Curve:
    """Seconds a unit of work as a function of how much there is, measured at a few points."""

    def __init__(self, amounts: list[int], seconds: list[float]) -> None:
        self.amounts, self.each = amounts, [s / a for s, a in zip(seconds, amounts, strict=True)]

    def seconds(self, amount: float) -> float:
        return amount * float(np.interp(log2(amount), np.log2(self.amounts), self.each))


# ---- the constants, in one process ---------------------------------------------------------------


def seconds(call: Callable[[], Any]) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(TIMES + 2):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return median(times[2:])


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, N_X), dtype=np.uint8)


def gradient(model: VAE, rows: int) -> float:
    x = (images(rows) > 127).astype(np.float32)
    x, eps = x[:, : model.n_x], model.draw_noise(np.random.default_rng(0), rows)
    return seconds(lambda: model.loss_and_grad(x, eps))


def update(n: int) -> float:
    rng = np.random.default_rng(0)
    device = VAE.dense(2, 2, 1).params.device
    flat, grad = (rng.standard_normal(n, np.float32) for _ in range(2))
    params: Any = SimpleNamespace(flat=flat, grad=grad, device=device, dtype=flat.dtype, size=n)
    adam = Adam()
    return seconds(lambda: adam.step(params))


def drawing(batch: int, rows: int) -> float:
    """Return the time to draw a batch and its noise, and keep some rows."""
    stored, model, rng = images(rows), VAE.dense(N_X, 2, N_Z), np.random.default_rng(0)
    mine: Any = RowsOf(rng, batch, slice(0, rows))
    scaling = Pixels("dynamic")
    return seconds(lambda: (scaling.encode(stored, mine), model.draw_noise(mine, rows)))


def tiny_step() -> float:
    """Return the time of a step that has next to nothing to compute."""
    trainer = Trainer(
        VAE.dense(2, 2, 1),
        Split(images(EXAMPLES)[:, :2], np.arange(EXAMPLES)),
        Pixels(),
        batch_size=1,
    )
    return seconds(lambda: [trainer.step() for _ in range(20)]) / 20


def constants() -> SimpleNamespace:
    tiny = gradient(VAE.dense(2, 2, 1), 1)
    whole, one, nothing = drawing(1024, 1024), drawing(1024, 1), drawing(1, 1)
    curves = {}
    for hidden in dict.fromkeys(case.hidden for case in CASES):
        case = max(case for case in CASES if case.hidden == hidden)
        model = case.model()
        rows = [2**i for i in range(case.batch.bit_length())]
        curves[hidden] = Curve(
            [b * case.work for b in rows], [max(0.0, gradient(model, b) - tiny) for b in rows]
        )
    sizes = [2**i for i in range(9, 24)]
    nearly_none = update(1)
    return SimpleNamespace(
        fixed=tiny_step(),
        draw=max(0.0, one - nothing) / 1023,
        encode=max(0.0, whole - one) / 1023,
        products=curves,
        update=Curve(sizes, [max(0.0, update(n) - nearly_none) for n in sizes]),
    )


# ---- what several processes do together ----------------------------------------------------------


def exchanges(hidden: int, *, comm: Communicator) -> tuple[float, float, float]:
    """Return the time of a small exchange, of a reduce-scatter, and of an all-gather.

    All processes call this together.
    """
    trainer = SimpleNamespace(model=Case(hidden, 1).model(), optimizer=SGD(), comm=comm)
    comm.share(trainer)
    params = trainer.model.params
    shard, loss = comm.shard(params), np.zeros(3)
    times: list[tuple[float, float, float]] = []
    for _ in range(TIMES + 2):
        small = [perf_counter()]
        for _ in range(20):
            comm.exchange(loss)
            small.append(perf_counter())
        params.grad[...] = 1  # in the cache of this core, as after a backward pass
        comm.exchange(loss)
        begin = perf_counter()
        comm.reduce_scatter(params.grad, shard.mine, shard.grad)
        reduced = perf_counter()
        shard.flat[...] = 1
        comm.exchange(loss)
        updated = perf_counter()
        comm.all_gather_slices(params.flat)
        times.append((median(np.diff(small)), reduced - begin, perf_counter() - updated))
    comm.leave()
    medians = [median(column) for column in zip(*times[2:], strict=True)]
    return medians[0], medians[1], medians[2]


def step(case: Case, comm: Communicator) -> float:
    """Return the median time of a trainer's step."""
    split = Split(images(EXAMPLES), np.arange(EXAMPLES))
    trainer = Trainer(case.model(), split, Pixels(), batch_size=case.batch, comm=comm)
    for _ in range(3):
        trainer.step()
    times, end = [], perf_counter() + SECONDS
    while len(times) < 5 or perf_counter() < end:
        begin = perf_counter()
        trainer.step()
        times.append(perf_counter() - begin)
    return median(times)


def session(comm: Communicator) -> dict[str, list[Any]]:
    """Return what these processes do together: exchanges for each model, steps for each case."""
    hidden = dict.fromkeys(case.hidden for case in CASES)
    together = [comm.run(exchanges, h) for h in hidden] if comm.size > 1 else []
    return {"exchanges": together, "steps": [step(case, comm) for case in CASES]}


def in_processes(size: int) -> dict[str, list[Any]]:
    with Processes(size) as comm:
        return session(comm)


def by_mpi(size: int) -> dict[str, list[Any]]:
    command = [mpiexec() or "", "-n", str(size), sys.executable, __file__, "--mpi-session"]
    done = subprocess.run(command, env=environment(1), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def mpiexec() -> str | None:
    """Return the path of mpiexec, if MPI can be used."""
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return shutil.which("mpiexec", path=beside) if find_spec("mpi4py") else None


class Measured:
    """What was measured in processes that are connected in one way, in a few rounds.

    In shared memory the all-gather is only a barrier, because all parameters are already there.
    """

    def __init__(self, way: str, rounds: list[dict[int, dict[str, list[Any]]]]) -> None:
        self.rounds = rounds
        self.copies = [REDUCE_SCATTER] if way == SHARED else [REDUCE_SCATTER, ALL_GATHER]

    def step(self, case: Case, size: int) -> float:
        return median(one[size]["steps"][CASES.index(case)] for one in self.rounds)

    def speed_up(self, case: Case, size: int) -> float:
        i = CASES.index(case)
        return median(one[1]["steps"][i] / one[size]["steps"][i] for one in self.rounds)

    def latency(self, size: int) -> float:
        """Seconds of one of the log2(size) rounds of messages of a small exchange."""
        return median(e[0] for one in self.rounds for e in one[size]["exchanges"]) / log2(size)

    def bandwidth(self, hidden: int, which: int) -> float:
        """Bytes a second that each of two processes receives in an exchange."""
        i = list(dict.fromkeys(case.hidden for case in CASES)).index(hidden)
        took = median(one[2]["exchanges"][i][which] for one in self.rounds)
        moved = 4 * Case(hidden, 1).model().params.size / 2
        return moved / max(took - self.latency(2), took / 10)


# ---- the prediction ------------------------------------------------------------------------------


class Cost(NamedTuple):
    """The parts of a step's time, in seconds."""

    compute: float
    update: float
    exchange: float

    @property
    def total(self) -> float:
        return sum(self)


def predict(
    case: Case, size: int, known: SimpleNamespace, inside: Measured, net: SimpleNamespace
) -> Cost:
    rows, n = ceil(case.batch / size), case.model().params.size
    k, machines = min(size, net.cores), ceil(size / net.cores)
    compute = known.fixed + case.batch * known.draw + rows * known.encode
    compute += known.products[case.hidden].seconds(rows * case.work)
    exchange = 0.0
    if k > 1:
        exchange += SMALL_EXCHANGES * log2(k) * inside.latency(2)
        moved = 4 * n * (k - 1) / k
        exchange += sum(moved / inside.bandwidth(case.hidden, which) for which in inside.copies)
    if machines > 1:
        exchange += SMALL_EXCHANGES * log2(machines) * net.latency
        exchange += 2 * k * 4 * n * (machines - 1) / machines / net.bandwidth
    return Cost(compute, known.update.seconds(n / size), exchange)


# ---- the report ----------------------------------------------------------------------------------


def main() -> int:
    options = parse()
    if options.mpi_session:
        with Machines() as comm:
            print(json.dumps(session(comm)))
        return 0
    net = SimpleNamespace(
        cores=options.cores, latency=options.latency_us / 1e6, bandwidth=options.gigabytes * 1e9
    )
    describe()
    with threadpool_limits(1):
        known = constants()
        found = measure(options.rounds)
    print_load("after")
    print_constants(known, found, net)
    for case in CASES:
        print_case(case, known, found, net)
    if options.out:
        draw(options.out, known, found, net)
    return 0


def parse() -> argparse.Namespace:
    about, _, text = (__doc__ or "").partition("\n\n")
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, epilog=text, formatter_class=plain)
    add, here = parser.add_argument, cores()
    add("--rounds", type=int, default=5, help="measure the steps in so many rounds (default: 5)")
    add("--out", type=Path, help="write a picture into this file (default: none)")
    add("--latency-us", type=float, default=25.0, help="latency of the network (default: 25)")
    add("--gigabytes", type=float, default=1.25, help="its gigabytes a second (default: 1.25)")
    add("--cores", type=int, default=here, help=f"cores of a machine (default: {here}, as here)")
    add("--mpi-session", action="store_true", help=argparse.SUPPRESS)  # what mpiexec starts
    options = parser.parse_args()
    if options.rounds < 1 or options.cores < 1 or min(options.latency_us, options.gigabytes) <= 0:
        parser.error("all numbers must be positive")
    return options


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def measure(rounds: int) -> dict[str, Measured]:
    """Return what was measured in each way of connecting processes, which take turns."""
    ways = {SHARED: in_processes} | ({MPI: by_mpi} if mpiexec() else {})
    found: dict[str, list[dict[int, Any]]] = {way: [] for way in ways}
    turns = [(SHARED, 1), *((way, size) for size in MEASURED[1:] for way in ways)]
    for i in range(rounds):
        order = turns[i % len(turns) :] + turns[: i % len(turns)]
        one = {(way, size): ways[way](size) for way, size in order}
        for way in ways:
            found[way].append({p: one[way if p > 1 else SHARED, p] for p in MEASURED})
    return {way: Measured(way, rounds) for way, rounds in found.items()}


def describe() -> None:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
    cpu = names[0].partition(": ")[2] if names else platform.processor()
    print(f"{cpu}, {cores()} cores; Python {platform.python_version()}, NumPy {np.__version__}")
    print_load("before")


def print_load(when: str) -> None:
    if hasattr(os, "getloadavg"):
        print(f"load {when}: {os.getloadavg()[0]:.2f}")


def print_constants(
    known: SimpleNamespace, found: dict[str, Measured], net: SimpleNamespace
) -> None:
    print("\nConstants, with one thread in each process")
    print(f"{'fixed time of a step, us':34} {known.fixed * 1e6:9.0f}")
    print(f"{'draw, us an example of the batch':34} {known.draw * 1e6:9.2f}")
    print(f"{'encode, us a row of the process':34} {known.encode * 1e6:9.2f}")
    rows = [1, 2, 4, 8, 16, 32, 64, 128]
    print(f"{'products of b rows':34} " + " ".join(f"{f'b = {b}':>7}" for b in rows))
    for hidden, curve in known.products.items():
        case = Case(hidden, 1)
        each = (f"{curve.seconds(b * case.work) / b / case.work * 1e9:7.3f}" for b in rows)
        print(f"{f'  {case.name}, ns a multiply-add':34} " + " ".join(each))
    sizes = [10**3, 10**4, 10**5, 10**6, 5 * 10**6]
    print(f"{'update of n parameters':34} " + " ".join(f"{n:9,}" for n in sizes))
    each = (f"{known.update.seconds(n) / n * 1e9:9.3f}" for n in sizes)
    print(f"{'  Adam, ns a parameter':34} " + " ".join(each))
    print(f"{'exchange within this machine':34} " + " ".join(f"{way:>13}" for way in found))
    for size in MEASURED[1:]:
        each = (f"{one.latency(size) * 1e6:13.1f}" for one in found.values())
        beyond = "  (more processes than cores)" if size > cores() else ""
        print(f"{f'  latency of {size} processes, us':34} " + " ".join(each) + beyond)
    for which, name in ((REDUCE_SCATTER, "reduce-scatter"), (ALL_GATHER, "all-gather")):
        for hidden in known.products:
            each = (
                f"{one.bandwidth(hidden, which) / 1e9:13.1f}"
                if which in one.copies
                else f"{'-':>13}"
                for one in found.values()
            )
            print(f"{f'  {name}, {Case(hidden, 1).name}, GB/s':34} " + " ".join(each))
    print(f"network between machines of {net.cores} cores (assumed): ", end="")
    print(f"{net.latency * 1e6:g} us and {net.bandwidth / 1e9:g} GB/s")


def print_case(
    case: Case, known: SimpleNamespace, found: dict[str, Measured], net: SimpleNamespace
) -> None:
    """Print a table of what is predicted, and beside it what was measured."""
    n, best = case.model().params.size, predict(case, 1, known, found[SHARED], net).total
    print(f"\n{case.name}, batch {case.batch}: {n:,} parameters, ", end="")
    print(f"{case.batch * case.work / 1e6:,.0f} million multiply-adds a step")
    print(f"{'predicted, ms':>46}{'measured, ms':>33}")
    print("ranks                rows compute  update exchange     step speed-up      step speed-up")
    for size in PREDICTED:
        ways = list(found) if size in MEASURED[1:] else [way_of(size, found, net)]
        for way in ways:
            name = way if size in MEASURED[1:] else ""
            line = f"{size:5} {name:13} {ceil(case.batch / size):5}"
            if way == SHARED and size > net.cores:  # which one machine does not have
                line += " " * 43
            else:
                cost = predict(case, size, known, found[way], net)
                line += (
                    f"{1e3 * cost.compute:8.2f}{1e3 * cost.update:8.2f}{1e3 * cost.exchange:9.2f}"
                )
                line += f"{1e3 * cost.total:9.2f}{best / cost.total:9.2f}"
            if size in MEASURED:
                one = found[way]
                line += f"{1e3 * one.step(case, size):10.2f}{one.speed_up(case, size):9.2f}"
                line += " *" * (size > cores())
            print(line)
    if max(MEASURED) > cores():
        print(f"* measured on {cores()} cores, which the processes share; predicted for one each")


def way_of(size: int, found: dict[str, Measured], net: SimpleNamespace) -> str:
    """Return how processes are connected: in shared memory as long as one machine has them all."""
    return MPI if size > net.cores and MPI in found else SHARED


def draw(path: Path, known: SimpleNamespace, found: dict[str, Measured], net: Any) -> None:
    """Draw the predicted speed-up of each case, and the measured ones as points."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
    ax.plot(PREDICTED, PREDICTED, ":", color="grey", label="as many times as there are ranks")
    for i, case in enumerate(CASES):
        costs = [predict(case, p, known, found[way_of(p, found, net)], net) for p in PREDICTED]
        speed = [costs[0].total / cost.total for cost in costs]
        ax.plot(PREDICTED, speed, color=f"C{i}", label=f"{case.name}, batch {case.batch}")
        for one, marker in zip(found.values(), "ox", strict=False):
            sizes = [size for size in MEASURED if size <= cores()]
            ax.plot(sizes, [one.speed_up(case, p) for p in sizes], marker, color=f"C{i}")
    ax.set(xlabel="ranks", ylabel="speed-up", xscale="log", yscale="log")
    ax.set_ylim(0.3, None)
    ax.set_title("Predicted (lines); measured: in shared memory (o), by MPI (x)")
    ax.legend()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
