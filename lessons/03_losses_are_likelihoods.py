# %% [markdown]
# # 03 · Losses are likelihoods
#
# *Where do "squared error" and "cross-entropy" come from, and why does it matter
# whether you add or average them?*
#
# - **You need:** lessons 01 and 02; what a probability and a normal distribution
#   are.
# - **You get:** both losses derived from one idea, their gradients, a form of the
#   cross-entropy that never gives NaN, and a unit for losses.
# - **Run time:** 3 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show

from npvae import Bernoulli, Gaussian
from npvae.layers import sigmoid, softplus

# %% [markdown]
# ## Maximum likelihood
#
# In lessons 01 and 02, $x$ was the input of a layer. From now on $x$ is the *data*
# that a network is trained on: here a number or a pixel, later an image. (An
# autoencoder, lesson 06, has the same image as input and as target, so both
# meanings come together.)
#
# Let the output of the network not be a guess at $x$, but describe a probability
# distribution. It assigns to each $x$ a probability $p(x)$, the *likelihood*. A
# good network gives a high probability to what really happened. So training means
# to make $p(x)$ as large as possible. This is called *maximum likelihood*.
#
# The probabilities of independent events are multiplied, and the product of a
# thousand small numbers is zero in a computer. Their logarithms are added, which
# is harmless. So we take as the loss, which should be small,
#
# $$ L = -\log p(x) $$
#
# With the natural logarithm the unit of this loss is the *nat*. An event of
# probability 1 costs nothing, and each factor of $e \approx 2.7$ in the probability
# costs one nat. (With $\log_2$ the unit is the bit: one nat is 1.44 bits.)

# %%
for p in (1.0, 0.5, 0.01):
    print(f"probability {p:<4} costs {np.log(1 / p):.2f} nats = {np.log2(1 / p):.2f} bits")

# %% [markdown]
# ## Real numbers: the squared error
#
# Suppose that the network outputs a number $\mu$, and that $x$ has a *Gaussian*
# (or normal) distribution around it, the bell curve, with the *standard deviation*
# $\sigma$. ($\sigma^2$ is the *variance*, the mean of $(x - \mu)^2$.)
#
# $$ p(x) = \frac{1}{\sqrt{2\pi}\,\sigma} \exp\left(-\frac{(x - \mu)^2}{2\sigma^2}\right) $$
#
# $$ -\log p(x) = \frac{(x - \mu)^2}{2\sigma^2} + \log\sigma + \tfrac12 \log 2\pi $$
#
# For a real number, $p(x)$ is not a probability but a *density*: the height of the
# curve. The area below the curve is 1, so a narrow Gaussian is a high one, and its
# density may exceed 1.
#
# The first term is the squared error. Whoever trains with it assumes a Gaussian
# distribution, knowingly or not. The standard deviation $\sigma$ decides how much
# an error of a given size costs. The gradient is
#
# $$ \frac{dL}{d\mu} = \frac{\mu - x}{\sigma^2} $$
#
# **Predict first:** you halve $\sigma$. By which factor does the gradient of the
# same error grow? And can this loss be *negative*?


# %%
def gaussian_loss(mu, x, sigma):
    """-log p(x) of each number x, in nats, under a Gaussian with mean mu."""
    ### BEGIN SOLUTION
    return (x - mu) ** 2 / (2 * sigma**2) + np.log(sigma) + 0.5 * np.log(2 * np.pi)
    ### END SOLUTION


def gaussian_gradient(mu, x, sigma):
    """The derivative of `gaussian_loss` with respect to mu."""
    ### BEGIN SOLUTION
    return (mu - x) / sigma**2
    ### END SOLUTION


