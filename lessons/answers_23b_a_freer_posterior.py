# %% [markdown]
# # 23b · Importance-weighted autoencoders: answers

# %%
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, PURPLE, show

from npvae import Adam
from npvae.iwae import log_mean_exp_and_grad
from npvae.parameters import Parameters

rng = np.random.default_rng(0)
RADIUS, NOISE = 1.5, 0.2


def ring(z):
    """Log p(x, z) of draws z, (..., 2), and its slope in z."""
    r = np.sqrt((z**2).sum(axis=-1))
    log_joint = -0.5 * ((RADIUS - r) / NOISE) ** 2 - np.log(NOISE) - 0.5 * r**2
    slope = ((RADIUS - r) / NOISE**2 / r - 1)[..., None] * z
    return log_joint - 1.5 * np.log(2 * np.pi), slope


def draws(q, n, k):
    """Draws from q, (n, k, 2), their noise, log w, and the slope of log p(x, z)."""
    eps = rng.standard_normal((n, k, 2))
    z = q.mu + np.exp(q.logvar / 2) * eps
    log_joint, slope = ring(z)
    log_q = -0.5 * (eps**2 + q.logvar + np.log(2 * np.pi)).sum(axis=-1)
    return z, eps, log_joint - log_q, slope


def train(k, steps=1000):
    """A Gaussian q over two latents, trained with DReG on the bound of k draws."""
    q = SimpleNamespace(mu=np.array([0.5, 0.3]), logvar=np.array([-1.0, -1.0]))
    q.dmu, q.dlogvar = np.zeros(2), np.zeros(2)
    params, adam = Parameters(q, dtype=np.float64), Adam(beta2=0.99)
    for step in range(steps):
        _, eps, log_w, slope = draws(q, 20, k)
        _, v = log_mean_exp_and_grad(log_w)
        sigma = np.exp(q.logvar / 2)
        dz = -(v[..., None] ** 2) * (slope + eps / sigma)  # of the loss, -L_k
        q.dmu[...] = dz.sum(axis=1).mean(axis=0)
        q.dlogvar[...] = (dz * sigma * eps / 2).sum(axis=1).mean(axis=0)
        adam.lr = 0.03 * (1 - step / steps)
        adam.step(params)
    return q


# %% [markdown]
# ## 1. Two draws, and twenty
#
# With two draws $q$ still retreats to an arc: too often both draws of a wide $q$ would
# miss the ring. With twenty it covers all of the ring, as with five, and it is not nearer to the
# posterior. Nothing in the objective asks for that: the more draws there are, the less
# it costs to waste some.

# %%
axis = np.linspace(-4, 4, 320)
grid = np.stack(np.meshgrid(axis, axis), axis=-1)
cell = (axis[1] - axis[0]) ** 2
log_joint, _ = ring(grid)
log_px = np.log(np.exp(log_joint).sum() * cell)
trained, far = {}, {}
for k in (1, 2, 5, 20):
    q = trained[k] = train(k)
    squares = (grid - q.mu) ** 2 / np.exp(q.logvar)
    log_q = -0.5 * (squares + q.logvar + np.log(2 * np.pi)).sum(axis=-1)
    far[k] = (np.exp(log_q) * (log_q - log_joint + log_px)).sum() * cell
    print(
        f"k = {k:2d}: mean {q.mu.round(2)}, σ {np.exp(q.logvar / 2).round(2)}; "
        f"KL from the posterior {far[k]:.2f} nats"
    )
assert np.hypot(*trained[2].mu) > 1
assert np.hypot(*trained[20].mu) < 0.4
assert far[20] > 4

# %% [markdown]
# ## 2. Keep one of five
#
# The points that are kept lie on the ring, all around it. This is *sampling importance
# resampling*: the weights turn draws from $q$ into draws that are nearly from the
# posterior, and the more draws there are to choose from, the more nearly. So what has
# been trained is not $q$ alone but $q$ together with the choice.

