# %% [markdown]
# # 22b · Filling in the hidden half
#
# *You see the upper half of a digit. What does the lower half look like, if it can
# look like several things?*
#
# - **You need:** lessons 03, 12b, 16, 17, 18 and 22a.
# - **You get:** a conditional VAE whose condition is half an image; several
#   completions beside the single mean one; three numbers that judge them.
# - **Run time:** half a minute.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show, sized

from npvae import VAE, Adam, Cosine, figures
from npvae.layers import dense_network, sigmoid, softplus
from npvae.parameters import Parameters

data = digits()
rng = np.random.default_rng(0)
n_train, n_test = sized((20_000, 1000), quick=(4000, 400))
train_images = (data.train.take(slice(0, n_train)) / 255).astype(np.float32)
n_h, epochs, batch_size = sized(((200, 200), 4, 64), quick=((200, 200), 5, 32))
HALF = 392  # pixels: 14 rows of 28

# %% [markdown]
# ## A condition with 392 numbers
#
# In lesson 22a the condition $y$ was a label. Nothing in the derivation asked for
# that. Now $y$ is the *upper half* of an image, 392 pixels, and $x$ is the lower half.
# The algebra stays as it is, letter by letter:
#
# $$ \log p(x \mid y) \ge \mathbb E_q[\log p(x \mid z, y)]
# - \text{KL}\left(q(z \mid x, y),\, \mathcal N(0, I)\right) $$
#
# A picture that is half hidden, a smudged word, a missing column of a table, the next
# second of a film: to fill in any of them is to ask for $p(x \mid y)$.
#
# The usual answer is a network that takes $y$ and outputs the probability of each
# hidden pixel, trained with the cross-entropy (lesson 03). It has no $z$, and gives
# one answer for each $y$. Lesson 17 tells which: the **mean** of everything that
# could be there. It also takes the hidden pixels as independent, given $y$, and they
# are not. If the stroke goes on to the left, then all its pixels do.
#
# A conditional VAE has a $z$ for what $y$ leaves open: left or right, a 7 or a 9.
# Draw $z$ from the prior and decode it together with $y$, and you get *one*
# completion. Draw again, and you may get another.
#
# We train both on the same halves, with hidden layers of the same size. The trainer
# of npvae takes only labels as conditions, so we write the loop out, as in lesson 06.
# (The pixels are drawn black or white afresh for each batch, before the image is cut
# in two.)


# %%
def halves(images):
    """The lower halves x and the upper halves y of images, (N, 784) in rows: (N, 392) each."""
    ### BEGIN SOLUTION
    return images[:, HALF:], images[:, :HALF]
    ### END SOLUTION


def drawn(images):
    """Images with every pixel drawn black or white."""
    return (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)


def train(params, loss_and_grad, name):
    """Take the steps of Adam; `loss_and_grad(x, y)` leaves the gradients in params.grad."""
    adam, steps = Adam(), math.ceil(n_train / batch_size)
    lr = Cosine(2e-3, epochs=epochs)
    print(f"training {name}; loss of each epoch:", end="", flush=True)
    for epoch in range(epochs):
        losses = []
        for step, chosen in enumerate(np.array_split(rng.permutation(n_train), steps)):
            x, y = halves(drawn(train_images[chosen]))
            losses.append(loss_and_grad(x, y))
            adam.lr = lr(epoch + step / steps)
            adam.step(params)
        print(f" {np.mean(losses):.1f}", end="", flush=True)
    print()


class MeanNetwork:
    """A network from the visible half to the probabilities of the hidden pixels."""

    def __init__(self):
        self.network = dense_network([HALF, *n_h, HALF], "relu", rng=0)
        mean = halves(train_images)[0].mean(axis=0).clip(0.001, 0.999)
        self.network.layers[-1].b[...] = np.log(mean / (1 - mean))  # starts at the mean half
        self.params = Parameters({"network": self.network})

    def loss_and_grad(self, x, y):
        """Return -log p(x | y) in nats per image; the gradients go to params.grad."""
        logits = self.network.forward(y)
        self.network.backward((sigmoid(logits) - x) / len(x))
        return (softplus(logits) - x * logits).sum() / len(x)

    def complete(self, y):
        """The probability of each hidden pixel, (N, 392)."""
        return sigmoid(self.network.forward(y))


def conditional_vae(beta=1.0):
    """A trained VAE of the lower half, given the upper half, with 10 latents."""
    model = VAE.dense(HALF, n_h, 10, n_y=HALF, beta=beta)
    model.start_at(halves(train_images)[0].mean(axis=0))

    def loss_and_grad(x, y):
        return model.loss_and_grad(x, model.draw_noise(rng, len(x)), y).loss

    train(model.params, loss_and_grad, f"a conditional VAE, β = {beta:g}")
    return model


