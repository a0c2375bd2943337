# %% [markdown]
# # 23a · Several draws as an objective
#
# *Several draws of $z$ give a tighter bound. Do they also give a better gradient?*
#
# - **You need:** lessons 11, 12a, 12b and 13a.
# - **You get:** the gradient of $L_k$; the reason why more draws drown the
#   encoder's gradient in noise, measured; and a cure in four lines, derived.
# - **Run time:** 4 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show
from diagrams import LOSS, NETWORK, RANDOM, Diagram

from npvae import check
from npvae.iwae import log_mean_exp_and_grad

rng = np.random.default_rng(0)

# %% [markdown]
# ## The bound becomes the objective
#
# Lesson 12b made up for a poor $q$ with more draws: the logarithm of the mean of
# $k$ weights is a bound of $\log p(x)$ that rises with $k$. Lesson 18 used it to
# *evaluate* a model. Now we *train* with it. Draw $\varepsilon_1, \dots,
# \varepsilon_k$ for an image, and maximise
#
# $$ \hat L_k = \log \frac1k \sum_{i=1}^k w_i, \qquad
# w_i = \frac{p(x, z_i)}{q(z_i \mid x)}, \qquad z_i = \mu + \sigma\varepsilon_i $$
#
# Its expected value is $L_k$. A VAE that is trained like this is called an
# *importance-weighted autoencoder* (IWAE). For $k = 1$ it is the VAE you know, with
# a KL divergence that is estimated from the draw.
#
# What is the gradient? With $dw_i = w_i\, d\log w_i$ it is a sum over the draws, in
# which each has its share $v_i$ in the sum of the weights. (This was exercise 3 of
# lesson 12b.) The shares of an image add up to 1.
#
# $$ d\hat L_k = \frac{\sum_i dw_i}{\sum_j w_j} = \sum_i v_i\, d\log w_i, \qquad
# v_i = \frac{w_i}{\sum_j w_j} $$
#
# So draws with a large weight teach the model, and the others hardly do. In the
# diagram all draws go through the same decoder, and each gradient comes back with
# the share of its draw.

# %%
diagram = Diagram(3.3, 2.2)
q = diagram.box(0.3, 1.2, "$\\mu,\\ \\sigma$", width=0.44)
bound = diagram.box(3.04, 1.2, "$\\hat L_k$", width=0.36, fill=LOSS)
for y, i in ((1.95, "1"), (1.2, "2"), (0.3, "k")):
    z = diagram.box(0.93, y, f"$z_{i}$", width=0.34, fill=RANDOM)
    decoder = diagram.box(1.64, y, "decoder", width=0.62, fill=NETWORK)
    w = diagram.box(2.42, y, f"$w_{i}$", width=0.34)
    diagram.arrow(q, z)
    diagram.arrow(z, decoder)
    diagram.arrow(decoder, w, back=f"$v_{i}$")
    diagram.arrow(w, bound)
for column in (0.93, 1.64, 2.42):
    diagram.text(column, 0.75, "$\\vdots$")
show(diagram.figure, "23a-several-draws")

# %% [markdown]
# What is left is $d\log w_i$ of one draw, and there $\mu$ and $\sigma$ act in two
# ways: they move $z_i$, and they are parameters of the density $q$. Write the
# density with $\varepsilon_i$ instead of $z_i$, for one latent:
#
# $$ \log q(z_i) = -\tfrac12\varepsilon_i^2 - \tfrac12\log\sigma^2 - \tfrac12\log 2\pi $$
#
# The noise is given, so $\log q(z_i)$ depends on $\log\sigma^2$ alone, and
# $-\log q(z_i)$ has the derivative $\tfrac12$ with respect to it. The rest of
# $\log w_i$ is $\log p(x, z_i)$, and that depends on $z_i$. With
# $z_i = \mu + \sigma\varepsilon_i$ and $\sigma = e^{\frac12\log\sigma^2}$,
#
# $$ \frac{d\hat L_k}{d\mu} = \sum_i v_i\, \frac{d\log p(x, z_i)}{dz_i}, \qquad
# \frac{d\hat L_k}{d\log\sigma^2} = \frac12 + \sum_i v_i\,
# \frac{d\log p(x, z_i)}{dz_i}\, \frac{\sigma\varepsilon_i}{2} $$
#
# (The $\tfrac12$ is $\sum_i v_i \cdot \tfrac12$.) For the experiments we want
# thousands of gradients, so we take the model of lessons 12a and 12b, with one
# latent, two observed numbers, and an exact $\log p(x)$. The $q$ for our $x$ is not
# right yet, as in the middle of a training: its mean is four fifths of the
# posterior's mean, and its standard deviation one and a half times as large.


