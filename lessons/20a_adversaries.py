# %% [markdown]
# # 20a · Generative adversarial networks
#
# *Can a network learn to draw from the data if nobody tells it how probable they
# are?*
#
# - **You need:** lessons 03, 05, 09, 10 and 13b.
# - **You get:** a GAN from the dense layers of lesson 01, the gradients of both
#   its players by hand, what the game minimises, a gradient that vanishes, and
#   lost modes counted.
# - **Run time:** 20 seconds.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show, sized
from diagrams import LOSS, NETWORK, RANDOM, Diagram

from npvae import Adam, Dense, LeakyReLU, Sequential, Sigmoid, check
from npvae.layers import sigmoid, softplus
from npvae.parameters import Parameters

rng = np.random.default_rng(0)

# %% [markdown]
# ## A game of two networks
#
# Every model so far was trained to find its data probable, or to reconstruct
# them. A **generative adversarial network** (GAN; Goodfellow and others, 2014)
# does neither. It has two networks, and each is the other's loss.
#
# - The **generator** $G$ is a decoder without an encoder. It turns a draw $z$
#   from $\mathcal N(0, I)$ into an image $G(z)$.
# - The **discriminator** $D$ gets an image, either from the data or from the
#   generator, and outputs the probability that it is from the data: a logit
#   $a$, and $D = \text{sigmoid}(a)$.
#
# The discriminator learns to tell the two apart. The generator learns to be
# taken for the data. It never sees a single digit. All it gets is the gradient
# that comes back *through* the discriminator (the dashed arrows): in which
# direction should each pixel change so that $D$ rises?

# %%
diagram = Diagram(3.3, 3.1)
z = diagram.box(0.6, 0.35, "$z$", fill=RANDOM)
generator = diagram.box(0.6, 1.17, "generator", width=0.95, fill=NETWORK)
made = diagram.box(0.6, 1.99, "$G(z)$", width=0.6)
data_box = diagram.box(2.55, 2.8, "$x$", below="")
discriminator = diagram.box(2.55, 1.99, "discriminator", width=1.15, fill=NETWORK)
logit = diagram.box(2.55, 1.17, "logit $a$", width=0.75)
losses = diagram.box(2.55, 0.35, "$L_D$ or $L_G$", width=1.05, fill=LOSS)
diagram.arrow(z, generator)
diagram.arrow(generator, made, back="")
diagram.arrow(made, discriminator, back="$dG(z)$")
diagram.arrow(data_box, discriminator)
diagram.arrow(discriminator, logit, back="")
diagram.arrow(logit, losses, back="$da$")
show(diagram.figure, "20a-two-players")

# %% [markdown]
# ## Two losses, and gradients through both networks
#
# The discriminator is a classifier with two labels, 1 for data and 0 for
# generated images, and its loss is the cross-entropy of lesson 03. We sum the
# mean over the data and the mean over generated images:
#
# $$ L_D = -\mathbb E_\text{data}[\log D(x)] - \mathbb E_z[\log(1 - D(G(z)))] $$
#
# As $-\log D = \text{softplus}(-a)$ and $-\log(1 - D) = \text{softplus}(a)$,
# nothing overflows, and the gradient of each logit is again the probability
# minus the label, divided by the number of images.
#
# What should the generator minimise? There are two answers. In the **minimax**
# game it minimises what the discriminator maximises, of which only the second
# term depends on $G$. In the **non-saturating** game it minimises the
# cross-entropy of the *wrong* label:
#
# $$ L_G = \mathbb E_z[\log(1 - D(G(z)))] \quad\text{(minimax)}, \qquad
# L_G = -\mathbb E_z[\log D(G(z))] \quad\text{(non-saturating)} $$
#
# Both fall as $D(G(z))$ rises. With $d\,\text{softplus}(a)/da = D$ their
# gradients with respect to a logit are $-D$ and $-(1 - D)$, divided by the
# batch size. We shall see that this difference decides whether anything is
# learned.


