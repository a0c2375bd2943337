# %% [markdown]
# # 17 · Why is it blurred?
#
# *Every picture that your VAE has made is soft. Is that a bug, and what helps?*
#
# - **You need:** lessons 03, 07 and 13 to 16.
# - **You get:** the formula of the blur, its measure, what a wider code and a
#   smaller $\sigma$ do to it, and the remedies that people use.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, digits, show, sized

from npvae import VAE, Adam, Autoencoder, Cosine, Pixels, Trainer, figures
from npvae.gaussian import kl_standard_normal, log_density

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
x_test = (data.test.take(slice(0, 2000)) / 255).astype(np.float32)
rng = np.random.default_rng(0)
grey = Pixels("none")


def train(kind=VAE, **options):
    n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 6, 32))
    model = kind.dense(784, n_h, **options)
    model.start_at(x_train.mean(axis=0))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, grey, Adam(), batch_size=batch_size, lr=lr)
    while trainer.goes_on(epochs):
        trainer.step()
    return model


# %% [markdown]
# ## The best answer to an unclear question
#
# You have met blur twice. In exercise 2 of lesson 05 two images shared one label,
# and the decoder drew their mean. In lesson 07 the masker could not know which
# digit it had been, and drew something in between. Here it is for the third time:
# a code $z$ lies in the clouds of *many* training images, and the decoder has one
# answer for all of them.
#
# What is its best answer? Let the clouds $q(z \mid x_i)$ say how often $z$ is
# drawn for image $i$. The loss there is the sum over the images of
# $q(z \mid x_i)$ times the squared error. Its derivative by $\hat x$ is zero
# where $\sum_i q(z \mid x_i)\,(\hat x - x_i) = 0$, at the weighted mean. (With
# the cross-entropy, too: exercise 3.)
#
# $$ \hat x(z) = \frac{\sum_i q(z \mid x_i)\, x_i}{\sum_i q(z \mid x_i)} $$
#
# So we can compute, without the decoder, what it *should* draw. We take a VAE
# with two latents, where many clouds overlap, and the code of a test image. We
# weigh all training images by how high their clouds are there. (How many count?
# We ask as in lesson 09, $1 / \sum w^2$.)
#
# **Predict first:** how like will the two images be, the decoder's and the
# weighted mean of the training images?

# %%
vae_2 = train(n_z=2)


def weights(model):
    """q(z | x_i) of all training images at the codes z of 100 test images, (100, N).

    Each row sums to one.
    """
    mu, logvar = model.encode(x_train)
    log_q = np.stack([log_density(z[None], mu, logvar) for z in model.encode(x_test[:100])[0]])
    w = np.exp(log_q - log_q.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True)


w = weights(vae_2)
means, drawn = w @ x_train, vae_2.decode(vae_2.encode(x_test[:100])[0])
alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(means, drawn, strict=True)]
many = np.median(1 / (w**2).sum(axis=1))
print(f"images that share a code: about {many:.0f}")
soft = [np.corrcoef(x_train.mean(axis=0), b)[0, 1] for b in drawn]
print(
    f"decoder and weighted mean: correlation {np.mean(alike):.3f} in the mean; "
    f"decoder and mean of all images: {np.mean(soft):.3f}"
)
assert many > 10
assert np.mean(alike) > max(0.92, np.mean(soft) + 0.05), (
    "the decoder draws the mean of those that share the code"
)

shown = (0, 1, 2, 4, 7, 8)
rows = [[x_test[i], drawn[i], means[i], *x_train[np.argsort(-w[i])[:9]]] for i in shown]
told = "a test image, decoded; the weighted mean; nine of those that share the code"
ax = figures.samples(np.concatenate(rows), data.shape, across=12, told=told)
show(ax, "17-what-shares-a-code")

# %% [markdown]
# Nearly the same. (Now and then the decoder leans more to another of the digits
# that share the code.) The decoder does what it was asked to do. Each of the nine
# on the right is sharp, but they are *different*, sometimes only in their slant,
# often even in the digit, and their mean is soft where they disagree. **Blur is
# what the code does not say.**
#
# So the first remedy is a code that says more. We need a measure. At a sharp edge
# neighbouring pixels differ a lot, so we add up the squares of all differences
# between neighbours. (A blurred edge spreads the same rise over several pixels,
# and the squares of small numbers are very small.)
#
# **Predict first:** with 2, 8 and 32 latents, how much of the edges of real
# digits is left in reconstructions? And in *samples*?


