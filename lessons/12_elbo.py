# %% [markdown]
# # 12 · A bound that you can climb
#
# *How do you make $\log p(x)$ large if you cannot compute it?*
#
# - **You need:** lessons 09, 10 and 11.
# - **You get:** the ELBO in two lines of algebra, what lies between it and
#   $\log p(x)$, how several draws close that gap, and a VAE of ten numbers whose
#   truth you know.
# - **Run time:** 3 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, show

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
# ## A model of which everything is known
#
# Lesson 09 left us with a wish and a wall. The wish: make the evidence
# $\log p(x)$ large, the probability of $x$ with all codes summed out. The wall:
# that sum. To see what the way round it is worth, we take a model without the
# wall. Its decoder is straight, one latent and two observed numbers:
#
# $$ z \sim \mathcal N(0, 1), \qquad x = a z + \sigma_x \varepsilon $$
#
# with $a$ a direction in the plane. $x$ is then a sum of independent numbers that
# each follow a bell, and such a sum follows a bell, too. So does the posterior
# (exercise 3 of lesson 09, with two observed numbers in place of one):
#
# $$ p(x) = \mathcal N(0,\; a a^\top + \sigma_x^2 I) $$
#
# $$ p(z \mid x) = \mathcal N\left(\frac{a \cdot x}{|a|^2 + \sigma_x^2},\;
# \frac{\sigma_x^2}{|a|^2 + \sigma_x^2}\right) $$
#
# ($a a^\top$ is the table of all products $a_i a_j$, `np.outer(a, a)`: through
# $z$, which they share, $x_i$ and $x_j$ go up together by that much. A bell in
# the plane with covariance $C$ has the log density
# $-\tfrac12 (x^\top C^{-1} x + \log\det C + 2 \log 2\pi)$; the determinant says
# how large an area it covers. The grid below checks it.)

# %%
a, SIGMA_X = np.array([1.5, 0.8]), 0.6


def log_evidence(x, a):
    """Exact log p(x) of each row of x, (N, 2), with log det and inverse of the covariance."""
    covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
    square = (x @ np.linalg.inv(covariance) * x).sum(axis=1)
    return -0.5 * (square + np.linalg.slogdet(covariance)[1] + 2 * np.log(2 * np.pi))


def posterior(x, a):
    """The mean of p(z | x) for each row of x, and its standard deviation."""
    total = a @ a + SIGMA_X**2
    return x @ a / total, SIGMA_X / np.sqrt(total)


def log_likelihood(x, z, a):
    """Log p(x | z) for one x, (2,), and many z, (n,)."""
    return log_density(x, z[:, None] * a, np.full(2, 2 * np.log(SIGMA_X)))


x = np.array([2.0, 0.3])
log_px = log_evidence(x[None], a)[0]
m, s = posterior(x, a)
grid = np.linspace(-6, 6, 2001)
joint = np.exp(-0.5 * grid**2 - 0.5 * np.log(2 * np.pi) + log_likelihood(x, grid, a))
print(f"log p(x) exactly {log_px:.6f}, by a grid {np.log(joint.sum() * (grid[1] - grid[0])):.6f}")
print(f"posterior: mean {m:.3f}, width {s:.3f}")
assert np.isclose(np.log(joint.sum() * (grid[1] - grid[0])), log_px)

# %% [markdown]
# ## Two lines
#
# Take *any* distribution $q(z)$ that is nowhere zero. Bayes' rule says
# $p(x) = p(z)\,p(x \mid z) / p(z \mid x)$, whatever $z$ is. Put $q$ in above and
# below, and take the logarithm:
#
# $$ \log p(x) = \log\frac{p(z)\,p(x \mid z)}{q(z)} + \log\frac{q(z)}{p(z \mid x)} $$
#
# The left side does not depend on $z$. So it stays when we take the mean over
# draws of $q$, and the last term becomes a KL:
#
# $$ \log p(x) = \underbrace{\mathbb E_q\left[\log\frac{p(z)\,p(x \mid z)}{q(z)}\right]}_\text{ELBO}
# + \underbrace{\text{KL}\left(q(z),\, p(z \mid x)\right)}_\text{the gap} $$
#
# That is all. The KL is never negative (lesson 10), so the first term never
# exceeds $\log p(x)$: it is the **evidence lower bound**, ELBO. The unknown
# posterior stands in the gap only. And if you pull $p(z)/q(z)$ out of the ELBO,
# you have the two halves of a VAE:
#
# $$ \text{ELBO} = \mathbb E_q\left[\log p(x \mid z)\right] - \text{KL}\left(q(z),\, p(z)\right) $$
#
# The first is the **reconstruction**: draw a code from the cloud, decode it, see
# how probable $x$ is. The second is the **price of the cloud**. Nothing else is
# in it: no posterior, no sum over codes.
#
# Two KLs, and they are easily confused. One is from the *prior*, it is in the
# formula, and you can compute it. The other is from the *posterior*, it is the
# gap, and you cannot.
#
# For our model both halves are known exactly. (The width of the cloud costs the
# reconstruction $|a|^2 \sigma^2 / 2\sigma_x^2$ nats. Exercise 3 derives it, and
# the first assert checks it by draws.)
#
# **Predict first:** we try many bells $q = \mathcal N(\mu, \sigma^2)$ for our one
# $x$. Where is the ELBO highest, and how high does it get?


