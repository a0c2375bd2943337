# %% [markdown]
# # 02 · Bends and their slopes
#
# *Why put a bend between two layers, and how can it kill a gradient?*
#
# - **You need:** lesson 01 (forward, backward, the numeric gradient).
# - **You get:** five activation functions and their slopes, a sigmoid that
#   survives any input, and one reason why deep networks of sigmoids did not
#   learn.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, show

from npvae import Dense, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh

# %% [markdown]
# ## Two layers without a bend are one
#
# Put the output of one dense layer straight into another:
#
# $$ (x W_1 + b_1) W_2 + b_2 = x\,(W_1 W_2) + (b_1 W_2 + b_2) $$
#
# On the right stands *one* dense layer. A hundred of them in a row could still
# only stretch, turn and shift. So after each layer every number goes through a
# curve of its own, the *activation function*.

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal((4, 5))
W1, b1 = rng.standard_normal((5, 6)), rng.standard_normal(6)
W2, b2 = rng.standard_normal((6, 3)), rng.standard_normal(3)

two_layers = (x @ W1 + b1) @ W2 + b2
one_layer = x @ (W1 @ W2) + (b1 @ W2 + b2)
assert np.allclose(two_layers, one_layer), "two dense layers are one"

with_a_bend = np.tanh(x @ W1 + b1) @ W2 + b2
assert not np.allclose(with_a_bend, one_layer), "with a bend it is no longer that layer"

# %% [markdown]
# ## The backward of a curve
#
# An activation works on each number alone: $y = f(x)$. Then the chain rule has
# one term only, and the whole backward is a multiplication:
#
# $$ dx = dy \cdot f'(x) $$
#
# So all we need is the slope $f'$ of each curve. Here are five, with their
# slopes. It helps to write a slope in terms of $y$, which the forward has already
# worked out.
#
# | curve | $y = f(x)$ | slope $f'(x)$ |
# |---|---|---|
# | ReLU | $\max(x, 0)$ | $1$ where $x > 0$, else $0$ |
# | leaky ReLU | $x$ where $x > 0$, else $0.01\,x$ | $1$ or $0.01$ |
# | tanh | $(e^x - e^{-x}) / (e^x + e^{-x})$ | $1 - y^2$ |
# | sigmoid | $1 / (1 + e^{-x})$ | $y\,(1 - y)$ |
# | softplus | $\log(1 + e^x)$ | $\text{sigmoid}(x)$ |
#
# One of them in full, the sigmoid. With $u = 1 + e^{-x}$ we have $y = 1/u$, and
# $e^{-x} = u - 1$:
#
# $$
# f'(x) = -\frac{1}{u^2} \cdot (-e^{-x})
#     = \frac{1}{u} \cdot \frac{u - 1}{u} = y\,(1 - y)
# $$
#
# **Predict first:** where is the sigmoid steepest, and how steep is it there?


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))  # we will mend this one below


curves = {
    "ReLU": (ReLU(), lambda x: np.maximum(x, 0), lambda x, y: (x > 0) * 1.0),
    "leaky ReLU": (
        LeakyReLU(0.01),
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x, y: np.where(x > 0, 1, 0.01),
    ),
    "tanh": (Tanh(), np.tanh, lambda x, y: 1 - y * y),
    "sigmoid": (Sigmoid(), sigmoid, lambda x, y: y * (1 - y)),
    "softplus": (Softplus(), lambda x: np.log(1 + np.exp(x)), lambda x, y: sigmoid(x)),
}

x = np.linspace(-6, 6, 240)  # an even number of points: 0, where ReLU has its kink, is not there
h = 1e-5
for name, (layer, f, slope) in curves.items():
    y = f(x)
    numeric = (f(x + h) - f(x - h)) / (2 * h)
    assert np.allclose(slope(x, y), numeric, rtol=0, atol=1e-7), f"the slope of {name}"
    assert np.allclose(layer.forward(x), y), f"npvae's {name}"
    assert np.allclose(layer.backward(np.ones_like(x)), slope(x, y)), f"the backward of {name}"
    print(f"{name:<11} steepest {slope(x, y).max():.4f}, flattest {slope(x, y).min():.1e}")

# %%
figure, axes = plt.subplots(1, 5, figsize=(10, 2.4), sharex=True, sharey=True)
for ax, (name, (_, f, slope)) in zip(axes, curves.items(), strict=True):
    ax.plot(x, f(x), color=BLUE, label="f(x)")
    ax.plot(x, slope(x, f(x)), "--", color=ORANGE, label="its slope")
    ax.set(title=name, xlabel="x", ylim=(-1.3, 3))
