# %% [markdown]
# # 21b · Where anomaly detection fails, and a map of the damage
#
# *An anomaly score adds up what the pixels cost. When does the sum mislead, and
# what does each pixel tell?*
#
# - **You need:** lessons 03, 06, 12b and 21a.
# - **You get:** odd images that score as very likely, why, and a cure; a map of
#   the damage in nats; what you may not conclude from it.
# - **Run time:** half a minute.

# %%
import zlib

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized
from diagrams import LOSS, NETWORK, Diagram

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
from npvae.datasets import Split
from npvae.evaluation import (
    auroc,
    log_likelihood_by_example,
    nats_by_feature,
    principal_components,
)

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)
ODD = 2  # the digit that the model never sees


def without(part, digit):
    """The images of a part that do not show this digit."""
    return part.only(np.flatnonzero(part.labels != digit))


def drawn(part):
    """The images of a part with every pixel drawn black or white, once and for all."""
    return black_or_white.encode(part.take(slice(None)), rng, np.float32)


def cost(x):
    """The anomaly score of each image, -log p(x) from 64 draws, in nats."""
    part = Split((255 * x).astype(np.uint8), np.arange(len(x)))
    return -log_likelihood_by_example(model, part, black_or_white, sized(64, quick=32))


ordinary = without(data.train.only(slice(0, sized(20_000, quick=5000))), ODD)
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 9, 32))
model = VAE.dense(784, n_h, 20)
model.start_at(ordinary.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, ordinary, black_or_white, Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, f"VAE without the {ODD}")

test_part = data.test.only(slice(0, None, sized(4, quick=16)))  # from all parts of the test set
x_test, labels = drawn(test_part), test_part.labels
x_val = drawn(without(data.validation.only(slice(0, None, sized(2, quick=8))), ODD))
x_odd, x_others = x_test[labels == ODD], x_test[labels != ODD]
score_test, score_val = cost(x_others), cost(x_val)

# %% [markdown]
# ## The failure that everybody should know
#
# In lesson 21a a VAE that had never seen a 2 gave the twos high scores
# $S(x) = -\log p(x)$. But on MNIST one that had never seen a 1 gave the ones *lower*
# scores than most digits that it knew. How bad can it get?
#
# **Predict first:** here are five kinds of images that are certainly no digits
# written by anyone: an empty image, a vertical bar, a disc, noise in which
# every pixel is white with probability one half, and *cleaned* test images
# (each reconstructed, and every pixel then set to black or white, whichever is
# more probable). Which of them does the model find more likely than a test
# image?

# %%
row, column = np.mgrid[:28, :28]
disc = (row - 13.5) ** 2 + (column - 13.5) ** 2 < 3**2
bar = (abs(row - 13.5) < 8) & (abs(column - 14) < 1.5)
strange = {
    "empty": np.zeros((1, 784)),
    "bar": bar.reshape(1, 784),
    "disc": disc.reshape(1, 784),
    "cleaned": model.reconstruct(x_others[:100]) > 0.5,
    "noise": rng.random((50, 784)) < 0.5,
}
strange = {name: images.astype(np.float32) for name, images in strange.items()}
strange[f"the {ODD}"] = x_odd
score = {name: cost(x) for name, x in strange.items()}
print(f"test images: {score_test.mean():.1f} nats on average")
area = {}
for name, values in score.items():
    area[name] = auroc(values, score_test)
    print(f"{name:<8} {values.mean():7.1f} nats; AUROC {area[name]:.3f}")
assert area["bar"] < 0.1
assert area["cleaned"] < 0.3
assert area["empty"] < area[f"the {ODD}"] - 0.1
assert area["noise"] > 0.999

