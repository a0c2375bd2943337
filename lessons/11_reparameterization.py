# %% [markdown]
# # 11 · Sampling you can differentiate
#
# *How can a gradient pass through a random draw?*
#
# - **You need:** lessons 01, 04 and 10.
# - **You get:** two ways to differentiate a mean over random draws, the reason
#   why a VAE takes one of them, and two tests for code that draws at random.
# - **Run time:** 3 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, show

from npvae import check
from npvae.gaussian import reparameterize, reparameterize_backward

rng = np.random.default_rng(0)

# %% [markdown]
# ## The problem
#
# In training, the encoder names a cloud, $\mu$ and $\log\sigma^2$. We draw $z$
# from it, the decoder makes an image of $z$, and the loss $f(z)$ says how bad
# that is. What should be small is its mean over the draws:
#
# $$ L(\mu, \log\sigma^2) = \mathbb E_{z \sim \mathcal N(\mu, \sigma^2)}[f(z)] $$
#
# To train the encoder we need $dL/d\mu$ and $dL/d\log\sigma^2$. But what is the
# derivative of "draw a random number"? Nudge $\mu$, draw again, and the new
# number differs by chance far more than by the nudge.
#
# We study it on an $f$ for which everything is known: half the squared distance
# from 3. Then $L = \tfrac12 \left((\mu - 3)^2 + \sigma^2\right)$, a mean square
# being the square of the mean plus the variance. So the gradients are $\mu - 3$
# and $\tfrac12\sigma^2$, and we can see who gets them right.

# %%
TARGET = 3.0


def f(z):
    """Half the squared distance from the target, summed over the latents; and its gradient."""
    return 0.5 * ((z - TARGET) ** 2).sum(axis=-1), z - TARGET


mu, logvar, n = 0.0, 0.0, 100_000  # the cloud N(0, 1), and how often we draw from it
sigma = np.exp(logvar / 2)
z = mu + sigma * rng.standard_normal((n, 1))
assert abs(f(z)[0].mean() - 0.5 * ((mu - TARGET) ** 2 + sigma**2)) < 0.05

# %% [markdown]
# ## First way: make good draws more probable
#
# Write the mean as an integral and differentiate what depends on $\mu$, the
# density $q$:
#
# $$ \frac{d}{d\mu} \int f(z)\, q(z)\, dz = \int f(z)\, \frac{dq}{d\mu}\, dz
# = \int f(z)\, \frac{d \log q}{d\mu}\, q(z)\, dz $$
#
# (The last step uses $\frac{d \log q}{d\mu} = \frac{1}{q} \frac{dq}{d\mu}$.) What
# stands there is a mean again, so draws can estimate it. In $\log q$ only
# $-(z - \mu)^2 / 2\sigma^2$ depends on $\mu$, and its slope is
# $(z - \mu) / \sigma^2$:
#
# $$ \frac{dL}{d\mu} = \mathbb E\left[f(z)\, \frac{d \log q}{d\mu}\right]
# = \mathbb E\left[f(z)\, \frac{z - \mu}{\sigma^2}\right] $$
#
# This is the **score-function** gradient (the *score* is the slope of $\log q$).
# It reads: look where each draw fell and how bad it was, and move $\mu$ away from
# the bad ones. It never asks for the slope of $f$. It would work for a slot
# machine, which has none. (By $\log\sigma^2$ in the same way: there the slope of
# $\log q$ is $\tfrac12 ((z - \mu)^2 / \sigma^2 - 1)$.)
#
# ## Second way: move the draws
#
# A draw of $\mathcal N(\mu, \sigma^2)$ can be made in two steps. First draw noise
# that knows nothing of $\mu$ and $\sigma$, then shift and stretch it:
#
# $$ z = \mu + \sigma\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, 1) $$
#
# That is called **reparameterisation**: the same distribution, written so that
# the chance is an *input* and the rest is arithmetic. For a given $\varepsilon$,
# $z$ is a plain function of $\mu$, and the chain rule of lesson 01 holds:
# $dz/d\mu = 1$, and with $\sigma = e^{\log\sigma^2 / 2}$,
# $dz/d\log\sigma^2 = \tfrac12 \sigma\varepsilon$.
#
# The mean is now over $\varepsilon$, which does not depend on $\mu$ or $\sigma$,
# so we may differentiate inside it:
#
# $$ \frac{dL}{d\mu} = \mathbb E\left[f'(z)\right], \qquad
# \frac{dL}{d\log\sigma^2} = \mathbb E\left[f'(z)\, \tfrac12 \sigma\varepsilon\right] $$
#
# This is the **pathwise** gradient, and reads: ask $f$ in which direction each
# draw should go, and move $\mu$ and $\sigma$ so that it goes there.
#
# **Predict first:** both have the same mean, the true gradient. Which of them
# spreads more from draw to draw, and by how much?


