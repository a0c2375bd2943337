# %% [markdown]
# # 12a · The evidence lower bound (ELBO)
#
# *How do you make $\log p(x)$ large if you cannot compute it?*
#
# - **You need:** lessons 09, 10 and 11.
# - **You get:** the ELBO in two lines of algebra, the gap between it and
#   $\log p(x)$, how its two terms compete, and a posterior found by gradient
#   descent.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show

from npvae.gaussian import (
    kl_and_grad,
    kl_standard_normal,
    log_density,
    reparameterize,
    reparameterize_backward,
)

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
SIGMA_X = 0.6
a = np.array([1.5, 0.8])


def log_evidence(x, a):
    """The exact log p(x) of each row of x, (N, 2): of the Gaussian with mean 0 and covariance C.

    C = a aᵀ + sigma_x² I, and log p(x) = -(xᵀ C⁻¹ x + log det C + 2 log 2π) / 2, in nats, (N,).
    """
    ### BEGIN SOLUTION
    covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
    square = (x @ np.linalg.inv(covariance) * x).sum(axis=1)
    return -0.5 * (square + np.linalg.slogdet(covariance)[1] + 2 * np.log(2 * np.pi))
    ### END SOLUTION


def posterior(x, a):
    """Mean, (N,), and standard deviation, a number, of p(z | x) for each row of x, (N, 2).

    The mean is a·x / (|a|² + sigma_x²), the variance sigma_x² / (|a|² + sigma_x²).
    """
    ### BEGIN SOLUTION
    total = a @ a + SIGMA_X**2
    return x @ a / total, SIGMA_X / np.sqrt(total)
    ### END SOLUTION


def log_likelihood(x, z, a):
    """Log p(x | z) of one x, (2,), for each of many z, (n,)."""
    return log_density(x, z[:, None] * a, np.full(2, 2 * np.log(SIGMA_X)))


x = np.array([2.0, 0.3])
log_px = log_evidence(x[None], a)[0]
m, s = posterior(x, a)
grid = np.linspace(-6, 6, 2001)
width = grid[1] - grid[0]
joint = np.exp(-0.5 * grid**2 - 0.5 * np.log(2 * np.pi) + log_likelihood(x, grid, a))
on_grid = joint / (joint.sum() * width)  # the posterior, by Bayes' rule
print(f"log p(x): exactly {log_px:.6f}, on a grid {np.log(joint.sum() * width):.6f}")
print(f"posterior: mean {m:.3f}, standard deviation {s:.3f}")
assert np.isclose(np.log(joint.sum() * width), log_px)
assert np.isclose((grid * on_grid).sum() * width, m)
assert np.isclose(((grid - m) ** 2 * on_grid).sum() * width, s**2)

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
    """The two terms of the ELBO of one x, (2,), for each q = N(mu, sigma²), (n,) each: (n,) each.

    The exact reconstruction term is log p(x | z=mu) - |a|² sigma² / (2 sigma_x²). The other term
    is the KL divergence of q from the prior. The ELBO is the first minus the second, in nats.
    """
    ### BEGIN SOLUTION
    at_mu = log_likelihood(x, mu, a)
    reconstruction = at_mu - (a @ a) * sigma**2 / (2 * SIGMA_X**2)
    return reconstruction, kl_standard_normal(mu[:, None], 2 * np.log(sigma)[:, None])
    ### END SOLUTION


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
show(figure, "12a-elbo-and-evidence")

# %% [markdown]
# The ELBO reaches $\log p(x)$ where $q$ *is* the posterior, and nowhere else. The
# right panel shows how the two terms compete. The reconstruction term is highest
# for a $q$ as narrow as a point. The KL term is highest for a $q$ as wide as the
# prior. Their sum is highest in between, exactly at the standard deviation of the
# true posterior, although that number is nowhere in the formula.
#
# ## Descending to the posterior
#
# We found the best $q$ on a grid. With more than a few latents that is out of
# the question, so let us use gradients. Lesson 11 showed how to differentiate
# through the draw $z = \mu + \sigma\varepsilon$, and lesson 10 has the gradient
# of the KL divergence. What remains is the derivative of the reconstruction term
# of the loss with respect to $z$:
#
# $$ -\log p(x \mid z) = \frac{|x - a z|^2}{2\sigma_x^2} + \text{constant},
# \qquad dz = -\frac{a \cdot (x - a z)}{\sigma_x^2} $$
#
# So we start with $q$ at the prior, draw ten codes, compute the loss and its
# gradients with respect to $\mu$ and $\log\sigma^2$, take a small step against
# them, and repeat with other draws.
#
# **Predict first:** the program never computes $\log p(x)$ or the posterior.
# Where does it end, and how large is the loss there?


# %%
def loss_and_grad(x, mu, logvar, eps, a):
    """The loss -ELBO of one x, (2,), and its gradients with respect to mu and logvar.

    mu and logvar are numbers, eps is (n,), one number for each draw z = mu + sigma eps. The loss
    is the mean of -log p(x | z) over the draws plus the KL divergence from the prior. Return
    (loss, dmu, dlogvar), three numbers.
    """
    ### BEGIN SOLUTION
    z = reparameterize(mu, logvar, eps)  # (n,)
    dz = -(x - z[:, None] * a) @ a / SIGMA_X**2 / len(eps)  # of the mean over the draws
    dmu, dlogvar = reparameterize_backward(dz, logvar, eps)
    kl, dmu_kl, dlogvar_kl = kl_and_grad(np.full((1, 1), mu), np.full((1, 1), logvar))
    loss = kl - log_likelihood(x, z, a).mean()
    return loss, dmu.sum() + dmu_kl[0, 0], dlogvar.sum() + dlogvar_kl[0, 0]
    ### END SOLUTION