# %% [markdown]
# At full size, on MNIST and on glyphs, the empty image costs about a third of a
# test image or less, and less than practically all of them. The bar and the
# disc are not far behind. (In quick mode on glyphs the model has been trained
# so briefly that the empty image may cost nearly as much as others do.) The
# *cleaned* images should worry us most. They are what a model would draw, made
# cleaner than anything it has seen, and in more than four of five pairs it finds
# them more likely than a test image. Of the five kinds only the noise is
# found, as lesson 21a promised.
#
# **Why?** $p(x)$ is the probability of one image, and says nothing about how
# many images of its kind there are. A test image has some hundred pixels along
# the edges of its strokes of which the model cannot be sure. Each costs up to
# $\log 2$ nats on average, and more whenever the less probable value comes out.
# For a *typical* image these costs add up. An empty image has no edges. A
# cleaned image has edges, but every pixel takes the more probable of its two
# values. Compare with a coin that shows heads in 60 of 100 tosses: the single
# most likely sequence of 1,000 tosses is "heads, always", and yet nobody will
# ever see it. An image may be likely, and all the same unlike anything that the
# model generates.
#
# This is not a fault of our small VAE. Nalisnick and others (2019,
# arXiv:1810.09136) trained VAEs, flows and PixelCNNs on photographs of cars,
# dogs, ships and the like. All of them assigned *higher* likelihood to
# photographs of house numbers.
#
# ## A cure
#
# No score finds more odd images than the likelihood ratio
# $p_\text{odd}(x) / p(x)$ does (lesson 21a), and $-\log p(x)$ alone is that ratio
# for *noise*. This shows what to do: compare with a simple model that also likes
# simple images. Where both find an image cheap, its score should not be low. ZIP
# is such a model.
#
# 1. **The length of a file.** Compressed to $L$ bytes by ZIP, an image costs
#    $\ell = 8 \log 2 \cdot L$ nats. Subtract that (Serrà and others, 2020,
#    arXiv:1909.11480).
# 2. **A line.** ZIP is a poor model, so why should its nats count as much as
#    the VAE's? Find out on the validation images how the score of ordinary
#    images depends on the length, and fit a straight line $a + b\,\ell$. The
#    new score is what an image costs *above the line*: more than is usual for
#    its length.
#
# The best line in the sense of least squares makes
# $\sum_i (S_i - a - b\,\ell_i)^2$ as small as possible. Its derivative with
# respect to $a$ is zero if $a = \bar S - b\,\bar\ell$. Put that in, and the
# derivative with respect to $b$ is zero if the following holds. (Here $a$ and
# $b$ are the line's two numbers, not a logit and a bias.)
#
# $$ b = \frac{\sum_i (\ell_i - \bar\ell)(S_i - \bar S)}{\sum_i (\ell_i - \bar\ell)^2} $$
#
# **Predict first:** does subtracting the length flag the empty image, the bar and
# the disc? What does it cost in AUROC of the 2? And the line?


# %%
def line_through(length, score):
    """Return a and b of the line a + b length with the least squared error from score.

    length and score are (n,) arrays; a and b are numbers.
    """
    ### BEGIN SOLUTION
    away = length - length.mean()
    b = (away * (score - score.mean())).sum() / (away**2).sum()
    return score.mean() - b * length.mean(), b
    ### END SOLUTION


def length_of(x):
    """The length of each image as a ZIP file, in nats."""
    packed = np.packbits(x.astype(bool), axis=1)
    return 8 * np.log(2) * np.array([len(zlib.compress(each.tobytes(), 9)) for each in packed])


length_val = length_of(x_val)
a, b = line_through(length_val, score_val)
print(f"the line: {a:.1f} + {b:.2f} times the length")
assert np.allclose((b, a), np.polyfit(length_val, score_val, 1)), "NumPy's function"

cures = {
    "-log p(x)": lambda x, s: s,
    "minus the length": lambda x, s: s - length_of(x),
    "above the line": lambda x, s: s - a - b * length_of(x),
}
table = {}
print(f"{'AUROC':<26}" + "".join(f"{kind:>9}" for kind in strange))
for name, cure in cures.items():
    ordinary_scores = cure(x_others, score_test)
    table[name] = {
        kind: auroc(cure(x, score[kind]), ordinary_scores) for kind, x in strange.items()
    }
    print(f"{name:<26}" + "".join(f"{area:9.2f}" for area in table[name].values()))
plain, by_length, by_line = table.values()
two = f"the {ODD}"
for kind in ("empty", "bar", "disc"):
    assert by_length[kind] > 0.9, "the length flags simple images"
    assert by_line[kind] > 0.7, "and so does the line"
