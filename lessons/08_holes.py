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

from npvae import Adam, Autoencoder, Cosine, Pixels, figures, steps
from npvae.latent_space import line

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]  # to try things with; to compare with
labels = data.test.labels[:1000]
rng = np.random.default_rng(0)


def train(n_z):
    n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 4, 32))
    model = Autoencoder.dense(784, n_h, n_z)
    model.start_at(x_train.mean(axis=0))
    how = {"epochs": epochs, "batch_size": batch_size, "lr": Cosine(2e-3, epochs=epochs)}
    for _ in steps(model, train_part, Pixels("none"), Adam(), **how):
        pass
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
# $$ z = m + A\,\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I), \qquad A A^\top = C $$
#
# ($\varepsilon \sim \mathcal N(0, I)$: sixteen independent draws from a bell of
# mean 0 and width 1. Multiplied by $A$ they get the covariance of the codes.)
# That is fair: the draws have the same mean, the same widths and the same
# correlations as real codes.


# %%
def drawn(n_z, n):
    """Codes from the Gaussian fitted to the codes of the training images."""
    mean, covariance = z_train[n_z].mean(axis=0), np.cov(z_train[n_z].T)
    A = np.linalg.cholesky(covariance)
    return (mean + rng.standard_normal((n, n_z)) @ A.T).astype(np.float32)


z = drawn(16, 100_000)
assert np.allclose(z.mean(axis=0), z_train[16].mean(axis=0), atol=0.03 * spread.max())
assert np.allclose(z.std(axis=0), spread, rtol=0.03), "moments: the draws are what we meant"

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
# Some pass for digits. Most are knots of strokes that no hand ever drew.
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
    print(f"{name:<16} {distance.mean():5.1f} from the nearest digit")
ratio = distances["made up"].mean() / distances["reconstructions"].mean()
assert ratio > 1.3, "decoded draws are farther from digits than reconstructions are"

# %% [markdown]
# Made-up images are farther from real digits than reconstructions are, by a lot.
# (Why can a reconstruction be *nearer* to other digits than a real digit is? It
# is smoother, and a smooth image is near to many. The measure flatters everything
# that is blurred. The draws fail even so.)
#
# ## Where the holes are
#
# The decoder has only ever seen codes of digits. There it knows what to do.
# Between them nobody taught it anything: those are the *holes*.
#
# **Predict first:** a draw has the right mean and covariance. Is it as near to
# the training codes as the code of a test image is?

# %%
z_test = models[16].encode(x_test)
from_codes = {"test": nearest(z_test, z_train[16]), "draws": nearest(z[:1000], z_train[16])}
for name, distance in from_codes.items():
    print(f"{name:<6} {np.sqrt(distance).mean():.1f} from the nearest training code")
assert np.sqrt(from_codes["draws"]).mean() > 1.3 * np.sqrt(from_codes["test"]).mean()

far = np.argsort(from_codes["draws"])  # from the nearest draw to the most lonely one
near_ones, lonely_ones = distances["made up"][far[:250]], distances["made up"][far[-250:]]
print(f"the draws nearest to codes: {near_ones.mean():.1f} from a digit; ", end="")
print(f"the most lonely ones: {lonely_ones.mean():.1f}")
assert lonely_ones.mean() > 1.2 * near_ones.mean(), "the deeper in a hole, the worse"

# %% [markdown]
# A Gaussian knows only mean and covariance. The codes lie in bent sheets and
# clumps, with emptiness between, and the bell fills that emptiness too. In 16
# dimensions most of its room *is* empty. In two dimensions you can see it.

