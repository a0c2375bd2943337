# %% [markdown]
# # 14 · The latent space of a VAE
#
# *A VAE never saw a label. Where in its latent space do the digits lie, and
# what lies between them?*
#
# - **You need:** lessons 08, 13a and 13b.
# - **You get:** a map of the latent space, posteriors drawn to scale, and the
#   three things that the autoencoder of lesson 08 lacked, measured.
# - **Run time:** 40 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized
from matplotlib.patches import Ellipse

from npvae import VAE, Adam, Autoencoder, Cosine, Pixels, Trainer, figures
from npvae.evaluation.latent_space import encode_split, line, plane_of

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]  # images to encode, and images to compare with
labels = data.test.labels[:1000]
rng = np.random.default_rng(0)


def train(kind, n_z):
    n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 8, 32))
    model = kind.dense(784, n_h, n_z)
    model.start_at(x_train.mean(axis=0))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, f"{kind.__name__}, {n_z} latents")
    return model


vae_2, vae, autoencoder = train(VAE, 2), train(VAE, 8), train(Autoencoder, 8)

# %% [markdown]
# The pixels stay grey in this lesson, for the sake of the pictures: we compare
# distances, not nats. And from here on *the code* of an image means the mean
# $\mu$ of its posterior. That is fine for pictures, but not for the ELBO
# (lesson 12a).
#
# ## A map of the latent space
#
# Two latents can be drawn. On the left are the means $\mu$ of test images, with
# circles at one and two standard deviations of the prior. On the right is what
# the decoder makes of a grid of codes. The grid is not even: its lines are
# *quantiles* of the prior, so that between two neighbouring lines lies a
# twentieth of its probability, and each of the 400 images stands for the same
# share. So the picture is a fair survey of what the model generates.
#
# **Predict first:** the model got no labels. Will the images of one digit lie
# together? And what is decoded *between* two digits, where there is no training
# image?

# %%
codes = encode_split(vae_2, data.test.only(slice(0, 1000)), Pixels("none"))
plane = plane_of(codes)
grid = plane.grid(20).astype(np.float32)  # (400, 2): row by row, the first row is the top
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.4))
figures.latent_scatter(codes.mu, labels, data.classes, told="means μ of test images", ax=left)
told = "decoded at quantiles of the prior"
figures.manifold(vae_2.decode(grid), data.shape, plane.ticks(20), told=told, ax=right)
colours = [handle.get_color() for handle in left.get_legend().legend_handles[:10]]
show(figure, "14-a-map")


def nearest_other(z):
    """For each row of z, (N, n), the number of the other row that is nearest to it, (N,)."""
    ### BEGIN SOLUTION
    square = (z * z).sum(axis=1)
    distance = square[:, None] + square - 2 * z @ z.T
    np.fill_diagonal(distance, np.inf)
    return distance.argmin(axis=1)
    ### END SOLUTION


mu, logvar = vae.encode(x_test)
neighbour = labels[nearest_other(mu)]
share_2 = (labels[nearest_other(codes.mu)] == labels).mean()
share_8 = (neighbour == labels).mean()
print(f"nearest neighbour is the same digit: {share_2:.0%} with 2 latents, {share_8:.0%} with 8")
assert share_2 > 0.18, "by chance it would be 10 %"
assert share_8 > 0.7, "nearby codes mostly belong to the same digit"

# %% [markdown]
# In the right picture one digit *turns into* the next, with a blur where
# several digits share a place. Because of the KL divergence we know where to
# look: a mean far from 0 is expensive, so the digits crowd around the origin.
# The reconstruction term draws them apart into *clusters*, and the KL
# divergence packs the clusters together (lesson 13b). But the KL divergence is
# only a pull towards the prior. In the left picture there are still gaps, and
# on MNIST the 1s lie far outside, beyond the edge of the right picture. In two
# dimensions an autoencoder leaves hardly more holes, as you saw in lesson 08.
# With eight the difference shows.
#
# Two numbers are too few to separate ten digits in all their slants and widths,
# so the digits overlap. (npvae's glyphs differ more by slant and stroke than by
# digit, and only 1 and 7 get a region of their own.) With eight latents nearest
# neighbours agree far more often. The digits that are still confused are those
# that you would confuse yourself:

# %%
confused = np.zeros((10, 10), int)
np.add.at(confused, (labels, neighbour), 1)
pairs = np.triu(confused + confused.T, 1)  # both ways, each pair once
for flat in np.argsort(-pairs, axis=None)[:3]:
    a, b = np.unravel_index(flat, pairs.shape)
    print(f"{a} and {b}: {pairs[a, b]} times the nearest neighbour was the other")

