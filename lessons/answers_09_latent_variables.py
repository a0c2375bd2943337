# %% [markdown]
# # 09 · What you cannot see: answers

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show

from npvae.gaussian import log_density
from npvae.layers import sigmoid

grid = np.linspace(-6, 6, 1201)
dz = grid[1] - grid[0]


def log_bell(v, mean, sigma):
    """Log N(v; mean, sigma²) of each number."""
    return log_density(np.reshape(v, (-1, 1)), np.reshape(mean, (-1, 1)), 2 * np.log(sigma))


def score(z):
    return 10 * sigmoid(1.5 * z)


def minutes(z):
    return 60 * np.exp(-(z**2) / 2)


def normalized(log_joint):
    """Return the posterior on the grid, and the evidence."""
    joint = np.exp(log_joint)
    return joint / (joint.sum() * dz), joint.sum() * dz


def mean_and_spread(posterior):
    mean = (posterior * grid).sum() * dz
    return mean, np.sqrt((posterior * (grid - mean) ** 2).sum() * dz)


# %% [markdown]
# ## 1. Pupils much alike
#
# The likelihood says that $z$ is near $-1.5$ or near $1.5$, and both are far out
# for this prior. So both peaks move towards the middle: the prior pulls. They
# stay equally high, because neither prior nor minutes know left from right.

# %%
likelihood = log_bell(np.full(1201, 20.0), minutes(grid), 6)
figure, ax = plt.subplots(figsize=(6, 3))
away = {}
for sigma, colour in ((1.0, BLUE), (0.5, ORANGE)):
    posterior, _ = normalized(log_bell(grid, np.zeros(1201), sigma) + likelihood)
    away[sigma] = (posterior * np.abs(grid)).sum() * dz
    able = posterior[grid > 0].sum() * dz
    print(f"prior of width {sigma}: P(z > 0) = {able:.3f}, mean of |z| {away[sigma]:.2f}")
    assert abs(able - 0.5) < 0.01
    ax.plot(grid, posterior, color=colour, label=f"prior of width {sigma}")
assert abs(away[1.0] - 1.47) < 0.01
assert abs(away[0.5] - 1.32) < 0.01
ax.set(xlabel="z: how able", ylabel="p(z | 20 minutes)", xlim=(-3, 3), ylim=0)
ax.legend()
show(ax, "09-answer-alike")

# %% [markdown]
# ## 2. A second test
#
# Given $z$ the two tests know nothing of each other, so their likelihoods
# multiply (their logarithms add). If the test were *all* we knew, and the score
# rose in a straight line, two tests would have the width of one divided by
# $\sqrt 2$, as the mean of two measurements has. But the minutes had already told
# nearly all of it. Where the score curve is as flat as here, a test adds little,
# and a second one as little again.

# %%
log_prior = log_bell(grid, np.zeros(1201), 1)
test = log_bell(np.full(1201, 8.0), score(grid), 1)
known = log_prior + likelihood
widths = [mean_and_spread(normalized(known + n * test)[0])[1] for n in (1, 2)]
print(
    f"one test: width {widths[0]:.3f}; two: {widths[1]:.3f}, by a factor of "
    f"{widths[0] / widths[1]:.2f}"
)
assert abs(widths[0] / widths[1] - 1.07) < 0.01

# %% [markdown]
# ## 3. A straight decoder
#
# The logarithm of $p(z)\,p(x \mid z)$ is, up to what does not depend on $z$,
#
# $$ -\frac{z^2}{2} - \frac{(x - a z)^2}{2 \sigma^2}
# = -\frac12 \cdot \frac{a^2 + \sigma^2}{\sigma^2} z^2 + \frac{a x}{\sigma^2} z + \dots $$
#
# A bell of mean $m$ and variance $v$ has $-\frac{1}{2v} z^2 + \frac{m}{v} z$
# there. Compare: $v = \sigma^2 / (a^2 + \sigma^2)$, and
# $m = v\, a x / \sigma^2 = a x / (a^2 + \sigma^2)$. So the posterior is a bell.
# And $x = a z + \sigma \varepsilon$ is a sum of two independent bells. Such a sum
# is a bell itself (take that on trust), and variances add: $a^2 + \sigma^2$.
#
# Lesson 12 needs this: it is the one model of this kind in which everything is
# known.

# %%
a, sigma, x = 1.7, 0.6, 2.0
likelihood = log_bell(np.full(1201, x), a * grid, sigma)
posterior, evidence = normalized(log_prior + likelihood)
mean, spread = mean_and_spread(posterior)
total = a**2 + sigma**2
print(f"mean {mean:.6f}, on paper {a * x / total:.6f}")
print(f"variance {spread**2:.6f}, on paper {sigma**2 / total:.6f}")
print(f"log p(x) {np.log(evidence):.6f}, on paper {log_bell(x, 0, np.sqrt(total))[0]:.6f}")
assert np.isclose(mean, a * x / total, rtol=0, atol=1e-6)
assert np.isclose(spread**2, sigma**2 / total, rtol=0, atol=1e-6)
assert np.isclose(np.log(evidence), log_bell(x, 0, np.sqrt(total))[0], rtol=0, atol=1e-6)
bell = np.exp(log_bell(grid, a * x / total, np.sqrt(sigma**2 / total)))
assert np.allclose(posterior, bell, atol=1e-6)

figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(grid, posterior, color=BLUE, linewidth=4, alpha=0.4, label="by the grid")
ax.plot(grid, bell, "--", color=GREEN, label="on paper")
ax.set(xlabel="z", ylabel="p(z | x)", xlim=(-1, 3), ylim=0)
ax.legend()
show(ax, "09-answer-straight")
