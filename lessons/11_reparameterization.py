# %% [markdown]
# # 11 · The reparameterisation trick
#
# *How can a gradient pass through a random draw?*
#
# - **You need:** lessons 01, 04 and 10.
# - **You get:** two ways to estimate the gradient of an expected value, the
#   reason why a VAE uses one of them, and two tests for code that draws at
#   random.
# - **Run time:** 3 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, show
from diagrams import vae

from npvae import check
from npvae.gaussian import reparameterize, reparameterize_backward

rng = np.random.default_rng(0)

# %% [markdown]
# ## The problem
#
# For each image the encoder of a VAE outputs a Gaussian, described by its mean
# $\mu$ and its log variance $\log\sigma^2$. We draw $z$ from that Gaussian, the
# decoder turns $z$ into an image, and a loss $f(z)$ measures how bad that image
# is. Training should make the expected loss small, that is, the mean of $f(z)$
# over all draws:
#
# $$ L(\mu, \log\sigma^2) = \mathbb E_{z \sim \mathcal N(\mu, \sigma^2)}[f(z)] $$
#
# To train the encoder we need $dL/d\mu$ and $dL/d\log\sigma^2$. But what is the
# derivative of "draw a random number"? If you change $\mu$ a little and draw
# again, the new $z$ differs from the old one by chance, and by far more than the
# change of $\mu$.
#
# We study this with a loss for which everything is known: half the squared
# distance of $z$ from 3. The mean of a square is the square of the mean plus the
# variance, so that
#
# $$ L = \tfrac12 \left((\mu - 3)^2 + \sigma^2\right), \qquad
# \frac{dL}{d\mu} = \mu - 3, \qquad
# \frac{dL}{d\log\sigma^2} = \tfrac12\sigma^2 $$
#
# We know the true gradient, and can see which estimates come close to it.

# %%
TARGET = 3.0


def f(z):
    """Half the squared distance of each row of z, (n, n_z), from the target: (n,)."""
    return 0.5 * ((z - TARGET) ** 2).sum(axis=1)


def df(z):
    """The gradient of f with respect to z, (n, n_z)."""
    return z - TARGET


mu, logvar, n = 0.0, 0.0, 100_000  # the Gaussian N(0, 1), and how often we draw from it
sigma = np.exp(logvar / 2)
z = rng.normal(mu, sigma, (n, 1))
assert abs(f(z).mean() - 0.5 * ((mu - TARGET) ** 2 + sigma**2)) < 0.05

# %% [markdown]
# ## The score-function gradient: make good draws more probable
#
# Write the expected value as an integral. Only the density $q$ depends on $\mu$,
# so only $q$ is differentiated:
#
# $$ \frac{d}{d\mu} \int f(z)\, q(z)\, dz = \int f(z)\, \frac{dq}{d\mu}\, dz
# = \int f(z)\, \frac{d \log q}{d\mu}\, q(z)\, dz $$
#
# The last step uses $\frac{d \log q}{d\mu} = \frac{1}{q} \frac{dq}{d\mu}$. The
# result is an expected value again, so we can estimate it from draws. In $\log q$
# only the term $-(z - \mu)^2 / 2\sigma^2$ depends on $\mu$, and its derivative is
# $(z - \mu) / \sigma^2$:
#
# $$ \frac{dL}{d\mu} = \mathbb E\left[f(z)\, \frac{d \log q}{d\mu}\right]
# = \mathbb E\left[f(z)\, \frac{z - \mu}{\sigma^2}\right] $$
#
# This is the **score-function gradient**; the derivative of $\log q$ is called
# the *score*. It looks at where each draw fell and how large the loss was there,
# and moves $\mu$ away from draws with a large loss. It never uses the derivative
# of $f$, so $f$ need not have one. The derivative with respect to
# $\log\sigma^2$ is found in the same way, with the score
# $\tfrac12 ((z - \mu)^2 / \sigma^2 - 1)$.
#
# ## The pathwise gradient: move the draws
#
# A draw from $\mathcal N(\mu, \sigma^2)$ can be made in two steps. First draw
# noise $\varepsilon$ that does not depend on $\mu$ and $\sigma$. Then scale and
# shift it:
#
# $$ z = \mu + \sigma\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, 1) $$
#
# This is called **reparameterisation**. The distribution of $z$ is the same as
# before, but the randomness is now an *input*, and everything after it is
# arithmetic. For a given $\varepsilon$, $z$ is an ordinary function of $\mu$ and
# $\sigma = e^{\log\sigma^2 / 2}$, and the chain rule of lesson 01 applies:
#
# $$ \frac{dz}{d\mu} = 1, \qquad
# \frac{dz}{d\log\sigma^2} = \tfrac12 \sigma\varepsilon $$
#
# The expected value is now taken over $\varepsilon$, whose distribution does not
# depend on $\mu$ or $\sigma$. Therefore we may differentiate inside it:
#
# $$ \frac{dL}{d\mu} = \mathbb E\left[f'(z)\right], \qquad
# \frac{dL}{d\log\sigma^2} = \mathbb E\left[f'(z)\, \tfrac12 \sigma\varepsilon\right] $$
#
# This is the **pathwise gradient**. It asks $f$ in which direction each draw
# should move, and changes $\mu$ and $\sigma$ so that the draw moves there. In a
# VAE the decoder and the loss play the part of $f$. The noise enters from the
# side, so no gradient has to pass through it: the dashed gradients go round it,
# from $z$ back to $\mu$ and $\log\sigma^2$.

