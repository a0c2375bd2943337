# %% [markdown]
# # 01 · A dense layer and its gradient
#
# *A network has hundreds of thousands of numbers. How does it find out in which
# direction to change each of them?*
#
# - **You need:** NumPy's matrix product `@`, and the chain rule of calculus.
# - **You get:** a dense layer whose gradient you derive and program yourself, and
#   a way to check that the gradient is right.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import show
from diagrams import LOSS, NETWORK, Diagram

from npvae import Dense

# %% [markdown]
# ## The forward pass
#
# A *dense layer* computes $n_\text{out}$ output numbers from $n_\text{in}$ input
# numbers. Each output is a weighted sum of all inputs, plus a constant of its own,
# the *bias*:
#
# $$ y = x W + b $$
#
# Computing $y$ from $x$ is called the *forward pass*. A *neural network* is a
# chain of layers; it is called *deep* if there are many of them.
#
# We always compute several examples at once. Together they are a *batch*, and
# each row of $x$ is one example. The comments in the code give the shapes of the
# arrays. Read them, because most mistakes show up in the shapes first.

# %%
rng = np.random.default_rng(0)
B, n_in, n_out = 4, 5, 3  # four examples, five numbers in, three out


def forward(x, W, b):
    """The outputs y = x W + b of a dense layer, (B, n_out), for inputs x, (B, n_in)."""
    ### BEGIN SOLUTION
    return x @ W + b
    ### END SOLUTION


x = rng.standard_normal((B, n_in))  # (B, n_in)
W = rng.standard_normal((n_in, n_out))  # one column for each output
b = rng.standard_normal(n_out)
y = forward(x, W, b)  # (B, n_out)
print(f"x {x.shape} @ W {W.shape} + b {b.shape} = y {y.shape}")

# %% [markdown]
# ## The loss
#
# To improve a layer we need one number that measures how bad its output is: the
# *loss* $L$. Any smooth function of $y$ will do in this lesson. We take one that
# is zero where all outputs are zero, and that grows in both directions
# ($\cosh y = (e^y + e^{-y})/2$ and $\tanh y = (e^y - e^{-y}) / (e^y + e^{-y})$):
#
# $$ L = \sum_{\text{all } y} \log\cosh y, \qquad \frac{dL}{dy} = \tanh y $$
#
# The second formula says how the loss changes with each output: if an output
# grows by a small amount, the loss grows by $\tanh y$ times that amount. All these
# derivatives together are the *gradient* of the loss with respect to $y$. It has
# the same shape as $y$.
#
# This answers the question at the top. To make the loss smaller, change each
# number by a small amount in the direction *opposite* to its derivative. Doing so
# many times is called *training*; lesson 05 does it.
#
# In the code, `dy` stands for $dL/dy$, `dW` for $dL/dW$, and so on: the letter
# `d` before the name of an array. Computing the gradients of the inputs and the
# weights from `dy` is called the *backward pass*. Here is the layer with both
# passes. Solid arrows point forward; dashed arrows are gradients, which go back.

# %%
diagram = Diagram(width=3.3, height=1.5)
x_box = diagram.box(0.3, 0.4, "$x$", width=0.4)
layer_box = diagram.box(1.6, 0.4, "dense layer", width=0.95, fill=NETWORK)
weights_box = diagram.box(1.6, 1.25, "$W,\\ b$", width=0.6)
loss_box = diagram.box(2.95, 0.4, "$L$", width=0.4, fill=LOSS)
diagram.arrow(x_box, layer_box, back="$dx$")
diagram.arrow(weights_box, layer_box, back="$dW,\\ db$")
diagram.arrow(layer_box, loss_box, "$y$", back="$dy$")
show(diagram.figure, "01-forward-and-backward")

# %% [markdown]
# **Predict first:** the forward pass needs one matrix product. How many does the
# backward pass need, for `dW`, `db` and `dx` together?


# %%
def loss(x, W, b):
    return np.log(np.cosh(forward(x, W, b))).sum()


dy = np.tanh(y)  # (B, n_out), as y

# %% [markdown]
# ## The backward pass
#
# We know how the loss depends on $y$, and we want to know how it depends on $W$.
# Take the weight $W_{ij}$, which connects input $i$ to output $j$. In example $n$
# it is multiplied by $x_{ni}$, and the product is added to $y_{nj}$. By the chain
# rule, example $n$ contributes $x_{ni}\, dy_{nj}$ to the derivative. All examples
# use the same weight, so their contributions add up:
#
# $$ dW_{ij} = \sum_n x_{ni}\, dy_{nj} $$
#
# This sum over $n$ is a matrix product: the transpose $x^\top$ has the examples
# in its columns, and so they are summed over. The bias is added to $y_{nj}$
# without a factor, so $x_{ni}$ is replaced by $1$. An input $x_{ni}$ influences
# *every* output $j$, each through the weight $W_{ij}$, so here we sum over $j$:
#
# $$ dW = x^\top dy, \qquad db = \sum_n dy_n, \qquad dx = dy\, W^\top $$


