# %% [markdown]
# # 09 · Latent variables and Bayes' rule
#
# *Nobody can measure the ability of a pupil directly. What do test scores tell you
# about it, and how certain can you be?*
#
# - **You need:** lessons 01 to 08; what a probability and a normal distribution
#   are.
# - **You get:** prior, likelihood, posterior and evidence, each as a curve to look
#   at; Bayes' rule, checked by simulation; a model in which all of them have a
#   formula; and the reason why a VAE needs an encoder.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show

from npvae.gaussian import log_density
from npvae.layers import sigmoid

rng = np.random.default_rng(0)

# %% [markdown]
# ## A model with a latent variable
#
# Lesson 08 ended with the wish for codes that follow a distribution which *we*
# choose. Part III builds what we need for that, and leaves images for a while. In
# this lesson we take the smallest possible case: one hidden number $z$, and two
# observed numbers $x$.
#
# A variable that is not observed is called *latent*. A well-known example is
# intelligence. In 1904 Spearman noticed that pupils who did well in one subject
# tended to do well in others, and explained that by a single number behind all
# scores, which no test shows directly. Let $z$ be the ability of a pupil. We
# describe in two steps how the observed numbers come about.
#
# 1. **The prior.** Before we know anything about a pupil, we assume
#    $z \sim \mathcal N(0, 1)$: most pupils are near the average, 0.
#    ($\mathcal N(\mu, \sigma^2)$ is the Gaussian with mean $\mu$ and variance
#    $\sigma^2$.)
# 2. **The likelihood.** The ability determines, up to chance, two numbers that we
#    observe: the score in a test of ten points, and the minutes spent on the
#    homework. Pupils with a low ability soon give up, those with a high ability
#    finish early, and those in the middle need about an hour.
#
# $$ \hat x(z) = \left(10\,\text{sigmoid}(1.5 z),\; 60\,e^{-z^2 / 2}\right) $$
#
# $$ x = \hat x(z) + \text{noise}, \qquad \sigma = (1 \text{ point},\; 6 \text{ minutes}) $$
#
# The function $\hat x(z)$ turns a code into the expected observation. So it is a
# *decoder*, given by a formula in place of a network. The likelihood
# $p(x \mid z)$, read "the probability of $x$ given $z$", is a Gaussian around
# $\hat x(z)$ for each of the two numbers. Given $z$, the two are independent, so
# their densities are multiplied. (We say "probability" and mean a density, since
# $x$ and $z$ are real numbers. A Gaussian has no bounds, so a few pupils get more
# than ten points or need less than zero minutes. This does not matter here.)

# %%
SIGMA = np.array([1.0, 6.0])  # of the score, in points; of the homework, in minutes


def decode(z, longest=60.0):
    """The expected score and minutes of pupils with ability z, (..., 2)."""
    return np.stack([10 * sigmoid(1.5 * z), longest * np.exp(-(z**2) / 2)], axis=-1)


def log_prior(z):
    return -0.5 * z**2 - 0.5 * np.log(2 * np.pi)


z_drawn = rng.standard_normal(1_000_000)  # a million pupils
x_drawn = decode(z_drawn) + SIGMA * rng.standard_normal((1_000_000, 2))

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
zs = np.linspace(-4, 4, 400)
axes[0].plot(zs, np.exp(log_prior(zs)), color=BLUE)
axes[0].set(title="the prior p(z)", xlabel="ability z", ylabel="density", ylim=0)
axes[1].plot(*x_drawn[:1500].T, ".", color="#b5b5b5", markersize=3, label="1,500 pupils")
axes[1].plot(*decode(zs).T, color=ORANGE, linewidth=2, label="expected, x̂(z)")
for z in (-1.0, 0.0, 1.0):
    at = decode(np.array(z))
    axes[1].plot(*at, "o", color=ORANGE)
    axes[1].annotate(f"z = {z:.0f}", at, (at[0] + 2 * z, at[1] + 20), ha="center")
