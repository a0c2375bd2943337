# %% [markdown]
# # 15 · Attribute vectors and interpolation
#
# *Can you make a digit slant, or make its lines thicker, by adding a vector to
# its code? And what is half of a 3 and half of an 8?*
#
# - **You need:** lessons 06 and 14.
# - **You get:** vectors in latent space that stand for an attribute, found and
#   measured; one digit with the slant of another; interpolations of codes beside
#   those of pixels.
# - **Run time:** 20 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
from npvae.datasets import load_dataset
from npvae.evaluation.latent_space import line

data = load_dataset("glyphs")
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]
labels = data.test.labels[:1000]
drawn_with = {name: values[:1000] for name, values in data.test.factors.items()}
rng = np.random.default_rng(0)

# %% [markdown]
# This lesson always uses npvae's glyphs, since we know how each of them was made:
# its slant, stroke, size and position were drawn at random and written down as
# its *factors*. The VAE does not get them. It sees only images, as before.

# %%
n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 8, 32))
vae = VAE.dense(784, n_h, 16)
vae.start_at(x_train.mean(axis=0))
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(vae, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, "VAE, 16 latents")
z_train, z_test = vae.encode(x_train)[0], vae.encode(x_test)[0]  # codes: the means of q(z | x)

# %% [markdown]
# ## Measuring slant and thickness
#
# To judge a generated image we need to measure it. For the *slant*, we compute
# how far the ink moves to the right as one goes up. For the *thickness*, we
# divide the area of the ink by half the length of its outline, as for a ribbon,
# whose outline runs along both sides. (At the outline the brightness rises from 0
# to 1, so the sum of all gradients of the brightness is its length.) And to see
# whether an image is still the same digit, we take the digit of the nearest
# training image.
#
# Do these measurements agree with the factors that the glyphs were drawn with? We
# compute their *correlation*: it is 1 if one is an increasing linear function of
# the other, and 0 if they have no linear relation.

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
    """The digit of the training image that is nearest to each image."""
    distance = (x_train**2).sum(axis=1) - 2 * x @ x_train.T  # |x|² is the same for all of them
    return train_part.labels[distance.argmin(axis=1)]


measure = {"slant": slant_of, "stroke": thickness_of}
for name, measured in measure.items():
    correlation = np.corrcoef(measured(x_test), drawn_with[name])[0, 1]
    print(f"{name:<6} correlation of measurement and factor: {correlation:.2f}")
    assert correlation > 0.85
accuracy = (digit_of(x_test) == labels).mean()
print(f"digit of the nearest training image: correct for {accuracy:.0%}")

# %% [markdown]
# ## A vector for an attribute
#
# Take the tenth of the training images that slant most to the right, and compute
# the mean of their codes. Do the same with the tenth that slant most to the left.
# The difference of the two means is an **attribute vector**:
#
# $$ v = \text{mean of } \mu \text{ (slanted right)} - \text{mean of } \mu
# \text{ (slanted left)} $$
#
# All other factors were drawn independently of the slant. So each digit, size and
# thickness is about equally frequent in both groups, and cancels.
#
# **Predict first:** we add $\tfrac12 v$ to the code of any test image. Does its
# slant change, by how much, and is it still the same digit? And is $v$ parallel
# to one of the 16 latents?


# %%
def attribute_vector(values, z):
    """Mean code of the tenth with the largest values, minus that of the tenth with the smallest.

    values, (N,), belong to the rows of z, (N, n_z). The vector is (n_z,).
    """
    ### BEGIN SOLUTION
    order = np.argsort(values)
    tenth = len(order) // 10
    return z[order[-tenth:]].mean(axis=0) - z[order[:tenth]].mean(axis=0)
    ### END SOLUTION


def moves(measured, vector):
    """How far a measurement moves from -v/2 to v/2, in standard deviations of the test images."""
    plus = vae.decode(z_test + np.float32(0.5) * vector)
    minus = vae.decode(z_test - np.float32(0.5) * vector)
    return float((measured(plus) - measured(minus)).mean() / measured(x_test).std())


