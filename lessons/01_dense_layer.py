# %% [markdown]
# # 01 · A layer and its gradient
#
# *A layer has hundreds of thousands of numbers. How does it learn which way to
# change each one?*
#
# - **You need:** NumPy's matrix product `@`, and the chain rule from school.
# - **You get:** a dense layer with a gradient written by hand, and a way to be
#   sure that it is right.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import show

from npvae import Dense

# %% [markdown]
# ## Forward
#
# A *dense layer* turns $n_\text{in}$ numbers into $n_\text{out}$ others. Every
# output is a sum of all the inputs, each times its *weight*, plus a number of its
# own, the *bias*:
#
# $$ y = x W + b $$
#
# Computing $y$ from $x$ is called the *forward*. A *network* is a chain of
# layers, a *deep* one if there are many.
#
# We always work on several examples at once, a *batch*. Each row of $x$ is one
# example. Read the shapes beside the code: most mistakes show in them first.

# %%
rng = np.random.default_rng(0)
B, n_in, n_out = 4, 5, 3  # four examples, five numbers in, three out

x = rng.standard_normal((B, n_in))  # (B, n_in)
W = rng.standard_normal((n_in, n_out))  # one column for each output
b = rng.standard_normal(n_out)
y = x @ W + b  # (B, n_out)
print(f"x {x.shape} @ W {W.shape} + b {b.shape} = y {y.shape}")

# %% [markdown]
# ## A loss
#
# To improve a layer we need one number that says how bad it is: the *loss* $L$.
# Any smooth function of $y$ will do here. We take this one, which is zero where
# all outputs are zero and grows to both sides ($\cosh y = (e^y + e^{-y})/2$, and
# $\tanh y = (e^y - e^{-y}) / (e^y + e^{-y})$):
#
# $$ L = \sum_{\text{all } y} \log\cosh y, \qquad \frac{dL}{dy} = \tanh y $$
#
# The second formula says: make one output a little larger, and the loss grows by
# $\tanh y$ times as much. All these derivatives together are the *gradient*. It
# has the shape of the thing itself, and it answers our question: to make the loss
# smaller, change each number a little *against* its gradient. That is *training*,
# and lesson 05 does it.
#
# In code we write `dy` for $dL/dy$, `dW` for $dL/dW$, and so on: the name of the
# thing with a `d` before it. Computing gradients from `dy` is called the
# *backward*.
#
# **Predict first:** the forward needs one matrix product. How many does the
# backward need, for `dW`, `db` and `dx`?


# %%
def loss(x, W, b):
    return np.log(np.cosh(x @ W + b)).sum()


dy = np.tanh(y)  # (B, n_out), as y

# %% [markdown]
# ## Backward
#
# We know how the loss depends on $y$. We want to know how it depends on $W$. Take
# one weight, $W_{ij}$: from input $i$ to output $j$. In example $n$ it is
# multiplied by $x_{ni}$ and added to $y_{nj}$. So the chain rule gives
# $x_{ni}\, dy_{nj}$. All examples use the same weight, so their shares add up:
#
# $$ dW_{ij} = \sum_n x_{ni}\, dy_{nj} $$
#
# That sum is a matrix product ($x^\top$ turns the columns of $x$ into rows, so
# that $n$ stands in the middle and is summed over). The bias is the same story
# with $1$ in place of $x_{ni}$. And an input $x_{ni}$ reaches *every* output $j$,
# each through the weight $W_{ij}$, so there we sum over $j$:
#
# $$ dW = x^\top dy, \qquad db = \sum_n dy_n, \qquad dx = dy\, W^\top $$

# %%
dW = x.T @ dy  # (n_in, n_out), as W
db = dy.sum(axis=0)  # (n_out,), as b
dx = dy @ W.T  # (B, n_in), as x

# %% [markdown]
# Two, and one forward: three products in all. So training costs about three times
# as much as using a network. You now have everything that "backpropagation"
# means. A deep network is the same three lines again and again: the `dx` of one
# layer is the `dy` of the layer before it.
#
# ## Is it right?
#
# A wrong gradient does not crash. The network just learns badly, and you blame
# the data. So we ask the forward: nudge one number $p$ by a small step $h$ to
# both sides, and see how much the loss moves.
#
# $$ \frac{dL}{dp} \approx \frac{L(p + h) - L(p - h)}{2h} $$
#
# It needs no thought, works for any number in any program, and is slow: two
# forwards for *each* number.


# %%
def numeric_gradient(array, h=1e-5):
    """The gradient of the loss by `array` (x, W or b), one number at a time."""
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + h
        above = loss(x, W, b)
        array[index] = before - h
        below = loss(x, W, b)
        array[index] = before  # as it was
        gradient[index] = (above - below) / (2 * h)
    return gradient


for name, array, by_hand in (("dW", W, dW), ("db", b, db), ("dx", x, dx)):
    numeric = numeric_gradient(array)
    print(f"{name}: largest difference {np.abs(by_hand - numeric).max():.1e}")
    assert np.allclose(by_hand, numeric, rtol=0, atol=1e-7), f"{name} is not the gradient"