axes[1].set(title="the observed numbers", xlabel="score", ylabel="minutes", ylim=(-20, 115))
axes[1].legend(loc="upper right")
axes[2].hist(x_drawn[:, 1], bins=80, density=True, color=GREEN)
axes[2].set(title="the minutes alone: not Gaussian", xlabel="minutes", ylabel="density", ylim=0)
show(figure, "09-the-model")

mean, std = x_drawn[:, 1].mean(), x_drawn[:, 1].std()
above = (x_drawn[:, 1] > mean).mean()
print(f"minutes: mean {mean:.1f}, standard deviation {std:.1f}; {above:.0%} are above the mean")
assert above > 0.54, "of a Gaussian it would be half"

# %% [markdown]
# > **What you may have read:** "a VAE learns its prior". The plain VAE does not
# > (some later models do). Its prior is always $\mathcal N(0, 1)$. What is learned
# > is the decoder, which transforms this Gaussian into the distribution of the
# > data. The right panel shows such a distribution: 58 % of the pupils lie above
# > the mean, and it would be half if it were Gaussian. A network can produce far
# > more complicated ones.
#
# ## Bayes' rule
#
# The model goes from $z$ to $x$. We are interested in the other direction: we
# observe $x$ and ask for $z$. The distribution of $z$ given $x$ is called the
# **posterior**, $p(z \mid x)$. The joint probability of both can be written in two
# ways. (If one pupil in ten has a high ability, and half of those are fast, then
# one in twenty has a high ability *and* is fast: $0.1 \cdot 0.5$.)
#
# $$ p(z)\, p(x \mid z) = p(x)\, p(z \mid x) $$
#
# Divide by $p(x)$, and you have Bayes' rule:
#
# $$ p(z \mid x) = \frac{p(z)\, p(x \mid z)}{p(x)}, \qquad
# p(x) = \int p(z)\, p(x \mid z)\, dz $$
#
# The denominator $p(x)$ is the probability of this $x$ whatever $z$ may be: the sum
# over all values of $z$ from which $x$ can come. It is called the **evidence**.
# (Lesson 03 called $p(x)$ the likelihood. In a model with a latent variable that
# word is used for $p(x \mid z)$.) In one dimension we can compute the integral on
# a grid: many values of $z$, each of which stands for an interval of width $dz$.
#
# **Predict first:** a pupil worked for 20 minutes, and that is all you know. What
# does the posterior of $z$ look like? And after you learn that the score was 8?

# %%
grid = np.linspace(-6, 6, 1201)
dz = grid[1] - grid[0]


def log_likelihood_of(x, z):
    """Log p(x | z) of an x, (2,), in which NaN stands for a number that is not known."""
    known = ~np.isnan(x)
    at = decode(z)[..., known]
    return log_density(x[known], at, 2 * np.log(SIGMA[known]))  # it takes log σ², and sums


def log_joint_of(x, z):
    """Log p(z) p(x | z) of an x, for each z."""
    return log_prior(z) + log_likelihood_of(x, z)


def bayes(log_joint, dz):
    """The posterior p(z | x) on a grid of z with intervals of width dz, and the evidence p(x).

    log_joint is log p(z) p(x | z) at the points of the grid. The area below the posterior is 1.
    """
    ### BEGIN SOLUTION
    joint = np.exp(log_joint)
    evidence = joint.sum() * dz
    return joint / evidence, evidence
    ### END SOLUTION


known = {"20 minutes": np.array([np.nan, 20]), "20 minutes, 8 points": np.array([8.0, 20])}
posteriors = {name: bayes(log_joint_of(x, grid), dz)[0] for name, x in known.items()}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, (name, posterior) in zip(axes, posteriors.items(), strict=True):
    likelihood = np.exp(log_likelihood_of(known[name], grid))
    ax.plot(grid, np.exp(log_prior(grid)), color=BLUE, label="prior p(z)")
    ax.plot(
        grid,
        likelihood / likelihood.max(),
        ":",
        color=GREEN,
        label="likelihood p(x | z), scaled to a maximum of 1",
    )
    ax.plot(grid, posterior, color=ORANGE, label="posterior p(z | x)")
    ax.set(title=f"observed: {name}", xlabel="ability z", xlim=(-4, 4), ylim=(0, 2.2))
