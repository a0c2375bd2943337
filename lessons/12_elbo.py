# %% [markdown]
# # 12 · The evidence lower bound (ELBO)
#
# *How do you make $\log p(x)$ large if you cannot compute it?*
#
# - **You need:** lessons 09, 10 and 11.
# - **You get:** the ELBO in two lines of algebra, the gap between it and
#   $\log p(x)$, how several draws close that gap, and a VAE with ten parameters
#   whose exact $\log p(x)$ you know.
# - **Run time:** 3 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, show
from diagrams import vae

from npvae import VAE, Adam
from npvae.gaussian import (
    kl_standard_normal,
    log_density,
    log_prior_over_posterior,
    reparameterize,
)
from npvae.iwae import log_mean_exp_and_grad

rng = np.random.default_rng(0)

# %% [markdown]
# ## A model whose evidence is known
#
# Lesson 09 ended with an aim and an obstacle. The aim is to make the evidence
# $\log p(x)$ large. The obstacle is that $p(x)$ is a sum over all codes $z$. This
# lesson finds a way round that sum. To see how good it is, we take a model for
# which the sum has a closed form. It has a linear decoder, one latent and two
# observed numbers:
#
# $$ z \sim \mathcal N(0, 1), \qquad x = a z + \sigma_x \varepsilon $$
#
# Here $a$ is a direction in the plane (not a logit, as in lesson 03), and
# $\sigma_x$ is the standard deviation of the noise. A sum of independent Gaussian
# numbers is Gaussian, so $x$ is Gaussian. So is the posterior, as in lesson 09,
# with two observed numbers in place of one:
#
# $$ p(x) = \mathcal N(0,\; a a^\top + \sigma_x^2 I) $$
#
# $$ p(z \mid x) = \mathcal N(m, s^2), \qquad
# m = \frac{a \cdot x}{|a|^2 + \sigma_x^2}, \qquad
# s^2 = \frac{\sigma_x^2}{|a|^2 + \sigma_x^2} $$
#
# The matrix $a a^\top$ holds all products $a_i a_j$ (`np.outer(a, a)`): this is
# how much $x_i$ and $x_j$ vary together because they share $z$. A Gaussian in the
# plane with covariance $C$ has the log density
# $-\tfrac12 (x^\top C^{-1} x + \log\det C + 2 \log 2\pi)$. We check both formulas
# on a grid of $z$, as in lesson 09.

# %%
a, SIGMA_X = np.array([1.5, 0.8]), 0.6


def log_evidence(x, a):
    """The exact log p(x) of each row of x, (N, 2)."""
    covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
    square = (x @ np.linalg.inv(covariance) * x).sum(axis=1)
    return -0.5 * (square + np.linalg.slogdet(covariance)[1] + 2 * np.log(2 * np.pi))


def posterior(x, a):
    """Mean and standard deviation of p(z | x) for each row of x, (N, 2)."""
    total = a @ a + SIGMA_X**2
    return x @ a / total, SIGMA_X / np.sqrt(total)


def log_likelihood(x, z, a):
    """Log p(x | z) of one x, (2,), for each of many z, (n,)."""
    return log_density(x, z[:, None] * a, np.full(2, 2 * np.log(SIGMA_X)))


x = np.array([2.0, 0.3])
log_px = log_evidence(x[None], a)[0]
m, s = posterior(x, a)
grid = np.linspace(-6, 6, 2001)
dz = grid[1] - grid[0]
joint = np.exp(-0.5 * grid**2 - 0.5 * np.log(2 * np.pi) + log_likelihood(x, grid, a))
on_grid = joint / (joint.sum() * dz)  # the posterior, by Bayes' rule
print(f"log p(x): exactly {log_px:.6f}, on a grid {np.log(joint.sum() * dz):.6f}")
print(f"posterior: mean {m:.3f}, standard deviation {s:.3f}")
assert np.isclose(np.log(joint.sum() * dz), log_px)
assert np.isclose((grid * on_grid).sum() * dz, m)
assert np.isclose(((grid - m) ** 2 * on_grid).sum() * dz, s**2)

