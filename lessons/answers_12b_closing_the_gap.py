# %% [markdown]
# # 12b · Amortised inference and importance weighting: answers

# %%
import numpy as np

from npvae import check
from npvae.gaussian import log_density
from npvae.iwae import log_mean_exp_and_grad

rng = np.random.default_rng(0)
a, SIGMA_X, x = np.array([1.5, 0.8]), 0.6, np.array([2.0, 0.3])
covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
log_px = -0.5 * (
    x @ np.linalg.inv(covariance) @ x + np.linalg.slogdet(covariance)[1] + 2 * np.log(2 * np.pi)
)
total = a @ a + SIGMA_X**2
m, s = x @ a / total, SIGMA_X / np.sqrt(total)


def log_gaussian(z, mu, sigma):
    return -((z - mu) ** 2) / (2 * sigma**2) - np.log(sigma) - 0.5 * np.log(2 * np.pi)


# %% [markdown]
# ## 1. Too narrow, too wide
#
# With one draw the wide one is worse by far. But a wide $q$ has draws wherever
# the posterior is, and small weights make up for the draws elsewhere. A narrow
# $q$ has hardly any draws in the tails of the posterior. Once in a while there is
# one, and it has a huge weight. So the mean weight is right in the limit, but it
# takes very many draws to come near it. A $q$ is better too wide than too narrow.

# %%
gaps = {}
for name, sd in (("too narrow", s / 3), ("too wide", 3 * s)):
    z = m + sd * rng.standard_normal(2**18)
    likelihood = log_density(x, z[:, None] * a, np.full(2, 2 * np.log(SIGMA_X)))
    log_w = log_gaussian(z, 0, 1) + likelihood - log_gaussian(z, m, sd)
    gaps[name] = {
        k: log_px - log_mean_exp_and_grad(log_w.reshape(-1, k))[0].mean() for k in (1, 8, 64, 512)
    }
    print(f"{name:<10} " + ", ".join(f"k = {k}: gap {gap:.4f}" for k, gap in gaps[name].items()))
assert gaps["too narrow"][64] > 10 * gaps["too wide"][64]

# %% [markdown]
# ## 2. No encoder at all
#
# With one draw the bound is $\log p(x)$ minus the KL divergence of the prior from
# the posterior, $\log\frac{s}{1} + \frac{m^2 + 1}{2 s^2} - \tfrac12$ with the mean
# $m$ and the standard deviation $s$ of the posterior: 7.4 nats. Draws from the
# prior that explain $x$ are rare, but with one latent they are not *very* rare, so
# some thirty to sixty draws are enough. In 20 dimensions they would be, and no
# practical number of draws is enough (exercise 1 of lesson 18). That is what the
# encoder is for: it knows where to draw.

# %%
z = rng.standard_normal(2**18)
log_w = log_density(x, z[:, None] * a, np.full(2, 2 * np.log(SIGMA_X)))  # p(z) / q(z) is 1
ks = 2 ** np.arange(13)
L = np.array([log_mean_exp_and_grad(log_w.reshape(-1, k))[0].mean() for k in ks])
derived = np.log(s) + (m**2 + 1) / (2 * s**2) - 0.5
needed = ks[np.argmax(log_px - L < 0.05)]
print(f"one draw: gap {log_px - L[0]:.2f}, derived {derived:.2f} nats; 0.05 from k = {needed} on")
assert abs(log_px - L[0] - derived) < 4 * log_w.std() / np.sqrt(len(z))
assert 16 <= needed <= 128


# %% [markdown]
# ## 3. The gradient of the bound
#
# The derivative of $w_i = e^{\log w_i}$ with respect to $\log w_i$ is $w_i$. So
#
# $$ \frac{d}{d \log w_i} \log \frac1k \sum_j w_j = \frac{w_i}{\sum_j w_j} $$
#
# Each draw has a say in proportion to its weight: draws that explain $x$ well train
# the model, and the others hardly do. With $c = \max_j \log w_j$,
# $\log \sum_j w_j = c + \log \sum_j e^{\log w_j - c}$, where the largest exponent
# is zero. So nothing overflows, and the sum is at least one.


# %%
def log_mean_and_grad(log_w):
    """log(mean(w)) and its gradient with respect to each log w, (k,)."""
    largest = log_w.max()
    w = np.exp(log_w - largest)
    return largest + np.log(w.mean()), w / w.sum()


report = check(log_mean_and_grad, rng.standard_normal(5))
print(report)
assert report.ok
tiny = rng.standard_normal(5) - 1000
value, gradient = log_mean_and_grad(tiny)
expected = log_mean_exp_and_grad(tiny[None])
assert np.isclose(value, expected[0][0])
assert np.allclose(gradient, expected[1][0])

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** An encoder is a function of any $x$. That is what amortising means: no
#   search is needed for a new image.
# - **b** Whether it is *near* the posterior depends on how well training carries
#   over to new images. For images unlike all training images the gap is larger.
# - **c** The gap closes only if the posterior is a Gaussian that the encoder can
#   compute, as with our linear decoder. A network's posteriors are not.
#
# **Question 2: c.**
#
# - **a** No parameter has changed, so $p(x)$ has not, either.
# - **b** The draws come from the same $q$. It is their weights that correct for it.
# - **c** $L_{100}$ is a tighter bound of the same $\log p(x)$. So compare two
#   models only with the same $k$.
