# %% [markdown]
# # 03 · Losses are likelihoods
#
# *Where do "squared error" and "cross-entropy" come from, and why does it matter
# whether you add or average them?*
#
# - **You need:** lessons 01 and 02; what a probability and a bell curve are.
# - **You get:** both losses derived from one idea, their gradients, a form that
#   never gives NaN, and a unit for losses.
# - **Run time:** 3 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show

from npvae import Bernoulli, Gaussian
from npvae.layers import sigmoid, softplus

# %% [markdown]
# ## One idea
#
# Let the network not *guess* the data but say how *probable* it finds them:
# $p(x)$, the *likelihood*. A good network finds what really happened probable. So
# training means: make $p(x)$ as large as you can. That is *maximum likelihood*.
#
# Probabilities of many things multiply, and the product of a thousand small
# numbers is zero in a computer. Logarithms add. So the loss, which should be
# small, is
#
# $$ L = -\log p(x) $$
#
# With the natural logarithm its unit is the *nat*. A thing of probability 1 costs
# nothing. Each factor of $e \approx 2.7$ less probable costs one nat more. (With
# $\log_2$ it would be bits: one nat is 1.44 bits.)

# %%
for p in (1.0, 0.5, 0.01):
    print(f"probability {p:<4} costs {np.log(1 / p):.2f} nats = {np.log2(1 / p):.2f} bits")

# %% [markdown]
# ## A real number: squared error
#
# Say the network puts out $m$, and believes the number $x$ to lie around it like
# a bell of width $\sigma$ (its *standard deviation*; $\sigma^2$ is its
# *variance*, the mean square of the distance from $m$):
#
# $$ p(x) = \frac{1}{\sqrt{2\pi}\,\sigma} \exp\left(-\frac{(x - m)^2}{2\sigma^2}\right) $$
#
# $$ -\log p(x) = \frac{(x - m)^2}{2\sigma^2} + \log\sigma + \tfrac12 \log 2\pi $$
#
# (A real number has no probability of its own, only a *density*: the height of
# the bell. The area below the bell is 1. So a narrow bell is a high one, and its
# height may exceed 1.)
#
# There is the squared error! Using it means believing in a bell. And $\sigma$ is
# the price list: it says how much an error of a given size costs. The gradient is
#
# $$ \frac{dL}{dm} = \frac{m - x}{\sigma^2} $$
#
# **Predict first:** you halve $\sigma$. How much more does the same error weigh?
# And can a loss be *negative*?


# %%
def gaussian_loss(m, x, sigma):
    return (x - m) ** 2 / (2 * sigma**2) + np.log(sigma) + 0.5 * np.log(2 * np.pi)


m, x, h = 0.3, 1.0, 1e-5
for sigma in (1.0, 0.5, 0.2):
    gradient = (m - x) / sigma**2
    numeric = (gaussian_loss(m + h, x, sigma) - gaussian_loss(m - h, x, sigma)) / (2 * h)
    loss, dm = Gaussian(sigma).loss_and_grad(np.array([[m]]), np.array([[x]]))
    assert np.isclose(gradient, numeric, rtol=1e-7)
    assert np.isclose(loss, gaussian_loss(m, x, sigma)), "npvae's Gaussian is this formula"
    assert np.isclose(dm[0, 0], gradient)
    best = gaussian_loss(x, x, sigma)
    print(f"sigma {sigma}: loss {loss:6.2f}, gradient {gradient:6.1f}; without an error {best:.2f}")
assert gaussian_loss(x, x, 0.2) < 0, "a density may exceed 1, and then its loss is negative"

# %% [markdown]
# Four times as much: the gradient goes from $-0.7$ to $-2.8$. (The whole loss
# hardly moves, from 1.16 to 1.21, since $\log\sigma$ falls. At $\sigma = 0.2$ the
# error wins.) And yes: a narrow bell is higher than 1, so hitting its middle
# costs *less* than nothing. Losses of real numbers have no floor at zero. Measure
# $x$ in millimetres and not in metres, and the bell becomes 1000 times as wide
# and as low: each loss grows by $\log 1000$. Only differences between them mean
# something.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3))
xs = np.linspace(-2, 2, 400)
for sigma, colour in ((1.0, BLUE), (0.5, ORANGE), (0.2, GREEN)):
    nats = gaussian_loss(0, xs, sigma)
    axes[0].plot(xs, np.exp(-nats), color=colour, label=f"σ = {sigma}")
    axes[1].plot(xs, nats, color=colour)
axes[0].set(title="the bell p(x)", xlabel="x - m")
axes[1].set(title="-log p(x), in nats: squared error + constant", xlabel="x - m", ylim=(-1.5, 8))
axes[0].legend()
show(figure, "03-bells")