# %% [markdown]
# ## The ELBO in two lines
#
# Take *any* distribution $q(z)$ that is nowhere zero. Bayes' rule says
# $p(x) = p(z)\,p(x \mid z) / p(z \mid x)$ for every $z$. Multiply numerator and
# denominator by $q(z)$, and take the logarithm:
#
# $$ \log p(x) = \log\frac{p(z)\,p(x \mid z)}{q(z)} + \log\frac{q(z)}{p(z \mid x)} $$
#
# Now take the expected value over $z \sim q$. The left side does not depend on
# $z$, so it stays as it is. The last term becomes a KL divergence:
#
# $$ \log p(x) = \underbrace{\mathbb E_q\left[\log\frac{p(z)\,p(x \mid z)}{q(z)}\right]}_\text{ELBO}
# + \underbrace{\text{KL}\left(q(z),\, p(z \mid x)\right)}_\text{gap} $$
#
# The KL divergence is never negative (lesson 10), so the first term never exceeds
# $\log p(x)$. It is called the **evidence lower bound**, or **ELBO**. The unknown
# posterior appears only in the gap. Separate $\log p(z)/q(z)$ from the ELBO, and
# you have the two terms of a VAE:
#
# $$ \text{ELBO} = \mathbb E_q\left[\log p(x \mid z)\right] - \text{KL}\left(q(z),\, p(z)\right) $$
#
# The first term is the **reconstruction**: draw a code from $q$, decode it, and
# see how probable $x$ is. The second is the **KL divergence from the prior**.
# Neither needs the posterior or a sum over all codes.
#
# Two KL divergences occur here, and they are easily confused. The one from the
# *prior* is a term of the ELBO, and you can compute it. The one from the
# *posterior* is the gap, and you cannot compute it.
#
# Optimisers minimise, so a program uses the negative: **loss = −ELBO**. Its
# reconstruction term is then $-\mathbb E_q[\log p(x \mid z)]$, and the KL
# divergence is added. To maximise the ELBO and to minimise this loss are the same.
#
# For our model both terms are known exactly. The variance of $q$ lowers the
# reconstruction term by $|a|^2 \sigma^2 / 2\sigma_x^2$ nats; exercise 3 derives
# it, and the first assert checks it with draws.
#
# **Predict first:** we try many Gaussians $q = \mathcal N(\mu, \sigma^2)$ for our
# one $x$. For which of them is the ELBO highest, and how high is it?


# %%
def kl_of_two(mu1, sigma1, mu2, sigma2):
    """KL divergence of N(mu1, sigma1²) from N(mu2, sigma2²): exercise 3 of lesson 10."""
    away = (mu1 - mu2) ** 2 + sigma1**2
    return np.log(sigma2 / sigma1) + away / (2 * sigma2**2) - 0.5


def terms_of_elbo(x, mu, sigma, a):
    """The exact reconstruction term and KL from the prior of each N(mu, sigma²): (n,) each."""
    at_mu = log_likelihood(x, mu, a)
    reconstruction = at_mu - (a @ a) * sigma**2 / (2 * SIGMA_X**2)
    return reconstruction, kl_standard_normal(mu[:, None], 2 * np.log(sigma)[:, None])


mu, sigma = np.full(100_000, 0.5), np.full(100_000, 0.7)  # first: is the exact formula right?
z = mu + sigma * rng.standard_normal(100_000)
drawn, exactly = log_likelihood(x, z, a), terms_of_elbo(x, mu, sigma, a)[0]
assert abs(drawn.mean() - exactly[0]) < 4 * drawn.std() / np.sqrt(len(z))

mus, sigmas = np.meshgrid(np.linspace(-1, 3, 401), np.linspace(0.05, 1.5, 291))
reconstruction, kl = terms_of_elbo(x, mus.ravel(), sigmas.ravel(), a)
elbo = (reconstruction - kl).reshape(mus.shape)
gap = kl_of_two(mus, sigmas, m, s)
best = np.unravel_index(elbo.argmax(), elbo.shape)
print(f"highest ELBO: {elbo.max():.4f} at μ = {mus[best]:.3f}, σ = {sigmas[best]:.3f}")
assert (elbo <= log_px + 1e-12).all(), "a lower bound, everywhere"
assert np.allclose(log_px - elbo, gap), "the gap is the KL divergence from the posterior"
assert log_px - elbo.max() < 1e-3
assert abs(mus[best] - m) < 0.01
assert abs(sigmas[best] - s) < 0.01

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
for sd, colour in ((s, BLUE), (0.7, GREEN), (0.15, ORANGE)):
    along = np.linspace(-1, 3, 200)
    reconstruction, kl = terms_of_elbo(x, along, np.full(200, sd), a)
    left.plot(along, reconstruction - kl, color=colour, label=f"ELBO, σ = {sd:.2f}")
