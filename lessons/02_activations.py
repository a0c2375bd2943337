# %% [markdown]
# # 02 · Activation functions
#
# *Why does a network need a nonlinear function between two layers, and how can
# that function make the gradient vanish?*
#
# - **You need:** lesson 01 (forward and backward pass, the numeric gradient).
# - **You get:** five activation functions and their derivatives, a sigmoid that
#   never overflows, and one reason why deep networks of sigmoids failed to learn.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, show

from npvae import Dense, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh

# %% [markdown]
# ## Two dense layers in a row are one dense layer
#
# Let the output of one dense layer be the input of another:
#
# $$ (x W_1 + b_1) W_2 + b_2 = x\,(W_1 W_2) + (b_1 W_2 + b_2) $$
#
# The right-hand side is a *single* dense layer. A chain of a hundred dense layers
# would still be a linear function plus a constant. So we put a nonlinear function
# after each layer, which is applied to every number: the *activation function*.

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal((4, 5))
W1, b1 = rng.standard_normal((5, 6)), rng.standard_normal(6)
W2, b2 = rng.standard_normal((6, 3)), rng.standard_normal(3)

two_layers = (x @ W1 + b1) @ W2 + b2
one_layer = x @ (W1 @ W2) + (b1 @ W2 + b2)
assert np.allclose(two_layers, one_layer), "two dense layers are one"

nonlinear = np.tanh(x @ W1 + b1) @ W2 + b2
assert not np.allclose(nonlinear, one_layer), "with a nonlinear function they are not"

# %% [markdown]
# ## The backward pass of an activation function
#
# An activation function treats each number separately: $y = f(x)$. So the chain
# rule has a single term, and the backward pass is a multiplication, element by
# element:
#
# $$ dx = dy \cdot f'(x) $$
#
# All we need is the derivative $f'$. Here are five activation functions with their
# derivatives. Some derivatives are simplest in terms of $y$, which the forward
# pass has already computed.
#
# | name | $y = f(x)$ | derivative $f'(x)$ |
# |---|---|---|
# | ReLU | $\max(x, 0)$ | $1$ where $x > 0$, else $0$ |
# | leaky ReLU | $x$ where $x > 0$, else $0.01\,x$ | $1$ or $0.01$ |
# | tanh | $(e^x - e^{-x}) / (e^x + e^{-x})$ | $1 - y^2$ |
# | sigmoid | $1 / (1 + e^{-x})$ | $y\,(1 - y)$ |
# | softplus | $\log(1 + e^x)$ | $\text{sigmoid}(x)$ |
#
# As an example we derive that of the sigmoid. Write $u = 1 + e^{-x}$. Then
# $y = 1/u$ and $e^{-x} = u - 1$, so that
#
# $$
# f'(x) = -\frac{1}{u^2} \cdot (-e^{-x})
#     = \frac{1}{u} \cdot \frac{u - 1}{u} = y\,(1 - y)
# $$
#
# **Predict first:** where is the sigmoid steepest, and what is its derivative
# there?


# %%
def sigmoid(x):
    return 1 / (1 + np.exp(-x))  # overflows; a better form follows below


def tanh_derivative(y):
    """The derivative f'(x) of tanh, given its output y = tanh(x)."""
    ### BEGIN SOLUTION
    return 1 - y * y
    ### END SOLUTION


def sigmoid_derivative(y):
    """The derivative f'(x) of the sigmoid, given its output y = sigmoid(x)."""
    ### BEGIN SOLUTION
    return y * (1 - y)
    ### END SOLUTION


functions = {
    "ReLU": (ReLU(), lambda x: np.maximum(x, 0), lambda x, y: (x > 0) * 1.0),
    "leaky ReLU": (
        LeakyReLU(0.01),
        lambda x: np.where(x > 0, x, 0.01 * x),
        lambda x, y: np.where(x > 0, 1, 0.01),
    ),
    "tanh": (Tanh(), np.tanh, lambda x, y: tanh_derivative(y)),
    "sigmoid": (Sigmoid(), sigmoid, lambda x, y: sigmoid_derivative(y)),
    "softplus": (Softplus(), lambda x: np.log(1 + np.exp(x)), lambda x, y: sigmoid(x)),
}