# %%
def log_weights(log_joint, logvar, eps):
    """Log w of each draw, (n, k): log p(x, z), (n, k), minus log q(z), with eps (n, k, n_z)."""
    return log_joint + 0.5 * (eps**2 + logvar + np.log(2 * np.pi)).sum(axis=-1)


def iwae_gradient(log_w, slope, logvar, eps):
    """Return the gradients of the k-draw bound of each of n repetitions, with respect to q.

    They are dmu and dlogvar, (n, n_z) each. log_w (n, k) are the log weights, slope (n, k, n_z)
    is d log p(x, z) / dz of each draw, logvar is (n_z,), and eps (n, k, n_z) is the noise of the
    draws. `log_mean_exp_and_grad(log_w)` returns the bound, (n,), and the shares v, (n, k).
    """
    ### BEGIN SOLUTION
    _, v = log_mean_exp_and_grad(log_w)
    dz = v[..., None] * slope
    return dz.sum(axis=1), 0.5 + (dz * np.exp(logvar / 2) * eps / 2).sum(axis=1)
    ### END SOLUTION


SIGMA_X = 0.6
a, x = np.array([1.5, 0.8]), np.array([2.0, 0.3])


def joint(z, a):
    """Log p(x, z) of draws z, (n, k, 1), and its derivatives with respect to z and to a."""
    error = x - z * a  # (n, k, 2)
    squares = (error**2).sum(axis=-1) / SIGMA_X**2 + z[..., 0] ** 2
    log_joint = -0.5 * squares - 2 * np.log(SIGMA_X) - 1.5 * np.log(2 * np.pi)
    return log_joint, error @ a[:, None] / SIGMA_X**2 - z, error * z / SIGMA_X**2


total = a @ a + SIGMA_X**2
m, s = x @ a / total, SIGMA_X / np.sqrt(total)  # of the posterior, as in lesson 12a
mu, logvar = np.array([0.8 * m]), np.array([2 * np.log(1.5 * s)])


def bound_and_gradients(mu, logvar, a, eps):
    """The bound of k draws, (n,), and its gradients with respect to mu, logvar and a."""
    log_joint, slope, of_a = joint(mu + np.exp(logvar / 2) * eps, a)
    log_w = log_weights(log_joint, logvar, eps)
    bound, v = log_mean_exp_and_grad(log_w)
    return bound, *iwae_gradient(log_w, slope, logvar, eps), (v[..., None] * of_a).sum(axis=1)


frozen = rng.standard_normal((1, 5, 1))


def of_frozen_noise(mu, logvar, a):
    """The bound and its gradients for one fixed set of five draws."""
    bound, *gradients = bound_and_gradients(mu, logvar, a, frozen)
    return bound, *(gradient[0] for gradient in gradients)


report = check(of_frozen_noise, mu, logvar, a)
print(report)
assert report.ok

# %% [markdown]
# ## A tighter bound, and a gradient that drowns
#
# A stochastic gradient has a *signal*, its expected value, and *noise* around it,
# its standard deviation. Their quotient is the **signal-to-noise ratio** (SNR). At
# 0.01 the sign of a single gradient is almost a coin toss. Even the mean of 10,000
# of them is only as large as its own standard error.
#
# **Predict first:** $k$ grows from 1 to 64, so that the bound gets tighter and
# every gradient uses 64 times as many draws. What happens to the signal-to-noise
# ratio of the decoder's gradient (of $a$), and of the encoder's (of $\mu$)?


# %%
def signal_to_noise(gradients):
    """Return |mean| / standard deviation of each column of gradients, (n, parameters)."""
    ### BEGIN SOLUTION
    return np.abs(gradients.mean(axis=0)) / gradients.std(axis=0)
    ### END SOLUTION


ks, repetitions = np.array([1, 4, 16, 64]), 40_000
names = ("dmu", "dlogvar", "da")
plain, L = {}, []
for k in ks:
    found = bound_and_gradients(mu, logvar, a, rng.standard_normal((repetitions, k, 1)))
    L.append(found[0].mean())
    plain[k] = dict(zip(names, found[1:], strict=True))