# %%
show(vae(gradients=True), "11-noise-from-the-side")

# %% [markdown]
# **Predict first:** both estimates have the same mean, the true gradient. Which
# of them varies more from draw to draw, and by how much?


# %%
def draw(mu, logvar, eps):
    """Draws z from N(mu, exp(logvar)), made from eps, which are draws from N(0, 1): (n, n_z).

    Here and below mu and logvar are arrays (n, n_z), or numbers that all draws share.
    """
    ### BEGIN SOLUTION
    return mu + np.exp(logvar / 2) * eps
    ### END SOLUTION


def score_gradient(mu, logvar, eps):
    """Score-function estimates of dL/dmu and dL/dlogvar from each draw, (n, n_z) each.

    The draws come from `draw`. f gives one loss for each row of draws; multiply each score of that
    row by it.
    """
    ### BEGIN SOLUTION
    z, var = draw(mu, logvar, eps), np.exp(logvar)
    loss = f(z)[:, None]  # (n, 1)
    return loss * (z - mu) / var, loss * 0.5 * ((z - mu) ** 2 / var - 1)
    ### END SOLUTION


def pathwise_gradient(mu, logvar, eps):
    """Pathwise estimates of dL/dmu and dL/dlogvar from each draw, (n, n_z) each.

    The draws come from `draw`, and the gradient of the loss with respect to z from df.
    """
    ### BEGIN SOLUTION
    dz = df(draw(mu, logvar, eps))
    return dz, dz * 0.5 * np.exp(logvar / 2) * eps
    ### END SOLUTION


eps = rng.standard_normal((n, 1))
mus, logvars = np.full((n, 1), mu), np.full((n, 1), logvar)
assert np.allclose(draw(mus, logvars, eps), reparameterize(mus, logvars, eps))
by_npvae = reparameterize_backward(df(reparameterize(mus, logvars, eps)), logvars, eps)
assert np.allclose(by_npvae, pathwise_gradient(mu, logvar, eps)), "npvae computes the same"

truth = {"dL/dmu": mu - TARGET, "dL/dlogvar": 0.5 * np.exp(logvar)}
by_score, by_path = score_gradient(mu, logvar, eps), pathwise_gradient(mu, logvar, eps)
for i, (name, true) in enumerate(truth.items()):
    for way, estimates in (("score function", by_score[i]), ("pathwise", by_path[i])):
        error = estimates.std() / np.sqrt(n)
        print(
            f"{name:<10} {way:<14} {estimates.mean():6.3f} ± {error:.3f}, true {true:5.2f}; "
            f"variance of one draw {estimates.var():5.1f}"
        )
        assert abs(estimates.mean() - true) < 4 * error, "unbiased"
