"""Score examples by how unlikely they are, and find the odd ones.

The anomaly score is -ELBO or, with --samples, -log p(x): the higher, the less likely is the example
under the model. Its percentile tells how many examples of the run's validation part score lower.
"""

import argparse
from typing import Any

import numpy as np

from npvae import figures
from npvae.cli.arguments import reads
from npvae.cli.examples import (
    Given,
    add_examples,
    add_samples,
    add_seed,
    open_examples,
    processes,
    require_finite,
    require_prior,
    say_notes,
    unlimited,
)
from npvae.cli.picture_verbs import MOST_ACROSS, out_file, require_free
from npvae.cli.printing import beside, say
from npvae.datasets.dataset import Dataset
from npvae.errors import DataError, InputError
from npvae.evaluation.fine_print import score_protocol
from npvae.evaluation.principal_components import principal_components
from npvae.evaluation.scores import auroc, reconstruction_errors, score_examples
from npvae.parallel import Communicator
from npvae.parameters import Array
from npvae.runs.codes import named
from npvae.runs.folder import RunFolder
from npvae.runs.kinds import Real, Whole, shown
from npvae.runs.pictures import oddest
from npvae.runs.scoring import Scored
from npvae.runs.selection import Selection
from npvae.vae import VAE

EXAMPLE = (
    "npvae score runs/mnist-001\n"
    "npvae score runs/mnist-001 --data new.npy --threshold 0.99 --top 20"
)
SCORES, PICTURE = "scores.csv", "oddest.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `npvae score`."""
    add_examples(parser)
    add_samples(
        parser,
        "score by -log p(x), estimated by importance sampling with K draws of z for each example "
        "(default: score by -ELBO)",
    )
    add_seed(parser)
    parser.add_argument(
        "--threshold",
        type=reads(Real(0, most=1)),
        metavar="T",
        help="flag the examples that score above this quantile, from 0 to 1, of the validation "
        "part's scores (default: flag none)",
    )
    parser.add_argument(
        "--top",
        type=reads(Whole(1, MOST_ACROSS)),
        metavar="N",
        help=f"draw the N oddest examples, and what each pixel or column costs, as {PICTURE} "
        "beside the table (default: no picture)",
    )
    parser.add_argument(
        "--odd",
        metavar="LABEL",
        help="print how well the score separates the examples with this label from the others, as "
        "AUROC, beside two simpler scores (default: do not)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="write the scores to this file, a table that ends in .csv (default: "
        f"{SCORES} in the run folder)",
    )


def run(options: argparse.Namespace) -> int:
    """Write a table of scores; print a summary, and draw the oddest examples if asked to."""
    folder = RunFolder.open(options.folder)
    out = out_file(options.out, folder, SCORES, ("csv",), options.data)
    picture = out.with_name(PICTURE)
    if options.top is not None:
        require_free(picture, folder, options.data)
    given = open_examples(options)
    require_prior(given.saved.model, folder, options.samples)
    odd = None if options.odd is None else _odd(given, options.odd)
    own, why = _own_data(given)
    if own is None and options.threshold is not None:
        raise InputError(
            f"--threshold {options.threshold:g} is a quantile of the validation part's scores, but "
            f"{why}; leave --threshold out"
        )
    with unlimited(), processes(options) as comm:
        scored = _scored(given, own, options, comm)
        aurocs = {} if odd is None else _aurocs(given, own, scored, odd, options, comm)
    drawn = None
    if options.top is not None:
        drawn = oddest(given.saved, scored, options.top, options.seed, folder.columns())
    scored.write(out)
    _say_summary(given, scored, why, options)
    if odd is not None:
        _say_aurocs(aurocs, odd, options.odd)
    say(f"\nSaved in {out}")
    if drawn is not None:
        figures.save(drawn, picture)
        say(f"The oddest examples are drawn in {picture}")
    return 0


def _odd(given: Given, label: str) -> Array:
    """Return whether each example has this label, (N,)."""
    labels, words = given.examples.split.labels, given.examples.words
    if labels is None:
        raise InputError(f"--odd {label} needs labels, but {words} has none; leave --odd out")
    names = np.array(named(labels, given.examples.classes))
    odd = names == label
    if not odd.any() or odd.all():
        which = "all" if odd.all() else "none"
        raise InputError(
            f"--odd is {shown(label)}, but {which} of the {len(names)} examples of {words} have "
            f"this label; the labels there are {', '.join(np.unique(names)):.200}"
        )
    return odd


def _own_data(given: Given) -> tuple[Dataset | None, str]:
    """Return the run's own data or, if there is nothing to compare scores with, None and why."""
    own = given.examples.dataset
    if own is None:
        try:
            own = given.folder.load_data()
        except DataError as error:  # its advice, to give them with --data, does not apply here
            what, _, _ = str(error).partition("; ")
            return None, f"{what} (put the original data back in their place to compare with them)"
    if len(own.validation) == 0:
        return None, f"the run in {given.folder.path} has no validation part"
    return own, ""


def _scored(
    given: Given, own: Dataset | None, options: argparse.Namespace, comm: Communicator
) -> Scored:
    """Return the examples with their scores, and the scores of the validation part."""
    model, scaling = given.saved.model, given.saved.scaling
    how: dict[str, Any] = {"seed": options.seed, "progress": True}
    scores = comm.run(score_examples, model, given.examples.split, scaling, options.samples, **how)
    require_finite("scores", scores.score, given.examples)
    if own is None:
        return Scored(given.examples, scores)
    among = comm.run(score_examples, model, own.validation, scaling, options.samples, **how)
    validation = Selection(own.validation, "the validation part", dataset=own)
    require_finite("scores", among.score, validation)
    return Scored(given.examples, scores, among.score, options.threshold)


def _aurocs(
    given: Given,
    own: Dataset | None,
    scored: Scored,
    odd: Array,
    options: argparse.Namespace,
    comm: Communicator,
) -> dict[str, float]:
    """Return the AUROC of the score and of simpler ones, by their names."""
    model, scaling, split = given.saved.model, given.saved.scaling, given.examples.split
    seed, name = options.seed, _name(given, options)
    errors = comm.run(reconstruction_errors, model, split, scaling, seed=seed)
    scores = {name: scored.scores.score, "reconstruction error |x - x_hat|²": errors}
    if own is not None:
        components = principal_components(model, own.train, scaling, seed=seed)
        name = f"reconstruction error of PCA with {len(components.directions)} components"
        scores[name] = components.errors(model, split, scaling, seed=seed)
    return {name: auroc(values[odd], values[~odd]) for name, values in scores.items()}


def _name(given: Given, options: argparse.Namespace) -> str:
    """Return the name of the score."""
    if not isinstance(given.saved.model, VAE):
        return "-log p(x | z)"
    return "-ELBO" if options.samples is None else "-log p(x)"


def _say_summary(given: Given, scored: Scored, why: str, options: argparse.Namespace) -> None:
    """Print where the scores lie, how many are flagged, and how they were computed."""
    score, n = scored.scores.score, len(scored.scores.score)
    say(f"Scores by {_name(given, options)}, in nats:")
    _figure("median", np.median(score), f"of {n:,}, from {score.min():.2f} to {score.max():.2f}")
    if scored.reference is None:
        say(beside("  percentiles", f"none, because {why}", width=18))
    else:
        median = np.median(scored.reference)
        _figure("validation", median, f"median of {len(scored.reference):,} validation examples")
    if scored.threshold is not None and scored.flagged is not None:
        flagged = int(scored.flagged.sum())
        _figure("threshold", scored.threshold, f"the {scored.quantile:g} quantile of validation")
        _line("flagged", f"{flagged:,}   ", f"examples score above it: {100 * flagged / n:.2f} %")
        share = 100 * (scored.contamination or 0)
        _line("contamination", f"{share:.2f} %", "of the validation part scores above it")
    model, scaling = given.saved.model, given.saved.scaling
    say_notes(
        score_protocol(model, scaling, n, options.seed, given.examples.words, options.samples)
    )


def _figure(name: str, value: float, remark: str) -> None:
    _line(name, f"{value:.2f}", remark)


def _line(name: str, value: str, remark: str) -> None:
    say(f"  {name:<15} {value:>10}   {remark}")


def _say_aurocs(aurocs: dict[str, float], odd: Array, label: str) -> None:
    """Print how well each score separates the odd examples from the others."""
    n, others = int(odd.sum()), int((~odd).sum())
    say(f"\nAUROC of label {label} ({n:,} examples) against the others ({others:,} examples):")
    for name, value in aurocs.items():
        say(f"  {value:.3f}   {name}")
    say("  0.5 is chance; 1 means that every odd example scores above every other one.")