# %%
def score_gradient(mu, logvar, eps):
    """From each draw, an estimate of dL/dmu and dL/dlogvar, (n, n_z) each."""
    z, var = mu + np.exp(logvar / 2) * eps, np.exp(logvar)
    value = f(z)[0][:, None]
    return value * (z - mu) / var, value * 0.5 * ((z - mu) ** 2 / var - 1)


def pathwise_gradient(mu, logvar, eps):
    sigma = np.exp(logvar / 2)
    dz = f(mu + sigma * eps)[1]
    return dz, dz * 0.5 * sigma * eps


eps = rng.standard_normal((n, 1))
dz = f(reparameterize(np.full((n, 1), mu), np.full((n, 1), logvar), eps))[1]
ours = reparameterize_backward(dz, np.full((n, 1), logvar), eps)
assert np.allclose(ours, pathwise_gradient(mu, logvar, eps)), "npvae's are these lines"

truth = {"dL/dmu": mu - TARGET, "dL/dlogvar": 0.5 * np.exp(logvar)}
by_score, by_path = score_gradient(mu, logvar, eps), pathwise_gradient(mu, logvar, eps)
for i, (name, true) in enumerate(truth.items()):
    for way, estimates in (("score", by_score[i]), ("pathwise", by_path[i])):
        error = estimates.std() / np.sqrt(n)
        print(
            f"{name:<10} {way:<8} {estimates.mean():6.3f} ± {error:.3f}, true {true:5.2f}; "
            f"variance of one draw {estimates.var():5.1f}"
        )
        assert abs(estimates.mean() - true) < 4 * error, "unbiased"
print(
    f"the wrong sign: {(by_score[0] > 0).mean():.0%} of the draws by the score function, "
    f"{(by_path[0] > 0).mean():.1%} by the path"
)
ratio = by_score[0].var() / by_path[0].var()
print(f"the variances of dL/dmu: {ratio:.0f} to 1")
assert 40 < ratio < 75, "on paper it is 55.5"

# %% [markdown]
# Both are right in the mean (*unbiased*), but a single draw of the score-function
# gradient is hardly worth anything. Its variance is some 55 times as large, so
# you need some 55 draws where one does. Half of them even have the wrong sign.
#
# Why half? $f$ is never negative, so each draw pushes $\mu$ away from itself,
# whichever side it fell on. Only *how hard* it pushes tells good from bad, and
# that shows in the mean of very many.
#
# It gets worse. A code has many numbers, and the score function multiplies the
# slope of *each* by the whole loss: it cannot know which latent was to blame.
#
# **Predict first:** with 100 latents, each as above, by how much does the
# variance of $dL/d\mu_1$ grow? And that of the pathwise gradient?

# %%
sizes = (1, 3, 10, 30, 100)
variances = {"score function": [], "pathwise": []}
for n_z in sizes:
    eps = rng.standard_normal((20_000, n_z))
    variances["score function"].append(score_gradient(mu, logvar, eps)[0][:, 0].var())
    variances["pathwise"].append(pathwise_gradient(mu, logvar, eps)[0][:, 0].var())
for i, n_z in enumerate(sizes):
    by_way = ", ".join(f"{way} {values[i]:.1f}" for way, values in variances.items())
    print(f"{n_z:3d} latents: {by_way}")
