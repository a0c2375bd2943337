# %% [markdown]
# # 19 · Boltzmann machines: answers

# %%
import numpy as np

from npvae import check
from npvae.layers import sigmoid, softplus

rng = np.random.default_rng(0)
W, b, c = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.standard_normal(3)
v_all = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(float)  # all images of six pixels


def draw(p):
    return (rng.random(p.shape) < p).astype(float)


def gibbs(v, W, b, c):
    """One step of Gibbs sampling."""
    return draw(sigmoid(draw(sigmoid(v @ W + c)) @ W.T + b))


def free_energy(v, W, b, c):
    return -v @ b - softplus(v @ W + c).sum(axis=1)


# %% [markdown]
# ## 1. Small and large weights
#
# With small weights every unit is a coin of its own, whatever the others are, so
# the next image has next to nothing to do with the last one. With large weights
# the hidden units are nearly certain given $v$, and then $v$ is nearly certain
# given $h$: the chain stays where it is. (Without those biases large weights
# might leave only a single probable image, and nothing could vary. With them,
# exchanging every 0 and 1 leaves the energy as it is, up to a constant, so that
# every unit is on half of the time.)

# %%
correlation = {}
for s in (0.1, 5):
    V, C = s * W, -s * W.sum(axis=0) / 2
    centred = -s * W.sum(axis=1) / 2
    v = draw(np.full((20_000, 6), 0.5))
    for _ in range(200):
        v = gibbs(v, V, centred, C)
    following = gibbs(v, V, centred, C)
    each = [np.corrcoef(v[:, i], following[:, i])[0, 1] for i in range(6)]
    correlation[s] = np.mean(each)
    print(f"weights times {s}: correlation after one step {correlation[s]:.2f}")
assert correlation[0.1] < 0.1
assert correlation[5] > 0.5

# %% [markdown]
# ## 2. Is Gibbs sampling right?
#
# This is the moment test of lesson 11 for a chain: compare what is drawn with
# what should be. After 200 steps these chains, whose weights are moderate, have
# forgotten where they began.

# %%
v = draw(np.full((20_000, 6), 0.5))
for _ in range(200):
    v = gibbs(v, W, b, c)
share = np.bincount((v @ 2 ** np.arange(6)).astype(int), minlength=64) / len(v)
p = np.exp(-free_energy(v_all, W, b, c))
p /= p.sum()
print(f"largest difference of a share from p(v): {np.abs(share - p).max():.4f}")
assert np.abs(share - p).max() < 0.015

# %% [markdown]
# ## 3. Real-valued pixels
#
# Collect the terms with $v$: $-E = -\tfrac12 |v|^2 + v \cdot (b + W h) +
# \text{const}$. That is the logarithm of a Gaussian with mean $b + W h$ and
# variance 1. The terms with $h$ are the same as before, so the sum over $h$ is,
# too, and
#
# $$ F(v) = \tfrac12 |v - b|^2 - \sum_j \text{softplus}(c + vW)_j $$


# %%
def mean_and_grad(W, b, c, v):
    """The mean free energy, and its gradients with respect to W, b and c."""
    a = v @ W + c
    value = (0.5 * ((v - b) ** 2).sum(axis=1) - softplus(a).sum(axis=1)).mean()
    h = sigmoid(a)
    return value, -v.T @ h / len(v), (b - v).mean(axis=0), -h.mean(axis=0)


v = rng.standard_normal((5, 6))
assert check(lambda W, b, c: mean_and_grad(W, b, c, v), W, b, c).ok

h = np.array([1.0, 0.0, 1.0])


def energy(v):
    return 0.5 * ((v - b) ** 2).sum(axis=1) - c @ h - v @ W @ h


mean = b + W @ h
away = energy(v) - energy(mean[None])
assert np.allclose(away, 0.5 * ((v - mean) ** 2).sum(axis=1)), "a Gaussian of variance 1"
print("p(v | h) is a Gaussian with mean b + W h, and the gradient of F agrees")

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** CD-1 does not follow the gradient of $\log p(x)$, and a chain that
#   never moves reconstructs perfectly. $\log p(x)$ depends on $\log Z$, which the
#   reconstruction does not see.
# - **b** A reconstruction is one step of the chain from the data. It can be good
#   because the model is good, or because the chain hardly moves.
# - **c** Rather the contrary. Good reconstructions go with large weights, and
#   large weights make the chain slow.
#
# **Question 2: a.**
#
# - **a** There are no weights between hidden units. Given $v$ each is a coin
#   with probability $\text{sigmoid}(c + vW)_j$.
# - **b** The hidden units are latent variables, as $z$ is.
# - **c** The posterior takes no chain at all. The chain is needed for images
#   drawn from the model.
