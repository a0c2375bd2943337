# %% [markdown]
# # 08 · Holes in the latent space
#
# *A decoder makes an image of any code. So why not draw a code at random, and
# have a new digit?*
#
# - **You need:** lessons 06 and 07.
# - **You get:** a fair attempt to do just that, a measure of how it fails, a map
#   of the holes, and the reason for everything that follows in this course.
# - **Run time:** 25 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show, sized

from npvae import Adam, Autoencoder, Cosine, Pixels, Trainer, figures
from npvae.evaluation.latent_space import line

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]  # some to try things with, others to compare with
labels = data.test.labels[:1000]
rng = np.random.default_rng(0)


def train(n_z):
    n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 4, 32))
    model = Autoencoder.dense(784, n_h, n_z)
    model.start_at(x_train.mean(axis=0))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    while trainer.goes_on(epochs):
        trainer.step()
    return model


models = {n_z: train(n_z) for n_z in (2, 16)}
z_train = {n_z: model.encode(x_train) for n_z, model in models.items()}
spread = z_train[16].std(axis=0)
print(f"spread of the 16 numbers: from {spread.min():.1f} to {spread.max():.1f}")

# %% [markdown]
# ## A fair attempt
#
# The *latent space* is the space of all codes $z$. To draw a new code we must
# know where codes lie. Nothing in the loss asked them to lie anywhere in
# particular: they are as far apart as happened to be useful. So we look. We take
# the codes of all training images and fit a *Gaussian* to them, a bell in 16
# dimensions, with their mean $m$ and their covariance $C$:
#
# $$ z = m + A\varepsilon, \quad \varepsilon \sim \mathcal N(0, I), \quad A A^\top = C $$
#
# $\varepsilon \sim \mathcal N(0, I)$ are sixteen independent draws from a bell of
# mean 0 and width 1; their covariance is the identity matrix $I$. $A$ is a square
# root of $C$, which NumPy's `cholesky` finds, so that $A\varepsilon$ has the
# covariance $A I A^\top = C$. (In code each row is a draw, hence `@ A.T`.) That
# is fair: the draws have the same mean and the same covariances as real codes.


# %%
def drawn(n_z, n):
    """Codes from the Gaussian fitted to the codes of the training images."""
    mean, covariance = z_train[n_z].mean(axis=0), np.cov(z_train[n_z].T)
    A = np.linalg.cholesky(covariance)
    return (mean + rng.standard_normal((n, n_z)) @ A.T).astype(np.float32)


z = drawn(16, 100_000)
assert np.allclose(z.mean(axis=0), z_train[16].mean(axis=0), atol=0.03 * spread.max())
assert np.allclose(z.std(axis=0), spread, rtol=0.03), "moments: the draws are what we meant"
assert np.allclose(np.cov(z.T), np.cov(z_train[16].T), atol=0.03 * spread.max() ** 2)

# %% [markdown]
# **Predict first:** we decode 1,000 such draws. On the left of the picture below
# are reconstructions of test images. What will the draws look like beside them?

# %%
decoder = models[16].decode
reconstructed, made_up = models[16].reconstruct(x_test), decoder(z[:1000])
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.6))
told = "reconstructions: codes of test images, decoded"
figures.samples(reconstructed[:64], data.shape, told=told, ax=left)
told = "made up: codes drawn from the fitted Gaussian, decoded"
figures.samples(made_up[:64], data.shape, told=told, ax=right)
show(figure, "08-made-up")

# %% [markdown]
# Some pass for digits. Many are knots of strokes that no hand ever drew. (A model
# that makes new data is called *generative*. This one is not much of a model
# yet.)
#
# ## How bad is it?
#
# We want a number and not an impression. So we take 4,000 held-out digits, which
# the network has never seen, and measure for each image how far it is from the
# nearest of them: the squared error, summed over the pixels.


# %%
def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


distances = {
    "real digits": nearest(x_test, held_out),
    "reconstructions": nearest(reconstructed, held_out),
    "made up": nearest(made_up, held_out),
}
for name, distance in distances.items():
    print(f"{name:<16} squared distance to the nearest digit {distance.mean():5.1f}")