# %%
def kl_of_two(mu1, sigma1, mu2, sigma2):
    """KL of N(mu1, sigma1²) from N(mu2, sigma2²): exercise 3 of lesson 10."""
    away = (mu1 - mu2) ** 2 + sigma1**2
    return np.log(sigma2 / sigma1) + away / (2 * sigma2**2) - 0.5


def parts(x, mu, sigma, a):
    """Reconstruction and KL from the prior, exactly, for clouds mu, sigma: (n,) each."""
    at_mu = log_likelihood(x, mu, a)
    reconstruction = at_mu - (a @ a) * sigma**2 / (2 * SIGMA_X**2)  # what the width costs
    return reconstruction, kl_standard_normal(mu[:, None], 2 * np.log(sigma)[:, None])


mu, sigma = np.full(100_000, 0.5), np.full(100_000, 0.7)  # first: is that formula right?
z = mu + sigma * rng.standard_normal(100_000)
drawn = log_likelihood(x, z, a)
assert abs(drawn.mean() - parts(x, mu[:1], sigma[:1], a)[0][0]) < 4 * drawn.std() / np.sqrt(len(z))

mus, sigmas = np.meshgrid(np.linspace(-1, 3, 401), np.linspace(0.05, 1.5, 291))
reconstruction, kl = parts(x, mus.ravel(), sigmas.ravel(), a)
elbo = (reconstruction - kl).reshape(mus.shape)
gap = kl_of_two(mus, sigmas, m, s)
best = np.unravel_index(elbo.argmax(), elbo.shape)
print(f"highest: {elbo.max():.4f} at μ = {mus[best]:.3f}, σ = {sigmas[best]:.3f}")
assert (elbo <= log_px + 1e-12).all(), "a lower bound, everywhere"
assert np.allclose(log_px - elbo, gap), "and what is missing is the KL from the posterior"
assert log_px - elbo.max() < 1e-3
assert abs(mus[best] - m) < 0.01
assert abs(sigmas[best] - s) < 0.01

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
for width, colour in ((s, BLUE), (0.7, GREEN), (0.15, ORANGE)):
    along = np.linspace(-1, 3, 200)
    r, kl = parts(x, along, np.full(200, width), a)
    left.plot(along, r - kl, color=colour, label=f"ELBO, σ = {width:.2f}")
left.axhline(log_px, color="black", linestyle=":", label="log p(x)")
left.set(xlabel="μ", ylabel="nats", xlim=(-1, 4.5), ylim=(-9, -1.5))
left.legend(loc="lower right")
along = np.linspace(0.06, 1.2, 200)
r, kl = parts(x, np.full(200, m), along, a)
right.plot(along, r, color=GREEN, label="reconstruction")
right.plot(along, -kl, color=ORANGE, label="-KL from the prior")
right.plot(along, r - kl, color=BLUE, label="their sum, the ELBO")
right.axhline(log_px, color="black", linestyle=":")
right.axvline(s, color="grey", linestyle="--", linewidth=1, label="width of the posterior")
right.set(xlabel="σ, at the best μ", ylabel="nats", ylim=(-10, 0.5))
right.legend(loc="lower left", frameon=True, facecolor="white", framealpha=1)
show(figure, "12-under-the-line")

# %% [markdown]
# It touches the line where $q$ *is* the posterior, and nowhere else. In the right
# panel you see two opponents. The reconstruction wants the cloud as narrow as a
# point. The price wants it as wide as the prior. Their sum is highest in between,
# exactly at the width of the true posterior. Nobody told it that width.
#
# So here is the plan: make the ELBO large *by everything there is*. By $q$, and
# the gap closes. By the decoder, and either the gap closes or $\log p(x)$ rises;
# once there is no gap left, only $\log p(x)$ can rise. This is called
# *variational* inference: to find a distribution by varying a simple one until a
# bound is highest.
#
# > **What you may have read:** "for the ELBO you may as well use $z = \mu$". Then
# > the reconstruction is too good, since the cloud costs nothing there, and the
# > sum can lie *above* $\log p(x)$. It bounds nothing. Below that is worth 0.4
# > nats. In a VAE with 20 latents it can be nine, as a public program had it for
# > a year.

