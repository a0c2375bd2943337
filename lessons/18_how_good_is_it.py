# %% [markdown]
# # 18 · How good is it?
#
# *Two people have each trained a VAE. Whose is better, and how would they find
# out?*
#
# - **You need:** lessons 03, 09, 12, 13 and 17.
# - **You get:** $\log p(x)$ of your own model with error bars, a place in the
#   published table, and a list of what such a number does not tell.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, digits, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, evaluate, figures, log_likelihood
from npvae.iwae import log_mean_exp_and_grad

data = digits()
train_part = data.train.only(slice(0, sized(50_000, quick=5000)))
black_or_white = Pixels("dynamic")
n_h, epochs, batch_size = sized((400, 8, 100), quick=(200, 6, 32))
model = VAE.dense(784, n_h, 20)
model.start_at(train_part.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
while trainer.goes_on(epochs):
    trainer.step()

# %% [markdown]
# ## One number
#
# A model of data should find new data probable (lesson 03). So the fair mark is
# the mean of $\log p(x)$ over test images that it has never seen. It is in nats,
# it rewards nothing but being right, and it can be compared between all models
# that have one, as long as the data are the same to the pixel.
#
# A VAE does not know its $\log p(x)$ (lesson 09). Its ELBO is a lower bound, so a
# bad encoder makes a good decoder look bad. But you have met the ladder from the
# ELBO to the truth (12): draw $k$ codes from the encoder's cloud, weigh each,
# take the logarithm of the mean weight.
#
# $$ L_k = \mathbb E\left[\log \frac1k \sum_{i=1}^k w_i\right], \qquad
# w = \frac{p(x \mid z)\, p(z)}{q(z \mid x)}, \quad z \sim q(z \mid x) $$
#
# We draw many codes for each of some test images, once, and use the same draws
# for every $k$: all of them one by one, in pairs, in fours, and so on. (Where a
# block of four contains two blocks of two, the logarithm of its mean is never
# smaller than the mean of their logarithms. So on *nested* draws the curve rises
# for certain.)
#
# **Predict first:** how many nats lie between $k = 1$ and $k = 2048$? Is the
# curve flat at the end?

# %%
n_images, most = sized((400, 2048), quick=(100, 512))
rng = np.random.default_rng(0)
x = black_or_white.encode(data.test.take(slice(0, n_images)), rng, np.float32)
mu, logvar = model.encode(x)
log_w = np.empty((n_images, most))
for start in range(0, n_images, 20):  # 20 images at a time, for the memory's sake
    chosen = slice(start, start + 20)
    eps = rng.standard_normal((len(x[chosen]), most, 20), dtype=np.float32)
    log_w[chosen] = model.log_weights(x[chosen], mu[chosen], logvar[chosen], eps)

ks = 2 ** np.arange(int(np.log2(most)) + 1)
L = np.stack(
    [log_mean_exp_and_grad(log_w.reshape(n_images, -1, k))[0].mean(axis=1) for k in ks]
)  # (ks, images)
bound, rise = L.mean(axis=1), np.diff(L.mean(axis=1))
over_images = L.std(axis=1, ddof=1) / np.sqrt(n_images)  # how well we know the mean over images
to_the_end = (L - L[-1]).std(axis=1, ddof=1) / np.sqrt(n_images)  # the same images: in pairs
for k, value, error, pair in list(zip(ks, bound, over_images, to_the_end, strict=True))[::3]:
    print(
        f"k = {k:4d}: {value:7.2f} ± {error:.2f} nats; {value - bound[-1]:6.2f} ± {pair:.2f} "
        f"from the last"
    )
print(f"the first doubling brings {rise[0]:.2f} nats, the last {rise[-1]:.2f}")
assert (rise >= 0).all(), "it rises with k: on nested draws that is certain"
assert bound[-1] - bound[0] > 2, "the ELBO is below"
assert rise[-1] < 0.25 * rise[0], "less and less"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
left.errorbar(ks, bound, over_images, fmt="o-", color=BLUE, capsize=3)
left.set(xscale="log", xlabel="k", ylabel="nats, mean of the test images")
left.set_title("the bound, with its error over the images")
right.errorbar(ks, bound - bound[-1], to_the_end, fmt="o-", color=GREEN, capsize=3)
right.set(xscale="log", xlabel="k", ylabel="nats")
right.set_title("how far below the last k")
show(figure, "18-more-draws")

# %% [markdown]
# Five or six nats, and the last doubling still brings a tenth to a quarter of
# one. So it is not quite at rest: if the steps go on shrinking as they do, many
# more draws would bring another third of a nat or so. (The last point on the
# right is 0, because everything is compared with it.)
#
# Why are the bars on the left so long, and those on the right tiny? ($\pm$ is one
# standard error: the spread over the images, divided by the root of their
# number.) Images differ: a 1 costs far less than an 8. The left bars say how much
# the mean would change with *other images*. But whether $k = 512$ is better than
# $k = 1$ is asked on the *same* images, and there the differences agree. So if
# you compare two models, compare them image by image.
#
# npvae does all this in one call, in little memory, and gives the error over the
# images.

# %%
some = data.test.only(slice(0, n_images))
again = log_likelihood(model, some, black_or_white, k=most, seed=1)
print(
    f"npvae: log p(x) = {again.log_px:.2f} ± {again.standard_error:.2f}, k = {again.k}, "
    f"{again.n} images, with other pixels and other draws"
)
assert abs(again.log_px - bound[-1]) < 2, "the pixels are drawn anew, so it is not quite the same"

# %% [markdown]
# ## Beside the published table
#
# Here is where others got, on the 10,000 test images of MNIST, in nats of
# $-\log p(x)$; small is good. (The VAEs: with 5,000 draws an image, and pixels
# drawn anew by their brightness. The first three rows are measured otherwise.)
#
# | model | $-\log p(x)$ |
# |---|---|
# | knows only how often each pixel is on (as in lesson 03) | 206.0 |
# | restricted Boltzmann machine, 500 hidden units (2008) | 86.3 |
# | deep belief net (2008) | 84.6 |
# | VAE, two layers of 200, 50 latents, 3,280 epochs (2015) | 86.8 |
# | the same, trained with 50 draws: IWAE (2015) | 84.8 |
# | VAE, gated layers, 40 latents, warm-up (2020) | 84.5 |
#
# The Boltzmann machine and the deep belief net (Salakhutdinov and Murray) came
# before the VAE, with binary latents. Nobody could compute their $p(x)$ either;
# theirs is another estimate, and that they are still in this table is to their
# honour. (VAEs and IWAEs: Burda, Grosse and Salakhutdinov. Gated layers: Norouzi
# and others. VAEs with many layers of latents do several nats better still. All
# were trained for far longer than ours.)

# %%
often = np.clip(train_part.take(slice(None)).mean(axis=0) / 255, 0.001, 0.999)
logit = np.log(often / (1 - often))
ink = -np.log(1 - often).sum() - (data.test.take(slice(None)) / 255 @ logit).mean()
print(f"knowing only how often each pixel is on: {ink:.1f}")
result = evaluate(model, data.test, black_or_white)
gap = bound[-1] - bound[0]
print(
    f"ours, all {len(data.test):,} test images: -ELBO {-result.elbo:.1f}, "
    f"so -log p(x) is about {-result.elbo - gap:.1f}"
)
assert -result.elbo - gap < 135

# %% [markdown]
# (We take the ELBO of all test images and add the gap that we found on some. The
# first 400 images of MNIST happen to be easy ones, by some two of the standard
# errors above. That is what the long bars meant.) At full size, after a minute of
# training, that is about 97 on MNIST: less than half of the 206 that knowing only
# the ink costs, as lesson 03 had hoped. npvae can go all the way: its recipe for
# the VAE of that table stood at 89.5 after 121 of 3,280 epochs
# (`npvae train --recipe iwae-paper-vae-1`; the guide has the command). On glyphs
# there is nothing to compare with: they are other data, and so another number.
#
# ## The small print
#
# **Predict first:** one trained model, one test set, three ways to treat a grey
# pixel: drawn black or white by its brightness, cut at one half, or left grey. By
# how many nats do the three results differ?

# %%
protocols = {"dynamic": "drawn", "threshold": "cut at one half", "none": "left grey"}
marks = {}
for name, words in protocols.items():
    marks[name] = -evaluate(model, some, Pixels(name)).elbo
    print(f"{words:<16} -ELBO {marks[name]:6.1f} nats")
assert max(marks.values()) - min(marks.values()) > 3

# %% [markdown]
# The cut alone is worth five to fifteen nats. Between the first and the last VAE
# of the table lie 2.3. Nothing has changed but the data. (Cut at one half there
# is less chance in them, so they are cheaper. Left grey they are no coins, and
# the number is no probability at all.) So a figure without its protocol is worth
# nothing. State: the data and how they became black and white, the size of the
# training set, the number of latents, of draws, of test images; bound or
# estimate.
#
# > **What you may have read:** "our VAE reaches a loss of 105". On grey pixels? A
# > bound, or an estimate? With sampled $z$? On images that it was trained on?
# > Ask.
#
# ## What the number does not tell
#
# Is the model with the better $\log p(x)$ the one with the better pictures? Not
# necessarily, and it is easy to see why. Take your VAE and spoil it: in 99 cases
# of 100 let it put out noise. Its probability of a digit falls to a hundredth,
# $\log p(x)$ by at most $\log 100 = 4.6$ nats. A VAE that makes 99 % rubbish
# would still stand in the table: 84.5 would become 89.1.
#
# And the other way round. Nobody knows digits better than a *memory*, which has
# stored the training images $x_i$, and puts out one of them with a few pixels
# flipped. Its probability is easy to write down. With $N$ stored images, $d_i$
# the number of pixels in which $x$ and $x_i$ differ, and $f$ the probability of a
# flip,
#
# $$ p(x) = \frac1N \sum_i f^{d_i} (1 - f)^{784 - d_i} $$
#
# **Predict first:** what does such a memory pay for a new digit?

# %%
stored = black_or_white.encode(train_part.take(slice(0, 20_000)), rng, np.float32)
differ = stored.sum(axis=1) + x.sum(axis=1)[:, None] - 2 * x @ stored.T  # (images, stored)
best = -np.inf
for flip in (0.02, 0.05, 0.1, 0.15):  # even with the best of these, found on the test images
    log_px = differ * np.log(flip) + (784 - differ) * np.log(1 - flip)
    if (mark := log_mean_exp_and_grad(log_px)[0].mean()) > best:
        best, best_flip = mark, flip
print(f"the memory: {-best:.1f} nats; the VAE: {-bound[-1]:.1f} nats, same images")
print(f"pixels unlike the nearest stored image: {differ.min(axis=1).mean():.0f}")
assert -best > -bound[-1] + 15, "all digits by heart, and no idea of new ones"

flipped = np.abs(stored[:10] - (rng.random((10, 784)) < best_flip))
rows = [flipped, model.sample(10, rng=0, draw=True), rng.random((10, 784)) < 0.5]
told = "draws from the memory, from the VAE, and noise"
ax = figures.samples(np.concatenate(rows), data.shape, across=10, told=told)
show(ax, "18-pictures-and-numbers")

# %% [markdown]
# Far more than the VAE, although it has thousands of digits by heart. A new digit
# differs from its nearest stored one in 35 to 50 pixels, and each must be paid
# for as an accident. And yet the first row of the picture looks better than the
# second (but for its specks). Both are true samples, pixels and all, hence the
# VAE's snow (lesson 17). The third row is what the spoilt VAE shows in 99 cases
# of 100.
#
# So look at the samples *and* at the number. Each sees what the other does not:
# the number whether anything is missing, the eye whether anything is false.
#
# ## Where this leaves you
#
# You can now derive a VAE, write it, check it, train it and judge it. People use
# them to squeeze images for other models to work on, to make music and melodies
# in between, to propose molecules, to fill in what is missing in tables and
# scans, to find what does *not* fit (*anomaly detection*): a medical scan or a
# payment whose $\log p(x)$ is unusually low (with care: a blank image may well
# score high). And they use them as you have in lessons 14 and 15: to look at data
# and see in how few ways they differ.
#
# This course has left things out. Convolutional layers, which look at images as
# images; a condition, so that you can ask for a 7 (`VAE.dense(..., n_y=10)`);
# training with several draws (`npvae.IWAE`); priors and posteriors richer than a
# bell (flows, VampPrior); layers of latents; discrete latents; and the models
# that today make the sharpest images, which you have met in passing: GANs,
# diffusion models, and those that draw pixel by pixel. With what you know you can
# read their papers. Those on diffusion models begin with an ELBO.
#
# ## Exercises
#
# Answers are in `answers_18_how_good_is_it.py`.
#
# 1. **Change a number.** Leave out the encoder and draw the codes from the
#    *prior*, as lesson 09 did at its end (`model.log_weights` with $\mu = 0$ and
#    $\log\sigma^2 = 0$). Predict how far 2,048 draws (512 in quick mode) get.
#    *Check:* the bound is lower by more than 20 nats than with the encoder's
#    draws.
# 2. **How many images?** From the spread of $\log p(x)$ over the images, work out
#    how many you need for an error of 0.1 nats. *Check:* more than the 10,000
#    that there are. What is the error with all of them? So which differences
#    between the rows of the table mean something?
# 3. **Derive and implement.** An ideal code needs $-\log_2 p(x)$ bits for $x$.
#    What would your VAE need for a black and white digit, in bytes, and what does
#    ZIP (`zlib`, level 9, eight pixels to a byte by `np.packbits`) need for each
#    image by itself? *Check:* the VAE less than two fifths of ZIP.