v = {name: attribute_vector(train_part.factors[name], z_train) for name in measure}
same_digit = []
print("added            slant   thickness   same digit")
for name, vector in v.items():
    for t in (-0.5, 0, 0.5):
        x = vae.decode(z_test + np.float32(t) * vector)
        same_digit.append((digit_of(x) == labels).mean())
        print(
            f"{t:4.1f} v of {name:<6} {slant_of(x).mean():6.1f}° {thickness_of(x).mean():8.2f} px "
            f"{same_digit[-1]:9.0%}"
        )
    largest = (vector**2).max() / (vector**2).sum()
    print(f"share of the largest of the 16 components in |v|²: {largest:.0%}")
    assert largest < 0.85, "v is not parallel to one latent"

for by, vector in v.items():
    for of, measured in measure.items():
        print(f"v of {by}: moves the {of} by {moves(measured, vector):.2f} standard deviations")
    order = np.argsort(drawn_with[by])
    x_low, x_high = x_test[order[:100]], x_test[order[-100:]]
    between = (measure[by](x_high).mean() - measure[by](x_low).mean()) / measure[by](x_test).std()
    print(f"the two tenths of the test images differ by {between:.2f} standard deviations")
assert moves(slant_of, v["slant"]) > 1 > 3 * abs(moves(thickness_of, v["slant"])), "each moves ..."
assert moves(thickness_of, v["stroke"]) > 2 * abs(moves(slant_of, v["stroke"])), "... its attribute"
assert min(same_digit) > 0.8, "and mostly leaves the digit as it is"

unchanged = digit_of(vae.decode(z_test)) == labels  # those that reconstruct as the same digit
shown = np.array([np.flatnonzero((labels == digit) & unchanged)[0] for digit in (2, 3, 4, 5, 8)])
ts = np.linspace(-1, 1, 9, dtype=np.float32)
figure, axes = plt.subplots(1, 2, figsize=(12, 3.6))
for ax, (name, vector) in zip(axes, v.items(), strict=True):
    codes = z_test[shown][:, None] + ts[:, None] * vector  # (5, 9, 16)
    images = vae.decode(codes.reshape(-1, 16)).reshape(5, 9, 784)
    rows = np.concatenate([x_test[shown][:, None], images], axis=1).reshape(-1, 784)
    told = f"a test image; its code plus t times v of {name}, t = -1 ... 1"
    figures.samples(rows, data.shape, across=10, told=told, ax=ax)
show(figure, "15-attribute-vectors")

# %% [markdown]
# For most images the *same* vector works, whichever digit they are. The network
# has learned that slanting is one thing, although no label ever said so. It does
# not work for all: some are a different digit already when nothing is added, as
# the row with 0.0 shows, and some become one on the way. A 3 may close to an 8.
# The farther out, the more of them change, since few glyphs are there.
#
# How much does an attribute move? The two tenths of the test images lie nearly
# three standard deviations apart. Going through the whole of $v$ moves the slant
# by less than two, and the stroke by one or two. What the VAE smoothes away when
# it reconstructs an image, no vector brings back.
#
# The vector is a mixture of several latents, though one may dominate. Do not
# *rely* on a latent that means something. The prior is the same in all
# directions, so it prefers no axis. The posteriors are stretched along the axes
# only, so the ELBO does prefer some directions to others. But nothing makes those
# directions the attributes that *we* would name.
#
# ## A with the slant of B
#
# A code can be measured along $v$: the number $c(z) = z \cdot v / |v|^2$ says how
# many times $v$ is contained in $z$ (the length of the projection of $z$ on $v$,
# in units of $|v|$). So we can take the code of A, remove *its* slant, and add
# that of B:
#
# $$ z = z_A + \left(c(z_B) - c(z_A)\right) v $$
#
# **Predict first:** B may be another digit. Is only its slant transferred?


# %%
def along(z, vector):
    """How many times the vector, (n_z,), is contained in each row of z, (N, n_z): c(z), (N,)."""
    ### BEGIN SOLUTION
    return z @ vector / (vector @ vector)
    ### END SOLUTION


