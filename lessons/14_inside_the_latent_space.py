# %% [markdown]
# # 14 · Inside the latent space
#
# *The clouds lie close together, and nobody told them which digit they stand for.
# What have they made of the space?*
#
# - **You need:** lessons 08 and 13.
# - **You get:** a map of all digits, the clouds drawn to scale, and the three
#   wishes of lesson 08, measured.
# - **Run time:** 40 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show, sized
from matplotlib.patches import Ellipse

from npvae import VAE, Adam, Autoencoder, Cosine, Pixels, figures, steps
from npvae.latent_space import encode_split, line, plane_of

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]  # some to try things with, others to compare with
labels = data.test.labels[:1000]
rng = np.random.default_rng(0)


def train(kind, n_z):
    n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 8, 32))
    model = kind.dense(784, n_h, n_z)
    model.start_at(x_train.mean(axis=0))
    how = {"epochs": epochs, "batch_size": batch_size, "lr": Cosine(2e-3, epochs=epochs)}
    for _ in steps(model, train_part, Pixels("none"), Adam(), **how):
        pass
    return model


vae_2, vae, autoencoder = train(VAE, 2), train(VAE, 8), train(Autoencoder, 8)

# %% [markdown]
# (The pixels stay grey in this lesson, for the pictures. We judge by distances,
# not by nats.)
#
# ## A map
#
# Two latents can be looked at. On the left are the means $\mu$ of test images,
# with the circles of one and two widths of the prior. On the right is what the
# decoder makes of a grid of codes. The grid is not even: its lines are
# *quantiles* of the prior, so that each of the 400 images stands for the same
# share of it, one draw in
# 400. The picture is a fair survey of what the model can make.
#
# **Predict first:** nobody told the model about labels. Will the images of one
# digit lie together? And what is decoded *between* two digits, where no training
# image is?

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


def agreement(z):
    """How often the nearest other row of z belongs to the same digit."""
    square = (z * z).sum(axis=1)
    distance = square[:, None] + square - 2 * z @ z.T
    np.fill_diagonal(distance, np.inf)
    return float((labels[distance.argmin(axis=1)] == labels).mean())


mu = vae.encode(x_test)[0]
share_2, share_8 = agreement(codes.mu), agreement(mu)
print(f"nearest neighbour of the same digit: {share_2:.0%} with 2 latents, {share_8:.0%} with 8")
assert share_2 > 0.22, "by chance it would be 10 %"
assert share_8 > 0.7, "near codes are of one digit"

# %% [markdown]
# There are regions of one digit, and between them one digit *turns into* another.
# No empty land, no snow. That is what the price bought: a digit may not flee into
# a far corner, since far costs; so all ten share the middle, and touch.
#
# In two dimensions they also overlap: two numbers are too few to keep ten digits
# in all their slants and widths apart. With eight the neighbours agree far more
# often. Which digits are hardest to tell apart?

# %%
square = (mu * mu).sum(axis=1)
distance = square[:, None] + square - 2 * mu @ mu.T
np.fill_diagonal(distance, np.inf)
neighbour = labels[distance.argmin(axis=1)]
mixed = np.zeros((10, 10), int)
np.add.at(mixed, (labels, neighbour), 1)
both_ways = np.triu(mixed + mixed.T, 1)
for flat in np.argsort(-both_ways, axis=None)[:3]:
    a, b = np.unravel_index(flat, both_ways.shape)
    print(f"{a} and {b} are neighbours across the border {both_ways[a, b]} times")

# %% [markdown]
# ## The clouds
#
# So far we drew means. But an image is a cloud. Here are 150 of them, to scale:
# each ellipse has the widths $\sigma_1$ and $\sigma_2$ that the encoder names.
#
# **Predict first:** the prior has width 1. How wide are the clouds? And if you
# draw one code from *every* cloud, what is the width of all these draws together?

