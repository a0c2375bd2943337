# %% [markdown]
# # 10 · The KL divergence
#
# *How different are two distributions, and in which unit does one measure that?*
#
# - **You need:** lessons 03 and 09.
# - **You get:** the Kullback-Leibler divergence, its formula for Gaussians derived
#   and checked against random draws, its gradient, and what one nat of it means.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, show

from npvae import check
from npvae.evaluation.latent_space import gaussian_quantiles
from npvae.gaussian import kl_and_grad, kl_per_latent, kl_standard_normal, log_density

rng = np.random.default_rng(0)

# %% [markdown]
# ## Definition
#
# Lesson 03 gave losses a unit: under a distribution $p$, the value $x$ costs
# $-\log p(x)$ nats. Now let numbers $z$ be drawn from one distribution, $q$, while
# their cost is computed with another, $p$. With the right distribution a draw would
# cost $-\log q(z)$; with the wrong one it costs $-\log p(z)$. The difference, on
# average over the draws from $q$, is the **Kullback-Leibler divergence** (1951),
# KL for short:
#
# $$ \text{KL}(q, p) = \mathbb E_{z \sim q}\left[\log q(z) - \log p(z)\right] $$
#
# $\mathbb E_{z \sim q}$, or $\mathbb E_q$ for short, is the expected value: the mean
# over infinitely many draws $z$ from $q$. (Many authors write
# $\text{KL}(q \,\|\, p)$. We say "the KL of $q$ from $p$".) This lesson is about the
# case that a VAE needs. There $q = \mathcal N(\mu, \sigma^2)$ is the Gaussian which
# the encoder returns for an image, and $p = \mathcal N(0, 1)$ is the prior. (So
# $\sigma$ is the standard deviation of $q$ from now on. In lesson 09 it was that of
# the noise.)
#
# We can estimate the KL from random draws. Such a *Monte Carlo* estimate is the
# mean of the difference over many draws. The mean of $n$ draws has an error of
# about their standard deviation divided by $\sqrt n$, the *standard error*, and
# almost never one of more than four standard errors.
#
# **Predict first:** let $\mu = 1$ and $\sigma = 0.5$. Can $\log q - \log p$ be
# *negative* for a single draw? Can its mean over all draws be negative?


# %%
def log_gaussian(z, mu, sigma):
    """Log N(z; mu, sigma²) of each number in z."""
    ### BEGIN SOLUTION
    return -((z - mu) ** 2) / (2 * sigma**2) - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    ### END SOLUTION


mu, sigma = 1.0, 0.5
z = mu + sigma * rng.standard_normal(100_000)
extra = log_gaussian(z, mu, sigma) - log_gaussian(z, 0, 1)  # nats, for each draw
estimate, error = extra.mean(), extra.std() / np.sqrt(len(z))
print(f"{(extra < 0).mean():.0%} of the draws are cheaper under p than under q")
print(f"but on average a draw costs {estimate:.4f} nats more, with standard error {error:.4f}")
assert (extra < 0).any()
assert estimate > 0

# %% [markdown]
# For a single draw it can be negative: far from its mean a *narrow* Gaussian is
# lower than a wide one, below 0.4 and above 2.3 in the picture further down. The
# mean cannot be negative, whatever $q$ and $p$ are. The reason is that a logarithm
# lies below its tangent at 1, $\log w \le w - 1$. Set $w = p(z) / q(z)$. Since
# $\mathbb E_q[f]$ is $\int q f\, dz$, and the area below $p$ is 1,
#
# $$ -\text{KL} = \mathbb E_q\left[\log \frac{p}{q}\right]
# \le \mathbb E_q\left[\frac{p}{q} - 1\right] = \int q\, \frac{p}{q}\, dz - 1 = 0 $$
#
# So $\text{KL} \ge 0$, and it is zero only if $w = 1$ everywhere, that is, if the
# two distributions are the same.
#
# ## The formula for Gaussians
#
# For two Gaussians the mean can be computed by hand. Write down both logarithms;
# the terms $\tfrac12\log 2\pi$ cancel:
#
# $$ \log q - \log p = -\frac{(z - \mu)^2}{2\sigma^2} - \log\sigma + \frac{z^2}{2} $$
#
# Now take the mean over $q$. By definition $\mathbb E[(z - \mu)^2] = \sigma^2$, so
# the first term becomes $-\tfrac12$. And $\mathbb E[z^2] = \mu^2 + \sigma^2$, because
# the mean of a square is the square of the mean plus the variance. With
# $2 \log\sigma = \log\sigma^2$ we get
#
# $$ \text{KL} = \tfrac12 \left(\mu^2 + \sigma^2 - 1 - \log\sigma^2\right) $$
#
# A code has several numbers, and the encoder returns a Gaussian for each. They are
# independent, so their densities are multiplied, the logarithms are added, and so
# are the KLs. The encoders of npvae do not output $\sigma$ but $\log\sigma^2$,
# called `logvar`. It may be any real number, as the output of a network is, and
# $\sigma^2 = e^{\text{logvar}}$ is always positive.


