# %% [markdown]
# # 10 · The KL divergence: answers

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, show

rng = np.random.default_rng(0)


def log_gaussian(z, mu, sigma):
    """Log N(z; mu, sigma²) of each number in z."""
    return -((z - mu) ** 2) / (2 * sigma**2) - np.log(sigma) - 0.5 * np.log(2 * np.pi)


def kl(mu, sigma):
    """KL of N(mu, sigma²) from N(0, 1)."""
    return 0.5 * (mu**2 + sigma**2 - 1 - 2 * np.log(sigma))


# %% [markdown]
# ## 1. Wider or narrower
#
# The factors differ. For large $\sigma$ the term $\sigma^2$ grows fast, and for small
# $\sigma$ the term $-\log\sigma^2$ grows slowly. So the Gaussian can be 2.5 times as
# narrow as the prior, but only 1.8 times as wide.

# %%
narrow, wide = np.linspace(0.1, 1, 100_001), np.linspace(1, 3, 100_001)
narrowest = narrow[np.abs(kl(0, narrow) - 0.5).argmin()]
widest = wide[np.abs(kl(0, wide) - 0.5).argmin()]
print(f"σ = {narrowest:.3f}, {1 / narrowest:.2f} times as narrow; or σ = {widest:.3f}")
assert np.isclose(kl(0, narrowest), 0.5, atol=1e-4)
assert np.isclose(kl(0, widest), 0.5, atol=1e-4)
assert 1 / narrowest > 2 > widest

figure, ax = plt.subplots(figsize=(6, 3))
sigmas = np.geomspace(0.1, 3, 400)
ax.semilogx(sigmas, kl(0, sigmas), color=BLUE)
ax.axhline(0.5, color="grey", linestyle=":")
ax.plot([narrowest, widest], [0.5, 0.5], "o", color=ORANGE)
ax.set(xlabel="σ", ylabel="KL in nats, at μ = 0", ylim=0)
show(ax, "10-answer-half-a-nat")

# %% [markdown]
# ## 2. Another unit
#
# The KL does not change. Both densities are divided by the same factor, which
# cancels in $\log q - \log p$. So, unlike the loss of a real number, the KL has a
# meaning that does not depend on the unit.

# %%
z = 1 + 0.5 * rng.standard_normal(1000)
before = log_gaussian(z, 1, 0.5) - log_gaussian(z, 0, 1)
after = log_gaussian(1000 * z, 1000, 500) - log_gaussian(1000 * z, 0, 1000)
print(
    f"log q: {log_gaussian(z, 1, 0.5).mean():.3f}, in the new unit "
    f"{log_gaussian(1000 * z, 1000, 500).mean():.3f}"
)
print(f"log q - log p: {before.mean():.6f} and {after.mean():.6f}")
assert np.allclose(before, after, rtol=0, atol=1e-9)

# %% [markdown]
# ## 3. Any two Gaussians
#
# As before, $\mathbb E_q[(z - \mu_1)^2] = \sigma_1^2$. The other term is
# $\mathbb E_q[(z - \mu_2)^2] = (\mu_1 - \mu_2)^2 + \sigma_1^2$, the square of the
# mean plus the variance. So
#
# $$ \text{KL} = \log\frac{\sigma_2}{\sigma_1}
# + \frac{(\mu_1 - \mu_2)^2 + \sigma_1^2}{2 \sigma_2^2} - \frac12 $$


# %%
def kl_of_two(mu1, sigma1, mu2, sigma2):
    square = (mu1 - mu2) ** 2 + sigma1**2
    return np.log(sigma2 / sigma1) + square / (2 * sigma2**2) - 0.5


for _ in range(5):
    mu1, mu2 = rng.normal(0, 2, 2)
    sigma1, sigma2 = np.exp(rng.normal(0, 0.5, 2))
    z = mu1 + sigma1 * rng.standard_normal(100_000)
    nats = log_gaussian(z, mu1, sigma1) - log_gaussian(z, mu2, sigma2)
    error, value = nats.std() / np.sqrt(len(z)), kl_of_two(mu1, sigma1, mu2, sigma2)
    print(f"draws {nats.mean():7.3f} ± {error:.3f}, formula {value:7.3f}")
    assert abs(nats.mean() - value) < 4 * error
    assert np.isclose(kl_of_two(mu1, sigma1, 0, 1), kl(mu1, sigma1))

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** The KL divergence is the *mean* of this number over draws from $q$. A
#   single draw may well be cheaper under $p$.
# - **b** Where $p$ is higher than $q$ the difference is negative, and some draws
#   fall there. On average they cost more.
# - **c** No data occur here. The difference compares the cost of one number under
#   two distributions.
#
# **Question 2: a.**
#
# - **a** A KL of $K$ nats lets a code distinguish at most about $e^K$ images, and
#   $e^0 = 1$. This is posterior collapse (lesson 16).
# - **b** The perfect posterior has a KL of zero from the *true posterior*. Zero
#   from the *prior* means that the image makes no difference.
# - **c** This term is at its minimum, and the other one pays for it: without a
#   code the decoder has to draw one mean image for all.