x = np.linspace(-6, 6, 240)  # an even number of points, so that 0, the kink of ReLU, is not one
h = 1e-5
for name, (layer, f, derivative) in functions.items():
    y = f(x)
    numeric = (f(x + h) - f(x - h)) / (2 * h)
    assert np.allclose(derivative(x, y), numeric, rtol=0, atol=1e-7), f"the derivative of {name}"
    assert np.allclose(layer.forward(x), y), f"npvae's {name}"
    assert np.allclose(layer.backward(np.ones_like(x)), derivative(x, y)), f"the backward of {name}"
    steepest, flattest = derivative(x, y).max(), derivative(x, y).min()
    print(f"{name:<11} steepest {steepest:.4f}, flattest {flattest:.1e}")

# %%
figure, axes = plt.subplots(1, 5, figsize=(10, 2.4), sharex=True, sharey=True)
for ax, (name, (_, f, derivative)) in zip(axes, functions.items(), strict=True):
    ax.plot(x, f(x), color=BLUE, label="f(x)")
    ax.plot(x, derivative(x, f(x)), "--", color=ORANGE, label="f'(x)")
    ax.set(title=name, xlabel="x", ylim=(-1.3, 3))
axes[0].legend()
show(figure, "02-curves-and-slopes")

# %% [markdown]
# The dashed lines are the derivatives. For large $x$, those of ReLU, leaky ReLU
# and softplus are 1 or close to 1, and those of tanh and sigmoid are close to 0.
# The sigmoid is steepest at $x = 0$, where $y = \tfrac12$ makes $y\,(1 - y)$
# largest. Even there its derivative is only $\tfrac14$.
#
# ## A sigmoid that does not overflow
#
# **Predict first:** what does a computer return for $1 / (1 + e^{-x})$ at
# $x = -1000$, and what for the equivalent formula $e^x / (1 + e^x)$ at $x = 1000$?

# %%
with np.errstate(over="ignore", invalid="ignore"):  # no warnings
    exp_1000 = np.exp(np.float64(1000))
    print("exp(1000) =", exp_1000)
    print("1 / (1 + exp(1000)) =", 1 / (1 + exp_1000))
    print("exp(1000) / (1 + exp(1000)) =", exp_1000 / (1 + exp_1000))
    assert np.isinf(exp_1000), "beyond 1.8e308 there is only infinity"
    assert np.isnan(exp_1000 / (1 + exp_1000)), "infinity / infinity is not a number"

# %% [markdown]
# In the first formula the exponential overflows, but the result, 0, is right. The
# second formula gives NaN, "not a number". A *single* NaN soon spoils a whole
# network, because every sum that contains it is NaN. So a formula can be right on
# paper and wrong in a computer.
#
# The remedy is another formula for the same function. It uses `np.tanh`, which is
# written so that it never overflows:
#
# $$ \text{sigmoid}(x) = \tfrac12 \left(1 + \tanh \tfrac{x}{2}\right) $$
#
# (To derive it, multiply numerator and denominator of $1 / (1 + e^{-x})$ by
# $e^{x/2}$, and compare with the formula of tanh in the table.)
#
# Softplus has the same problem: for large $x$, $e^x$ overflows, although softplus
# is then practically equal to $x$. So we take $x$ out of the logarithm,
#
# $$ \log(1 + e^x) = \log(e^x (e^{-x} + 1)) = x + \log(1 + e^{-x}) $$
#
# use this form for positive $x$ and the original form for negative $x$, and write
# both in one formula:
#
# $$ \text{softplus}(x) = \max(x, 0) + \log(1 + e^{-|x|}) $$


