# %% [markdown]
# # 20a · Generative adversarial networks: answers

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, show, sized

from npvae import Adam, Dense, LeakyReLU, Sequential, check
from npvae.layers import sigmoid, softplus
from npvae.parameters import Parameters

rng = np.random.default_rng(0)


def network(*sizes):
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, rng), LeakyReLU(0.2)]
    return Sequential(*layers[:-1])


def cross_entropy(a, label):
    return 2 * (softplus(a) - label * a).mean(), 2 * (sigmoid(a) - label) / len(a)


class Discriminator:
    def __init__(self, network, loss=cross_entropy, dtype=np.float32):
        self.network, self.loss = network, loss
        self.params = Parameters({"discriminator": network}, dtype)

    def loss_and_grad(self, x, made):
        label = np.repeat([[1], [0]], len(x), axis=0).astype(x.dtype)
        loss, da = self.loss(self.network.forward(np.concatenate([x, made])), label)
        self.network.backward_parameters(da)
        return (loss,)


# %% [markdown]
# ## 1. The minimax loss on the ring
#
# It covers all eight modes, as the non-saturating loss does. The minimax
# gradient is weak only where the discriminator is sure. Here the generator's
# first points already lie among the data, so the densities overlap from the
# start, and $D$ is never far from one half. With 784 pixels this does not happen
# by itself.

# %%
angles = 2 * np.pi * np.arange(8) / 8
centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)


def ring(n):
    points = centres[rng.integers(8, size=n)] + 0.1 * rng.standard_normal((n, 2))
    return points.astype(np.float32)


generator, discriminator = network(2, 64, 64, 2), Discriminator(network(2, 64, 64, 1))
params = Parameters({"generator": generator})
of_D, of_G = Adam(1e-3, beta1=0.5), Adam(1e-3, beta1=0.5)
n_turns = sized(1500, quick=1000)
for turn in range(1, n_turns + 1):
    z = rng.standard_normal((128, 2), dtype=np.float32)
    (L_D,) = discriminator.loss_and_grad(ring(128), generator.forward(z))
    of_D.step(discriminator.params)
    a = discriminator.network.forward(generator.forward(z))
    generator.backward(discriminator.network.backward(-sigmoid(a) / len(a)))  # minimax
    of_G.step(params)
    if turn % (n_turns // 5) == 0:
        print(f"turn {turn}: L_D {L_D:.2f}")
points = generator.forward(rng.standard_normal((2000, 2), dtype=np.float32))
shares = (np.linalg.norm(points[:, None] - centres, axis=2) < 0.3).mean(axis=0)
print(f"share of the samples near each mode: {np.round(shares, 2)}")
assert (shares > 0.02).sum() == 8
figure, ax = plt.subplots(figsize=(3.4, 3.4))
ax.plot(*ring(500).T, ".", color="0.8", label="data")
ax.plot(*points[:500].T, ".", color=BLUE, markersize=3, label="generated")
ax.set(xlabel="first number", ylabel="second number", aspect="equal")
ax.legend(loc="center")
show(figure, "20a-answer-minimax-ring")

# %% [markdown]
# ## 2. A discriminator as a weight
#
# The odds of the perfect discriminator are $D^* / (1 - D^*) = p / q$. That is the
# weight of lesson 12b: a mean over draws from $q$, with weights $p / q$, is a
# mean over $p$. Here the weights come from a network that has never seen a
# density. (The data have the mean
# $\tfrac12(-1.5 + 1) = -0.25$, and the variance
# $\tfrac12 (0.6^2 + 0.8^2) + 1.25^2 = 2.0625$.)


# %%
def mixture(n):
    """Return n draws from the two Gaussians of the lesson, (n, 1)."""
    first = rng.random((n, 1)) < 0.5
    x = rng.normal(np.where(first, -1.5, 1), np.where(first, 0.6, 0.8))
    return x.astype(np.float32)


def learn(loss):
    """A discriminator of mixture against N(0, 1)."""
    learner, adam = Discriminator(network(1, 32, 32, 1), loss), Adam(2e-3)
    n_steps = sized(3000, quick=1500)
    for step in range(1, n_steps + 1):
        made = rng.standard_normal((256, 1), dtype=np.float32)
        (L_D,) = learner.loss_and_grad(mixture(256), made)
        adam.step(learner.params)
        if step % (n_steps // 3) == 0:
            print(f"step {step}: L_D {L_D:.3f}")
    return learner.network


a = learn(cross_entropy)
draws = rng.standard_normal((100_000, 1), dtype=np.float32)
w = np.exp(a.forward(draws))  # D / (1 - D), because a = log D - log(1 - D)
w /= w.sum()
mean = (w * draws).sum()
var = (w * (draws - mean) ** 2).sum()
print(f"draws of q: mean {draws.mean():.2f}, variance {draws.var():.2f}")
print(f"weighted: mean {mean:.2f}, variance {var:.2f}; data: -0.25 and 2.06")
assert abs(mean + 0.25) < 0.2
assert abs(var - 2.0625) < 0.4

# %% [markdown]
# ## 3. Squared errors
#
# Under the integral stands $p (D - 1)^2 + q D^2$. Its derivative is
# $2 p (D - 1) + 2 q D$, which is zero at $D = p / (p + q)$ again. (The second
# derivative, $2p + 2q$, is positive, so it is a minimum.) Both losses are smallest
# at the mean of the labels, as in lesson 03: given $x$, that mean is the
# probability of "data". What differs is the gradient that the generator gets:
# there is no sigmoid that saturates. Such a GAN is called a *least squares* GAN.


# %%
def squares(a, label):
    """The mean of (D - 1)² over the data plus the mean of D² over the others, with D = a."""
    B = len(a) / 2
    return ((a - label) ** 2).sum() / B, 2 * (a - label) / B


x, made = rng.standard_normal((2, 6, 4))
assert check(Discriminator(network(4, 8, 1), squares, np.float64), x, made)


def normal(x, mu=0.0, sd=1.0):
    return np.exp(-0.5 * ((x - mu) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


grid, dx = np.linspace(-6, 6, 2401, retstep=True)
p, q = 0.5 * normal(grid, -1.5, 0.6) + 0.5 * normal(grid, 1, 0.8), normal(grid)
D = learn(squares).forward(grid[:, None].astype(np.float32))[:, 0]
off = (np.abs(D - p / (p + q)) * (p + q) / 2).sum() * dx
print(f"D is off by {off:.3f} on average")
assert off < 0.05

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** In a game a small loss of one player means that the other one is losing.
#   The equilibrium is at $L_D = 2 \log 2$.
# - **b** If the discriminator is always right, $D$ is near 0 for all generated
#   images. The minimax gradient is proportional to $D$. The non-saturating one is
#   not small, but it comes from a discriminator that is sure everywhere, and need
#   not point to the data.
# - **c** If nothing could be told apart, every $D$ would be one half, and $L_D$
#   would be $2 \log 2 = 1.39$, its largest sensible value.
#
# **Question 2: c.**
#
# - **a** If the sevens are perfect, no single one can be told from a real seven.
#   More training of the generator alone makes it worse, as on the ring. Only the
#   discriminator can react: it finds too many sevens, so each becomes suspicious.
# - **b** A GAN has no likelihood. A likelihood would be the remedy: a missing
#   digit would have a probability near zero, and $-\log p(x)$ would be very large.
# - **c** Right. $L_G$ is a mean over *samples*. A VAE's loss is a mean over *data*,
#   so everything in the data occurs in it.