# %%
r, kl = parts(x, np.array([m]), np.array([s]), a)
at_mu = log_likelihood(x, np.array([m]), a) - kl
print(f"log p(x) {log_px:.3f}; ELBO {(r - kl)[0]:.3f}; with z = μ {at_mu[0]:.3f}")
assert at_mu[0] > log_px + 0.1

# %% [markdown]
# ## Closing the gap by drawing more
#
# There is another way to the ELBO. The evidence is a mean over the prior, and it
# can be written as a mean over *any* $q$ that is nowhere zero, if each draw gets
# a weight:
#
# $$ p(x) = \int q(z)\, \frac{p(z)\,p(x \mid z)}{q(z)}\, dz = \mathbb E_q[w],
# \qquad w = \frac{p(z)\,p(x \mid z)}{q(z)} $$
#
# (*Importance sampling*. It repairs the failure at the end of lesson 09: draw
# where it matters, and weigh.) The ELBO is $\mathbb E[\log w]$, a mean of
# logarithms, and $\log p(x)$ is the logarithm of a mean. The first is never
# larger: the logarithm bends down, so it rewards a large $w$ less than it
# punishes a small one. That is *Jensen's inequality*.
#
# In between there is a whole ladder. Take the mean of $k$ weights, and then the
# logarithm. (Twice as many draws: the logarithm of the mean of two means is at
# least the mean of their logarithms. So each doubling is a step up.)
#
# $$ L_k = \mathbb E\left[\log \frac1k \sum_{i=1}^k w_i\right], \qquad
# \text{ELBO} = L_1 \le L_2 \le L_4 \le L_8 \le \dots \le \log p(x) $$
#
# **Predict first:** $q$ is poor: its middle is only half as far from 0 as it
# should be, and its width is doubled. How many draws bring the bound to within
# 0.05 nats?

# %%
mu, logvar = np.full((1, 1), 0.5 * m), np.full((1, 1), 2 * np.log(2 * s))
n = 2**18
eps = rng.standard_normal((n, 1))
z = reparameterize(mu, logvar, eps)
log_w = log_likelihood(x, z[:, 0], a) + log_prior_over_posterior(z, logvar, eps)  # log p(z)/q(z)
ks = 2 ** np.arange(0, 13)
L = [log_mean_exp_and_grad(log_w.reshape(-1, k))[0].mean() for k in ks]  # blocks of k draws
for n_draws, value in list(zip(ks, L, strict=True))[::2]:
    print(f"k = {n_draws:4d}: L_k = {value:.4f}, log p(x) {value - log_px:+.4f}")
r, kl = parts(x, mu[:, 0], np.exp(logvar[:, 0] / 2), a)
assert abs(L[0] - (r - kl)[0]) < 4 * log_w.std() / np.sqrt(n), "L_1 is the ELBO"
assert (np.diff(L) >= 0).all(), "always so on the same draws: each step is Jensen's inequality"
assert abs(log_px - L[-1]) < 0.01, "and they reach the line"
needed = ks[np.argmax(log_px - np.array(L) < 0.05)]
print(f"within 0.05 nats from k = {needed} on")

# %% [markdown]
# Sixteen, of the powers of two. (The last digits are chance: these are means over
# some 260,000 draws.) More draws make up for a poor $q$, and that has two uses.
# One can *train* on $L_k$ (the importance-weighted autoencoder, `npvae.IWAE`),
# and one can *measure* with it: lesson 18 judges a VAE with many draws.
#
# ## The smallest VAE
#
# So far $q$ was made for one $x$. For a thousand images we do not want a thousand
# searches. So let a network name the bell for *any* $x$: $\mu(x)$ and
# $\log\sigma^2(x)$. That is the **encoder**, we write $q(z \mid x)$, and one says
# that it *amortises* the search: the work is done once, in training, and after
# that each $x$ costs one look.
#
# Now we have all parts. Our two-number data are drawn from a true $a$. The model
# has an encoder of one dense layer (two numbers in, $\mu$ and $\log\sigma^2$ out)
# and a decoder of one dense layer (one in, two out): ten numbers in all. It
# starts at random and climbs the ELBO, one draw for each example, by the gradient
# of lesson 11. It is told $\sigma_x$. It never sees a $z$, nor $a$, nor
# $\log p(x)$.
#
# **Predict first:** how far below the exact $\log p(x)$ will its ELBO end? And
# does the decoder find $a$?

# %%
data = rng.standard_normal((5000, 1)) * a + SIGMA_X * rng.standard_normal((5000, 2))
# npvae's VAE, which you will write yourself in lesson 13: two numbers, no hidden layer, one latent
model = VAE.dense(2, (), 1, likelihood="gaussian", sigma=SIGMA_X, seed=3, dtype=np.float64)
print(f"{model.params.flat.size} numbers to learn")
adam, curves = Adam(lr=0.01), []
for step in range(3000):
    batch = data[rng.integers(0, len(data), 100)]
    model.loss_and_grad(batch, model.draw_noise(rng, 100))
    adam.step(model.params)
    if step % 10 == 0:
        terms = model.terms(data, model.draw_noise(rng, 5000))
        decoder = model.decoder.layers[0]
        exact = log_evidence(data - decoder.b, decoder.W[0]).mean()  # of this very decoder
        curves.append((step, exact, terms.bound.mean()))  # the ELBO, one draw an example