# %%
def discriminator_loss(a, label):
    """The loss L_D and its gradient with respect to the logits.

    Half of the batch is data and half is generated, so L_D is the sum of the cross-entropies of
    all 2 B logits, divided by B.

    Parameters
    ----------
    a, label : (2 B, 1) float arrays
        Logits, and 1 for data or 0 for generated images.

    Returns
    -------
    loss : float
    da : (2 B, 1) float array
    """
    ### BEGIN SOLUTION
    B = len(a) / 2
    return (softplus(a) - label * a).sum() / B, (sigmoid(a) - label) / B
    ### END SOLUTION


def minimax(a):
    """The mean of log(1 - D) over the logits a of B generated images, (B, 1); its gradient da."""
    ### BEGIN SOLUTION
    return -softplus(a).mean(), -sigmoid(a) / len(a)
    ### END SOLUTION


def non_saturating(a):
    """The mean of -log D over the logits a of B generated images, (B, 1); its gradient da."""
    ### BEGIN SOLUTION
    return softplus(-a).mean(), (sigmoid(a) - 1) / len(a)
    ### END SOLUTION


# %% [markdown]
# The discriminator trains on one batch, half of it data. The generator's loss
# passes forward through $G$ and then $D$, and its gradient backward through $D$
# and then $G$. The discriminator is a part of the generator's loss function
# here, like the likelihood of a decoder, and stays as it is.


# %%
class Discriminator:
    """A network that outputs a logit, and all that it needs to learn."""

    def __init__(self, network, dtype=np.float32):
        self.network = network
        self.params = Parameters({"discriminator": network}, dtype)

    def loss_and_grad(self, x, made):
        """L_D for data x and generated images, (B, n_x) each; fills the gradients of D."""
        label = np.repeat([[1], [0]], len(x), axis=0).astype(x.dtype)
        loss, da = discriminator_loss(self.network.forward(np.concatenate([x, made])), label)
        self.network.backward_parameters(da)
        return (loss,)


class Generator:
    """A network that makes images, its opponent, and the loss that it minimises."""

    def __init__(self, network, opponent, loss=non_saturating, dtype=np.float32):
        self.network, self.opponent, self.loss = network, opponent, loss
        self.params = Parameters({"generator": network}, dtype)

    def loss_and_grad(self, z):
        """L_G for codes z, (B, n_z); fills the gradients of G.

        Forward through the generator and the opponent's network; `self.loss` gives the loss and da.
        Then backward through the opponent's network and the generator. Returns a tuple of one, the
        loss.
        """
        ### BEGIN SOLUTION
        a = self.opponent.network.forward(self.network.forward(z))
        loss, da = self.loss(a)
        self.network.backward(self.opponent.network.backward(da))
        return (loss,)
        ### END SOLUTION