# %%
def kl(mu, logvar):
    """KL of N(mu, exp(logvar)) from N(0, 1), in nats, for each latent."""
    ### BEGIN SOLUTION
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    ### END SOLUTION


formula = kl(mu, np.log(sigma**2))
print(f"formula {formula:.4f} nats, from {len(z):,} draws {estimate:.4f}")
assert abs(estimate - formula) < 4 * error

counts = np.unique(np.geomspace(1, len(z), 200).astype(int))
running = np.cumsum(extra)[counts - 1] / counts
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.axhline(formula, color=ORANGE, label="the formula")
width = 2 * extra.std() / np.sqrt(counts)
left.fill_between(
    counts,
    formula - width,
    formula + width,
    color=ORANGE,
    alpha=0.15,
    label="two standard errors",
)
left.semilogx(counts, running, color=BLUE, label="mean over the draws so far")
left.set(xlabel="draws", ylabel="KL in nats", ylim=(formula - 2, formula + 2))
left.set_title("the estimate converges")
left.legend()
xs = np.linspace(-3, 3, 400)
right.plot(xs, np.exp(log_gaussian(xs, mu, sigma)), color=BLUE, label="q = N(1, 0.5²)")
right.plot(xs, np.exp(log_gaussian(xs, 0, 1)), color=GREEN, label="p = N(0, 1)")
right.set(xlabel="z", ylabel="density", title="the two densities", ylim=0)
right.legend()
show(figure, "10-formula-and-draws")

# %% [markdown]
# The formula needs no draws, and has no random error (left). This is one reason
# why VAEs use Gaussians: one of the two terms of their loss is computed exactly.
#
# One detail matters in float32. Near the prior both $\sigma^2 - 1$ and
# $\log\sigma^2$ are tiny, and in $e^{\text{logvar}} - 1$ most digits are lost. So
# npvae uses `expm1(logvar)`, which computes this difference accurately, and replaces
# negative rounding errors by zero. (For a tiny $t$, $e^t - 1 - t \approx t^2/2$, so
# the KL for $\mu = 0$, $\log\sigma^2 = t$ is $t^2/4$.)

# %%
some_mu, some_logvar = rng.standard_normal((2, 5, 3))
log_q = log_density(z[:, None], mu, np.full((len(z), 1), np.log(sigma**2)))
assert np.allclose(log_gaussian(z, mu, sigma), log_q), "npvae's log density takes log σ²"
assert np.allclose(kl_per_latent(some_mu, some_logvar), kl(some_mu, some_logvar))
assert np.allclose(kl_standard_normal(some_mu, some_logvar), kl(some_mu, some_logvar).sum(axis=1))

tiny = np.float32(1e-4)
naive, careful = kl(np.float32(0), tiny), kl_per_latent(np.float32([[0]]), np.float32([[tiny]]))
print(f"logvar 0.0001 in float32: naive {naive:.1e}, npvae {careful[0, 0]:.1e}, true 2.5e-09")
assert abs(naive / 2.5e-9 - 1) > 0.5
assert abs(careful[0, 0] / 2.5e-9 - 1) < 0.01
near = np.linspace(-1e-3, 1e-3, 20_001, dtype=np.float32)[:, None]
assert kl(np.float32(0), near).min() < 0, "the naive form even falls below zero"
assert (kl_per_latent(0 * near, near) >= 0).all()

# %% [markdown]
# ## The gradient
#
# The gradient follows directly from the formula. (With respect to $\log\sigma^2$,
# $\sigma^2 = e^{\log\sigma^2}$ is its own derivative.)
#
# $$ \frac{d\,\text{KL}}{d\mu} = \mu, \qquad
# \frac{d\,\text{KL}}{d \log\sigma^2} = \tfrac12 (\sigma^2 - 1) $$
#
# **Predict first:** we start with 40 different Gaussians, and minimise their KL by
# gradient descent. Where do they end? Which converges faster, one that is too wide
# or one that is too narrow?