mu, x, h = 0.3, 1.0, 1e-5
for sigma in (1.0, 0.5, 0.2):
    gradient = gaussian_gradient(mu, x, sigma)
    numeric = (gaussian_loss(mu + h, x, sigma) - gaussian_loss(mu - h, x, sigma)) / (2 * h)
    loss, dmu = Gaussian(sigma).loss_and_grad(np.array([[mu]]), np.array([[x]]))
    assert np.isclose(gradient, numeric, rtol=1e-7)
    assert np.isclose(loss, gaussian_loss(mu, x, sigma)), "npvae's Gaussian is this formula"
    assert np.isclose(dmu[0, 0], gradient)
    best = gaussian_loss(x, x, sigma)
    print(f"sigma {sigma}: loss {loss:6.2f}, gradient {gradient:6.1f}; without an error {best:.2f}")
assert gaussian_loss(x, x, 0.2) < 0, "a density may exceed 1, and then the loss is negative"

# %% [markdown]
# The gradient becomes four times as large: it goes from $-0.7$ to $-2.8$. (The
# loss itself hardly changes, from 1.16 to 1.21, because $\log\sigma$ becomes
# smaller. At $\sigma = 0.2$ the growth of the first term dominates.) The loss can
# be negative: the density of a narrow Gaussian exceeds 1 near its mean, and its
# negative logarithm is then below 0. So the loss of real numbers has no lower
# bound at zero. It also depends on the unit: if $x$ is measured in millimetres
# instead of metres, the Gaussian becomes 1000 times as wide and 1000 times as low,
# and each loss grows by $\log 1000$. Only differences between losses in the same
# unit have a meaning.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3))
xs = np.linspace(-2, 2, 400)
for sigma, colour in ((1.0, BLUE), (0.5, ORANGE), (0.2, GREEN)):
    nats = gaussian_loss(0, xs, sigma)
    axes[0].plot(xs, np.exp(-nats), color=colour, label=f"σ = {sigma}")
    axes[1].plot(xs, nats, color=colour)
axes[0].set(title="the density p(x)", xlabel="x - μ")
axes[1].set(title="-log p(x), in nats: squared error + constant", xlabel="x - μ", ylim=(-1.5, 8))
axes[0].legend()
show(figure, "03-gaussians")

# %% [markdown]
# ## Binary pixels: the cross-entropy
#
# A binary pixel is on ($x = 1$) or off ($x = 0$), like a coin that shows heads or
# tails. Such a variable is called a *Bernoulli* variable. Its distribution is
# given by one number, the probability that the pixel is on. This number is called
# $p$, without brackets, and is not to be confused with the likelihood $p(x)$: that
# is $p$ if $x = 1$, and $1 - p$ if $x = 0$. In one formula (for each of the two
# values of $x$ one of the terms is zero):
#
# $$ -\log p(x) = -x \log p - (1 - x) \log(1 - p) $$
#
# This is the *binary cross-entropy*. The network outputs any real number $a$, the
# *logit*, and the sigmoid turns it into a probability, $p = \text{sigmoid}(a)$.
# Let us write the loss as a function of $a$. Since $p = 1/(1 + e^{-a})$ and
# $1 - p = 1/(1 + e^{a})$, we have $\log p = -\text{softplus}(-a)$ and
# $\log(1 - p) = -\text{softplus}(a)$, and therefore
#
# $$ L = x\,\text{softplus}(-a) + (1 - x)\,\text{softplus}(a)
# = \text{softplus}(a) - x\,\big(\text{softplus}(a) - \text{softplus}(-a)\big) $$
#
# The difference in brackets equals $a$: the numerator below is $e^a$ times the
# denominator, because $e^a (1 + e^{-a}) = e^a + 1$.
#
# $$ \text{softplus}(a) - \text{softplus}(-a)
# = \log\frac{1 + e^{a}}{1 + e^{-a}} = \log e^a = a $$
#
# The derivative of softplus is the sigmoid (lesson 02), which is $p$. So we arrive
# at
#
# $$ L = \text{softplus}(a) - x\,a, \qquad \frac{dL}{da} = p - x $$
#
# The gradient is the predicted probability minus the truth.


# %%
def cross_entropy(a, x):
    """-log p(x) of each pixel x (0 or 1), in nats, given its logit a: finite for every a."""
    ### BEGIN SOLUTION
    return softplus(a) - x * a
    ### END SOLUTION