mean_network = MeanNetwork()
train(mean_network.params, mean_network.loss_and_grad, "the mean network")
model = conditional_vae()

# %% [markdown]
# ## How many nats does the hidden half cost?
#
# The mean network gives $\log p(x \mid y)$ in a closed form: it is minus its loss.
# For the conditional VAE we estimate it as in lessons 12b and 18, by the mean of $k$
# weights with $y$ in every density:
#
# $$ p(x \mid y) \approx \frac1k \sum_{i=1}^k w_i, \qquad
# w_i = \frac{p(x \mid z_i, y)\,p(z_i)}{q(z_i \mid x, y)} $$
#
# (On average this estimate of $\log p(x \mid y)$ is too low, so the comparison favours
# the mean network.)
#
# **Predict first:** which of the two finds the true lower half more probable, and by
# how much?

# %%
test_images = drawn((data.test.take(slice(0, n_test)) / 255).astype(np.float32))
labels = data.test.labels[:n_test]
x_test, y_test = halves(test_images)


def nats(model, k=64):
    """The mean over the test images of the estimate of -log p(x | y), in nats."""
    log_p = []
    for start in range(0, n_test, 50):
        x, y = x_test[start : start + 50], y_test[start : start + 50]
        eps = rng.standard_normal((len(x), k, model.n_z), dtype=np.float32)
        log_w = model.log_weights(x, *model.encode(x, y), eps, y)
        log_p.append(np.logaddexp.reduce(log_w, axis=1) - np.log(k))
    return -np.concatenate(log_p).mean()


logits = mean_network.network.forward(y_test)
of_mean = (softplus(logits) - x_test * logits).sum(axis=1).mean()
of_vae = nats(model)
print(f"-log p(x | y): mean network {of_mean:.1f}, conditional VAE {of_vae:.1f} nats per image")
assert of_vae < of_mean - 6, "a completion that hangs together is more probable"

# %% [markdown]
# The difference is large: at full size on MNIST 16.8 nats, so that the true half is
# $e^{16.8}$, or some 20 million, times as probable (in the geometric mean). The mean
# network may be just as right about single pixels. What it does not know is how they
# depend on each other.
#
# ## Several completions, against the mean one
#
# The conditional VAE is not better at everything. Measure the squared distance
# between a completion and the true lower half. The mean has the least expected
# squared distance of all single answers (lesson 17). A draw from $p(x \mid y)$ has
# the distance of the mean *plus* its own deviation from the mean. If the draws are as
# varied as the truth is, that doubles it. (Here we draw $z$ only, and keep the
# decoder's probabilities. So the draws vary less than the truth.)
#
# But a draw can be repeated. Take $n$ draws, and keep the one that is nearest to the
# truth. That **best of $n$** says whether the truth is among the things that the
# model thinks possible. (It looks at the truth to choose, so you cannot use it to give
# *one* answer. And a model of pure noise would do well with a large enough $n$, so
# compare for a small $n$.) The **diversity** is the mean squared distance between two
# draws for the same $y$, as lesson 22a printed it for two samples of a label. It is 0
# for the mean network.
#
# **Predict first:** one draw against the mean, and the best of twenty draws against
# the mean: who wins? And what does the mean of twenty draws look like?


# %%
def best_of(completions, x):
    """Mean squared distance from x, (N, n_x), of the nearest of n completions, (N, n, n_x).

    A distance is summed over the pixels. The nearest completion is chosen for each example, and
    the mean is over the N examples.
    """
    ### BEGIN SOLUTION
    distance = ((completions - x[:, None]) ** 2).sum(axis=2)  # (N, n)
    return distance.min(axis=1).mean()
    ### END SOLUTION


def diversity(completions):
    """Mean squared distance of two different completions of an example, for (N, n, n_x).

    A distance is summed over the pixels; the mean is over all pairs of different completions of
    an example, and over the N examples. Hint: the mean over *all* n² pairs, each completion with
    itself included, is twice the variance over the n completions, summed over the pixels.
    """
    ### BEGIN SOLUTION
    n = completions.shape[1]
    return 2 * completions.var(axis=1).sum(axis=1).mean() * n / (n - 1)
    ### END SOLUTION


def completed(model, y, n=20):
    """Draw z from the prior n times, and decode it with each visible half: (N, n, 392)."""
    return np.stack([model.sample(len(y), rng, y=y) for _ in range(n)], axis=1)