def network(sizes, rng, last=()):
    """Dense layers with leaky ReLUs between them, and a last activation if there is one."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, rng), LeakyReLU(0.2)]
    return Sequential(*layers[:-1], *last)


def players(n_x, n_z, n_g, n_d, rng, last=(), loss=non_saturating, dtype=np.float32):
    """A discriminator with hidden layers n_d, and a generator with hidden layers n_g."""
    discriminator = Discriminator(network((n_x, *n_d, 1), rng), dtype)
    made_by = network((n_z, *n_g, n_x), rng, last)
    return discriminator, Generator(made_by, discriminator, loss, dtype)


x, made = rng.random((2, 6, 10))
for loss in (minimax, non_saturating):
    small = players(10, 3, (8,), (8,), rng, [Sigmoid()], loss, np.float64)
    reports = check(small[0], x, made), check(small[1], rng.standard_normal((6, 3)))
    print(f"{loss.__name__}: largest errors {reports[0].error:.0e} and {reports[1].error:.0e}")
    assert all(reports), "both players, through both networks"

# %% [markdown]
# The check of the generator goes through all weights of both networks. (The
# gradients of $D$'s weights are computed on the way, and nobody uses them.)
#
# ## What a perfect discriminator knows
#
# Let $p(x)$ be the density of the data, and $q(x)$ in this lesson that of the
# generated examples. If we knew both, which $D$ would be best? Written with
# densities, minus the loss is
#
# $$ -L_D = \int \left( p(x) \log D(x) + q(x) \log(1 - D(x)) \right) dx $$
#
# $D$ may take another value at each $x$, so we maximise under the integral. The
# derivative with respect to $D(x)$ is $p / D - q / (1 - D)$, and it falls as
# $D$ rises, so there is one maximum, where it is zero:
#
# $$ D^*(x) = \frac{p(x)}{p(x) + q(x)} $$
#
# This is Bayes' rule of lesson 09 for two labels that are equally frequent: the
# posterior probability of "data". Its logit is $\log p(x) - \log q(x)$. Insert
# it, and write $p / (p + q)$ as $\tfrac12\, p / \tfrac12(p + q)$. Each integral
# becomes a KL divergence from the mean of the two densities, minus $\log 2$:
#
# $$ -L_D^* = \text{KL}\left(p, \tfrac12 (p + q)\right)
# + \text{KL}\left(q, \tfrac12 (p + q)\right) - 2 \log 2
# = 2\,\text{JS}(p, q) - 2 \log 2 $$
#
# The **Jensen-Shannon divergence** JS is the mean of those two KL divergences.
# It is zero only if $p = q$, and then $D^* = \tfrac12$ everywhere. It is at most
# $\log 2$, which it reaches if no $x$ is possible under both. It has a meaning
# in nats: a label costs $\log 2$ nats if you guess it, and looking at $x$ saves
# JS of them.
#
# So a generator that plays the minimax game against a *perfect* discriminator
# minimises $2\,\text{JS}(p, q)$, and the best it can do is $q = p$.
#
# **Predict first:** the data come from two Gaussians, the generator's are
# $\mathcal N(0, 1)$. A small network sees draws of both and their labels, and
# no density. Does it find $D^*$?


# %%
def normal(x, mu=0.0, sd=1.0):
    """The density of N(mu, sd²) at x."""
    return np.exp(-0.5 * ((x - mu) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def jensen_shannon(p, q, dx):
    """The Jensen-Shannon divergence, in nats, of two densities on a grid of step dx."""
    mean = np.maximum((p + q) / 2, 1e-300)
    of_p, of_q = np.maximum(p, 1e-300), np.maximum(q, 1e-300)
    return 0.5 * (p * np.log(of_p / mean) + q * np.log(of_q / mean)).sum() * dx


grid, dx = np.linspace(-8, 14, 4401, retstep=True)
p, q = 0.5 * normal(grid, -1.5, 0.6) + 0.5 * normal(grid, 1, 0.8), normal(grid)
js = jensen_shannon(p, q, dx)
classifier, adam = Discriminator(network((1, 32, 32, 1), rng)), Adam(2e-3)
trace = []
for _ in range(sized(2000, quick=1000)):
    first = rng.random((256, 1)) < 0.5
    x = rng.normal(np.where(first, -1.5, 1), np.where(first, 0.6, 0.8))
    made = rng.standard_normal((256, 1))
    trace.append(classifier.loss_and_grad(x.astype(np.float32), made.astype(np.float32))[0])
    adam.step(classifier.params)
found = sigmoid(classifier.network.forward(grid[:, None].astype(np.float32)))[:, 0]
off = (np.abs(found - p / (p + q)) * (p + q) / 2).sum() * dx
print(f"JS {js:.4f} nats, so L_D should end at 2 log 2 - 2 JS = {2 * np.log(2) - 2 * js:.4f}")
print(f"loss of the last 300 steps {np.mean(trace[-300:]):.4f}; D is off by {off:.3f} on average")
assert abs(np.mean(trace[-300:]) - (2 * np.log(2) - 2 * js)) < 0.02
assert off < 0.04, "it has found p / (p + q) from draws alone"

# %% [markdown]
# It does. A classifier estimates the *ratio* of two densities from draws, and
# needs neither of them. That is the idea on which a GAN is built: a likelihood
# is never computed, and never needed.
#
# ## Why the generator learns nothing at first
#
# At the beginning generated images look like nothing in the data, and $p$ and
# $q$ hardly overlap. Take the simplest case: $p = \mathcal N(0, 1)$, and a
# generator $G(z) = \mu + z$ with one parameter, so that $q = \mathcal N(\mu, 1)$.
# It should learn $\mu = 0$. The perfect discriminator has the logit
#
# $$ a(x) = \log p(x) - \log q(x) = \tfrac12 (x - \mu)^2 - \tfrac12 x^2
# = \tfrac12\mu^2 - \mu x, \qquad \frac{da}{dx} = -\mu $$
#
# The gradient with respect to a logit was $-D$ or $-(1 - D)$, and $dx/d\mu = 1$.
# So through this discriminator
#
# $$ \frac{dL_G}{d\mu} = \mu\, \mathbb E_q[D] \quad\text{(minimax)}, \qquad
# \frac{dL_G}{d\mu} = \mu\, \mathbb E_q[1 - D] \quad\text{(non-saturating)} $$
#
# They share $\mu$ among them. The minimax game gets the share $D$ that the
# discriminator still believes, the other one the share that it rejects.
#
# **Predict first:** at $\mu = 6$, how large are the two gradients?

# %%
centres = np.linspace(0.25, 8, 32)
gradients = {"minimax": [], "non-saturating": []}
for mu in centres:
    D = sigmoid(mu**2 / 2 - mu * grid)
    believed = (normal(grid, mu) * D).sum() * dx
    gradients["minimax"].append(mu * believed)
    gradients["non-saturating"].append(mu * (1 - believed))
divergences = np.array([jensen_shannon(normal(grid), normal(grid, mu), dx) for mu in centres])
slope = np.gradient(2 * divergences, centres)[1:-1]
at_6 = np.argmin(np.abs(centres - 6))
print(
    f"at μ = {centres[at_6]:.2f}: JS {divergences[at_6]:.4f} of at most {np.log(2):.4f} nats; "
    f"gradients {gradients['minimax'][at_6]:.1e} and {gradients['non-saturating'][at_6]:.2f}"
)
assert np.allclose(slope, gradients["minimax"][1:-1], atol=0.02), "the slope of 2 JS"
assert gradients["minimax"][at_6] < 0.05
assert gradients["non-saturating"][at_6] > 5

# %% [markdown]
# The minimax gradient is the slope of $2\,\text{JS}$, as it had to be. And JS is
# *flat* where the densities do not overlap: it is $\log 2$, whether they are far
# apart or very far apart. The better the discriminator, the less the generator
# learns from it: the loss **saturates**. The non-saturating gradient is largest
# there. (It is not the slope of a Jensen-Shannon divergence any more. What
# remains true is that $q = p$ is an equilibrium.)
#
# In this example a factor of a few hundred was lost. Now the same with digits:
# the generator has just been initialised, at the mean image as the decoder of
# lesson 13b, and we train its discriminator only.
#
# **Predict first:** after 100 steps, how much longer is the non-saturating
# gradient of the generator's weights?

# %%
x_train = (digits().train.take(slice(0, 4000)) / 255).astype(np.float32)


def draw(n, n_z):
    """Return n codes from the prior, (n, n_z)."""
    return rng.standard_normal((n, n_z), dtype=np.float32)


discriminator, generator = players(784, 32, (256,), (128, 128), rng, [Sigmoid()])
mean = np.clip(x_train.mean(axis=0), 0.01, 0.99)
generator.network.layers[-2].b[...] = np.log(mean / (1 - mean))
adam, z, steps = Adam(1e-3, beta1=0.5), draw(64, 32), np.arange(101)
made, lengths = generator.network.forward(z), {minimax: [], non_saturating: []}
for _ in steps:
    for loss, of_loss in lengths.items():
        generator.loss = loss
        generator.loss_and_grad(z)
        of_loss.append(np.linalg.norm(generator.params.grad))
    discriminator.loss_and_grad(x_train[rng.integers(len(x_train), size=64)], made)
    adam.step(discriminator.params)
believed = sigmoid(discriminator.network.forward(made)).mean()
ratio = lengths[non_saturating][-1] / lengths[minimax][-1]
print(f"after 100 steps D believes {believed:.1e}; the gradient is {ratio:.0f} times as long")
assert ratio > 100

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4))
left.plot(grid, p, color=BLUE, label="p, data")
left.plot(grid, q, color=ORANGE, label="q, generated")
left.plot(grid, p / (p + q), color="black", linestyle=":", label="p / (p + q)")
left.plot(grid, found, color=GREEN, label="D, learned from draws")
left.set(xlabel="x", ylabel="density or probability", xlim=(-4, 4), ylim=(0, 1.35))
left.legend(ncols=2, loc="upper center")
for name, colour in (("minimax", ORANGE), ("non-saturating", BLUE)):
    middle.plot(centres, gradients[name], color=colour, label=name)
middle.plot(centres, divergences, color="black", linestyle=":", label="JS, in nats")
middle.set(xlabel="μ, the distance of the Gaussians", ylabel="gradient with respect to μ")
middle.legend()
for loss, colour in ((minimax, ORANGE), (non_saturating, BLUE)):
    right.semilogy(steps, lengths[loss], color=colour, label=loss.__name__.replace("_", "-"))
right.set(xlabel="steps of the discriminator alone", ylabel="length of the generator's gradient")
right.legend()
show(figure, "20a-the-gradient-that-vanishes")

# %% [markdown]
# A few dozen steps, and the discriminator is sure. The minimax gradient has all
# but gone. So from here on the generator plays the non-saturating game, as in
# the experiments of Goodfellow and others.
#
# ## A ring of eight Gaussians, and modes lost
#
# Now let both learn, in turns: one step of the discriminator, then one of the
# generator.


# %%
def turn(x, discriminator, generator, of_D, of_G, moves=1):
    """One step of the discriminator on data x, (B, 2), then `moves` steps of the generator."""
    discriminator.loss_and_grad(x, generator.network.forward(draw(len(x), 2)))
    of_D.step(discriminator.params)
    for _ in range(moves):
        generator.loss_and_grad(draw(len(x), 2))
        of_G.step(generator.params)


# %% [markdown]
# The data are eight narrow Gaussians on a circle. (Many papers on GANs use such
# a ring.) If a model leaves out one of them, a likelihood tells at once: the
# points there have a probability near zero. Here we have to count. We call a
# mode *covered* if at least 2 % of 2,000 samples lie within three standard
# deviations of its centre; a fair share would be 12.5 %.
#
# We play three times, with networks of the same size:
#
# 1. with Adam's $\beta_1 = 0.5$ in place of 0.9, which is a shorter memory of
#    past gradients (lesson 05);
# 2. with $\beta_1 = 0.9$, as everywhere else in this course;
# 3. with $\beta_1 = 0.5$ again, but the generator makes five steps in each turn.
#
# **Predict first:** how many modes does each cover? Can it be *bad* for the
# generator to train more?

# %%
angles = 2 * np.pi * np.arange(8) / 8
ring_centres, ring_sd = np.stack([np.cos(angles), np.sin(angles)], axis=1), 0.1


def ring(n):
    """Return n points of the ring, (n, 2)."""
    points = ring_centres[rng.integers(8, size=n)] + ring_sd * rng.standard_normal((n, 2))
    return points.astype(np.float32)


def shares(points):
    """The share of the points within three standard deviations of each of the modes, (8,)."""
    distance = np.linalg.norm(points[:, None] - ring_centres, axis=2)
    return (distance < 3 * ring_sd).mean(axis=0)


turns, n_points = sized((1000, 128), quick=(800, 64))
looks = [turns // 10, turns // 2, turns * 9 // 10, turns]
games = {"β1 = 0.5": (0.5, 1), "β1 = 0.9": (0.9, 1), "five steps of G": (0.5, 5)}
covered, near = {}, {}
figure, axes = plt.subplots(3, 4, figsize=(9, 6.6), sharex=True, sharey=True)
for row, (name, (beta1, moves)) in zip(axes, games.items(), strict=True):
    discriminator, generator = players(2, 2, (64, 64), (64, 64), rng)
    optimisers, counts = (Adam(1e-3, beta1=beta1), Adam(1e-3, beta1=beta1)), []
    for number in range(1, turns + 1):
        turn(ring(n_points), discriminator, generator, *optimisers, moves)
        if number % (turns // 10) == 0:
            points = generator.network.forward(draw(2000, 2))
            of_mode = shares(points)
            counts.append(int((of_mode >= 0.02).sum()))
        if number in looks:
            ax = row[looks.index(number)]
            ax.plot(*ring(500).T, ".", color="0.8", markersize=3)
            ax.plot(*points[:500].T, ".", color=BLUE, markersize=3)
            ax.set_title(f"{name}: {number} turns", fontsize=9)
            ax.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), aspect="equal")
    covered[name], near[name] = counts[-1], of_mode.sum()
    print(
        f"{name:<16} modes covered over time: {' '.join(map(str, counts))}; at the end "
        f"{near[name]:.0%} of the samples are near a mode"
    )
print(f"of the data {shares(ring(20_000)).sum():.1%} are that near")
assert covered["β1 = 0.5"] == 8
assert near["β1 = 0.5"] > 0.5
assert covered["β1 = 0.9"] <= 5, "modes lost"
assert covered["five steps of G"] <= 4, "modes lost"
axes[1, 0].set_ylabel("second number")
for ax in axes[-1]:
    ax.set_xlabel("first number")
show(figure, "20a-ring")

# %% [markdown]
# The first game covers all eight. (About a tenth of its samples lie between the
# modes: a continuous generator has to cross from one to the next.) The others
# lose most of them, with the same networks and the same data. Losing modes is
# called **mode collapse**.
#
# The third game shows why. Hold the discriminator fixed, and ask for the
# generator's best answer: it sends every $z$ to the *one point* where $D$ is
# highest. Nothing in $L_G$ asks for variety, since each sample is judged by
# itself. Five steps in a turn bring the generator close to that answer. Then the
# discriminator learns that this point is a fake, and all samples move on
# together. Variety comes from the discriminator only, if it is fast enough. (The
# result $q = p$ above was for a discriminator that is at its best in every turn.)
#
# In the second game the memory does the harm. Momentum averages over gradients of
# past turns, but those belong to an opponent that has moved since. In a valley
# momentum speeds things up. In a game, where one player's step changes the other
# player's loss, it makes both swing around the equilibrium.
#
# How many modes are left at the end is a matter of chance. That the first game
# covers all of them, and the others do not, was the same with six seeds. But play
# the third game for three times as long, and with one seed in three it finds all
# eight after all. Nothing that we know of a GAN's training is as certain as a
# gradient.
#
# Compare with a VAE. Its loss contains a bound of $\log p(x)$ for *every* example
# of the data, so a missing mode is very expensive, and the VAE blurs rather than
# leaves anything out. A generator pays only for what it draws.
#
# Lesson 20b trains a GAN on digits, and asks how one can judge a model that has no
# $\log p(x)$.
#
# ## Questions
#
# **Question 1.** During the training of a GAN the discriminator's loss falls to
# nearly zero, and stays there. What does this tell you?
#
# - **a** The training has converged: a loss near zero is as good as it can be.
# - **b** The discriminator tells all images apart. The generator is losing, and
#   with the minimax loss it gets hardly any gradient.
# - **c** The generator has learned the data, so that there is nothing left to
#   tell apart.
#
# **Question 2.** All samples of a GAN are beautiful, and all of them are sevens.
# Why does its loss not prevent that?
#
# - **a** It does: $L_G$ is high as long as nine digits are missing, so this GAN
#   was not trained for long enough.
# - **b** $\log p(x)$ of the missing digits is only slightly lower, since the
#   likelihood is averaged over all digits.
# - **c** $L_G$ judges every sample by itself. Digits that are never drawn do not
#   occur in it.
#
# ## Exercises
#
# Answers are in `answers_20a_adversaries.py`.
#
# 1. **Change a number.** Let the generator of the first game on the ring minimise
#    the *minimax* loss (`players(..., loss=minimax)`). Predict how many modes it
#    covers. *Check:* all eight. Why does the loss not saturate here?
# 2. **The discriminator as a weight.** In the one-dimensional example draw
#    100,000 numbers from $q$, and weight them by $D / (1 - D)$ of the trained
#    discriminator. Predict their weighted mean and variance. *Check:* they are
#    those of the *data*, $-0.25$ and about 2.06, within 0.2 and 0.4. Which lesson
#    has such weights?
# 3. **Derive and implement.** Replace the cross-entropy by squared errors:
#    $L_D = \mathbb E_\text{data}[(D(x) - 1)^2] + \mathbb E_z[D(G(z))^2]$, where
#    $D$ is the output of the network itself, without a sigmoid. Derive the best
#    $D$, and write the loss with its gradient. *Check:* `npvae.check` agrees, and
#    in the one-dimensional example $D$ comes within 0.05 of $p / (p + q)$ on
#    average.
