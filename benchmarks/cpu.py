"""Compare npvae with PyTorch and JAX on the CPU: training, log p(x), and the cost over the work.

    python benchmarks/cpu.py                         all tables, some 20 minutes
    python benchmarks/cpu.py training --rounds 3     one of them, quickly
    python benchmarks/cpu.py training --hidden 200 400 800 1600 --starts 0

PyTorch and JAX are installed in environments of their own, once; --peers names another place, or an
environment that has both. Each table becomes a Markdown file and a picture in the --out folder.
npvae need not be installed: the clone that holds this file is measured.

training    All sides train the model 784-400-20-400-784 (ReLU, Bernoulli likelihood on greyscale
            pixels, batch size 128, Adam with lr 1e-3, float32) from the same weights on the same
            images, in the same order and with the same noise: MNIST, or npvae's glyphs if MNIST is
            not available.

                npvae, N workers      N processes with one BLAS thread each
                npvae, 1 process      with as many BLAS threads as there are cores
                npvae, 1 thread       the same with one thread
                PyTorch eager         torch.optim.Adam; the images are float32 tensors in memory
                PyTorch fused         the same with fused=True
                JAX                   one jit for the epoch, with lax.scan over its batches

            Each side starts in a fresh process, and trains for an epoch: this measures the memory,
            and the time to the end of the first epoch. Then each side has one process. They take
            turns, one epoch each, after one epoch that is not counted.
likelihood  log p(x) of a model tanh 784-200-200-50 with the same weights and the same estimator.
work        An epoch of npvae over more and more memory-mapped images.
parts       The parts of npvae's step, the code that is written for speed beside its textbook
            version (`fast_and_plain.py`), the time of `import npvae`, and the memory of
            `npvae train` (`footprint.py`).

The order of the turns rotates. Because the speed of the machine drifts, ratios are taken within
each round, and their median is compared with the target. Run it on an idle machine all the same:
threads that wait for a busy core slow the sides down by different factors. The workers' files
explain the choice of each peer's style, which is the fastest of the usual ones.

Exit status: 0 if every target is met, 1 if one is missed, 2 if something is missing.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import peers
from footprint import IMPORTS, import_milliseconds, train_memory_mb
from memory import PeakMemory
from report import Report, machine, quartiles, spread, warn_if_busy
from turns import HERE, Worker, cores, run_script

BATCH, HIDDEN, EXAMPLES = 128, 400, 60_000  # to which the targets belong
TARGETS = {"PyTorch eager": 1.4, "PyTorch fused": 1.25, "JAX": 1.0}  # their time / npvae's
TARGET_LIKELIHOOD = {"PyTorch": 1.4}
TARGET_GROWTH = 1.6  # from 1 to 2 workers
TARGET_NATS = 0.5  # largest difference between two losses
TARGET_IMPORT_MS = 50
TARGET_TRAIN_MB = 350
LOSS = 106.0  # a test loss to reach
WORK_EXAMPLES = 50_000  # at least so many in all epochs over a small file


def main() -> int:
    options = parse()
    warn_if_busy()
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        options.pythons = {} if options.alone else peers.pythons(options)
        with TemporaryDirectory(dir=options.out) as name:
            folder = Path(name)
            arguments = ["--hidden", *options.hidden, "--examples", options.examples]
            data = json.loads(run_script("prepare.py", folder, *arguments, threads=cores()))
            met = [TABLES[table](folder, data, options) for table in options.tables]
    except SystemExit as stopped:  # pip or a worker has printed the reason
        print(f"cpu.py: {stopped}", file=sys.stderr)
        return 2
    return 0 if all(met) else 1


def parse() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("tables", nargs="*", metavar="TABLE", help=f"{', '.join(TABLES)}; default: all")
    add("--out", type=Path, default=Path("runs/benchmark"), help="folder of the tables")
    add("--rounds", type=int, default=9, help="timed turns per side (default: 9)")
    add("--starts", type=int, help="timed fresh starts per side (default: as --rounds)")
    add("--alone", action="store_true", help="measure npvae alone, without PyTorch and JAX")
    add("--peers", type=Path, default=HERE.parent / ".peers", help="environment(s) of the peers")
    for module, requirement in peers.REQUIREMENTS.items():
        add(f"--{module}-requirement", default=requirement, help="what pip installs")
    add("--batch-sizes", type=int, nargs="+", default=[BATCH], help="to sweep over")
    add("--hidden", type=int, nargs="+", default=[HIDDEN], help="hidden units, to sweep over")
    add("--workers", type=int, nargs="+", default=[1, *{2, cores()} - {1}], help="to sweep over")
    add("--examples", type=int, default=EXAMPLES, help="training images (default: 60000)")
    add("--images", type=int, default=50, help="images to estimate log p(x) of (default: 50)")
    add("--draws", type=int, default=5000, help="draws of z per image (default: 5000)")
    add("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    options.tables = options.tables or list(TABLES)
    if unknown := set(options.tables) - set(TABLES):
        parser.error(f"unknown table {', '.join(unknown)}; choose from {', '.join(TABLES)}")
    if options.rounds < 2:
        parser.error("--rounds must be at least 2, to show a spread")
    options.starts = options.rounds if options.starts is None else options.starts
    options.workers = sorted(set(options.workers))
    return options


# ---- the sides -----------------------------------------------------------------------------------


@dataclass
class Side:
    """A side, how to start it, and what was measured of it."""

    name: str
    script: str
    arguments: list[object]
    threads: int
    python: str = sys.executable
    about: str = ""
    seconds: list[float] = field(default_factory=list)  # of its turns
    starts: list[float] = field(default_factory=list)  # from process start to the first epoch's end
    losses: list[float] = field(default_factory=list)  # test loss after each epoch
    memory: dict[str, float] | None = None

    def start(self) -> Worker:
        """Return a fresh process of this side."""
        worker = Worker(self.name, self.script, self.arguments, self.threads, self.python)
        self.about = worker.about
        return worker

    def to_loss(self) -> str:
        """Return the seconds of training until the test loss is at most `LOSS`, as text."""
        for epochs, loss in enumerate(self.losses, start=1):
            if loss <= LOSS:
                return f"{sum(self.seconds[:epochs]):.1f} s, {epochs} epochs"
        return f"over {len(self.losses)} epochs"


def npvae_side(folder: Path, hidden: int, batch: int, workers: int) -> Side:
    """Return npvae with so many workers; 0 for one process with a BLAS thread per core."""
    names = {0: "npvae, 1 process", 1: "npvae, 1 thread"}
    arguments: list[object] = [folder, hidden, batch, workers]
    name = names.get(workers, f"npvae, {workers} workers")
    return Side(name, "npvae_worker.py", arguments, 1 if workers else cores())


def peer_sides(folder: Path, hidden: int, batch: int, options: argparse.Namespace) -> list[Side]:
    """Return PyTorch with both of its optimisers, and JAX."""
    if not options.pythons:
        return []
    common: list[object] = [folder, hidden, batch]
    torch, n = ("torch_worker.py", options.pythons["torch"]), cores()
    sides = [
        Side(f"PyTorch {kind}", torch[0], [*common, n, kind], n, torch[1])
        for kind in ("eager", "fused")
    ]
    return [*sides, Side("JAX", "jax_worker.py", common, n, options.pythons["jax"])]


def ours(sides: list[Side]) -> Side:
    """Return npvae as the command line trains: with a worker per core."""
    found = {side.name: side for side in sides}
    return found.get(f"npvae, {cores()} workers", sides[0])


def turns(items: list[Any], rounds: int) -> Iterator[tuple[int, Any]]:
    """Yield the number of a round and an item; every round begins one item later."""
    for turn in range(rounds):
        first = turn % len(items)
        for item in items[first:] + items[:first]:
            yield turn, item


def ratios(theirs: list[float], own: list[float]) -> list[float]:
    """Return their seconds / our seconds, round by round."""
    return [a / b for a, b in zip(theirs, own, strict=True)]


# ---- training ------------------------------------------------------------------------------------


def training(folder: Path, data: dict[str, Any], options: argparse.Namespace) -> bool:
    """Measure training at each width and batch size; return whether all targets were met."""
    report = Report(options.out, "training", [machine(), data["about"]])
    points = {}
    for hidden, batch in product(options.hidden, options.batch_sizes):
        sides = [npvae_side(folder, hidden, batch, n) for n in [0, *options.workers]]
        sides += peer_sides(folder, hidden, batch, options)
        measure_starts(sides, options.starts)
        limit = race(folder, sides, options.rounds, hidden, batch)
        points[hidden, batch] = sides, limit
        print_training(report, hidden, batch, sides, limit)
        if (hidden, batch, data["n"]) == (HIDDEN, BATCH, EXAMPLES):
            judge_training(report, sides)
        if options.pythons:
            judge_losses(report, sides)
    report.plot(lambda figure: plot_training(figure, points))
    return report.close()


def measure_starts(sides: list[Side], starts: int) -> None:
    """Train each side for an epoch in a fresh process, once for its memory and then for its time.

    The first start, which is not timed, writes bytecode and reads files as later ones need not.
    """
    for turn, side in turns(sides, 1 + starts):
        begin = perf_counter()
        with side.start() as worker:
            if turn == 0:
                with PeakMemory(worker.process.pid) as memory:
                    worker.ask("epoch", pause=0)
                side.memory = memory.peak
            else:
                worker.ask("epoch", pause=0)
                side.starts.append(perf_counter() - begin)


def race(folder: Path, sides: list[Side], rounds: int, hidden: int, batch: int) -> list[float]:
    """Train all sides in turns; return how long an epoch's products take, round by round.

    They take so long at the rate of large matrix products, measured in the same rounds.
    """
    limit: list[float] = []
    with ExitStack() as stack:
        judge = stack.enter_context(npvae_side(folder, hidden, batch, 0).start())
        workers = {side.name: stack.enter_context(side.start()) for side in sides}
        operations = judge.ask("step_products")
        for _, side in turns([None, *sides], 1 + rounds):
            if side is None:
                limit.append(operations / judge.ask("products"))
                continue
            worker = workers[side.name]
            side.seconds.append(worker.ask("epoch"))
            weights = str(folder / "trained.npz")
            worker.ask("save", weights)
            side.losses.append(judge.ask("loss", weights))
    return limit[1:]


def print_training(
    report: Report, hidden: int, batch: int, sides: list[Side], limit: list[float]
) -> None:
    """Add the tables of one width and batch size to the report."""
    rounds, best = len(limit), ours(sides)
    report.heading(f"{hidden} hidden units, batches of {batch}: {rounds} epochs in turns")
    report.text(
        f"The ratio is each side's time divided by that of {best.name}, within each round: median "
        "and quartiles, as for the seconds. The share is the part of the epoch that its matrix "
        f"products would take at the rate of large products, {median(limit):.3f} s (quartiles "
        f"{quartiles(limit)})."
    )
    rows = []
    for side in sides:
        own = side.seconds[1:]
        ratio = spread(ratios(own, best.seconds[1:])) if side is not best else "1"
        share = f"{median(limit) / median(own):.0%}"
        rows.append([side.name, spread(own), ratio, share, f"{side.losses[-1]:.2f}"])
    report.table(["", "s per epoch", "ratio", "share", "test loss"], rows)
    report.text(
        f"Below: the seconds of training until the test loss is {LOSS:.0f}, in whole epochs and "
        "with the first one; the seconds from the start of a fresh process to the end of its first "
        "epoch, with imports and compilation; and the largest memory of its processes in that "
        "epoch, in MB. Files are libraries and data that the system has mapped."
    )
    rows = []
    for side in sides:
        memory = [f"{side.memory[kind]:.0f}" for kind in MEMORY] if side.memory else ["unknown"] * 3
        start = spread(side.starts) if side.starts else "not measured"
        rows.append([side.name, side.to_loss(), start, *memory])
    report.table(["", f"to {LOSS:.0f}", "start to first epoch", *MEMORY], rows)
    report.text("  \n".join(sorted({side.about for side in sides})))


MEMORY = ("private", "shared", "files")


def judge_training(report: Report, sides: list[Side]) -> None:
    """Compare speed, growth and starts with their targets."""
    best, named = ours(sides), {side.name: side for side in sides}
    for name in [name for name in TARGETS if name in named]:
        found = ratios(named[name].seconds[1:], best.seconds[1:])
        report.at_least(f"{name}: time / {best.name}", found, TARGETS[name])
    if {"npvae, 1 thread", "npvae, 2 workers"} <= set(named):
        one, two = named["npvae, 1 thread"].seconds[1:], named["npvae, 2 workers"].seconds[1:]
        report.at_least("npvae, 1 thread: time / npvae, 2 workers", ratios(one, two), TARGET_GROWTH)
    for name in [name for name in TARGETS if name in named and best.starts]:
        found = ratios(named[name].starts, best.starts)
        report.at_least(f"{name}: start to first epoch / {best.name}", found, 1.0)


def judge_losses(report: Report, sides: list[Side]) -> None:
    """Compare the losses of all sides after the same number of epochs."""
    last = [side.losses[-1] for side in sides]
    apart = max(last) - min(last)
    about = f"test losses apart: {apart:.2f} nats"
    report.verdict(about, f"at most {TARGET_NATS}", apart <= TARGET_NATS)


def plot_training(figure: Any, points: dict[tuple[int, int], tuple[list[Side], Any]]) -> None:
    """Draw the seconds per epoch of every side: each turn, or medians over what was swept."""
    axes = figure.subplots()
    swept = [i for i in range(2) if len({point[i] for point in points}) > 1]
    if not swept:
        ((sides, limit),) = points.values()
        dots(axes, {side.name: side.seconds[1:] for side in sides}, "seconds per epoch")
        axes.axvline(median(limit), color="k", ls=":", label="matrix products alone")
        axes.legend()
        return
    which = swept[0]
    axes.set(xlabel=("hidden units", "batch size")[which], ylabel="seconds per epoch")
    axes.set(xscale="log", yscale="log")
    names = [side.name for side in next(iter(points.values()))[0]]
    others = sorted({point[1 - which] for point in points})
    for i, other in product(range(len(names)), others):
        along = sorted(point for point in points if point[1 - which] == other)
        times = [median(points[point][0][i].seconds[1:]) for point in along]
        label = names[i] + (f" ({other})" if len(others) > 1 else "")
        axes.plot([point[which] for point in along], times, "o-", label=label)
    values = sorted({point[which] for point in points})
    axes.set_xticks(values, [str(value) for value in values])
    axes.minorticks_off()
    axes.legend(fontsize="small")


def dots(axes: Any, values: dict[str, list[float]], label: str) -> None:
    """Draw a row of dots for each side, one for each turn."""
    for i, own in enumerate(values.values()):
        axes.plot(own, [i] * len(own), "o", alpha=0.6)
    axes.set_yticks(range(len(values)), list(values))
    axes.set(xlabel=label, xlim=(0, None))
    axes.invert_yaxis()


# ---- log p(x) ------------------------------------------------------------------------------------


def likelihood(folder: Path, data: dict[str, Any], options: argparse.Namespace) -> bool:
    """Measure log p(x); return whether all targets were met."""
    sides = [npvae_side(folder, HIDDEN, BATCH, n) for n in [0, *options.workers]]
    for side in peer_sides(folder, HIDDEN, BATCH, options):
        if side.name != "PyTorch fused":  # nothing is optimised here
            side.name = side.name.removesuffix(" eager")
            sides.append(side)
    nats = {}
    with ExitStack() as stack:
        workers = {side.name: stack.enter_context(side.start()) for side in sides}
        for _, side in turns(sides, 1 + options.rounds):
            answer = workers[side.name].ask("likelihood", options.draws, options.images)
            side.seconds.append(answer[0])
            nats[side.name] = answer[1]
    report = Report(options.out, "likelihood", [machine(), data["about"]])
    print_likelihood(report, sides, nats, options)
    each = {side.name: [1e3 * s / options.images for s in side.seconds[1:]] for side in sides}
    report.plot(lambda figure: dots(figure.subplots(), each, "ms per image"))
    return report.close()


def print_likelihood(
    report: Report, sides: list[Side], nats: dict[str, float], options: argparse.Namespace
) -> None:
    """Add the table of log p(x) and its verdicts to the report."""
    best, images = ours(sides), options.images
    report.heading(f"{options.draws} draws for each of {images} images: {options.rounds} turns")
    rows = []
    for side in sides:
        own = [1e3 * seconds / images for seconds in side.seconds[1:]]
        ratio = spread(ratios(side.seconds[1:], best.seconds[1:])) if side is not best else "1"
        rows.append([side.name, spread(own, ".1f"), ratio, f"{nats[side.name]:.2f}"])
    report.table(["", "ms per image", "ratio", "log p(x), nats"], rows)
    for side in [side for side in sides if side.name in TARGET_LIKELIHOOD]:
        found = ratios(side.seconds[1:], best.seconds[1:])
        report.at_least(f"{side.name}: time / {best.name}", found, TARGET_LIKELIHOOD[side.name])
    apart = max(nats.values()) - min(nats.values())
    about = f"estimates apart: {apart:.2f} nats"
    report.verdict(about, f"at most {TARGET_NATS}", apart <= TARGET_NATS)


# ---- cost over work ------------------------------------------------------------------------------


def work(folder: Path, data: dict[str, Any], options: argparse.Namespace) -> bool:
    """Measure epochs of npvae over more and more memory-mapped images."""
    report = Report(options.out, "work", [machine(), data["about"]])
    side = ours([npvae_side(folder, HIDDEN, BATCH, n) for n in sorted({0, cores()})])
    found: dict[int, tuple[list[float], dict[str, float] | None]] = {}
    for size in options.sizes:
        with memory_mapped(folder, size) as file, side.start() as worker:
            with PeakMemory(worker.process.pid) as memory:
                seconds = worker.ask("work", str(file), 1 + WORK_EXAMPLES // size)
            found[size] = seconds, memory.peak
    report.heading(f"{side.name}, batches of {BATCH}, {HIDDEN} hidden units")
    report.text("Files are mapped by the system, which can drop them: libraries, and the images.")
    rows = []
    for size, (seconds, peak) in found.items():
        memory_mb = [f"{peak[kind]:.0f}" for kind in MEMORY] if peak else ["unknown"] * 3
        each = f"{1e6 * median(seconds) / size:.1f}"
        rows.append([f"{size:,}", f"{median(seconds):.3f}", each, *memory_mb])
    report.table(
        ["images", "s per epoch", "us per image", *(f"{kind} MB" for kind in MEMORY)], rows
    )
    report.plot(lambda figure: plot_work(figure, found))
    return report.close()


@contextmanager
def memory_mapped(folder: Path, size: int) -> Iterator[Path]:
    """Within the block, have a file of so many images: the training images over and over."""
    file = folder / "many.npy"
    with npvae_side(folder, HIDDEN, BATCH, 0).start() as worker:
        worker.ask("enlarge", str(file), size)
    try:
        yield file
    finally:
        file.unlink()


def plot_work(figure: Any, found: dict[int, tuple[list[float], dict[str, float] | None]]) -> None:
    """Draw the seconds per epoch, and the memory, over the number of images."""
    left, right = figure.subplots(1, 2)
    sizes = list(found)
    left.plot(sizes, [median(seconds) for seconds, _ in found.values()], "o-")
    left.set(xlabel="images", ylabel="seconds per epoch", xscale="log", yscale="log")
    for kind in MEMORY:
        peaks = [peak[kind] if peak else float("nan") for _, peak in found.values()]
        right.plot(sizes, peaks, "o-", label=kind)
    right.set(xlabel="images", ylabel="peak memory, MB", xscale="log", ylim=(0, None))
    right.legend()


# ---- the parts of npvae --------------------------------------------------------------------------


def parts(folder: Path, data: dict[str, Any], options: argparse.Namespace) -> bool:
    """Measure the parts of npvae's step, its import and its memory."""
    report = Report(options.out, "parts", [machine(), data["about"]])
    with npvae_side(folder, HIDDEN, BATCH, 0).start() as worker:
        found = worker.ask("parts")
    step = found.pop("step")
    report.heading(f"A step of one process takes {1e6 * step:.0f} us")
    report.text("The products and the Bernoulli loss are parts of loss and gradient.")
    rows = [[name, f"{1e6 * s:.0f}", f"{s / step:.0%}"] for name, s in found.items()]
    report.table(["part", "us", "of a step"], rows)
    report.heading("Code written for speed, and its textbook version")
    pairs = json.loads(run_script("fast_and_plain.py", threads=1))
    rows = [[name, f"{a:.0f}", f"{b:.0f}", f"{b / a:.2f}"] for name, (a, b) in pairs.items()]
    report.table(["", "npvae, us", "plain, us", "plain / npvae"], rows)
    report.heading("What npvae costs besides computing")
    cost, most = import_milliseconds(), TARGET_IMPORT_MS
    about = f"import npvae, beyond numpy: {cost:.0f} ms (medians over {IMPORTS} fresh processes)"
    report.verdict(about, f"at most {most} ms", cost <= most)
    peak, most = train_memory_mb(folder, data["name"], cores()), TARGET_TRAIN_MB
    if peak is not None:
        about = f"npvae train --data {data['name']} --epochs 1: peak memory {peak:.0f} MB"
        report.verdict(about, f"below {most} MB", peak < most)
    return report.close()


TABLES: dict[str, Callable[[Path, dict[str, Any], argparse.Namespace], bool]] = {
    "training": training,
    "likelihood": likelihood,
    "work": work,
    "parts": parts,
}


if __name__ == "__main__":
    sys.exit(main())