# %%
mu_2, logvar_2 = vae_2.encode(x_train[:5000])
sigma_2 = np.exp(logvar_2 / 2)
z_2 = mu_2 + sigma_2 * rng.standard_normal(mu_2.shape)
mu_8, logvar_8 = vae.encode(x_train[:5000])
z_8 = mu_8 + np.exp(logvar_8 / 2) * rng.standard_normal(mu_8.shape)
spread = autoencoder.encode(x_train[:5000]).std(axis=0)
print(
    f"one cloud: width {np.median(sigma_2):.2f} with 2 latents, "
    f"{np.median(np.exp(logvar_8 / 2)):.2f} with 8"
)
print(f"all draws together: widths {z_2.std(axis=0).round(2)}, {z_8.std(axis=0).round(2)}")
print(f"codes of the autoencoder: widths {spread.round(1)}")
assert np.abs(z_8.mean(axis=0)).max() < 0.5
assert 0.8 < z_8.std(axis=0).min() < z_8.std(axis=0).max() < 1.7, "nearly the prior"
assert spread.min() > 2, "and an autoencoder's codes lie wherever they like"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.8), sharex=True, sharey=True)
for m, width, label in zip(mu_2[:150], 2 * sigma_2[:150], train_part.labels[:150], strict=True):
    left.add_patch(Ellipse(m, *width, color=colours[label], alpha=0.6, linewidth=0))
left.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", title="150 clouds, coloured as above")
left.set(xlabel="z 1", ylabel="z 2")
right.plot(*z_2[:2000].T, ".", color=BLUE, markersize=2, label="a draw from each cloud")
right.plot(*rng.standard_normal((2, 2000)), ".", color=ORANGE, markersize=2, label="the prior")
right.set(aspect="equal", xlabel="z 1", title="do the clouds fill the prior?")
right.legend(loc="upper right", markerscale=5)
show(figure, "14-clouds")

# %% [markdown]
# Each cloud is small, and all of them together come close to the prior. They are
# wider and, in two dimensions, have arms and gaps; but they stand where it
# stands, and that is why one can draw from it. Clouds of the same digit overlap
# heavily; they say: "somewhere here". The decoder cannot tell these images apart,
# so it decodes something that suits them all. Overlap is what makes the space
# continuous, and it is also where the blur comes from (lesson 17).
#
# ## The three wishes, measured
#
# Lesson 08 wrote down what an autoencoder lacks. **We should know where the codes
# lie**: they lie where the prior is, as you just saw. **Near codes, near
# images**: we nudge each code a little and look how much the image changes. And
# **no holes**: we decode draws and measure how far each image is from the nearest
# of 4,000 held-out digits.
#
# **Predict first:** the autoencoder gave us draws whose distance was half as
# large again as that of its reconstructions. What will the VAE's be?


# %%
def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


apart = 2 * x_test.var(axis=0).sum()  # mean squared distance of two images
for nudge in (0.1, 0.3, 1.0):
    direction = rng.standard_normal(mu.shape).astype(np.float32)
    direction *= nudge / np.linalg.norm(direction, axis=1, keepdims=True)
    moved = ((vae.decode(mu + direction) - vae.decode(mu)) ** 2).sum(axis=1).mean()
    print(
        f"a code moved by {nudge}: the image changes by {moved:.2f}; "
        f"two images differ by {apart:.0f}"
    )
    assert moved < apart * nudge**2 / 10, "near codes, near images"

z_ae = autoencoder.encode(x_train)
A = np.linalg.cholesky(np.cov(z_ae.T))  # the fitted Gaussian of lesson 08
fitted = (z_ae.mean(axis=0) + rng.standard_normal((1000, 8)) @ A.T).astype(np.float32)
made_up = {"autoencoder": autoencoder.decode(fitted), "VAE": vae.sample(1000, rng=0)}
rebuilt = {"autoencoder": autoencoder.reconstruct(x_test), "VAE": vae.decode(mu)}
ratios = {}
for name in made_up:
    new, old = nearest(made_up[name], held_out).mean(), nearest(rebuilt[name], held_out).mean()
    ratios[name] = new / old
    print(f"{name:<11} made up {new:.1f}, reconstructions {old:.1f}, ratio {new / old:.2f}")
