# %% [markdown]
# # 22b · Filling in the hidden half: answers

# %%
import math

import numpy as np
from course import digits, show, sized

from npvae import VAE, Adam, Cosine, figures

data = digits()
rng = np.random.default_rng(0)
n_train, n_test = sized((20_000, 1000), quick=(4000, 400))
images = (data.train.take(slice(0, n_train)) / 255).astype(np.float32)
test_images = (data.test.take(slice(0, n_test)) / 255).astype(np.float32)
n_h, epochs, batch_size = sized(((200, 200), 4, 64), quick=((200, 200), 5, 32))


def drawn(images):
    return (rng.random(images.shape, dtype=np.float32) < images).astype(np.float32)


def trained(n_y):
    """A VAE of all pixels but the first n_y, given these."""
    model = VAE.dense(784 - n_y, n_h, 10, n_y=n_y)
    model.start_at(images[:, n_y:].mean(axis=0))
    adam, lr = Adam(), Cosine(2e-3, epochs=epochs)
    steps = math.ceil(n_train / batch_size)
    print(f"training with {n_y} visible pixels; loss of each epoch:", end="", flush=True)
    for epoch in range(epochs):
        losses = []
        for step, chosen in enumerate(np.array_split(rng.permutation(n_train), steps)):
            batch, adam.lr = drawn(images[chosen]), lr(epoch + step / steps)
            eps = model.draw_noise(rng, len(batch))
            losses.append(model.loss_and_grad(batch[:, n_y:], eps, batch[:, :n_y]).loss)
            adam.step(model.params)
        print(f" {np.mean(losses):.1f}", end="", flush=True)
    print()
    return model


test = drawn(test_images)
models = {n_y: trained(n_y) for n_y in (392, 196)}
completions = {
    n_y: np.stack([model.sample(n_test, rng, y=test[:, :n_y]) for _ in range(10)], axis=1)
    for n_y, model in models.items()
}

# %% [markdown]
# ## 1. Show less
#
# Seven rows show the top of a stroke, if anything: on many images they are nearly
# empty. They leave open even which digit it is, so the completions differ more.

# %%
per_pixel = {}
for n_y, drawn_ones in completions.items():
    total = 2 * drawn_ones.var(axis=1).sum(axis=1).mean() * 10 / 9
    per_pixel[n_y] = total / (784 - n_y)
    print(f"{n_y} visible pixels: diversity {total:.1f}, per hidden pixel {per_pixel[n_y]:.4f}")
assert per_pixel[196] > 1.25 * per_pixel[392]
rows = [
    np.concatenate([np.tile(test[i, :196], (8, 1)), completions[196][i, :8]], axis=1)
    for i in range(5)
]
told = "each row: eight completions of the same upper quarter"
show(figures.samples(np.concatenate(rows), data.shape, across=8, told=told), "22b-answer-quarter")

# %% [markdown]
# ## 2. Choose one
#
# The average of the ten is close to the mean of $p(x \mid y)$, which is the best
# single answer by this measure. The draw that is nearest to it pays for a smaller
# deviation. It is also the most typical of the ten. So this draw is a good choice if
# you may show only one. What it no longer shows is how much is open.

# %%
ten, x = completions[392], test[:, 392:]
average = ten.mean(axis=1)
nearest = ((ten - average[:, None]) ** 2).sum(axis=2).argmin(axis=1)
chosen = ten[np.arange(n_test), nearest]
error = {
    name: ((one - x) ** 2).sum(axis=1).mean()
    for name, one in (("first draw", ten[:, 0]), ("chosen", chosen), ("average", average))
}
print("; ".join(f"{name} {value:.1f}" for name, value in error.items()))
assert error["chosen"] < error["first draw"] - 1

# %% [markdown]
# ## 3. One draw, the mean, and an average
#
# Write each distance with deviations from $m$. A draw $\hat x$ and the truth $x$ are
# independent, so the product of their deviations has the expected value 0:
#
# $$ \mathbb E\lVert x - \hat x\rVert^2 = \mathbb E\lVert x - m\rVert^2
# + \mathbb E\lVert \hat x - m\rVert^2 = V + V $$
#
# For $m$ itself only the first term is there: $V$. The average of $n$ independent
# draws has the mean $m$ and the variance $V/n$, which gives $V + V/n$. So the average
# of ten is within 10 % of the best possible, though none of the ten is.

# %%
N, n = 100_000, 10
widths = np.array([0.5, 1.0, 1.5, 2.0, 0.1])
V = (widths**2).sum()
truth, draws = widths * rng.standard_normal((N, 5)), widths * rng.standard_normal((N, n, 5))
measured = {
    "one draw": ((draws[:, 0] - truth) ** 2).sum(axis=1).mean(),
    "the mean": (truth**2).sum(axis=1).mean(),
    "average": ((draws.mean(axis=1) - truth) ** 2).sum(axis=1).mean(),
}
for (name, value), derived in zip(measured.items(), (2 * V, V, V * (1 + 1 / n)), strict=True):
    print(f"{name}: {value:.2f}, derived {derived:.2f}")
    assert abs(value / derived - 1) < 0.03

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** It may know much less: it has one answer where there are several. Compare
#   $\log p(x \mid y)$.
# - **b** The expected squared distance of a draw is that of the mean plus the
#   variance of the draws (exercise 3). So the smallest number goes to whoever does
#   not draw.
# - **c** For the perfect model, whose draws come from $p(x \mid y)$ itself, a draw
#   has twice the squared distance of the mean.
#
# **Question 2: b.**
#
# - **a** If the decoder ignores $z$, it ignores a larger $z$, too.
# - **b** It is posterior collapse (lesson 16), which a condition that says a lot
#   makes more likely.
# - **c** The encoder decides what $z$ carries, but a decoder that ignores $z$ gives
#   it no gradient to carry anything. And the bound gets looser (lesson 22a).