print(
    f"draws whose dL/dmu has the wrong sign: {(by_score[0] > 0).mean():.0%} with the score "
    f"function, {(by_path[0] > 0).mean():.1%} pathwise"
)
ratio = by_score[0].var() / by_path[0].var()
print(f"ratio of the variances of dL/dmu: {ratio:.0f}")
assert 50 < ratio < 61, "derived below: 55.5"

# %% [markdown]
# Both are right on average, or *unbiased*. But one draw of the score-function
# gradient tells you very little. Its variance is 55.5 times as large, so you need
# 55.5 times as many draws for the same precision. You can derive that number. At
# $\mu = 0$ and $\sigma = 1$ we have $z = \varepsilon$, and one draw gives
#
# $$ \tfrac12 (\varepsilon - 3)^2\, \varepsilon
# = \tfrac12 (\varepsilon^3 - 6\varepsilon^2 + 9\varepsilon) $$
#
# Take the mean of its square. Odd powers of $\varepsilon$ have mean 0, and
# $\varepsilon^2$, $\varepsilon^4$, $\varepsilon^6$ have the means 1, 3 and 15. So
# the mean square is $\tfrac14 (15 + 36 \cdot 3 + 81 \cdot 1 + 2 \cdot 9 \cdot 3)
# = 64.5$. Subtract the square of the mean, $(-3)^2$, to get the variance 55.5.
# The pathwise draw is $\varepsilon - 3$, with variance 1.
#
# Half of the score-function draws even have the wrong sign. Why half? $f$ is
# never negative, so every draw pushes $\mu$ away from itself, whichever side it
# fell on. Only *how hard* it pushes depends on the loss, and that shows only in
# the mean of very many draws.
#
# It gets worse with more latents. The score function multiplies the score of
# *each* latent by the same loss, the sum over all of them: it cannot know which
# latent caused the loss.
#
# **Predict first:** take 100 latents, each as above. By how much does the
# variance of $dL/d\mu_1$ grow with the score function? And with the pathwise
# gradient?

# %%
sizes = (1, 3, 10, 30, 100)
variances = {"score function": [], "pathwise": []}
for n_z in sizes:
    eps = rng.standard_normal((20_000, n_z))
    variances["score function"].append(score_gradient(mu, logvar, eps)[0][:, 0].var())
    variances["pathwise"].append(pathwise_gradient(mu, logvar, eps)[0][:, 0].var())
for i, n_z in enumerate(sizes):
    by_way = ", ".join(f"{way} {values[i]:.1f}" for way, values in variances.items())
    print(f"{n_z:3d} latents: variance by {by_way}")
assert variances["score function"][-1] > 1000 * variances["score function"][0]
assert 0.9 < variances["pathwise"][-1] < 1.1

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
bins = np.linspace(-40, 5, 120)
left.hist(by_score[0].ravel(), bins, color=ORANGE, alpha=0.6, density=True, label="score function")
left.hist(by_path[0].ravel(), bins, color=BLUE, alpha=0.6, density=True, label="pathwise")
left.axvline(truth["dL/dmu"], color="black", linestyle=":", label="true gradient")
left.axvline(0, color="black", linewidth=0.7)
left.set(title="dL/dμ from single draws", xlabel="estimate", ylabel="density")
left.set(yscale="log", ylim=(1e-4, 2))
left.legend(loc="upper left")
for (way, values), colour in zip(variances.items(), (ORANGE, BLUE), strict=True):
    right.loglog(sizes, values, "o-", color=colour, label=way)
right.set(title="variance of dL/dμ from one draw", xlabel="latents")
right.legend()
show(figure, "11-two-gradients")

# %% [markdown]
# With 100 latents the variance is a quarter of a million, against 1. The loss is
# then about 500 wherever a draw falls. So an estimate is about
# $500\,\varepsilon$, and its variance about $500^2$. (In the left picture
# everything to the right of the thin line has the wrong sign: half of the orange
# draws, and hardly any of the blue ones. The vertical axis is logarithmic.)
#
# That is why models with random latents were hard to train with the score
# function alone. The pathwise gradient is an old idea, too. At the end of 2013
# Kingma and Welling, and soon after them Rezende, Mohamed and Wierstra, used it
# to train an encoder and a decoder together, and that made the VAE possible. The
# score function is still needed where $z$ is discrete, such as heads or tails:
# there $z$ cannot move by a little, and there is no pathwise gradient. It is then
# used together with methods that reduce its variance; exercise 2 has one.
#
# Here is what this means for learning: 20 latents, one draw per step, and the
# same learning rate for both gradients.
#
# **Predict first:** do both reach the target?


