# %% [markdown]
# # 10 · What it costs to believe the wrong thing
#
# *Two distributions: how far is one from the other, and in which unit?*
#
# - **You need:** lessons 03 and 09.
# - **You get:** the Kullback-Leibler divergence, its formula for bells derived
#   and checked against random draws, its gradient, and a feeling for what a nat
#   of it buys.
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
# ## A price for a wrong belief
#
# Lesson 03 gave losses a unit: what you find probable is cheap, and $x$ costs
# $-\log p(x)$ nats. Now let numbers $z$ come from one distribution, $q$, while
# somebody believes in another, $p$. With the right belief a draw would cost
# $-\log q(z)$, with the wrong one it costs $-\log p(z)$. What the wrong belief
# costs *more*, in the mean over the draws of $q$, is the **Kullback-Leibler
# divergence** (1951), KL for short:
#
# $$ \text{KL}(q, p) = \mathbb E_{z \sim q}\left[\log q(z) - \log p(z)\right] $$
#
# $\mathbb E_{z \sim q}$, or $\mathbb E_q$ for short, is the mean over infinitely
# many draws $z$ of $q$. (Say: the KL of $q$ from $p$. Many write it
# $\text{KL}(q \,\|\, p)$.) This lesson is about one case, the one that a VAE
# needs: $q = \mathcal N(\mu, \sigma^2)$ is the little cloud that the encoder
# names for an image (its $\sigma$ has nothing to do with the noise of lesson 09),
# and $p = \mathcal N(0, 1)$ is the prior.
#
# We can measure it right away, from random draws. That is a *Monte Carlo*
# estimate: draw, compute, take the mean. (The mean of $n$ draws is off by about
# their spread over $\sqrt n$, its *standard error*, and by four of them almost
# never.)
#
# **Predict first:** $\mu = 1$, $\sigma = 0.5$. Can a single draw have a
# *negative* $\log q - \log p$? Can the mean of all draws?


# %%
def log_bell(z, mu, sigma):
    """Log N(z; mu, sigma²) of each number in z."""
    return -((z - mu) ** 2) / (2 * sigma**2) - np.log(sigma) - 0.5 * np.log(2 * np.pi)


mu, sigma = 1.0, 0.5
z = mu + sigma * rng.standard_normal(100_000)
surcharge = log_bell(z, mu, sigma) - log_bell(z, 0, 1)  # nats, of each draw
estimate, error = surcharge.mean(), surcharge.std() / np.sqrt(len(z))
print(f"{(surcharge < 0).mean():.0%} of the draws are cheaper under the wrong belief")
print(f"but in the mean it costs {estimate:.4f} nats more, give or take {error:.4f}")
assert (surcharge < 0).any()
assert estimate > 0

# %% [markdown]
# A single draw can: far from its own middle a *narrow* bell is lower than a wide
# one, left of 0.4 or right of 2.3 in the picture below. The mean cannot, whatever
# $q$ and $p$ are. To see it, note that a logarithm lies below its tangent at 1:
# $\log w \le w - 1$. Put in $w = p(z) / q(z)$, and remember that $\mathbb E_q[f]$
# is $\int q f\, dz$ (the two $q$ cancel) and that the area below $p$ is 1:
#
# $$ -\text{KL} = \mathbb E_q\left[\log \frac{p}{q}\right]
# \le \mathbb E_q\left[\frac{p}{q} - 1\right] = \int q\, \frac{p}{q}\, dz - 1 = 0 $$
#
# So $\text{KL} \ge 0$, and it is zero only where $w = 1$ everywhere: where both
# are the same. To believe the wrong thing never pays.
#
# ## The formula
#
# For two bells the mean can be taken on paper. Write out both logarithms; the
# $\log 2\pi$ cancels:
#
# $$ \log q - \log p = -\frac{(z - \mu)^2}{2\sigma^2} - \log\sigma + \frac{z^2}{2} $$
#
# Now the mean over $q$. By definition $\mathbb E[(z - \mu)^2] = \sigma^2$, so the
# first term becomes $-\tfrac12$. And $\mathbb E[z^2] = \mu^2 + \sigma^2$, since a
# mean square is the square of the mean plus the variance. With
# $2 \log\sigma = \log\sigma^2$:
#
# $$ \text{KL} = \tfrac12 \left(\mu^2 + \sigma^2 - 1 - \log\sigma^2\right) $$
#
# A code has several numbers, and the encoder names a bell for each of them. The
# bells are independent, so probabilities multiply, logarithms add up, and so do
# the KLs. In npvae the encoder does not put out $\sigma$ but $\log\sigma^2$,
# called `logvar`. It may be any real number, as a network's output is, and
# $\sigma^2 = e^{\text{logvar}}$ is positive by itself.