assert variances["score function"][-1] > 1000 * variances["score function"][0]
assert 0.9 < variances["pathwise"][-1] < 1.1

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
bins = np.linspace(-40, 5, 120)
left.hist(by_score[0].ravel(), bins, color=ORANGE, alpha=0.6, density=True, label="score function")
left.hist(by_path[0].ravel(), bins, color=BLUE, alpha=0.6, density=True, label="pathwise")
left.axvline(truth["dL/dmu"], color="black", linestyle=":", label="the truth")
left.axvline(0, color="black", linewidth=0.7)
left.set(title="dL/dμ by single draws", xlabel="estimate", ylabel="density")
left.set(yscale="log", ylim=(1e-4, 2))
left.legend(loc="upper left")
for (way, values), colour in zip(variances.items(), (ORANGE, BLUE), strict=True):
    right.loglog(sizes, values, "o-", color=colour, label=way)
right.set(title="variance of one draw's dL/dμ", xlabel="latents")
right.legend()
show(figure, "11-two-gradients")

# %% [markdown]
# A quarter of a million, against 1. With 100 latents the loss is about 500
# wherever a draw falls. So one draw's estimate is about $500\,\varepsilon$, and
# its variance about $500^2$. (In the left picture all that lies right of the thin
# line has the wrong sign: half of the orange, and next to nothing of the blue.
# Mind the logarithmic axis.)
#
# That is why such models were hard to train by the score function alone. The
# second way is old, but Kingma and Welling at the end of 2013, and soon after
# Rezende, Mohamed and Wierstra, used it to train an encoder and a decoder
# together, and that made the VAE possible. (The score function is not dead. Where
# $z$ is a *choice*, heads or tails, there is no path to follow. There it is the
# usual way that is right in the mean, together with remedies for its variance;
# exercise 2 has one.)
#
# Here is what it means for learning: 20 latents, one draw a step, the same
# learning rate.
#
# **Predict first:** do both arrive?


# %%
def descend(gradient, lr, n_steps, seed=1):
    """Follow single-draw gradients from mu = 0; return mu after each step, (n_steps + 1, 20)."""
    at, noise = np.zeros(20), np.random.default_rng(seed)
    path = [at.copy()]
    for _ in range(n_steps):
        at -= lr * gradient(at, 0.0, noise.standard_normal((1, 20)))[0][0]
        path.append(at.copy())
    return np.array(path)


paths = {
    "score function": descend(score_gradient, 0.001, 6000),
    "pathwise": descend(pathwise_gradient, 0.001, 6000),
}
off = {way: np.abs(path[-1] - TARGET).mean() for way, path in paths.items()}
for way, distance in off.items():
    print(f"{way:<15} after 6000 steps: off by {distance:.2f} a latent")
with np.errstate(all="ignore"):
    ends = np.array([descend(score_gradient, 0.002, 3000, seed)[-1] for seed in range(20)])
lost = (~(np.abs(ends).max(axis=1) < 100)).sum()
print(f"the score function at twice the rate: {lost} of 20 runs fly off to infinity")
assert lost > 3
assert off["score function"] < 0.5, "it gets there"
assert off["pathwise"] < 0.2
assert off["score function"] > 5 * off["pathwise"]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, (way, path), colour in zip(axes, paths.items(), (ORANGE, BLUE), strict=True):
    ax.plot(path[:, :6], color=colour, linewidth=0.9)
    ax.axhline(TARGET, color="black", linestyle=":", label="the target")
    ax.set(title=f"{way}: six of the 20 numbers μ", xlabel="step")
axes[1].legend(loc="lower right")
show(figure, "11-two-descents")

# %% [markdown]
# At this learning rate the score function gets there, too, but it staggers. (At
# twice the rate it is a matter of luck: about every second run flies off to
# infinity, as printed, since far from the target its steps are wildest. The
# pathwise gradient does not mind.) It never comes to rest, either: even at the
# target the loss is 10, and each step is multiplied by it. In a VAE that would be
# about a hundred.
#
# ## Two tests for code that draws
#
# Random code is hard to test. A gradient check nudges a number and compares
# losses. If the loss draws *fresh* noise each time, the two losses differ by
# chance.
#
# **Predict first:** the gradient below is right. Does the check pass with fresh
# noise? With the noise *frozen*, the same for all its probes?


# %%
def loss(mu, logvar, eps):
    """The mean loss of a batch, and its gradients by mu and logvar."""
    value, dz = f(reparameterize(mu, logvar, eps))
    dmu, dlogvar = reparameterize_backward(dz, logvar, eps)
    return value.mean(), dmu / len(mu), dlogvar / len(mu)