# %%
def stable_sigmoid(x):
    """1 / (1 + exp(-x)) for each number of x, without ever computing a large exponential."""
    ### BEGIN SOLUTION
    return 0.5 * (1 + np.tanh(x / 2))
    ### END SOLUTION


def stable_softplus(x):
    """Log(1 + exp(x)) for each number of x, without ever computing a large exponential."""
    ### BEGIN SOLUTION
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # log1p(t) is log(1 + t)
    ### END SOLUTION


assert np.allclose(stable_sigmoid(x), sigmoid(x), rtol=0, atol=1e-15)
extreme = np.array([-1000.0, 0.0, 1000.0])
with np.errstate(over="raise", invalid="raise"):  # either would be an error
    assert np.allclose(stable_sigmoid(extreme), [0.0, 0.5, 1.0])
    assert np.allclose(stable_softplus(extreme), [0.0, np.log(2), 1000.0])
    assert np.allclose(Sigmoid().forward(extreme), stable_sigmoid(extreme)), "npvae's is stable"
    assert np.allclose(Softplus().forward(extreme), stable_softplus(extreme))
print("sigmoid at -1000, 0, 1000:", stable_sigmoid(extreme))

# %% [markdown]
# ## Saturation
#
# Where an activation function is nearly flat, its derivative is close to zero, and
# so is every gradient that is multiplied by it. A *unit* (one output of a layer)
# in such a place is called *saturated*. Almost no gradient reaches its weights, so
# they hardly change.
#
# **Predict first:** a sigmoid unit has the input $x = 20$, so its output is
# practically 1. The right answer was 0, and the gradient of the loss is $dy = 1$.
# How much of that gradient reaches $x$?

# %%
unit = Sigmoid()
unit.forward(np.array([20.0]))
print(f"dy = 1 becomes dx = {unit.backward(np.array([1.0]))[0]:.1e}")
assert unit.backward(np.array([1.0]))[0] < 1e-8

# %% [markdown]
# Two billionths. The output is as wrong as it can be, and yet the gradient is
# almost zero.
#
# In a deep network this is repeated in each layer. The derivative of the sigmoid
# is *at most* $\tfrac14$, so ten layers leave less than
# $(\tfrac14)^{10} \approx 10^{-6}$ of the gradient, unless the weights make up for
# it. We send a gradient back through ten layers, and measure its *length*
# $\sqrt{\sum dx^2}$ after each.
#
# First we have to know what the dense layers between them do to this length. By
# lesson 01, $dx_i = \sum_j dy_j W_{ij}$. Let the weights be independent random
# numbers with mean 0 and variance $1/n$, where $n$ is the number of units. The
# square of $dx_i$ is a sum over all pairs,
#
# $$ dx_i^2 = \sum_j \sum_k dy_j\, dy_k\, W_{ij} W_{ik} $$
#
# Its average over the random weights contains the averages of $W_{ij} W_{ik}$.
# For $j \ne k$ the two weights are independent, and the average of the product is
# the product of the averages, $0 \cdot 0 = 0$. For $j = k$ it is the variance
# $1/n$. So only the terms with $j = k$ remain: on average $dx_i^2$ is
# $\frac1n \sum_j dy_j^2$. There are $n$ such numbers $dx_i$, so on average the
# squared length is the same before and after. Whatever is lost is lost in the
# activation functions.
#
# The code draws weights of variance $\text{scale} / n$. ReLU has the derivative 0
# for about half of its inputs, which halves the squared length. So its layers get
# `scale=2`, the others `scale=1`.
#
# **Predict first:** how much of the gradient is left after ten layers of
# sigmoids, of tanh, of ReLU?


