# %% [markdown]
# # 17 · Why VAE images are blurred
#
# *Every picture that your VAE has made is soft. Is that a bug, and what helps?*
#
# - **You need:** lessons 03, 07 and 13a to 16.
# - **You get:** the formula of the blur and a measure of it; the standard
#   deviation $\sigma$ of a Gaussian decoder, and what it does to
#   reconstructions and to samples; and the remedies that people use.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, digits, run_epochs, show, sized

from npvae import VAE, Adam, Autoencoder, Cosine, Pixels, Trainer, figures
from npvae.gaussian import kl_standard_normal, log_density

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 6000)) / 255).astype(np.float32)
x_test, held_out = test[:2000], test[2000:]  # images to encode, and images to compare with
rng = np.random.default_rng(0)
grey = Pixels("none")


def train(name, kind=VAE, **options):
    n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 6, 32))
    model = kind.dense(784, n_h, **options)
    model.start_at(x_train.mean(axis=0))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, grey, Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)
    return model


# %% [markdown]
# ## The best answer to an ambiguous question
#
# You have met blur twice. In exercise 2 of lesson 05 two images shared one
# label, and the decoder drew their mean. In lesson 07 the denoiser could not
# know which digit an image had been, and drew something in between. This is the
# third time: a code $z$ lies in the posteriors of *many* training images, and
# the decoder has one answer for all of them.
#
# What is its best answer? The posteriors $q(z \mid x_i)$ say how often $z$ is
# drawn for image $i$. The expected loss at $z$ is the sum over the images of
# $q(z \mid x_i)$ times the squared error of the answer $\hat x$. Its derivative
# with respect to $\hat x$ is zero where
# $\sum_i q(z \mid x_i)\,(\hat x - x_i) = 0$. So the best answer is a weighted
# mean of the training images (with the cross-entropy, too: exercise 3):
#
# $$ \hat x(z) = \sum_i w_i\, x_i, \qquad
# w_i = \frac{q(z \mid x_i)}{\sum_j q(z \mid x_j)} $$
#
# We can therefore compute what the decoder *should* draw, without the decoder.
# We take a VAE with two latents, where many posteriors overlap, and the code of
# a test image. How many training images share that code? As in lesson 09 we
# compute $1 / \sum_i w_i^2$, which is $k$ if $k$ images have the same weight
# and all others none.
#
# **Predict first:** how similar are the two images, the decoder's and the
# weighted mean of the training images?

# %%
vae_2 = train("VAE, 2 latents", n_z=2)


def weights(log_q):
    """The weights w of the images at each code, from log q(z | x), (codes, images): as log_q.

    In each row the weights are in proportion to q and add up to 1. Every q may be rounded to zero,
    so take the largest of the row out of it, as a factor.
    """
    ### BEGIN SOLUTION
    w = np.exp(log_q - log_q.max(axis=1, keepdims=True))
    return w / w.sum(axis=1, keepdims=True)
    ### END SOLUTION


def weights_of(model):
    """The weights of all training images at the codes of 100 test images, (100, N)."""
    mu, logvar = model.encode(x_train)
    codes = model.encode(x_test[:100])[0]
    return weights(np.stack([log_density(z[None], mu, logvar) for z in codes]))


def sharing(w):
    """How many training images share a code: the median over the codes."""
    return np.median(1 / (w**2).sum(axis=1))


w = weights_of(vae_2)
means, decoded = w @ x_train, vae_2.reconstruct(x_test[:100])
with_mean = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(decoded, means, strict=True)])
with_all = np.mean([np.corrcoef(a, x_train.mean(axis=0))[0, 1] for a in decoded])
print(f"training images that share a code: about {sharing(w):.0f}")
print(
    f"mean correlation of the decoder's image: with the weighted mean {with_mean:.3f}, "
    f"with the mean of all images {with_all:.3f}"
)
assert sharing(w) > 10
assert with_mean > max(0.92, with_all + 0.05), "it draws the mean of those that share the code"

shown = (0, 1, 2, 4, 7, 8)
rows = [[x_test[i], decoded[i], means[i], *x_train[np.argsort(-w[i])[:9]]] for i in shown]
told = "test image; decoded; weighted mean; nine training images that share the code"
ax = figures.samples(np.concatenate(rows), data.shape, across=12, told=told)
show(ax, "17-what-shares-a-code")

