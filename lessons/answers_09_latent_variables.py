# %% [markdown]
# # 09 · Latent variables and Bayes' rule: answers

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show

from npvae.gaussian import log_density
from npvae.layers import sigmoid

grid = np.linspace(-6, 6, 1201)
dz = grid[1] - grid[0]


def log_gaussian(v, mean, sigma):
    """Log N(v; mean, sigma²) of each number."""
    return log_density(np.reshape(v, (-1, 1)), np.reshape(mean, (-1, 1)), 2 * np.log(sigma))


def score(z):
    return 10 * sigmoid(1.5 * z)


def minutes(z):
    return 60 * np.exp(-(z**2) / 2)


def posterior_and_evidence(log_joint):
    """Return the posterior on the grid, and the evidence."""
    joint = np.exp(log_joint)
    return joint / (joint.sum() * dz), joint.sum() * dz


def mean_and_std(posterior):
    mean = (posterior * grid).sum() * dz
    return mean, np.sqrt((posterior * (grid - mean) ** 2).sum() * dz)


# %% [markdown]
# ## 1. A narrow prior
#
# The likelihood is large near $z = -1.5$ and $z = 1.5$, and both are improbable
# under this prior. So the prior moves both peaks towards the middle. They remain
# equally high, because both prior and likelihood are symmetric.

# %%
likelihood = log_gaussian(np.full(1201, 20.0), minutes(grid), 6)
figure, ax = plt.subplots(figsize=(6, 3))
away = {}
for sigma, colour in ((1.0, BLUE), (0.5, ORANGE)):
    posterior, _ = posterior_and_evidence(log_gaussian(grid, np.zeros(1201), sigma) + likelihood)
    away[sigma] = (posterior * np.abs(grid)).sum() * dz
    able = posterior[grid > 0].sum() * dz
    print(f"prior N(0, {sigma}²): P(z > 0) = {able:.3f}, mean of |z| {away[sigma]:.2f}")
    assert abs(able - 0.5) < 0.01
    ax.plot(grid, posterior, color=colour, label=f"prior N(0, {sigma}²)")
assert abs(away[1.0] - 1.47) < 0.01
assert abs(away[0.5] - 1.32) < 0.01
ax.set(xlabel="ability z", ylabel="p(z | 20 minutes)", xlim=(-3, 3), ylim=0)
ax.legend()
show(ax, "09-answer-alike")

# %% [markdown]
# ## 2. A second test
#
# Given $z$ the two tests are independent, so their likelihoods are multiplied, and
# the logarithms added. If the tests were *all* that is known, and the expected
# score were linear in $z$, two tests would divide the standard deviation of one by
# $\sqrt 2$, as with the mean of two measurements. But here the minutes alone have
# already determined $|z|$ well. The score curve is flat at this $z$, so a test adds
# little information, and a second test adds as little again.

# %%
log_prior = log_gaussian(grid, np.zeros(1201), 1)
test = log_gaussian(np.full(1201, 8.0), score(grid), 1)
known = log_prior + likelihood
stds = [mean_and_std(posterior_and_evidence(known + n * test)[0])[1] for n in (1, 2)]
print(
    f"standard deviation with one test {stds[0]:.3f}, with two {stds[1]:.3f}: a factor of "
    f"{stds[0] / stds[1]:.2f}"
)
assert abs(stds[0] / stds[1] - 1.07) < 0.01

# %% [markdown]
# ## 3. Two observed numbers
#
# The logarithm of $p(z)\,p(x \mid z)$ now has a term for each observed number:
#
# $$ -\frac{z^2}{2} - \sum_i \frac{(x_i - a_i z)^2}{2 \sigma^2}
# = -\frac12 \cdot \frac{|a|^2 + \sigma^2}{\sigma^2}\, z^2
# + \frac{a \cdot x}{\sigma^2}\, z + \text{const} $$
#
# It is the formula of the lesson with $|a|^2$ in place of $a^2$, and $a \cdot x$ in
# place of $a x$. The comparison with $-\frac{1}{2 s^2} z^2 + \frac{m}{s^2} z$ gives
# $s^2 = \sigma^2 / (|a|^2 + \sigma^2)$ and
# $m = s^2\, a \cdot x / \sigma^2 = a \cdot x / (|a|^2 + \sigma^2)$.
#
# Lesson 12a uses this model.

# %%
a, sigma, x = np.array([1.5, 0.8]), 0.6, np.array([2.0, -0.5])
log_likelihood = sum(log_gaussian(np.full(1201, x[i]), a[i] * grid, sigma) for i in range(2))
posterior, _ = posterior_and_evidence(log_prior + log_likelihood)
mean, std = mean_and_std(posterior)
total = a @ a + sigma**2
print(f"mean {mean:.6f}, by the formula {a @ x / total:.6f}")
print(f"variance {std**2:.6f}, by the formula {sigma**2 / total:.6f}")
assert np.isclose(mean, a @ x / total, rtol=0, atol=1e-6)
assert np.isclose(std**2, sigma**2 / total, rtol=0, atol=1e-6)
formula = np.exp(log_gaussian(grid, np.full(1201, a @ x / total), sigma / np.sqrt(total)))
assert np.allclose(posterior, formula, atol=1e-6)

figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(grid, posterior, color=BLUE, linewidth=4, alpha=0.4, label="on the grid")
ax.plot(grid, formula, "--", color=GREEN, label="by the formula")
ax.set(xlabel="z", ylabel="p(z | x)", xlim=(-1, 3), ylim=0)
ax.legend()
show(ax, "09-answer-two-numbers")

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** The prior of the plain VAE has no parameters. What fits the data is
#   $p(x)$, and it does so through the decoder.
# - **b** Training pulls the *codes* towards the prior, not the prior towards the
#   codes. It stays $\mathcal N(0, I)$ throughout.
# - **c** We choose it. The decoder learns to transform this Gaussian into the
#   distribution of the data, as $\hat x(z)$ does in this lesson.
#
# **Question 2: a.**
#
# - **a** Multiplied by the prior and divided by the evidence it becomes the
#   posterior, and only that is a distribution over $z$.
# - **b** A distribution may have as many peaks as it likes: the posterior after
#   "20 minutes" has two.
# - **c** Each of its values belongs to *another* distribution over $x$, one for
#   every $z$. Nothing makes these values add up to 1 over $z$.
