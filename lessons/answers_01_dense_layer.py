# %% [markdown]
# # 01 · A dense layer and its gradient: answers

# %%
import numpy as np

rng = np.random.default_rng(0)
B, n_in, n_out = 4, 5, 3
x, W = rng.standard_normal((B, n_in)), rng.standard_normal((n_in, n_out))
b = rng.standard_normal(n_out)


def loss(x, W, b):
    return np.log(np.cosh(x @ W + b)).sum()


def two_sides(f, array, h):
    """(f(w + h) - f(w - h)) / 2h for each number w of the array."""
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


dW = x.T @ np.tanh(x @ W + b)

# %% [markdown]
# ## 1. Single precision
#
# float32 stores 7 digits, not 16. The rounding error becomes a billion times
# larger, and the truncation error stays the same. So the two arms of the V meet
# much further to the right, and much higher: at best four digits are right, and
# an error in the fifth digit of a gradient is not detected. Gradients are
# therefore always checked in float64. Networks are trained in float32, because in
# training the rounding errors of many examples average out.

# %%
x32, W32, b32 = (array.astype(np.float32) for array in (x, W, b))
steps = 10.0 ** np.arange(-1, -8.5, -0.5)
errors = np.array(
    [np.abs(two_sides(lambda: loss(x32, W32, b32), W32, np.float32(h)) - dW).max() for h in steps]
)
best = steps[errors.argmin()]
print(f"float32: best step {best:.0e}, with an error of {errors.min():.0e}")
assert 1e-3 <= best <= 1e-1
assert 1e-5 < errors.min() < 1e-3

# %% [markdown]
# ## 2. One side only
#
# The Taylor series is $L(w + h) = L(w) + h L' + \tfrac12 h^2 L'' + \dots$, so
# $(L(w+h) - L(w)) / h$ is wrong by $\tfrac12 h L''$. If both sides are used, the
# terms with even powers of $h$ cancel, and the remaining error grows as $h^2$.


# %%
def one_side(f, array, h):
    """(f(w + h) - f(w)) / h for each number w of the array."""
    gradient, here = np.zeros_like(array), f()
    for index in np.ndindex(array.shape):
        before = array[index]
        array[index] = before + h
        gradient[index] = (f() - here) / h
        array[index] = before
    return gradient


def ratio(numeric):
    """The error at h = 1e-2 over that at h = 1e-3."""
    wide, narrow = (np.abs(numeric(lambda: loss(x, W, b), W, h) - dW).max() for h in (1e-2, 1e-3))
    return wide / narrow


print(f"one side: {ratio(one_side):.1f} times, both sides: {ratio(two_sides):.1f} times")
assert 8 < ratio(one_side) < 12
assert 80 < ratio(two_sides) < 120

# %% [markdown]
# ## 3. One weight for everything
#
# The weight $w$ influences every $y_{nj}$, with the factor $x_{nj}$. Its
# derivative is the sum of all these contributions:
#
# $$ dw = \sum_{n, j} x_{nj}\, dy_{nj}, \qquad dx_{nj} = dy_{nj}\, w $$

# %%
w = np.array([0.7])
dy = np.tanh(x * w)
dw, dx = (x * dy).sum(), dy * w


def shared():
    return np.log(np.cosh(x * w)).sum()


assert np.allclose(dw, two_sides(shared, w, 1e-5), rtol=0, atol=1e-7)
assert np.allclose(dx, two_sides(shared, x, 1e-5), rtol=0, atol=1e-7)
print("dw and dx agree with the numeric gradients")

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** The mean points in the same direction, but it is not the derivative of
#   this loss: it is 100 times too small, and a gradient check finds that. Whoever
#   wants a mean divides the *loss* by the number of examples, and then every
#   gradient is divided with it.
# - **b** Where a number is used several times, the chain rule adds the
#   contributions of all its uses. The same sum is hidden in $x^\top dy$.
# - **c** There is only one bias for each output, whatever the size of the batch:
#   `b` has the shape (n_out,), without an axis for the examples.
#
# **Question 2: c.**
#
# - **a** A wrong gradient differs from the numeric one at *every* step. At
#   $10^{-5}$ the two agree to ten digits, which no wrong gradient does by chance.
# - **b** It is normal for this step, but not for a good one. With $h = 10^{-5}$
#   in double precision, a difference of $10^{-4}$ would be a bug that you should
#   look for.
# - **c** The loss is stored to about 16 digits. Divided by $2 \cdot 10^{-12}$, an
#   error of $10^{-16}$ becomes $10^{-4}$: the left arm of the V.