# %% [markdown]
# They are nearly the same. (Now and then the decoder is closer to another of
# the digits that share the code.) The decoder does what it was trained to do.
# Each of the nine images on the right is sharp, but they *differ*, sometimes
# only in their slant, often even in the digit, and their mean is soft where
# they disagree. **The blur is the information that the code does not carry.**
#
# So the first remedy is a code that carries more. We need a measure of
# sharpness. At a sharp edge neighbouring pixels differ a lot, so we add up the
# squared differences of all neighbouring pixels. (A blurred edge spreads the
# same difference over several pixels, and the squares of small numbers are very
# small.)
#
# **Predict first:** with 2, 8 and 32 latents, how much of the edges of real
# digits is left in the reconstructions? And in the *samples*?


# %%
def edges(x):
    """Squared differences of neighbouring pixels, summed over an image; the mean over images.

    x is (N, 784), images of 28 rows. Neighbours are beside each other or one below the other.
    """
    ### BEGIN SOLUTION
    images = x.reshape(-1, 28, 28)
    across, down = np.diff(images, axis=2), np.diff(images, axis=1)
    return float(((across**2).sum(axis=(1, 2)) + (down**2).sum(axis=(1, 2))).mean())
    ### END SOLUTION


def kl_of(model):
    """The mean KL divergence of the posteriors of the test images, in nats."""
    mu, logvar = model.encode(x_test)
    return float(kl_standard_normal(mu, logvar).mean())


real = edges(x_test)  # the edges printed below are shares of that
models = {2: vae_2} | {n_z: train(f"VAE, {n_z} latents", n_z=n_z) for n_z in (8, 32)}
reconstructed, sampled = {}, {}
for n_z, model in models.items():
    reconstructed[n_z] = edges(model.reconstruct(x_test)) / real
    sampled[n_z] = edges(model.sample(1000)) / real
    print(
        f"{n_z:2d} latents: KL {kl_of(model):4.1f} nats; edges of reconstructions "
        f"{reconstructed[n_z]:.0%}, of samples {sampled[n_z]:.0%}; training images that share a "
        f"code {sharing(weights_of(model)):.1f}"
    )
autoencoder = train("autoencoder, 32 latents", Autoencoder, n_z=32)
without_kl = edges(autoencoder.reconstruct(x_test)) / real
print(f"autoencoder, 32 latents: edges of reconstructions {without_kl:.0%}")
assert reconstructed[32] < without_kl < 0.95, "without KL and noise it is sharper, but not sharp"
assert reconstructed[2] < reconstructed[8] < 0.9, "a code that carries more is sharper"
assert 0.9 < reconstructed[32] / reconstructed[8] < 2, "but four times the latents are not enough"
assert all(sampled[n_z] < reconstructed[n_z] for n_z in models), "and samples are softer still"

# %% [markdown]
# Eight latents carry much more than two. But with 32 the code carries nowhere
# near four times as many nats as with eight, and much of the edges is missing
# even so. The number of latents is not the limit: a nat of KL divergence must
# save a nat of the reconstruction term, and sharp edges save too little. That
# is a part of it. An autoencoder with 32 latents, trained as long and without a
# KL divergence, is sharper, but not sharp either. The rest is the network.
# Samples are softer still: their codes come from the prior, and many fall
# between the posteriors.
#
# Look also at the last number of each line. With two latents many training
# images share a code, and the decoder draws their mean. With eight or more it
# is one or two, and one is the smallest possible value: hardly any images share
# a code. For the training images alone it would now be best to memorise each of
# them. The decoder cannot: it is smooth, and has far fewer weights than they
# have pixels, so nearby codes get similar answers. And it should not, for the
# digits that it has *not* seen lie there, too. It draws a mean of all that it
# cannot distinguish.
#
# So how many nats is an error worth? With Bernoulli pixels there is no choice.
# With Gaussian pixels *we* decide it, by $\sigma$.
#
# ## The standard deviation of a Gaussian decoder
#
# Let $p(x \mid z)$ be a Gaussian (lesson 03): each pixel has the decoder's
# output as its mean, and $\sigma$ as its standard deviation. (Lesson 12a called
# it $\sigma_x$. It is not the $\sigma$ of the posterior.) With $S$ the sum of
# the squared errors over the $n_x$ pixels, the reconstruction term is
#
# $$ -\log p(x \mid z) = \frac{S}{2\sigma^2} + n_x \log\sigma + \text{constant} $$
#
# So $\sigma$ is the *exchange rate* between errors and nats. Many programs use
# half the squared error and never mention $\sigma$. That is $\sigma = 1$, which
# says that the error of each pixel is about $\pm 1$, as much as between black
# and white! An error of 0.1 then costs 0.005 nats, so hardly any information is
# worth its cost. Which $\sigma$ is best? Differentiate:
#
# $$ -\frac{S}{\sigma^3} + \frac{n_x}{\sigma} = 0 \quad\Rightarrow\quad
# \sigma^2 = \frac{S}{n_x} $$
#
# The best variance is the **mean squared error per pixel**. So $\sigma$ need
# not be chosen at all: one may learn it by gradient descent like any other
# parameter (`sigma="learned"`), or insert the formula, batch by batch
# (`sigma="optimal"`).
#
# **Predict first:** compare the optimal $\sigma$ with $\sigma = 1$. Which model
# has the sharper reconstructions? And which generates *samples* that are nearer
# to real digits?