# %% [markdown]
# ## The posteriors
#
# So far we drew only means. But the encoder outputs a Gaussian for each image.
# Here are 150 of them, to scale: each ellipse extends one standard deviation,
# $\sigma_1$ and $\sigma_2$, from its mean.
#
# **Predict first:** the prior has standard deviation 1. How large are those of
# the posteriors? And if you draw one code from *every* posterior, what is the
# standard deviation of all these codes together?


# %%
def one_from_each(mu, logvar, rng):
    """A draw from each posterior N(mu, exp(logvar)), (N, n_z), with noise from rng."""
    ### BEGIN SOLUTION
    return mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape)
    ### END SOLUTION


def apart(mu, sigma):
    """How far mean j is from mean i, in standard deviations of posterior j, (N, N).

    For each latent divide the difference of the two means by sigma of j, and take the root of the
    mean square over the latents. mu and sigma are (N, n_z).
    """
    ### BEGIN SOLUTION
    difference = mu[:, None] - mu  # (N, N, n_z)
    return np.sqrt((difference**2 / sigma**2).mean(axis=2))
    ### END SOLUTION


mu_2, logvar_2 = vae_2.encode(x_train[:5000])
sigma_2, z_2 = np.exp(logvar_2 / 2), one_from_each(mu_2, logvar_2, rng)
mu_8, logvar_8 = vae.encode(x_train[:5000])
sigma_8, z_8 = np.exp(logvar_8 / 2), one_from_each(mu_8, logvar_8, rng)
spread = autoencoder.encode(x_train[:5000]).std(axis=0)
median_2, median_8 = np.median(sigma_2), np.median(sigma_8)
print(f"median σ of the posteriors: {median_2:.2f} with 2 latents, {median_8:.2f} with 8")
distance = apart(mu_8[:1000], sigma_8[:1000])
np.fill_diagonal(distance, np.inf)
print(f"8 latents: the nearest of 999 other means is {np.median(distance.min(axis=1)):.1f} σ away")
print("one code from each posterior; standard deviation of each latent:")
print(f"    2 latents {z_2.std(axis=0).round(2)}")
print(f"    8 latents {z_8.std(axis=0).round(2)}")
print(f"standard deviations of the autoencoder's codes: {spread.round(1)}")
assert np.abs(z_8.mean(axis=0)).max() < 0.5
assert 0.8 < z_8.std(axis=0).min() < z_8.std(axis=0).max() < 1.7, "near the prior's"
assert spread.min() > 2, "nothing says where an autoencoder's codes lie"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.8), sharex=True, sharey=True)
for m, sigma, label in zip(mu_2[:150], sigma_2[:150], train_part.labels[:150], strict=True):
    width, height = 2 * sigma
    left.add_patch(Ellipse(m, width, height, color=colours[label], alpha=0.6, linewidth=0))
left.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", title="150 posteriors, coloured as in the map")
left.set(xlabel="z 0", ylabel="z 1")
x_prior, y_prior = rng.standard_normal((2, 2000))
right.plot(x_prior, y_prior, ".", color=ORANGE, markersize=2, alpha=0.6, label="the prior")
right.plot(*z_2[:2000].T, ".", color=BLUE, markersize=2, alpha=0.6, label="one from each posterior")
right.set(aspect="equal", xlabel="z 0", title="2,000 codes")
right.legend(loc="upper right", markerscale=5, frameon=True)
show(figure, "14-posteriors")

# %% [markdown]
# Each posterior is narrow. Codes drawn from all of them together, the
# *aggregate posterior*, have a mean near 0 and a standard deviation of 1.1 to
# 1.5, near that of the prior (an autoencoder's codes: 6 or more). They reach
# further out than the prior, since the reconstruction term pushes the means
# apart (lesson 13b), and they leave gaps. But they lie where the prior lies, and
# that is why one can draw from it.
#
# We drew 150 posteriors; in two dimensions all of them together overlap a lot.
# The decoder cannot distinguish images whose posteriors overlap, so there it
# decodes their mean. That is how the decoder is trained between the means of
# the training images. It is also where the blur comes from (lesson 17). With
# eight latents there is so much room that few posteriors overlap, as the
# printed distance shows, and the decoder has to interpolate between them.
#
# ## What the autoencoder lacked, measured
#
# Lesson 08 listed three things that an autoencoder lacks. **A known
# distribution of codes**: they lie roughly where the prior is, as you just saw.
# **Smoothness**, nearby codes giving similar images: we move each code by 0.3
# times the standard deviation of all codes, and measure how much the image
# changes. And **no holes**: we generate images and measure how far each is from
# the nearest of 4,000 held-out digits. The autoencoder's codes are drawn as in
# lesson 08, from a Gaussian fitted to its codes. The VAE's are drawn from the
# prior and, to compare, once from its posteriors.
#
# **Predict first:** the autoencoder's draws were about half as far again from
# the nearest digit as its reconstructions are. How far are the VAE's?


