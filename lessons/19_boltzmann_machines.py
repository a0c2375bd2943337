# %% [markdown]
# # 19 · Boltzmann machines
#
# *What did people use before the VAE, and why was it hard to train, to scale
# and to sample from?*
#
# - **You need:** lessons 03, 09, 12a, 12b, 13b and 18.
# - **You get:** a restricted Boltzmann machine of your own, its exact gradient
#   and contrastive divergence beside it, an estimate of its log p(x) beside
#   that of a VAE, a chain of samples to watch, and a deep belief network.
# - **Run time:** a minute and a half.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized
from diagrams import NETWORK, Diagram

from npvae import VAE, Adam, Cosine, Pixels, Trainer, check, figures, log_likelihood
from npvae.iwae import log_mean_exp_and_grad
from npvae.layers import sigmoid, softplus

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)

# %% [markdown]
# ## A model without a direction
#
# A VAE has a direction: first a code $z$ from the prior, then an image $x$ from
# the decoder. A *Boltzmann machine* has none. It gives every pair of an image
# and a code a number, the **energy**, and pairs of low energy are probable. In
# the *restricted* Boltzmann machine (RBM) there are weights between the two
# groups only, and none inside a group.
#
# The literature writes $v$ (visible) for the image, which is our $x$, and $h$
# (hidden) for the code, which takes the place of our $z$. In this lesson $h$ is
# neither a small step nor a hidden layer. Both are vectors of zeros and ones.
# With weights $W$ and biases $b$ and $c$,
#
# $$ E(v, h) = -b \cdot v - c \cdot h - v^\top W h, \qquad
# p(v, h) = \frac{e^{-E(v, h)}}{Z}, \qquad Z = \sum_{v, h} e^{-E(v, h)} $$
#
# $Z$ is called the **partition function**. It makes the probabilities add up to
# one, and it is a sum over all images *and* all codes.


# %%
def draw_rbm(diagram, left, right, hidden, visible, low):
    """Draw two rows of units, of which only units of different rows are connected."""
    below = [diagram.box(x, low, "", 0.26, 0.26, below="") for x in np.linspace(left, right, 4)]
    above = [
        diagram.box(x, low + 0.8, "", 0.26, 0.26, fill=NETWORK)
        for x in np.linspace(left + 0.25, right - 0.25, 3)
    ]
    for a in below:
        for b in above:
            diagram.arrow(a, b)
            diagram.arrow(b, a)
    diagram.text(left - 0.35, low, visible)
    diagram.text(left - 0.35, low + 0.8, hidden)


diagram = Diagram(3.3, 1.5)
draw_rbm(diagram, 0.9, 2.6, "$h$, $c$", "$v$, $b$", 0.35)
diagram.text(2.95, 0.75, "$W$")
show(diagram.figure, "19-rbm")

# %% [markdown]
# Collect what multiplies one hidden unit $h_j$ in $-E$: it is $c_j + (vW)_j$.
# Given $v$, the rest of the energy does not depend on $h_j$, so the hidden units
# are independent, and each is a coin (lesson 03). The same holds for the
# visible units given $h$:
#
# $$ p(h_j = 1 \mid v) = \text{sigmoid}(c + vW)_j, \qquad
# p(v_i = 1 \mid h) = \text{sigmoid}(b + W h)_i $$
#
# So the posterior of the code is known *exactly*. A VAE has to learn an encoder
# that only approximates it.
#
# What about the probability of an image alone? Sum over all $h$. The sum of a
# product of independent factors is the product of their sums, and each $h_j$ is
# 0 or 1:
#
# $$ \sum_h e^{-E(v, h)} = e^{b \cdot v} \prod_j \sum_{h_j} e^{h_j (c + vW)_j}
# = e^{b \cdot v} \prod_j \left(1 + e^{(c + vW)_j}\right) = e^{-F(v)} $$
#
# $$ F(v) = -b \cdot v - \sum_j \text{softplus}(c + vW)_j, \qquad
# \log p(v) = -F(v) - \log Z $$
#
# $F$ is called the **free energy**. It is cheap. Only $\log Z$ is not.
#
# ## The gradient has two phases
#
# Differentiate $-\log p(v) = F(v) + \log Z$ with respect to any parameter
# $\theta$. Since $Z = \sum_v e^{-F(v)}$,
#
# $$ \frac{d \log Z}{d\theta} = \frac1Z \sum_v e^{-F(v)} \left(-\frac{dF(v)}{d\theta}\right)
# = -\mathbb E_{v \sim p}\left[\frac{dF(v)}{d\theta}\right] $$
#
# $$ \frac{d}{d\theta} \log p(v) = \underbrace{-\frac{dF(v)}{d\theta}}_\text{positive phase}
# - \underbrace{\mathbb E_{v \sim p}\left[-\frac{dF(v)}{d\theta}\right]}_\text{negative phase} $$
#
# The derivative of the softplus is the sigmoid (lesson 02), so $-dF/dW$ is
# $v_i\, p(h_j = 1 \mid v)$, $-dF/db$ is $v$, and $-dF/dc$ is $p(h = 1 \mid v)$.
# The positive phase makes images of the data more probable. The negative phase
# makes images of the *model* less probable. Where both are equal, training
# ends.