# %%
def nearest(x):
    """The squared distance of each row of x to the nearest of 4,000 held-out images."""
    square = (x * x).sum(axis=1)[:, None] + (held_out * held_out).sum(axis=1)
    return np.maximum((square - 2 * x @ held_out.T).min(axis=1), 0)


gaussians = {
    "σ = 1": train("Gaussian VAE, σ = 1", n_z=20, likelihood="gaussian", sigma=1.0),
    "optimal σ": train("Gaussian VAE, optimal σ", n_z=20, likelihood="gaussian", sigma="optimal"),
}
eps = rng.standard_normal((len(x_train), 20)).astype(np.float32)
rate, error, sigma, sharpness, distance = {}, {}, {}, {}, {}
for name, model in gaussians.items():
    rate[name] = kl_of(model)
    error[name] = ((model.reconstruct(x_train, eps=eps) - x_train) ** 2).mean()  # with z drawn
    sigma[name] = float(np.ravel(model.likelihood.sigma)[0])
    sharpness[name] = edges(model.reconstruct(x_test)) / real
    distance[name] = nearest(model.sample(1000)).mean()
    print(
        f"{name:<9} σ² {sigma[name] ** 2:.4f}, mean squared error {error[name]:.4f}; KL "
        f"{rate[name]:4.1f} nats; edges of reconstructions {sharpness[name]:.0%}; samples: squared "
        f"distance to the nearest digit {distance[name]:.1f}"
    )
assert np.isclose(sigma["optimal σ"] ** 2, error["optimal σ"], rtol=0.05), "σ² is the error"
assert rate["optimal σ"] > 3 * rate["σ = 1"], "more information is worth its cost"
assert sharpness["optimal σ"] > 1.4 * sharpness["σ = 1"], "reconstructions are sharper"
assert distance["optimal σ"] > 1.1 * distance["σ = 1"], "but samples are farther from digits"

mean_error = error["optimal σ"]
sigmas = np.geomspace(0.05, 1.2, 200)
cost = 784 * (mean_error / (2 * sigmas**2) + np.log(sigmas) + 0.5 * np.log(2 * np.pi))
assert np.isclose(sigmas[cost.argmin()] ** 2, mean_error, rtol=0.05)
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.2), width_ratios=(2, 2.6, 2.6))
left.semilogx(sigmas, cost, color=BLUE)
left.axvline(np.sqrt(mean_error), color=ORANGE, linestyle="--", label="√ mean squared error")
left.set_title("the same errors, another σ")
left.set(xlabel="σ of the decoder", ylabel="reconstruction term, nats")
left.set_ylim(cost.min() - 250, 900)
left.legend(loc="lower right")
chosen = x_test[:8]
rows = [chosen, *(model.reconstruct(chosen) for model in gaussians.values())]
told = "test images; reconstructed: σ = 1, optimal σ"
figures.samples(np.concatenate(rows), data.shape, across=8, told=told, ax=middle)
rows = [model.sample(12, rng=0) for model in gaussians.values()]
told = "samples: σ = 1 (above), optimal σ (below)"
images = np.clip(np.concatenate(rows), 0, 1)
figures.samples(images, data.shape, across=6, told=told, ax=right)
show(figure, "17-sigma")

