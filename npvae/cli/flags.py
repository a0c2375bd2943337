"""The flags of `npvae train` that are settings, in groups, each with its default."""

import argparse
from functools import partial
from typing import Any

from npvae.cli.arguments import (
    hidden_layers,
    natural,
    non_negative,
    or_none,
    positive,
    sigma,
    two_numbers,
    whole,
)
from npvae.devices import DEVICES
from npvae.iwae import OBJECTIVES
from npvae.layers import HIDDEN_LAYERS, INITIALIZERS
from npvae.optimizers import OPTIMIZERS
from npvae.runs.resolving import NOISE
from npvae.runs.settings import KINDS, LR_SCHEDULES, Settings

DEFAULT = Settings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for every setting; what is not given is not there, and has its default."""
    for title, add_group in GROUPS.items():
        group = parser.add_argument_group(title)
        add_group(partial(group.add_argument, default=argparse.SUPPRESS))


def _data(add: Any) -> None:
    places = "mnist, fashion-mnist, glyphs, or a path: .npy, .npz, .csv, or a folder of images"
    add("--data", metavar="D", help=f"{places} (default: mnist if it can be had, else glyphs)")
    add("--label-column", metavar="C", help="the column of a .csv that holds labels")
    add("--validation", type=whole, metavar="N", help="held out (default: 5000; 10 %% of own data)")
    add(
        "--binarize",
        choices=("dynamic", "threshold", "none"),
        help="pixels to zeros and ones: drawn anew each time, on from 128 up, or left grey "
        "(default: dynamic; none with --likelihood gaussian)",
    )


def _model(add: Any) -> None:
    yes_or_no = argparse.BooleanOptionalAction
    add("--model", choices=KINDS, help=f"(default: {DEFAULT.model})")
    told = "tell the model the label of each example, so that you can ask for one"
    add("--conditional", action=yes_or_no, help=told)
    add("--latent", type=natural, metavar="N", help=f"latents (default: {DEFAULT.latent})")
    add(
        "--hidden",
        type=hidden_layers,
        metavar="N[,N...]",
        help="sizes of the encoder's hidden layers, mirrored in the decoder (default: 400)",
    )
    activations = f"of the hidden layers (default: {DEFAULT.activation})"
    add("--activation", choices=HIDDEN_LAYERS, help=activations)
    add("--init", choices=INITIALIZERS, help=f"initial weights (default: {DEFAULT.init})")
    add("--mean-bias", action=yes_or_no, help="begin with the mean of the training part as output")
    add(
        "--logvar-range",
        type=or_none(two_numbers),
        metavar="LOW,HIGH",
        help="keep the encoder's logvar between these: --logvar-range=-6,2 (default: no limit)",
    )
    add(
        "--likelihood",
        choices=("bernoulli", "gaussian"),
        help="p(x | z) (default: bernoulli for grey pixels, gaussian for colours and real values)",
    )
    add(
        "--sigma",
        type=or_none(sigma),
        metavar="S",
        help="standard deviation of the gaussian likelihood: a number, learned (by gradient) or "
        "optimal (in closed form) (default: 0.1 for pixels, 0.5 for standardised columns)",
    )
    add("--corruption", choices=tuple(NOISE), help="of --model denoising (default: mask)")
    add(
        "--noise",
        type=positive,
        metavar="A",
        help="the share that is masked, or the standard deviation of gaussian noise (default: "
        f"{NOISE['mask']:g}, {NOISE['gaussian']:g})",
    )


def _loss(add: Any) -> None:
    one = "the ELBO with k = 1"
    add(
        "--objective",
        choices=OBJECTIVES,
        help="what is maximised: the ELBO, the importance-weighted bound, or that with doubly "
        f"reparameterized gradients (default: {DEFAULT.objective})",
    )
    add("--k", type=natural, help=f"draws of z for each example (default: {DEFAULT.k})")
    add("--beta", type=non_negative, help=f"weight of the KL; of {one} (default: {DEFAULT.beta:g})")
    add(
        "--warm-up",
        type=whole,
        metavar="N",
        help=f"epochs in which beta rises from 0; of {one} (default: 0)",
    )
    add(
        "--free-bits",
        type=non_negative,
        metavar="NATS",
        help=f"of each latent's KL that cost nothing; of {one} (default: 0)",
    )


def _training(add: Any) -> None:
    add("--epochs", type=natural, metavar="N", help=f"in all (default: {DEFAULT.epochs})")
    add(
        "--patience",
        type=or_none(natural),
        metavar="N",
        help="stop after N epochs without a new best on the validation part, and keep the best "
        "(default: train to the end and keep that)",
    )
    add("--batch-size", type=natural, metavar="N", help=f"(default: {DEFAULT.batch_size})")
    optimizers = [name.lower() for name in OPTIMIZERS]
    add("--optimizer", choices=optimizers, help=f"(default: {DEFAULT.optimizer})")
    rate = f"learning rate (default: {DEFAULT.lr:g}; all but Adam need more)"
    add("--lr", type=positive, help=rate)
    add(
        "--lr-schedule",
        choices=LR_SCHEDULES,
        help="constant; stages: for 1, 3, 9, ... epochs, each time divided by 10^(1/7); cosine: "
        f"half a one, to zero at the last epoch (default: {DEFAULT.lr_schedule})",
    )
    add("--adam-beta1", type=non_negative, metavar="B", help=f"(default: {DEFAULT.adam_beta1:g})")
    add("--adam-eps", type=positive, metavar="E", help=f"(default: {DEFAULT.adam_eps:g})")
    add("--seed", type=whole, help=f"of everything random (default: {DEFAULT.seed})")
    add("--device", choices=DEVICES, help=f"where it trains (default: {DEFAULT.device})")


GROUPS = {"data": _data, "model": _model, "loss": _loss, "training": _training}