# %%
def kl_gradient(mu, logvar):
    """The derivatives of `kl` with respect to mu and to logvar, for each latent."""
    ### BEGIN SOLUTION
    return mu, 0.5 * (np.exp(logvar) - 1)
    ### END SOLUTION


h = 1e-6
dmu, dlogvar = kl_gradient(some_mu, some_logvar)
numeric = (kl(some_mu + h, some_logvar) - kl(some_mu - h, some_logvar)) / (2 * h)
assert np.allclose(numeric, dmu, atol=1e-7)
numeric = (kl(some_mu, some_logvar + h) - kl(some_mu, some_logvar - h)) / (2 * h)
assert np.allclose(numeric, dlogvar, atol=1e-7)
assert check(kl_and_grad, some_mu, some_logvar).ok

mus = rng.uniform(-3, 3, 40)
sigmas = np.exp(rng.uniform(np.log(0.05), np.log(3), 40))
logvars = 2 * np.log(sigmas)
path, lr = [(mus.copy(), np.exp(logvars / 2))], 0.05
for _ in range(400):
    dmu, dlogvar = kl_gradient(mus, logvars)
    mus, logvars = mus - lr * dmu, logvars - lr * dlogvar
    path.append((mus.copy(), np.exp(logvars / 2)))
path = np.array(path)  # (401, 2, 40): mu and sigma of each Gaussian, step by step
after = kl(mus, logvars)
print(f"after 400 steps: mu within {np.abs(mus).max():.4f} of 0, the largest KL {after.max():.4f}")
assert after.max() < 0.01
assert np.abs(mus).max() < 1e-3


def steps_to_converge(sigma):
    """Steps until the KL of N(0, sigma²) is below a hundredth of a nat."""
    logvar, n_steps = 2 * np.log(sigma), 0
    while kl(0, logvar) > 0.01:
        logvar -= lr * kl_gradient(0, logvar)[1]
        n_steps += 1
    return n_steps


wide, narrow = steps_to_converge(3), steps_to_converge(1 / 3)
print(f"from σ = 3: {wide} steps; from σ = 1/3: {narrow}")
assert narrow > 2 * wide

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
m, s = np.meshgrid(np.linspace(-3, 3, 121), np.exp(np.linspace(np.log(0.04), np.log(3.2), 121)))
levels = [0.1, 0.5, 1, 2, 3, 4]
for ax in (left, right):
    lines = ax.contour(m, s, kl(m, 2 * np.log(s)), levels=levels, colors="#999999", linewidths=0.8)
    ax.clabel(lines, fmt="%g", fontsize="small")
    ax.set(yscale="log", xlabel="μ", ylabel="σ")
left.set_title("KL from N(0, 1), in nats")
examples = [((0, 1), "the prior"), ((-1, 1), "shifted"), ((0, 0.1), "narrow"), ((2, 0.1), "both")]
for (at, name), colour in zip(examples, (GREEN, BLUE, PURPLE, ORANGE), strict=True):
    left.plot(*at, "o", color=colour)
    cost = kl(at[0], 2 * np.log(at[1]))
    side = "right" if at[0] < 0 else "left"
    offset = (-6 if at[0] < 0 else 6, 5)
    left.annotate(f"{name}: {cost:.1f}", at, textcoords="offset points", xytext=offset, ha=side)
    print(f"{name:<13} μ = {at[0]}, σ = {at[1]:<4} costs {cost:.2f} nats")
right.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.8)
right.plot(*path[0], ".", color=BLUE, label="40 Gaussians at the start")
right.plot(*path[-1], "o", color=ORANGE, label="after 400 steps")
right.set_title("gradient descent on the KL")
right.legend(loc="lower left", frameon=True)
show(figure, "10-gradient-descent")

# %% [markdown]
# All of them end at $\mu = 0$, $\sigma = 1$: the prior. For a wide Gaussian the
# gradient $\tfrac12 (\sigma^2 - 1)$ can become arbitrarily large, so it changes fast.
# For a narrow one it is never below $-\tfrac12$. So of two Gaussians that are wrong
# by the same factor, the narrow one needs many more steps.
#
# If the loss were the KL alone, every image would get the same Gaussian, and the
# code would contain *no* information. In a VAE there is a second term, the
# reconstruction, which is smallest if the Gaussians of different images are narrow
# and far apart. Lesson 13b shows how the two find a balance.
#
# ## What a nat means
#
# The KL of the encoder's Gaussian from the prior can be read as the cost of
# *information* about an image. A shift to $\mu = 1$ or $\mu = -1$ costs half a nat. A
# standard deviation of $\sigma = 0.1$, ten times as precise as the prior, costs 1.8
# nats. Halving a small $\sigma$ costs nearly $\log 2 \approx 0.69$ nats each time,
# since only the term $-\tfrac12\log\sigma^2$ still changes. This is one *bit*, as it
# should be: an interval of half the width corresponds to one more answer to a
# yes-or-no question.
#
# Now suppose that there are many images. Let all their Gaussians have the same
# standard deviation $\sigma$, and let their means be such that the Gaussians
# *together* have the distribution of the prior. A draw is the mean of its Gaussian
# plus noise of variance $\sigma^2$, and variances of independent numbers are added.
# So the means must have the variance $1 - \sigma^2$.
#
# **Predict first:** suppose that the mean KL is 2 nats. How many images can be told
# apart by a single draw from their Gaussians?