# %%
figure, axes = plt.subplots(1, 3, figsize=(8, 3.4))
limit = 1.4 * np.abs(dW).max()
pictures = {"by hand": dW, "numeric": numeric_gradient(W)}
for ax, (name, values) in zip(axes, pictures.items(), strict=False):
    ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(f"dW, {name}")
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:.2f}", ha="center", va="center")
difference = np.abs(dW - pictures["numeric"])
image = axes[2].imshow(difference, cmap="Greys", vmin=0)
axes[2].set_title("size of their difference")
figure.colorbar(image, ax=axes[2], shrink=0.7)
for ax in axes:
    ax.set(xticks=range(n_out), yticks=range(n_in), xlabel="output j", ylabel="input i")
    ax.grid(visible=False)
show(figure, "01-by-hand-and-numeric")

# %% [markdown]
# Fifteen pairs of numbers that agree to nine decimals. Why is row 2 so dark at
# both ends? Input 2 is large in the third example (it is $-2.3$), and that
# example's `dy` is large for the outputs 0 and 2. For output 1 it is small, so
# the middle is pale.
#
# ## How small a step?
#
# The formula becomes exact as $h \to 0$.
#
# **Predict first:** we try steps from $h = 10^{-1}$ down to $10^{-13}$. Which of
# them comes closest to the gradient? (Above we used $10^{-5}$. Was that a good
# choice?)

# %%
steps = 10.0 ** np.arange(-1, -13.5, -0.5)
errors = np.array([np.abs(numeric_gradient(W, h) - dW).max() for h in steps])
best = steps[errors.argmin()]
print(f"best step {best:.0e}, with an error of {errors.min():.0e}")
print(f"h = 1e-1: {errors[0]:.0e}    h = 1e-13: {errors[-1]:.0e}")

assert 1e-7 < best < 1e-3, "neither the largest nor the smallest step"
assert errors[0] > 1e4 * errors.min(), "large steps must be bad"
assert errors[-1] > 1e4 * errors.min(), "and tiny ones, too"

# %% [markdown]
# Not the smallest! Two errors fight each other:
#
# - **curvature.** The loss is not a straight line. A plain bend is the same on
#   both sides of $p$, so it cancels. What is left is how the bend *changes*, the
#   third derivative: an error that grows as $h^2$.
# - **rounding.** A computer keeps 16 digits of the loss. So $L(p+h) - L(p-h)$ is
#   wrong by about $10^{-16}$ times the loss, and we divide that by $2h$: an error
#   that grows as $1/h$.
#
# On logarithmic axes they are two straight lines, and the error is a V. Its
# lowest point lies near $h = 10^{-5}$, and gradient checkers use steps not far
# from it. (With a *linear* or a *squared* loss there is no V: their third
# derivative is zero, so the first kind of error does not exist. Hence our
# $\log\cosh$.)

# %%
figure, ax = plt.subplots(figsize=(6, 4))
ax.loglog(steps, errors, "o-", label="error of the numeric dW")
ax.loglog(steps, errors[0] * (steps / steps[0]) ** 2, ":", label="curvature: as h²")
ax.loglog(steps, 1e-16 * loss(x, W, b) / steps, "--", label="rounding: as 1/h")
ax.set(xlabel="step h", ylabel="largest error", ylim=(1e-13, 1))
ax.set_title("too small a step is as bad as too large a one")
ax.legend()
show(ax, "01-v-shape")

# %% [markdown]
# ## npvae's layer
#
# `npvae.Dense` is what you just wrote, as a class: a forward that remembers $x$,
# and a backward that fills `dW` and `db` and returns `dx`. Open `npvae/layers.py`
# and compare. With our weights it gives our numbers:

# %%
dense = Dense(n_in, n_out, rng=0)
dense.W[...], dense.b[...] = W, b
assert np.array_equal(dense.forward(x), y)
assert np.array_equal(dense.backward(dy), dx)
assert np.array_equal(dense.dW, dW)
assert np.array_equal(dense.db, db)
print("npvae.Dense agrees in every bit")

# %% [markdown]
# One layer can only stretch, turn and shift. Lesson 02 puts a bend behind it.
#
# ## Exercises
#
# Answers are in `answers_01_dense_layer.py`. Try first, in a copy of this file in
# the same folder: its asserts describe the lesson as it stands, so take out those
# that stop you.
#
# 1. **Change a number.** Before the steps are tried, make `x`, `W` and `b` single
#    precision, which keeps 7 digits: `x = x.astype(np.float32)`, and so on.
#    Predict where the V now has its lowest point, and how low it is. *Check:* the
#    best step is between $10^{-3}$ and $10^{-1}$, its error between $10^{-5}$ and
#    $10^{-3}$. In which precision would you check gradients?
# 2. **One side only.** Replace the formula by $(L(p+h) - L(p)) / h$, one forward
#    fewer. How steep is the right arm of the V now? *Check:* the error at
#    $h=10^{-2}$ is about ten times that at $10^{-3}$. With both sides it was a
#    hundred times.
# 3. **Derive and implement.** A layer without bias whose weights are shared:
#    $y_{nj} = x_{nj}\, w$ with *one* number $w$ for everything. What are $dw$ and
#    $dx$? (Make `W = w = np.array([0.7])`, since `numeric_gradient` hands `W` to
#    the loss, and a new `loss(x, w, b)`.) *Check:* both pass the test above to
#    $10^{-7}$.