# %%
class RBM:
    """A restricted Boltzmann machine: W (n_v, n_h), b (n_v,) and c (n_h,)."""

    def __init__(self, W, b, c):
        self.W, self.b, self.c = W, b, c

    @classmethod
    def start(cls, mean, n_h, rng, dtype=np.float32):
        """Small weights, and biases that give every pixel its mean, (n_v,)."""
        p = np.clip(mean, 0.001, 0.999)
        W = 0.01 * rng.standard_normal((len(mean), n_h))
        return cls(W.astype(dtype), np.log(p / (1 - p)).astype(dtype), np.zeros(n_h, dtype))

    def energy(self, v, h):
        return -v @ self.b - h @ self.c - ((v @ self.W) * h).sum(axis=1)

    def up(self, v):
        """p(h = 1 | v), (B, n_h)."""
        return sigmoid(v @ self.W + self.c)

    def down(self, h):
        """p(v = 1 | h), (B, n_v)."""
        return sigmoid(h @ self.W.T + self.b)

    def free_energy(self, v):
        """F(v) = -b·v - Σ softplus(c + vW), (B,)."""
        ### BEGIN SOLUTION
        return -v @ self.b - softplus(v @ self.W + self.c).sum(axis=1)
        ### END SOLUTION

    def phase(self, v):
        """The mean over the rows of v of -dF/dW, -dF/db and -dF/dc."""
        ### BEGIN SOLUTION
        h = self.up(v)
        return v.T @ h / len(v), v.mean(axis=0), h.mean(axis=0)
        ### END SOLUTION


# %% [markdown]
# ## An RBM small enough to enumerate
#
# With at most a dozen hidden units the sums over all codes can be computed. For
# each of the $2^{n_h}$ codes, all images can be summed out exactly as all codes
# were above, with the parts of $v$ and $h$ exchanged. So take the RBM with $v$
# and $h$ exchanged, compute its free energy $F'$ of every code, and
# $\log Z = \log \sum_h e^{-F'(h)}$. The probability of a code is
# $p(h) = e^{-F'(h)} / Z$ (the prime marks the exchange; it is no derivative). The
# negative phase for $W_{ij}$ is $\mathbb E_v[v_i\, p(h_j = 1 \mid v)]$, which is
# $\mathbb E[v_i h_j]$ over pairs of the model. So is
# $\mathbb E_h[p(v_i = 1 \mid h)\, h_j]$, where the image is averaged first. Hence
# the negative phase for $W$ is also
# $\sum_h p(h)\, p(v = 1 \mid h)\, h^\top$. Everything is done with logarithms,
# since $Z$ itself would overflow.


# %%
def exchanged(rbm):
    """The RBM whose hidden units are the visible units of this one, and the reverse."""
    return RBM(rbm.W.T, rbm.c, rbm.b)


def all_codes(n):
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)  # (2^n, n)


def enumerate_codes(rbm):
    """All codes h, (2^n_h, n_h), their probabilities, and log Z."""
    h = all_codes(len(rbm.c))
    log_joint = -exchanged(rbm).free_energy(h)
    log_Z = np.logaddexp.reduce(log_joint)
    return h, np.exp(log_joint - log_Z), log_Z


def exact_negative_phase(rbm):
    h, p, _ = enumerate_codes(rbm)
    v = rbm.down(h) * p[:, None]
    return v.T @ h, v.sum(axis=0), p @ h


def loss_and_grad(W, b, c, v):
    """The mean of -log p(v), exactly, and its gradients with respect to W, b and c."""
    rbm = RBM(W, b, c)
    loss = rbm.free_energy(v).mean() + enumerate_codes(rbm)[2]
    pairs = zip(exact_negative_phase(rbm), rbm.phase(v), strict=True)
    return loss, *(negative - positive for negative, positive in pairs)


tiny = RBM(rng.standard_normal((6, 3)), rng.standard_normal(6), rng.standard_normal(3))
v_all, h_all = all_codes(6), all_codes(3)
energies = np.stack([tiny.energy(v_all, np.tile(h, (64, 1))) for h in h_all])  # (8, 64)
assert np.allclose(tiny.free_energy(v_all), -np.logaddexp.reduce(-energies, axis=0))
assert np.isclose(enumerate_codes(tiny)[2], np.logaddexp.reduce(-energies.ravel()))
v_some = v_all[[3, 17, 42, 60]]
of_F = check(
    lambda W, b, c: (
        RBM(W, b, c).free_energy(v_some).mean(),
        *(-part for part in RBM(W, b, c).phase(v_some)),
    ),
    tiny.W,
    tiny.b,
    tiny.c,
)
of_log_p = check(lambda W, b, c: loss_and_grad(W, b, c, v_some), tiny.W, tiny.b, tiny.c)
print("free energy:", "gradient agrees" if of_F.ok else of_F)
print("exact -log p(v):", "gradient agrees" if of_log_p.ok else of_log_p)
assert of_F.ok
assert of_log_p.ok