ratios = {name: np.array([signal_to_noise(plain[k][name])[0] for k in ks]) for name in names}
for k, bound, of_mu, of_a in zip(ks, L, ratios["dmu"], ratios["da"], strict=True):
    print(f"k = {k:2d}: L_k {bound:.3f} nats; SNR of the encoder {of_mu:.3f}, decoder {of_a:.2f}")


def exponent(ratio):
    """The slope of a ratio over k, both on logarithmic scales, from k = 4 on."""
    return np.polyfit(np.log(ks[1:]), np.log(ratio[1:]), 1)[0]


print(f"exponents: encoder {exponent(ratios['dmu']):.2f}, decoder {exponent(ratios['da']):.2f}")
covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
log_px = -0.5 * (x @ np.linalg.inv(covariance) @ x + np.linalg.slogdet(2 * np.pi * covariance)[1])
print(f"exact log p(x) {log_px:.3f}")
assert (np.diff(L) > 0).all(), "L_k rises with k"
assert abs(L[-1] - log_px) < 0.02, "and reaches log p(x)"
assert -0.8 < exponent(ratios["dmu"]) < -0.3, "the encoder's falls, as far as we can see"
assert 0.4 < exponent(ratios["da"]) < 0.7, "the decoder's rises like sqrt(k)"

# %% [markdown]
# The two go apart. (Rainforth and others found this in 2018, under the title
# "Tighter variational bounds are not necessarily better".) Each ratio is estimated
# from 40,000 gradients, so its standard error is about $1/\sqrt{40{,}000} = 0.005$:
# the encoder's last one, 0.042, is not certain. We shall measure it better below.
#
# Why do the ratios go apart?
#
# Write $W$ for the mean of the $k$ weights of an image, so that $\hat L_k = \log W$.
# $W$ is an average of $k$ independent numbers with the expected value $p(x)$, so
# it deviates from $p(x)$ by something of the order $1/\sqrt k$. To second order in
# this small deviation,
#
# $$ \log W \approx \log p(x) + \frac{W - p(x)}{p(x)}
# - \frac{(W - p(x))^2}{2\,p(x)^2} $$
#
# Take the expected value: the middle term vanishes, and $\mathbb E[(W - p(x))^2]$
# is the variance of a mean, $\text{Var}(w)/k$.
#
# $$ L_k \approx \log p(x) - \frac{\text{Var}(w)}{2k\,p(x)^2} $$
#
# - *The encoder.* $\log p(x)$ does not contain $q$. All that depends on the encoder
#   is the second term, so its **signal** falls like $1/k$. This is only fair: the
#   more draws there are, the less it matters where they come from. But its **noise**
#   comes from the middle term: the gradient of $W$ is an average of $k$
#   gradients, whose expected value is 0 (as $\mathbb E[W] = p(x)$ for any $q$),
#   and whose standard deviation falls like $1/\sqrt k$ only. The ratio is of the
#   order $\frac1k / \frac1{\sqrt k} = 1/\sqrt k$.
# - *The decoder.* Its signal approaches the gradient of $\log p(x)$, which does not
#   fall. Its noise falls like $1/\sqrt k$, so its ratio rises like $\sqrt k$.
#
# So a large $k$ is good for the decoder and bad for the encoder. With millions of
# steps, Adam still averages enough of them. But can we have the tighter bound and
# keep the signal?
#
# ## The cure: reparameterise twice
#
# Look at the noise from the other side. Let the encoder's parameter be $\phi$
# ($\mu$ or $\log\sigma^2$). It acts on $\log w_i$ through the draw, and through the
# density:
#
# $$ \frac{d\log w_i}{d\phi} = g_i - \frac{\partial \log q(z_i)}{\partial\phi},
# \qquad g_i = \frac{\partial\log w_i}{\partial z_i}\,\frac{dz_i}{d\phi} $$
#
# $$ \frac{\partial\log w_i}{\partial z_i} = \frac{d\log p(x, z_i)}{dz_i}
# + \frac{\varepsilon_i}{\sigma} $$
#
# In $\partial\log q/\partial\phi$ the point $z_i$ is held fixed. In
# $\partial\log w_i/\partial z_i$ the parameters are, and $\varepsilon_i/\sigma =
# (z_i - \mu)/\sigma^2$ is the derivative of $-\log q$. The subtracted term is the
# *score function* of lesson 11, with all its noise. Where $q$ equals the
# posterior, $w$ is the same for every draw, so each $g_i$ is exactly 0, and the
# score function is *all* that is left: a signal of zero with pure noise on it.
#
# For $k = 1$ its expected value is zero, as lesson 11 showed, so we may leave it out
# (Roeder, Wu and Duvenaud 2017). For more draws we may not, since it is multiplied
# by $v_i$, which depends on the draw. But we can replace it, in four steps.
#
# 1. Hold all draws but $z_i$ fixed, and consider the share as a function of this
#    draw, $v_i(z_i)$. By the definition of the expected value, and with
#    $q \cdot \partial\log q/\partial\phi = \partial q/\partial\phi$,
#
#    $$ \mathbb E\left[v_i\,\frac{\partial\log q(z_i)}{\partial\phi}\right]
#    = \int v_i(z)\,\frac{\partial q(z)}{\partial\phi}\,dz $$
#
# 2. In the integral, only $q$ is differentiated. So it is the derivative of
#    $\mathbb E_q[v_i(z)]$ for a *fixed* function $v_i$. Lesson 11 has two
#    estimators of such a derivative with the same expected value. The left side
#    above is the score-function estimator. The other one is pathwise:
#
#    $$ \dots = \mathbb E\left[\frac{\partial v_i}{\partial z_i}\,
#    \frac{dz_i}{d\phi}\right] $$
#
#    This is the second reparameterisation. The first was the one in $g_i$.
# 3. The share is $v_i = w_i / (w_i + \text{rest})$. Its derivative with respect to
#    $\log w_i$ is that of a sigmoid, $v_i(1 - v_i)$, hence
#
#    $$ \frac{\partial v_i}{\partial z_i}\,\frac{dz_i}{d\phi}
#    = v_i(1 - v_i)\,\frac{\partial\log w_i}{\partial z_i}\,\frac{dz_i}{d\phi}
#    = v_i(1 - v_i)\,g_i $$
#
# 4. Put it in. The gradient of $L_k$ is the expected value of
#    $\sum_i v_i\,(g_i - \text{score}_i)$, and so of
#
#    $$ \sum_i \bigl(v_i\,g_i - v_i(1 - v_i)\,g_i\bigr) = \sum_i v_i^2\,g_i $$
#
# This is the **doubly reparameterised gradient**, DReG for short (Tucker, Lawson,
# Gu and Maddison 2018). The shares are squared, and the score function has gone. It
# is not the gradient of $\hat L_k$ for the draws at hand, so a gradient check
# with frozen noise would fail. It has the same *expected value*. It replaces the
# encoder's gradient only. The decoder keeps its own, whose ratio rises anyway.
#
# What does it do to the ratio? Each share is of the order $1/k$. A sum of $k$
# nearly independent terms of the order $1/k^2$ has a mean of the order $1/k$ and a standard
# deviation of the order $\sqrt k / k^2$. The ratio is of the order $\sqrt k$: now it
# *rises*.
#
# **Predict first:** at $k = 64$, how many plain gradients must be averaged to
# have the ratio of a single DReG one?