steps, exact, elbo = np.array(curves).T
ends = exact[-50:].mean(), elbo[-50:].mean()
print(f"at the end, mean of 50 looks: log p(x) {ends[0]:.3f}, ELBO {ends[1]:.3f}")
print(f"its a: {decoder.W[0].round(2)}, the true a: {a} (or -a: z has no sign of its own)")

best_possible = log_evidence(data, a).mean()
print(f"log p(x) under the true a: {best_possible:.3f}")
assert abs(ends[0] - ends[1]) < 0.02, "the gap has closed"
assert abs(ends[0] - best_possible) < 0.02, "and the decoder is as good as the truth"
assert min(np.abs(decoder.W[0] - a).max(), np.abs(decoder.W[0] + a).max()) < 0.1

mu, logvar = model.encode(data)
m_all, s_all = posterior(data - decoder.b, decoder.W[0])  # exactly, for this decoder
print(
    f"the encoder's μ against the posterior's: off by {np.abs(mu[:, 0] - m_all).mean():.3f}, "
    f"σ {np.exp(logvar / 2).mean():.3f} against {s_all:.3f}"
)
assert np.abs(mu[:, 0] - m_all).mean() < 0.1
assert abs(np.exp(logvar / 2).mean() - s_all) < 0.05

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.plot(steps, exact, color="black", linestyle=":", label="log p(x), exact")
left.plot(steps, elbo, color=BLUE, label="ELBO")
left.axhline(best_possible, color=GREEN, linewidth=1, label="log p(x) of the true model")
left.set(
    xlabel="step",
    ylabel="nats, mean over the data",
    xlim=(-20, 800),
    ylim=(best_possible - 3, best_possible + 0.4),
)
left.legend(loc="lower right")
right.plot(m_all[:300], mu[:300, 0], ".", color=PURPLE)
right.plot([-2.5, 2.5], [-2.5, 2.5], color="grey", linewidth=0.8)
right.set(xlabel="mean of the exact posterior", ylabel="μ, by the encoder")
show(figure, "12-the-smallest-vae")

# %% [markdown]
# At first the bound rises by closing the gap; the exact $\log p(x)$ even dips.
# From then on the two climb together. (The blue line trembles, even above the
# dotted one, since it is measured with one draw for each example. The bound holds
# for the mean.) In the end next to nothing lies between them, and the encoder,
# whom nobody ever told a posterior, names the right one. (With a straight decoder
# the posterior *is* a bell, of one width, with a mean that is a straight function
# of $x$, so that one dense layer can say it. With a network it is not, and a gap
# remains. Lesson 18 measures it.)
#
# Everything is there: the prior, the decoder, the encoder, the draw, the price
# and the bound. In lesson 13 you put digits in.
#
# ## Exercises
#
# Answers are in `answers_12_elbo.py`.
#
# 1. **Change a number.** We repaired a $q$ that was too wide. In a copy, put it
#    at the right place, and make it too narrow by a factor of three, or too wide
#    by the same factor. (The assert that the bound reaches the line will complain
#    about one of the two. Take it out, and ask yourself why.) Predict which is
#    worse, and which of the two more draws repair sooner. *Check:* at $k = 64$
#    the gap of the narrow one is more than ten times that of the wide one.
# 2. **Two latents.** Let the posterior be a bell of two correlated numbers, with
#    correlation $\rho$ (their covariance, divided by both widths), while $q$ has
#    two *independent* bells, as in a VAE. How large is the gap that remains? (For
#    bells with a common middle the KL is
#    $\tfrac12 (\text{trace}(\Lambda S) - 2 - \log\det(\Lambda S))$, with $S$ the
#    covariance of $q$ and $\Lambda$ the inverse of the posterior's; the trace is
#    the sum along the diagonal.) *Check:* $-\tfrac12 \log(1 - \rho^2)$, found by
#    a search over both widths.
# 3. **Derive and implement.** Show that for our model
#
#    $$ \mathbb E_q[\log p(x \mid z)] = \log p(x \mid z{=}\mu)
#    - \frac{|a|^2 \sigma^2}{2\sigma_x^2} $$
#
#    (`parts` uses it), and find from it the best $\sigma$ by setting a derivative
#    to zero. *Check:* it is the width of the posterior, and `npvae.check` passes
#    on your ELBO and its gradients by $\mu$ and $\log\sigma^2$.