# %%
def descend(gradient, lr, n_steps, seed=1):
    """Move 20 means from 0, with one draw per step; return them after each, (n_steps + 1, 20)."""
    noise = np.random.default_rng(seed)
    path = np.zeros((n_steps + 1, 20))
    for step in range(n_steps):
        eps = noise.standard_normal((1, 20))
        dmu = gradient(path[step], 0.0, eps)[0]  # (1, 20), at logvar = 0
        path[step + 1] = path[step] - lr * dmu[0]
    return path


paths = {
    "score function": descend(score_gradient, 0.001, 6000),
    "pathwise": descend(pathwise_gradient, 0.001, 6000),
}
off = {way: np.abs(path[-1] - TARGET).mean() for way, path in paths.items()}
for way, distance in off.items():
    print(f"{way:<14} after 6000 steps: mean distance from the target {distance:.2f}")
with np.errstate(all="ignore"):  # numbers overflow where a run diverges
    ends = np.array([descend(score_gradient, 0.002, 3000, seed)[-1] for seed in range(20)])
diverged = (~(np.abs(ends).max(axis=1) < 100)).sum()  # NaN is not below 100 either
print(f"score function at twice the learning rate: {diverged} of 20 runs diverge")
assert diverged > 3
assert off["score function"] < 0.5, "it reaches the target"
assert off["pathwise"] < 0.2
assert off["score function"] > 5 * off["pathwise"]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, (way, path), colour in zip(axes, paths.items(), (ORANGE, BLUE), strict=True):
    ax.plot(path[:, :6], color=colour, linewidth=0.9)
    ax.axhline(TARGET, color="black", linestyle=":", label="target")
    ax.set(title=f"{way}: six of the 20 means μ", xlabel="step")
axes[1].legend(loc="lower right")
show(figure, "11-two-descents")

# %% [markdown]
# At this learning rate the score function reaches the target, too, but on a very
# noisy path. At twice the learning rate about every second run diverges, as
# printed, since its steps are wildest far from the target. The pathwise gradient
# has no such problem. Nor does the score function ever come to rest: even at the
# target the expected loss is 10 (half a variance of 1 for each of 20 latents), and
# every step is multiplied by the loss. In a VAE the loss is about a hundred.
#
# ## Two tests for code that draws
#
# Random code is hard to test. A gradient check changes a number a little and
# compares two losses. If the loss draws *fresh* noise each time, the two losses
# differ by chance.
#
# **Predict first:** the gradient below is right. Does the check pass with fresh
# noise? And with *frozen* noise, the same for all its evaluations of the loss?


# %%
def loss(mu, logvar, eps):
    """The mean loss of a batch, and its gradients with respect to mu and logvar."""
    z = reparameterize(mu, logvar, eps)
    dmu, dlogvar = reparameterize_backward(df(z), logvar, eps)
    return f(z).mean(), dmu / len(mu), dlogvar / len(mu)


mus, logvars = rng.standard_normal((2, 8, 3))
fresh = check(lambda mu, logvar: loss(mu, logvar, rng.standard_normal((8, 3))), mus, logvars)
frozen_eps = rng.standard_normal((8, 3))
frozen = check(lambda mu, logvar: loss(mu, logvar, frozen_eps), mus, logvars)
print(f"fresh noise: {'passes' if fresh.ok else 'fails'}, largest error {fresh.error:.1e}")
print(f"frozen noise: {'passes' if frozen.ok else 'fails'}, largest error {frozen.error:.1e}")
assert not fresh.ok
assert frozen.ok

# %% [markdown]
# Therefore noise is always an *argument* in npvae, as in `loss_and_grad(x, eps)`,
# which you saw in lesson 07. The same `eps` gives the same loss, so the gradient
# can be checked.
#
# But a gradient check has a blind spot, as lesson 04 warned: it tests only that
# the backward pass fits the forward pass. Here is a bug from public code. The
# half is missing, so that the variance `exp(logvar)` stands where $\sigma$ should
# be, in *both* passes.


