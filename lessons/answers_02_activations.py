# %% [markdown]
# # 02 · Bends and their slopes: answers

# %%
import numpy as np

from npvae import Dense, LeakyReLU, ReLU, Sigmoid

# %% [markdown]
# ## 1. Larger weights
#
# Weights four times as large multiply the gradient by four at each layer, and the
# slope divides it by four: that should be even. But the same weights also make
# the numbers *forward* four times as large. They push most units away from the
# middle, into the flat ends, where the slope is far below a quarter. Gradient
# comes back, but only through the few units that happen to sit near zero. (With
# still larger weights there is more of it, and at `spread=256` it begins to
# explode: one number too small, one too large, and hardly anything between.)


# %%
def what_is_left(spread, depth=10, n=200):
    """What ten layers of sigmoids leave of a gradient, and their mean slope."""
    rng, layers, slopes = np.random.default_rng(0), [], []
    for _ in range(depth):
        dense = Dense(n, n, rng)
        dense.W[...] = rng.normal(0, np.sqrt(spread / n), (n, n))
        layers += [dense, Sigmoid()]
    y = rng.standard_normal((1, n))
    for layer in layers:
        y = layer.forward(y)
        if isinstance(layer, Sigmoid):
            slopes.append((y * (1 - y)).mean())
    dy = rng.standard_normal(y.shape)
    dy /= np.linalg.norm(dy)
    for layer in reversed(layers):
        dy = layer.backward(dy)
    return np.linalg.norm(dy), np.mean(slopes)


(small, small_slope), (large, large_slope) = what_is_left(spread=1), what_is_left(spread=16)
print(f"spread 1: {small:.1e} of it is left, mean slope {small_slope:.2f}")
print(f"spread 16: {large:.1e} of it is left, mean slope {large_slope:.2f}")
assert small < 1e-6
assert 1e-3 < large < 1e-2
assert large_slope < 0.8 * small_slope

# %% [markdown]
# ## 2. Dead units
#
# With a bias of $-5$ the sum is positive only for inputs above 5, which
# `standard_normal` gives once in three and a half million draws. A dead ReLU has
# no gradient, so nothing can move its bias back: it stays dead. The leaky ReLU
# lets one hundredth through everywhere.

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
# With $s = \text{sigmoid}(x)$ the product rule gives
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
print("the slope of swish is right")
