# %% [markdown]
# # 08 · Holes in the latent space: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import Adam, Autoencoder, Cosine, Pixels, Trainer, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]
rng = np.random.default_rng(0)

n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 4, 32))
model = Autoencoder.dense(784, n_h, 16)
model.start_at(x_train.mean(axis=0))
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, "an autoencoder with a code of 16 numbers")
z_train, reconstructed = model.encode(x_train), model.reconstruct(x_test)


def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


def gaussian(z, n):
    """Return n draws from the Gaussian fitted to the codes z."""
    A = np.linalg.cholesky(np.cov(z.T))
    return (z.mean(axis=0) + rng.standard_normal((n, z.shape[1])) @ A.T).astype(np.float32)


# %% [markdown]
# ## 1. N(0, I)
#
# The codes have standard deviations of several units, and $\mathcal N(0, I)$ has
# one. So all its draws lie in a small region in the middle, and the decoded images
# are nearly the same. For `nearest` they may even be good (on MNIST as good as
# reconstructions, since they are smooth). It looks at one image at a time, and
# cannot measure that there is no variety.


# %%
def variety(x):
    """Mean squared distance between two images: twice the variance of the pixels."""
    return 2 * x.var(axis=0).sum()


standard = model.decode(rng.standard_normal((1000, 16)).astype(np.float32))
print(
    f"between two reconstructions {variety(reconstructed):.0f}, "
    f"between two images from N(0, I) {variety(standard):.0f}"
)
assert variety(standard) < 0.5 * variety(reconstructed)
print(
    f"and to the nearest digit: {nearest(reconstructed, held_out).mean():.1f}, "
    f"{nearest(standard, held_out).mean():.1f}"
)
ax = figures.samples(standard[:32], data.shape, across=8, told="decoded draws from N(0, I)")
show(ax, "08-answer-standard-normal")

# %% [markdown]
# ## 2. Ten Gaussians
#
# The samples become better, because there are fewer holes among the codes of one
# digit than among those of all ten. But the codes of a single digit do not follow
# a Gaussian either. With more and more Gaussians the samples would come nearer and
# nearer to digits. In the end there would be one around each training image, which
# makes nothing new. A VAE does the opposite: it does not fit a distribution to the
# codes, but trains the codes to fit a distribution.

# %%
by_digit = [gaussian(z_train[train_part.labels == digit], 100) for digit in range(10)]
distances = {
    "reconstructions": nearest(reconstructed, held_out).mean(),
    "ten Gaussians": nearest(model.decode(np.concatenate(by_digit)), held_out).mean(),
    "one Gaussian": nearest(model.decode(gaussian(z_train, 1000)), held_out).mean(),
}
for name, distance in distances.items():
    print(f"{name:<16} {distance:.1f} from the nearest digit")
assert list(distances.values()) == sorted(distances.values())

rows = np.stack([model.decode(z[:6]) for z in by_digit], axis=1)  # (6, 10, 784)
told = "samples from a Gaussian for each digit"
ax = figures.samples(rows.reshape(60, -1), data.shape, across=10, told=told)
show(ax, "08-answer-ten-gaussians")

# %% [markdown]
# ## 3. PCA has no holes
#
# Let $P$ hold $n_z$ orthonormal eigenvectors of the covariance $S$ of the images,
# and $\Lambda$ their eigenvalues. The codes $z = (x - \bar x) P$ have mean $0$ and
# covariance $P^\top S P = \Lambda$. Decoding is linear, $\hat x = \bar x + z P^\top$.
# So for draws with the same mean and covariance the images have mean $\bar x$ and
# covariance $P \Lambda P^\top$, which within the $n_z$ directions is
# $P^\top P \Lambda P^\top P = \Lambda$, that of the data.
#
# A linear decoder is the same everywhere, so no code is worse than others. But the
# images share *only* mean and covariance with digits, and digits do not follow a
# Gaussian: a pixel is nearly black or nearly white, and a stroke is a relation
# between many pixels at once. A linear decoder turns a Gaussian into a Gaussian. A
# deep network can turn it into strokes, if it was trained on codes from there.

# %%
mean, n_z = x_train.mean(axis=0), 16
values, vectors = np.linalg.eigh(np.cov(x_train.T))
values, P = values[::-1][:n_z], vectors[:, ::-1][:, :n_z]
z = rng.standard_normal((20_000, n_z)) * np.sqrt(values)
images = mean + z @ P.T
within = np.cov(((images - mean) @ P).T)
print("variance of the draws over that of the data:", (np.diag(within) / values).round(2))
assert np.abs(images.mean(axis=0) - mean).max() < 0.03
assert np.abs(within - np.diag(values)).max() < 0.03 * values[0]
assert np.allclose(np.diag(within), values, rtol=0.04)

ax = figures.samples(np.clip(images[:32], 0, 1), data.shape, across=8, told="samples of PCA")
show(ax, "08-answer-pca")

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** A larger decoder would learn the same codes of digits, and nothing about
#   the places between them. No training example ever asks for those.
# - **b** Codes are real numbers, and the decoder is a continuous function. It
#   answers everywhere; it was only trained at some points.
# - **c** Only a Gaussian cloud is described by these two. In 16 dimensions the
#   set of codes has a more complicated shape, and the draws show it.
#
# **Question 2: a.**
#
# - **a** A smooth image is near to many others, so the result is even good.
#   Whether samples *differ* has to be measured separately.
# - **b** Each sample is measured by itself, so it makes no difference whether the
#   others are the same. Exercise 1 tries it.
# - **c** It is defined for every image. It simply does not look at more than one
#   sample at a time.