# %%
codes, steps_across = z_train[2], 60
low, high = np.percentile(codes, [0.5, 99.5], axis=0)
sides = [
    np.linspace(a - 0.25 * (b - a), b + 0.25 * (b - a), steps_across)
    for a, b in zip(low, high, strict=True)
]
plane = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2).astype(np.float32)
unlike = nearest(models[2].decode(plane), held_out).reshape(steps_across, steps_across)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4))
limits = {"xlim": sides[0][[0, -1]], "ylim": sides[1][[0, -1]]}
z_plane = models[2].encode(x_test)
axes = {"axes": ("first number of z", "second number of z"), "unit": "", "prior": False}
figures.latent_scatter(z_plane, labels, data.classes, told="codes of test images", ax=left, **axes)
left.set(**limits, aspect="auto")
image = right.pcolormesh(*sides, unlike, cmap="magma", vmin=0, shading="nearest")
right.plot(*drawn(2, 300).T, ".", color="white", markersize=3, label="draws from the Gaussian")
right.set(**limits, xlabel="first number of z")
right.set_title("how far what is decoded there is from any digit")
right.legend(loc="lower right", frameon=True, facecolor="black", labelcolor="white")
figure.colorbar(image, ax=right)
show(figure, "08-where-the-holes-are")

# %% [markdown]
# Dark is where something like a digit is decoded, bright is where nothing like it
# is. The bell does not follow the codes: some draws land where no code has ever
# been, some on the bright ridges where one digit turns into another. And with 16
# numbers there is far more room to get lost than on this sheet.
#
# ## A walk through nowhere
#
# Codes have one more use that we would like: *mixing*. Halfway between the code
# of a 3 and the code of an 8 there should be something between a 3 and an 8. We
# walk in a straight line, $z = (1 - t)\, z_A + t\, z_B$.
#
# **Predict first:** both ends are codes of digits, where the decoder is at home.
# What about the middle?

# %%
order = rng.permutation(len(x_test))
z_A, z_B = z_test, z_test[order]
way = line(z_A, z_B, 9)  # (1000, 9, 16)
walked = decoder(way.reshape(-1, 16)).reshape(1000, 9, 784)
along = np.array([nearest(walked[:, i], held_out).mean() for i in range(9)])
print("from the nearest digit, from A to B:", along.round(1))
assert along[4] > 1.1 * max(along[0], along[-1]), "the middle is nowhere"

worst = np.argsort(-nearest(walked[:, 4], held_out))[:200]
chosen = [i for i in worst if labels[i] != labels[order[i]]][:4]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(2, 3))
left.plot(np.linspace(0, 1, 9), along, "o-", color=ORANGE, label="on the way from A to B")
left.axhline(distances["real digits"].mean(), color=GREEN, ls="--", label="real digits")
left.axhline(distances["made up"].mean(), color=BLUE, ls=":", label="made up")
left.set(xlabel="t", ylabel="from the nearest digit", ylim=0)
left.legend()
figures.interpolation(
    walked[chosen],
    data.shape,
    ends=(x_test[chosen], x_test[order[chosen]]),
    told="four bad walks: test image A, the way, test image B",
    ax=right,
)
show(figure, "08-a-walk")

# %% [markdown]
# The path leaves the digits, crosses a hole, and comes back. Sometimes two
# half-transparent digits lie over each other, sometimes there is nothing to
# recognise.
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
# 3. **Near codes, near images**: continuity, or mixing makes no sense.
#
# Here is the idea that gives all three. Let the encoder answer not with a *point*
# but with a little *cloud*, a distribution $q(z \mid x)$. In training, draw $z$
# from the cloud: then the decoder has to cope with a whole region and not a
# point, and neighbouring clouds must agree where they overlap (2 and 3). And
# charge the encoder for every cloud that strays from $p(z)$, so that together
# they fill it (1). The first is the *reparameterized draw*, the second the *KL
# divergence*, and the whole is the **variational autoencoder**. Part III is about
# the three words you need for it, and the surprise that it is all one likelihood.
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
#    the spread printed at the top. *Check:* they differ less from each other than
#    reconstructions do: the mean squared distance between two of them is less
#    than half.
# 2. **A better fit.** Fit one Gaussian to the codes of each digit, ten in all,
#    and draw from those. Does that close the holes? *Check:* the made-up images
#    come nearer to real digits, but stay farther than reconstructions.
# 3. **Derive and implement.** For PCA with $n_z$ directions, show that decoding
#    draws from the fitted Gaussian gives images with exactly the mean and, within
#    the $n_z$ directions, the covariance of the data. *Check it by the moments*
#    of 20,000 draws, to 3 %. So PCA has no holes. Why are its samples no digits
#    either?