assert ratios["VAE"] < 0.92 * ratios["autoencoder"], "smaller holes"

# %% [markdown]
# The holes are smaller by a third to a half, though they are not gone. The
# reconstructions of both are about as near to digits, so blur flatters neither.
# What is left comes from the two sets of dots above not being the same: where the
# prior puts a code and no cloud is, the decoder has still learned nothing.
#
# ## Walks
#
# And mixing: we walk in a straight line between the codes of two test images of
# *different* digits, as in lesson 08, in both models.
#
# **Predict first:** the middle of such a walk was a hole. Is it now as good as
# its ends?

# %%
other = rng.permutation(len(x_test))
different = labels != labels[other]
z_test = {"autoencoder": autoencoder.encode(x_test), "VAE": mu}
walks, astray = {}, {}
for name, model in (("autoencoder", autoencoder), ("VAE", vae)):
    way = line(z_test[name][different], z_test[name][other][different], 9)
    walks[name] = model.decode(way.reshape(-1, 8).astype(np.float32)).reshape(-1, 9, 784)
    astray[name] = np.array([nearest(walks[name][:, i], held_out).mean() for i in range(9)])
    print(f"{name:<11} {astray[name].round(1)}")
detour = {name: values[4] / (0.5 * (values[0] + values[8])) for name, values in astray.items()}
for name, times in detour.items():
    print(f"{name:<11} the middle is {times:.2f} times as far from digits as the ends are")
assert detour["VAE"] < detour["autoencoder"], "interpolants stay nearer to data"

figure, axes = plt.subplots(1, 3, figsize=(12, 3.2), width_ratios=(3, 4, 4))
for (name, values), colour in zip(astray.items(), (ORANGE, GREEN), strict=True):
    axes[0].plot(np.linspace(0, 1, 9), values, "o-", color=colour, label=name)
axes[0].set(xlabel="t", ylabel="squared distance to the nearest digit", ylim=0)
axes[0].legend()
worst = np.argsort(-nearest(walks["autoencoder"][:, 4], held_out))[:200:50]
ends = x_test[different][worst], x_test[other][different][worst]
for ax, (name, images) in zip(axes[1:], walks.items(), strict=True):
    figures.interpolation(images[worst], data.shape, ends=ends, told=name, ax=ax)
show(figure, "14-walks")

# %% [markdown]
# Better, and not perfect: halfway between a 0 and a 1 there simply is no digit,
# and no model can put one there. But where the autoencoder lays two ghosts over
# each other, the VAE more often passes through *something*. (We picked four of
# the walks that were worst for the autoencoder, and show the same four for the
# VAE.)
#
# So a distribution instead of a point, and a price on it, gave us all three
# wishes, each nearly. Lesson 15 makes use of them.
#
# > **What you may have read:** "the latent space of a VAE is continuous, that of
# > an autoencoder is not". Both decoders are continuous functions: nudge the
# > code, and the image moves a little. The difference is *where they were
# > trained*. A VAE has been trained nearly everywhere that the prior reaches.
#
# ## Exercises
#
# Answers are in `answers_14_inside_the_latent_space.py`.
#
# 1. **Change a number.** Walk around a circle of radius 1.2 in the two-latent
#    space, in 24 steps. Predict what you will meet, from the map. *Check:* two
#    images in succession differ by less than a quarter of what two test images
#    do.
# 2. **Few labels.** You have 20,000 images (5,000 in quick mode), but labels for
#    the first 100 only. Label 1,000 test images by the nearest of these 100, in
#    pixels and in the codes of the eight-latent VAE. *Check:* with 8 numbers in
#    place of 784, the codes are right at least nine tenths as often. What have
#    the images without a label contributed?
# 3. **Derive and implement.** Two independent draws of $\mathcal N(0, I)$ have
#    squared length $n_z$ each, in the mean. Show that their middle has half of
#    that, so that straight walks cut through a region where few codes lie. Walk
#    along an arc: interpolate the direction evenly and the length linearly.
#    *Check:* the mean squared length in the middle is within 10 % of the ends'.