# %%
def edges(x):
    """Squared differences of neighbouring pixels, summed over an image; the mean of all."""
    images = x.reshape(-1, 28, 28)
    across, down = np.diff(images, axis=2), np.diff(images, axis=1)
    return float(((across**2).sum(axis=(1, 2)) + (down**2).sum(axis=(1, 2))).mean())


def kl_of(model):
    """The mean price of a code of the test images, in nats."""
    mu, logvar = model.encode(x_test)
    return float(kl_standard_normal(mu, logvar).mean())


real = edges(x_test)  # what follows are shares of that
models = {2: vae_2, 8: train(n_z=8), 32: train(n_z=32)}
rebuilt, sampled = {}, {}
for n_z, model in models.items():
    rebuilt[n_z] = edges(model.reconstruct(x_test)) / real
    sampled[n_z] = edges(model.sample(1000)) / real
    share = np.median(1 / (weights(model) ** 2).sum(axis=1))
    print(
        f"{n_z:2d} latents, {kl_of(model):4.1f} nats: edges of reconstructions {rebuilt[n_z]:.0%}, "
        f"of samples {sampled[n_z]:.0%}; training images that share a code {share:.1f}"
    )
plain = edges(train(Autoencoder, n_z=32).reconstruct(x_test)) / real
print(f"an autoencoder with 32 numbers: {plain:.0%}")
assert rebuilt[32] < plain < 0.95, "without price and draw it is sharper, and still not sharp"
assert rebuilt[2] < rebuilt[8] < 0.9, "a code that says more is sharper, and still not sharp"
assert 0.9 < rebuilt[32] / rebuilt[8] < 2, "four times the room is not four times as sharp"
assert all(sampled[n_z] < rebuilt[n_z] for n_z in models), "and samples are softer still"

# %% [markdown]
# Eight say much more than two. But with 32 the code carries nowhere near four
# times as many nats as with eight, and much of the edges is missing even so. Room
# is not what it lacks. A nat in the code must save a nat in the reconstruction,
# and sharp edges save too little. (That is part of it. An autoencoder with 32
# numbers, trained as long and charged nothing, is sharper, but not sharp either.
# The rest is the network.) Samples are softer still: their codes come from the
# prior, and many fall between the clouds.
#
# Look at the last column, too. With two latents many training images share a
# code, and the decoder draws their mean. With eight or more it is one or two, and
# one is the least that this count can say: hardly any do. The best answer for the
# training images alone would now be to know each of them by heart. The decoder
# cannot: it is smooth, and has far fewer weights than they have pixels, so near
# codes share an answer. And it should not, for the digits that it has *not* seen
# lie there, too. It draws a mean of all that it cannot tell apart.
#
# So how much is an error worth? For coins that is settled. For bells *we* decide
# it, by $\sigma$.
#
# ## The width of the decoder's bell
#
# Let the decoder believe in bells (lesson 03): $p(x \mid z)$ is a bell of width
# $\sigma$ around each pixel of its image. (Lesson 12 called it $\sigma_x$. It has
# nothing to do with the width of the clouds.) With $s$ the sum of the squared
# errors over the $n_x$ pixels, the reconstruction costs
#
# $$ -\log p(x \mid z) = \frac{s}{2\sigma^2} + n_x \log\sigma + \text{constant} $$
#
# So $\sigma$ is the *exchange rate* between errors and nats. Many programs use
# half the squared error and never ask. That is $\sigma = 1$: the belief that each
# pixel is wrong by $\pm 1$, as much as black from white! An error of 0.1 then
# costs 0.005 nats: hardly worth a code. What is the best $\sigma$? Differentiate:
#
# $$ -\frac{s}{\sigma^3} + \frac{n_x}{\sigma} = 0 \quad\Rightarrow\quad
# \sigma^2 = \frac{s}{n_x} $$
#
# The best variance is the **mean squared error of a pixel**. It need not be
# chosen at all: one may learn it by gradient, as any other parameter
# (`sigma="learned"`), or put the formula in, batch by batch (`sigma="optimal"`).
#
# **Predict first:** what does the optimal $\sigma$ do to the blur, and what to
# the rate?

# %%
bells = {
    "given: 1": train(n_z=20, likelihood="gaussian", sigma=1.0),
    "optimal": train(n_z=20, likelihood="gaussian", sigma="optimal"),
}
eps = rng.standard_normal((len(x_train), 20)).astype(np.float32)
found = {}
for name, model in bells.items():
    kl = kl_of(model)
    error = (
        (model.reconstruct(x_train, eps=eps) - x_train) ** 2
    ).mean()  # of a pixel, with z drawn
    sigma = float(np.ravel(model.likelihood.sigma)[0])
    found[name] = kl, error, sigma, edges(model.reconstruct(x_test)) / real
    print(
        f"{name:<9} σ = {sigma:.3f}, σ² = {sigma**2:.4f}, mean squared error {error:.4f}; "
        f"rate {kl:4.1f} nats; edges {found[name][3]:.0%}"
    )