# %% [markdown]
# The curve on the left is lowest at the root of the mean squared error. In the
# middle: with the optimal $\sigma$ the reconstructions are far sharper, and the
# code carries far more nats, since an error now costs more.
#
# The samples on the right go **the other way**. With $\sigma = 1$ they are very
# soft but look like digits. With the optimal $\sigma$ they are sharper, but
# many are only scratches, and they lie farther from real digits. The reason is
# the KL divergence: posteriors that carry more nats are narrower and lie
# further apart, so that a draw from the prior more often falls between them,
# where the decoder was never trained. *Sharper reconstructions and better
# samples pull $\sigma$ in opposite directions.* This is the trade-off of lesson
# 16 again. The loss times $\sigma^2$ is $\tfrac12 S + \sigma^2\,\text{KL}$ plus
# a constant, so compared with $\sigma = 1$ the weight of the KL divergence is
# $\beta = \sigma^2$, some 0.01 to 0.02 here. The difference is that $\sigma$
# belongs to the likelihood, so that the ELBO stays an ELBO.
#
# (The nats are negative, because the density of a Gaussian with a small
# $\sigma$ is above 1: lesson 03.)
#
# ## A trap: a σ for each pixel
#
# If one $\sigma$ is good, should not each pixel have its own? By the same
# derivation the best variance of a pixel is the mean squared error of *that*
# pixel. But a pixel in the corner is black in all images. Its error is nearly
# zero, so its Gaussian becomes as narrow, and its density as large, as you
# allow.
#
# **Predict first:** we keep the trained model, and change only the $\sigma$
# with which we evaluate it: one for each pixel, but never below a *floor*. We
# lower the floor. What happens to the nats, and what to the pictures?


# %%
def gaussian_nats(residual, var):
    """-log p(x | z) of each image, (N,), in nats, by its errors, (N, n_x).

    var is the variance of a Gaussian pixel: a number, or (n_x,), one for each pixel.
    """
    ### BEGIN SOLUTION
    return 0.5 * (residual**2 / var + np.log(2 * np.pi * var)).sum(axis=1)
    ### END SOLUTION


model = gaussians["optimal σ"]
residual = model.reconstruct(x_train, eps=eps) - x_train
noise = rng.standard_normal((len(x_test), 20)).astype(np.float32)
residual_test = model.reconstruct(x_test, eps=noise) - x_test
one_for_all = gaussian_nats(residual_test, mean_error)
print(
    f"one σ for all pixels: test images {one_for_all.mean():7.1f} nats, "
    f"the most expensive one {one_for_all.max():7.1f}"
)
for floor in (0.1, 0.03, 0.01, 1 / 255):
    var = np.maximum((residual**2).mean(axis=0), floor**2)
    nats = gaussian_nats(residual_test, var)
    at_floor = (var <= floor**2).sum()
    print(
        f"floor {floor:.4f}: {at_floor:3d} pixels at the floor; test images {nats.mean():7.1f} "
        f"nats, the most expensive one {nats.max():7.1f}"
    )
gain = 0.5 * (residual_test**2 * (1 / mean_error - 1 / var) + np.log(mean_error / var))
gain = gain.mean(axis=0)  # of each pixel, with the last floor
dark = x_train.mean(axis=0) < 0.001
of_dark = gain[dark].sum()
print(f"{gain.sum():.0f} nats gained, {of_dark:.0f} of them in the {dark.sum()} darkest pixels")
assert np.isclose(gain.sum(), (one_for_all - nats).mean(), rtol=1e-3)
assert gain.sum() > 400, "hundreds of nats, and no picture has changed"

# %% [markdown]
# Hundreds of nats are gained in pixels that are nearly always black, and no
# picture has changed. Such a number says nothing about digits. And it is
# brittle: look at the most expensive image, in which a stroke reaches into
# pixels where hardly any training image had ink. A floor below $1/255$, one
# step of grey, makes no sense, since the data are no finer. But as you see,
# that floor does not prevent the problem. Say which floor you used. Or, better,
# use one $\sigma$ for all pixels.
#
# ## Mean or sample?
#
# One more thing about those soft images: strictly they are not samples.
# `decode` and `sample` return *means*. To draw an image from the model one has
# to draw the pixels, too.
#
# **Predict first:** does a true sample of $p(x \mid z)$ look sharper?

# %%
gaussian, bernoulli = gaussians["optimal σ"], models[32]
means = gaussian.decode(rng.standard_normal((1000, 20)).astype(np.float32))
drawn = gaussian.likelihood.draw(means, rng)
dots = bernoulli.sample(8, rng=3, draw=True)
rows = [means[:8], np.clip(drawn[:8], 0, 1), bernoulli.sample(8, rng=3), dots]
told = "Gaussian: mean, sample; Bernoulli, other codes: mean, sample"
ax = figures.samples(np.concatenate(rows), data.shape, across=8, told=told)
show(ax, "17-mean-and-sample")
print(f"Gaussian: edges of means {edges(means) / real:.0%}, of samples {edges(drawn) / real:.0%}")
assert edges(drawn) > 1.5 * edges(means), "drawing the pixels adds edges, as noise does"

