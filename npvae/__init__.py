"""The variational autoencoder, by hand, in NumPy.

Read in this order: `layers`, `gaussian`, `likelihoods`, `autoencoder`, `vae`, `optimizers`,
`training`; then `gradcheck`, to see that the derivatives are right. Data come from
`npvae.datasets.load_dataset`.
"""

from npvae.autoencoder import Autoencoder, Loss
from npvae.checkpoints import load_model, save_model
from npvae.datasets import Dataset, Pixels, Split, Standardized, scaling_for
from npvae.errors import DataError, InputError, NpvaeError, TrainingError
from npvae.evaluation import Evaluation, evaluate
from npvae.gradcheck import check
from npvae.layers import Dense, LeakyReLU, ReLU, Sequential, Sigmoid, Softplus, Tanh
from npvae.likelihoods import Bernoulli, Gaussian
from npvae.optimizers import SGD, Adam, Momentum
from npvae.training import EpochRecord, fit, steps
from npvae.vae import VAE

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "VAE",
    "Adam",
    "Autoencoder",
    "Bernoulli",
    "DataError",
    "Dataset",
    "Dense",
    "EpochRecord",
    "Evaluation",
    "Gaussian",
    "InputError",
    "LeakyReLU",
    "Loss",
    "Momentum",
    "NpvaeError",
    "Pixels",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Split",
    "Standardized",
    "Tanh",
    "TrainingError",
    "check",
    "evaluate",
    "fit",
    "load_model",
    "save_model",
    "scaling_for",
    "steps",
]
