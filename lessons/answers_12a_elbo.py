# %% [markdown]
# # 12a · The evidence lower bound (ELBO): answers

# %%
import numpy as np

from npvae import check
from npvae.gaussian import kl_and_grad, kl_standard_normal

rng = np.random.default_rng(0)
a, SIGMA_X, x = np.array([1.5, 0.8]), 0.6, np.array([2.0, 0.3])
covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
log_px = -0.5 * (
    x @ np.linalg.inv(covariance) @ x + np.linalg.slogdet(covariance)[1] + 2 * np.log(2 * np.pi)
)
total = a @ a + SIGMA_X**2
m, s = x @ a / total, SIGMA_X / np.sqrt(total)


# %% [markdown]
# ## 1. A more precise decoder
#
# The standard deviation of the posterior falls nearly in proportion, from 0.333
# to 0.117: a precise observation leaves little doubt about $z$. A narrow $q$ is
# far from the prior, so the KL divergence rises by about $\log 3$. Whoever wants
# precise reconstructions pays for them in KL divergence.

# %%
kls = {}
for sigma_x in (0.6, 0.2):
    in_all = a @ a + sigma_x**2
    mean, sd = x @ a / in_all, sigma_x / np.sqrt(in_all)
    kls[sigma_x] = kl_standard_normal(np.array([[mean]]), np.array([[2 * np.log(sd)]]))[0]
    print(
        f"σ_x = {sigma_x}: posterior N({mean:.3f}, {sd:.3f}²), "
        f"KL from the prior {kls[sigma_x]:.3f} nats"
    )
assert kls[0.2] > kls[0.6] + 1

# %% [markdown]
# ## 2. An independent q for a correlated posterior
#
# Let both numbers have variance 1, and let $\Lambda$ be the inverse of their
# covariance; its diagonal is $1 / (1 - \rho^2)$. For Gaussians with the same mean
# the KL divergence is
# $\tfrac12 (\text{trace}(\Lambda S) - 2 - \log\det(\Lambda S))$, with $S$ the
# covariance of $q$, here $\text{diag}(v_1, v_2)$. Its derivative with respect to
# $v_i$ is $\tfrac12(\Lambda_{ii} - 1/v_i)$, which is zero at $v_i = 1 - \rho^2$:
# less than the posterior's own variance of 1. Then the trace is 2, and
#
# $$ -\tfrac12\log\det(\Lambda S) = -\tfrac12 \log\frac{(1 - \rho^2)^2}{1 - \rho^2}
# = -\tfrac12\log(1 - \rho^2) $$
#
# An encoder with independent Gaussians cannot express "if the first number is
# larger, the second one is, too". This costs the VAE some of its ELBO, unless its
# decoder learns to make the posteriors uncorrelated.

# %%
for rho in (0.3, 0.6, 0.9):
    precision = np.linalg.inv(np.array([[1, rho], [rho, 1]]))
    variances = np.linspace(0.02, 1.5, 741)
    v1, v2 = np.meshgrid(variances, variances)
    trace = precision[0, 0] * v1 + precision[1, 1] * v2
    kl = 0.5 * (trace - 2 - np.log(v1 * v2 * np.linalg.det(precision)))
    print(f"ρ = {rho}: gap {kl.min():.4f}, derived {-0.5 * np.log(1 - rho**2):.4f}")
    assert np.isclose(kl.min(), -0.5 * np.log(1 - rho**2), atol=1e-3)
    assert abs(v1.ravel()[kl.argmin()] - (1 - rho**2)) < 0.01

# %% [markdown]
# ## 3. The exact reconstruction term
#
# $\log p(x \mid z)$ is $-|x - a z|^2 / 2\sigma_x^2$ plus a constant. With
# $z = \mu + \sigma\varepsilon$,
#
# $$ |x - a z|^2 = |x - a\mu|^2 - 2\sigma\varepsilon\, a \cdot (x - a\mu)
# + |a|^2\sigma^2\varepsilon^2 $$
#
# The mean of $\varepsilon$ is 0 and that of $\varepsilon^2$ is 1, which gives the
# formula. The part of the ELBO that depends on $\sigma^2$ is
#
# $$ -\frac{|a|^2\sigma^2}{2\sigma_x^2} - \tfrac12(\sigma^2 - \log\sigma^2) $$
#
# and its derivative with respect to $\log\sigma^2$ is
# $\tfrac12 - \tfrac12\sigma^2 \left(|a|^2/\sigma_x^2 + 1\right)$, which is zero
# at $\sigma^2 = \sigma_x^2 / (|a|^2 + \sigma_x^2)$: the posterior's.


# %%
def elbo_and_grad(mu, logvar):
    """The exact ELBO of x for q = N(mu, exp(logvar)), (1, 1) each, and its gradients."""
    away = x - a * mu  # (1, 2)
    var = np.exp(logvar)
    log_px_given_z = -(away @ away.T + a @ a * var)[0, 0] / (2 * SIGMA_X**2)
    log_px_given_z -= 2 * np.log(SIGMA_X) + np.log(2 * np.pi)
    kl, dmu_kl, dlogvar_kl = kl_and_grad(mu, logvar)
    dmu = (away @ a)[:, None] / SIGMA_X**2
    dlogvar = -(a @ a) * var / (2 * SIGMA_X**2)
    return log_px_given_z - kl, dmu - dmu_kl, dlogvar - dlogvar_kl


report = check(elbo_and_grad, np.array([[0.3]]), np.array([[-1.0]]))
print(report)
assert report.ok
at_best, dmu, dlogvar = elbo_and_grad(np.array([[m]]), np.array([[2 * np.log(s)]]))
print(f"at the posterior: ELBO {at_best:.6f}, log p(x) {log_px:.6f}")
assert np.isclose(at_best, log_px)
assert abs(dmu[0, 0]) < 1e-9
assert abs(dlogvar[0, 0]) < 1e-9

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** This KL divergence is a term *of* the ELBO. You can compute it, and it is
#   large in every model that uses its codes.
# - **b** The gap is $\text{KL}(q(z), p(z \mid x))$, which nobody can compute
#   directly. It is zero only if $q$ is the posterior.
# - **c** The reconstruction term is the other term of the ELBO. A perfect model of
#   noisy data has one, too, and no gap.
#
# **Question 2: c.**
#
# - **a** A bound can rise towards what it bounds.
# - **b** It can have risen by more, if the gap has become wider at the same time.
# - **c** The ELBO is $\log p(x)$ minus the gap, and only their difference is known.
#   If $q$ alone has improved, $\log p(x)$ is what it was.
