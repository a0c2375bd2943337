"""The variational autoencoder, by hand, in NumPy."""

__version__ = "0.1.0"