def with_attribute_of(z_a, z_b, vector):
    """The codes z_a, (N, n_z), each with as much of the vector as the code z_b beside it has."""
    ### BEGIN SOLUTION
    change = along(z_b, vector) - along(z_a, vector)
    return z_a + change[:, None] * vector
    ### END SOLUTION


other = rng.permutation(1000)  # B, for each A
mixed = vae.decode(with_attribute_of(z_test, z_test[other], v["slant"]))
with_a = np.corrcoef(slant_of(mixed), slant_of(x_test))[0, 1]
with_b = np.corrcoef(slant_of(mixed), slant_of(x_test[other]))[0, 1]
print(f"slant of the mixture: correlation {with_b:.2f} with B's, {with_a:.2f} with A's")
digit, different = digit_of(mixed), labels != labels[other]
is_a = (digit == labels).mean()
is_b = (digit == labels[other])[different].mean()
print(f"its digit is A's for {is_a:.0%}; if B's is different, it is B's for {is_b:.0%}")
thick_a = np.corrcoef(thickness_of(mixed), thickness_of(vae.decode(z_test)))[0, 1]
thick_b = np.corrcoef(thickness_of(mixed), thickness_of(x_test[other]))[0, 1]
print(f"thickness: correlation {thick_a:.2f} with A's reconstruction, {thick_b:.2f} with B's")
assert with_b > 0.75
assert with_a < 0.4
assert thick_a > 0.8
assert abs(thick_b) < 0.2
assert is_b < 0.1
assert is_a > 0.8
rows = np.concatenate([x_test[:12], x_test[other][:12], mixed[:12]])
told = "from above: A; B; the digit of A with the slant of B"
show(figures.samples(rows, data.shape, across=12, told=told), "15-slant-of-b")

# %% [markdown]
# Nearly. The slant is B's, the thickness stays that of A's reconstruction, and so
# does the digit in most cases. (Where the change along $v$ is large, A may lose
# its shape.) This is the arithmetic behind "add a smile to this face": image A,
# plus an attribute of image B.
#
# ## Half of A and half of B
#
# The simplest mixture is the midpoint. We can take it between the *pixels* of two
# images, or between their *codes*.
#
# **Predict first:** which midpoint is nearer to a real glyph, that of the pixels
# or that of the codes? For two images of the same digit, and for two different
# digits?


# %%
def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


a, b = vae.decode(z_test), vae.decode(z_test[other])  # both blends start from reconstructions
blends = {"pixels": (a + b) / 2, "codes": vae.decode((z_test + z_test[other]) / 2)}
far = {name: nearest(x, held_out) for name, x in blends.items()}
ends = nearest(a, held_out).mean()
print(f"squared distance to the nearest held-out glyph; of the ends themselves {ends:.1f}")
same = ~different
for pairs, chosen in (("the same digit", same), ("different digits", different)):
    by_pixels, by_codes = far["pixels"][chosen], far["codes"][chosen]
    print(
        f"midpoints of {pairs:<16}: pixels {by_pixels.mean():.1f}, codes {by_codes.mean():.1f}; "
        f"the codes are nearer for {(by_codes < by_pixels).mean():.0%} of the pairs"
    )
    assert by_codes.mean() < 0.85 * by_pixels.mean()
assert far["codes"][same].mean() < 1.1 * ends, "between two images of a digit: a digit"
slants = np.sort([slant_of(a), slant_of(b)], axis=0)
slant = slant_of(blends["codes"])
between = ((slants[0] - 1 < slant) & (slant < slants[1] + 1))[same].mean()
print(f"same digit: the slant of the midpoint lies between the ends', within 1°, for {between:.0%}")
assert between > 0.85

shown = np.concatenate([np.flatnonzero(same)[:2], np.flatnonzero(different)[:2]])
strips = []
for i in shown:
    t = np.linspace(0, 1, 9, dtype=np.float32)[:, None]
    codes = line(z_test[i], z_test[other][i], 9).astype(np.float32)
    strips += [(1 - t) * a[i] + t * b[i], vae.decode(codes)]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), width_ratios=(5, 4))
