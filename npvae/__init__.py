"""The variational autoencoder, by hand, in NumPy.

Read in this order: `layers`, `gaussian`, `likelihoods`, `autoencoder`, `vae`, `optimizers`,
`training`; then `gradcheck`, to see that the derivatives are right. Data come from
`npvae.datasets.load_dataset`.
"""

from npvae.autoencoder import Autoencoder, DenoisingAutoencoder
from npvae.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from npvae.datasets import Dataset, Pixels, Split, Standardized, scaling_for
from npvae.errors import DataError, InputError, NpvaeError, TrainingError, WriteError
from npvae.evaluation import Evaluation, evaluate
from npvae.gradcheck import check
from npvae.iwae import IWAE
from npvae.layers import Dense, GatedDense, LeakyReLU, ReLU, Sequential, Sigmoid, Softplus, Tanh
from npvae.likelihoods import Bernoulli, Gaussian, LearnedGaussian, OptimalGaussian
from npvae.model_file import load_model, save_model
from npvae.networks import Loss
from npvae.optimizers import SGD, Adam, Momentum
from npvae.progress import EpochRecord, Progress
from npvae.training import fit, steps
from npvae.vae import VAE
from npvae.versions import __version__

__all__ = [
    "IWAE",
    "SGD",
    "VAE",
    "Adam",
    "Autoencoder",
    "Bernoulli",
    "Checkpoint",
    "DataError",
    "Dataset",
    "DenoisingAutoencoder",
    "Dense",
    "EpochRecord",
    "Evaluation",
    "GatedDense",
    "Gaussian",
    "InputError",
    "LeakyReLU",
    "LearnedGaussian",
    "Loss",
    "Momentum",
    "NpvaeError",
    "OptimalGaussian",
    "Pixels",
    "Progress",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Split",
    "Standardized",
    "Tanh",
    "TrainingError",
    "WriteError",
    "__version__",
    "check",
    "evaluate",
    "fit",
    "load_checkpoint",
    "load_model",
    "save_checkpoint",
    "save_model",
    "scaling_for",
    "steps",
]