def cross_entropy_gradient(a, x):
    """The derivative of `cross_entropy` with respect to the logit a."""
    ### BEGIN SOLUTION
    return sigmoid(a) - x
    ### END SOLUTION


a, x = np.linspace(-6, 6, 25), np.arange(25) % 2.0  # off, on, off, on ...
p = sigmoid(a)
first_form = -x * np.log(p) - (1 - x) * np.log(1 - p)
assert np.allclose(first_form, cross_entropy(a, x)), "the two forms are the same"

numeric = (cross_entropy(a + h, x) - cross_entropy(a - h, x)) / (2 * h)
assert np.allclose(cross_entropy_gradient(a, x), numeric, rtol=0, atol=1e-7)

loss, da = Bernoulli().loss_and_grad(a[None], x[None])  # one example of 25 pixels
assert np.isclose(loss, first_form.sum())
assert np.allclose(da[0], cross_entropy_gradient(a, x)), "npvae's Bernoulli is this formula"

# %% [markdown]
# ## The two forms in a computer
#
# On paper both forms of the cross-entropy are equal. In a computer they are not,
# least of all in single precision (7 digits), in which networks are trained.
#
# **Predict first:** a pixel is off, and the network is wrongly sure that it is on.
# From which logit $a$ on does the first form, $-\log(1 - p)$, fail in float32?

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
assert np.allclose(stable[20:], a[20:]), "for large a the loss is a"

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
# The first whole number for which it fails is 18. For large $a$, $1 - p$ is about
# $e^{-a}$, and just below 1 the numbers of float32 are $6 \cdot 10^{-8}$ apart.
# Since $e^{-18} \approx 1.5 \cdot 10^{-8}$ is less than half of that, $p$ is rounded
# to 1, and $1 - p$ is exactly zero. Then the first form gives infinity for the
# loss, and infinity times zero, NaN, for the gradient. A network that is sure of a
# pixel easily reaches such logits. So likelihoods in npvae take *logits*, never
# probabilities.
#
# ## How many nats does an image cost?
#
# If the pixels of an image are treated as independent, their nats add up. Let us
# compute the cost of digits of $28 \times 28 = 784$ pixels in black and white. Our
# "model" is as simple as possible: for each pixel it knows only the frequency
# $p_i$ with which it is on. We measure the frequencies on one set of digits, for
# *training*, and the cost on another, for *testing*, because a model should not be
# judged by data that it has seen.

# %%
data = digits()
train = data.train.take(slice(0, 20_000)) >= 128  # (20000, 784), True where on
test = (data.test.take(slice(0, 1000)) >= 128).astype(float)
p = np.clip(train.mean(axis=0), 0.001, 0.999)  # never 0 or 1: log(0) is not finite
logits = np.log(p / (1 - p))  # the inverse of the sigmoid

nats = cross_entropy(logits, test)  # (1000, 784)
uniform = 784 * np.log(2)
print(f"p = 1/2 for every pixel:     {uniform:.0f} nats per image")
print(f"p = frequency of each pixel: {nats.sum(axis=1).mean():.0f} nats per image")
assert nats.sum(axis=1).mean() < 0.5 * uniform, "knowing the frequencies saves more than half"

# %%
figure, axes = plt.subplots(1, 4, figsize=(9, 2.6))
truth, frequency = test[3].reshape(28, 28), p.reshape(28, 28)
pictures = {
    "p, the frequencies": (frequency, "gray", 0, 1),
    "a digit x": (truth, "gray", 0, 1),
    f"its cost: {nats[3].sum():.0f} nats": (nats[3].reshape(28, 28), "magma", 0, 2.5),
    "the gradient p - x": (frequency - truth, "RdBu_r", -1, 1),
}
for ax, (name, (values, colours, low, high)) in zip(axes, pictures.items(), strict=True):
    image = ax.imshow(values, cmap=colours, vmin=low, vmax=high)
    figure.colorbar(image, ax=ax, shrink=0.6)
    ax.set_title(name)
    ax.set_axis_off()