assert np.isclose(found["optimal"][2] ** 2, found["optimal"][1], rtol=0.05), "σ² is the error"
assert found["optimal"][0] > 3 * found["given: 1"][0], "more is worth saying"
assert found["optimal"][3] > 1.4 * found["given: 1"][3], "and it is sharper"

error = found["optimal"][1]
widths = np.geomspace(0.05, 1.2, 200)
cost = 784 * (error / (2 * widths**2) + np.log(widths) + 0.5 * np.log(2 * np.pi))
assert np.isclose(widths[cost.argmin()] ** 2, error, rtol=0.05)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(2, 3))
left.semilogx(widths, cost, color=BLUE)
left.axvline(np.sqrt(error), color=ORANGE, linestyle="--", label="root of the mean squared error")
left.set_title("the same images, priced with another σ")
left.set(xlabel="σ of the decoder", ylabel="reconstruction, nats", ylim=(cost.min() - 100, 900))
left.legend(loc="lower right")
chosen = slice(0, 10)
rows = [x_test[chosen], *(model.reconstruct(x_test[chosen]) for model in bells.values())]
told = "test images; σ = 1; the optimal σ"
figures.samples(np.concatenate(rows), data.shape, across=10, told=told, ax=right)
show(figure, "17-sigma")

# %% [markdown]
# On the left the curve is lowest at the root of the mean squared error. On the
# right: far sharper than with $\sigma = 1$, and with a far richer code: an error
# is worth more now, so more nats are spent on avoiding it. (That is near what the
# coins gave, above or below. And some of its edges are ghosts beside the
# strokes.) If you look back at lesson 16 you will see the same knob: the loss
# times $\sigma^2$ is $\tfrac12 s + \sigma^2\,\text{KL}$ and a constant. Against
# $\sigma = 1$ that is $\beta = \sigma^2$, some 0.01 to 0.02 here. But here it
# comes out of the likelihood, and the ELBO stays an ELBO.
#
# (The nats are negative. A bell of width a tenth is higher than 1: lesson 03.)
#
# ## A trap: a σ for each pixel
#
# If one $\sigma$ is good, should not each pixel have its own? By the same
# derivation the best variance of a pixel is the mean squared error of *that*
# pixel. But a pixel in the corner is black in all images. Its error is next to
# nothing, so its bell becomes as narrow as you let it, and its density as high.
#
# **Predict first:** we keep the trained model, and only change which $\sigma$ we
# believe in: one for each pixel, but never below a *floor*. The floor goes down.
# What happens to the nats, and what to the pictures?

# %%
model = bells["optimal"]
residual = model.reconstruct(x_train, eps=eps) - x_train
noise = rng.standard_normal((len(x_test), 20)).astype(np.float32)
residual_test = model.reconstruct(x_test, eps=noise) - x_test
one_for_all = 0.5 * (residual_test**2 / error + np.log(2 * np.pi * error)).sum(axis=1)
print(
    f"one σ for all pixels: test {one_for_all.mean():7.1f} nats, "
    f"the dearest image {one_for_all.max():9.1f}"
)
for floor in (0.1, 0.03, 0.01, 1 / 255):
    var = np.maximum((residual**2).mean(axis=0), floor**2)
    nats = 0.5 * (residual_test**2 / var + np.log(2 * np.pi * var)).sum(axis=1)
    at_floor = (var <= floor**2).sum()
    print(
        f"floor {floor:.4f}: {at_floor} pixels at it; test {nats.mean():7.1f} nats, "
        f"the dearest image {nats.max():9.1f}"
    )
dark = x_train.mean(axis=0) < 0.001  # and var is that of the last floor
earned = 0.5 * (residual_test**2 * (1 / error - 1 / var) + np.log(error / var)).mean(axis=0)
print(f"of {earned.sum():.0f} nats the {dark.sum()} darkest pixels earn {earned[dark].sum():.0f}")
assert np.isclose(earned.sum(), (one_for_all - nats).mean(), rtol=1e-3)
assert earned.sum() > 400, "hundreds of nats, and not one picture has changed"