# %%
def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


z_ae, z_train = autoencoder.encode(x_test), autoencoder.encode(x_train)
A = np.linalg.cholesky(np.cov(z_train.T))  # the fitted Gaussian of lesson 08
fitted = (z_train.mean(axis=0) + rng.standard_normal((1000, 8)) @ A.T).astype(np.float32)
assert np.allclose(fitted.std(axis=0), z_train.std(axis=0), rtol=0.15)

rows = {
    "change": "change of an image if its code moves by 0.3 σ of all codes",
    "reconstruction": "reconstructions: distance to the nearest digit",
    "generated": "generated images: distance to the nearest digit",
    "ratio": "ratio of the last two",
    "variety": "variance of generated images, relative to reconstructions",
}


def measure(model, z, z_new):
    """The rows of the table, for codes z of test images and codes z_new to generate from."""
    move = rng.standard_normal(z.shape)
    move *= 0.3 * z.std(axis=0).mean() / np.linalg.norm(move, axis=1, keepdims=True)
    reconstruction, generated = model.decode(z), model.decode(z_new)
    moved = model.decode((z + move).astype(np.float32))
    found = {
        "change": ((moved - reconstruction) ** 2).sum(axis=1).mean(),
        "reconstruction": nearest(reconstruction, held_out).mean(),
        "generated": nearest(generated, held_out).mean(),
        "variety": generated.var(axis=0).sum() / reconstruction.var(axis=0).sum(),
    }
    return found | {"ratio": found["generated"] / found["reconstruction"]}


from_prior = rng.standard_normal((1000, 8)).astype(np.float32)
of_autoencoder = measure(autoencoder, z_ae, fitted)
of_vae = measure(vae, mu, from_prior)
of_posteriors = measure(vae, mu, z_8[:1000].astype(np.float32))
print(f"{'':<58}  autoencoder          VAE  posteriors")
for key, name in rows.items():
    print(f"{name:<58} {of_autoencoder[key]:12.2f} {of_vae[key]:12.2f} {of_posteriors[key]:11.2f}")
print(
    f"mean squared distance of two test images {2 * x_test.var(axis=0).sum():.0f}; "
    f"from a test image to the nearest held-out digit {nearest(x_test, held_out).mean():.1f}"
)
assert of_vae["change"] < 0.8 * of_autoencoder["change"], "nearby codes give similar images"
assert of_vae["ratio"] < 0.95 * of_autoencoder["ratio"], "smaller holes"
assert abs(of_vae["reconstruction"] / of_autoencoder["reconstruction"] - 1) < 0.1
assert of_posteriors["ratio"] - 1 < 0.5 * (of_vae["ratio"] - 1), "the holes: no posterior is there"

# %% [markdown]
# The excess of the ratio over 1 is smaller by a third to a half than the
# autoencoder's. So the holes are smaller, but they are not gone. Part of the
# improvement is softness, as lesson 08 warned: the VAE's samples are softer and
# less varied than its reconstructions, and on MNIST they are even nearer to a
# digit than real digits are to each other. So compare only within a row.
#
# The last column shows what the holes are. For codes drawn from the
# *posteriors* the ratio is only 1.0 to 1.1. So most of the excess comes from
# the difference between the two sets of dots above: where the prior puts codes
# but no posterior lies, the decoder has never been trained.
#
# As for *smoothness*, the autoencoder was not bad either, since its decoder
# also changes slowly. The VAE's images change little more than half as much.
#
# ## Interpolation
#
# Now we walk in a straight line between the codes of two test images of
# *different* digits, as in lesson 08, in both models.
#
# **Predict first:** in lesson 08 the middle of such a walk was a hole. Is it
# now as near to a digit as its ends are?