# %% [markdown]
# It has edges enough, but they are noise. Given $z$, each pixel is drawn
# *independently* of its neighbours. Where the model is unsure of the place of
# an edge, the pixels do not agree on it. So we show means, which are soft, and
# keep in mind that to the model itself an image is a mean plus noise.
#
# ## What helps
#
# Blur is neither a bug nor inevitable. It comes from three decisions, and each
# can be made differently.
#
# - **How much the code carries.** More latents, or a smaller $\sigma$ or
#   $\beta$, make reconstructions sharper and, as you saw, samples worse.
#   Several layers of latents, from coarse to fine, improve both (hierarchical
#   VAEs generate sharp faces). So do codes that are chosen from a learned list,
#   with a prior that is learned afterwards (VQ-VAE).
# - **That pixels are independent, given $z$.** A decoder that draws pixel by
#   pixel, each conditioned on those before it, makes sharp samples (and easily
#   ignores $z$: posterior collapse). Or a *diffusion model* redraws what the
#   VAE has left out.
# - **That the error is counted pixel by pixel.** A stroke that is shifted by
#   its own width costs twice, a missing stroke once, so it is better to draw
#   none than one in the wrong place. One can compare *features* of images
#   instead of pixels, numbers that another network computes. And a **GAN** asks
#   a different question. It has two networks. The second, the *discriminator*,
#   tries to tell generated images from real ones. Blur would give them away at
#   once, so the first, the *generator*, learns to be sharp. The drawbacks: no
#   likelihood, no encoder, a training that may oscillate for ever, and a
#   generator that may leave out whole kinds of images, since nothing penalises
#   it for what it does *not* draw. A VAE is penalised for that, and blurs
#   rather than leaves anything out.
#
# > **What you may have read:** "VAEs are blurry because of the KL term", or
# > "because of the squared error". Each is a part of it. Without the KL
# > divergence the reconstructions are sharper and the samples worse. And with
# > the cross-entropy they are about as soft as with the best $\sigma$. Behind
# > both is a mean over everything that the decoder cannot distinguish.
#
# Soft or sharp is one question, good or bad is another. Lesson 18 evaluates a
# VAE by one number. Lesson 20b measures the samples of a GAN as we did here.

# %% [markdown]
# ## Questions
#
# **Question 1.** Why are the images that a VAE decodes blurred?
#
# - **a** Because of the KL divergence. Without it they would be sharp.
# - **b** Because of the squared error; the cross-entropy would make them sharp.
# - **c** Because the decoder draws a mean of all the images that it cannot
#   distinguish by their code.
#
# **Question 2.** You use a Gaussian decoder and "just the squared error", halved,
# without any $\sigma$. Which $\sigma$ have you chosen?
#
# - **a** $\sigma = 1$, an error of about $\pm 1$ in each pixel, which makes the
#   KL divergence dear and the images soft.
# - **b** None, since the squared error needs none.
# - **c** The best one, since training finds it by itself.
#
# ## Exercises
#
# Answers are in `answers_17_blur.py`.
#
# 1. **Change a number.** Train the Gaussian VAE with a given $\sigma$ of 0.05,
#    far below the optimum. Predict edges, rate, and how the samples look.
#    *Check:* the rate is at least 1.3 times that of `sigma="optimal"`, and
#    samples are farther from held-out digits (`nearest`).
# 2. **Learn it.** Use `sigma="learned"`: a parameter that Adam updates. It
#    starts at the variance of the data
#    (`model.likelihood.start_at_variance(x_train.var(axis=0))`) and
#    falls. Predict from which side it approaches the mean squared error.
#    *Check:* at the end $\sigma^2$ is less than half of its first value, and
#    not below 0.9 times the error.
# 3. **Derive and implement.** Show that the weighted mean is the best answer
#    also for the cross-entropy,
#    $-\sum_i w_i \left(x_i \log p + (1 - x_i) \log(1 - p)\right)$, where $p$ is
#    the probability that the decoder outputs. *Check:* for ten grey values and
#    random weights, the best of 9,999 values of $p$ is the weighted mean, to
#    three digits. And for $|x - p|$? (It is the weighted *median*, which is
#    sharp: exercise 3 of lesson 03.)