# %% [markdown]
# Hundreds of nats, earned in pixels that are nearly always black, and not one
# picture has changed. A number like that says nothing about digits. And it is
# brittle: look at the dearest image, of which a stroke reaches into pixels where
# next to no training image had any ink. Below $1/255$, one step of grey, a floor
# makes no sense, since the data are no finer. But as you see, it does not save
# you. Say which floor you took. Or, better, keep one $\sigma$ for all.
#
# ## Mean or sample?
#
# There is one more thing to know about those soft images: they are not samples.
# `decode` and `sample` return *means*. To draw an image from the model one has to
# draw the pixels, too.
#
# **Predict first:** does a true sample of $p(x \mid z)$ look sharper?

# %%
gaussian, bernoulli = bells["optimal"], models[32]
means = gaussian.decode(rng.standard_normal((1000, 20)).astype(np.float32))
drawn = gaussian.likelihood.draw(means, rng)
dots = bernoulli.sample(8, rng=3, draw=True)
rows = [means[:8], np.clip(drawn[:8], 0, 1), bernoulli.sample(8, rng=3), dots]
told = "Gaussian: mean, sample; Bernoulli, other codes: mean, sample"
ax = figures.samples(np.concatenate(rows), data.shape, across=8, told=told)
show(ax, "17-mean-and-sample")
print(f"Gaussian: edges of means {edges(means) / real:.0%}, of samples {edges(drawn) / real:.0%}")
assert edges(drawn) > 1.5 * edges(means), "the draw adds edges: it must, as snow"

# %% [markdown]
# It has edges enough, but they are snow. Given $z$, each pixel is drawn *by
# itself*, as if its neighbours did not exist. Where the model is unsure of an
# edge, the pixels do not agree where it lies. So we show means, which are pretty
# and soft, and keep in mind that the model itself thinks of images as mean plus
# snow.
#
# ## What helps
#
# Blur is not a bug, and no law of nature either. It comes from three decisions,
# and each can be taken otherwise.
#
# - **What the code says.** A code that is wide enough, a smaller $\sigma$ or
#   $\beta$: more nats. (Sharper reconstructions, that is. The samples get worse.)
#   Or better ones: several layers of latents, from coarse to fine (hierarchical
#   VAEs make sharp faces), or codes that are picked from a learned list (VQ-VAE).
# - **That pixels are independent, given $z$.** A decoder that draws pixel by
#   pixel, each knowing those before it, makes sharp samples (and easily forgets
#   $z$: collapse). Or one lets a *diffusion model* repaint what the VAE has left
#   out.
# - **That error is counted pixel by pixel.** A stroke that is shifted by its own
#   width costs twice, a missing stroke once: so better none than one in the wrong
#   place. One can compare *features* of images instead of pixels, numbers that
#   some other network has found. And a **GAN** asks a different question
#   altogether. It has two networks. The second, the *discriminator*, tries to
#   tell made-up images from real ones. Blur would give them away at once, so the
#   first, the *generator*, learns to be sharp. The price: no likelihood, no
#   encoder, a training that may swing for ever, and a generator that may forget
#   whole kinds of images, since nobody fines it for what it does *not* draw. A
#   VAE is fined for that, and blurs rather than leaves anything out.
#
# > **What you may have read:** "VAEs are blurry because of the KL term" or
# > "because of the squared error". Each is a part of it. Without the KL the
# > reconstructions are sharper and the samples worse. And with a cross-entropy
# > they are about as soft as with the best $\sigma$. What is behind both is a
# > mean over all that the decoder cannot tell apart.
#
# Soft or sharp is one question, good or bad is another. Lesson 18 puts a number
# on it.
#
# ## Exercises
#
# Answers are in `answers_17_blur.py`.
#
# 1. **Change a number.** Train the Gaussian VAE with a given $\sigma$ of 0.05,
#    far below the optimum. Predict edges, rate, and how samples look. *Check:*
#    the rate is at least 1.3 times that of `sigma="optimal"`, and made-up images
#    are farther from held-out digits (`nearest` of lesson 08).
# 2. **Learn it.** Use `sigma="learned"`: a parameter that Adam moves. It begins
#    at the spread of the data
#    (`model.likelihood.start_at_variance(x_train.var(axis=0).mean())`) and comes down.
#    Predict from which side it approaches the mean squared error. *Check:* at the
#    end $\sigma^2$ is less than half of where it began, and not below 0.9 times
#    the error.
# 3. **Derive and implement.** Show that the weighted mean is the best answer also
#    for the cross-entropy,
#    $-\sum_i w_i \left(x_i \log p + (1 - x_i) \log(1 - p)\right)$. *Check:* for
#    ten grey values and random weights, the best of 9,999 values of $p$ is the
#    weighted mean, to three digits. And for $|x - p|$? (It is the weighted
#    *median*, which is sharp: exercise 3 of lesson 03.)
