# %% [markdown]
# # 02 · Activation functions: answers

# %%
import numpy as np

from npvae import Dense, LeakyReLU, ReLU, Sigmoid

# %% [markdown]
# ## 1. Larger weights
#
# Weights four times as large multiply the gradient by four in each layer, and the
# derivative of the sigmoid divides it by four, so it might seem to be preserved.
# But the same weights also make the inputs of the sigmoids four times as large.
# Most units are then saturated, and their derivative is far below $\tfrac14$. The
# gradient passes only through the few units whose input happens to be close to
# zero. (Still larger weights pass on more of it, and with `scale=256` the gradient
# begins to grow from layer to layer: it *explodes*.)


# %%
def what_is_left(scale, depth=10, n=200):
    """How much of a gradient ten layers of sigmoids pass on, and their mean derivative."""
    rng, layers, derivatives = np.random.default_rng(0), [], []
    for _ in range(depth):
        dense = Dense(n, n, rng)
        dense.W[...] = rng.normal(0, np.sqrt(scale / n), (n, n))
        layers += [dense, Sigmoid()]
    y = rng.standard_normal((1, n))
    for layer in layers:
        y = layer.forward(y)
        if isinstance(layer, Sigmoid):
            derivatives.append((y * (1 - y)).mean())
    dy = rng.standard_normal(y.shape)
    dy /= np.linalg.norm(dy)
    for layer in reversed(layers):
        dy = layer.backward(dy)
    return np.linalg.norm(dy), np.mean(derivatives)


(small, small_mean), (large, large_mean) = what_is_left(scale=1), what_is_left(scale=16)
print(f"scale 1: {small:.1e} of the gradient is left, mean derivative {small_mean:.2f}")
print(f"scale 16: {large:.1e} of the gradient is left, mean derivative {large_mean:.2f}")
assert small < 1e-6
assert 1e-3 < large < 1e-2
assert large_mean < 0.8 * small_mean

# %% [markdown]
# ## 2. Dead units
#
# With a bias of $-5$ the ReLU has a positive input only for $x > 5$, which
# `standard_normal` returns once in three and a half million draws. The unit is
# *dead*: its derivative is zero for every example, so its weights and its bias get
# no gradient, and no training step changes them. The leaky ReLU passes on one
# hundredth of the gradient for negative inputs, so its bias can recover.

# %%
x = np.random.default_rng(0).standard_normal(10_000) - 5
for layer in (ReLU(), LeakyReLU(0.01)):
    layer.forward(x)
    alive = np.count_nonzero(layer.backward(np.ones_like(x)))
    print(f"{type(layer).__name__}: {alive} of {len(x)} numbers have a gradient")
    assert alive == (0 if isinstance(layer, ReLU) else len(x))

# %% [markdown]
# ## 3. Swish
#
# Write $s = \text{sigmoid}(x)$. The product rule gives
#
# $$ y = x s, \qquad f'(x) = s + x\,s\,(1 - s) = s\,(1 + x\,(1 - s)) $$


# %%
class Swish:
    """y = x sigmoid(x)"""

    def forward(self, x):
        self.x, self.s = x, 0.5 * (1 + np.tanh(x / 2))
        return x * self.s

    def backward(self, dy):
        return dy * self.s * (1 + self.x * (1 - self.s))


swish, x, h = Swish(), np.linspace(-6, 6, 241), 1e-5
numeric = (swish.forward(x + h) - swish.forward(x - h)) / (2 * h)
swish.forward(x)
assert np.allclose(swish.backward(np.ones_like(x)), numeric, rtol=0, atol=1e-7)
print("the derivative of swish is right")

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** Each layer is a linear function plus a constant, and a chain of such
#   functions is another one. However many there are, the result has no curve.
# - **b** The weights are multiplied into one matrix, $W_1 W_2 \cdots W_{10}$. A
#   million numbers describe it no better than the few that it has.
# - **c** Multiplied out, the ten layers are one dense layer. What makes depth
#   useful is the nonlinear function between the layers.
#
# **Question 2: b.**
#
# - **a** A larger learning rate multiplies a gradient that is practically zero.
#   And it would make the steps of all other units too long.
# - **b** The derivative is $y\,(1 - y) \approx 0.0001$. The error is as large as
#   it can be, and a ten-thousandth of it arrives at the weights.
# - **c** The gradient with respect to the *output* is the error, which is large
#   here. It is lost one step later, in the sigmoid.
