"""The variational autoencoder, by hand, in NumPy.

Read in this order: `layers`, `gaussian`, `likelihoods`, `networks`, `autoencoder`, `vae`, `iwae`,
`optimizers`, `training`; then `gradcheck`, to see that the derivatives are right. Data come from
`npvae.datasets.load_dataset`.
"""

__version__ = "0.1.0"

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.datasets import Dataset, Pixels, Split, Standardized, scaling_for
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
from npvae.likelihoods import Bernoulli, Gaussian, LearnedGaussian, OptimalGaussian
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
    "LeakyReLU",
    "LearnedGaussian",
    "LogLikelihood",
    "Loss",
    "Momentum",
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