completions, mean = completed(model, y_test), mean_network.complete(y_test)
error_of_mean = best_of(mean[:, None], x_test)
ns = np.arange(1, 21)
best = np.array([best_of(completions[:, :n], x_test) for n in ns])
averaged = completions.mean(axis=1)
print(f"squared distance from the true half: the mean network {error_of_mean:.1f}")
for n in (1, 2, 5, 10, 20):
    print(f"    best of {n:2d}: {best[n - 1]:.1f}")
print(f"    the average of twenty: {((averaged - x_test) ** 2).sum(axis=1).mean():.1f}")
print(f"diversity {diversity(completions):.1f}")
one_from_mean = ((completions[:, 0] - mean) ** 2).sum(axis=1).mean()
averaged_from_mean = ((averaged - mean) ** 2).sum(axis=1).mean()
print(f"from the mean network: one draw {one_from_mean:.1f}, average {averaged_from_mean:.1f}")
assert best[0] > error_of_mean + 2, "one draw is worse than the mean"
assert best[-1] < error_of_mean - 1, "but the truth is near one of twenty"
assert averaged_from_mean < 0.6 * one_from_mean, "and their average is nearer to the mean"

known, known_labels = train_images[:4000], data.train.labels[:4000]


def digit_of(images):
    """The digit of the training image that is nearest to each image."""
    distance = (known**2).sum(axis=1) - 2 * images @ known.T
    return known_labels[distance.argmin(axis=1)]


visible = np.repeat(y_test[:, None], 10, axis=1)
whole = np.concatenate([visible, completions[:, :10]], axis=2)  # (N, 10, 784)
digit = digit_of(whole.reshape(-1, 784)).reshape(n_test, 10)
kinds = np.array([len(set(row)) for row in digit])
print(
    f"ten completions of a half are {kinds.mean():.1f} different digits on average; "
    f"for {(kinds > 1).mean():.0%} of the halves more than one"
)
assert (kinds > 1).mean() > 0.25

open_ones = np.argsort(-completions.var(axis=1).sum(axis=1))  # the most varied completions first
chosen = np.concatenate([open_ones[: n_test // 5 : n_test // 30][:6], open_ones[-2:]])
hidden = np.full(HALF, np.nan)


def row_of(i):
    """Test image i, its visible half, the mean completion and six draws: (9, 784)."""
    y = y_test[i]
    return np.stack([test_images[i], np.append(y, hidden), np.append(y, mean[i]), *whole[i, :6]])


figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 5.4), width_ratios=(3, 2))
pictures = figures.tile(np.concatenate([row_of(i) for i in chosen]), data.shape, 9)
left.imshow(pictures, cmap="gray", vmin=0, vmax=1)
left.set_facecolor("#555555")
names = ["truth", "visible", "mean", *(f"draw {i}" for i in range(1, 7))]
left.set_xticks((np.arange(9) + 0.5) * pictures.shape[1] / 9, names, size=8)
left.set(yticks=[], title="upper half given, lower half filled in")
left.grid(visible=False)
left.spines[:].set_visible(False)
left.tick_params(length=0)
right.plot(ns, best, "o-", color=BLUE, label="best of n draws")
right.axhline(error_of_mean, color=ORANGE, label="the mean network")
right.set(xlabel="draws n", ylabel="squared distance from the truth", xticks=ns[::3], ylim=0)
right.legend()
show(figure, "22b-completions")

# %% [markdown]
# One draw is farther from the truth than the mean is, but the best of a few draws (of
# six at full size on MNIST, of ten on glyphs) is nearer. The average of twenty draws
# is much closer to the mean network's answer than one draw is. With a perfect model it
# would be nearly as close to the truth as the exact mean (exercise 3). Here its squared
# distance is greater than the mean network's, at full size by about a tenth on MNIST
# and by three tenths on glyphs, since some draws fit their upper half badly. The prior
# offers codes for which this small model was hardly trained, as in lessons 13b and 16.
#
# The picture shows six halves that leave much open, and below them two that leave
# little. Where much is open, the mean is blurred, as the average of all that may be
# there. A draw commits itself: to a 2 or to a 3, to a 7 with a bar or without. Ten
# completions of a half are about two different digits on average. In the last two rows
# the draws are nearly alike, and so they should be.
#
# ## When the condition says too much
#
# The code of such a model is in danger. In lesson 22a the label left nearly everything
# open. Half an image leaves less open, and a decoder that ignores $z$ is already good:
# it is the mean network. To be used, $z$ has to save more nats than it costs, and there
# are fewer to save.
#
# **Predict first:** we train once more with $\beta = 10$. What happens to the
# diversity, to the best of twenty, and to the single draw?

# %%
collapsed = conditional_vae(beta=10.0)
of_collapsed = nats(collapsed)
same = completed(collapsed, y_test)
best_of_same = np.array([best_of(same[:, :n], x_test) for n in ns])
print(
    f"β = 10: -log p(x | y) {of_collapsed:.1f} nats; diversity {diversity(same):.1f}; "
    f"best of 1 {best_of_same[0]:.1f}, of 20 {best_of_same[-1]:.1f}"
)
assert diversity(same) < 0.35 * diversity(completions), "it draws one thing, again and again"
assert best_of_same[0] < best[0] - 1, "which is nearer to the truth than a single draw ..."
assert best_of_same[0] - best_of_same[-1] < 0.6 * (best[0] - best[-1]), "... but hardly improves"
assert of_collapsed > of_vae + 3, "and the truth is less probable"
assert abs(of_collapsed - of_mean) < 4, "it is about the mean network, in nats ..."
assert abs(best_of_same[0] - error_of_mean) < 1.5, "... and in its distance from the truth"

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.1))
left.bar(["mean network", "β = 10", "β = 1"], [of_mean, of_collapsed, of_vae], color=BLUE)
left.set(ylabel="-log p(x | y), nats", title="cost of the hidden half")
right.plot(ns, best, "o-", color=BLUE, label="β = 1")
right.plot(ns, best_of_same, "o-", color=GREEN, label="β = 10")
right.axhline(error_of_mean, color=ORANGE, label="the mean network")
right.set(xlabel="draws n", ylabel="squared distance from the truth", xticks=ns[::3])
right.set_title("best of n draws")
right.legend()
show(figure, "22b-ignored")