left.axhline(log_px, color="black", linestyle=":", label="log p(x)")
left.set(xlabel="μ", ylabel="nats", xlim=(-1, 4.5), ylim=(-9, -1.5))
left.legend(loc="lower right")
along = np.linspace(0.06, 1.2, 200)
reconstruction, kl = terms_of_elbo(x, np.full(200, m), along, a)
right.plot(along, reconstruction, color=GREEN, label="reconstruction")
right.plot(along, -kl, color=ORANGE, label="-KL from the prior")
right.plot(along, reconstruction - kl, color=BLUE, label="their sum, the ELBO")
right.axhline(log_px, color="black", linestyle=":")
right.axvline(s, color="grey", linestyle="--", linewidth=1, label="σ of the posterior")
right.set(xlabel="σ, at the best μ", ylabel="nats", ylim=(-10, 0.5))
right.legend(loc="lower left", frameon=True, facecolor="white", framealpha=1)
show(figure, "12-elbo-and-evidence")

# %% [markdown]
# The ELBO reaches $\log p(x)$ where $q$ *is* the posterior, and nowhere else. The
# right panel shows how the two terms compete. The reconstruction term is highest
# for a $q$ as narrow as a point. The KL term is highest for a $q$ as wide as the
# prior. Their sum is highest in between, exactly at the standard deviation of the
# true posterior, although that number is nowhere in the formula.
#
# So here is the plan: maximise the ELBO over *everything*. If $q$ improves, the
# gap closes. If the decoder improves, either the gap closes or $\log p(x)$ rises;
# and once there is no gap left, only $\log p(x)$ can rise. This is called
# *variational* inference: one finds a distribution by varying a simple one until
# a bound is highest.
#
# > **What you may have read:** "you may as well compute the ELBO with $z = \mu$".
# > Plugging in $z = \mu$ does not give an ELBO. The variance of $q$ then costs
# > nothing in the reconstruction, and the sum can lie *above* $\log p(x)$, so it
# > bounds nothing. Below, the difference is 0.4 nats. In a VAE with 20 latents it
# > can be nine, and a public program had this bug for a year.

# %%
reconstruction, kl = terms_of_elbo(x, np.array([m]), np.array([s]), a)
at_mu = log_likelihood(x, np.array([m]), a) - kl
print(f"log p(x) {log_px:.3f}; ELBO {(reconstruction - kl)[0]:.3f}; with z = μ {at_mu[0]:.3f}")
assert at_mu[0] > log_px + 0.1

# %% [markdown]
# ## Closing the gap with more draws
#
# There is a second way to derive the ELBO. The evidence is an expected value over
# the prior. It can also be written as an expected value over *any* $q$ that is
# nowhere zero, if each draw gets a weight:
#
# $$ p(x) = \int q(z)\, \frac{p(z)\,p(x \mid z)}{q(z)}\, dz = \mathbb E_q[w],
# \qquad w = \frac{p(z)\,p(x \mid z)}{q(z)} $$
#
# This is called *importance sampling*. It repairs the failure at the end of
# lesson 09: draw where it matters, and correct for that with a weight. Now
# $\log p(x)$ is the logarithm of a mean, $\log \mathbb E[w]$, and the ELBO is the
# mean of a logarithm, $\mathbb E[\log w]$. The second is never larger than the
# first, because the logarithm is concave: it rises less for a large $w$ than it
# falls for a small one. This is *Jensen's inequality*.
#
# Between the two lies a sequence of bounds. Take the mean of $k$ weights, and
# then the logarithm:
#
# $$ L_k = \mathbb E\left[\log \frac1k \sum_{i=1}^k w_i\right], \qquad
# \text{ELBO} = L_1 \le L_2 \le L_4 \le L_8 \le \dots \le \log p(x) $$
#
# Why does each doubling raise the bound, or leave it as it is? The mean of $2k$
# weights is the mean of two means of $k$ weights. By Jensen's inequality its
# logarithm is at least the mean of their two logarithms. And as $k$ grows without
# limit, the mean of the weights settles at its expected value $p(x)$, so that
# $L_k$ approaches $\log p(x)$.
#
# **Predict first:** we take a poor $q$, with half the mean and twice the standard
# deviation of the posterior. How many draws bring the bound to within 0.05 nats
# of $\log p(x)$?

