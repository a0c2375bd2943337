# %% [markdown]
# # 04 · Gradient checking, and what it cannot find
#
# *A program with a bug runs, trains and draws pictures. How do you find out that it
# is wrong?*
#
# - **You need:** lessons 01 to 03.
# - **You get:** five tests, each of which finds bugs that the others miss, a
#   gradient checker for your own layers, and a small museum of real bugs.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, PURPLE, show

from npvae import ReLU, check
from npvae.layers import sigmoid, softplus

# %% [markdown]
# ## npvae's gradient checker
#
# In lesson 01 you compared each number of a gradient with a numeric one.
# `npvae.check` does this for any layer, with a more accurate formula (four forward
# passes for each number, and the best of three steps). A layer needs the methods
# `forward` and `backward`. For each array of parameters, such as `w`, it needs an
# array `dw`, which `backward` fills. A layer has no loss, so the checker makes one:
# the sum of all outputs, each multiplied by a random number.
#
# The checker measures the *relative* error $|g - n| / \max(|g|, |n|)$ of a gradient
# $g$, with the numeric gradient $n$, because an error of 0.001 is small for a
# gradient of 500 and large for one of 0.002. (If both are tiny, it divides by a
# hundredth of the largest gradient in the array.) The error must be below $10^{-6}$.


# %%
class Scale:
    """y = x w, with a factor w for each column."""

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
# Each line of the report is about one array: the number of probes, the place with
# the largest error, and both gradients there. A probe changes a single number. Three
# more probes change all numbers of the array at once, in a random direction, so the
# 4 numbers of `w` have 7 probes. `x` is in the report because `backward` returns
# `dx`.
#
# ## Kinks
#
# ReLU has a kink at 0. Its derivative is 0 to the left and 1 to the right, and *at* 0
# it does not exist. A numeric gradient does not know that. It compares the values at
# $x - h$ and $x + h$, and if the kink lies between them, it sees a bit of both
# sides.
#
# **Predict first:** what is the numeric derivative of ReLU at $x = 0$? And at
# $x = h / 2$?

# %%
relu, at, h = ReLU(), np.linspace(-2, 2, 401), 0.5
numeric = (relu.forward(at + h) - relu.forward(at - h)) / (2 * h)
relu.forward(at)
derivative = relu.backward(np.ones_like(at))
assert np.isclose(numeric[200], 0.5), "at the kink: the mean of both derivatives"
assert np.isclose(numeric[225], 0.75), "at h / 2: mostly the derivative to its right"
far = np.abs(at) > h
assert np.allclose(numeric[far], derivative[far]), "elsewhere there is no error"

figure, ax = plt.subplots(figsize=(6, 2.8))
ax.plot(at, derivative, color=BLUE, label="derivative")
ax.plot(at, numeric, "--", color=ORANGE, label="numeric derivative, h = 0.5")
ax.set(xlabel="x", ylabel="derivative of ReLU")
ax.legend()
show(ax, "04-kink")

# %% [markdown]
# It is one half at the kink and three quarters at $h/2$. Both differ much from the
# derivative of the layer, although the layer is right. With a tiny $h$ this happens
# rarely, but a network has many units, and some are close to their kink. So the
# checker observes on which side of its kink each unit is. (A layer with a kink has
# an attribute `pattern` for this purpose; see `ReLU` in `npvae/layers.py`.) If this
# changes within the step, the checker skips the probe and *counts* it. If it had to
# skip more than 5 %, the check fails.

# %%
x_near = rng.standard_normal((20, 5))
x_near[0, 0] = 1e-7
report = check(ReLU(), x_near)
print(report)
assert report.ok
assert report.rows[0].skipped == 4, "that number, and three random directions that change it"

# %% [markdown]
# ## Five tests
#
# A gradient check tests whether the backward pass fits the forward pass. It cannot
# know whether the *forward pass* is right. So it is one of five tests:
#
# 1. **value:** the result for an input for which you know it from a calculation by
#    hand.
# 2. **gradient:** the gradient check above.
# 3. **moments:** for random numbers, their mean (or their variance) over many draws.
# 4. **extremes:** inputs of $\pm 1000$; no result may be infinite or NaN.
# 5. **halves:** the loss of a batch is the mean of the losses of its two halves.
#
# ## A museum of bugs
#
# Here are six bugs. All are of a kind found in published code, and none of them
# crashes. The first five are functions that return a value and its gradient;
# `check` accepts such functions, too. Each of them should be summed over the columns
# and averaged over the batch, as in lesson 03.
#
# **Predict first:** for each exhibit, what is wrong, what would you *see*, and which
# test finds it? Write down your six answers before you read on.
#
# **Exhibit 1.** The sigmoid and its derivative.


# %%
def slope(x):
    y = sigmoid(x)
    return y.sum() / len(x), x * (1 - x) / len(x)


