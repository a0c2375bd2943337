# %% [markdown]
# # 14 · The latent space of a VAE: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
from npvae.evaluation.latent_space import line

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
x_test = (data.test.take(slice(0, 1000)) / 255).astype(np.float32)
labels = data.test.labels[:1000]
rng = np.random.default_rng(0)


def train(n_z):
    n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 8, 32))
    model = VAE.dense(784, n_h, n_z)
    model.start_at(x_train.mean(axis=0))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, f"VAE, {n_z} latents")
    return model


vae_2, vae = train(2), train(8)

# %% [markdown]
# ## 1. Around a circle
#
# You meet the digits whose regions the circle crosses, in the order of the map,
# and come back to where you began. No image differs much from the one before.

# %%
angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
circle = vae_2.decode(1.2 * np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32))
change = ((circle - np.roll(circle, 1, axis=0)) ** 2).sum(axis=1)
apart = 2 * x_test.var(axis=0).sum()
print(f"squared distance from step to step {change.mean():.1f}, of two test images {apart:.0f}")
assert change.max() < apart / 10
show(figures.samples(circle, data.shape, across=12, told="around a circle"), "14-answer-circle")

# %% [markdown]
# ## 2. Few labels
#
# The codes do about as well as the pixels or better (a little worse on glyphs
# in quick mode), with a hundredth of the numbers. From the images without
# labels the encoder has learned in which few ways digits differ. The labels
# then only have to name the regions. This is *semi-supervised learning* in its
# simplest form, and one of the first uses of VAEs.


# %%
def right(known, new):
    """How often the nearest of the 100 has the label of the new image."""
    distance = (known * known).sum(axis=1) - 2 * new @ known.T  # |new|² is the same for all
    return float((train_part.labels[:100][distance.argmin(axis=1)] == labels).mean())


by_pixels = right(x_train[:100], x_test)
by_codes = right(vae.encode(x_train[:100])[0], vae.encode(x_test)[0])
print(f"correct with 100 labels: from 784 pixels {by_pixels:.1%}, from 8 latents {by_codes:.1%}")
assert by_codes > 0.9 * by_pixels

# %% [markdown]
# ## 3. Along an arc
#
# For the midpoint,
# $|\tfrac12(a + b)|^2 = \tfrac14(|a|^2 + |b|^2 + 2\, a \cdot b)$. For
# independent draws the mean of $a \cdot b$ is 0, which leaves
# $\tfrac14 \cdot 2 n_z$. In many dimensions nearly all draws of
# $\mathcal N(0, I)$ have a length close to $\sqrt{n_z}$, and at $0.7$ of it
# there are hardly any. (With eight latents one in seven is as short as that,
# and the prior is *densest* at the origin. Arcs matter with hundreds of
# latents, if at all.)
#
# With the angle $\theta$ between $a$ and $b$, the arc is
# $\frac{\sin((1 - t)\theta)}{\sin\theta} a + \frac{\sin(t\theta)}{\sin\theta} b$
# for directions of length one; then scale it to the wanted length. You can
# hardly see a difference in the picture.


# %%
def arc(a, b, steps):
    """Codes (N, steps, n_z) from a to b, turning evenly, with lengths between theirs."""
    length_a, length_b = (np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    a, b = a / length_a, b / length_b
    theta = np.arccos(np.clip((a * b).sum(axis=1, keepdims=True), -1, 1))[:, None]
    t = np.linspace(0, 1, steps)[:, None]
    turned = np.sin((1 - t) * theta) * a[:, None] + np.sin(t * theta) * b[:, None]
    return turned / np.sin(theta) * ((1 - t) * length_a[:, None] + t * length_b[:, None])


a, b = rng.standard_normal((2, 5000, 8))
for name, walk in (("straight", line(a, b, 9)), ("arc", arc(a, b, 9))):
    print(name, (walk**2).sum(axis=2).mean(axis=0).round(2))
assert abs((line(a, b, 9)[:, 4] ** 2).sum(axis=1).mean() / 4 - 1) < 0.1
assert abs((arc(a, b, 9)[:, 4] ** 2).sum(axis=1).mean() / 8 - 1) < 0.1
assert np.allclose(arc(a, b, 9)[:, [0, 8]], np.stack([a, b], axis=1))
way = arc(a, b, 9)
way /= np.linalg.norm(way, axis=2, keepdims=True)
turns = np.arccos((way[:, 1:] * way[:, :-1]).sum(axis=2))  # from step to step, (5000, 8)
assert np.allclose(turns, turns[:, :1])

mu = vae.encode(x_test)[0]
ends = np.array([0, 1, 2, 3]), np.array([10, 11, 12, 13])
walks = np.concatenate([line(mu[ends[0]], mu[ends[1]], 9), arc(mu[ends[0]], mu[ends[1]], 9)])
images = vae.decode(walks.reshape(-1, 8).astype(np.float32)).reshape(8, 9, 784)
told = "four straight walks, and the same along arcs"
show(figures.interpolation(images, data.shape, told=told), "14-answer-arcs")

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** Both have real numbers as codes, and both decoders answer at every
#   point. Neither space has gaps in it.
# - **b** The draw trains the decoder on a region around each mean, and the KL
#   divergence keeps these regions where the prior puts its codes.
# - **c** The encoder is not random, and the posterior is narrow. With eight
#   latents hardly two posteriors overlap.
#
# **Question 2: c.**
#
# - **a** A decoder does not choose. It is a smooth function, so its image changes
#   gradually from the one to the other.
# - **b** Noise would cost a lot for all the images whose posteriors reach this
#   far. And a smooth function of trained neighbours is not noise.
# - **c** Posteriors of both digits overlap there, and the answer with the
#   smallest expected loss is a mean of the images that share the code (lesson
#   17).