axes[0].legend(loc="upper left")
axes[0].set_ylabel("density, or scaled likelihood")
show(figure, "09-prior-likelihood-posterior")

for name, posterior in posteriors.items():
    able = posterior[grid > 0].sum() * dz
    mean = (posterior * grid).sum() * dz
    std = np.sqrt((posterior * (grid - mean) ** 2).sum() * dz)
    tops = np.flatnonzero(np.diff(np.sign(np.diff(posterior))) < 0) + 1
    peaks = (posterior[tops] > 0.01 * posterior.max()).sum()
    print(f"{name:<21} P(z > 0) = {able:.3f}, standard deviation {std:.2f}, peaks: {peaks}")
    assert np.isclose(posterior.sum() * dz, 1)
    assert peaks == (2 if name == "20 minutes" else 1)
assert std < 0.25, "with both numbers known it is narrow"

# %% [markdown]
# Twenty minutes alone leave *two* possibilities: a high ability or a low one. So
# the posterior has two peaks. In general a posterior can have any shape, and if the
# decoder is a network nobody knows which. The score rules out one of the two, and
# what is left is narrow: a standard deviation of 0.20, where the prior had 1. To
# learn something about $z$ means that **values of $z$ are ruled out.** (The
# standard deviation does not always show this. After "20 minutes" it is 1.49, more
# than that of the prior, because the two peaks are far apart.)
#
# Look at the likelihood, too. As a function of $z$ it is not a distribution: the
# area below it need not be 1. (It is drawn with a maximum of 1.) It says how well
# each $z$ explains the observation; the prior gives these values their weights.
#
# ## A check by simulation
#
# Here is a way to check Bayes' rule without any algebra. We have a million pupils
# whose $z$ we know, because we have drawn it. Keep those who worked for about 20
# minutes, and look at *their* $z$.

# %%
x_observed = known["20 minutes"]
kept = np.abs(x_drawn[:, 1] - 20) < 0.5  # an interval of one minute
posterior, evidence = bayes(log_joint_of(x_observed, grid), dz)
beyond = 1.25
share, able = (z_drawn[kept] > beyond).mean(), posterior[grid > beyond].sum() * dz
print(f"{kept.sum()} pupils kept")
print(f"z > {beyond}: {(z_drawn > beyond).mean():.3f} of all pupils")
print(f"          {share:.3f} of those kept, {able:.3f} by Bayes' rule")
print(f"p(20 minutes): {kept.mean():.5f} by counting, {evidence:.5f} by the sum")
assert abs(share - able) < 0.02
assert abs(kept.mean() / evidence - 1) < 0.05
assert abs(np.abs(z_drawn[kept]).mean() - (posterior * np.abs(grid)).sum() * dz) < 0.02

figure, ax = plt.subplots(figsize=(6, 3))
ax.hist(z_drawn[kept], bins=100, density=True, color="#b5b5b5", label="z of the pupils kept")
ax.plot(grid, posterior, color=ORANGE, label="posterior by Bayes' rule")
ax.set(xlabel="ability z", ylabel="density", xlim=(-4, 4), ylim=(0, 1.5))
ax.legend(loc="upper center")
show(ax, "09-simulation")

# %% [markdown]
# The histogram agrees with the posterior. And the evidence turns out to be the
# fraction of all pupils who are like this one, per minute of width.
#
# ## How fine must the grid be?
#
# **Predict first:** we sum over a grid from $-6$ to $6$, for a pupil of whom both
# numbers are known. How many points are needed for six correct decimals of
# $\log p(x)$: ten, a hundred, or a thousand?


# %%
def log_evidence(x, n_points):
    z = np.linspace(-6, 6, n_points)
    _, evidence = bayes(log_joint_of(x, z), z[1] - z[0])
    return np.log(evidence)