# %% [markdown]
# **Exhibit 2.** The last step of a network that outputs images. It turns a logit
# into the probability that a pixel is on.


# %%
def decoder(a):
    return softplus(a).sum() / len(a), sigmoid(a) / len(a)


# %% [markdown]
# **Exhibit 3.** The loss of a Gaussian with $\sigma = 1$ (without the constant), for
# data $x = 0$ and an output $\mu$.


# %%
def gaussian(mu):
    return (mu**2).sum() / len(mu), 2 * mu / len(mu)


# %% [markdown]
# **Exhibit 4.** The cross-entropy of pixels that are off. The gradient is first
# computed with respect to $p$, and then by the chain rule through the sigmoid:
# $\frac{1}{1 - p} \cdot p\,(1 - p)$.


# %%
def cross_entropy(a):
    p = sigmoid(a)
    dp = 1 / (1 - p) / len(a)
    return -np.log(1 - p).sum() / len(a), dp * p * (1 - p)


# %% [markdown]
# **Exhibit 5.** The same in its stable form.


# %%
def stable_cross_entropy(a):
    return softplus(a).sum(), sigmoid(a)


# %% [markdown]
# **Exhibit 6.** Grey pixels, stored as bytes $v = 0 \dots 255$, are turned into black
# or white at random: a pixel should be on with probability $v / 255$.


# %%
def binarise(v, rng):
    return rng.integers(0, 256, v.shape) < v


# %% [markdown]
# Now the five tests. For the first one we compute one value of each function by
# hand: $\text{sigmoid}(0) = \tfrac12$; the probability at logit 0 is $\tfrac12$; the
# Gaussian costs $\tfrac12 \cdot 2^2 = 2$ at $\mu = 2$; and the cross-entropy at logit
# 0 is $\log 2$. The second test, `gradient`, only calls the checker.

# %%
by_hand = {
    slope: (0, 0.5),
    decoder: (0, 0.5),
    gaussian: (2, 2),
    cross_entropy: (0, np.log(2)),
    stable_cross_entropy: (0, np.log(2)),
}


def value(f, at, expected):
    """Whether f returns the value expected for the array [[at]], of one row and one column.

    f returns a pair: the value, and its gradient.
    """
    ### BEGIN SOLUTION
    return np.isclose(f(np.full((1, 1), float(at)))[0], expected)
    ### END SOLUTION


def gradient(f, x):
    """Whether the gradient that f returns is that of its value."""
    return check(f, x).ok


def moments(draw):
    """Whether draw(v, rng) turns bytes v into 1 with probability v / 255.

    The test makes a million draws for each of the bytes 64, 128 and 255. Their mean has a standard
    error of at most 0.0005, so it may be wrong by chance by 4 * 0.0005.
    """
    ### BEGIN SOLUTION
    v = np.array([[64], [128], [255]])
    means = draw(np.repeat(v, 1_000_000, axis=1), np.random.default_rng(0)).mean(axis=1)
    return np.allclose(means, v[:, 0] / 255, rtol=0, atol=4 * 0.0005)
    ### END SOLUTION


def extremes(f):
    """Whether value and gradient of f are finite for the column -1000, 1000, of shape (2, 1)."""
    ### BEGIN SOLUTION
    with np.errstate(all="ignore"):
        return all(np.isfinite(part).all() for part in f(np.array([[-1000.0], [1000.0]])))
    ### END SOLUTION


def halves(f, x):
    """Whether the value that f returns for x is the mean of its values for both halves of x.

    x is a batch with an even number of rows; f returns the value and its gradient.
    """
    ### BEGIN SOLUTION
    middle = len(x) // 2
    batch, first, second = (f(part)[0] for part in (x, x[:middle], x[middle:]))
    return np.isclose(batch, (first + second) / 2)
    ### END SOLUTION


passed = {}  # the tests that apply to each exhibit, and whether it passes them
for f, (at, expected) in by_hand.items():
    passed[f] = {
        value: value(f, at, expected),
        gradient: gradient(f, x),
        extremes: extremes(f),
        halves: halves(f, x),
    }
passed[binarise] = {moments: moments(binarise)}
assert moments(lambda v, rng: rng.integers(0, 255, v.shape) < v), "a correct one passes"

found_by = {}
for f, results in passed.items():
    found_by[f.__name__] = [test.__name__ for test, ok in results.items() if not ok]
    print(f"{f.__name__:<20} found by: {', '.join(found_by[f.__name__])}")

assert found_by == {
    "slope": ["gradient"],
    "decoder": ["value"],
    "gaussian": ["value"],
    "cross_entropy": ["extremes"],
    "stable_cross_entropy": ["halves"],
    "binarise": ["moments"],
}