assert by_length[two] < plain[two] - 0.06, "the length alone costs part of what worked"
assert by_line[two] > plain[two] - 0.02, "the line costs next to nothing"
assert by_line["noise"] > 0.999
assert by_line["cleaned"] < 0.5, "no cure for everything"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), width_ratios=(3, 2))
left.plot(length_of(x_others), score_test, ".", color=BLUE, markersize=2, label="ordinary")
left.plot(length_of(x_odd), score[two], ".", color=ORANGE, markersize=2, label=two)
for kind, marker in (("empty", "s"), ("bar", "^"), ("disc", "o")):
    left.plot(length_of(strange[kind]), score[kind], marker, color=GREEN, label=kind)
at = np.array([60, 560])
left.plot(at, a + b * at, color="black", linewidth=1, label="the line")
left.set(xlabel="length of the ZIP file, nats", ylabel="-log p(x), nats")
left.legend(markerscale=1.5, ncols=2)
shown = [("empty", 0), ("bar", 0), ("disc", 0), ("cleaned", 1), (two, 0), ("noise", 0)]
shown = [("test", 1), *shown]
images = np.concatenate([x_others[1:2], *(strange[kind][i : i + 1] for kind, i in shown[1:])])
costs = [score_test[1], *(score[kind][i] for kind, i in shown[1:])]
order = np.argsort(costs)
right.imshow(figures.tile(images[order], data.shape, 4), cmap="gray")
for place, i in enumerate(order):
    at_row, at_column = divmod(place, 4)
    words = f"{shown[i][0]} {costs[i]:.0f}"
    under = {"facecolor": "black", "edgecolor": "none", "pad": 1}
    right.text(
        29 * at_column + 1, 29 * at_row + 1, words, va="top", size=7, color="white", bbox=under
    )
right.set_title("-log p(x) of some of them, nats")
right.set(xticks=[], yticks=[])
right.grid(visible=False)
right.spines[:].set_visible(False)
show(figure, "21b-likely-and-strange")

# %% [markdown]
# - **The length** flags all three simple images, but it costs a good part of
#   what worked: on MNIST the AUROC of the 2 falls from 0.89 to 0.76. The
#   lengths of ordinary images vary more than their scores do, so that
#   subtracting all of it overshoots, and twos with long files pass as ordinary.
# - **The line** does both. Its slope, 0.2 to 0.5, says how much of the length
#   counts. The twos are found as before, and simple images stand out, as you
#   see in the left picture: the green marks are above the line, though far
#   below most of the points. Note that they lie far to the left of all images to
#   which the line was fitted. There the line may even be negative, as no
#   $-\log p(x)$ of an image can be. It says no more than "too expensive for its length".
#
# And the cleaned images? None of the cures flags them. Something can always be
# found that is odd in a way that a score does not measure; what helps against
# these is to flag scores that are unusually *low* as well (exercise 1). A cure,
# too, is an assumption about what odd images are like. So test a score on the
# kinds of odd images that you care about. (The line was fitted to ordinary
# images only, and no odd image was used to choose it. But we tried several
# cures, and chose by looking at the result: on a third kind of data it may do
# worse.)
#
# ## A map of the damage
#
# A score says *that* an image is odd. Where is it odd? Given $z$, the pixels
# are independent, so $-\log p(x \mid z)$ is a sum over pixels, and each pixel
# has its own cost. With $\hat x_i$ the probability that pixel $i$ is white,
#
# $$ -\log p(x \mid z) = \sum_i c_i, \qquad
# c_i = -x_i \log\hat x_i - (1 - x_i) \log(1 - \hat x_i) $$
#
# Drawn as an image, the $c_i$ are a map: bright where the image is not as the
# model expects. A physician reads a scan in a similar way: not "this one is
# unusual", but "look here". To test the map we paint a *stain* on each test
# image, a white disc at a random place, and ask how many of the ten brightest
# pixels of the map lie in it. We average each map over neighbourhoods of three
# by three pixels first, because damage comes in patches and chance does not.
#
# There is a difficulty. The encoder sees the stain, too, and looks for a code
# that explains it. Often part of the stain is copied into the reconstruction,
# and becomes invisible on the map. A remedy: *restore* the image. Where the map
# is bright, replace the pixels by what the model expects there, encode the
# mended image, and look at the map of the original again.

