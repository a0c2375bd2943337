# %% [markdown]
# # 03 · Losses are likelihoods: answers

# %%
import numpy as np
from course import digits

from npvae import Bernoulli

# %% [markdown]
# ## 1. The best coin
#
# The loss of the ten throws is $-7 \log p - 3 \log(1 - p)$. Its derivative is
# $-7/p + 3/(1 - p)$, which is zero at $p = 0.7$. So the best probability is the
# relative frequency of heads. For the same reason the frequency of each pixel was
# the best probability in the lesson.

# %%
p = np.arange(1, 1000) / 1000
nats = -7 * np.log(p) - 3 * np.log(1 - p)
print(f"best p = {p[nats.argmin()]}, which costs {nats.min():.2f} nats")
assert p[nats.argmin()] == 0.7
assert 6 < nats.min() < 6.2

# %% [markdown]
# ## 2. The minimum for grey pixels
#
# At $p = x$ the gradient $p - x$ is zero, so no other $p$ is better. Yet a pixel
# of $0.4$ still costs $-0.4 \log 0.4 - 0.6 \log 0.6 = 0.67$ nats. For black and
# white pixels a perfect model has $p = x = 0$ or $1$, and its cost is zero. So a
# loss of 90 on grey pixels cannot be compared with a loss of 90 on binary ones.

# %%
x = digits().test.take(slice(0, 1000)) / 255
p = np.clip(x, 1e-12, 1 - 1e-12)  # no log(0)
minimum = (-x * np.log(p) - (1 - x) * np.log(1 - p)).sum(axis=1).mean()
print(f"grey pixels: {minimum:.1f} nats per image, and no model needs less")
assert minimum > 20

loss, gradient = Bernoulli().loss_and_grad(np.log(p / (1 - p)), x)
assert np.isclose(loss, minimum)
assert np.abs(gradient).max() < 1e-9, "it is the minimum"

binary = (x >= 0.5) * 1.0
certain = np.where(binary == 1, 30.0, -30.0)  # logits
assert Bernoulli().loss_and_grad(certain, binary)[0] < 1e-6, "black and white: the minimum is zero"

# %% [markdown]
# ## 3. The Laplace distribution
#
# $$ L = -\log p(x) = \frac{|x - \mu|}{s} + \log 2s, \qquad
# \frac{dL}{d\mu} = \frac{\text{sign}(\mu - x)}{s} $$
#
# The size of this gradient does not depend on the distance. At the best $\mu$ the
# gradients of all numbers add up to zero, so there are as many numbers above it
# as below: it is the *median*, here 3. The gradient of a squared error is
# proportional to the distance, and its best $\mu$ is the mean, here 22. The single
# large number has a strong influence on the mean and hardly any on the median.
# Therefore the absolute error is called *robust*.


# %%
def laplace_loss(mu, x, s):
    return np.abs(x - mu) / s + np.log(2 * s)


mu, x, s, h = 0.3, np.array([1.0, -2.0]), 0.5, 1e-5
numeric = (laplace_loss(mu + h, x, s) - laplace_loss(mu - h, x, s)) / (2 * h)
assert np.allclose(np.sign(mu - x) / s, numeric, rtol=0, atol=1e-7)

numbers = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
candidates = np.arange(0, 100, 0.5)
best = candidates[laplace_loss(candidates[:, None], numbers, s).sum(axis=1).argmin()]
print(f"best mu: {best}; median {np.median(numbers)}, mean {numbers.mean()}")
assert best == np.median(numbers) == 3

# %% [markdown]
# ## Questions
#
# **Question 1: a.**
#
# - **a** Half the squared error is $-\log p(x)$ of a Gaussian with $\sigma = 1$,
#   without its constant. Whoever minimises it maximises that likelihood.
# - **b** It is also $-\log p(x)$ of a Gaussian, up to a factor and a constant. As
#   soon as it is added to another loss, its unit and the standard deviation that
#   it implies matter.
# - **c** No loss says anything about the distribution of the *inputs*. The
#   Gaussian describes how the target scatters around the output, for a given
#   input.
#
# **Question 2: c.**
#
# - **a** That is true of one term alone. The minimum of a sum of *two* terms
#   moves when one of them is multiplied by a factor.
# - **b** That would be so if both terms had become smaller. The larger learning
#   rate multiplies the second term by 784, too.
# - **c** One nat of the first term weighs 1/784. Nobody decided that, and no
#   gradient check can see it. Lesson 16 shows what it does to a VAE.