mus, logvars = rng.standard_normal((2, 8, 3))
fresh = check(lambda mu, logvar: loss(mu, logvar, rng.standard_normal((8, 3))), mus, logvars)
frozen_eps = rng.standard_normal((8, 3))
frozen = check(lambda mu, logvar: loss(mu, logvar, frozen_eps), mus, logvars)
print(f"fresh noise: {'passes' if fresh.ok else 'fails'}, worst error {fresh.error:.1e}")
print(f"frozen noise: {'passes' if frozen.ok else 'fails'}, worst error {frozen.error:.1e}")
assert not fresh.ok
assert frozen.ok

# %% [markdown]
# So in npvae noise is always an *argument*, `loss_and_grad(x, eps)`, as you saw
# in lesson 07: with the same `eps` the same loss, and everything can be checked.
#
# But the check has a blind spot, which lesson 04 warned of. It asks whether
# backward fits forward. Here is a bug from public code: the half is missing,
# `exp(logvar)` where $\sigma$ should be, in *both* passes.


# %%
def wrong(mu, logvar, eps):
    """With exp(logvar), the variance, where the standard deviation should be."""
    return mu + np.exp(logvar) * eps


def wrong_loss(mu, logvar, eps):
    value, dz = f(wrong(mu, logvar, eps))
    return value.mean(), dz / len(mu), dz * np.exp(logvar) * eps / len(mu)


assert check(lambda mu, logvar: wrong_loss(mu, logvar, frozen_eps), mus, logvars).ok, "not seen!"

mu, logvar = np.full((100_000, 1), 0.5), np.full((100_000, 1), np.log(0.25))
eps = rng.standard_normal((100_000, 1))
for name, draw in (("npvae", reparameterize), ("wrong", wrong)):
    z = draw(mu, logvar, eps)
    print(f"{name}: mean {z.mean():.3f}, width {z.std():.3f}; asked for 0.5 and 0.5")
assert abs(reparameterize(mu, logvar, eps).mean() - 0.5) < 0.01
assert abs(reparameterize(mu, logvar, eps).std() - 0.5) < 0.01, "the moment test"
assert abs(wrong(mu, logvar, eps).std() - 0.5) > 0.2, "which sees what no gradient check sees"

# %% [markdown]
# The check passes, and the clouds have the wrong width. The *moment test* tells:
# draw many, and look at their mean and their spread. (Since the noise is an
# argument, a value by hand tells, too: $\sigma = 2$, $\varepsilon = 1$ must move
# $z$ by 2, and the bug moves it by 4.) Do not test with $\sigma = 1$: there both
# are right.
#
# > **What you may have read:** "a VAE feeds random numbers into its encoder". It
# > does not. The encoder sees $x$ and nothing else, and nothing in it is random.
# > The noise comes in *after* it, between encoder and decoder.
#
# Now you can differentiate what the encoder does. What is left is to know what to
# make small. That is lesson 12.
#
# ## Exercises
#
# Answers are in `answers_11_reparameterization.py`.
#
# 1. **Change a number.** Put the target at 0 and at 30, with one latent. (Copy
#    the functions only, or look at the first lines printed: what comes after them
#    flies off.) Predict what happens to both variances of $dL/d\mu$. *Check:* the
#    pathwise one stays 1, and the other grows more than 10,000 times from the
#    first to the second. Why?
# 2. **A baseline.** Show that $\mathbb E[d\log q / d\mu] = 0$, so that a constant
#    may be subtracted from $f$ without a bias. Subtract the mean of $f$, with 10
#    latents. *Check:* the gradient is still right, and its variance falls to less
#    than a tenth. It stays above the pathwise one.
# 3. **Derive and implement.** Waiting times follow $q(z) = \frac1s e^{-z/s}$, and
#    a draw of it is $z = -s \log u$ with $u$ uniform in $(0, 1)$. Derive the
#    pathwise gradient of $\mathbb E[\tfrac12 (z - 3)^2]$ by $s$. *Check:* the
#    mean over 100,000 draws is $2s - 3$, within four standard errors. (For such a
#    $z$ the mean is $s$ and the mean square $2s^2$.)