# %%
def dreg_gradient(log_w, slope, logvar, eps):
    """Return the doubly reparameterised gradients dmu and dlogvar, (n, n_z) each.

    The arguments are those of `iwae_gradient`. The sum over the draws of v² g, where g is the
    slope plus eps / sigma (that is d log w / dz), times dz/dmu = 1 or dz/dlogvar = sigma eps / 2.
    """
    ### BEGIN SOLUTION
    sigma = np.exp(logvar / 2)
    _, v = log_mean_exp_and_grad(log_w)
    dz = v[..., None] ** 2 * (slope + eps / sigma)
    return dz.sum(axis=1), (dz * sigma * eps / 2).sum(axis=1)
    ### END SOLUTION


dreg = {}
for k in ks:
    eps = rng.standard_normal((repetitions, k, 1))
    log_joint, slope, _ = joint(mu + np.exp(logvar / 2) * eps, a)
    given = log_weights(log_joint, logvar, eps), slope, logvar, eps
    dreg[k] = dict(zip(("dmu", "dlogvar"), dreg_gradient(*given), strict=True))
    for one, other in zip(iwae_gradient(*given), dreg[k].values(), strict=True):
        difference = one - other  # of both gradients, for the same draws
        error = difference.std() / np.sqrt(repetitions)
        assert abs(difference.mean()) < 4.5 * error, f"the same expected value, k = {k}"
    one, other = plain[k]["dmu"], dreg[k]["dmu"]
    print(
        f"k = {k:2d}: mean of dmu, plain {one.mean():.3f}, DReG {other.mean():.3f}; "
        f"noise {one.std():.3f} and {other.std():.4f}"
    )