# %% [markdown]
# ## A pixel that is on or off: cross-entropy
#
# A binary pixel is a coin: on ($x = 1$) with a probability that we call $p$,
# without brackets, and off ($x = 0$) with $1 - p$. In one formula (put in
# $x = 1$: the second term is gone):
#
# $$ -\log p(x) = -x \log p - (1 - x) \log(1 - p) $$
#
# This *is* the binary cross-entropy. (A coin is also called a *Bernoulli*
# variable, and this its likelihood.) The network puts out any real number $a$,
# the *logit*, and the sigmoid turns it into a probability,
# $p = \text{sigmoid}(a)$. Now look at what happens when both are put together.
# Since $p = 1/(1 + e^{-a})$ and $1 - p = 1/(1 + e^{a})$, we have
# $\log p = -\text{softplus}(-a)$ and $\log(1 - p) = -\text{softplus}(a)$. So the
# loss is
#
# $$ x\,\text{softplus}(-a) + (1 - x)\,\text{softplus}(a) $$
#
# or $\text{softplus}(a)$ minus $x$ times
# $\text{softplus}(a) - \text{softplus}(-a)$. That difference is simply $a$, and
# the slope of softplus is the sigmoid (lesson 02):
#
# $$ L = \text{softplus}(a) - x\,a, \qquad \frac{dL}{da} = p - x $$
#
# The gradient is the probability minus the truth, the simplest thing it could be.

# %%
a, x = np.linspace(-6, 6, 25), np.arange(25) % 2.0  # off, on, off, on ...
p = sigmoid(a)
coin_loss = -x * np.log(p) - (1 - x) * np.log(1 - p)
assert np.allclose(coin_loss, softplus(a) - x * a), "the two forms are the same"

numeric = (softplus(a + h) - x * (a + h) - softplus(a - h) + x * (a - h)) / (2 * h)
assert np.allclose(p - x, numeric, rtol=0, atol=1e-7), "the gradient is p - x"

loss, da = Bernoulli().loss_and_grad(a[None], x[None])  # one example of 25 pixels
assert np.isclose(loss, coin_loss.sum())
assert np.allclose(da[0], p - x), "npvae's Bernoulli is this formula"

# %% [markdown]
# ## The same formula, twice
#
# On paper the two forms are equal. In a computer they are not, least of all in
# single precision (7 digits), in which networks are trained.
#
# **Predict first:** the pixel is off, and the network is wrongly sure that it is
# on. From which logit $a$ on does the first form, $-\log(1 - p)$, break down in
# float32?

# %%
a = np.arange(0, 101, dtype=np.float32)
p = sigmoid(a)
with np.errstate(divide="ignore", invalid="ignore"):
    naive = -np.log(1 - p)  # the pixel is off
    naive_gradient = 1 / (1 - p) * (p * (1 - p))  # dL/dp times dp/da
stable, stable_gradient = softplus(a), p
broken = int(np.argmax(~np.isfinite(naive)))
print(f"logit {broken}: naive {naive[broken]}, gradient {naive_gradient[broken]}")
print(f"logit {broken}: stable {stable[broken]:.1f}, gradient {stable_gradient[broken]:.1f}")

assert 10 < broken < 20
assert np.isnan(naive_gradient[broken]), "infinity times 0"
assert np.isfinite(stable).all()
assert np.allclose(stable[20:], a[20:]), "being sure and wrong costs what the logit says"

# %%
figure, ax = plt.subplots(figsize=(6, 3.2))
ax.plot(a, stable, color=BLUE, linewidth=4, alpha=0.4, label="softplus(a)")
ax.plot(a[:broken], naive[:broken], color=ORANGE, label="-log(1 - p), until it is infinite")
ax.plot(broken - 1, naive[broken - 1], "x", color=ORANGE, markersize=9)
ax.annotate("next: infinity", (broken - 1, naive[broken - 1]), (broken + 1, broken - 4))
ax.set(xlabel="logit a, of a pixel that is off", ylabel="loss in nats", xlim=(0, 40), ylim=(0, 40))
ax.legend()
show(ax, "03-naive-and-stable")

# %% [markdown]
# Just above 17, so 18 is the first whole number that fails. There $1 - p$ is
# about $e^{-a}$, and $e^{-17} \approx 4 \cdot 10^{-8}$ is less than float32 can
# tell from nothing beside 1. So $1 - p$ comes out as exactly zero. The naive form
# says infinity, and its gradient is infinity times zero: NaN. A network that is
# sure of a pixel easily gets there. So in npvae a likelihood takes *logits*,
# never probabilities.
#
# ## How much does an image cost?
#
# The pixels of an image are many coins, so their nats add up. Let us price digits
# of $28 \times 28 = 784$ pixels, in black and white. Our "model" is as simple as
# can be: it knows for each pixel how often it is on, $p_i$, and nothing else. We
# count on one set of digits, for *training*, and price those of another, for
# *testing*: nobody should be examined on what they have seen.