# %%
diagram = Diagram(3.3, 1.55)
x_box = diagram.box(0.4, 1.15, "$x$", below="mended")
vae_box = diagram.box(1.4, 1.15, "VAE", width=0.6, fill=NETWORK)
hat_box = diagram.box(2.4, 1.15, r"$\hat x$")
map_box = diagram.box(2.4, 0.35, "map of $c_i$", width=0.9, fill=LOSS)
diagram.arrow(x_box, vae_box)
diagram.arrow(vae_box, hat_box)
diagram.arrow(hat_box, map_box)
diagram.arrow(map_box, x_box)
diagram.text(0.75, 0.35, "where it is bright,\nuse $\\hat x$ in place of $x$", size=8)
show(diagram.figure, "21b-restore")


# %%
def nats(x, x_hat):
    """What each pixel costs, (n, 784), where x_hat is the probability of white."""
    x_hat = np.clip(x_hat, 1e-6, 1 - 1e-6)
    return -x * np.log(x_hat) - (1 - x) * np.log(1 - x_hat)


def smooth(maps):
    """The mean of each pixel and its eight neighbours; (n, 784)."""
    padded = np.pad(maps.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    shifts = [padded[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)]
    return np.mean(shifts, axis=0).reshape(-1, 784)


def restored(model, x, passes=6, bright=0.7):
    """Return the reconstruction of each image, (n, 784), after the bright pixels are replaced.

    Start with mended = x. In each pass, x_hat is the reconstruction of mended, and the map is
    smooth(nats(x, x_hat)), of the original x. The new mended has the more probable value of each
    pixel (x_hat > 1/2) where the map is above `bright`, and the value of x elsewhere. The last
    x_hat is returned; with passes=1 it is the usual reconstruction.
    """
    ### BEGIN SOLUTION
    mended = x
    for _ in range(passes):
        x_hat = model.reconstruct(mended)
        is_bright = smooth(nats(x, x_hat)) > bright
        mended = np.where(is_bright, x_hat > 0.5, x).astype(x.dtype)
    return x_hat
    ### END SOLUTION


clean = x_others[: sized(600, quick=200)]
centre = rng.uniform(7, 21, (len(clean), 2, 1, 1))
stain = ((row - centre[:, 0]) ** 2 + (column - centre[:, 1]) ** 2 < 3**2).reshape(-1, 784)
stained = np.maximum(clean, stain).astype(np.float32)
damaged = stained != clean  # the pixels that the stain has changed

x_hat, c = nats_by_feature(model, stained)
ours = nats(stained, model.reconstruct(stained))
assert np.allclose(ours[c < 8], c[c < 8], atol=0.01), "npvae's function; ours cuts off at 14 nats"

# %% [markdown]
# **Predict first:** about 20 of the 784 pixels are stained. How many of the ten
# brightest lie among them: with PCA, with the VAE, and after restoring?

# %%
pca = principal_components(model, ordinary, black_or_white)
maps = {
    "PCA": (stained - pca.reconstruct(stained)) ** 2,
    "VAE": nats(stained, restored(model, stained, passes=1)),
    "VAE, restored": nats(stained, restored(model, stained)),
}
share = {}
for name, values in maps.items():
    maps[name] = smooth(values)
    brightest = np.argsort(-maps[name], axis=1)[:, :10]
    share[name] = np.take_along_axis(damaged, brightest, axis=1).mean()
    print(f"{name:<14} {share[name]:.0%} of the ten brightest pixels are stained")
print(f"by chance it would be {damaged.mean():.1%}")
found_stains = auroc(cost(stained), score_test[: len(clean)])
print(f"AUROC of stained images by -log p(x): {found_stains:.2f}")
assert share["VAE, restored"] > share["VAE"] + 0.03, "restoring helps"
assert share["VAE, restored"] > share["PCA"] + 0.08, "and is better than PCA"
assert share["VAE, restored"] > 0.35
assert found_stains > 0.6

chosen = np.flatnonzero(damaged.sum(axis=1) >= 20)[:10]  # stains that are well visible
rows = {
    "ordinary": clean[chosen],
    "stained": stained[chosen],
    "VAE": model.reconstruct(stained[chosen]),
    "restored": restored(model, stained[chosen]),
    "map, PCA": maps["PCA"][chosen],
    "map, VAE": maps["VAE"][chosen],
    "map, restored": maps["VAE, restored"][chosen],
    "the stain": damaged[chosen],
}
figure, ax = plt.subplots(figsize=(7.5, 6))
images = [
    values / values.max(axis=1, keepdims=True) if "map" in name else values
    for name, values in rows.items()
]  # each map from black to white
pictures = figures.tile(np.concatenate(images), data.shape, 10)
ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
ax.set(xticks=[], yticks=(np.arange(len(rows)) + 0.5) * len(pictures) / len(rows))
ax.set_yticklabels(list(rows))
ax.set_title("test images with a stain, and where each model sees it")
ax.grid(visible=False)
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
show(figure, "21b-maps")

# %% [markdown]
# Even PCA finds ten times as many stained pixels as chance does, or more. The
# VAE finds more, and restoring adds another 12 to 17 points at full size: about
# half of the brightest pixels then lie in the stain. The score alone is a poor
# guide here: many stained images cost less than an ordinary one, as the AUROC
# says. (A stain on top of a stroke may change fewer than ten pixels, so that 100
# % is out of reach.) In the picture, compare the rows "VAE" and "restored": a
# stain that the VAE has copied, or turned into a part of the digit, is often
# gone after restoring, and appears on the map. But sometimes an unusual stroke
# of the digit itself is removed with it, or instead of it: the model cannot tell
# one from the other.
#
# **What you may not conclude.** Such a map looks like a diagnosis, and is none.
# It shows where *this model* was surprised, compared with the ordinary images
# that it was trained on. It is silent where damage makes an image simpler
# (exercise 2), and where the model can copy the damage. It is bright where a
# healthy shape is merely unusual, or where another machine took the picture.
# And if the disease is rare, most alarms are false. So a high score is a reason
# for a trained person to look, a low score is no reason not to look, and
# nothing that you have measured on digits says how well the method works on
# patients. (Baur and others, 2021, compare many such models on brain scans.)
#
# > **What you may have read:** "a VAE detects anomalies, because it cannot
# > reconstruct what it has never seen". It often can, at least in part: look at
# > the row "VAE" of the picture. And what it reconstructs badly need not be odd:
# > a carefully written 8 costs more than an empty image.
#
# ## Questions
#
# **Question 1.** A VAE gives a new image a far *higher* $\log p(x)$ than it
# gives its test images. What follows?
#
# - **a** The image is ordinary, since the model finds it likely.
# - **b** The image costs little, perhaps because it is simple. It may still be
#   unlike anything that the model has seen or would generate.
# - **c** The image, or one nearly like it, was in the training set.
#
# **Question 2.** The map of an image is dark everywhere. What follows?
#
# - **a** The image is undamaged, since damage would be bright.
# - **b** The image was generated by the model, or was in its training set.
# - **c** The model's reconstruction explains every pixel. Damage may be there all
#   the same, if the model copies it or if it makes the image simpler.
#
# ## Exercises
#
# Answers are in `answers_21b_where_it_fails.py`.
#
# 1. **Unusually low.** None of the scores flags the cleaned images. Take as the
#    score how far an image is from the line on *either* side: the absolute
#    difference from the median of the validation images. Predict what becomes of
#    the AUROC of the cleaned images, and of the 2. *Check:* the first rises above
#    0.5, and the second falls.
# 2. **What is missing.** Instead of painting a stain, erase a disc of the same
#    size around a random stroke pixel. Predict the AUROC of the erased images.
#    *Check:* it is lower than that of the stained ones, and on MNIST it is one
#    half, within 0.1. Why?