# %%
def gradient_lengths(activation, scale, depth=10, n=200):
    """Lengths of dx at each layer, the last layer first, for a dy of length 1."""
    rng, layers = np.random.default_rng(0), []
    for _ in range(depth):
        dense = Dense(n, n, rng)
        dense.W[...] = rng.normal(0, np.sqrt(scale / n), (n, n))
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
    "sigmoid": gradient_lengths(Sigmoid, scale=1),
    "tanh": gradient_lengths(Tanh, scale=1),
    "ReLU": gradient_lengths(ReLU, scale=2),
}
for name, values in lengths.items():
    print(f"{name:<8} after ten layers: {values[-1]:.1e}")
assert lengths["sigmoid"][-1] < 0.25**10, "in ten layers of sigmoids the gradient vanishes"
assert 0.5 < lengths["ReLU"][-1] < 2, "ReLU with the right weights passes it on"
assert 0.2 < lengths["tanh"][-1] < 0.5

# %%
figure, ax = plt.subplots(figsize=(6, 3.6))
for name, values in lengths.items():
    ax.semilogy(range(len(values)), values, "o-", label=name)
ax.semilogy(range(11), 0.25 ** np.arange(11), ":", color="grey", label="a factor of 1/4 per layer")
ax.set_title("the gradient vanishes in sigmoids, and not in ReLUs")
ax.set(xlabel="layers passed, backward", ylabel="length of the gradient", xticks=range(11))
ax.legend()
show(ax, "02-vanishing")

# %% [markdown]
# After ten layers tanh has kept a third of the gradient, and ReLU all of it: the
# factor is 1.3 for these random weights. The sigmoid has kept
# less than a millionth. This is called the *vanishing gradient*, and it is one
# reason why deep networks were long thought hard to train; from about 2006 on
# they were trained one layer at a time. ReLU and initial weights of the right
# variance (Glorot and Bengio, 2010, for tanh; He and others, 2015, for ReLU) made
# that unnecessary. In these lessons the *hidden* layers, those between input and
# output, use ReLU or tanh. The sigmoid is used where an output has to lie between
# 0 and 1, as the probability of a pixel does. That is the next lesson.
#
# > **What you may have read:** "a network uses the sigmoid because neurons fire or
# > do not fire". Nothing in the mathematics requires that. Almost any nonlinear
# > function works. What matters is how well it passes gradients back.

# %% [markdown]
# ## Questions
#
# **Question 1.** Ten dense layers in a row, without activation functions, have a
# million weights. What can they compute that a single dense layer cannot?
#
# - **a** Curved functions, since the input passes through ten layers.
# - **b** More complicated functions, since they have more weights.
# - **c** Nothing.
#
# **Question 2.** The output of a sigmoid unit is 0.9999, and it should be 0. The
# loss is the squared error. Why does the unit hardly learn from this example?
#
# - **a** The error is so large that the learning rate would have to be larger,
#   too.
# - **b** The sigmoid is nearly flat there, and the gradient is multiplied by its
#   derivative.
# - **c** The unit is nearly certain, so the gradient of the loss with respect to
#   its output is small.
#
# ## Exercises
#
# Answers are in `answers_02_activations.py`. As before, work in a copy, and remove
# the asserts that your change makes fail.
#
# 1. **Change a number.** Multiply the weights of the sigmoid network by 4
#    (`scale=16`) to make up for the derivative of $\tfrac14$. Predict: is the
#    gradient preserved now? *Check:* between $10^{-3}$ and $10^{-2}$ of it is left
#    after ten layers. Why not all of it?
# 2. **Dead units.** Suppose that the biases of a layer are all $-5$: apply a ReLU
#    to $x - 5$, for 10,000 numbers $x$ from `rng.standard_normal`. For how many of
#    them is the derivative not 0? And with `LeakyReLU(0.01)`? *Check:* 0 and
#    10,000. Why does training not repair the ReLU?
# 3. **Derive and implement.** The *swish* function
#    $y = x \cdot \text{sigmoid}(x)$. Write its `forward` and `backward` as a
#    class. *Check:* its derivative agrees with the numeric one to $10^{-7}$ at all
#    $x$ in $[-6, 6]$.
