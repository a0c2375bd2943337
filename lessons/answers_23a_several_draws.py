# %% [markdown]
# # 23a · Several draws as an objective: answers

# %%
import numpy as np

from npvae.iwae import log_mean_exp_and_grad

rng = np.random.default_rng(0)
a, x, SIGMA_X = np.array([1.5, 0.8]), np.array([2.0, 0.3]), 0.6
total = a @ a + SIGMA_X**2
m, s = x @ a / total, SIGMA_X / np.sqrt(total)


def draws(mu, sigma, n, k):
    """Log w, the slope of log p(x, z) and the noise of n times k draws, (n, k) each."""
    eps = rng.standard_normal((n, k))
    z = mu + sigma * eps
    error = x - z[..., None] * a
    log_joint = -0.5 * ((error**2).sum(axis=-1) / SIGMA_X**2 + z**2) - 2 * np.log(SIGMA_X)
    log_joint -= 1.5 * np.log(2 * np.pi)
    log_q = -0.5 * eps**2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    return log_joint - log_q, error @ a / SIGMA_X**2 - z, eps


# %% [markdown]
# ## 1. At the posterior
#
# There $w_i = p(x, z_i)/p(z_i \mid x) = p(x)$ for every draw. The weights are all the
# same, so $\log w$ has no slope in $z$: each $g_i$ is zero, and so is DReG, whatever
# the draws. The plain gradient is $-\frac1k\sum_i$ of the score functions, which is
# $-\frac1k\sum_i \varepsilon_i/\sigma$ for $\mu$: pure noise, with the standard deviation
# $1 / (\sigma\sqrt k)$. The signal is zero for both, as it should be: $q$ cannot be
# improved.

# %%
k = 8
log_w, slope, eps = draws(m, s, 20_000, k)
bound, v = log_mean_exp_and_grad(log_w)
doubly, plain = (v**2 * (slope + eps / s)).sum(axis=1), (v * slope).sum(axis=1)
print(
    f"noise: plain {plain.std():.3f}, derived {1 / (s * np.sqrt(k)):.3f}; DReG {doubly.std():.1e}"
)
assert doubly.std() < 1e-12
assert abs(plain.std() * s * np.sqrt(k) - 1) < 0.05
assert np.ptp(bound) < 1e-12, "and every L_k is log p(x), without noise"

# %% [markdown]
# ## 2. One square less
#
# The expected value of $v_i \cdot \text{score}_i$ is that of $v_i(1 - v_i)\,g_i$. For
# $k = 1$ the share is 1 and this is zero. For more draws it is not: without it a
# share near $1/k$ stands where its square should be, and the result is up to
# $k$ times too large. Here $\mu$ still moves to the right side, only too far. But it is
# no longer the gradient of $L_k$, and with many parameters even its direction is
# another.

# %%
for k in (1, 4):
    log_w, slope, eps = draws(0.8 * m, 1.5 * s, 40_000, k)
    _, v = log_mean_exp_and_grad(log_w)
    g = slope + eps / (1.5 * s)  # with respect to mu
    once, twice = (v * g).sum(axis=1).mean(), (v**2 * g).sum(axis=1).mean()
    print(f"k = {k}: v g {once:.3f}, v² g {twice:.3f}")
    assert once == twice if k == 1 else once > 2 * twice

# %% [markdown]
# ## 3. Groups of draws
#
# The mean of $M$ independent bounds of $K = 64/M$ draws has the expected value $L_K$. The
# signal of its gradient is of the order $1/K$, and the noise is that of one group,
# of the order $1/\sqrt K$, divided by $\sqrt M$. So the ratio is of the order
#
# $$ \frac{1/K}{1/\sqrt{KM}} = \sqrt{\frac MK} = \frac{M}{8} $$
#
# It grows in proportion to $M$ once $K$ is large. The price is a looser bound, and for $M = 64$ it
# is the ELBO. (Rainforth and others use this for the encoder, and the tight bound for
# the decoder.)

# %%
log_w, slope, eps = draws(0.8 * m, 1.5 * s, 40_000, 64)
ratios = []
for M in (1, 4, 16, 64):
    _, v = log_mean_exp_and_grad(log_w.reshape(40_000, M, 64 // M))
    gradient = (v * slope.reshape(v.shape)).sum(axis=2).mean(axis=1)
    ratios.append(gradient.mean() / gradient.std())
    print(f"{M:2d} bounds of {64 // M:2d} draws: signal-to-noise ratio {ratios[-1]:.3f}")
assert (np.diff(ratios) > 0).all()

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** It is the gradient of $\hat L_k$, so on average it is the gradient of
#   $L_k$. The measured means of both estimators agree.
# - **b** The noise falls, like $1/\sqrt k$. What matters is that the signal falls
#   faster.
# - **c** The signal falls like $1/k$ and the noise like $1/\sqrt k$, so that the ratio
#   goes down like $1/\sqrt k$.
#
# **Question 2: b.**
#
# - **a** Its expected value is the gradient of $L_5$, by the four steps. A single set of
#   draws says nothing about an expected value.
# - **b** The term with the score function was replaced by another with the same
#   expected value, but not the same value. Test it as the lesson does: compare means
#   over many draws.
# - **c** For no $k$ is it the derivative of $\hat L_k$ for given draws. Even at $k = 1$ the
#   score function is missing.