# %%
def kl(mu, logvar):
    """KL of N(mu, exp(logvar)) from N(0, 1), for each latent."""
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)


on_paper = kl(mu, np.log(sigma**2))
print(f"on paper {on_paper:.4f} nats, by {len(z):,} draws {estimate:.4f}")
assert abs(estimate - on_paper) < 4 * error

counts = np.unique(np.geomspace(1, len(z), 200).astype(int))
running = np.cumsum(surcharge)[counts - 1] / counts
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
left.axhline(on_paper, color=ORANGE, label="the formula")
width = 2 * surcharge.std() / np.sqrt(counts)
left.fill_between(
    counts,
    on_paper - width,
    on_paper + width,
    color=ORANGE,
    alpha=0.15,
    label="two standard errors",
)
left.semilogx(counts, running, color=BLUE, label="mean over the draws so far")
left.set(xlabel="draws", ylabel="KL in nats", ylim=(on_paper - 2, on_paper + 2))
left.set_title("the mean settles")
left.legend()
xs = np.linspace(-3, 3, 400)
right.plot(xs, np.exp(log_bell(xs, mu, sigma)), color=BLUE, label="q = N(1, 0.5²)")
right.plot(xs, np.exp(log_bell(xs, 0, 1)), color=GREEN, label="p = N(0, 1)")
right.set(xlabel="z", title="where q is high and p is low, it costs", ylim=0)
right.legend()
show(figure, "10-formula-and-draws")

# %% [markdown]
# The formula saves the draws, and their noise (left, above). That is one reason
# why VAEs use bells: one of the two terms of the loss has no randomness in it at
# all.
#
# One thing needs care in float32. Near the prior both $\sigma^2 - 1$ and
# $\log\sigma^2$ are tiny, and $1 + \text{tiny} - 1$ loses its digits. So npvae
# writes `expm1(logvar)` for $e^{\text{logvar}} - 1$, and cuts off what rounding
# leaves below zero. (For a tiny $t$, $e^t - 1 - t \approx t^2/2$, so the true KL
# of $\mu = 0$, $\log\sigma^2 = t$ is $t^2/4$.)

# %%
some_mu, some_logvar = rng.standard_normal((2, 5, 3))
log_q = log_density(z[:, None], mu, np.full((len(z), 1), np.log(sigma**2)))
assert np.allclose(log_bell(z, mu, sigma), log_q), "npvae's log density asks for log σ²"
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
# ## Which way it pulls
#
# The gradient, which the encoder will feel, is simple. Differentiate the formula
# ($\sigma^2 = e^{\log\sigma^2}$ is its own derivative by $\log\sigma^2$):
#
# $$ \frac{d\,\text{KL}}{d\mu} = \mu, \qquad
# \frac{d\,\text{KL}}{d \log\sigma^2} = \tfrac12 (\sigma^2 - 1) $$
#
# **Predict first:** we start with 40 clouds here and there, and follow the
# gradient of the KL downhill, and nothing else. Where do they end? Which is
# faster, a cloud too wide or one too narrow?

