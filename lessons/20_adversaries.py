# %% [markdown]
# # 20 · Generative adversarial networks
#
# *Can a network learn to draw digits if nobody tells it how probable a digit
# is?*
#
# - **You need:** lessons 03, 08, 10, 12b, 13b, 17 and 18.
# - **You get:** a GAN from the dense layers of lesson 01, the gradients of both
#   its players by hand, what the game minimises, lost modes counted, digits
#   measured beside those of a VAE, and a table of four kinds of models.
# - **Run time:** two minutes.

# %%
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized
from diagrams import LOSS, NETWORK, RANDOM, Diagram

from npvae import (
    VAE,
    Adam,
    Cosine,
    Dense,
    LeakyReLU,
    Pixels,
    Sequential,
    Sigmoid,
    Trainer,
    check,
    figures,
)
from npvae.layers import sigmoid, softplus
from npvae.parameters import Parameters

rng = np.random.default_rng(0)
N_Z = 32  # latents of both models of digits
BATCH = 64

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
show(diagram.figure, "20-two-players")

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
#
# (The argument `eps` is noise that is added to the images before $D$ sees them.
# It is zero until we need it. As in lesson 11 it is an argument, and the
# gradient passes by.)


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

    def loss_and_grad(self, z, eps):
        """L_G for codes z, (B, n_z), and noise eps, (B, n_x); fills the gradients of G.

        Forward through the generator, add eps, forward through the opponent's network; `self.loss`
        gives the loss and da. Then backward through the opponent's network and the generator.
        Returns a tuple of one, the loss.
        """
        ### BEGIN SOLUTION
        a = self.opponent.network.forward(self.network.forward(z) + eps)
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


x, made, eps = rng.random((3, 6, 10))
for loss in (minimax, non_saturating):
    small = players(10, 3, (8,), (8,), rng, [Sigmoid()], loss, np.float64)
    reports = check(small[0], x, made), check(small[1], rng.standard_normal((6, 3)), eps)
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
# the generator has just been initialised, and we train its discriminator only.
#
# **Predict first:** after 100 steps, how much longer is the non-saturating
# gradient of the generator's weights?

# %%
data = digits()
n_train = sized(20_000, quick=4000)
x_train = (data.train.take(slice(0, n_train)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 6000)) / 255).astype(np.float32)
x_test, held_out = test[:2000], test[2000:]  # as in lesson 17
held_out_label = data.test.labels[2000:6000]


def draw(n, n_z=N_Z):
    """Return n codes from the prior, (n, n_z)."""
    return rng.standard_normal((n, n_z), dtype=np.float32)


def digit_players():
    """A generator that starts at the mean image, and its discriminator."""
    discriminator, generator = players(784, N_Z, (256,), (128, 128), rng, [Sigmoid()])
    mean = np.clip(x_train.mean(axis=0), 0.01, 0.99)
    generator.network.layers[-2].b[...] = np.log(mean / (1 - mean))
    return discriminator, generator


discriminator, generator = digit_players()
adam, no_noise, z = Adam(1e-3, beta1=0.5), np.float32(0), draw(64)
steps, believed, lengths = np.arange(101), [], {minimax: [], non_saturating: []}
for _ in steps:
    made = generator.network.forward(z)
    believed.append(sigmoid(discriminator.network.forward(made)).mean())
    for loss, of_loss in lengths.items():
        generator.loss = loss
        generator.loss_and_grad(z, no_noise)
        of_loss.append(np.linalg.norm(generator.params.grad))
    x = x_train[rng.integers(n_train, size=BATCH)]
    discriminator.loss_and_grad(x, made[:BATCH])
    adam.step(discriminator.params)
