# %% [markdown]
# # 18 · Evaluating a VAE: log p(x): answers

# %%
import zlib

import numpy as np
from course import digits, run_epochs, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, log_likelihood
from npvae.iwae import log_mean_exp_and_grad

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
black_or_white = Pixels("dynamic")
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 6, 32))
model = VAE.dense(784, n_h, 20)
model.start_at(train_part.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, "VAE, 20 latents")
n_images, k = sized((200, 2048), quick=(100, 512))
rng = np.random.default_rng(0)
x = black_or_white.encode(data.test.take(slice(0, n_images)), rng, np.float32)
mu, logvar = model.encode(x)


def estimates(mu, logvar):
    """L_k of each image, with k draws from N(mu, exp(logvar))."""
    found = []
    for i in range(0, n_images, 20):
        chosen = slice(i, i + 20)
        eps = rng.standard_normal((len(x[chosen]), k, 20), dtype=np.float32)
        log_w = model.log_weights(x[chosen], mu[chosen], logvar[chosen], eps)
        found.append(log_mean_exp_and_grad(log_w.astype(np.float64))[0])
    return np.concatenate(found)


# %% [markdown]
# ## 1. Without the encoder
#
# This is the failure at the end of lesson 09 again: hardly any draw from the
# prior explains this digit. The formula is right with any $q$, and the estimate
# would reach $\log p(x)$ with enough draws, but that would take far too many.
# The encoder outputs where to look.

# %%
log_px = estimates(mu, logvar)
from_prior = estimates(np.zeros_like(mu), np.zeros_like(logvar))
print(f"draws from the encoder {log_px.mean():.1f}, from the prior {from_prior.mean():.1f}")
assert from_prior.mean() < log_px.mean() - 20

# %% [markdown]
# ## 2. How many images?
#
# The standard error of a mean of $n$ numbers is their standard deviation
# divided by $\sqrt n$. Images differ a lot, so even the whole test set leaves a
# standard error, on MNIST at full size, of about a quarter of a nat. Two rows
# of the table that differ by less than that could change places on other test
# images of the same kind. But all were measured on the *same* images, and there
# the standard error of a difference is much smaller; and the last row was
# published with $\pm 0.12$.

# %%
sd = log_px.std(ddof=1)
needed = (sd / 0.1) ** 2
print(
    f"standard deviation over images {sd:.1f} nats: {needed:,.0f} images for a standard error of "
    f"0.1; with 10,000 it is {sd / 100:.2f}"
)
assert needed > 10_000

# %% [markdown]
# ## 3. In bytes
#
# If $p(x)$ is known, one can give each image a code word, the shorter the more
# probable it is. An image of probability $2^{-b}$ gets about $b$ bits, and no
# code does better on average if the images do come from $p$. (The weights of
# the VAE are not counted. And to *use* a VAE as a code takes a method called
# *bits back*, which costs $-$ELBO, a little more.)

# %%
bits = -log_px.mean() / np.log(2)
packed = np.packbits(x.astype(bool), axis=1)
zipped = np.mean([len(zlib.compress(row.tobytes(), 9)) for row in packed])
print(f"98 bytes as it is, {zipped:.0f} with ZIP, at best {bits / 8:.1f} with the VAE")
assert bits / 8 < 0.4 * zipped
again = log_likelihood(model, data.test.only(slice(0, n_images)), black_or_white, k=64)
assert abs(again.log_px - log_px.mean()) < 5

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** Perhaps, and perhaps not. A bound and an estimate differ by several
#   nats, and two ways to treat grey pixels by five to fifteen.
# - **b** A number without its protocol means nothing. The second may be a bound
#   on grey pixels, which is not a log-likelihood at all.
# - **c** They need not be the same data: pixels left grey, cut at one half, or
#   drawn by their brightness are three different data sets.
#
# **Question 2: c.**
#
# - **a** It is not a bound. Evaluating at a single chosen point leaves out what
#   the width of the posterior costs.
# - **b** Over thousands of images chance averages out. The difference has the
#   same sign for nearly every image.
# - **c** A posterior that is wide has a small KL divergence, and a blurred
#   reconstruction pays for that. With $z = \mu$ nobody pays. Lesson 12a shows
#   such a number above $\log p(x)$.