# %%
h = 1e-6
numeric = (kl(some_mu + h, some_logvar) - kl(some_mu - h, some_logvar)) / (2 * h)
assert np.allclose(numeric, some_mu, atol=1e-7)
numeric = (kl(some_mu, some_logvar + h) - kl(some_mu, some_logvar - h)) / (2 * h)
assert np.allclose(numeric, 0.5 * (np.exp(some_logvar) - 1), atol=1e-7)
assert check(kl_and_grad, some_mu, some_logvar).ok

mus = rng.uniform(-3, 3, 40)
sigmas = np.exp(rng.uniform(np.log(0.05), np.log(3), 40))
logvars = 2 * np.log(sigmas)
path, lr = [(mus.copy(), np.exp(logvars / 2))], 0.05
for _ in range(400):
    mus -= lr * mus
    logvars -= lr * 0.5 * (np.exp(logvars) - 1)
    path.append((mus.copy(), np.exp(logvars / 2)))
path = np.array(path)  # (401, 2, 40): mu and sigma of each cloud, step by step
after = kl(mus, logvars)
print(f"after 400 steps: mu within {np.abs(mus).max():.4f} of 0, the largest KL {after.max():.4f}")
assert after.max() < 0.01
assert np.abs(mus).max() < 1e-3


def steps_to_arrive(sigma):
    """Steps until the KL of a cloud in the right place is below a hundredth of a nat."""
    logvar, n_steps = 2 * np.log(sigma), 0
    while kl(0, logvar) > 0.01:
        logvar, n_steps = logvar - lr * 0.5 * (np.exp(logvar) - 1), n_steps + 1
    return n_steps


wide, narrow = steps_to_arrive(3), steps_to_arrive(1 / 3)
print(f"three times too wide: {wide} steps; three times too narrow: {narrow}")
assert narrow > 2 * wide

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
m, s = np.meshgrid(np.linspace(-3, 3, 121), np.exp(np.linspace(np.log(0.04), np.log(3.2), 121)))
levels = [0.1, 0.5, 1, 2, 3, 4]
for ax in (left, right):
    lines = ax.contour(m, s, kl(m, 2 * np.log(s)), levels=levels, colors="#999999", linewidths=0.8)
    ax.clabel(lines, fmt="%g", fontsize="small")
    ax.set(yscale="log", xlabel="μ", ylabel="σ")
left.set_title("KL from N(0, 1), in nats")
examples = [((0, 1), "nothing said"), ((-1, 1), "moved"), ((0, 0.1), "sharp"), ((2, 0.1), "both")]
for (at, name), colour in zip(examples, (GREEN, BLUE, PURPLE, ORANGE), strict=True):
    left.plot(*at, "o", color=colour)
    cost = kl(at[0], 2 * np.log(at[1]))
    side = "right" if at[0] < 0 else "left"
    away = (-6 if at[0] < 0 else 6, 5)
    left.annotate(f"{name}: {cost:.1f}", at, textcoords="offset points", xytext=away, ha=side)
    print(f"{name:<13} μ = {at[0]}, σ = {at[1]:<4} costs {cost:.2f} nats")
right.plot(path[:, 0], path[:, 1], color=BLUE, linewidth=0.8)
right.plot(*path[0], ".", color=BLUE, label="where 40 clouds begin")
right.plot(*path[-1], "o", color=ORANGE, label="after 400 steps")
right.set_title("pulled to the prior")
right.legend(loc="lower left", frameon=True)
show(figure, "10-pulled-to-the-prior")