x_observed = known["20 minutes, 8 points"]
exact = log_evidence(x_observed, 100_001)
sizes = [5, 10, 15, 20, 30, 40, 60, 80, 120]
errors = [abs(log_evidence(x_observed, n) - exact) for n in sizes]
print(f"log p(x) = {exact:.6f}")
for n, error in zip(sizes, errors, strict=True):
    print(f"{n:4d} points: error {error:.1e} nats")
assert errors[1] > 0.01
assert errors[sizes.index(80)] < 1e-6, "the sum converges quickly"

figure, ax = plt.subplots(figsize=(6, 3))
ax.semilogy(sizes, errors, "o-", color=BLUE)
ax.set(xlabel="number of grid points", ylabel="error of log p(x), in nats")
show(ax, "09-the-sum")

# %% [markdown]
# Sixty are nearly enough, and eighty are. With sixty points the grid has intervals
# of 0.2, which is just the standard deviation of the posterior. With finer grids
# the error vanishes quickly. (For smooth functions that go to zero at both ends a
# plain sum is surprisingly accurate.)
#
# ## A model in which the posterior has a formula
#
# For most models the posterior has no formula, and we need the grid. There is one
# important exception: a Gaussian prior and a *linear* decoder with Gaussian noise.
# Lesson 12a builds on it, so let us derive it. Take one observed number,
#
# $$ z \sim \mathcal N(0, 1), \qquad x = a z + \sigma\varepsilon, \qquad
# \varepsilon \sim \mathcal N(0, 1) $$
#
# By Bayes' rule the posterior is proportional to $p(z)\, p(x \mid z)$. We take the
# logarithm, and collect what multiplies $z^2$ and what multiplies $z$. All other
# terms do not depend on $z$, and are written as a constant:
#
# $$ -\frac{z^2}{2} - \frac{(x - a z)^2}{2 \sigma^2}
# = -\frac12 \cdot \frac{a^2 + \sigma^2}{\sigma^2}\, z^2
# + \frac{a x}{\sigma^2}\, z + \text{const} $$
#
# The logarithm of a Gaussian density with mean $m$ and variance $s^2$ is
#
# $$ -\frac{(z - m)^2}{2 s^2} + \text{const}
# = -\frac12 \cdot \frac{1}{s^2}\, z^2 + \frac{m}{s^2}\, z + \text{const} $$
#
# Both have a term in $z^2$ and a term in $z$, and no other. So the posterior is
# Gaussian, and comparing the factors gives $1 / s^2 = (a^2 + \sigma^2) / \sigma^2$
# and $m / s^2 = a x / \sigma^2$, that is,
#
# $$ p(z \mid x) = \mathcal N(m, s^2), \qquad m = \frac{a x}{a^2 + \sigma^2}, \qquad
# s^2 = \frac{\sigma^2}{a^2 + \sigma^2} $$
#
# The evidence has a formula, too. $x$ is the sum of the independent Gaussian
# numbers $az$ and $\sigma\varepsilon$. Such a sum is Gaussian (we do not prove
# that), and variances add up, so $p(x) = \mathcal N(0, a^2 + \sigma^2)$.
#
# **Predict first:** what does the formula for $s^2$ say if the noise is very small?
# And if it is very large?


# %%
def exact_posterior(x, a, sigma):
    """Mean m and variance s² of p(z | x), if z has the prior N(0, 1) and x is a z + sigma eps."""
    ### BEGIN SOLUTION
    total = a**2 + sigma**2
    return a * x / total, sigma**2 / total
    ### END SOLUTION


a, sigma, x_one = 1.7, 0.6, 2.0
joint = np.exp(log_prior(grid) - 0.5 * ((x_one - a * grid) / sigma) ** 2)
joint /= np.sqrt(2 * np.pi) * sigma
by_grid = joint / (joint.sum() * dz)
m, s2 = exact_posterior(x_one, a, sigma)
formula = np.exp(-0.5 * (grid - m) ** 2 / s2) / np.sqrt(2 * np.pi * s2)
assert np.allclose(by_grid, formula, atol=1e-6), "the posterior is N(m, s²)"
total = a**2 + sigma**2
assert np.isclose(joint.sum() * dz, np.exp(-0.5 * x_one**2 / total) / np.sqrt(2 * np.pi * total))
print(f"posterior: mean {m:.3f}, standard deviation {np.sqrt(s2):.3f}; the grid agrees")

