# %% [markdown]
# # 04 · A museum of bugs
#
# *A wrong program that runs, trains, and gives a picture: how do you find out?*
#
# - **You need:** lessons 01 to 03.
# - **You get:** five tests, each of which catches what the others miss, npvae's
#   gradient checker for layers of your own, and an eye for real bugs.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, PURPLE, show

from npvae import ReLU, check
from npvae.layers import sigmoid, softplus

# %% [markdown]
# ## A checker you can call
#
# In lesson 01 you compared every number of a gradient with a numeric one.
# `npvae.check` does that for any layer, with a finer formula (four forwards for
# each number, and the best of three steps). The layer needs a `forward`, a
# `backward`, and for each *parameter*, an array of numbers to be learned such as
# `w`, an array `dw` beside it, which `backward` fills. A layer has no loss, so
# the checker makes one: all outputs added up, each times a random number. It
# measures the *relative* error, $|a - n| / \max(|a|, |n|)$, for a gradient by
# hand $a$ and a numeric one $n$: an error of 0.001 is nothing in 500 and a lot in
# 0.002. (For gradients next to nothing it divides by a hundredth of the largest
# in the array.) It asks for $10^{-6}$.


# %%
class Scale:
    """y = x w, each column with a number of its own."""

    def __init__(self, n):
        self.w, self.dw = np.linspace(1, 2, n), np.zeros(n)

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dy):
        self.dw[...] = (dy * self.x).sum(axis=0)
        return dy * self.w


rng = np.random.default_rng(0)
x = rng.standard_normal((6, 4))
report = check(Scale(4), x)
print(report)
assert report.ok

# %% [markdown]
# Every line of that report is one array: how many probes were made, where the
# worst of them was, and both gradients there. A probe nudges one number; three
# more nudge all of the array's numbers at once, in a random direction. That is
# why the 4 numbers of `w` make 7 probes. `x` is in the list, because `backward`
# returns `dx`.
#
# ## What a kink does
#
# ReLU has a kink at 0. To its left the slope is 0, to its right 1, and *at* 0
# there is none. A numeric gradient does not know that: it looks from $x - h$ to
# $x + h$, and if the kink lies between, it sees a bit of both.
#
# **Predict first:** what is the numeric slope of ReLU exactly at $x = 0$? And for
# $x = h / 2$?

# %%
relu, at, h = ReLU(), np.linspace(-2, 2, 401), 0.5
numeric = (relu.forward(at + h) - relu.forward(at - h)) / (2 * h)
relu.forward(at)
by_hand = relu.backward(np.ones_like(at))
assert np.isclose(numeric[200], 0.5), "at the kink: the mean of both slopes"
assert np.isclose(numeric[225], 0.75), "at h / 2: mostly the slope to its right"
far = np.abs(at) > h
assert np.allclose(numeric[far], by_hand[far]), "away from it: no error at all"

figure, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(at, by_hand, color=BLUE, label="slope by hand")
ax.plot(at, numeric, "--", color=ORANGE, label="numeric slope, h = 0.5")
ax.set(xlabel="x", ylabel="slope of ReLU")
ax.legend()
show(ax, "04-kink")

# %% [markdown]
# One half at the kink, three quarters at $h/2$: both "wrong" by a lot, although
# nothing is wrong. With a tiny $h$ it happens rarely, yet a network has many
# units and some sit close to their kink. So the checker watches on which side of
# its kink each unit is. (A layer with a kink says so by an attribute `pattern`;
# see `ReLU` in `npvae/layers.py`.) If that changes within the step, it leaves the
# probe out, *counts* it, and complains if it had to leave out more than 5 %.

# %%
x_near = rng.standard_normal((20, 5))
x_near[0, 0] = 1e-7
report = check(ReLU(), x_near)
print(report)
assert report.ok
assert report.rows[0].skipped == 4, "that one, and three random directions that contain it"

