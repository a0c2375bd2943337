# %% [markdown]
# # 08 · Holes in the latent space
#
# *A decoder turns every code into an image. Why can we not simply draw a random
# code and get a new digit?*
#
# - **You need:** lessons 06 and 07.
# - **You get:** a fair attempt to do just that, a measure of how badly it works,
#   images decoded where no training code has been, and the reason for everything
#   that follows in this course.
# - **Run time:** 25 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized

from npvae import Adam, Autoencoder, Cosine, Pixels, Trainer, figures
from npvae.evaluation.latent_space import line

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]  # to reconstruct, and to compare with
labels = data.test.labels[:1000]
rng = np.random.default_rng(0)


def train(n_z):
    n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 4, 32))
    model = Autoencoder.dense(784, n_h, n_z)
    model.start_at(x_train.mean(axis=0))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, f"an autoencoder with a code of {n_z} numbers")
    return model


models = {n_z: train(n_z) for n_z in (2, 16)}
z_train = {n_z: model.encode(x_train) for n_z, model in models.items()}
std = z_train[16].std(axis=0)
print(f"standard deviations of the 16 numbers: from {std.min():.1f} to {std.max():.1f}")

# %% [markdown]
# ## A fair attempt
#
# The *latent space* is the space of all codes $z$. To draw a new code we must know
# where codes lie. The loss does not require them to lie anywhere in particular,
# and their standard deviations, printed above, are what happened to be useful. So
# we take the codes of all training images and fit a *Gaussian* to them, in 16
# dimensions: the one with the same mean $\bar z$ and the same covariance matrix
# $C$.
#
# $$ z = \bar z + A\varepsilon, \quad \varepsilon \sim \mathcal N(0, I), \quad A A^\top = C $$
#
# Here $\varepsilon \sim \mathcal N(0, I)$ is a vector of sixteen independent draws
# from the *standard normal distribution*, the Gaussian of mean 0 and variance 1;
# its covariance matrix is the identity $I$. The matrix $A$ is a square root of
# $C$, found by NumPy's `cholesky`. So $A\varepsilon$ has the covariance
# $A I A^\top = C$. (In the code each row is a draw, hence `@ A.T`.)


# %%
def drawn(codes, n, rng):
    """Draws, (n, n_z), from the Gaussian with the mean and the covariance of codes, (N, n_z)."""
    ### BEGIN SOLUTION
    A = np.linalg.cholesky(np.cov(codes.T))
    eps = rng.standard_normal((n, codes.shape[1]))
    return codes.mean(axis=0) + eps @ A.T
    ### END SOLUTION


z = drawn(z_train[16], 100_000, rng).astype(np.float32)
assert np.allclose(z.mean(axis=0), z_train[16].mean(axis=0), atol=0.03 * std.max())
assert np.allclose(z.std(axis=0), std, rtol=0.03), "the draws are like the codes"
assert np.allclose(np.cov(z.T), np.cov(z_train[16].T), atol=0.03 * std.max() ** 2)

# %% [markdown]
# **Predict first:** we decode 1,000 such draws. The left side of the picture below
# shows reconstructions of test images. What will the decoded draws look like?

# %%
decoder = models[16].decode
reconstructed, samples = models[16].reconstruct(x_test), decoder(z[:1000])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.6))
told = "reconstructions: codes of test images, decoded"
figures.samples(reconstructed[:64], data.shape, told=told, ax=left)
told = "samples: codes drawn from the fitted Gaussian, decoded"
figures.samples(samples[:64], data.shape, told=told, ax=right)
show(figure, "08-samples")

# %% [markdown]
# Some of them look like digits. Many are tangles of strokes that nobody would
# write. (A model that makes new data is called *generative*. As a generative
# model, the autoencoder is a poor one.)
#
# ## How bad are the samples?
#
# We want a number in place of an impression. We take 4,000 held-out digits, which
# the network has never seen, and measure the squared distance of each image to the
# nearest of them: the squared error, summed over the pixels.


# %%
def nearest(x, known):
    """The squared distance of each row of x, (N, n), to the nearest row of `known`, (K, n): (N,).

    By |a - b|² = |a|² + |b|² - 2 a·b, since all N K differences would not fit into memory.
    """
    ### BEGIN SOLUTION
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)
    ### END SOLUTION


distances = {
    "real digits": nearest(x_test, held_out),
    "reconstructions": nearest(reconstructed, held_out),
    "samples": nearest(samples, held_out),
}
for name, distance in distances.items():
    print(f"{name:<16} squared distance to the nearest digit {distance.mean():5.1f}")
ratio = distances["samples"].mean() / distances["reconstructions"].mean()
assert ratio > 1.3, "samples are farther from digits than reconstructions are"