# %% [markdown]
# ## Contrastive divergence
#
# For more hidden units the negative phase has to be *sampled*: we need images
# that the model generates. There is no direct way to draw one, but a pair of
# steps is easy: draw $h$ from $p(h \mid v)$, then $v$ from $p(v \mid h)$. This is
# **Gibbs sampling**, and the sequence is a *chain*. If $v$ is a sample of
# $p(v)$, then the pair with $h$ drawn from $p(h \mid v)$ is a sample of
# $p(v, h)$. So $h$ is a sample of $p(h)$, and by the same argument the next $v$ is
# one of $p(v)$ again: the steps keep the model's distribution as it is. And since
# no probability is 0 or 1, one step can lead from any image to any other. From
# these two facts it follows that after very many steps $v$ is a sample of the
# model, wherever you started (the theorem on Markov chains that we use here
# without a proof; exercise 2 tests it).
#
# "Very many" is too slow for every step of a training. Hinton (2002) started
# the chain at the training images and stopped after $k$ steps (not the $k$ draws
# of lesson 12b). This is **contrastive divergence**, CD-$k$, and even $k = 1$
# worked well. It is not the gradient, but an approximation. Tieleman (2008) did
# not restart the chain at all: *persistent* contrastive divergence (PCD) goes on
# from where it was after the previous step, and relies on the model having changed
# only little. We train with PCD.


# %%
def draw(p, rng):
    """Zeros and ones with the probabilities p."""
    return (rng.random(p.shape, dtype=np.float32) < p).astype(p.dtype)


def gibbs(rbm, v, rng, k=1):
    """The images after k steps of Gibbs sampling: draw h given v, then v given h."""
    ### BEGIN SOLUTION
    for _ in range(k):
        h = draw(rbm.up(v), rng)
        v = draw(rbm.down(h), rng)
    return v
    ### END SOLUTION


def train(rbm, batch, epochs, steps, lr, chains, rng):
    """PCD: a step for each call of batch(), at a rate that falls to 0. Returns the chains."""
    for epoch in range(epochs):
        errors = []
        for step in range(steps):
            v, chains = batch(), gibbs(rbm, chains, rng)
            rate = lr * (1 - (epoch * steps + step) / (epochs * steps))
            both = zip(rbm.phase(v), rbm.phase(chains), strict=True)
            for array, (positive, negative) in zip((rbm.W, rbm.b, rbm.c), both, strict=True):
                array += rate * (positive - negative)
            if step % 10 == 0:
                errors.append(((v - rbm.down(rbm.up(v))) ** 2).sum(axis=1).mean())
        print(f" {np.mean(errors):.1f}", end="", flush=True)
    print()
    return chains


few = data.train.take(slice(0, 5000)).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
few = draw(few.reshape(-1, 196), rng)  # 14 by 14 pixels
small = RBM.start(few.mean(axis=0), 10, rng, np.float64)
print("training a small RBM; squared error of a reconstruction, each epoch:", end="", flush=True)
chains = train(small, lambda: few[rng.integers(0, 5000, 100)], 8, 300, 0.2, few[:100], rng)
log_Z = enumerate_codes(small)[2]
print(f"exact -log p(v): {small.free_energy(few).mean() + log_Z:.1f} nats")
before = RBM.start(few.mean(axis=0), 10, rng, np.float64)
start_nats = before.free_energy(few).mean() + enumerate_codes(before)[2]
assert small.free_energy(few).mean() + log_Z < start_nats - 3, "it has learned something"

# %% [markdown]
# Note what was printed: a reconstruction error, and not the loss. Nobody with a
# larger RBM could print $-\log p(v)$, since $\log Z$ is not known. So people
# watched the reconstruction error, which is not what the training improves.
#
# How good is the direction of CD? We take our trained RBM, multiply its weights
# by $s$ (in this lesson not a standard deviation), and compare for each $s$ the
# exact gradient with an estimate: by the angle between the two, and by the length
# of their difference, the *error*. All estimates use 5,000 images in the negative
# phase: after 1 step from the data, after 10 steps, and drawn independently from
# the model itself (which enumeration allows), to see how much is only noise.
#
# **Predict first:** at which weights is CD-1 best, small ones or large ones?


# %%
def flat(parts):
    return np.concatenate([part.ravel() for part in parts])


def angle(a, b):
    return np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))


