# %% [markdown]
# # 15 · Mixing A with B: answers

# %%
import numpy as np
from course import show, sized

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
while trainer.goes_on(epochs):
    trainer.step()
z_train, z_test = vae.encode(x_train)[0], vae.encode(x_test)[0]
down, across = np.mgrid[0:28, 0:28].astype(float)


def moments(x):
    """Of each image's ink: the covariance of row and column, and the variance of the rows."""
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


def direction(values, z):
    """From the tenth of the images where a value is least to that where it is most."""
    order = np.argsort(values)
    tenth = len(order) // 10
    return z[order[-tenth:]].mean(axis=0) - z[order[:tenth]].mean(axis=0)


def moves(ruler, v):
    """How far a ruler's reading moves from -v/2 to v/2, in units of its own spread."""
    plus, minus = (vae.decode(z_test + np.float32(t) * v) for t in (0.5, -0.5))
    return float((ruler(plus) - ruler(minus)).mean() / ruler(x_test).std())


# %% [markdown]
# ## 1. Scale
#
# The height moves. The thickness moves less, although larger things are often
# thicker: the stroke of a glyph does not depend on its size, and the network has
# nearly noticed.

# %%
v = direction(train_part.factors["scale"], z_train)
print(
    f"height moves by {moves(height_of, v):.2f} of its spread, "
    f"thickness by {moves(thickness_of, v):.2f}"
)
assert moves(height_of, v) > 0.5
assert abs(moves(thickness_of, v)) < 0.5 * moves(height_of, v)
shown = z_test[:5, None] + np.linspace(-1, 1, 9, dtype=np.float32)[:, None] * v
told = "the code plus t times the direction of scale, t = -1 ... 1"
ax = figures.samples(vae.decode(shown.reshape(-1, 16)), data.shape, across=9, told=told)
show(ax, "15-answer-scale")

# %% [markdown]
# ## 2. A trap
#
# A difference of means takes along *everything* in which the two groups differ.
# If the slanted ones are the thick ones, the direction says both. With the
# photographs, the "smile" would make faces more feminine, as has been described
# for real ones. Data decide what a direction means.

# %%
slant, stroke = train_part.factors["slant"], train_part.factors["stroke"]
together = (slant > np.median(slant)) == (stroke > np.median(stroke))
fair, biased = direction(slant, z_train), direction(slant[together], z_train[together])
for name, v in (("fair", fair), ("biased", biased)):
    print(f"{name:<6} slant by {moves(slant_of, v):.2f}, thickness by {moves(thickness_of, v):.2f}")
assert moves(thickness_of, biased) > 2 * abs(moves(thickness_of, fair))

# %% [markdown]
# ## 3. Out of the trap
#
# The squared error $|z - m - F V|^2$ has the gradient $-2 F^\top (z - m - F V)$
# by $V$, which is zero for $F^\top F\, V = F^\top (z - m)$. The matrix $F^\top F$
# knows how the factors go together, and its inverse takes that out: each row of
# $V$ says what its factor does while the *others stay*. It only works for factors
# that you have written down. (And, as slant and stroke never separate by their
# medians here, there must be enough images in which they differ a little.)

# %%
F = np.stack([slant, stroke], axis=1)[together]
F = (F - F.mean(axis=0)) / F.std(axis=0)
m = z_train[together].mean(axis=0)
V = np.linalg.solve(F.T @ F, F.T @ (z_train[together] - m))
print(f"slant and stroke correlate by {np.corrcoef(F.T)[0, 1]:.2f} in these images")
share = {}
for name, v in (("biased", biased), ("least squares", V[0] * 3)):
    share[name] = abs(moves(thickness_of, v)) / moves(slant_of, v)
    print(
        f"{name:<13} slant by {moves(slant_of, v):.2f}, thickness by {moves(thickness_of, v):.2f}"
    )
assert share["least squares"] < share["biased"]
