"""Variational autoencoders in plain NumPy, with every gradient written by hand.

The core, in reading order:

layers           dense layers and activations, each forward pass beside its backward pass
gaussian         the reparameterized draw, the KL divergence, log densities
likelihoods      p(x | z): Bernoulli, categorical, Gaussian, Laplace, mixed
encoder_decoder  what every model is made of
autoencoder      the autoencoder and the denoising autoencoder
vae              the variational autoencoder
iwae             the importance-weighted autoencoder
parameters       all parameters of a model in one flat vector
optimizers       SGD, Momentum, Adagrad, Adam
schedules        warm-up, learning-rate schedules, early stopping
training         the trainer, one update per step
gradcheck        the gradient checker
gradreport       its report: a row for each array, and a verdict
selfcheck        everything with a hand-written gradient, ready for the checker
errors           the exceptions that npvae raises

Around the core, one folder per capability:

datasets         MNIST, glyphs, your own data, and how they become x
evaluation       ELBO, log p(x), the latent space, and the notes beside each result
devices          where arrays live: on the host, or on a GPU with CuPy
parallel         one training in several processes, on one machine or on many
storage          atomic writes, safe reads, locks
figures          plots of arrays
runs             training with a run folder: settings, checkpoints, pictures, report
estimators       VAEs as scikit-learn estimators, if it is installed
explorer         the page in which to play with a trained model
cli              the command line
"""

import os
import signal
import sys
from types import FrameType

__version__ = "0.1.0"


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)


# If this is the command `npvae`, Ctrl-C during the imports below ends it without a traceback.
_program = os.path.basename(sys.argv[0])
if (
    _program in ("npvae", "npvae.exe") or (_program == "-m" and "npvae" in sys.orig_argv)
) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets import Dataset, Notes, Pixels, Split, Standardized, scaling_for
from npvae.encoder_decoder import Loss
from npvae.errors import DataError, InputError, NpvaeError, TrainingError, WriteError
from npvae.evaluation.elbo import Evaluation, evaluate
from npvae.evaluation.importance import LogLikelihood, log_likelihood
from npvae.gradcheck import check
from npvae.iwae import IWAE
from npvae.layers import (
    ClipLogvar,
    Dense,
    GatedDense,
    LeakyReLU,
    ReLU,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from npvae.likelihoods import (
    Bernoulli,
    Categorical,
    Gaussian,
    Laplace,
    LearnedGaussian,
    Mixed,
    OptimalGaussian,
)
from npvae.optimizers import SGD, Adagrad, Adam, Momentum
from npvae.runs.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from npvae.runs.fit import fit, trainer_for
from npvae.runs.model_file import load_model, save_model
from npvae.schedules import Cosine, EarlyStopping, Stages, WarmUp
from npvae.training import EpochRecord, Trainer
from npvae.vae import VAE

__all__ = [
    "IWAE",
    "SGD",
    "VAE",
    "Adagrad",
    "Adam",
    "Autoencoder",
    "Bernoulli",
    "Categorical",
    "Checkpoint",
    "ClipLogvar",
    "Cosine",
    "DataError",
    "Dataset",
    "DenoisingAutoencoder",
    "Dense",
    "EarlyStopping",
    "EpochRecord",
    "Evaluation",
    "GatedDense",
    "Gaussian",
    "InputError",
    "Laplace",
    "LeakyReLU",
    "LearnedGaussian",
    "LogLikelihood",
    "Loss",
    "Mixed",
    "Momentum",
    "Notes",
    "NpvaeError",
    "OptimalGaussian",
    "Pixels",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Split",
    "Stages",
    "Standardized",
    "Tanh",
    "Trainer",
    "TrainingError",
    "WarmUp",
    "WriteError",
    "__version__",
    "check",
    "evaluate",
    "fit",
    "load_checkpoint",
    "load_model",
    "log_likelihood",
    "save_checkpoint",
    "save_model",
    "scaling_for",
    "trainer_for",
]