# %%
mu, logvar = np.full((1, 1), 0.5 * m), np.full((1, 1), 2 * np.log(2 * s))
n = 2**18
eps = rng.standard_normal((n, 1))
z = reparameterize(mu, logvar, eps)
log_w = log_likelihood(x, z[:, 0], a) + log_prior_over_posterior(z, logvar, eps)  # log p(z)/q(z)
ks = 2 ** np.arange(0, 13)
L = np.array([log_mean_exp_and_grad(log_w.reshape(-1, k))[0].mean() for k in ks])
for k, bound in zip(ks[::2], L[::2], strict=True):
    print(f"k = {k:4d}: L_k = {bound:.4f}, minus log p(x): {bound - log_px:+.4f}")
reconstruction, kl = terms_of_elbo(x, mu[:, 0], np.exp(logvar[:, 0] / 2), a)
assert abs(L[0] - (reconstruction - kl)[0]) < 4 * log_w.std() / np.sqrt(n), "L_1 is the ELBO"
assert (np.diff(L) >= 0).all(), "on the same draws always, by Jensen's inequality"
assert abs(log_px - L[-1]) < 0.01, "the bound reaches log p(x)"
needed = ks[np.argmax(log_px - L < 0.05)]
print(f"within 0.05 nats from k = {needed} on")
assert needed == 16

# %% [markdown]
# Sixteen draws are enough. (The last digits are chance: these are means over some
# 260,000 draws, so the largest $k$ may even lie above $\log p(x)$ by a thousandth
# of a nat.) More draws make up for a poor $q$, and that has two uses. One can
# *train* on $L_k$, which is the importance-weighted autoencoder (`npvae.IWAE`).
# And one can *evaluate* with it: lesson 18 estimates the $\log p(x)$ of a VAE
# with many draws.
#
# ## The smallest VAE
#
# So far we searched a $q$ for one $x$. For thousands of images we do not want
# thousands of searches. Instead a network computes the Gaussian for *any* $x$: it
# outputs $\mu(x)$ and $\log\sigma^2(x)$. This network is the **encoder**, and we
# write $q(z \mid x)$. It *amortises* the search: the work is done once, in
# training, and after that every new $x$ costs one forward pass.
#
# Now we have all parts. We draw data from our model with the true $a$. The VAE
# has an encoder of one dense layer (two numbers in, $\mu$ and $\log\sigma^2$ out)
# and a decoder of one dense layer (one number in, two out): ten parameters in
# all. They start at random, and Adam minimises the loss −ELBO, with one draw for
# each example and the pathwise gradient of lesson 11. The VAE is given
# $\sigma_x$. It never sees a $z$, the true $a$ or $\log p(x)$.
#
# **Predict first:** how far below the exact $\log p(x)$ will the ELBO be at the
# end? And does the decoder find $a$?

# %%
data = rng.standard_normal((5000, 1)) * a + SIGMA_X * rng.standard_normal((5000, 2))
# npvae's VAE, which you will write yourself in lesson 13: two numbers, no hidden layer, one latent
model = VAE.dense(2, (), 1, likelihood="gaussian", sigma=SIGMA_X, seed=3, dtype=np.float64)
decoder = model.decoder.layers[0]
print(f"{model.params.flat.size} parameters")
adam, curves = Adam(lr=0.01), []
for step in range(3000):
    batch = data[rng.integers(0, len(data), 100)]
    model.loss_and_grad(batch, model.draw_noise(rng, 100))  # the loss is -ELBO
    adam.step(model.params)
    if step % 10 == 0:
        elbo = model.terms(data, model.draw_noise(rng, 5000)).bound.mean()  # one draw per example
        exactly = log_evidence(data - decoder.b, decoder.W[0]).mean()  # log p(x) of this decoder
        curves.append((step, exactly, elbo))
    if step % 500 == 499:
        print(f"step {step + 1}: log p(x) {exactly:.3f}, ELBO {elbo:.3f}")
steps, exact, elbos = np.array(curves).T
at_end = exact[-50:].mean(), elbos[-50:].mean()
print(f"mean of the last 50 evaluations: log p(x) {at_end[0]:.3f}, ELBO {at_end[1]:.3f}")
print(f"the decoder's a: {decoder.W[0].round(2)}; the true a: {a}")

best_possible = log_evidence(data, a).mean()
print(f"log p(x) with the true a: {best_possible:.3f}")
assert abs(at_end[0] - at_end[1]) < 0.02, "the gap has closed"
assert abs(at_end[0] - best_possible) < 0.02, "and the decoder is as good as the true model"
assert min(np.abs(decoder.W[0] - a).max(), np.abs(decoder.W[0] + a).max()) < 0.1, "a, or -a"