ratio = lengths[non_saturating][-1] / lengths[minimax][-1]
print(f"after 100 steps D believes {believed[-1]:.1e}; the gradient is {ratio:.0f} times as long")
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
show(figure, "20-the-gradient-that-vanishes")

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
class Gan:
    """Two players, an optimiser for each, and the order in which they move."""

    def __init__(self, discriminator, generator, n_z, lr, beta1=0.5, moves=1, sigma=0.0):
        self.discriminator, self.generator, self.n_z = discriminator, generator, n_z
        self.of_D, self.of_G = Adam(lr, beta1=beta1), Adam(lr, beta1=beta1)
        self.moves, self.sigma = moves, np.float32(sigma)  # steps of G in a turn; noise on images

    def noisy(self, x):
        """The examples x with Gaussian noise of standard deviation sigma."""
        return x + self.sigma * rng.standard_normal(x.shape, dtype=np.float32)

    def turn(self, x):
        """One step of the discriminator on the data x, then the generator's: the last L_D, L_G."""
        (L_D,) = self.discriminator.loss_and_grad(self.noisy(x), self.noisy(self.sample(len(x))))
        self.of_D.step(self.discriminator.params)
        for _ in range(self.moves):
            eps = self.noisy(np.zeros_like(x))
            (L_G,) = self.generator.loss_and_grad(draw(len(x), self.n_z), eps)
            self.of_G.step(self.generator.params)
        return L_D, L_G

    def sample(self, n):
        """Return n generated examples, (n, n_x)."""
        return self.generator.network.forward(draw(n, self.n_z))


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
games = {"β1 = 0.5": {}, "β1 = 0.9": {"beta1": 0.9}, "five steps of G": {"moves": 5}}
covered, near = {}, {}
figure, axes = plt.subplots(3, 4, figsize=(9, 6.6), sharex=True, sharey=True)
for row, (name, options) in zip(axes, games.items(), strict=True):
    gan = Gan(*players(2, 2, (64, 64), (64, 64), rng), n_z=2, lr=1e-3, **options)
    counts = []
    for turn in range(1, turns + 1):
        gan.turn(ring(n_points))
        if turn % (turns // 10) == 0:
            of_mode = shares(gan.sample(2000))
            counts.append(int((of_mode >= 0.02).sum()))
        if turn in looks:
            ax = row[looks.index(turn)]
            ax.plot(*ring(500).T, ".", color="0.8", markersize=3)
            ax.plot(*gan.sample(500).T, ".", color=BLUE, markersize=3)
            ax.set_title(f"{name}: {turn} turns", fontsize=9)
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
show(figure, "20-ring")

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
# ## Digits
#
# Two things help with images. The generator starts at the mean image, as the
# decoder of lesson 13b does. And we add Gaussian noise with $\sigma = 0.5$ to all
# images that the discriminator sees, real or not. Without it the discriminator
# wins at once, as you saw: real digits are exactly black in most pixels, so a
# trace of grey gives an image away, whatever it shows. With noise the densities
# overlap, like the Gaussians above at a small $\mu$. The learning rate falls to
# zero. Beside the GAN we train the VAE of lesson 17 with as many latents, on the
# same images.
#
# **Predict first:** which have more edges (lesson 17), the samples of the GAN or
# those of the VAE? Which are nearer to held-out digits? And does $L_G$ fall while
# the samples become better?

# %%
epochs = sized(14, quick=5)
gan = Gan(*digit_players(), n_z=N_Z, lr=1e-3, sigma=0.5)
z_shown, shown_at = draw(12), [1, 3, epochs]
rows = [gan.generator.network.forward(z_shown)]
print("training GAN; L_D and L_G of each epoch:", end="", flush=True)
for epoch in range(1, epochs + 1):
    gan.of_D.lr = gan.of_G.lr = 1e-3 * (1 - (epoch - 1) / epochs)
    order = rng.permutation(n_train)[: n_train // BATCH * BATCH].reshape(-1, BATCH)
    L_D, L_G = np.mean([gan.turn(x_train[chosen]) for chosen in order], axis=0)
    print(f" {L_D:.2f} {L_G:.2f};", end="", flush=True)
    if epoch in shown_at:
        rows.append(gan.generator.network.forward(z_shown))
print()

vae_epochs = sized(6, quick=4)
vae = VAE.dense(784, sized(400, quick=200), N_Z)
vae.start_at(x_train.mean(axis=0))
part, lr = data.train.only(slice(0, n_train)), Cosine(2e-3, epochs=vae_epochs)
trainer = Trainer(vae, part, Pixels("none"), Adam(), batch_size=sized(64, quick=32), lr=lr)
run_epochs(trainer, vae_epochs, "VAE, 32 latents")

rows += [gan.sample(12), vae.sample(12, rng=0), x_test[:12]]
figure, ax = plt.subplots(figsize=(8, 5.2))
pictures = figures.tile(np.concatenate(rows), data.shape, 12)
ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
names = ["at first", *(f"epoch {epoch}" for epoch in shown_at)]
ax.set(title="GAN, the same twelve z over the training; and others", xticks=[])
ax.set_yticks((np.arange(len(rows)) + 0.5) * len(pictures) / len(rows))
ax.set_yticklabels([*names, "GAN, other z", "VAE", "test digits"])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
show(figure, "20-digits")

# %% [markdown]
# The strokes of the GAN are as hard as those of the data, and ragged. Some of its
# samples are digits, others are shapes between digits, as with the VAE. Look also
# at the printed losses: they tell nothing. $L_G$ does not fall while the samples
# become better, for its opponent becomes better, too. If the two had reached the
# equilibrium, $L_D$ would be $2 \log 2 = 1.39$ and $L_G$ would be $\log 2$.
#
# ## What one measures in place of a likelihood
#
# The generator has no $p(x \mid z)$: it outputs one image for a code, and every
# other image has probability zero. There is no $\log q(x)$ of a test image, and
# so no lesson 18. All that we have is samples. So we compare sets of images:
#
# - the **edges** of lesson 17;
# - the squared **distance** of each sample to the nearest held-out digit (lessons
#   08 and 17);
# - the **class** of that digit, and how *uneven* the classes are: the share of the
#   samples that would have to change class to make all as frequent as they should
#   be;
# - **precision and recall**. Draw a ball around each held-out digit, as large as
#   the distance to its third nearest neighbour among them. Precision is the share
#   of samples that lie in some ball: *is what it draws like data?* Recall is the
#   share of held-out digits that lie in some ball around a sample: *is everything
#   in the data drawn?* (Kynkäänniemi and others, 2019.)
#
# **Predict first:** we measure also the *reconstructions* of the VAE, and real
# test digits. Which lie nearer to held-out digits?


# %%
def edges(x):
    """Squared differences of neighbouring pixels, summed over an image; the mean over images."""
    images = x.reshape(-1, 28, 28)
    across, down = np.diff(images, axis=2), np.diff(images, axis=1)
    return float(((across**2).sum(axis=(1, 2)) + (down**2).sum(axis=(1, 2))).mean())


def distances(x, known):
    """The squared distances of all rows of x from all rows of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1)
    return np.maximum(square - 2 * x @ known.T, 0)


def share_within(x, known, k=3):
    """The share of x that lies nearer to some row of `known` than its k-th neighbour there."""
    radius = np.sort(distances(known, known), axis=1)[:, k]  # column 0 is the row itself
    return float((distances(x, known) <= radius).any(axis=1).mean())


def coarse(x):
    """Images of 7 by 7 pixels, each the mean of 4 by 4: blur hardly matters there."""
    return x.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)


n = sized(2000, quick=500)
images = {
    "test digits": x_test[:n],
    "VAE, reconstructed": vae.reconstruct(x_test[:n]),
    "VAE, samples": vae.sample(n, rng=0),
    "GAN, samples": gan.sample(n),
}
fair = np.bincount(held_out_label, minlength=10) / len(held_out)
sharp, off, precision, recall, uneven = {}, {}, {}, {}, {}
for name, x in images.items():
    to_held_out = distances(x, held_out)
    sharp[name] = edges(x) / edges(x_test)
    off[name] = to_held_out.min(axis=1).mean()
    precision[name] = share_within(x, held_out[:n]), share_within(coarse(x), coarse(held_out[:n]))
    recall[name] = share_within(held_out[:n], x), share_within(coarse(held_out[:n]), coarse(x))
    nearest_label = held_out_label[to_held_out.argmin(axis=1)]
    classes = np.bincount(nearest_label, minlength=10) / n
    uneven[name] = 0.5 * np.abs(classes - fair).sum()
    of_classes = " ".join(f"{100 * share:.0f}" for share in classes)
    print(
        f"{name}: edges {sharp[name]:.0%}, squared distance {off[name]:.1f}, classes 0 to 9 in % "
        f"{of_classes}: uneven by {uneven[name]:.0%}\n"
        f"    precision {precision[name][0]:.0%}, recall {recall[name][0]:.0%}; "
        f"on coarse images {precision[name][1]:.0%} and {recall[name][1]:.0%}"
    )
real, rebuilt, by_vae, by_gan = images
assert sharp[by_gan] > 1.5 * sharp[by_vae], "the GAN is sharper than the VAE"
assert off[by_gan] > off[by_vae], "but its samples are farther from digits, pixel by pixel"
assert off[rebuilt] < off[real], "by which measure blurred digits beat real ones"
assert precision[rebuilt][0] > precision[real][0]
assert recall[by_gan][1] < 0.8 * recall[real][1], "much of the data is not drawn"
assert recall[by_gan][1] < recall[by_vae][1], "more of it by the VAE"
assert uneven[by_gan] > 2 * uneven[real], "some digits are drawn too often, others too rarely"

# %% [markdown]
# The edges say what the eye says. The GAN has about as many as the data, and more
# than twice as many as the samples of the VAE. (More than 100 % would be no merit.
# Specks and ragged strokes have edges, too, as the noise in lesson 17.)
#
# The distances say the opposite, and the reconstructions show why: blurred digits
# lie nearer to held-out digits than *real* ones do! A squared distance of pixels is
# smallest for a mean, which was the point of lesson 17. Precision and recall of
# pixels are built from the same distances, so the blurred reconstructions have a
# precision of 100 %, more than real digits. Such numbers are worth as much as the
# space in which the distances are taken. On images of 7 by 7 pixels, where blur
# hardly counts, the precision of the GAN is about that of the VAE, or better. In
# practice one compares *features*, the outputs of a hidden layer of a large
# classifier. The best known of these numbers is the Fréchet inception distance
# (FID; Heusel and others, 2017). There a sharp image can win, and the number
# depends on that classifier.
#
# What is missing? On glyphs, at full size, 1, 2, 4 and 7 were the rare ones in each
# of three runs. In two of them these four digits had less than a tenth of the
# samples between them. In our runs on MNIST no digit was missing, but nines were
# nearly twice as frequent as they should be, and the classes were uneven by 10 to
# 25 %, from seed to seed. (The VAE is no better there: it draws too many ones.) And
# the classes are not all. The recall on coarse images says that half to three
# quarters of the held-out digits have no sample like them, against two fifths for
# the VAE. That is the price of a loss that looks at samples only.
#
# > **What you may have read:** "GANs generate better images than VAEs". Better for
# > the eye, often. By a likelihood they cannot be judged at all. Compared pixel by
# > pixel they lose, and compared by features they often win. Ask which question the
# > number answers.
#
# ## A code for an image
#
# Many uses of the VAE begin with the code of a *given* image: to blend two digits
# (lesson 15), to find the odd one out. A GAN has no encoder. One can search: start
# with a random $z$, and descend the squared error of $G(z)$, with the generator's
# weights fixed. The backward pass returns $dz$ anyway.
#
# **Predict first:** after some hundred steps for each image, is the search better
# than one pass through the VAE? Do two searches for the same image find the same
# code?


# %%
class Codes:
    """Codes z that an optimiser can move like parameters."""

    def __init__(self, z):
        self.z, self.dz = z, np.zeros_like(z)

    def backward(self, dz):
        self.dz[...] = dz


def search(x, steps):
    """Codes of the images x, found by descending the squared error of G(z), and G(z)."""
    codes, adam = Codes(draw(len(x))), Adam(0.05)
    params = Parameters({"codes": codes})
    for _ in range(steps):
        x_hat = gan.generator.network.forward(codes.z)
        codes.backward(gan.generator.network.backward(2 * (x_hat - x)))
        adam.step(params)
    return codes.z, gan.generator.network.forward(codes.z)


some, steps = x_test[:100], sized(300, quick=100)
(z_1, found_1), (z_2, _) = search(some, steps), search(some, steps)
rebuilt_by = {
    f"GAN, {steps} steps": found_1,
    "VAE, one pass": vae.reconstruct(some),
    "the mean image": np.broadcast_to(x_train.mean(axis=0), some.shape),
}
errors = {}
for name, x_hat in rebuilt_by.items():
    errors[name] = ((x_hat - some) ** 2).sum(axis=1).mean()
    print(f"{name:<14} squared error {errors[name]:.1f}")
apart = ((z_1 - z_2) ** 2).sum(axis=1).mean()
print(f"squared distance of two codes for one image {apart:.1f}; of two random codes {2 * N_Z}")
by_search, by_encoder, by_mean = errors.values()
assert by_encoder < by_search < by_mean, "the search finds something, and less than the encoder"
assert apart > 0.2 * 2 * N_Z, "and it depends on where it starts"
told = "test digits; G(z) after a search; reconstructed by the VAE"
shown = np.concatenate([x_hat[:12] for x_hat in (some, found_1, rebuilt_by["VAE, one pass"])])
show(figures.samples(shown, data.shape, across=12, told=told), "20-codes")

# %% [markdown]
# The search finds images that resemble the digit, at a far higher price, and they
# are farther from it than the VAE's. Two searches end far apart: the descent gets
# stuck where it happens to arrive. And there is no reason why a given digit should
# have a code at all, since the generator was never asked to make *that* digit.
# (One can train an encoder beside a GAN, and people do. Then it is a third
# network and another loss.)
#
# ## Four kinds of models
#
# Lesson 18 ended with a table of the autoencoder against the VAE. Here it is with
# two more columns. In brackets stands the lesson that shows it; lesson 19 is about
# the restricted Boltzmann machine (RBM) and the deep belief net (DBN).
#
# | | autoencoder | VAE | GAN | RBM, DBN |
# |---|---|---|---|---|
# | loss | error (06) | −ELBO (12a) | two, in turns (20) | −log p(x), never computed (19) |
# | training | descent (06) | descent (13b) | may circle for ever (20) | Gibbs chains (19) |
# | a sample | from fitted codes (08) | one pass (13b) | one pass (20) | a long chain (19) |
# | $\log p(x)$ | none (18) | bounded (12a, 18) | none (20) | needs $\log Z$ (19) |
# | code of an image | one pass (06) | $q(z \mid x)$ (13a) | a search (20) | $p(h \mid v)$ (19) |
# | its images | less soft (17) | soft (17) | sharp, ragged (20) | binary, by Gibbs draws (19) |
# | what fails | holes (08) | blur, collapse (16, 17) | lost modes (20) | slow mixing (19) |
# | penalised for | errors (06) | improbable data (18) | fakes found (20) | improbable data (19) |
#
# The last row explains most of the others. It is why a VAE covers everything and
# blurs, and why a GAN is sharp and leaves out. *Diffusion models*, which followed,
# are trained like a VAE, by a bound of $\log p(x)$, and sharp like a GAN; they pay
# with many passes for a sample.
#
# Lesson 21a uses what a GAN does not have, $\log p(x)$: it looks for the odd one
# out.
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
# Answers are in `answers_20_adversaries.py`.
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