show(figure, "03-the-cost-of-a-digit")

# %% [markdown]
# In these pictures ink is white and paper is black. Ink is expensive where it is
# rare, and paper costs a little where ink is frequent. In the gradient, pixels in
# blue should become more probable, and pixels in red less.
#
# Remember the second number, about 200 nats. The models of later lessons are
# measured in the same unit, and they will need less than half of it.
#
# ## Sum or mean?
#
# Many programs take the *mean* over the 784 pixels, so that the loss is 0.26 and
# not about 200. The minimum is in the same place. Does it matter?
#
# Training moves each number by a small step against its gradient. The factor
# between gradient and step is called the *learning rate* (lesson 05).
#
# **Predict first:** by which factor does taking the mean change the gradient? How
# do you have to change the learning rate?

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
# The gradient becomes 784 times smaller, and a learning rate 784 times as large
# would compensate for that. But often a loss has a *second* term. The loss of a
# variational autoencoder (VAE), the goal of this course, has one that is also in
# nats. If the first term is a mean over pixels and the second is not, the second
# has become 784 times as important, although nobody decided that. Lesson 13a shows
# what this does to a VAE.
#
# npvae **sums over pixels and takes the mean over the examples of a batch**,
# everywhere. The sum over pixels of log probabilities is the log probability of
# the image; their mean is not. The mean over the batch is the cost of one image on
# average, whatever the size of the batch.
#
# > **What you may have read:** "binary cross-entropy on grey pixels is the
# > log-likelihood". A grey pixel of 0.4 is neither 0 nor 1, so a Bernoulli
# > variable cannot have this value. The formula can still be computed, and training
# > with it works. But its minimum is not zero, and its value is not a log
# > probability (exercise 2).
#
# You now have layers and losses. Lesson 04 is about finding out whether one of
# them is wrong.

# %% [markdown]
# ## Questions
#
# **Question 1.** Someone trains with the plain squared error and says: "I make no
# assumption about a distribution." What does the loss assume?
#
# - **a** That the target scatters around the network's output like a Gaussian,
#   with one standard deviation for all examples.
# - **b** Nothing. The squared error only measures a distance.
# - **c** That the input data have a normal distribution.
#
# **Question 2.** A loss has two terms: the cross-entropy of an image of 784
# pixels, and another term in nats. A program takes the *mean* of the first over
# the pixels, and leaves the second as it is. What has changed?
#
# - **a** Nothing, since the minimum of a mean is where the minimum of the sum is.
# - **b** Only the size of the gradient: a learning rate 784 times as large makes
#   up for it.
# - **c** The second term now counts 784 times as much as it should, compared with
#   the first.
#
# ## Exercises
#
# Answers are in `answers_03_losses_are_likelihoods.py`.
#
# 1. **Change a number.** A coin shows heads 7 times in 10. Predict which $p$ has
#    the smallest loss for these ten throws, and how many nats that costs. Then try
#    999 values of $p$. *Check:* between 6 and 6.2 nats.
# 2. **The minimum for grey pixels.** Take the grey digits,
#    `data.test.take(slice(0, 1000)) / 255`, and a model that is *perfect*: $p = x$
#    for every pixel. ($0 \cdot \log 0$ should be 0, but a computer makes NaN of
#    it: clip $p$ to $[10^{-12}, 1 - 10^{-12}]$.) *Check:* its cross-entropy is not
#    0, but more than 20 nats per image. What does a perfect model of black and
#    white pixels cost?
# 3. **Derive and implement.** The *Laplace distribution*,
#    $p(x) = \frac{1}{2s} e^{-|x - \mu| / s}$, has a peak in place of the rounded
#    top of the Gaussian. What is its loss, and the gradient with respect to $\mu$?
#    *Check:* compare with the numeric gradient, to $10^{-7}$ (not at $\mu = x$,
#    where there is a kink). And which $\mu$ is best for the numbers 1, 2, 3, 4,
#    100? *Check:* it is one of the five.