mu, logvar = model.encode(data)
exact_mean, exact_sd = posterior(data - decoder.b, decoder.W[0])  # of this decoder
mean_off, sd = np.abs(mu[:, 0] - exact_mean).mean(), np.exp(logvar / 2).mean()
print(f"encoder and posterior: means differ by {mean_off:.3f}; σ {sd:.3f} and {exact_sd:.3f}")
assert mean_off < 0.1
assert abs(sd - exact_sd) < 0.05

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.plot(steps, exact, color="black", linestyle=":", label="log p(x), exact")
left.plot(steps, elbos, color=BLUE, label="ELBO")
left.axhline(best_possible, color=GREEN, linewidth=1, label="log p(x) of the true model")
left.set(
    xlabel="step",
    ylabel="nats, mean over the data",
    xlim=(-20, 800),
    ylim=(best_possible - 3, best_possible + 0.4),
)
left.legend(loc="lower right")
right.plot(exact_mean[:300], mu[:300, 0], ".", color=PURPLE)
right.plot([-2.5, 2.5], [-2.5, 2.5], color="grey", linewidth=0.8)
right.set(xlabel="mean of the exact posterior", ylabel="μ from the encoder")
show(figure, "12-the-smallest-vae")

terms = model.terms(data, model.draw_noise(rng, 5000))
reconstruction, kl = -terms.log_px.mean(), terms.kl.sum(axis=1).mean()
print(f"loss {reconstruction + kl:.2f} = reconstruction {reconstruction:.2f} + KL {kl:.2f} nats")
show(vae(losses=True, nats=(reconstruction, kl)), "12-two-terms-in-nats")

# %% [markdown]
# At first the ELBO rises because the gap closes; the exact $\log p(x)$ even falls
# for a few steps. From then on both rise together. (The blue line is measured
# with one draw per example, so it fluctuates, and may come out slightly above the
# dotted line. The bound holds for the expected value.) In the end there is hardly
# any gap left. The decoder has found $a$ up to its sign: $z$ and $-z$ are equally
# probable, so $a$ and $-a$ describe the same data. And the encoder outputs the
# correct posterior, although it was never given one.
#
# The gap closes because of the linear decoder. Then the posterior *is* a
# Gaussian, with a mean that is linear in $x$ and the same variance for all $x$,
# and one dense layer can compute that. With a nonlinear decoder the posterior is
# not a Gaussian, and a gap remains. Lesson 18 measures it.
#
# The diagram shows the whole machine, with its two terms at the end of the
# training, in nats per example. Everything is there: the prior, the decoder, the
# encoder, the draw, the KL divergence and the bound. In lesson 13 you train it on
# digits.
#
# ## Exercises
#
# Answers are in `answers_12_elbo.py`.
#
# 1. **Change a number.** We repaired a $q$ that was too wide. In a copy, give $q$
#    the mean of the posterior, and make its standard deviation three times too
#    small, or three times too large. (For one of them, the assert that the bound
#    reaches $\log p(x)$ fails. Take it out, and ask yourself why.) Predict which
#    of the two is worse, and which is repaired by fewer draws. *Check:* at
#    $k = 64$ the gap of the narrow one is more than ten times that of the wide
#    one.
# 2. **Two latents.** Let the posterior be a Gaussian of two correlated numbers of
#    variance 1, with correlation $\rho$, while $q$ has two *independent*
#    Gaussians, as in a VAE. How large is the gap that remains? (For Gaussians
#    with the same mean, the KL divergence is
#    $\tfrac12 (\text{trace}(\Lambda S) - 2 - \log\det(\Lambda S))$, with $S$ the
#    covariance of $q$ and $\Lambda$ the inverse of the posterior's covariance;
#    the trace is the sum along the diagonal.) *Check:*
#    $-\tfrac12 \log(1 - \rho^2)$, found by a search over both variances.
# 3. **Derive and implement.** Show that for our model
#
#    $$ \mathbb E_q[\log p(x \mid z)] = \log p(x \mid z{=}\mu)
#    - \frac{|a|^2 \sigma^2}{2\sigma_x^2} $$
#
#    (`terms_of_elbo` uses it), and find from it the best $\sigma$ by setting a
#    derivative to zero. *Check:* it is the standard deviation of the posterior,
#    and `npvae.check` passes on your ELBO and its gradients with respect to
#    $\mu$ and $\log\sigma^2$.