signal = np.array([np.abs(dreg[k]["dmu"].mean()) for k in ks])  # of both, better measured
noise = np.array([plain[k]["dmu"].std() for k in ks])
ratios["dmu"] = signal / noise
cured = {name: np.array([signal_to_noise(dreg[k][name])[0] for k in ks]) for name in dreg[1]}
print(f"SNR of the encoder's plain gradient: {ratios['dmu'].round(3)}")
print(f"exponents: plain {exponent(ratios['dmu']):.2f}, DReG {exponent(cured['dmu']):.2f}")
needed = (noise[-1] / dreg[64]["dmu"].std()) ** 2  # the signals are the same
print(f"plain gradients with the ratio of one DReG gradient, at k = 64: about {needed:,.0f}")
assert all(dreg[k][name].std() < plain[k][name].std() for k in ks for name in cured)
assert -0.65 < exponent(ratios["dmu"]) < -0.45, "the plain one falls like 1 / sqrt(k)"
assert all(0.3 < exponent(ratio) < 0.7 for ratio in cured.values()), "DReG rises like sqrt(k)"
assert needed > 3000

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.semilogx(ks, L, "o-", color=BLUE, label="$L_k$")
left.axhline(log_px, color="black", linestyle=":", label="log p(x), exact")
left.set(xlabel="k", ylabel="nats")
left.legend(loc="lower right")
right.loglog(ks, ratios["da"], "o-", color=GREEN, label="decoder")
right.loglog(ks, cured["dmu"], "o-", color=BLUE, label="encoder, DReG")
right.loglog(ks, ratios["dmu"], "o-", color=ORANGE, label="encoder, plain")
right.set(xlabel="k", ylabel="signal-to-noise ratio")
right.legend(loc="upper left")
for ax in (left, right):
    ax.set_xticks(ks, [str(k) for k in ks], minor=False)
    ax.minorticks_off()
show(figure, "23a-signal-to-noise")

# %% [markdown]
# Nearly ten thousand: the noise of DReG is a hundredth, and the noise of a mean of $n$
# gradients is that of one, divided by $\sqrt n$. Both estimators have the same
# expected value, and for every $k$ the spread of the new one is smaller. So DReG's
# mean is the better measurement of the common signal. With it the plain ratio at
# $k = 64$ is 0.03, and falls like $1/\sqrt k$, as derived. (DReG's ratio hardly changes
# between $k = 1$ and 4. There $k$ is too small for statements about orders.)
#
# So the answer to the question at the top: for the decoder yes, for the encoder only
# with DReG. What a whole VAE gains from such a training, and what it loses, is the
# subject of lesson 23b.
#
# ## Questions
#
# **Question 1.** At $k = 64$ the encoder's plain gradient has a signal-to-noise ratio
# of 0.03. What is wrong with it?
#
# - **a** Its expected value is wrong, and so it points to the wrong place.
# - **b** Its noise grows with $k$, because 64 draws are noisier than one.
# - **c** Its expected value is right, but shrinks faster than its noise does.
#
# **Question 2.** You implement DReG and check it with frozen noise at $k = 5$: finite
# differences of $\hat L_5$ disagree with it by far. What follows?
#
# - **a** DReG is biased: on average it points to another place than the gradient of
#   $L_5$.
# - **b** Nothing. It is not the derivative of $\hat L_5$ for these draws, and only its
#   expected value has to agree.
# - **c** The draws are too few. With more of them in $\hat L_k$ the check would pass.
#
# ## Exercises
#
# Answers are in `answers_23a_several_draws.py`.
#
# 1. **Change a number.** Give $q$ exactly the mean and the standard deviation of the
#    posterior. Predict the noise of both encoder gradients at $k = 8$. *Check:* that
#    of DReG is zero up to rounding, and that of the plain gradient is not.
# 2. **One square less.** Leave out the score function without replacing it: use
#    $\sum_i v_i\,g_i$ in place of $\sum_i v_i^2\,g_i$. Predict for which $k$ this is
#    right on average. *Check:* its mean agrees with that of DReG for $k = 1$, and is
#    more than twice as large for $k = 4$.
# 3. **Derive and implement.** You can afford 64 draws. Instead of one bound of 64, take
#    the mean of $M$ bounds of $64/M$ draws each. Derive how the encoder's
#    signal-to-noise ratio with the *plain* gradient depends on $M$, and measure it
#    for $M$ = 1, 4, 16 and 64. *Check:* each of the ratios is larger than the one
#    before it.
