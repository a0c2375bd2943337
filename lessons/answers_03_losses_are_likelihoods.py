# %% [markdown]
# # 03 · Losses are likelihoods: answers

# %%
import numpy as np
from course import digits

from npvae import Bernoulli

# %% [markdown]
# ## 1. The best coin
#
# The loss of ten throws is $-7 \log p - 3 \log(1 - p)$. Its slope is
# $-7/p + 3/(1 - p)$, which is zero at $p = 0.7$: the best probability is the
# share of heads. That is why "how often it is on" was the best number for each
# pixel.

# %%
p = np.arange(1, 1000) / 1000
nats = -7 * np.log(p) - 3 * np.log(1 - p)
print(f"best p = {p[nats.argmin()]}, which costs {nats.min():.2f} nats")
assert p[nats.argmin()] == 0.7
assert 6 < nats.min() < 6.2

# %% [markdown]
# ## 2. The floor of grey
#
# At $p = x$ the gradient $p - x$ is zero, so nothing can be better. Yet a pixel
# of $0.4$ still costs $-0.4 \log 0.4 - 0.6 \log 0.6 = 0.67$ nats. In black and
# white a perfect model has $p = x = 0$ or $1$, and costs nothing. So a loss of 90
# on grey pixels and a loss of 90 on binary ones have nothing to do with each
# other.

# %%
x = digits().test.take(slice(0, 1000)) / 255
p = np.clip(x, 1e-12, 1 - 1e-12)  # no log(0)
floor = (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum(axis=1).mean()
print(f"grey pixels: {floor:.1f} nats an image, and nobody can do better")
assert floor > 20

loss, gradient = Bernoulli().loss_and_grad(np.log(p / (1 - p)), x)
assert np.isclose(loss, floor)
assert np.abs(gradient).max() < 1e-9, "it is the minimum"

binary = (x >= 0.5) * 1.0
certain = np.where(binary == 1, 30.0, -30.0)  # logits
assert Bernoulli().loss_and_grad(certain, binary)[0] < 1e-6, "black and white: the floor is zero"

# %% [markdown]
# ## 3. A pointed bell
#
# $$ L = -\log p(x) = \frac{|x - m|}{s} + \log 2s, \qquad dm = \frac{\text{sign}(m - x)}{s} $$
#
# Its gradient is as long for a far number as for a near one: each number pulls
# with the same force. The best $m$ has as many numbers on either side of it, so
# it is the *median*, here 3. A squared error pulls in proportion to the distance,
# and its best $m$ is the mean, here 22. That is why the absolute error is called
# robust.


# %%
def laplace_loss(m, x, s):
    return np.abs(x - m) / s + np.log(2 * s)


m, x, s, h = 0.3, np.array([1.0, -2.0]), 0.5, 1e-5
numeric = (laplace_loss(m + h, x, s) - laplace_loss(m - h, x, s)) / (2 * h)
assert np.allclose(np.sign(m - x) / s, numeric, rtol=0, atol=1e-7)

numbers = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
candidates = np.arange(0, 100, 0.5)
best = candidates[laplace_loss(candidates[:, None], numbers, s).sum(axis=1).argmin()]
print(f"best m: {best}; median {np.median(numbers)}, mean {numbers.mean()}")
assert best == np.median(numbers) == 3