# %% [markdown]
# ## A ladder of five tests
#
# A gradient check asks whether the backward fits the forward. It cannot know
# whether the *forward* is right! So it is one rung of a ladder:
#
# 1. **value:** a number that you worked out on paper.
# 2. **gradient:** the check above.
# 3. **moments:** where numbers are drawn at random, their mean (or their spread)
#    over many draws.
# 4. **extremes:** inputs of $\pm 1000$; nothing may become infinite or NaN.
# 5. **halves:** the loss of a batch is the mean of the losses of its two halves.
#
# ## The museum
#
# Six bugs. Each is of a kind found in published code, and none of them crashes.
# The first five are functions that return a value and its gradient; `check` takes
# such functions, too. Each should sum over the columns and average over the
# batch, as lesson 03 asks.
#
# **Predict first:** for each exhibit, what is wrong, what would you *see*, and
# which rung catches it? Write down six words before you go on.
#
# **Exhibit 1.** A sigmoid and its slope.


# %%
def slope(x):
    y = sigmoid(x)
    return y.sum() / len(x), x * (1 - x) / len(x)


# %% [markdown]
# **Exhibit 2.** The last step of a network that draws images. It turns a logit
# into the probability that a pixel is on, by one of the curves of lesson 02.


# %%
def decoder(a):
    return softplus(a).sum() / len(a), sigmoid(a) / len(a)


# %% [markdown]
# **Exhibit 3.** The loss of a bell of width 1 (without its constant), for data
# $x = 0$ and an output $m$.


# %%
def bell(m):
    return (m**2).sum() / len(m), 2 * m / len(m)


# %% [markdown]
# **Exhibit 4.** Cross-entropy for pixels that are off. First the gradient by $p$,
# then the chain rule through the sigmoid: $\frac{1}{1 - p} \cdot p\,(1 - p)$.


# %%
def coin(a):
    p = sigmoid(a)
    dp = 1 / (1 - p) / len(a)
    return -np.log(1 - p).sum() / len(a), dp * p * (1 - p)


# %% [markdown]
# **Exhibit 5.** The same in its stable form.


# %%
def stable_coin(a):
    return softplus(a).sum(), sigmoid(a)


# %% [markdown]
# **Exhibit 6.** Grey pixels, stored as bytes $v = 0 \dots 255$, become black or
# white: on with probability $v / 255$. A random byte decides.


# %%
def black_or_white(v, rng):
    return rng.integers(0, 256, v.shape) < v


# %% [markdown]
# Now climb. For the first rung we need one value by hand for each:
# $\text{sigmoid}(0) = \tfrac12$, the probability at logit 0 is $\tfrac12$, a bell
# costs $\tfrac12 \cdot 2^2 = 2$ at $m = 2$, a coin costs $\log 2$ at logit 0.

# %%
on_paper = {slope: (0, 0.5), decoder: (0, 0.5), bell: (2, 2), coin: (0, np.log(2))}
on_paper[stable_coin] = on_paper[coin]


def value(f):
    at, expected = on_paper[f]
    return np.isclose(f(np.full((1, 1), float(at)))[0], expected)


def gradient(f):
    return check(f, x).ok


def moments(draw):
    v = np.array([[64], [128], [255]])
    means = draw(np.repeat(v, 1_000_000, axis=1), np.random.default_rng(0)).mean(axis=1)
    spread = 0.0005  # of such a mean, at most
    return np.allclose(means, v[:, 0] / 255, rtol=0, atol=4 * spread)


def extremes(f):
    with np.errstate(all="ignore"):
        return all(np.isfinite(part).all() for part in f(np.array([[-1000.0], [1000.0]])))


def halves(f):
    whole, first, second = (f(part)[0] for part in (x, x[:3], x[3:]))
    return np.isclose(whole, (first + second) / 2)


ladder = [value, gradient, moments, extremes, halves]
verdicts = {f: {rung: rung(f) for rung in ladder if rung is not moments} for f in on_paper}
verdicts[black_or_white] = {moments: moments(black_or_white)}
assert moments(lambda v, rng: rng.integers(0, 255, v.shape) < v), "and a fair draw passes"
caught_by = {}
for f, verdict in verdicts.items():
    caught_by[f.__name__] = [rung.__name__ for rung, passed in verdict.items() if not passed]
    print(f"{f.__name__:<15} caught by: {', '.join(caught_by[f.__name__])}")