scales = (0.25, 0.5, 0.75, 1, 1.5)
names = ("CD-1", "CD-10", "independent draws")
lengths, angles, errors = [], [], []  # of each s; then of each name
for s in scales:
    rbm = RBM(s * small.W, small.b, small.c)
    h, p, _ = enumerate_codes(rbm)
    drawn = draw(rbm.down(h[rng.choice(len(h), len(few), p=p / p.sum())]), rng)
    positive = flat(rbm.phase(few))
    exact = positive - flat(exact_negative_phase(rbm))
    negatives = (gibbs(rbm, few, rng, 1), gibbs(rbm, few, rng, 10), drawn)
    found = [positive - flat(rbm.phase(v)) for v in negatives]
    lengths.append(np.linalg.norm(exact))
    angles.append([angle(gradient, exact) for gradient in found])
    errors.append([np.linalg.norm(gradient - exact) for gradient in found])
    each = zip(names, angles[-1], errors[-1], strict=True)
    told = "; ".join(f"{name} {degrees:.0f}°, error {e:.2f}" for name, degrees, e in each)
    print(f"weights times {s:g}: length of the gradient {lengths[-1]:.2f}; {told}")
lengths, angles, errors = np.array(lengths), np.array(angles), np.array(errors)
cd1, cd10, noise = (errors / lengths[:, None]).T  # relative to the gradient
assert cd1[0] < cd1[1] < cd1[2], "the bias grows with the weights"
assert cd1[2] > 3 * noise[2]
assert cd10[1] < 0.1, "ten steps are enough for small weights"
assert cd10[4] > 0.5, "and not for large ones"
assert lengths[3] < lengths[2] / 2, "the training is nearly over"

h, p, _ = enumerate_codes(small)
exact_negative = flat(exact_negative_phase(small))
few_drawn = [draw(small.down(h[rng.choice(len(h), 100, p=p / p.sum())]), rng) for _ in range(20)]
of_chains, *of_draws = (
    np.linalg.norm(flat(small.phase(v)) - exact_negative) for v in (chains, *few_drawn)
)
print(f"PCD's 100 chains at the end of its training: error {of_chains:.2f}; ", end="")
print(f"100 independent draws: {np.mean(of_draws):.2f} ± {np.std(of_draws):.2f}")
assert of_chains < 2 * np.mean(of_draws)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
for i, (name, colour) in enumerate(zip(names, (ORANGE, BLUE, GREEN), strict=True)):
    left.plot(scales, angles[:, i], "o-", color=colour, label=name)
    right.plot(scales, errors[:, i], "o-", color=colour)
right.plot(scales, lengths, "k:", label="exact gradient")
for ax in (left, right):
    ax.set(xlabel="weights of the trained RBM times s", ylim=0)
left.set(ylabel="angle to the exact gradient, °")
left.legend(loc="upper left")
right.set(ylabel="length of the error")
right.legend(loc="upper center")
show(figure, "19-angles")

# %% [markdown]
# At a quarter of the weights a single step is a fair estimate: its error is a
# fifth or a quarter of the gradient's length. At three quarters of the weights
# the error is three quarters of the gradient, and at 1.5 times the weights even
# that of ten steps is. Large weights make the coins of $p(h \mid v)$ and
# $p(v \mid h)$ nearly certain, so that a step of the chain changes little: it
# stays near the data. But it is large weights that training produces. **The
# larger the weights, the slower the chain, and the worse the gradient of a few
# steps.**
#
# Read the two panels together. At $s = 1$ the training is nearly over, and the
# exact gradient, the dotted line, is close to zero. A small error is then enough
# to turn it anywhere: on glyphs that of CD-1 is as long as the gradient itself,
# and the angle is 97 degrees. At 1.5 the gradient is long again. There the angle
# falls to 53 degrees, while the error, measured by the gradient or not, is large:
# most of what CD-1 should see is missing.
#
# PCD has only 100 chains here. At the end of the training, where the rate has
# fallen to 0 and the chains could catch up, they are as good as 100 independent
# draws. So PCD is not tied to the data. It relies on a chain that keeps up with
# the training, and below we measure how slow the chain of a larger RBM is.
#
# ## log Z by annealed importance sampling
#
# To measure $\log p(x)$ we need $\log Z$. Lesson 12b estimated an integral by
# weights $w$ of draws. **Annealed importance sampling** (AIS; Neal 2001, for
# RBMs Salakhutdinov and Murray 2008) does so in many small steps. It starts
# with an RBM without weights, whose $Z_0$ is known and from which one can draw,
# and turns the weights on slowly. For $\beta$ from 0 to 1 (not the weight of
# the KL divergence), the RBM with
#
# $$ W_\beta = \beta W, \qquad b_\beta = (1 - \beta)\, b_0 + \beta\, b, \qquad c_\beta = \beta c $$
#
# lies between the two, where $b_0$ holds the logits of the mean image. Let
# $f_\beta(v) = e^{-F_\beta(v)}$. Draw $v$ from the model at $\beta$ and weigh it
# by $f_{\beta'}(v) / f_\beta(v)$: by the argument of lesson 12b the mean weight is
#
# $$ \mathbb E_{v \sim p_\beta}\left[\frac{f_{\beta'}(v)}{f_\beta(v)}\right]
# = \sum_v \frac{f_\beta(v)}{Z_\beta} \cdot \frac{f_{\beta'}(v)}{f_\beta(v)}
# = \frac{Z_{\beta'}}{Z_\beta} $$
#
# Multiply these ratios along the way, with one step of Gibbs sampling at each
# $\beta$ to follow the change, and the mean of the products is $Z / Z_0$. (It
# is so exactly, on average, even though the chain lags behind: Neal's theorem,
# which we do not prove but test.) At $\beta = 0$ all $c$ and $W$ are zero, so
# $\log Z_0 = n_h \log 2 + \sum_i \text{softplus}(b_{0,i})$.