# %% [markdown]
# With very little noise $s^2$ is close to 0: $x$ determines $z$, and the mean is
# close to $x / a$. With very much noise $s^2$ is close to 1 and the mean close to 0:
# $x$ tells nothing, and the posterior is the prior.
#
# ## Maximum likelihood without observing z
#
# Now suppose that we do not know the decoder completely: the longest time of the
# homework, called $\theta$, is unknown. (The pupils were drawn with
# $\theta = 60$.) We have 500 pupils, and for none of them do we know $z$. As in
# lesson 03 we look for the $\theta$ that makes the observations most probable. The
# probability of an observation is the evidence, in which $z$ is summed out:
#
# $$ \max_\theta\; \sum_{\text{pupils}} \log p_\theta(x) $$
#
# This is **maximum likelihood** for a model with latent variables. It is what we
# would like to do with images.

# %%
pupils = x_drawn[:500]
z = np.linspace(-6, 6, 121)
lengths = np.linspace(50, 70, 41)
log_px = []
for longest in lengths:
    by_z = [log_density(pupils, at, 2 * np.log(SIGMA)) for at in decode(z, longest)]
    log_likelihood = np.stack(by_z, axis=1)  # (500, 121)
    joint = np.exp(log_prior(z) + log_likelihood)
    log_px.append(np.log(joint.sum(axis=1) * (z[1] - z[0])).mean())
best = lengths[np.argmax(log_px)]
print(f"best: {best:.1f} minutes; the true value is 60")
assert abs(best - 60) <= 1.5

figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(lengths, log_px, color=ORANGE)
ax.axvline(60, color="grey", linestyle=":", label="the true value")
ax.set(xlabel="θ: longest homework, in minutes", ylabel="mean log p(x) of 500 pupils")
ax.legend()
show(ax, "09-maximum-likelihood")

# %% [markdown]
# We have found the length of the homework although we do not know the ability of
# any pupil. (The rest of the decoder was known. A VAE has to learn all of it.)
#
# ## Why this does not work for images
#
# Take a whole class of 20 pupils as *one* example. Its $x$ has 40 numbers and its
# $z$ has 20, as many as the latent vector of a small VAE. A grid with 60 points in
# each direction has $60^{20}$ points, more than $10^{35}$. No computer can visit
# them all.
#
# One can try to estimate the sum with random draws. The evidence is a mean over the
# prior, $p(x) = \mathbb E_{p(z)}[p(x \mid z)]$, where $\mathbb E$ denotes the
# *expected value*, the mean over infinitely many draws. So we draw 10,000 codes
# from the prior and take the mean of $p(x \mid z)$. To judge the result we need the
# exact value. The pupils of a class are independent of each other, so it is the
# sum of 20 logarithms, each from a grid of its own. (For an image this is not
# possible. Every pixel depends on all latents at once, so the integral cannot be
# split.)
#
# **Predict first:** 10,000 draws for one pupil, and 10,000 draws for a class of 20.
# How good are the two estimates?


# %%
def log_mean_exp(log_w):
    """The logarithm of the mean of exp(log_w), even where every exp(log_w) is rounded to zero.

    Take the largest of log_w out of the mean, as a factor, before the exponential.
    """
    ### BEGIN SOLUTION
    largest = log_w.max()
    return largest + np.log(np.exp(log_w - largest).mean())
    ### END SOLUTION


print("log p(x) of a class, in nats")
print(f"{'pupils':>6} {'exact':>8} {'estimate':>9}   effective number of draws")
error, effective = {}, {}
for n in (1, 2, 5, 10, 20):
    exact = sum(log_evidence(x, 1001) for x in pupils[:n])
    z = rng.standard_normal((10_000, n))  # each row a class
    log_w = sum(log_likelihood_of(pupils[i], z[:, i]) for i in range(n))  # log p(x | z)
    error[n] = log_mean_exp(log_w) - exact
    w = np.exp(log_w - log_w.max())  # relative to the largest, so that not all of them are 0
    effective[n] = w.sum() ** 2 / (w**2).sum()
    print(f"{n:6d} {exact:8.1f} {exact + error[n]:9.1f}   {effective[n]:.0f} of 10,000")