# %% [markdown]
# All of them end at $\mu = 0$, $\sigma = 1$: the prior itself. A cloud that is
# too wide is pulled in hard, since $\sigma^2 - 1$ grows without bound; one that
# is too narrow is pushed out gently: its gradient is never beyond $-\tfrac12$,
# however narrow it is. So of two clouds that are off by the same factor the
# narrow one arrives much later, as the printed steps say.
#
# That is what the KL alone wants: every image gets the same cloud, and the code
# says *nothing*. In a VAE it has an opponent, the reconstruction, which wants
# clouds far apart and as narrow as points. Lesson 13 lets them fight.
#
# ## What a nat buys
#
# Think of the KL as the price of *saying* something about an image. A cloud at
# $\mu = 1$ or $-1$ costs half a nat. A sharp one, $\sigma = 0.1$, costs 1.8: to
# be ten times as precise as the prior. Each further halving of $\sigma$ costs
# nearly $\log 2 \approx 0.69$ nats (only $-\tfrac12\log\sigma^2$ still moves),
# which is one *bit*, and so it ought to be: half as wide means one more yes-or-no
# question answered.
#
# Now suppose that there are many images, and that their clouds, all of width
# $\sigma$, lie side by side so that *together* they fill the prior. A draw is its
# cloud's middle plus noise of variance $\sigma^2$, and independent variances add,
# so the middles must have a variance of $1 - \sigma^2$.
#
# **Predict first:** each image may spend 2 nats in the mean. How many clouds find
# room beside each other?

# %%
for s in (0.4, 0.2, 0.1):
    more = kl(0, 2 * np.log(s / 2)) - kl(0, 2 * np.log(s))
    print(f"from σ = {s} to {s / 2:.2f}: {more:.3f} nats more")
assert abs(more - np.log(2)) < 0.005

for nats in (1, 2, 3):
    s = np.exp(-nats)
    middles = np.sqrt(1 - s**2) * rng.standard_normal(1_000_000)
    mean_kl = kl(middles, 2 * np.log(s)).mean()
    assert abs(mean_kl - nats) < 0.01

    n = round(np.exp(nats))  # so many clouds, at equally probable places
    middles = np.sqrt(1 - s**2) * gaussian_quantiles(n)
    z = middles[:, None] + s * rng.standard_normal((n, 10_000))
    nearest = np.abs(z[..., None] - middles).argmin(axis=-1)
    told = (nearest == np.arange(n)[:, None]).mean()
    print(
        f"{mean_kl:.2f} nats: clouds {1 / s:4.1f} times as narrow as the prior; "
        f"of {n:2d} side by side a draw is told rightly in {told:.0%}"
    )
    assert told > 0.75

# %% [markdown]
# Put the variance of the middles into the formula: the mean of $\mu^2$ is
# $1 - \sigma^2$, everything cancels but $-\tfrac12 \log\sigma^2$, and the mean KL
# is exactly $\log(1 / \sigma)$. A cloud $1/\sigma$ times as narrow as the prior
# leaves room for about $1/\sigma$ of them. So with 2 nats there is room for
# $e^2 \approx 7$ clouds, with 3 for 20, and a draw is told rightly in nine cases
# of ten. (The nats printed are those of very many clouds. Seven cost a little
# less.) With several latents nats add and rooms multiply. Remember that: **a code
# that costs $K$ nats can tell at most about $e^K$ things apart**, and it gets
# there only if its clouds fill the prior. (That no other arrangement does better
# we do not prove.) (All clouds at $\mu = 2$ cost 2 nats each, and tell nothing.)
# The VAE of lesson 13 will spend some 25 nats on a digit.
#
# ## It is no distance
#
# In $\text{KL}(q, p)$ the two do not play the same part: the draws come from $q$.
# Does it matter? Let $p$ now be the two-peaked posterior of lesson 09, of the
# pupil who worked for 20 minutes, and look for the single bell $q$ that is
# nearest to it, once by $\text{KL}(q, p)$ and once by $\text{KL}(p, q)$.
#
# **Predict first:** where does each of the two lie: on one of the peaks, between
# them, or over both?

# %%
grid = np.linspace(-6, 6, 601)
dz = grid[1] - grid[0]
log_p = log_bell(grid, 0, 1) + log_bell(20, 60 * np.exp(-(grid**2) / 2), 6)
log_p -= np.log(np.exp(log_p).sum() * dz)  # Bayes' rule, on the grid