# %%
def between(rbm, b0, beta):
    """The RBM at beta between one without weights, with biases b0, and this one."""
    return RBM(beta * rbm.W, (1 - beta) * b0 + beta * rbm.b, beta * rbm.c)


def ais_log_weights(rbm, b0, betas, n_chains, rng):
    """The log weight of each chain, (n_chains,): the sum of F_beta(v) - F_next(v).

    Start with v ~ sigmoid(b0). For each pair of successive betas add
    F_beta(v) - F_next(v), then make one step of Gibbs sampling at the next beta.
    """
    ### BEGIN SOLUTION
    v = draw(np.tile(sigmoid(b0), (n_chains, 1)), rng)
    log_w = np.zeros(n_chains)
    now = between(rbm, b0, betas[0])
    for beta in betas[1:]:
        following = between(rbm, b0, beta)
        log_w += now.free_energy(v) - following.free_energy(v)
        v, now = gibbs(following, v, rng), following
    return log_w
    ### END SOLUTION


def estimate_log_Z(rbm, mean, n_betas, rng, n_chains=100):
    """AIS: log Z, and its standard error."""
    p = np.clip(mean, 0.001, 0.999)
    b0 = np.log(p / (1 - p)).astype(rbm.b.dtype)
    betas = np.linspace(0, 1, n_betas + 1, dtype=rbm.b.dtype)
    log_w = ais_log_weights(rbm, b0, betas, n_chains, rng)
    log_Z0 = len(rbm.c) * np.log(2) + softplus(b0.astype(float)).sum()
    w = np.exp(log_w - log_w.max())
    error = w.std(ddof=1) / w.mean() / np.sqrt(n_chains)  # of log(mean w), by d log w = dw / w
    return log_Z0 + log_mean_exp_and_grad(log_w[None])[0][0], error


# %% [markdown]
# **Predict first:** is AIS right, that is, within a few of its own standard
# errors of the enumerated $\log Z$? And with only five values of $\beta$?

# %%
for n_betas in (5, 100, 1000):
    found, error = estimate_log_Z(small, few.mean(axis=0), n_betas, rng, n_chains=200)
    print(f"{n_betas:5d} steps: log Z = {found:.2f} ± {error:.2f}; enumerated {log_Z:.2f}")
assert abs(found - log_Z) < 4 * error + 0.02, "with 1000 steps"
assert error < 0.3

# %% [markdown]
# With many steps it is right, and with five nearly so: this RBM is small. Two
# things to know before you trust it with a large one. The standard error is
# computed from the weights that occurred, and if the heavy ones did not occur
# it is too small (as with the class of 20 pupils in lesson 09). And the mean
# weight is unbiased, but its logarithm is too *low* on average (lesson 12b: the
# logarithm of a mean is never below the mean of the logarithms). A $\log Z$
# that is too low makes $\log p(x) = -F(x) - \log Z$ too *high*. So the number
# of an RBM tends to be optimistic, while that of a VAE, a lower bound, is
# pessimistic.
#
# ## Full size, beside a VAE
#
# Now an RBM for whole images, and a VAE with as many parameters that trains for
# about as long.
#
# **Predict first:** the RBM's gradient is only approximate. Is its test
# $\log p(x)$ much worse than the VAE's?

# %%
n_h, n_h_vae = sized((200, 96), quick=(100, 47))
part = data.train.only(slice(0, sized(55_000, quick=5000)))
mean_image = part.take(slice(None)).mean(axis=0) / 255
B = sized(100, quick=50)
steps = len(part) // B


def batch():
    return black_or_white.encode(part.take(rng.integers(0, len(part), B)), rng, np.float32)


rbm = RBM.start(mean_image, n_h, rng)
epochs = sized(6, quick=8)
begun = time.process_time()
print("training an RBM; squared error of a reconstruction, each epoch:", end="", flush=True)
chains = train(rbm, batch, epochs, steps, 0.2, batch(), rng)
rbm_seconds = time.process_time() - begun

vae = VAE.dense(784, n_h_vae, 20)
vae.start_at(mean_image)
epochs_vae = sized(8, quick=8)
lr = Cosine(2e-3, epochs=epochs_vae)
trainer = Trainer(vae, part, black_or_white, Adam(), batch_size=B, lr=lr)
begun = time.process_time()
run_epochs(trainer, epochs_vae, "VAE")
vae_seconds = time.process_time() - begun