axes[0].legend()
show(figure, "02-curves-and-slopes")

# %% [markdown]
# Look at the dashed lines: ReLU, leaky ReLU and softplus keep a slope of 1, or
# nearly, for large $x$; tanh and sigmoid go flat on both sides. The sigmoid is
# steepest at $x = 0$, where $y = \tfrac12$ makes $y\,(1 - y)$ largest. Even there
# its slope is only $\tfrac14$. Remember that number.
#
# ## A sigmoid that survives
#
# **Predict first:** what does the formula $1 / (1 + e^{-x})$ give at $x = -1000$,
# and what does the equal formula $e^x / (1 + e^x)$ give at $x = 1000$?

# %%
with np.errstate(over="ignore", invalid="ignore"):  # look on, without a warning
    exp_1000 = np.exp(np.float64(1000))
    print("exp(1000) =", exp_1000)
    print("1 / (1 + exp(1000)) =", 1 / (1 + exp_1000))
    print("exp(1000) / (1 + exp(1000)) =", exp_1000 / (1 + exp_1000))
    assert np.isinf(exp_1000), "beyond 1.8e308 there is only infinity"
    assert np.isnan(exp_1000 / (1 + exp_1000)), "infinity / infinity is not a number"

# %% [markdown]
# The first overflows, and still gives the right 0. The second gives NaN, "not a
# number", and *one* NaN soon spoils a whole network: every sum that it enters is
# NaN. A formula can be right on paper and wrong in a computer.
#
# The cure is another formula for the same curve, through a function that never
# overflows:
#
# $$ \text{sigmoid}(x) = \tfrac12 \left(1 + \tanh \tfrac{x}{2}\right) $$
#
# (Multiply the top and the bottom of $1 / (1 + e^{-x})$ by $e^{x/2}$, and compare
# with the table. `np.tanh` is written so that it never overflows, unlike the
# formula in the table.)
#
# The same for softplus. Where $x$ is large, $e^x$ overflows, yet softplus is then
# simply $x$. So we take $x$ out of the logarithm,
#
# $$ \log(1 + e^x) = \log(e^x (e^{-x} + 1)) = x + \log(1 + e^{-x}) $$
#
# and use whichever form has the harmless exponent:
#
# $$ \text{softplus}(x) = \max(x, 0) + \log(1 + e^{-|x|}) $$


# %%
def stable_sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def stable_softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # log1p(t): log(1 + t), also of tiny t


assert np.allclose(stable_sigmoid(x), sigmoid(x), rtol=0, atol=1e-15)
extreme = np.array([-1000.0, 0.0, 1000.0])
with np.errstate(over="raise", invalid="raise"):  # either would stop us now
    assert stable_sigmoid(extreme).tolist() == [0.0, 0.5, 1.0]
    assert stable_softplus(extreme).tolist() == [0.0, np.log(2), 1000.0]
    assert np.array_equal(Sigmoid().forward(extreme), stable_sigmoid(extreme)), "npvae's is stable"
    assert np.array_equal(Softplus().forward(extreme), stable_softplus(extreme))
print("sigmoid at -1000, 0, 1000:", stable_sigmoid(extreme))

# %% [markdown]
# ## Saturation kills
#
# Where a curve is flat, its slope is next to zero, and so is everything that
# passes backward through it. A *unit* (one output of a layer) that sits there is
# *saturated*: it is certain of itself, and next to no gradient reaches its
# weights.
#
# **Predict first:** a sigmoid unit gets $x = 20$, so it says 1. The right answer
# would have been 0, and the gradient that tells it so is $dy = 1$. How much of
# that reaches $x$?

# %%
unit = Sigmoid()
unit.forward(np.array([20.0]))
print(f"dy = 1 becomes dx = {unit.backward(np.array([1.0]))[0]:.1e}")
assert unit.backward(np.array([1.0]))[0] < 1e-8