# %%
def backward(x, W, dy):
    """The gradients dW, db and dx of the loss, given dy, its gradient with respect to y.

    Each has the shape of its array: W is (n_in, n_out), b is (n_out,), and x is (B, n_in).
    """
    ### BEGIN SOLUTION
    dW = x.T @ dy  # (n_in, n_out), as W
    db = dy.sum(axis=0)  # (n_out,), as b
    dx = dy @ W.T  # (B, n_in), as x
    return dW, db, dx
    ### END SOLUTION


dW, db, dx = backward(x, W, dy)

# %% [markdown]
# The answer is two, so forward and backward pass together need three. A training
# step therefore costs about three times as much as a forward pass. These three
# lines are *backpropagation*: in a deep network they are repeated layer by layer,
# and the `dx` of one layer is the `dy` of the layer before it.
#
# ## Is the gradient right?
#
# A program with a wrong gradient does not crash. The network only learns badly,
# and you look for the reason in the data. So we compare the gradient with one
# that is computed from the forward pass alone. Let $w$ be any single number: a
# weight, a bias or an input. Change it by a small step $h$ in both directions and
# see by how much the loss changes:
#
# $$ \frac{dL}{dw} \approx \frac{L(w + h) - L(w - h)}{2h} $$
#
# This *central difference* needs no calculus and works for any number in any
# program. But it is slow, since *each* number needs two forward passes.


# %%
def numeric_gradient(f, array, h=1e-5):
    """The gradient of f() with respect to `array`, number by number, by central differences.

    f takes no argument: it uses the numbers that the array holds when it is called. So each number
    is changed in place, and in the end all of them are what they were.
    """
    ### BEGIN SOLUTION
    gradient = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + h
        above = f()
        array[index] = before - h
        below = f()
        array[index] = before
        gradient[index] = (above - below) / (2 * h)
    return gradient
    ### END SOLUTION


def L():
    """The loss at the present values of x, W and b."""
    return loss(x, W, b)


for name, array, by_hand in (("dW", W, dW), ("db", b, db), ("dx", x, dx)):
    numeric = numeric_gradient(L, array)
    print(f"{name}: largest difference {np.abs(by_hand - numeric).max():.1e}")
    assert np.allclose(by_hand, numeric, rtol=0, atol=1e-7), f"{name} is not the gradient"

# %%
figure, axes = plt.subplots(1, 3, figsize=(8, 3.4))
limit = 1.4 * np.abs(dW).max()
pictures = {"by hand": dW, "numeric": numeric_gradient(L, W)}
for ax, (name, values) in zip(axes, pictures.items(), strict=False):
    ax.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit)
    ax.set_title(f"dW, {name}")
    for (i, j), value in np.ndenumerate(values):
        ax.text(j, i, f"{value:.2f}", ha="center", va="center")
difference = np.abs(dW - pictures["numeric"])
image = axes[2].imshow(difference, cmap="Greys", vmin=0)
axes[2].set_title("absolute difference")
figure.colorbar(image, ax=axes[2], shrink=0.7)
for ax in axes:
    ax.set(xticks=range(n_out), yticks=range(n_in), xlabel="output j", ylabel="input i")
    ax.grid(visible=False)
show(figure, "01-by-hand-and-numeric")

# %% [markdown]
# The fifteen pairs of numbers agree to nine decimals. Why does the row of input 2
# have such large values? In the third example this input is large, $-2.3$, and
# `dy` of that example is large for the outputs 0 and 2. For output 1 it is small,
# and so is the value in the middle of the row.
#
# ## How small should the step be?
#
# The formula becomes exact in the limit $h \to 0$.
#
# **Predict first:** we try steps from $h = 10^{-1}$ down to $10^{-13}$. Which of
# them comes closest to the gradient? Was the step above, $10^{-5}$, a good choice?

# %%
steps = 10.0 ** np.arange(-1, -13.5, -0.5)
errors = np.array([np.abs(numeric_gradient(L, W, h) - dW).max() for h in steps])
best = steps[errors.argmin()]
print(f"best step {best:.0e}, with an error of {errors.min():.0e}")
print(f"h = 1e-1: {errors[0]:.0e}    h = 1e-13: {errors[-1]:.0e}")