# %%
def wrong(mu, logvar, eps):
    """A draw with exp(logvar), the variance, in place of the standard deviation."""
    return mu + np.exp(logvar) * eps


def wrong_loss(mu, logvar, eps):
    z = wrong(mu, logvar, eps)
    return f(z).mean(), df(z) / len(mu), df(z) * np.exp(logvar) * eps / len(mu)


assert check(lambda mu, logvar: wrong_loss(mu, logvar, frozen_eps), mus, logvars).ok, "not found!"

mus, logvars = np.full((100_000, 1), 0.5), np.full((100_000, 1), np.log(0.25))
eps = rng.standard_normal((100_000, 1))
for name, function in (("right", draw), ("wrong", wrong)):
    z = function(mus, logvars, eps)
    print(f"{name}: mean {z.mean():.3f}, standard deviation {z.std():.3f}; should be 0.5 and 0.5")
assert abs(draw(mus, logvars, eps).mean() - 0.5) < 0.01
assert abs(draw(mus, logvars, eps).std() - 0.5) < 0.01, "the moment test"
assert abs(wrong(mus, logvars, eps).std() - 0.5) > 0.2, "finds what no gradient check finds"

# %% [markdown]
# The gradient check passes, although the draws have the wrong standard deviation.
# A *moment test* finds the bug: draw many times, and compare the mean and the
# standard deviation with what they should be. Do not test with $\sigma = 1$,
# where a variance equals a standard deviation. Since the noise is an argument, a
# value worked out by hand finds the bug, too: $\sigma = 2$ and $\varepsilon = 1$
# must move $z$ by 2, and the bug moves it by 4.
#
# > **What you may have read:** "a VAE feeds random numbers into its encoder". It
# > does not. The encoder sees only $x$, and nothing in it is random. The noise
# > enters *after* the encoder, between $(\mu, \log\sigma^2)$ and the decoder.
# > Nor does the encoder output $\sigma$ itself: in npvae, as in most programs, it
# > outputs $\log\sigma^2$, which may be any real number.
#
# Now you can differentiate through the draw of a VAE. What is left is to know
# which loss to minimise. That is lesson 12a.

# %% [markdown]
# ## Questions
#
# **Question 1.** Where does the random noise of a VAE enter?
#
# - **a** Into the encoder, together with the image, so that the code varies.
# - **b** After the encoder: it moves $z$ away from $\mu$ by $\sigma\varepsilon$.
# - **c** Into the output of the decoder, where the pixels are drawn.
#
# **Question 2.** Both gradients of this lesson are right on average. Why does a
# VAE use the pathwise one?
#
# - **a** It is unbiased, and the score function is not.
# - **b** It is the only one that works where the loss has no derivative.
# - **c** Its estimates vary far less from draw to draw, and they do not get worse
#   as the latents become more.
#
# ## Exercises
#
# Answers are in `answers_11_reparameterization.py`.
#
# 1. **Change a number.** Put the target at 0 and at 30, with one latent. (Copy
#    only the functions, or look only at the first lines printed, since the
#    descents after them diverge.) Predict what happens to both variances of
#    $dL/d\mu$. *Check:* the pathwise one stays 1, and the other is more than
#    10,000 times as large with the target at 30. Why?
# 2. **A baseline.** Show that $\mathbb E[d\log q / d\mu] = 0$, so that a constant
#    may be subtracted from $f$ without making the estimate biased. Subtract the
#    mean of $f$, with 10 latents. *Check:* the estimate is still unbiased, and its
#    variance falls to less than a tenth. It stays above the pathwise one.
# 3. **Derive and implement.** Waiting times have the density
#    $q(z) = \frac1s e^{-z/s}$, and a draw from it is $z = -s \log u$ with $u$
#    uniform in $(0, 1)$. Derive the pathwise gradient of
#    $\mathbb E[\tfrac12 (z - 3)^2]$ with respect to $s$. *Check:* the mean over
#    100,000 draws is $2s - 3$, within four standard errors. (Such a $z$ has the
#    mean $s$ and the mean square $2s^2$.)
