"""Calls that mypy accepts, and others that it has to refuse, or it calls their comment unused."""

from npvae import IWAE, VAE, Autoencoder, DenoisingAutoencoder, Laplace


def accepted() -> None:
    VAE.dense(4, 3, 2, beta=2.0, likelihood="gaussian", sigma="learned", seed=1)
    VAE.dense(4, 3, 2, likelihood=Laplace(0.1))
    IWAE.dense(4, 3, 2, k=5, objective="dreg")
    DenoisingAutoencoder.dense(4, 3, 2, amount=0.3)


def refused() -> None:
    VAE.dense(4, 3, 2, betta=2.0)  # type: ignore[call-arg]
    IWAE.dense(4, 3, 2, objectiv="dreg")  # type: ignore[call-arg]
    Autoencoder.dense(4, 3, 2, beta=2.0)  # type: ignore[call-arg]