# %%
figure, ax = plt.subplots(figsize=(7.5, 3))
columns = [value, gradient, moments, extremes, halves]
for i, results in enumerate(passed.values()):
    for test, ok in results.items():
        j, colour = columns.index(test), "#dddddd" if ok else PURPLE
        ax.add_patch(plt.Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, edgecolor="white"))
        ax.text(j, i, "passes" if ok else "FOUND", ha="center", va="center")
ax.set(xlim=(-0.5, 4.5), ylim=(5.5, -0.5), xticks=range(5), yticks=range(6))
ax.set_xticklabels([test.__name__ for test in columns])
ax.set_yticklabels([f"{i}: {name}" for i, name in enumerate(found_by, start=1)])
ax.xaxis.tick_top()
ax.grid(visible=False)
show(ax, "04-museum")

# %% [markdown]
# (In the empty fields the test does not apply: exhibit 6 has no gradient and no
# loss.) Each test finds a bug that no other test finds. Four of the five functions
# pass the gradient check, because it only compares the backward pass with the
# forward pass. What would you have seen?

# %%
with np.errstate(all="ignore"):
    print("1 slope: the derivative at 0 is", slope(np.zeros((1, 1)))[1][0, 0], "and should be 0.25")
    print("2 decoder: the probability at logit 3 is", decoder(np.full((1, 1), 3.0))[0].round(2))
    gradient_at_1000 = cross_entropy(np.full((1, 1), 1000.0))[1][0, 0]
    print("4 cross_entropy: the gradient at logit 1000 is", gradient_at_1000)
once, twice = stable_cross_entropy(x)[1], stable_cross_entropy(np.concatenate([x, x]))[1]
ratio = np.abs(twice).sum() / np.abs(once).sum()
print(f"5 stable_cross_entropy: twice the batch, {ratio:.0f} times the gradient")
white = binarise(np.full(1_000_000, 255), np.random.default_rng(0))
print(f"6 binarise: the brightest pixel is on in {white.mean():.2%} of all draws")

# %% [markdown]
# 1. The gradient is `x (1 - x)` and should be `y (1 - y)`. At $x = -3$ that is $-12$
#    in place of $0.05$: the sign is wrong, and the size is far too large. The
#    network learns badly or not at all, and nothing says why.
# 2. The softplus stands where a sigmoid should be. There are "probabilities" above
#    1.
# 3. You would see nothing. The factor $\tfrac12$ is missing in both passes. This is a
#    valid loss, that of a Gaussian with variance $\tfrac12$. It does harm only if
#    there is a second term, compared with which it has twice the intended weight.
# 4. At a large logit $1 - p$ is zero, and infinity times zero is NaN. Training works
#    well for an hour, until one output is sure and wrong. Then everything is NaN.
# 5. The division by the batch size is missing. The steps grow with the batch.
# 6. Again you would see nothing. The brightest pixels are off once in 256 draws. The
#    pictures look perfect, and all your published results are slightly wrong. The
#    random byte should be drawn from 0 to 254.
#
# (We do not say whose bugs these are. Such bugs have happened to everyone, and to
# us.) Lessons 11 and 13a extend the museum to variational autoencoders, with a bug
# that is random, and wrong in the forward and in the backward pass.
#
# Now that the gradients are right, lesson 05 uses them to train.

# %% [markdown]
# ## Questions
#
# **Question 1.** A layer passes `npvae.check` for many shapes. What do you know
# about it?
#
# - **a** It computes what it should, and so does its backward pass.
# - **b** Its backward pass is the derivative of its forward pass, whatever that
#   computes.
# - **c** It is right, except perhaps near a kink.
#
# **Question 2.** A training goes well for an hour, and then the loss is NaN.
# Every value worked out by hand agrees, and the gradient check passes. Which test
# should you write first?
#
# - **a** The moments of everything random, since the trouble comes at a random
#   time.
# - **b** None: the learning rate is too large, so make it smaller.
# - **c** The extremes: value and gradient for inputs of plus and minus 1000.
#
# ## Exercises
#
# Answers are in `answers_04_gradient_checking.py`.
#
# 1. **Change a number.** Let `Scale.backward` return `dy * self.w * (1 + d)`.
#    Predict how small $d$ must be for the checker not to notice. *Check:* it notices
#    $10^{-5}$, and does not notice $10^{-7}$.
# 2. **Your own exhibit.** Write a layer, or a function like the exhibits, that passes
#    the gradient check and is wrong. Which test finds it? *Check:*
#    `check(yours, x).ok` is true, and that test fails.
# 3. **Derive and implement.** Normalise each row by its root mean square,
#    $y = x / r$ with $r = \sqrt{\frac1n \sum_i x_i^2}$. Note that $r$ depends on every
#    $x_i$. *Check:* `check(yours, x).ok`.
