# %% [markdown]
# # 15 · Attribute vectors and interpolation: answers

# %%
import numpy as np
from course import run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
from npvae.datasets import load_dataset

data = load_dataset("glyphs")
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
x_test = (data.test.take(slice(0, 1000)) / 255).astype(np.float32)

n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 8, 32))
vae = VAE.dense(784, n_h, 16)
vae.start_at(x_train.mean(axis=0))
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(vae, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, "VAE, 16 latents")
z_train, z_test = vae.encode(x_train)[0], vae.encode(x_test)[0]
down, across = np.mgrid[0:28, 0:28].astype(float)


def moments(x):
    """Covariance of column and row, and variance of the row, over the ink of each image."""
    ink = x.reshape(-1, 28, 28) / x.sum(axis=1)[:, None, None]
    dx = across - (ink * across).sum(axis=(1, 2))[:, None, None]
    dy = down - (ink * down).sum(axis=(1, 2))[:, None, None]
    return (ink * dx * dy).sum(axis=(1, 2)), (ink * dy**2).sum(axis=(1, 2))


def slant_of(x):
    both, rows = moments(x)
    return -np.degrees(np.arctan(both / rows))


def height_of(x):
    return np.sqrt(moments(x)[1])


def thickness_of(x):
    images = x.reshape(-1, 28, 28)
    rise, run = np.diff(images, axis=1)[:, :, :-1], np.diff(images, axis=2)[:, :-1]
    return 2 * images.sum(axis=(1, 2)) / np.sqrt(rise**2 + run**2).sum(axis=(1, 2))


def attribute_vector(values, z):
    """Mean code of the tenth with the largest values, minus that of the tenth with the smallest."""
    order = np.argsort(values)
    tenth = len(order) // 10
    return z[order[-tenth:]].mean(axis=0) - z[order[:tenth]].mean(axis=0)


def moves(measured, v):
    """How far a measurement moves from -v/2 to v/2, in standard deviations of the test images."""
    plus = vae.decode(z_test + np.float32(0.5) * v)
    minus = vae.decode(z_test - np.float32(0.5) * v)
    return float((measured(plus) - measured(minus)).mean() / measured(x_test).std())


# %% [markdown]
# ## 1. Scale
#
# The height moves. The thickness moves less, although larger things are often
# thicker: the stroke of a glyph does not depend on its size, and the network has
# nearly learned that.

# %%
v = attribute_vector(train_part.factors["scale"], z_train)
print(
    f"height moves by {moves(height_of, v):.2f} standard deviations, "
    f"thickness by {moves(thickness_of, v):.2f}"
)
assert moves(height_of, v) > 0.5
assert abs(moves(thickness_of, v)) < 0.5 * moves(height_of, v)
shown = z_test[:5, None] + np.linspace(-1, 1, 9, dtype=np.float32)[:, None] * v
told = "the code plus t times the vector of scale, t = -1 ... 1"
ax = figures.samples(vae.decode(shown.reshape(-1, 16)), data.shape, across=9, told=told)
show(ax, "15-answer-scale")

# %% [markdown]
# ## 2. A trap
#
# A difference of means contains *everything* in which the two groups differ. If
# the slanted images are the thick ones, the vector changes both. With the
# photographs, the vector of "smile" would also make faces more feminine, as has
# been reported for real data. The data decide what an attribute vector means.

# %%
slant, stroke = train_part.factors["slant"], train_part.factors["stroke"]
together = (slant > np.median(slant)) == (stroke > np.median(stroke))
fair = attribute_vector(slant, z_train)
biased = attribute_vector(slant[together], z_train[together])
for name, v in (("fair", fair), ("biased", biased)):
    print(f"{name:<6} slant by {moves(slant_of, v):.2f}, thickness by {moves(thickness_of, v):.2f}")
assert moves(thickness_of, biased) > 2 * abs(moves(thickness_of, fair))

# %% [markdown]
# ## 3. Out of the trap
#
# The squared error $|z - m - F V|^2$ has the gradient $-2 F^\top (z - m - F V)$
# with respect to $V$, which is zero for $F^\top F\, V = F^\top (z - m)$. The
# matrix $F^\top F$ holds how the factors vary together, and its inverse corrects
# for that: each row of $V$ says what its factor does while the *others stay the
# same*. This only works for factors that you have recorded. (Here slant and
# stroke are always on the same side of their medians, so it depends on images in
# which they differ a little within that side.)

# %%
F = np.stack([slant, stroke], axis=1)[together]
F = (F - F.mean(axis=0)) / F.std(axis=0)
m = z_train[together].mean(axis=0)
V = np.linalg.solve(F.T @ F, F.T @ (z_train[together] - m))
print(f"correlation of slant and stroke in these images: {np.corrcoef(F.T)[0, 1]:.2f}")
share = {}
for name, v in (("biased", biased), ("least squares", V[0] * 3)):
    share[name] = abs(moves(thickness_of, v)) / moves(slant_of, v)
    print(
        f"{name:<13} slant by {moves(slant_of, v):.2f}, thickness by {moves(thickness_of, v):.2f}"
    )
assert share["least squares"] < share["biased"]

# %% [markdown]
# ## Questions
#
# **Question 1: a.**
#
# - **a** The prior is the same in all directions. That is why an attribute vector
#   is computed from examples, and not read off from an axis.
# - **b** It does not know what *we* call a factor. Sixteen latents hold slant,
#   stroke, size and digit in whatever mixture serves the loss.
# - **c** A large KL divergence says that the latent carries information. It does
#   not say about what.
#
# **Question 2: b.**
#
# - **a** If it were linear, the two midpoints would be equal. The picture shows
#   that they are not: a blend of pixels is two pale digits on top of each other.
# - **b** The decoder draws what it has learned to lie between the two. Nothing
#   promises that this is a digit.
# - **c** The holes are smaller than an autoencoder's, and not gone (lesson 14).
#   Between two different digits there may be nothing that has a name.