# %% [markdown]
# Two billionths. The unit is as wrong as can be, and hears nothing of it.
#
# Now go deep. Each layer of sigmoids multiplies the gradient by a slope of
# $\tfrac14$ *at most*, so ten layers leave less than
# $(\tfrac14)^{10} \approx 10^{-6}$ of it, unless the weights make up for that. We
# send a gradient back through ten layers and measure its *length*,
# $\sqrt{\sum dx^2}$, on the way.
#
# What do the dense layers between do to it? Each number of $dx$ is a sum of
# $dy_j W_{ij}$. If the weights have mean 0 and *variance* (mean square) $1/n$,
# then its square is on average $\frac1n \sum_j dy_j^2$. There are $n$ such
# numbers, so the length stays what it was, on average, and what is lost is lost
# in the curves. The code calls $n$ times the variance the `spread`. ReLU has
# slope 0 half of the time, so it gets a spread of 2.
#
# **Predict first:** how much of the gradient is left after ten layers of
# sigmoids, of tanh, of ReLU?


# %%
def gradient_lengths(activation, spread, depth=10, n=200):
    """Lengths of dx at each layer, the last layer first, for a dy of length 1."""
    rng, layers = np.random.default_rng(0), []
    for _ in range(depth):
        dense = Dense(n, n, rng)
        dense.W[...] = rng.normal(0, np.sqrt(spread / n), (n, n))
        layers += [dense, activation()]
    y = rng.standard_normal((1, n))
    for layer in layers:
        y = layer.forward(y)
    dy = rng.standard_normal(y.shape)
    dy /= np.linalg.norm(dy)
    lengths = [1.0]
    for layer in reversed(layers):
        dy = layer.backward(dy)
        if isinstance(layer, Dense):
            lengths.append(np.linalg.norm(dy))
    return np.array(lengths)


lengths = {
    "sigmoid": gradient_lengths(Sigmoid, spread=1),
    "tanh": gradient_lengths(Tanh, spread=1),
    "ReLU": gradient_lengths(ReLU, spread=2),  # half of its slopes are 0: twice the variance
}
for name, values in lengths.items():
    print(f"{name:<8} after ten layers: {values[-1]:.1e}")
assert lengths["sigmoid"][-1] < 0.25**10, "ten layers of sigmoids leave next to nothing"
assert 0.5 < lengths["ReLU"][-1] < 2, "ReLU with the right weights passes it on"
assert 0.2 < lengths["tanh"][-1] < 0.5

# %%
figure, ax = plt.subplots(figsize=(6, 3.6))
for name, values in lengths.items():
    ax.semilogy(range(len(values)), values, "o-", label=name)
ax.semilogy(range(11), 0.25 ** np.arange(11), ":", color="grey", label="a quarter each")
ax.set_title("sigmoids lose the gradient, ReLU keeps it")
ax.set(xlabel="layers passed, backward", ylabel="length of the gradient", xticks=range(11))
ax.legend()
show(ax, "02-vanishing")

# %% [markdown]
# After ten layers tanh has kept a third of the gradient, ReLU all of it (1.3
# times, by the luck of the draw), and the sigmoid less than a millionth. The blue
# line is one reason why deep networks were long thought hard to train; from about
# 2006 people trained them one layer at a time. ReLU, and weights that start with
# the right spread (Glorot and Bengio, 2010, for tanh; He and others, 2015, for
# ReLU), made that detour unnecessary. In these lessons the layers between input
# and output, the *hidden* ones, are ReLU or tanh. The sigmoid is used where its
# two flat ends are wanted: to say how probable a pixel is. That is the next
# lesson.
#
# > **What you may have read:** "sigmoid, because neurons fire or don't". Nothing
# > in the mathematics asks for that. Almost any bend works. What counts is how
# > well it lets a gradient through.
#
# ## Exercises
#
# Answers are in `answers_02_activations.py`. As before, work in a copy, and take
# out the asserts that stop you.
#
# 1. **Change a number.** Multiply the weights of the sigmoid network by 4
#    (`spread=16`), so that they make up for the quarter. Predict: does the
#    gradient survive now? *Check:* between $10^{-3}$ and $10^{-2}$ of it is left
#    after ten layers. Why not all of it?
# 2. **Dead units.** A bias of $-5$ has got into a layer: feed a ReLU $x - 5$,
#    with 10,000 numbers $x$ from `rng.standard_normal`. For how many of them is
#    the slope not 0? And with `LeakyReLU(0.01)`? *Check:* 0 and 10,000. Why will
#    that not mend itself in training?
# 3. **Derive and implement.** The *swish* $y = x \cdot \text{sigmoid}(x)$. Write
#    its `forward` and `backward` as a class. *Check:* its slope agrees with the
#    numeric one to $10^{-7}$ at all $x$ in $[-6, 6]$.