# %% [markdown]
# The squared distance of the samples is larger than that of the reconstructions by
# half or more.
#
# This measure has two weaknesses. First, a smooth image is near to many others, so
# it favours blurred images; this is why reconstructions are *nearer* to other
# digits than real digits are. The samples are blurred too, and are still farther
# away. Second, it does not ask whether the samples differ from each other. A
# decoder that always makes the same blurred digit would get a good result.
# Exercise 1 does that.
#
# ## Where the holes are
#
# In training, the decoder has only seen codes of digits. What it makes of other
# codes has never been trained. Regions without training codes are the *holes* of
# the latent space.
#
# **Predict first:** the draws have the right mean and covariance. Are they as near
# to the training codes as the codes of test images are?

# %%
z_test = models[16].encode(x_test)
from_codes = {"test": nearest(z_test, z_train[16]), "draws": nearest(z[:1000], z_train[16])}
for name, distance in from_codes.items():
    print(f"{name:<6} squared distance to the nearest training code {distance.mean():.0f}")
assert from_codes["draws"].mean() > 2 * from_codes["test"].mean()

order = np.argsort(from_codes["draws"])  # the draw nearest to a training code first
near, far = distances["samples"][order[:250]], distances["samples"][order[-250:]]
print("squared distance of their images to the nearest digit:")
print(f"the quarter of the draws that is nearest to codes {near.mean():.1f}")
print(f"the quarter that is farthest away {far.mean():.1f}")
assert far.mean() > 1.2 * near.mean(), "the farther from all codes, the worse the image"

# %% [markdown]
# They are not: their squared distance is about three times that of test codes. And
# the farther a draw is from all training codes, the farther its image is from all
# digits.
#
# A Gaussian is described by its mean and covariance alone. The set of codes has a
# more complicated shape. The left panel below shows codes of *two* numbers. On
# MNIST one can see that draws from the fitted Gaussian fall where there are no
# codes, and miss places where there are many. (On glyphs the two hardly differ in
# the plane.) The right panel shows what the decoder of the 16 numbers makes of the
# draws.

# %%
z_plane = models[2].encode(x_test)
z_drawn = drawn(z_train[2], 1000, rng).astype(np.float32)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.6))
left.plot(*z_plane.T, ".", color=BLUE, markersize=3, label="codes of test images")
left.plot(*z_drawn.T, ".", color=ORANGE, markersize=3, label="draws from the fitted Gaussian")
left.set(xlabel="first number of z", ylabel="second number of z", title="codes of two numbers")
left.legend(loc="upper right", frameon=True, facecolor="white", framealpha=1)
rows = [samples[order[:32]], samples[order[-32:]]]
told = "16 numbers: images of the draws nearest to training\ncodes (above), and farthest (below)"
figures.samples(np.concatenate(rows), data.shape, across=8, told=told, ax=right)
show(figure, "08-where-the-holes-are")

for name, z_two in (("test", z_plane), ("draws", z_drawn)):
    distance = nearest(models[2].decode(z_two), held_out).mean()
    print(f"two numbers, {name:<6} squared distance to the nearest digit {distance:.1f}")

# %% [markdown]
# The upper rows look like digits more often than the lower rows. (With two numbers
# the *images* of the draws are no worse than reconstructions, as the last lines
# show. A plane is so small that every point of it is near some code, and so much
# is lost in two numbers that reconstructions are poor as well. In 16 dimensions
# there is far more room between the codes.)
#
# ## Interpolation
#
# We would like to use codes for one more thing: to *mix* images. Halfway between
# the code of a 3 and the code of an 8 there should be a sharp image of something
# between a 3 and an 8. The codes on the straight line from A to B,
# $z = (1 - t)\, z_A + t\, z_B$, are called a linear *interpolation*.
#
# **Predict first:** both ends are codes of digits, for which the decoder was
# trained. What about the middle, if A and B show the same digit? And if they show
# different digits?

# %%
other = rng.permutation(len(x_test))
same = labels == labels[other]
path = line(z_test, z_test[other], 9)  # (1000, 9, 16): nine codes from A to B
walked = decoder(path.reshape(-1, 16)).reshape(1000, 9, 784)
off = np.stack([nearest(walked[:, i], held_out) for i in range(9)], axis=1)  # (1000, 9)
along = {
    "between different digits": off[~same].mean(axis=0),
    "between images of one digit": off[same].mean(axis=0),
}
print("squared distance to the nearest digit, from A to B:")
for name, values in along.items():
    print(f"{name:<27} {values.round(1)}")