assert caught_by == {
    "slope": ["gradient"],
    "decoder": ["value"],
    "bell": ["value"],
    "coin": ["extremes"],
    "stable_coin": ["halves"],
    "black_or_white": ["moments"],
}

# %%
figure, ax = plt.subplots(figsize=(6.5, 3))
for i, verdict in enumerate(verdicts.values()):
    for rung, passed in verdict.items():
        j, colour = ladder.index(rung), "#dddddd" if passed else PURPLE
        ax.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
        ax.text(j, i, "passes" if passed else "CAUGHT", ha="center", va="center")
ax.set(xlim=(-0.5, 4.5), ylim=(5.5, -0.5), xticks=range(5), yticks=range(6))
ax.set_xticklabels([rung.__name__ for rung in ladder])
ax.set_yticklabels([f"{i}: {name}" for i, name in enumerate(caught_by, start=1)])
ax.xaxis.tick_top()
ax.grid(visible=False)
show(ax, "04-museum")

# %% [markdown]
# (Where nothing stands the rung does not apply.) Here every rung catches a bug
# that no other does. (Exhibit 6 has neither a gradient nor a loss, so only the
# moments can speak.) Look down the column *gradient*: four of five pass it, for
# it asks only whether backward and forward agree. What would you have seen?

# %%
with np.errstate(all="ignore"):
    print("1 slope: at 0 it is", slope(np.zeros((1, 1)))[1][0, 0], "and should be 0.25")
    print("2 decoder: the probability at logit 3 is", decoder(np.full((1, 1), 3.0))[0].round(2))
    print("4 coin: gradient at logit 1000 is", coin(np.full((1, 1), 1000.0))[1][0, 0])
ratio = np.abs(stable_coin(np.concatenate([x, x]))[1]).sum() / np.abs(stable_coin(x)[1]).sum()
print(f"5 stable_coin: twice the batch, {ratio:.0f} times the gradient")
white = black_or_white(np.full(1_000_000, 255), np.random.default_rng(0))
print(f"6 black_or_white: the brightest pixel is on in {white.mean():.2%} of all draws")

# %% [markdown]
# 1. It says `x (1 - x)` where `y (1 - y)` belongs. At $x = -3$ that is $-12$ in
#    place of $0.05$: the wrong sign, and far too large. The network learns badly
#    or not at all, and nothing says why.
# 2. A softplus where a sigmoid belongs: "probabilities" above 1.
# 3. Nothing! The half is missing in forward and backward alike. It is a sound
#    loss, of a bell with variance $\tfrac12$. It does harm only once there is a
#    second term, against which it weighs twice as much as you think.
# 4. At a large logit $1 - p$ is zero, and infinity times zero is NaN. Good
#    training for an hour, until one unit is sure of itself and wrong; then NaN
#    everywhere.
# 5. The division by the size of the batch is missing. Steps that grow with the
#    batch.
# 6. Nothing, again. The brightest pixel is off once in 256 draws. The pictures
#    look perfect, and every number of nats that you publish is a little off. A
#    fair byte is drawn from 0..254.
#
# (We name nobody: such bugs have happened to everyone, and to us.) In lessons 11
# and 13 the museum gets a wing for variational autoencoders, with a bug that is
# wrong in forward and backward *and* random.
#
# Now that the gradients are right, lesson 05 walks down them.
#
# ## Exercises
#
# Answers are in `answers_04_gradient_checking.py`.
#
# 1. **Change a number.** Let `Scale.backward` return `dy * self.w * (1 + d)`.
#    Predict how small $d$ may be until the checker no longer sees it. *Check:* it
#    sees $10^{-5}$, and misses $10^{-7}$.
# 2. **Your own exhibit.** Write a layer, or a function like the exhibits, that
#    passes the gradient check and is wrong. Which rung catches it? *Check:*
#    `check(yours, x).ok` is true, and that rung says no.
# 3. **Derive and implement.** Normalise each row by its root mean square,
#    $y = x / r$ with $r = \sqrt{\frac1n \sum_i x_i^2}$. Careful: every $x_i$ is
#    in $r$, too. *Check:* `check(yours, x).ok`.
