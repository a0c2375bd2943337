"""The explorer of a run: one HTML file in which to play with the trained model."""

from npvae.explorer.page import write_explorer

__all__ = ["write_explorer"]