def on_grid(log_a, log_b):
    """KL(a, b) by a sum over the grid."""
    return (np.exp(log_a) * (log_a - log_b)).sum() * dz


tried = [(m, s) for m in np.linspace(-2, 2, 81) for s in np.geomspace(0.1, 2.5, 200)]
bells = [log_bell(grid, m, s) for m, s in tried]
q_first = tried[np.argmin([on_grid(log_q, log_p) for log_q in bells])]
p_first = tried[np.argmin([on_grid(log_p, log_q) for log_q in bells])]
for name, best in (("least KL(q, p)", q_first), ("least KL(p, q)", p_first)):
    log_q = log_bell(grid, *best)
    print(
        f"{name}: a bell at {best[0]:.2f}, of width {best[1]:.2f}; its KL(q, p) is "
        f"{on_grid(log_q, log_p):.2f}, its KL(p, q) is {on_grid(log_p, log_q):.2f}"
    )
assert abs(on_grid(log_bell(grid, *q_first), log_p) - np.log(2)) < 0.05
assert abs(q_first[0]) > 1, "on one of the peaks"
assert q_first[1] < 0.4
assert abs(p_first[0]) < 0.1, "over both of them"
assert p_first[1] > 1.2

figure, ax = plt.subplots(figsize=(7, 3.2))
ax.fill_between(grid, np.exp(log_p), color="#cccccc", label="p, the posterior of lesson 09")
ax.plot(grid, np.exp(log_bell(grid, *q_first)), color=BLUE, label="q of the least KL(q, p)")
ax.plot(grid, np.exp(log_bell(grid, *p_first)), color=ORANGE, label="q of the least KL(p, q)")
ax.set(xlabel="z", xlim=(-4, 4), ylim=0)
ax.legend()
show(ax, "10-two-directions")

# %% [markdown]
# It matters. In $\text{KL}(q, p)$ the draws are those of $q$, and one that falls
# into the gap, where $p$ is next to nothing, costs a fortune. So $q$ avoids the
# gap and takes one peak; that it misses the other costs nothing but the
# $\log 2 \approx 0.69$ of being twice as high. (Either peak is as good; rounding
# chose.) In $\text{KL}(p, q)$ the draws are those of $p$, and $q$ must not miss
# any: it covers both peaks, gap and all, and takes $p$'s own spread, the 1.49 of
# lesson 09.
#
# A VAE will meet the first kind twice: with the prior for $p$, as above, and, as
# lesson 12 shows, with the posterior. The reason is simple: its draws are the
# encoder's, and nobody need know beforehand where $p$ is large. The second of the
# two gives it a habit: where an image has two explanations far apart, the
# encoder's bell tends to choose one.
#
# > **What you may have read:** "the KL divergence is the distance between two
# > distributions". A distance is the same in both directions, and this is not. It
# > is a cost, in nats, for the one who draws from $q$ and believes in $p$.
#
# The KL needs no draws. The other half of the loss does, and a draw has no slope.
# That is lesson 11.
#
# ## Exercises
#
# Answers are in `answers_10_kl_divergence.py`.
#
# 1. **Change a number.** A cloud at $\mu = 0$ may spend half a nat. Predict
#    whether it may get wider by the same factor by which it may get narrower.
#    Then find both widths. *Check:* the KL is 0.5 at both, and only one of them
#    is more than a factor of two away from 1.
# 2. **Stretch the axis.** Lesson 03: measured in millimetres, every loss grows by
#    $\log 1000$. Predict what happens to the KL of two bells if $z$ is measured
#    in another unit. *Check:* by draws of $z$ and of $1000 z$, to $10^{-9}$.
# 3. **Derive and implement.** Derive the KL of $\mathcal N(\mu_1, \sigma_1^2)$
#    from any other bell $\mathcal N(\mu_2, \sigma_2^2)$, as above. *Check:*
#    against 100,000 draws, within four standard errors; and your formula becomes
#    ours for $\mu_2 = 0$, $\sigma_2 = 1$.