# %% [markdown]
# With $\beta = 10$ the decoder ignores its code. What is left behaves like the mean
# network in all three numbers: it has about the same cost in nats and the same distance
# from the truth, and two draws hardly differ. Twenty draws are then hardly better than
# one.
#
# So do not judge a model of $p(x \mid y)$ by the error of one draw: by that number,
# the model that has given up on $z$ is the best. Use $\log p(x \mid y)$ if the model
# has one, and the best of $n$ together with the diversity if it has not.
#
# > **What you may have read:** "the network restores the hidden part". It does not
# > restore it, it *proposes* one. What was hidden is not in $y$. A sharp completion
# > looks like knowledge, and is a draw. If a decision depends on it (a number plate, a
# > face, a scan), show several draws, so that everyone sees how much is open.
#
# Other conditions need nothing new: a grey image whose colours you want, a coarse image
# that you want in detail, a sentence that describes a picture. The networks become
# larger, and the algebra stays. Many models also let the prior depend on the condition,
# $p(z \mid y)$, with a third network. Then the KL divergence is between two Gaussians
# that are both learned.
#
# ## Questions
#
# **Question 1.** For each visible half, one model gives a single completion and the
# other gives draws. The single completion is nearer to the truth, on average, than one
# draw is. What follows?
#
# - **a** The first model has learned $p(x \mid y)$ better.
# - **b** Nothing about $p(x \mid y)$. A mean always does well by this measure, and a
#   draw pays for its own deviation from the mean.
# - **c** The second model was not trained long enough: the draws of a good model are
#   as near to the truth as the mean.
#
# **Question 2.** The visible halves leave much open, and still all ten completions of
# each look the same. What should you try first?
#
# - **a** A wider prior: draw $z$ with a larger standard deviation.
# - **b** $\beta = 1$ if it was larger, or warm-up: the decoder ignores $z$.
# - **c** An encoder without the visible half, so that $z$ has to carry more.
#
# ## Exercises
#
# Answers are in `answers_22b_filling_in.py`.
#
# 1. **Change a number.** Show less: the upper quarter of the image (7 rows), so that 21 rows
#    are hidden. Predict what happens to the diversity per hidden pixel. *Check:* it grows by
#    more than a quarter.
# 2. **Choose one.** You may show one completion only, and you do not know the truth. Take
#    the one of ten draws that is nearest to the average of the ten. Predict how it does
#    beside a first draw. *Check:* it is nearer to the truth, by more than one.
# 3. **Derive and implement.** Let the truth $x$ and $n$ draws be independent, given $y$,
#    all from the same $p(x \mid y)$ with mean $m$ and total variance $V$ (summed over
#    the pixels). Derive the expected squared distance from $x$ of one draw, of $m$,
#    and of the average of $n$ draws. *Check:* with draws of five Gaussian numbers,
#    $2V$, $V$ and $V(1 + 1/n)$ agree within 3 %.