told = "four pairs: above, pixels interpolated; below, codes"
figures.interpolation(np.stack(strips), data.shape, told=told, ax=left)
right.hist(far["pixels"][different], bins=40, color=ORANGE, alpha=0.6, label="pixels")
right.hist(far["codes"][different], bins=40, color=BLUE, alpha=0.6, label="codes")
right.axvline(ends, color=GREEN, linestyle="--", label="mean of the ends")
right.set(xlabel="squared distance to the nearest glyph", ylabel="pairs")
right.set_title("midpoints between two different digits")
right.legend()
show(figure, "15-midpoints")

# %% [markdown]
# A blend of pixels is a double exposure: two pale digits on top of each other. A
# blend of codes is mostly *one* image. Between two images of the same digit it is
# as near to real glyphs as its ends are, with a slant in between. (Both blends
# start from reconstructions, so neither has the advantage of being smoother.)
# Between two different digits it is what the model has learned to lie between
# them, and near the midpoint that may be no digit at all.
#
# This is what people use VAEs for when they create things: between two melodies,
# a melody; between two faces, a face; between two molecules, one that might be
# worth synthesising. It also explains why the latent space of a VAE is often the
# *material* on which other models work: large image generators of today first
# compress images with an autoencoder that has a KL term of very small weight, and
# then work on its codes.
#
# > **What you may have read:** "each latent of a VAE stands for one attribute".
# > That may happen, and some VAEs are trained to encourage it, with a larger
# > weight on the KL divergence (lesson 16). But nothing in the ELBO promises it.
#
# How many nats does a code take, and what changes if they count more, or less?
# That is lesson 16.

# %% [markdown]
# ## Questions
#
# **Question 1.** A VAE has 16 latents. Does latent 3 stand for one attribute,
# such as slant?
#
# - **a** Perhaps, but nothing in the ELBO asks for it. Directions have to be
#   found, and they usually mix several latents.
# - **b** Yes. A VAE separates the factors of the data, one for each latent.
# - **c** Yes, as soon as its KL divergence is large.
#
# **Question 2.** You take two images of different digits and decode the midpoint
# of their *codes*. How does it compare with the midpoint of their *pixels*?
#
# - **a** It is the same, because the decoder is nearly linear.
# - **b** It is mostly one image, nearer to real ones than the double exposure of
#   the pixels, though it may be no digit at all.
# - **c** It is always a digit, because the latent space of a VAE has no holes.
#
# ## Exercises
#
# Answers are in `answers_15_mixing_a_with_b.py`.
#
# 1. **Change a number.** Find the attribute vector of another factor, `scale`.
#    Measure the height of the ink: the standard deviation of the rows around
#    their mean. Predict whether the vector also moves the thickness. *Check:*
#    from $-\tfrac12 v$ to $\tfrac12 v$ the height moves by at least half a
#    standard deviation, and the thickness by less than half of that.
# 2. **A trap.** Use only images in which slant and stroke go together: both above
#    their median, or both below. Find the attribute vector of slant from these.
#    *Check:* it now moves the thickness (by `moves`, with its sign) at least
#    twice as much as before. What would happen with photographs in which smiling
#    people are mostly women?
# 3. **Derive and implement.** Get out of that trap. Describe both attributes at
#    once by $z \approx m + F V$, where $m$ is the mean code, and each row of $F$
#    holds the slant and the stroke of an image, less their means, in standard
#    deviations. Derive the least-squares $V = (F^\top F)^{-1} F^\top (z - m)$.
#    (As in lesson 01, the gradient of $\tfrac12 |F V - (z - m)|^2$ with respect
#    to $V$ is $F^\top$ times the difference.) *Check:* on the same biased images,
#    the row of $V$ for slant moves the thickness less than the vector of exercise
#    2, relative to how far each moves the slant.