# %%
for s in (0.4, 0.2, 0.1):
    more = kl(0, 2 * np.log(s / 2)) - kl(0, 2 * np.log(s))
    print(f"from σ = {s} to {s / 2:.2f}: {more:.3f} nats more")
assert abs(more - np.log(2)) < 0.005

for nats in (1, 2, 3):
    s = np.exp(-nats)
    means = np.sqrt(1 - s**2) * rng.standard_normal(1_000_000)
    mean_kl = kl(means, 2 * np.log(s)).mean()
    assert abs(mean_kl - nats) < 0.01

    n = round(np.exp(nats))  # so many Gaussians, their means at quantiles of the prior
    means = np.sqrt(1 - s**2) * gaussian_quantiles(n)
    z = means[:, None] + s * rng.standard_normal((n, 10_000))
    nearest = np.abs(z[..., None] - means).argmin(axis=-1)
    right = (nearest == np.arange(n)[:, None]).mean()
    print(
        f"{mean_kl:.2f} nats: σ = 1/{1 / s:.1f}; "
        f"of {n:2d} Gaussians a draw is assigned to the right one in {right:.0%}"
    )
    assert right > 0.75

# %% [markdown]
# Why these numbers? Put the variance of the means into the formula of the KL: the
# mean of $\mu^2$ is $1 - \sigma^2$, so
#
# $$ \text{mean KL} = \tfrac12 \left((1 - \sigma^2) + \sigma^2 - 1 - \log\sigma^2\right)
# = \log\frac{1}{\sigma} $$
#
# The prior has standard deviation 1 and each Gaussian has $\sigma$, so about
# $1/\sigma$ of them fit side by side with little overlap. If the mean KL is $K$ nats,
# then $1/\sigma = e^K$. So about $e^2 \approx 7$ Gaussians fit for 2 nats and 20 for
# 3 nats, and a draw is assigned to the right one in about nine cases of ten. (The
# nats printed are those of very many Gaussians. Seven need a little less.) With
# several latents the nats are added, and the numbers of Gaussians multiplied, as in
# $e^{K_1} e^{K_2} = e^{K_1 + K_2}$.
#
# Remember the rule: **a code whose mean KL is $K$ nats can distinguish at most about
# $e^K$ images.** (We have shown that about $e^K$ is possible; that no arrangement
# does better we do not prove.) It is reached only if the Gaussians together fill the
# prior: if all of them are at $\mu = 2$, each costs 2 nats or more, and none can be
# told from the others. The VAE of lesson 13b uses about 25 nats per image.
#
# ## The KL is not symmetric
#
# In $\text{KL}(q, p)$ the two distributions have different roles: the draws come
# from $q$. Does this matter? Let $p$ be the posterior of lesson 09 with two peaks,
# of the pupil who worked for 20 minutes. We look for the Gaussian $q$ that is
# closest to it, once with the smallest $\text{KL}(q, p)$ and once with the smallest
# $\text{KL}(p, q)$.
#
# **Predict first:** where does each of the two Gaussians lie: on one of the peaks,
# between them, or over both?

# %%
grid = np.linspace(-6, 6, 601)
dz = grid[1] - grid[0]
log_p = log_gaussian(grid, 0, 1) + log_gaussian(20, 60 * np.exp(-(grid**2) / 2), 6)
log_p -= np.log(np.exp(log_p).sum() * dz)  # Bayes' rule, on the grid


def on_grid(log_a, log_b):
    """KL(a, b) by a sum over the grid."""
    return (np.exp(log_a) * (log_a - log_b)).sum() * dz