# %%
z, _, log_w, _ = draws(trained[5], 5000, 5)
_, v = log_mean_exp_and_grad(log_w)
chosen = (np.cumsum(v, axis=1) <= rng.random((5000, 1))).sum(axis=1)
kept = z[np.arange(5000), np.minimum(chosen, 4)]
near = {
    name: (np.abs(np.hypot(*points.T) - RADIUS) < 0.4).mean()
    for name, points in (("drawn", z.reshape(-1, 2)), ("kept", kept))
}
quadrants = np.bincount(2 * (kept[:, 0] > 0) + (kept[:, 1] > 0), minlength=4) / 5000
print(f"near the ring: {near['drawn']:.0%} of the draws, {near['kept']:.0%} of those kept")
print(f"kept in each quadrant: {quadrants.round(2)}")
assert near["kept"] > 0.75
assert near["drawn"] < 0.5
assert ((quadrants > 0.15) & (quadrants < 0.35)).all()

figure, panels = plt.subplots(1, 2, figsize=(8, 3.8), sharex=True, sharey=True)
for ax, points, title, colour in zip(
    panels,
    (z[:400, 0], kept[:400]),
    ("drawn from q", "one kept of five"),
    (PURPLE, BLUE),
    strict=True,
):
    ax.plot(*points.T, ".", color=colour, markersize=4)
    ax.set(xlabel="$z_1$", xlim=(-3, 3), ylim=(-3, 3), aspect="equal")
    ax.set_title(title)
panels[0].set_ylabel("$z_2$")
show(figure, "23b-answer-one-of-five")

# %% [markdown]
# ## 3. The effective sample size
#
# With equal weights each $v_i = 1/k$, so $\sum_i v_i^2 = k \cdot 1/k^2 = 1/k$ and $n = k$.
# With a single weight above 0 its share is 1, and $n = 1$. In between, $v_i \le 1$ gives
# $\sum_i v_i^2 \le \sum_i v_i = 1$, so $n \ge 1$. And the variance of the shares is not
# negative: $\frac1k\sum_i v_i^2 - \left(\frac1k\right)^2 \ge 0$, since their mean is
# $1/k$. So $\sum_i v_i^2 \ge 1/k$, and $n \le k$.
#
# It is larger for the $q$ of $k = 1$. All its draws lie on one arc and have similar
# weights, and none of them shows that most of the ring is missing. A large effective
# sample size tells you that the draws agree, and not that they have found everything.


# %%
def effective(log_w):
    """The effective sample size of each row of log weights."""
    _, v = log_mean_exp_and_grad(log_w)
    return 1 / (v**2).sum(axis=-1)


assert np.allclose(effective(np.zeros((1, 5))), 5)
assert np.allclose(effective(np.array([[0.0, -1000, -1000]])), 1)
sizes = {k: effective(draws(trained[k], 20_000, 5)[2]) for k in (1, 5)}
for k, size in sizes.items():
    print(f"q of k = {k}: of five draws {size.mean():.2f} count")
    assert size.min() >= 1 - 1e-9
    assert size.max() <= 5 + 1e-9
assert sizes[1].mean() > 3 > sizes[5].mean()

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** The average of five draws has less noise as well. On MNIST the ELBO with five
#   draws, which is a looser bound, did even better in the same number of steps.
# - **b** Two things changed at once, the bound and the noise. The control changes
#   only one of them.
# - **c** The *training losses* cannot be compared. The table compares estimates of the same
#   $\log p(x)$, made with the same images, noise and number of draws.
#
# **Question 2: a.**
#
# - **a** The gap between the ELBO and $\log p(x)$ is the KL divergence of $q$ from the
#   posterior. Training on $L_{50}$ hardly asks for it to be small.
# - **b** The ELBO depends on $q$ as well. It only has to be lower than
#   $\log p(x)$, by any amount.
# - **c** The mean over many images averages the noise of single draws. It does not
#   move the expected value, which is the lower one.
