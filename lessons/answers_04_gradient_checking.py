# %% [markdown]
# # 04 · Gradient checking, and what it cannot find: answers

# %%
import numpy as np

from npvae import check

x = np.random.default_rng(0).standard_normal((6, 4))

# %% [markdown]
# ## 1. How small a bug?
#
# A gradient that is too large by a factor $1 + d$ has a relative error of about $d$.
# The tolerance of the checker is $10^{-6}$. It could not be much smaller, because the
# numeric gradient itself is accurate to about ten digits only.


# %%
class Scale:
    """y = x w, with a backward that is wrong by a factor 1 + d."""

    def __init__(self, n, d):
        self.w, self.dw, self.d = np.linspace(1, 2, n), np.zeros(n), d

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dy):
        self.dw[...] = (dy * self.x).sum(axis=0)
        return dy * self.w * (1 + self.d)


for d in (1e-4, 1e-5, 1e-7):
    print(f"d = {d:.0e}: {'not noticed' if check(Scale(4, d), x).ok else 'noticed'}")
assert not check(Scale(4, 1e-5), x).ok
assert check(Scale(4, 1e-7), x).ok

# %% [markdown]
# ## 2. Another exhibit
#
# This tanh is twice as steep as it should be, in both passes. The derivative of
# $\tanh 2x$ is $2\,(1 - y^2)$, so the gradient check passes. Only a value computed by
# hand finds the bug: $\tanh 1 = 0.7616$.


# %%
class SteepTanh:
    """Meant to be y = tanh(x)."""

    def forward(self, x):
        self.y = np.tanh(2 * x)
        return self.y

    def backward(self, dy):
        return dy * 2 * (1 - self.y**2)


assert check(SteepTanh(), x).ok
assert not np.isclose(SteepTanh().forward(np.array([[1.0]]))[0, 0], 0.7616, atol=1e-4)
print("SteepTanh passes the gradient check; a value computed by hand finds the bug")

# %% [markdown]
# ## 3. Divided by the root mean square
#
# $r$ depends on every $x_i$: $\;dr / dx_i = x_i / (n r) = y_i / n$. So $y_j = x_j / r$
# depends on $x_i$ in two ways. Its derivative is $1/r$ if $i = j$, plus
# $-x_j / r^2 \cdot y_i / n$ through $r$. Multiply by $dy_j$ and sum over $j$:
#
# $$ dx_i = \frac{1}{r} \left( dy_i - y_i \cdot \frac1n \sum_j y_j\, dy_j \right) $$
#
# In words: the component of $dy$ in the direction of $y$ is removed. This must be so,
# because a longer $x$ of the same direction gives the same $y$.


# %%
class RootMeanSquare:
    """y = x / sqrt(mean(x²)), row by row"""

    def forward(self, x):
        self.r = np.sqrt((x * x).mean(axis=1, keepdims=True))
        self.y = x / self.r
        return self.y

    def backward(self, dy):
        along = (self.y * dy).mean(axis=1, keepdims=True)
        return (dy - self.y * along) / self.r


report = check(RootMeanSquare(), x)
print(report)
assert report.ok

assert np.allclose(RootMeanSquare().forward(3 * x), RootMeanSquare().forward(x))

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** The check never asks what the forward pass *should* compute. Exhibits 2
#   to 5 pass it, and all of them are wrong.
# - **b** This is all that finite differences can compare. Whether the forward
#   pass is right takes a value, a moment, or another of the five tests.
# - **c** Kinks are a small matter, and the checker counts them. A factor that is
#   missing in both passes is wrong everywhere, and is not found.
#
# **Question 2: c.**
#
# - **a** Wrong moments give wrong numbers from the first step on, not NaN after
#   an hour. It comes at that time because an output has slowly grown.
# - **b** That may postpone the NaN. If a formula is infinite at logit 20, then a
#   network that trains well will reach logit 20 all the same.
# - **c** A number that becomes infinite or NaN only when an output is sure is
#   exhibit 4. Values by hand and gradient checks use small inputs, and never get
#   there.