parameters = [(m, s) for m in np.linspace(-2, 2, 81) for s in np.geomspace(0.1, 2.5, 200)]
candidates = [log_gaussian(grid, m, s) for m, s in parameters]
q_first = parameters[np.argmin([on_grid(log_q, log_p) for log_q in candidates])]
p_first = parameters[np.argmin([on_grid(log_p, log_q) for log_q in candidates])]
for name, best in (("least KL(q, p)", q_first), ("least KL(p, q)", p_first)):
    log_q = log_gaussian(grid, *best)
    print(
        f"{name}: mean {best[0]:.2f}, standard deviation {best[1]:.2f}; its KL(q, p) is "
        f"{on_grid(log_q, log_p):.2f}, its KL(p, q) is {on_grid(log_p, log_q):.2f}"
    )
assert abs(on_grid(log_gaussian(grid, *q_first), log_p) - np.log(2)) < 0.05
assert abs(q_first[0]) > 1, "on one of the peaks"
assert q_first[1] < 0.4
assert abs(p_first[0]) < 0.1, "over both of them"
assert p_first[1] > 1.2

figure, ax = plt.subplots(figsize=(7, 3.2))
ax.fill_between(grid, np.exp(log_p), color="#cccccc", label="p, the posterior of lesson 09")
ax.plot(grid, np.exp(log_gaussian(grid, *q_first)), color=BLUE, label="q of the least KL(q, p)")
ax.plot(grid, np.exp(log_gaussian(grid, *p_first)), color=ORANGE, label="q of the least KL(p, q)")
ax.set(xlabel="z", ylabel="density", xlim=(-4, 4), ylim=0)
ax.legend()
show(ax, "10-two-directions")

# %% [markdown]
# It matters. In $\text{KL}(q, p)$ the draws come from $q$. A draw in the gap, where
# $p$ is nearly zero, would cost very much. So $q$ avoids the gap and covers one peak
# only. Missing the other peak costs just $\log 2 \approx 0.69$ nats, because $q$ is
# twice as high as $p$ there. (Both peaks are equally good; rounding decided.) In
# $\text{KL}(p, q)$ the draws come from $p$, and $q$ must be large wherever $p$ is. So
# it covers both peaks and the gap, and has the standard deviation of $p$, 1.49.
#
# A VAE uses the first kind in two places: with the prior as $p$, as above, and, as
# lesson 12a shows, with the posterior as $p$. The reason is that the draws of a VAE
# come from the encoder, so it is not necessary to know in advance where $p$ is
# large. A consequence is that if the posterior of an image has two peaks, the
# Gaussian of the encoder tends to cover only one of them.
#
# > **What you may have read:** "the KL divergence is the distance between two
# > distributions". A distance is the same in both directions, and the KL is not. It
# > is the additional cost, in nats, of using $p$ for draws that come from $q$.
#
# The KL can be computed without draws. The other term of the loss cannot, and
# lesson 11 shows how a gradient can pass through a random draw.

# %% [markdown]
# ## Questions
#
# **Question 1.** For one draw $z \sim q$ you compute $\log q(z) - \log p(z)$, and
# it is $-0.8$. What does that mean?
#
# - **a** There is a bug, because the KL divergence is never negative.
# - **b** Nothing special: only the mean over many draws from $q$ cannot be
#   negative.
# - **c** That $q$ is closer to the data than $p$ is.
#
# **Question 2.** In a VAE the KL divergence of the encoder's Gaussian from the
# prior is 0 for every image. What has happened?
#
# - **a** The code carries no information: the encoder returns the prior for every
#   image.
# - **b** The encoder has found the perfect posterior.
# - **c** The model has reached its best loss, since this term cannot be smaller.
#
# ## Exercises
#
# Answers are in `answers_10_kl_divergence.py`.
#
# 1. **Change a number.** A Gaussian with $\mu = 0$ may cost half a nat. Predict
#    whether it can be wider than the prior by the same factor by which it can be
#    narrower. Then find both standard deviations. *Check:* the KL is 0.5 for both,
#    and only one of them differs from 1 by more than a factor of two.
# 2. **Another unit.** By lesson 03, each loss grows by $\log 1000$ if metres become
#    millimetres. Predict what happens to the KL of two Gaussians if the unit of $z$
#    is changed. *Check:* with draws of $z$ and of $1000 z$, to $10^{-9}$.
# 3. **Derive and implement.** Derive the KL of $\mathcal N(\mu_1, \sigma_1^2)$ from
#    any other Gaussian $\mathcal N(\mu_2, \sigma_2^2)$ in the same way. *Check:*
#    against 100,000 draws, within four standard errors; and for $\mu_2 = 0$,
#    $\sigma_2 = 1$ your formula becomes the one above.