ratio = distances["made up"].mean() / distances["reconstructions"].mean()
assert ratio > 1.3, "decoded draws are farther from digits than reconstructions are"

# %% [markdown]
# The squared distance of made-up images is half as large again as that of
# reconstructions, or more.
#
# The measure has two faults. A reconstruction is *nearer* to other digits than a
# real digit is: it is smoother, and a smooth image is near to many, so blur is
# flattered. The draws fail even so. And nobody asks whether the images differ
# from each other: a decoder that always made the same blurred digit would win.
# Exercise 1 does that.
#
# ## Where the holes are
#
# The decoder has only ever seen codes of digits. There it knows what to do.
# Between and beyond them nobody taught it anything: those are the *holes*.
#
# **Predict first:** a draw has the right mean and covariance. Is it as near to
# the training codes as the code of a test image is?

# %%
z_test = models[16].encode(x_test)
from_codes = {"test": nearest(z_test, z_train[16]), "draws": nearest(z[:1000], z_train[16])}
for name, distance in from_codes.items():
    print(f"{name:<6} squared distance to the nearest training code {distance.mean():.0f}")
assert from_codes["draws"].mean() > 2 * from_codes["test"].mean()

order = np.argsort(from_codes["draws"])  # the draw nearest to a code first, the loneliest last
near_ones, lonely_ones = distances["made up"][order[:250]], distances["made up"][order[-250:]]
print(f"images of the draws nearest to codes: {near_ones.mean():.1f}")
print(f"and of the loneliest draws: {lonely_ones.mean():.1f}")
assert lonely_ones.mean() > 1.2 * near_ones.mean(), "the farther from any code, the worse"

# %% [markdown]
# A Gaussian knows only mean and covariance. The codes lie in clumps and, as far
# as one can tell, in bent sheets, with emptiness between and around. The bell
# fills that emptiness too, and in 16 dimensions most of the bell holds no codes.
# In two dimensions you can see it miss them.