assert abs(error[1]) < 0.1
assert error[20] < -5, "far too low: no draw comes near"
assert effective[1] > 50
assert effective[20] < 5

# %% [markdown]
# For one pupil the estimate is good. For twenty it is wrong by about fifty nats, and
# is dominated by a single draw of the 10,000. A draw contributes only if *all*
# twenty numbers happen to be close to those of this class, which hardly ever
# happens. The estimate is too low, as it nearly always is, because the rare draws
# with large contributions did not occur.
#
# (The last column is $(\sum w)^2 / \sum w^2$ with $w = p(x \mid z)$, the *effective
# sample size*. It is $k$ if $k$ draws have equal weights and all others zero.)
#
# This is the starting point of the VAE:
#
# - we want to make $\log p(x)$ large;
# - we cannot compute it, because $p(x)$ is a sum over all codes, and almost none of
#   them contributes;
# - so we need to find out, for a given $x$, *which codes contribute*. The posterior
#   says that, but to compute it we would have to divide by $p(x)$.
#
# The solution is to *learn an approximation* of the posterior: a network that takes
# $x$ and returns a distribution over $z$. This distribution is called
# $q(z \mid x)$, and the network is the **encoder**. So the parts of this lesson
# are those of a VAE:
#
# | in this lesson | in a VAE |
# |---|---|
# | the ability $z$ of a pupil | the *latent vector*: 20 numbers behind an image |
# | $\hat x(z)$, the expected score and minutes | the *decoder*: the expected image |
# | the posterior $p(z \mid x)$ | what the *encoder* approximates by $q(z \mid x)$ |
#
# Three things are missing. How do we measure how wrong such an approximation is
# (lesson 10)? How do we train a network that draws random numbers (11)? And how can
# we make $\log p(x)$ large without computing it (12a)?

# %% [markdown]
# ## Questions
#
# **Question 1.** In a VAE, what is learned about the prior $p(z)$?
#
# - **a** Its mean and its variance, so that it fits the data.
# - **b** Its shape: it becomes the distribution of the codes of all images.
# - **c** Nothing. It is $\mathcal N(0, I)$ from beginning to end; the decoder is
#   learned.
#
# **Question 2.** The likelihood $p(x \mid z)$, as a function of $z$ for a given
# $x$, is not a probability distribution over $z$. Why?
#
# - **a** The area below it need not be 1. It says how well each $z$ explains $x$,
#   and not how probable that $z$ is.
# - **b** Because it may have two peaks.
# - **c** It is one, because each of its values is a probability.
#
# ## Exercises
#
# Answers are in `answers_09_latent_variables.py`.
#
# 1. **Change a number.** In another school the pupils have similar abilities: the
#    prior is $\mathcal N(0, 0.5^2)$. Predict what happens to the two peaks after
#    "20 minutes". *Check:* the probability of $z > 0$ is one half again, and the
#    mean of $|z|$ falls from 1.47 to 1.32.
# 2. **A second test.** The pupil with 20 minutes and 8 points takes another test of
#    the same kind, with independent noise, and scores 8 again. Multiply the
#    likelihoods. *Check:* the standard deviation of the posterior is divided by
#    1.07. Why by so much less than $\sqrt 2$?
# 3. **Derive and implement.** Take the linear model with *two* observed numbers,
#    $x = a z + \sigma\varepsilon$, where $a$ and $x$ have two components and
#    $|a|^2 = a_1^2 + a_2^2$. Show that the posterior is Gaussian, with mean
#    $\frac{a \cdot x}{|a|^2 + \sigma^2}$ and variance
#    $\frac{\sigma^2}{|a|^2 + \sigma^2}$. *Check:* on the grid, to six digits.