test = data.test.only(slice(0, sized(1000, quick=300)))
x = black_or_white.encode(test.take(slice(None)), rng, np.float32)
n_betas, n_chains = sized((4000, 25), quick=(2000, 25))
log_Z, error = estimate_log_Z(rbm, mean_image, n_betas, rng, n_chains)
nats_rbm = rbm.free_energy(x).astype(float).mean() + log_Z
nats_vae = -log_likelihood(vae, test, black_or_white, k=sized(500, quick=200)).log_px
n_rbm, n_vae = rbm.W.size + rbm.b.size + rbm.c.size, vae.params.flat.size
print(f"RBM: {n_rbm:,} parameters, {rbm_seconds:.0f} s; log Z = {log_Z:.1f} ± {error:.1f}")
print(f"     -log p(x) is about {nats_rbm:.1f} nats")
print(f"VAE: {n_vae:,} parameters, {vae_seconds:.0f} s; -log p(x) at most {nats_vae:.1f} nats")
assert abs(n_rbm / n_vae - 1) < 0.03, "the same size"
assert error < 2
assert nats_rbm < nats_vae + 10, "the RBM is not far behind"

# %% [markdown]
# At full size the two are close: 103.3 and 104.5 nats on MNIST, 92.8 and 89.6
# on glyphs. After a few seconds (quick mode) the RBM is well ahead. (A
# published RBM with 500 hidden units, trained for far longer by CD with up to
# 25 steps, has 86.34 nats on MNIST: Salakhutdinov and Murray, as quoted by
# Burda and others. The first VAE in the table of lesson 18 has 86.8.) So the
# main thing that the VAE brought at first was not a better density. But to know
# the RBM's number we needed AIS, a simulation with an error of its own. The VAE
# has a bound from its own encoder: minus its training loss is one, the ELBO, and
# the figure printed is the closer one of lesson 12b, with the mean of 500 weights
# (200 in quick mode).
#
# ## Sampling
#
# A sample of the VAE is one draw and one pass through the decoder. A sample of
# the RBM comes from a chain. We start 40 chains at test images and film five of
# them.
#
# **Predict first:** after how many steps does a chain no longer know where it
# began?

# %%
n_steps, every = sized(2000, quick=500), 10
looks = (1, 3, 10, 30, 100, 300, n_steps)
v, strip, film = x[:40], [x[:5]], []
begun = time.process_time()
for step in range(1, n_steps + 1):
    p_v = rbm.down(draw(rbm.up(v), rng))
    v = draw(p_v, rng)
    if step in looks:
        strip.append(p_v[:5])
    if step % every == 0 and step > n_steps // 5:
        film.append(p_v)