# %%
codes, steps_across = z_train[2], 60
low, high = np.percentile(codes, [0.5, 99.5], axis=0)
sides = [
    np.linspace(a - 0.1 * (b - a), b + 0.1 * (b - a), steps_across)
    for a, b in zip(low, high, strict=True)
]
plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2).astype(np.float32)
unlike = nearest(models[2].decode(plane), held_out).reshape(steps_across, steps_across)
z_plane, z_drawn = models[2].encode(x_test), drawn(2, 1000)
for name, z_two in (("test", z_plane), ("draws", z_drawn)):
    distance = nearest(models[2].decode(z_two), held_out).mean()
    print(f"two numbers, {name:<6} squared distance to the nearest digit {distance:.1f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4))
limits = {"xlim": sides[0][[0, -1]], "ylim": sides[1][[0, -1]]}
axes = {"axes": ("first number of z", "second number of z"), "unit": "", "prior": False}
figures.latent_scatter(z_plane, labels, data.classes, told="codes of test images", ax=left, **axes)
left.set(**limits, aspect="auto")
image = right.pcolormesh(*sides, unlike, cmap="magma", vmin=0, shading="nearest")
right.plot(*z_plane.T, ".", color="#9a9a9a", markersize=1.5, label="codes of test images")
right.plot(*z_drawn[:300].T, ".", color="white", markersize=3, label="draws from the Gaussian")
right.set(**limits, xlabel="first number of z")
right.set_title("the image decoded there: squared distance to the nearest digit")
right.grid(visible=False)
right.legend(loc="lower right", frameon=True, facecolor="black", labelcolor="white")
figure.colorbar(image, ax=right)
show(figure, "08-where-the-holes-are")

# %% [markdown]
# Dark is where something near to a digit is decoded, bright is where nothing is.
# The bell does not follow the codes: some draws land where no code has ever been,
# some on bright ridges where one digit turns into another. But dark is not the
# same as full. Much of the plane decodes to plain 1s, and thin strokes are near
# to other thin strokes. Two numbers are also so few that real codes are crowded
# onto the ridges. So here the draws do hardly worse than reconstructions, as the
# printed numbers say. With 16 numbers the codes have room, and the draws have far
# more room to get lost.
#
# ## A walk through nowhere
#
# Codes have one more use that we would like: *mixing*. Halfway between the code
# of a 3 and the code of an 8 we would like something between a 3 and an 8, and
# sharp. We walk in a straight line, $z = (1 - t)\, z_A + t\, z_B$
# (*interpolation*).
#
# **Predict first:** both ends are codes of digits, where the decoder is at home.
# What about the middle, if A and B are the same digit? And if they are not?

# %%
other = rng.permutation(len(x_test))
same = labels == labels[other]
way = line(z_test, z_test[other], 9)  # (1000, 9, 16): nine codes from each A to its B
walked = decoder(way.reshape(-1, 16)).reshape(1000, 9, 784)
astray = np.stack([nearest(walked[:, i], held_out) for i in range(9)], axis=1)  # (1000, 9)
along = {
    "between different digits": astray[~same].mean(axis=0),
    "between images of one digit": astray[same].mean(axis=0),
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
left.axhline(distances["made up"].mean(), color=BLUE, linestyle=":", label="made up")
left.set(xlabel="t", ylabel="squared distance to the nearest digit", ylim=0)
left.legend()
worst = np.argsort(-np.where(same, 0, astray[:, 4]))[:200:50]
figures.interpolation(
    walked[worst],
    data.shape,
    ends=(x_test[worst], x_test[other[worst]]),
    told="four of the worst: test image A, the way, test image B",
    ax=right,
)
show(figure, "08-a-walk")

# %% [markdown]
# Between two images of the same digit the way is good. Between different digits
# the distance grows towards the middle and falls again, though it does not go as
# far astray as a draw does. (Compare with the ends, and not with real digits: all
# of these are smooth, so that all are flattered.) On the right are four of the
# *worst* ways: two half-transparent digits lie over each other, or there is
# nothing to recognise.
#
# ## What would help
#
# Write down what we miss:
#
# 1. **We should know where the codes lie**, so that we can draw them: a
#    distribution $p(z)$ that *we* choose beforehand, for instance
#    $\mathcal N(0, I)$.
# 2. **No holes.** Wherever that distribution puts a code, the decoder must have
#    been trained there.
# 3. **Near codes, near images**, and good ones all the way between, or mixing
#    makes no sense.
#
# Here is the idea that comes nearer to all three (lesson 14 measures how near).
# Let the encoder answer not with a *point* but with a little *cloud*, a
# distribution $q(z \mid x)$. In training, draw $z$ from the cloud. Then the
# decoder has to cope with a whole region and not with a point, and where
# neighbouring clouds overlap it must find one answer for both. And charge the
# encoder for every cloud that strays from $p(z)$, so that together they come
# close to filling it, and leave smaller holes. We do not fit a distribution to
# the codes. We make the codes fit a distribution.
#
# The draw from the cloud, made so that a gradient can pass through it, is called
# *reparameterised*; the charge is the *KL divergence*; and the whole is the
# **variational autoencoder**. Part III of the course builds its parts, and lesson
# 13 puts them together.
#
# > **What you may have read:** "the bottleneck of an autoencoder is discrete, and
# > a VAE makes it continuous". The codes above are real numbers, as continuous as
# > can be. What is missing is not continuity of the *space*, but training
# > *between* the points.
#
# ## Exercises
#
# Answers are in `answers_08_holes.py`.
#
# 1. **Change a number.** Draw from $\mathcal N(0, I)$, as one does with a VAE,
#    and not from the fitted Gaussian. Predict what the images look like, given
#    the spread printed at the top. *Check:* the mean squared distance between two
#    of them is less than half of that between two reconstructions. What does
#    `nearest` say of them, and what does it not see?
# 2. **A better fit.** Fit one Gaussian to the codes of each digit, ten in all,
#    and draw from those. Does that close the holes? *Check:* the made-up images
#    come nearer to real digits, but stay farther than reconstructions.
# 3. **Derive and implement.** For PCA with $n_z$ directions, show that decoding
#    draws from the fitted Gaussian gives images with exactly the mean and, within
#    the $n_z$ directions, the covariance of the data. *Check* the variance of
#    20,000 draws along each direction against that of the data, to 4 %. So PCA
#    has no holes. Why are its samples no digits either?