different, one_digit = along.values()
assert different[4] > 1.15 * max(different[0], different[-1]), (
    "the middle is farther from digits than the ends"
)
assert one_digit[4] < different[4]

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(2, 3))
for (name, values), colour in zip(along.items(), (ORANGE, GREEN), strict=True):
    left.plot(np.linspace(0, 1, 9), values, "o-", color=colour, label=name)
left.axhline(distances["samples"].mean(), color=BLUE, linestyle=":", label="samples")
left.set(xlabel="t", ylabel="squared distance to the nearest digit", ylim=0)
left.legend()
different_pairs = np.flatnonzero(~same)
worst = different_pairs[np.argsort(off[different_pairs, 4])][::-1][:200:50]
figures.interpolation(
    walked[worst],
    data.shape,
    ends=(x_test[worst], x_test[other[worst]]),
    told="four of the worst: test image A, decoded codes from A to B, test image B",
    ax=right,
)
show(figure, "08-interpolation")

# %% [markdown]
# Between two images of the same digit the decoded images stay as near to digits as
# at the ends. Between different digits the distance is largest in the middle,
# though not as large as that of the samples. (Compare the middle with the ends,
# not with real digits: all of these images are smooth.) The rows on the right are
# four of the *worst* cases. In their middle two half-transparent digits lie on top
# of each other, or there is nothing that one could recognise.
#
# ## What would help
#
# Let us write down what is missing:
#
# 1. **A known distribution of codes.** We want to choose a distribution $p(z)$
#    beforehand, for example $\mathcal N(0, I)$, and draw codes from it.
# 2. **No holes.** The decoder should have been trained wherever this distribution
#    puts a code.
# 3. **Smoothness.** Nearby codes should give similar images, and all codes between
#    two codes should give good images.
#
# Here is an idea that comes closer to all three (lesson 14 measures how close).
# Let the encoder return not a *point* but a distribution, $q(z \mid x)$: for
# example a narrow Gaussian, which you may picture as a small cloud of points. In
# training, draw $z$ from it. Then the decoder is trained on a whole region and not
# only on a point; and where the Gaussians of several images overlap it has to find
# an image that suits all of them. In addition, add a term to the loss that grows
# when $q(z \mid x)$ differs from $p(z)$. Then all these Gaussians together nearly
# fill $p(z)$, and the holes become smaller. So we do not fit a distribution to the
# codes, but train the codes to fit a distribution.
#
# The draw, made in such a way that gradients can pass through it, is the
# *reparameterisation trick*; the additional term is the *KL divergence*; and the
# whole is the **variational autoencoder**. Part III of the course develops these
# parts, and lesson 13a puts them together. (There are other ways to sample: older
# models, whose samples come from a long chain, are in lesson 19, and a network
# that is trained to fool another one in lesson 20a.)
#
# > **What you may have read:** "the bottleneck of an autoencoder is discrete, and
# > a VAE makes it continuous". The codes above are real numbers, which are
# > continuous. It is not the *space* that has to be made continuous. What is
# > missing is training *between* the points.

# %% [markdown]
# ## Questions
#
# **Question 1.** A Gaussian was fitted to all training codes: its draws have
# their mean and their covariance. Why do many of the draws still decode to
# something that is not a digit?
#
# - **a** The decoder is too small to know all codes.
# - **b** The codes of an autoencoder are discrete, so that most points are not
#   codes.
# - **c** Mean and covariance do not describe the shape of the set of codes. Draws
#   fall where the decoder was never trained.
#
# **Question 2.** A decoder always outputs the same blurred digit. What does the
# mean squared distance to the nearest real digit say about it?
#
# - **a** That its images are near to digits. The measure does not notice that
#   they are all alike.
# - **b** That it is a poor generative model, since the distance grows when
#   samples are alike.
# - **c** Nothing, because the distance is only defined for images that differ.
#
# ## Exercises
#
# Answers are in `answers_08_holes.py`.
#
# 1. **Change a number.** Draw codes from $\mathcal N(0, I)$, as one does with a
#    VAE, in place of the fitted Gaussian. Predict what the images look like, given
#    the standard deviations printed at the top. *Check:* the mean squared distance
#    between two of them is less than half of that between two reconstructions.
#    What does `nearest` say about them, and what does it not measure?
# 2. **A better fit.** Fit one Gaussian to the codes of each digit, ten in all, and
#    draw from those. Does this close the holes? *Check:* the samples come nearer to
#    real digits, but stay farther away than reconstructions.
# 3. **Derive and implement.** For PCA with $n_z$ directions, show that decoding
#    draws from the fitted Gaussian gives images with exactly the mean and, within
#    the $n_z$ directions, the covariance of the data. *Check:* compare the variance
#    of 20,000 draws along each direction with that of the data, to 4 %. So PCA has
#    no holes. Why do its samples not look like digits either?