per_step = (time.process_time() - begun) / n_steps / len(v)
away = np.array(film) - np.mean(film, axis=(0, 1))  # (times, 40, 784)
lags = every * np.arange(len(away) // 2)
agree = [np.mean(away[: len(away) - t // every] * away[t // every :]) for t in lags]
agree = np.array(agree) / agree[0]  # the autocorrelation
tau = 1 + 2 * every * agree[1:].sum()
begun = time.process_time()
vae_samples = vae.sample(1000, rng=0)
per_sample = (time.process_time() - begun) / 1000
print(f"autocorrelation after 10 steps {agree[1]:.2f}, after {lags[-1]}: {agree[-1]:.2f}")
print(f"so an independent sample takes at least {tau:.0f} steps")
print(f"that is {1e3 * tau * per_step:.1f} ms; a sample of the VAE takes {1e3 * per_sample:.2f} ms")
assert agree[1] > 0.6, "a step changes little"
assert tau > 50

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), width_ratios=(3, 2))
rows = np.stack(strip, axis=1).reshape(-1, 784)  # a row of pictures for each chain
left.imshow(figures.tile(rows, data.shape, len(strip)), cmap="gray", vmin=0, vmax=1)
left.set(xticks=15 + 29 * np.arange(len(strip)), yticks=[], xlabel="steps of the chain")
left.set_xticklabels(["start", *map(str, looks)])
left.set_title("five chains, one in each row")
left.grid(visible=False)
left.spines[:].set_visible(False)
left.tick_params(length=0)
right.plot(lags, agree, color=BLUE)
right.set(xlabel="steps apart", ylabel="correlation", ylim=(0, 1.02))
right.set_title("how much two images of one chain agree")
show(figure, "19-the-chain")

# %% [markdown]
# The *autocorrelation* at $t$ is the correlation between two images of one chain
# that are $t$ steps apart. We took every tenth image, as the probabilities
# $p(v = 1 \mid h)$ that the pictures show, and pooled all pixels and chains. It
# falls quickly by a little, as strokes wobble, and then slowly: on MNIST at full size
# the 7 of the first row is still a 7 after 300 steps (in quick mode it has become
# another digit by step 100), and after 790 steps the correlation is 0.20 (0.41 on
# glyphs). Call it $\rho_t$. The variance of a mean of $n$ independent images is
# $\sigma^2 / n$. In a chain the covariances $\sigma^2 \rho_t$ of its pairs are
# added, some $n$ pairs for each distance $t$, and twice (for $ab$ and $ba$), so
# that the variance of the mean is $\sigma^2 \tau / n$ with the *autocorrelation
# time* $\tau = 1 + 2 \sum_t \rho_t$. It is as uncertain as if only every
# $\tau$-th image counted. We could add up only as far as we have measured, so the
# number printed is a lower limit: 571 steps on MNIST, 836 on glyphs. For the VAE
# $\tau$ is 1, and each sample takes about a thousandth of the time.
#
# ## A deep belief network
#
# Could there be more layers? Hinton, Osindero and Teh (2006) trained one RBM,
# kept it, and trained a *second* RBM on the codes $h$ of the first. The result
# is a **deep belief network** (DBN). The second RBM takes the place of the
# prior of $h$, so there is now a direction: run a chain at the top, and then
# draw the image from $p(v \mid h)$ in one step.

# %%
diagram = Diagram(3.3, 2.3)
top = diagram.box(1.9, 1.95, "second hidden layer", 1.7, fill=NETWORK)
middle = diagram.box(1.9, 1.15, "$h$", 1.2, fill=NETWORK)
bottom = diagram.box(1.9, 0.35, "$v$", 1.5)
diagram.arrow(top, middle)
diagram.arrow(middle, top)
diagram.arrow(middle, bottom)
diagram.text(0.6, 1.55, "a chain:\nsecond RBM")
diagram.text(0.6, 0.75, "one step:\nfirst RBM")
show(diagram.figure, "19-dbn")

# %% [markdown]
# You can see why this helps with the ELBO of lesson 12a. Take the first RBM's
# posterior $q(h) = p(h \mid v)$ as the encoder, and the second RBM, with free
# energy $F_2$, as the prior of $h$:
#
# $$ \log p(v) \ge \mathbb E_q\left[\log p(v \mid h) - F_2(h) - \log q(h)\right] - \log Z_2 $$
#
# Let the second RBM begin as the first one with its two groups exchanged. It has
# the same energy, so $Z_2 = Z$, and its $p(h)$ is that of the first RBM. Then
# $\log p(v \mid h) - F_2(h) = -E(v, h)$, and the bound is exactly
# $-F(v) - \log Z$, for every draw. From there train the second RBM on codes
# drawn from $q(h)$, one for each training image. Its goal, the mean of
# $\log p_2(h) = -F_2(h) - \log Z_2$ over these codes, is the only part of the
# bound that it changes: $\log p(v \mid h)$ and $\log q(h)$ stay as they are. So
# what it gains, the bound gains. (PCD only approximates the gradient and does not
# promise a gain.) $F_2$ and $Z_2$ belong to the second RBM.


# %%
def bound_of_dbn(first, second, v, rng):
    """The bound above without log Z_2, with one draw of h for each row of v, (B,)."""
    h = draw(first.up(v), rng)
    logits_v, logits_h = h @ first.W.T + first.b, v @ first.W + first.c
    log_p = (v * logits_v - softplus(logits_v)).sum(axis=1)
    log_q = (h * logits_h - softplus(logits_h)).sum(axis=1)
    return log_p - second.free_energy(h) - log_q


assert np.allclose(bound_of_dbn(small, exchanged(small), few, rng), -small.free_energy(few))

second = RBM(rbm.W.T.copy(), rbm.c.copy(), rbm.b.copy())
mean_code = rbm.up(x).mean(axis=0)
again, error_again = estimate_log_Z(second, mean_code, n_betas, rng, n_chains)
print(f"the same log Z twice: {log_Z:.1f} ± {error:.1f} and {again:.1f} ± {error_again:.1f}")
assert abs(again - log_Z) < 15


def batch_of_codes():
    return draw(rbm.up(batch()), rng)


print("training the second RBM; squared error, each epoch:", end="", flush=True)
top_chains = train(second, batch_of_codes, sized(3, quick=4), steps, 0.05, batch_of_codes(), rng)
log_Z2, error2 = estimate_log_Z(second, mean_code, n_betas, rng, n_chains)
bound = bound_of_dbn(rbm, second, x, rng).astype(float)
gained = bound + rbm.free_energy(x)  # by each image, (B,), but for the two log Z
print(f"the bound of the DBN: about {log_Z2 - bound.mean():.1f} nats (log Z: {log_Z2:.1f})")
gains = []
for path, (log_Z1, error1) in {"images": (log_Z, error), "codes": (again, error_again)}.items():
    gains.append(gained.mean() + log_Z1 - log_Z2)
    error_gain = np.sqrt(gained.var() / len(x) + error1**2 + error2**2)
    nats = log_Z1 + rbm.free_energy(x).mean()
    print(f"the first RBM, log Z by {path}: about {nats:.1f} nats; ", end="")
    print(f"so the DBN gains {gains[-1]:.1f} ± {error_gain:.1f}")
assert max(gains) > 0, "beside the more credible log Z, the DBN is better"

n_shown = 12
h = gibbs(second, top_chains[:n_shown], rng, 500)
rows = [rbm.down(draw(rbm.up(gibbs(rbm, chains[:n_shown], rng, 500)), rng)), rbm.down(h)]
rows = np.concatenate([*rows, vae_samples[:n_shown]])
figure, ax = plt.subplots(figsize=(8, 2.3))
ax.imshow(figures.tile(rows, data.shape, n_shown), cmap="gray", vmin=0, vmax=1)
ax.set(title="samples", xticks=[], yticks=15 + 29 * np.arange(3))
ax.set_yticklabels(["RBM", "DBN", "VAE"])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
show(figure, "19-samples")

# %% [markdown]
# First look at the two estimates of the *same* $\log Z$, along two different
# paths: from the mean image, and from the mean code. At full size, with 4000
# steps, they agree. In quick mode on MNIST, with 2000 steps and a half-trained
# RBM, they differ by 6.7, seven times the standard error of a difference. This is
# the warning about AIS come true: each is probably too low, and the larger one is
# the more credible. The standard error does not show it. And a bound with an estimated
# $\log Z_2$ is no longer a bound: we can say "about", but not "at most".
#
# $\log Z_2$ may be too low, too, and then the DBN seems better than it is. So the
# gain is printed twice, beside each estimate for the first RBM. If the DBN is
# measured as badly as the path by codes measures the first RBM, its gain is
# the smaller of the two; if it is measured well, the larger one. At full size both
# are the same: 2.6 nats on MNIST and 4.7 on glyphs, with an error of 0.7. In quick
# mode the gain on glyphs is 2 to 2.5 nats, and on MNIST AIS leaves everything open
# between 0.5 and 7.2. (The published DBN has 84.55 where the RBM has 86.34, after a
# long training of two large RBMs.)
#
# Now look at the samples. Those of the RBM and of the DBN look *better* than
# those of the VAE. The energy ties every pixel to all hidden units at once,
# while the codes of this small VAE come from a prior that its posteriors do not
# fill (lesson 13b). But each row of Boltzmann samples took a chain of thousands
# of steps: it began at training images, and went on during the training and 500
# steps beyond. The DBN needs its chain, too, and its layers were never trained
# together: the first does not know of the second.
#
# ## What the VAE changed
#
# Smolensky described the RBM in 1986 and called it *harmonium*. It could be
# trained well from 2002 on. The DBN of 2006 showed how to train deep fully
# connected networks (deep convolutional ones had been trained since 1989), and for
# some years the weights of large networks were started from stacks of RBMs. Here
# is what was hard, as you have measured it:
#
# | | RBM and DBN | VAE |
# |---|---|---|
# | gradient | approximate: from a chain, slower as the weights grow | unbiased, of a bound |
# | a loss to watch | none, as $\log Z$ is unknown | the bound itself |
# | posterior of the code | exact (RBM) | approximate |
# | layers | one after the other, each by itself | all together, by backpropagation |
# | a sample | hundreds of steps or more | one pass |
# | $\log p(x)$ | with AIS, tends to be too high | a bound, always too low |
#
# Kingma and Welling (2013) and Rezende, Mohamed and Wierstra (2014) replaced
# the energy by a direction with a known prior, so that there is no $Z$. They
# replaced the exact posterior by a learned one, and binary codes by
# continuous ones, through which a gradient passes (lesson 11). In
# $\log p(x)$ our VAE and the RBM are within a few nats of each other, and its
# samples are no better. But one loss
# trained everything, for any network, and a sample took one pass. That is why
# VAEs could grow.
#
# ## Questions
#
# **Question 1.** An RBM's reconstruction error falls during CD-1. What follows?
#
# - **a** $\log p(x)$ of the training images rises.
# - **b** The images come back well after one step of the chain. That alone says
#   little about $\log p(x)$.
# - **c** The chain mixes better than before.
#
# **Question 2.** Why does an RBM not need an encoder?
#
# - **a** Given $v$ its hidden units are independent, so the posterior has a
#   formula.
# - **b** Because it has no latent variables.
# - **c** Because Gibbs sampling finds the posterior after very many steps.
#
# ## Exercises
#
# Answers are in `answers_19_boltzmann_machines.py`.
#
# 1. **Change a number.** Multiply the weights of the tiny RBM, `tiny`, by 0.1
#    and by 5. Set $b_i = -\tfrac12 \sum_j W_{ij}$ and
#    $c_j = -\tfrac12 \sum_i W_{ij}$ with these weights, so that every unit is on
#    half of the time. Predict the autocorrelation of $v$ after one step of Gibbs
#    sampling. *Check:* it is below 0.1 with small weights and above 0.5 with
#    large ones.
# 2. **Is Gibbs sampling right?** Run 20,000 chains of `tiny` for 200 steps, and
#    count how often each of the 64 images occurs. *Check:* every share is within
#    0.015 of $e^{-F(v)} / Z$.
# 3. **Derive and implement.** Real-valued pixels: let $E(v, h) =
#    \tfrac12 |v - b|^2 - c \cdot h - v^\top W h$ with any real $v$. Derive
#    $p(v \mid h)$ and the free energy. *Check:* $p(v \mid h)$ is a Gaussian with
#    mean $b + W h$ and variance 1, and the gradient of the free energy agrees
#    with `npvae.check`.