assert 1e-7 < best < 1e-3, "the best step must be neither the largest nor the smallest"
assert errors[0] > 1e4 * errors.min(), "large steps must be bad"
assert errors[-1] > 1e4 * errors.min(), "tiny steps must be bad, too"

# %% [markdown]
# The smallest step is not the best. There are two errors, and they behave in
# opposite ways:
#
# - **Truncation error.** The loss is not a straight line between $w - h$ and
#   $w + h$. Its curvature, the second derivative, has the same effect on both
#   sides and cancels. What remains comes from the third derivative, and grows as
#   $h^2$.
# - **Rounding error.** A computer stores about 16 digits of the loss. So the
#   difference $L(w+h) - L(w-h)$ is wrong by about $10^{-16}$ times the loss, and
#   it is divided by $2h$. This error grows as $1/h$.
#
# On logarithmic axes both are straight lines, and their sum has the shape of a V.
# Its lowest point is near $h = 10^{-5}$, and gradient checkers use steps of about
# that size. (A *linear* or *squared* loss has no V: its third derivative is zero,
# so there is no truncation error. This is why we chose $\log\cosh$.)

# %%
figure, ax = plt.subplots(figsize=(6, 4))
ax.loglog(steps, errors, "o-", label="error of the numeric dW")
ax.loglog(steps, errors[0] * (steps / steps[0]) ** 2, ":", label="truncation: as h²")
ax.loglog(steps, 1e-16 * loss(x, W, b) / steps, "--", label="rounding: as 1/h")
ax.set(xlabel="step h", ylabel="largest error", ylim=(1e-13, 1))
ax.set_title("too small a step is as bad as a step that is too large")
ax.legend()
show(ax, "01-v-shape")

# %% [markdown]
# ## The layer in npvae
#
# `npvae.Dense` is what you have just written, as a class. Its `forward` keeps $x$
# for later; its `backward` fills `dW` and `db`, and returns `dx`. Open
# `npvae/layers.py` and compare. With the same weights it gives the same numbers, up to
# rounding:

# %%
dense = Dense(n_in, n_out, rng=0)
dense.W[...], dense.b[...] = W, b
assert np.allclose(dense.forward(x), y)
assert np.allclose(dense.backward(dy), dx)
assert np.allclose(dense.dW, dW)
assert np.allclose(dense.db, db)
print("npvae.Dense gives the same numbers")

# %% [markdown]
# A dense layer can only compute linear functions (plus a constant). Lesson 02
# adds what makes a network more than that.

# %% [markdown]
# ## Questions
#
# **Question 1.** In a layer with a batch of 100 examples, why is `db` the *sum*
# of `dy` over the examples?
#
# - **a** It need not be: the mean would do as well, since it points in the same
#   direction.
# - **b** All examples use the same bias, so the loss depends on it once through
#   each example, and these contributions add up.
# - **c** Each example has its own bias, and we need one number for all of them.
#
# **Question 2.** A colleague checks a gradient with $h = 10^{-5}$ and finds a
# difference of $10^{-10}$. To be more precise she takes $h = 10^{-12}$, and now
# the difference is $10^{-4}$. What does this show?
#
# - **a** The gradient is wrong, and the larger step had hidden it.
# - **b** Nothing: finite differences are approximations, so a difference of
#   $10^{-4}$ is normal.
# - **c** The gradient is right. The tiny step divides the rounding error of the
#   loss by a tiny number.
#
# ## Exercises
#
# Answers are in `answers_01_dense_layer.py`. Try first, in a copy of this file in
# the same folder. The asserts describe the lesson as it stands, so remove those
# that your change makes fail.
#
# 1. **Change a number.** Before the loop over the steps, convert `x`, `W` and `b`
#    to single precision, which stores 7 digits: `x = x.astype(np.float32)`, and so
#    on. Predict where the lowest point of the V is now, and how low it is.
#    *Check:* the best step is between $10^{-3}$ and $10^{-1}$, its error between
#    $10^{-5}$ and $10^{-3}$. In which precision would you check gradients?
# 2. **One side only.** Replace the formula by $(L(w+h) - L(w)) / h$, which needs
#    one forward pass fewer. How steep is the right arm of the V now? *Check:* the
#    error at $h=10^{-2}$ is about ten times that at $10^{-3}$. With both sides it
#    was a hundred times.
# 3. **Derive and implement.** A layer without a bias in which a single weight $w$
#    is shared by all inputs: $y_{nj} = x_{nj}\, w$. Derive $dw$ and $dx$. (Set
#    `w = np.array([0.7])`, and pass `numeric_gradient` a function that returns the
#    loss of this layer.) *Check:* both agree with the numeric gradients to
#    $10^{-7}$.