# %%
other = rng.permutation(len(x_test))
different = labels != labels[other]
z_of = {"autoencoder": z_ae, "VAE": mu}
walks, distances = {}, {}
for name, model in (("autoencoder", autoencoder), ("VAE", vae)):
    way = line(z_of[name][different], z_of[name][other][different], 9)
    walks[name] = model.decode(way.reshape(-1, 8).astype(np.float32)).reshape(-1, 9, 784)
    distances[name] = np.array([nearest(walks[name][:, i], held_out).mean() for i in range(9)])
    print(f"{name:<11} distance to the nearest digit on the way: {distances[name].round(1)}")
detour = {name: values[4] / (0.5 * (values[0] + values[8])) for name, values in distances.items()}
for name, ratio in detour.items():
    print(f"{name:<11} the middle is {ratio:.2f} times as far from a digit as the ends are")
assert detour["VAE"] < detour["autoencoder"], "on average it stays nearer to the data"

figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), width_ratios=(3, 4, 4))
for (name, values), colour in zip(distances.items(), (ORANGE, GREEN), strict=True):
    axes[0].plot(np.linspace(0, 1, 9), values, "o-", color=colour, label=name)
axes[0].set(xlabel="t", ylabel="squared distance to the nearest digit")
axes[0].set_ylim(0, 1.1 * max(values.max() for values in distances.values()))
axes[0].legend()
ends = x_test[different][:4], x_test[other][different][:4]
for ax, (name, images) in zip(axes[1:], walks.items(), strict=True):
    figures.interpolation(images[:4], data.shape, ends=ends, told=name, ax=ax)
show(figure, "14-walks")

# %% [markdown]
# Better on average, but not good. On MNIST the excess of the middle over the
# ends shrinks to less than half of the autoencoder's, on glyphs only by a
# little. Halfway between a 0 and a 1 nothing in the data says what there should
# be. Look at the walks (the first four pairs, not chosen; A and B are the test
# images themselves): in *both* models many pass through a blend of two digits,
# and it differs from walk to walk which model does better. A mean over hundreds
# of walks shows a difference that four of them do not.
#
# So a distribution in place of a point, and a KL divergence that pulls it
# towards the prior, bring an improvement in all three, and the largest in the
# first. Lesson 15 makes use of that.
#
# > **What you may have read:** "the latent space of a VAE is continuous, that
# > of an autoencoder is not". Both are (lesson 08). The difference is *where
# > the decoder was trained*: at points that may lie anywhere, or around means
# > that lie where the prior is. With two latents the posteriors nearly fill the
# > prior. With eight they do not, and the decoder has to interpolate between
# > them.

# %% [markdown]
# ## Questions
#
# **Question 1.** The latent space of a VAE is often called continuous, and that
# of an autoencoder is said not to be. What is the difference really?
#
# - **a** An autoencoder has only as many codes as there are images; a VAE has
#   codes in between.
# - **b** Where the decoder was trained: at points that may lie anywhere, or
#   around means that lie where the prior is.
# - **c** A VAE's encoder is random, so the same image can be at any code.
#
# **Question 2.** In the map of two latents the regions of the digits touch. What
# is decoded exactly between a region of 4s and a region of 9s?
#
# - **a** A 4 or a 9, since the decoder chooses the nearer one.
# - **b** Noise, because no training image has its code there.
# - **c** A blend that is soft where the two differ.
#
# ## Exercises
#
# Answers are in `answers_14_inside_the_latent_space.py`.
#
# 1. **Change a number.** Walk around a circle of radius 1.2 in the two-latent
#    space, in 24 steps. Predict what you will meet, from the map. *Check:* two
#    successive images, and also the last and the first, differ by less than a
#    tenth of what two test images do.
# 2. **Few labels.** You have 20,000 images (5,000 in quick mode), but labels
#    for the first 100 only. Label 1,000 test images by the nearest of these
#    100, in pixels and in the codes of the eight-latent VAE. *Check:* with 8
#    numbers in place of 784, the codes are right at least nine tenths as often.
#    What have the images without labels contributed?
# 3. **Derive and implement.** Two independent draws from $\mathcal N(0, I)$
#    have the mean squared length $n_z$. Show that their midpoint has half of
#    that, so that the midpoint of a straight walk is shorter than a draw
#    usually is. Walk along an arc: with the angle $\theta$ between the two
#    directions, take $\sin((1 - t)\theta) / \sin\theta$ of the first and
#    $\sin(t\theta) / \sin\theta$ of the second, and change the length linearly.
#    *Check:* the mean squared length at the midpoint is within 10 % of the
#    ends', and each step turns by the same angle.
