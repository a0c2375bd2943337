# %% [markdown]
# # 13a · A VAE by hand, and four bugs: answers

# %%
import numpy as np

from npvae import VAE, Loss, check
from npvae.layers import sigmoid, softplus

rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. An exhibit of your own
#
# A wrong sign: this model is *rewarded* for a large KL divergence, in forward
# and backward alike. The value worked out by hand finds it. (If you trained it,
# the codes would probably move apart until something overflows.)


# %%
class ByHand(VAE):
    """The model of the lesson."""

    def kl_and_grad(self, mu, logvar):
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum() / len(mu)
        return kl, mu / len(mu), 0.5 * (np.exp(logvar) - 1) / len(mu)

    def loss_and_grad(self, x, eps):
        h = self.encoder.forward(x)
        mu, logvar = h[:, : self.n_z], h[:, self.n_z :]
        logits = self.decoder.forward(mu + np.exp(logvar / 2) * eps)
        reconstruction = (softplus(logits) - x * logits).sum() / len(x)
        kl, dmu_kl, dlogvar_kl = self.kl_and_grad(mu, logvar)
        dz = self.decoder.backward((sigmoid(logits) - x) / len(x))
        dlogvar = dz * 0.5 * np.exp(logvar / 2) * eps + dlogvar_kl
        self.encoder.backward(np.concatenate([dz + dmu_kl, dlogvar], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)


class WrongSign(ByHand):
    """Exhibit 11: the KL divergence with the wrong sign."""

    def kl_and_grad(self, mu, logvar):
        kl, dmu, dlogvar = super().kl_and_grad(mu, logvar)
        return -kl, -dmu, -dlogvar


small = {"n_x": 30, "n_h": 12, "n_z": 3, "activation": "tanh", "dtype": np.float64}
x, eps = (rng.random((5, 30)) < 0.3).astype(float), rng.standard_normal((5, 3))


def value(kind):
    model = kind.dense(**small)
    model.params.flat[...] = 0
    model.encoder.layers[-1].b[...] = 3 * [1] + 3 * [np.log(1 / 4)]
    return np.isclose(model.loss_and_grad(x, eps).loss, 30 * np.log(2) + 1.5 * (1 / 4 + np.log(4)))


assert value(ByHand)
assert check(WrongSign.dense(**small), x, eps).ok
assert not value(WrongSign)
print("WrongSign: passes the gradient check, found by: value")


# %% [markdown]
# ## 2. Two draws
#
# The reconstruction term is the mean of two, so the gradient of each draw
# counts half. Both draws come from the same $\mu$ and $\log\sigma^2$, so their
# gradients add up there. The KL divergence does not change, for nothing in it
# is random. The decoder takes both draws as one batch of twice the size. (A
# second draw makes the gradient less noisy. But it takes the decoder as much
# time as a second image would, and a second image also brings new information.
# That is why most programs draw once.)


# %%
class TwoDraws(ByHand):
    """The ELBO with two draws of z for each image; eps is (B, 2, n_z)."""

    def loss_and_grad(self, x, eps):
        h = self.encoder.forward(x)
        mu, logvar = h[:, None, : self.n_z], h[:, None, self.n_z :]  # (B, 1, n_z)
        sigma = np.exp(logvar / 2)
        z = (mu + sigma * eps).reshape(2 * len(x), self.n_z)
        logits, twice = self.decoder.forward(z), np.repeat(x, 2, axis=0)
        reconstruction = (softplus(logits) - twice * logits).sum() / (2 * len(x))
        dlogits = (sigmoid(logits) - twice) / (2 * len(x))
        dz = self.decoder.backward(dlogits).reshape(eps.shape)
        kl, dmu_kl, dlogvar_kl = self.kl_and_grad(mu[:, 0], logvar[:, 0])
        dmu, dlogvar = dz.sum(axis=1), (dz * 0.5 * sigma * eps).sum(axis=1)
        self.encoder.backward(np.concatenate([dmu + dmu_kl, dlogvar + dlogvar_kl], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)


ours, npvaes = TwoDraws.dense(**small), VAE.dense(**small)
eps = rng.standard_normal((5, 2, 3))
loss = ours.loss_and_grad(x, eps)
assert np.allclose(loss, npvaes.loss_and_grad(np.repeat(x, 2, axis=0), eps.reshape(10, 3)))
assert np.allclose(ours.params.grad, npvaes.params.grad)
print(f"two draws, one encoder pass: loss {loss.loss:.4f}, as npvae says")

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** The backward pass is the exact derivative of the wrong forward pass, so
#   the two agree.
# - **b** At $\sigma = 1$ the standard deviation and the variance are the same
#   number.
# - **c** The draws have the standard deviation $\tfrac14$ where $\tfrac12$ was asked
#   for. A test of a random function compares moments, at values that tell right
#   from wrong.
#
# **Question 2: b.**
#
# - **a** The decoder gets no gradient from the KL divergence, but the gradient of
#   the reconstruction passes through the draw to the encoder as well. Without it,
#   the encoder would output the prior for every image.
# - **b** In the code, `dmu + dmu_kl` and `dlogvar + dlogvar_kl` are the sums of
#   both.
# - **c** The prior $\mathcal N(0, I)$ has no parameters, so nothing trains it.
