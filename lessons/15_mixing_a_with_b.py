# %% [markdown]
# # 15 · Mixing A with B
#
# *Can you make a digit slant, or get fatter, by adding a vector to its code? And
# what is half of a 3 and half of an 8?*
#
# - **You need:** lessons 06 and 14.
# - **You get:** directions in latent space that mean something, found and
#   measured; one digit in the style of another; blends of codes beside blends of
#   pixels.
# - **Run time:** 20 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
from npvae.datasets import load_dataset
from npvae.evaluation.latent_space import line

data = load_dataset("glyphs")
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]
labels, factors = data.test.labels[:1000], data.test.factors
rng = np.random.default_rng(0)

# %% [markdown]
# This lesson always works with npvae's glyphs, since we know how each was made:
# its slant, its stroke, its size, its place were drawn at random and written
# down. The VAE is not told. It sees images, as before.

# %%
n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 8, 32))
vae = VAE.dense(784, n_h, 16)
vae.start_at(x_train.mean(axis=0))
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(vae, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
while trainer.goes_on(epochs):
    trainer.step()
z_train, z_test = vae.encode(x_train)[0], vae.encode(x_test)[0]

# %% [markdown]
# ## Two rulers
#
# To see what a made-up image looks like we need to measure it. For the *slant* we
# ask how far the ink moves to the right as one goes up. For the *thickness* we
# divide the area of the ink by half the length of its outline, as for a ribbon,
# whose outline runs along both sides. (At the outline the brightness climbs from
# 0 to 1, so the sum of all slopes is its length.) And whether it is still the
# same digit we ask the nearest training image. Do the rulers measure what the
# glyphs were drawn with? (A *correlation* of 1 says that one follows the other
# exactly on a straight line, 0 that they have nothing to do with each other.)

# %%
down, across = np.mgrid[0:28, 0:28].astype(float)


def slant_of(x):
    """The slant of each image, in degrees to the right."""
    ink = x.reshape(-1, 28, 28) / x.sum(axis=1)[:, None, None]
    dx = across - (ink * across).sum(axis=(1, 2))[:, None, None]
    dy = down - (ink * down).sum(axis=(1, 2))[:, None, None]
    return -np.degrees(np.arctan((ink * dx * dy).sum(axis=(1, 2)) / (ink * dy**2).sum(axis=(1, 2))))


def thickness_of(x):
    """The mean thickness of the lines of each image, in pixels."""
    images = x.reshape(-1, 28, 28)
    rise, run = np.diff(images, axis=1)[:, :, :-1], np.diff(images, axis=2)[:, :-1]
    return 2 * images.sum(axis=(1, 2)) / np.sqrt(rise**2 + run**2).sum(axis=(1, 2))


def digit_of(x):
    """The digit of the training image that is nearest to each."""
    distance = (x_train**2).sum(axis=1) - 2 * x @ x_train.T  # the rest is the same for all
    return train_part.labels[distance.argmin(axis=1)]


rulers = {"slant": slant_of, "stroke": thickness_of}
for name, ruler in rulers.items():
    truth = np.corrcoef(ruler(x_test), factors[name][:1000])[0, 1]
    print(f"{name:<6} measured and drawn: correlation {truth:.2f}")
    assert truth > 0.85
print(f"digit by the nearest training image: right in {(digit_of(x_test) == labels).mean():.0%}")

# %% [markdown]
# ## A direction for an attribute
#
# Take the tenth of the training images that slant most, and the mean of their
# codes. Take the tenth that slant least. The difference of the two means is a
# vector:
#
# $$ v = \text{mean of } \mu \text{ (slanted right)} - \text{mean of } \mu
# \text{ (slanted left)} $$
#
# Everything else was drawn without regard to the slant. So which digit it is, how
# large, how thick, is about as frequent in one group as in the other, and
# cancels.
#
# **Predict first:** we add $\tfrac12 v$ to the code of any test image. Will its
# slant change, by how much, and will it still be the same digit? And is $v$ one
# of the 16 latents?


# %%
def direction(attribute, part=train_part, z=z_train):
    """From the tenth of the images where an attribute is least to that where it is most."""
    order = np.argsort(part.factors[attribute])
    tenth = len(order) // 10
    return z[order[-tenth:]].mean(axis=0) - z[order[:tenth]].mean(axis=0)


v = {name: direction(name) for name in rulers}
decoded = {}
print("added      " + "   slant   thickness   same digit")
for name in rulers:
    largest = (v[name] ** 2).max() / (v[name] ** 2).sum()
    for t in (-0.5, 0, 0.5):
        decoded[name, t] = x = vae.decode(z_test + np.float32(t) * v[name])
        same = (digit_of(x) == labels).mean()
        slant, thickness = slant_of(x).mean(), thickness_of(x).mean()
        print(f"{t:4.1f} {name:<6} {slant:7.1f}° {thickness:8.2f} px {same:9.0%}")
    print(f"the largest of the 16 numbers makes up {largest:.0%} of its square")
    assert largest < 0.85, "not one latent, but a direction across several"


def moves(of, by):
    """How far a reading moves from -v/2 to v/2, in units of its spread over the test images."""
    change = rulers[of](decoded[by, 0.5]) - rulers[of](decoded[by, -0.5])
    return float(change.mean() / rulers[of](x_test).std())


for by in rulers:
    for of in rulers:
        print(f"from -v/2 to v/2 of {by}: {of} moves by {moves(of, by):.2f} times its spread")
    order = np.argsort(factors[by][:1000])
    groups = [rulers[by](x_test[part]).mean() for part in (order[:100], order[-100:])]
    print(f"the two tenths differ by {np.diff(groups)[0] / rulers[by](x_test).std():.2f} times")
assert moves("slant", "slant") > 1 > 3 * abs(moves("slant", "stroke")), "each moves its own ..."
assert moves("stroke", "stroke") > 2 * abs(moves("stroke", "slant")), "... and little else"
least = min((digit_of(x) == labels).mean() for x in decoded.values())
assert least > 0.8, "and leaves the digit"

kept = digit_of(decoded["slant", 0]) == labels  # that are still the same digit when rebuilt
shown = np.array([np.flatnonzero((labels == digit) & kept)[0] for digit in (2, 3, 4, 5, 8)])
ts = np.linspace(-1, 1, 9, dtype=np.float32)
figure, axes = plt.subplots(1, 2, figsize=(12, 3.6))
for ax, (name, vector) in zip(axes, v.items(), strict=True):
    codes = z_test[shown][:, None] + ts[:, None] * vector  # (5, 9, 16)
    images = vae.decode(codes.reshape(-1, 16)).reshape(5, 9, 784)
    rows = np.concatenate([x_test[shown][:, None], images], axis=1).reshape(-1, 784)
    told = f"a test image; its code plus t times v of {name}, t = -1 ... 1"
    figures.samples(rows, data.shape, across=10, told=told, ax=ax)
show(figure, "15-directions")

# %% [markdown]
# It works for most images with the *same* vector, whichever digit they are. The
# network has found out that slanting is one thing, and nobody told it so. (Some
# are lost already when nothing is added, as the row of $t = 0$ says, and some on
# the way: a 3 may close to an 8. The farther out, the more, for few glyphs are
# there.) By how much? The two tenths lie nearly three spreads apart. Going
# through the whole of $v$ moves the slant by less than two, and the stroke by one
# or two: what the VAE has smoothed away when it rebuilds an image, no direction
# brings back.
#
# The vector is a mixture of several latents, though one may lead. Do not *count*
# on a latent that means something. The prior is round and prefers no axis. The
# clouds are stretched along the axes only, so not every direction is as good as
# an axis. But nothing says that the axes should be *ours*.
#
# ## A in the style of B
#
# Codes can be measured along $v$: the number $c(z) = z \cdot v / |v|^2$ says how
# many $v$ there are in $z$ (its shadow on $v$, in units of $|v|$). So we can take
# digit A, remove *its* slant, and add that of B:
#
# $$ z = z_A + \left(c(z_B) - c(z_A)\right) v $$
#
# **Predict first:** B may be another digit. Does it lend its slant, and nothing
# else?


# %%
def along(z, vector):
    return z @ vector / (vector @ vector)


other = rng.permutation(1000)
steps_along = along(z_test[other], v["slant"]) - along(z_test, v["slant"])
lent = vae.decode(z_test + steps_along[:, None] * v["slant"])
now, of_a, of_b = slant_of(lent), slant_of(x_test), slant_of(x_test[other])
with_a, with_b = np.corrcoef(now, of_a)[0, 1], np.corrcoef(now, of_b)[0, 1]
same = (digit_of(lent) == labels).mean()
print(f"slant of the mixture: correlation {with_b:.2f} with B's, {with_a:.2f} with A's")
two = labels != labels[other]
theirs = (digit_of(lent) == labels[other])[two].mean()
readings = [thickness_of(x) for x in (lent, vae.decode(z_test), x_test[other])]
thick, thick_b = np.corrcoef(readings)[0, 1:]
print(f"it is A's digit in {same:.0%}; B's, where that is another, in {theirs:.0%}")
print(f"thickness: correlation {thick:.2f} with that of A rebuilt, {thick_b:.2f} with B's")
assert with_b > 0.75
assert with_a < 0.4
assert thick > 0.8
assert abs(thick_b) < 0.2
assert theirs < 0.1
assert same > 0.8
rows = np.concatenate([x_test[:12], x_test[other][:12], lent[:12]])
told = "from above: A; B; the digit of A with the slant of B"
show(figures.samples(rows, data.shape, across=12, told=told), "15-style")

# %% [markdown]
# Nearly: the slant is B's, the thickness stays that of A rebuilt, and so does the
# digit in most cases. (Where the way along $v$ is long, A may lose its shape.)
# That is the arithmetic behind "add a smile to this face": source A, plus an
# attribute of source B.
#
# ## Half of A and half of B
#
# The simplest mixture is the middle. We can take it between the *pixels* of two
# images, or between their *codes*.
#
# **Predict first:** which middle is nearer to a real digit: that of pixels, or
# that of codes? For two images of the same digit, and for two different ones?


# %%
def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


a, b = vae.decode(z_test), vae.decode(z_test[other])  # as smooth as what codes give
blends = {"pixels": (a + b) / 2, "codes": vae.decode((z_test + z_test[other]) / 2)}
far = {name: nearest(x, held_out) for name, x in blends.items()}
ends = nearest(a, held_out).mean()
print(f"squared distance to the nearest glyph; of the ends themselves {ends:.1f}")
for who, which in (("one digit", labels == labels[other]), ("two digits", labels != labels[other])):
    by_pixels, by_codes = far["pixels"][which], far["codes"][which]
    print(
        f"half and half of {who:<10} pixels {by_pixels.mean():.1f}, codes {by_codes.mean():.1f}; "
        f"the codes win in {(by_codes < by_pixels).mean():.0%}"
    )
    assert by_codes.mean() < 0.85 * by_pixels.mean()
same = labels == labels[other]
assert far["codes"][same].mean() < 1.1 * ends, "between two images of a digit: a digit"
ends_lean = np.sort([slant_of(a), slant_of(b)], axis=0)
lean = slant_of(blends["codes"])
between = ((ends_lean[0] - 1 < lean) & (lean < ends_lean[1] + 1))[same].mean()
print(
    f"one digit: the slant of the middle of codes lies between those of the ends, give or take "
    f"1°, in {between:.0%}"
)
assert between > 0.85

pairs = np.concatenate([np.flatnonzero(same)[:2], np.flatnonzero(~same)[:2]])
strips = []
for i in pairs:
    t = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    way = line(z_test[i], z_test[other][i], 9).astype(np.float32)
    strips += [(1 - t) * a[i] + t * b[i], vae.decode(way)]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=(5, 4))
