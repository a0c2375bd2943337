"""How good is a model: its ELBO, log p(x) by importance weighting, and its latent space."""