# %%
data = digits()
train = data.train.take(slice(0, 20_000)) >= 128  # (20000, 784), True where on
test = (data.test.take(slice(0, 1000)) >= 128).astype(float)
p = np.clip(train.mean(axis=0), 0.001, 0.999)  # what was never seen may happen: no log(0)
logits = np.log(p / (1 - p))  # the inverse of the sigmoid

nats = softplus(logits) - test * logits  # (1000, 784)
blind = 784 * np.log(2)
print(f"p = 1/2 for every pixel: {blind:.0f} nats an image")
print(f"p = how often it is on:  {nats.sum(axis=1).mean():.0f} nats an image")
assert nats.sum(axis=1).mean() < 0.5 * blind, "knowing where the ink is saves more than half"

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6))
truth, guess = test[3].reshape(28, 28), p.reshape(28, 28)
pictures = {
    "p: how often it is on": (guess, "gray", 0, 1),
    "a digit x": (truth, "gray", 0, 1),
    f"its price: {nats[3].sum():.0f} nats": (nats[3].reshape(28, 28), "magma", 0, 2.5),
    "the gradient p - x": (guess - truth, "RdBu_r", -1, 1),
}
for ax, (name, (values, colours, low, high)) in zip(axes, pictures.items(), strict=True):
    image = ax.imshow(values, cmap=colours, vmin=low, vmax=high)
    figure.colorbar(image, ax=ax, shrink=0.6)
    ax.set_title(name)
    ax.set_axis_off()
show(figure, "03-the-price-of-a-digit")

# %% [markdown]
# In these pictures ink is white and paper black. Ink costs much where ink is
# rare, and paper costs a little where ink is usual. In the gradient, blue pixels
# should become more probable and red ones less.
#
# Remember the second number, about 200 nats. The models of later lessons are
# measured in the same coin, and we shall want less than half of it.
#
# ## Add, or average?
#
# Many programs *average* over the 784 pixels, so that the loss is a handy 0.26
# and not some 200. Same minimum, so who cares?
#
# To learn, we move each number a small step against its gradient. How small is
# called the *learning rate* (lesson 05).
#
# **Predict first:** by which factor does averaging change the gradient? What must
# you do to the learning rate?

# %%
one, summed = test[:1], Bernoulli().loss_and_grad(logits[None], test[:1])[1]
averaged = (p - one) / one.size
factor = np.linalg.norm(summed) / np.linalg.norm(averaged)
print(
    f"length of the gradient: summed {np.linalg.norm(summed):.2f}, "
    f"averaged {np.linalg.norm(averaged):.5f}, {factor:.0f} times less"
)
assert np.isclose(factor, 784), "npvae's likelihoods sum over the pixels"

# %% [markdown]
# It is 784 times smaller, and a learning rate 784 times as large would mend that.
# This it would not mend: a loss often has a *second* term. The variational
# autoencoder (VAE), where this course is going, adds one that is also in nats.
# Average the first over pixels and not the second, and you have made the second
# one 784 times as important without having decided it. Lesson 13 shows what that
# does to a VAE.
#
# npvae **sums over pixels and averages over the examples of a batch**,
# everywhere. A sum of log probabilities is a log probability; an average over
# pixels is not. (And the average over a batch is the price of one typical image,
# however large the batch.)
#
# > **What you may have read:** "binary cross-entropy on grey pixels is the
# > log-likelihood". A grey pixel of 0.4 is neither heads nor tails, so no coin
# > can produce it. The formula still runs and still trains. But its floor is not
# > zero, and its value is no log probability (exercise 2).
#
# You now have layers and losses. Lesson 04 asks how you would know if one of them
# were wrong.
#
# ## Exercises
#
# Answers are in `answers_03_losses_are_likelihoods.py`.
#
# 1. **Change a number.** A coin shows heads 7 times in 10. Predict which $p$ has
#    the smallest loss for these ten throws, and how many nats that costs. Then
#    try 999 values of $p$. *Check:* between 6 and 6.2 nats.
# 2. **The floor of grey.** Take the grey digits,
#    `data.test.take(slice(0, 1000)) / 255`, and a model that is *perfect*:
#    $p = x$ for every pixel. (A computer makes NaN of $0 \cdot \log 0$, and it
#    should be 0: clip $p$ to $[10^{-12}, 1 - 10^{-12}]$.) *Check:* its
#    cross-entropy is not 0, but more than 20 nats an image. What does a perfect
#    model cost in black and white?
# 3. **Derive and implement.** Some believe in a pointed bell, the Laplace
#    distribution $p(x) = \frac{1}{2s} e^{-|x - m| / s}$. What is its loss, and
#    the gradient by $m$? *Check:* by the numeric gradient, to $10^{-7}$ (not at
#    $m = x$, where there is a kink). And which $m$ is best for the numbers 1, 2,
#    3, 4, 100? *Check:* it is one of the five.