told = "four pairs; above a blend of pixels, below a blend of codes"
figures.interpolation(np.stack(strips), data.shape, told=told, ax=left)
right.hist(far["pixels"][~same], bins=40, color=ORANGE, alpha=0.6, label="pixels")
right.hist(far["codes"][~same], bins=40, color=BLUE, alpha=0.6, label="codes")
right.axvline(ends, color=GREEN, linestyle="--", label="the ends, in the mean")
right.set(xlabel="squared distance to the nearest glyph", ylabel="pairs")
right.set_title("the middles between two different digits")
right.legend()
show(figure, "15-blends")

# %% [markdown]
# A blend of pixels is a double exposure: two pale digits over each other, and no
# pen draws that. A blend of codes is mostly *one* image. Between two images of
# the same digit it is as near to real ones as its ends are, with a slant in
# between. (Both start from images that the VAE has rebuilt, so that neither is
# flattered for being smooth.) Between two digits it is what the model believes to
# lie between them, and in the very middle that may be no digit at all.
#
# This is what people use VAEs for when they make things: between two melodies, a
# melody; between two faces, a face; between two molecules, one that might be
# worth synthesising. And it explains why a VAE's latent space is often the
# *material* on which other models work: large image generators of today first
# squeeze images with an autoencoder that has a KL term of very small weight, and
# do their work on its codes.
#
# > **What you may have read:** "each latent of a VAE stands for one attribute".
# > That may happen, and some train for it (with a larger weight on the KL, lesson
# > 16). But nothing in the ELBO promises it.
#
# What does a code cost, and what if it cost more? Lesson 16 turns that knob.
#
# ## Exercises
#
# Answers are in `answers_15_mixing_a_with_b.py`.
#
# 1. **Change a number.** Find the direction of another factor, `scale`. Its ruler
#    is the height of the ink: the spread of its rows around their mean. Predict
#    whether it also moves the thickness. *Check:* the height changes by at least
#    half of its own spread when you go from $-\tfrac12 v$ to $\tfrac12 v$, and
#    the thickness by less than half of that.
# 2. **A trap.** Use only images in which slant and stroke go together: both above
#    their median, or both below. Find the direction of slant from these. *Check:*
#    it now moves the thickness (by `moves`, the mean with its sign) at least
#    twice as much as before. What would happen with photographs in which smiling
#    people are mostly women?
# 3. **Derive and implement.** Get out of that trap. Describe both directions at
#    once by $z \approx m + F V$, where each row of $F$ holds the slant and the
#    stroke of an image, less their mean, in units of their spread. Derive the
#    least-squares $V = (F^\top F)^{-1} F^\top (z - m)$. (As in lesson 01, the
#    gradient of $\tfrac12 |F V - (z - m)|^2$ by $V$ is $F^\top$ times the
#    difference.) *Check:* on the same biased images, the row of $V$ for slant
#    moves the thickness less than the direction of exercise 2, compared to how
#    much each moves the slant.