mu, logvar = 0.0, 0.0  # q begins as the prior
path = [(mu, np.exp(logvar / 2))]
for step in range(2000):
    loss, dmu, dlogvar = loss_and_grad(x, mu, logvar, rng.standard_normal(10), a)
    mu, logvar = mu - 0.01 * dmu, logvar - 0.01 * dlogvar
    path.append((mu, np.exp(logvar / 2)))
    if step in (0, 9, 99, 999):
        print(f"step {step + 1:4d}: loss {loss:6.2f}, μ = {mu:.3f}, σ = {path[-1][1]:.3f}")
path = np.array(path)
mu_found, sigma_found = path[-1000:].mean(axis=0)
reconstruction, kl = terms_of_elbo(x, np.array([mu_found]), np.array([sigma_found]), a)
least_loss = (kl - reconstruction)[0]
print(f"mean of the last 1000 steps: μ = {mu_found:.3f}, σ = {sigma_found:.3f}")
print(f"posterior:                   μ = {m:.3f}, σ = {s:.3f}")
print(f"loss there {least_loss:.4f}, -log p(x) {-log_px:.4f} nats")
assert abs(mu_found - m) < 0.05
assert abs(sigma_found - s) < 0.05
assert 0 <= least_loss + log_px < 0.02, "the loss is -log p(x), almost"
eps = rng.standard_normal(100_000)
_, dmu, dlogvar = loss_and_grad(x, m, 2 * np.log(s), eps, a)
assert abs(dmu) < 0.05, "at the posterior both gradients are zero, on average"
assert abs(dlogvar) < 0.05

figure, ax = plt.subplots(figsize=(6, 4))
levels = log_px - np.array([32, 16, 8, 4, 2, 1, 0.5, 0.1])
lines = ax.contour(mus, sigmas, elbo, levels, colors="grey", linewidths=0.8, linestyles="solid")
ax.clabel(lines, fmt="%.1f", fontsize=8)
ax.plot(*path.T, color=BLUE, linewidth=1, label="descent of the loss")
ax.plot(*path[0], "o", color=ORANGE, label="start: the prior")
ax.plot(m, s, "*", color=GREEN, markersize=12, label="posterior")
ax.set(xlabel="μ", ylabel="σ", xlim=(-0.5, 2.5), ylim=(0.05, 1.2))
ax.set_title("contours: ELBO in nats")
ax.legend(loc="upper right", frameon=True, facecolor="white", framealpha=1)
show(ax, "12a-descent")

# %% [markdown]
# It ends at the posterior, and the loss there is $-\log p(x)$. (Each step uses
# other draws, so the path trembles around the end; hence the mean of the last
# thousand steps.) Minimising the loss has solved Bayes' rule, without the sum.
# This is called *variational* inference: one finds a distribution by varying a
# simple one until a bound is highest.
#
# So here is the plan: maximise the ELBO over *everything*, over $q$ as well as
# over the parameters of the decoder. If $q$ improves, the gap closes. If the
# decoder improves, either the gap closes or $\log p(x)$ rises; and once there is
# no gap left, only $\log p(x)$ can rise. Lesson 12b carries it out.
#
# ## The ELBO needs a draw
#
# Why draw at all? A program is simpler without noise, and $\mu$ is the most
# probable code of $q$.
#
# **Predict first:** we take the best $q$, and decode its mean, $z = \mu$, in
# place of draws. Is reconstruction minus KL divergence then below $\log p(x)$,
# equal to it, or above?

# %%
reconstruction, kl = terms_of_elbo(x, np.array([m]), np.array([s]), a)
at_mu = log_likelihood(x, np.array([m]), a) - kl
print(f"log p(x) {log_px:.3f}; ELBO {(reconstruction - kl)[0]:.3f}; with z = μ {at_mu[0]:.3f}")
assert at_mu[0] > log_px + 0.1

# %% [markdown]
# > **What you may have read:** "you may as well compute the ELBO with $z = \mu$".
# > Plugging in $z = \mu$ does not give an ELBO. The variance of $q$ then costs
# > nothing in the reconstruction, so the sum is higher than the ELBO, and it can
# > lie *above* $\log p(x)$: it bounds nothing. Here it lies 0.4 nats above. With
# > many latents the difference is far larger: each adds its share. A program that
# > reports this sum makes every model look better than it is.
#
# ## Questions
#
# **Question 1.** The ELBO of an image is lower than its $\log p(x)$ by five nats.
# What is five nats large?
#
# - **a** the KL divergence of $q$ from the prior
# - **b** the KL divergence of $q$ from the posterior
# - **c** the reconstruction error
#
# **Question 2.** A training raises the ELBO by three nats. What does that say
# about $\log p(x)$?
#
# - **a** It has risen by three nats, since the ELBO is a bound.
# - **b** It has risen by at most three nats.
# - **c** Nothing for certain: the gap may have closed instead.
#
# ## Exercises
#
# Answers are in `answers_12a_elbo.py`.
#
# 1. **Change a number.** In a copy, make the decoder more precise,
#    $\sigma_x = 0.2$ in place of 0.6. Predict what happens to the standard
#    deviation of the posterior, and to the KL divergence that the best $q$ pays.
#    *Check:* that KL divergence is more than a nat larger.
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
