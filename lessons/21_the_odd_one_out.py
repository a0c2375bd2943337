# %% [markdown]
# # 21 · Anomaly detection: the odd one out
#
# *A model has only ever seen ordinary images. Can it tell which image does not
# belong, and where the damage is?*
#
# - **You need:** lessons 03, 06, 09, 12b and 18.
# - **You get:** an anomaly score and the AUROC that judges it, ten digits left
#   out in turn, a famous failure with a cure, a threshold that keeps its
#   promise, and a map of the damage in nats.
# - **Run time:** a minute and a half.

# %%
import zlib

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, digits, run_epochs, show, sized
from diagrams import LOSS, NETWORK, Diagram

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
from npvae.datasets import Split
from npvae.evaluation import (
    auroc,
    log_likelihood_by_example,
    nats_by_feature,
    principal_components,
    reconstruction_errors,
    score_examples,
)
from npvae.evaluation.elbo import WEIGHTS, generator_of

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)
ODD = 2  # the digit that the model never sees


def without(part, digit):
    """The images of a part that do not show this digit."""
    return part.only(np.flatnonzero(part.labels != digit))


def train(part, n_h, epochs, batch_size, name):
    model = VAE.dense(784, n_h, 20)
    model.start_at(part.take(slice(None)).mean(axis=0) / 255)
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)
    return model


ordinary = without(data.train.only(slice(0, sized(20_000, quick=5000))), ODD)
model = train(ordinary, *sized((400, 6, 64), quick=(200, 9, 32)), f"VAE without the {ODD}")

# %% [markdown]
# ## A score
#
# A payment, a heartbeat, a bearing, a scan: ordinary examples are plentiful,
# and the odd ones are rare and all different. So we cannot train a classifier
# on them. But we can train a model of what is *ordinary*, and ask how unlikely
# it finds a new example. This is called **anomaly detection**, and
#
# $$ S(x) = -\log p(x) $$
#
# is the **anomaly score**, in nats: the higher, the odder. Our VAE has never
# seen a 2. We show it all kinds of digits, and hope that it gives the twos the
# highest scores.
#
# Lesson 18 estimated $\log p(x)$ from $k$ draws of $z$: the logarithm of their
# mean weight. Here is that estimate once more. (The largest logarithm is taken
# out first, so that nothing underflows.)


# %%
def minus_log_px(log_w):
    """Return the estimate of -log p(x) of each image, (n,), from the log weights of its draws.

    -log 1/k sum(w), with log_w (n, k). It has to work for log weights of -1000.
    """
    ### BEGIN SOLUTION
    top = log_w.max(axis=1, keepdims=True)
    return -(top[:, 0] + np.log(np.exp(log_w - top).mean(axis=1)))
    ### END SOLUTION


k = sized(64, quick=32)  # draws


def cost(x):
    """-log p(x) of each image, for 20 images at a time."""
    found = []
    for start in range(0, len(x), 20):
        some = x[start : start + 20]
        eps = rng.standard_normal((len(some), k, 20), dtype=np.float32)
        found.append(minus_log_px(model.log_weights(some, *model.encode(some), eps)))
    return np.concatenate(found).astype(np.float64)


def as_part(x):
    """Black and white images as a part of a dataset, for npvae's functions."""
    return Split((255 * x).astype(np.uint8), np.arange(len(x)))


def drawn(part):
    """The images of a part with every pixel drawn black or white, once and for all."""
    return black_or_white.encode(part.take(slice(None)), rng, np.float32)


test_part = data.test.only(slice(0, None, sized(4, quick=16)))  # from all parts of the test set
x_test, labels = drawn(test_part), test_part.labels
x_val = drawn(without(data.validation.only(slice(0, None, sized(2, quick=8))), ODD))
x_odd, x_others = x_test[labels == ODD], x_test[labels != ODD]

ten, noise = x_others[:10], generator_of(model, 0, WEIGHTS, 0)  # npvae's own noise
log_w = model.log_weights(ten, *model.encode(ten), noise.standard_normal((10, 64, 20), np.float32))
by_npvae = -log_likelihood_by_example(model, as_part(ten), black_or_white, 64)
assert np.allclose(minus_log_px(log_w), by_npvae, rtol=1e-4), "the same noise, the same numbers"

# %% [markdown]
# ## AUROC: how good is a score?
#
# We could flag all images with a score above some **threshold** $t$. A low $t$
# finds more of the odd images, and raises more false alarms: ordinary images
# that are flagged. The curve of both rates, over all $t$, is called the *ROC
# curve* (receiver operating characteristic, from the early days of radar). The
# area under it, the **AUROC**, needs no threshold, and has a simple meaning.
#
# Choose the threshold at random, as the score of a random ordinary image. The
# rate of false alarms is then equally often anywhere between 0 and 1. So the
# mean height of the curve, which is the area under it, is the probability that
# a random odd image is above the score of a random ordinary one:
#
# $$ \text{AUROC} = P\left(S(x_\text{odd}) > S(x_\text{ordinary})\right) $$
#
# Equal scores count half. One half is chance, and 1 is perfect. Below one half
# the score is worse than chance: it takes the odd images for the *most*
# ordinary ones.


# %%
def area_under_roc(odd, ordinary):
    """Return the share of all pairs in which the odd score is the higher one; equal: half.

    odd (n,) and ordinary (m,) are scores; the result is a number from 0 to 1.
    """
    ### BEGIN SOLUTION
    higher = odd[:, None] > ordinary  # (n, m)
    equal = odd[:, None] == ordinary
    return higher.mean() + 0.5 * equal.mean()
    ### END SOLUTION


assert area_under_roc(np.array([2.0, 4.0, 3.0]), np.array([1.0, 3.0])) == 4.5 / 6

# %% [markdown]
# Simpler scores need no probabilities at all. One is the squared error of the
# VAE's reconstruction. Another is the error of PCA with 20 components (lesson
# 06), which needs no network.
#
# **Predict first:** which of the four scores below tells the twos best from the
# other digits? How far is PCA behind?

# %%
pca = principal_components(model, ordinary, black_or_white)


def scores_of(x):
    """Four anomaly scores of each image."""
    part = as_part(x)
    return {
        "-log p(x)": cost(x),
        "-ELBO": score_examples(model, part, black_or_white).score,
        "error of the VAE": ((x - model.reconstruct(x)) ** 2).sum(axis=1),
        "error of PCA": ((x - pca.reconstruct(x)) ** 2).sum(axis=1),
    }


odd, others = scores_of(x_odd), scores_of(x_others)
found = {name: area_under_roc(odd[name], others[name]) for name in odd}
for name, area in found.items():
    print(f"{name:<17} AUROC of the {ODD}: {area:.3f}")
    assert np.isclose(area, auroc(odd[name], others[name])), "npvae's function"
assert found["-log p(x)"] > 0.77
assert found["-log p(x)"] > found["error of PCA"]
by_npvae = reconstruction_errors(model, as_part(x_odd), black_or_white)
assert np.allclose(odd["error of the VAE"], by_npvae, rtol=1e-3)
by_npvae = pca.errors(model, as_part(x_odd), black_or_white)
assert np.allclose(odd["error of PCA"], by_npvae)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(3, 2))
bins = np.linspace(0, np.quantile(odd["-log p(x)"], 0.995), 50)
for scores, colour, name in ((others, BLUE, "ordinary"), (odd, ORANGE, f"the {ODD}, never seen")):
    left.hist(scores["-log p(x)"], bins, color=colour, alpha=0.6, density=True, label=name)
left.set(xlabel="-log p(x), nats", ylabel="density", title="the scores")
left.legend()
for name, colour in (("-log p(x)", BLUE), ("error of PCA", PURPLE)):
    at = np.sort(np.concatenate([odd[name], others[name]]))[::-1]
    false_alarms, hits = [(s[name] >= at[:, None]).mean(axis=1) for s in (others, odd)]
    right.plot(false_alarms, hits, color=colour, label=f"{name}: {found[name]:.2f}")
right.plot([0, 1], [0, 1], ":", color="grey")
right.set(xlabel="false alarms", ylabel=f"share of the {ODD} found", title="ROC curve and its area")
right.set_aspect("equal")
right.legend()
show(figure, "21-scores")

# %% [markdown]
# At full size a two scores higher than another digit in 88 of 100 pairs on
# MNIST, and in 93 on glyphs. PCA is behind, with 84 and 82. The ELBO separates
# them as well as the better estimate does: the gap between the two is a few
# nats for nearly every image, so the *order* of the images hardly changes. And
# the plain reconstruction error does as well, on glyphs even a little better.
# Do not expect $\log p(x)$ to win because it is the more beautiful quantity.
# What it has, and they have not, is a meaning, which we shall need to
# understand its failures.
#
# `npvae score` does the same for your own data. Save the digits without the 2
# as an array, `np.save("without-2.npy", ordinary.take(slice(None)))`, and train
# on them:
#
# ```sh
# npvae train --data without-2.npy --latent 20 --epochs 6 --out runs/without-2
# npvae score runs/without-2 --data mnist --odd 2 --samples 64 --threshold 0.95 --top 10
# ```
#
# It prints three of these four areas (the first two are alternatives: with
# `--samples` the score is $-\log p(x)$, otherwise −ELBO) and draws the oddest
# images.
#
# ## Ten digits, one by one
#
# The 2 was a lucky choice. Let us be honest and leave out each digit in turn.
#
# **Predict first:** for which digits does it work? Think of the 1, and of the
# 9.
#
# To understand the result we also train one model that has seen all digits, and
# split the mean cost of an odd digit into two parts. The *base* is what the
# digit costs a model that knows it. The *surprise* is what it costs in addition
# if the model has never seen it. (We use −ELBO here, which is quick to
# compute.)

# %%
tried = sized(tuple(range(10)), quick=(1, 2, 9))
small = data.train.only(slice(0, sized(10_000, quick=3000)))
settings = sized((200, 5, 32), quick=(200, 4, 32))


def minus_elbo(model):
    return score_examples(model, as_part(x_test), black_or_white).score


knows_all = minus_elbo(train(small, *settings, "VAE with all digits"))
base, surprise, areas, by_ratio = {}, {}, {}, {}
for digit in tried:
    score = minus_elbo(train(without(small, digit), *settings, f"VAE without the {digit}"))
    it = labels == digit
    base[digit], surprise[digit] = knows_all[it].mean(), (score - knows_all)[it].mean()
    areas[digit] = area_under_roc(score[it], score[~it])
    by_ratio[digit] = area_under_roc((score - knows_all)[it], (score - knows_all)[~it])
    print(
        f"    {digit}: costs {base[digit]:5.1f} nats if known, {surprise[digit]:4.1f} more if not; "
        f"AUROC {areas[digit]:.2f}; of the difference {by_ratio[digit]:.2f}"
    )
assert min(surprise.values()) > 3, "each digit surprises the model that has never seen it"
assert min(areas, key=areas.get) == min(base, key=base.get) == 1, "but the 1 is cheap"
assert all(by_ratio[digit] > areas[digit] for digit in tried), "surprise alone tells far more"
if data.name == "mnist":
    assert areas[1] < 0.25, "far worse than chance"
    assert areas[9] < 0.62, "chance"

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), sharex=True)
names = [str(digit) for digit in tried]
left.bar(names, base.values(), color=BLUE, label="base: a model that knows it")
left.bar(names, surprise.values(), bottom=base.values(), color=ORANGE, label="surprise")
left.axhline(knows_all.mean(), color="black", linestyle=":", label="mean of all digits")
left.set(xlabel="digit left out", ylabel="-ELBO, nats", title="what it costs")
left.set_ylim(0, 1.4 * max(base[digit] + surprise[digit] for digit in tried))
left.legend(loc="upper left", ncols=2, fontsize=8)
right.bar(names, areas.values(), color=BLUE, width=0.4, align="edge", label="-ELBO")
right.bar(names, by_ratio.values(), color=GREEN, width=-0.4, align="edge", label="surprise only")
right.axhline(0.5, color="black", linestyle=":")
right.set(xlabel="digit left out", ylabel="AUROC", ylim=(0, 1.25), title="how well it is found")
right.set_yticks(np.linspace(0, 1, 6))
right.legend(loc="upper left", ncols=2, fontsize=8)
show(figure, "21-ten-digits")

# %% [markdown]
# It depends on the digit. At full size on MNIST the 0 and the 2 are found best,
# with an AUROC of about 0.9. The 9 is found as well as by tossing a coin. And
# the 1 is a disaster, 0.10: the model finds ones *less* odd than the digits
# that it has seen. On glyphs the 4 is found nearly always, and the 1 again
# worst.
#
# The left picture says why. *Every* digit surprises a model that has never seen
# it, by 14 to 52 nats on MNIST. But the surprise is added to the base, and the
# bases of two digits differ by up to 80 nats. A 1 is one short stroke. Even
# with its surprise it is cheaper than an 8 that the model knows well. The 9 of
# MNIST has an ordinary base and the smallest surprise: a model that knows the 4
# and the 7 has nearly all that it takes to draw a 9. Look at the green bars,
# too: the surprise alone, without the base, finds every digit, with an AUROC of
# 0.85 or more.
#
# ## What is compared with what
#
# The theory of tests explains the blue and the green bars. Suppose that odd
# images have a distribution, too, $p_\text{odd}(x)$. Then no score is better
# than the **likelihood ratio**, $p_\text{odd}(x) / p(x)$: for a given rate of
# false alarms it finds the largest share of odd images (Neyman and Pearson,
# 1933). Take its logarithm:
#
# $$ \log\frac{p_\text{odd}(x)}{p(x)} = -\log p(x) + \log p_\text{odd}(x) $$
#
# If we use $-\log p(x)$ alone, we treat $\log p_\text{odd}(x)$ as a constant.
# So we assume that odd images are *noise*, in which all $2^{784}$ images are
# equally likely. Such noise is found perfectly, as you will see. But an odd
# image in the real world is hardly ever noise.
#
# The green bars show a ratio, too. There $p_\text{odd}$ is the model that has
# seen all digits, and the base cancels. Only, to train it we needed odd
# examples, which is what we do not have.
#
# ## The failure that everybody should know
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
score_test, score_val = others["-log p(x)"], cost(x_val)
print(f"test images: {score_test.mean():.1f} nats on average")
for name, values in score.items():
    area = area_under_roc(values, score_test)
    print(f"{name:<8} {values.mean():7.1f} nats; AUROC {area:.3f}")
assert area_under_roc(score["bar"], score_test) < 0.1
assert area_under_roc(score["cleaned"], score_test) < 0.3
assert area_under_roc(score["empty"], score_test) < found["-log p(x)"] - 0.1
assert area_under_roc(score["noise"], score_test) > 0.999

# %% [markdown]
# At full size, on MNIST and on glyphs, the empty image costs about a third of a
# test image or less, and less than practically all of them. The bar and the
# disc are not far behind. (In quick mode on glyphs the model has been trained
# so briefly that the empty image may cost nearly as much as others do.) The
# *cleaned* images are the least welcome case. They are what a model would draw,
# made cleaner than anything it has seen, and in more than four of five pairs it
# finds them more likely than a test image. Only the noise is found, as
# promised.
#
# **Why?** $p(x)$ is the probability of one image, and says nothing about how
# many images of its kind there are. A test image has many pixels along the
# edges of its strokes that could as well have come out black or white. Each of
# them costs about $\log 2$ nats, and for a *typical* image these costs add up.
# An empty image has no edges. A cleaned image has edges, but every pixel takes
# the more probable of its two values. Compare with a coin that shows heads in
# 60 of 100 tosses: the single most likely sequence of 1,000 tosses is "heads,
# always", and yet nobody will ever see it. An image may be likely, and all the
# same unlike anything that the model generates.
#
# This is not a fault of our small VAE. Nalisnick and others (2019,
# arXiv:1810.09136) trained VAEs, flows and PixelCNNs on photographs of cars,
# dogs, ships and the like. All of them assigned *higher* likelihood to
# photographs of house numbers.
#
# ## Three cures
#
# The ratio shows what to do: compare with a simple model that also likes simple
# images. Where both find an image cheap, its score should not be low.
#
# 1. **Independent pixels.** $\log p_\text{odd}(x)$ of a model that knows only
#    the mean image (lesson 03). Ren and others (2019, arXiv:1906.02845) use
#    this idea, with a second network as the simple model.
# 2. **The length of a file.** Compressed to $L$ bytes by ZIP, an image costs
#    $8 \log 2 \cdot L$ nats. Subtract that (Serrà and others, 2020,
#    arXiv:1909.11480).
# 3. **A line.** ZIP is a poor model, so why should its nats count as much as
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
# **Predict first:** which of the three cures flags the empty image, the bar and
# the disc? What does it cost in AUROC of the 2?


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


p = np.clip(ordinary.take(slice(None)).mean(axis=0) / 255, 0.001, 0.999)


def with_independent_pixels(x):
    """-log of the probability of each image, if all pixels are independent."""
    return -(x @ np.log(p) + (1 - x) @ np.log(1 - p))


length_val = length_of(x_val)
a, b = line_through(length_val, score_val)
print(f"the line: {a:.1f} + {b:.2f} times the length")
assert np.allclose((b, a), np.polyfit(length_val, score_val, 1)), "NumPy's function"

cures = {
    "-log p(x)": lambda x, s: s,
    "minus independent pixels": lambda x, s: s - with_independent_pixels(x),
    "minus the length": lambda x, s: s - length_of(x),
    "above the line": lambda x, s: s - a - b * length_of(x),
}
table = {}
print(f"{'AUROC':<26}" + "".join(f"{kind:>9}" for kind in strange))
for name, cure in cures.items():
    ordinary_scores = cure(x_others, score_test)
    table[name] = {
        kind: area_under_roc(cure(x, score[kind]), ordinary_scores) for kind, x in strange.items()
    }
    print(f"{name:<26}" + "".join(f"{area:9.2f}" for area in table[name].values()))
plain, _, by_length, by_line = table.values()
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
right.set_title(", ".join(f"{shown[i][0]} {costs[i]:.0f}" for i in order[:4]) + " nats", fontsize=8)
words = ", ".join(f"{shown[i][0]} {costs[i]:.0f}" for i in order[4:]) + " nats"
right.set_xlabel(words, fontsize=8)
right.set(xticks=[], yticks=[])
right.grid(visible=False)
right.spines[:].set_visible(False)
show(figure, "21-likely-and-strange")

# %% [markdown]
# - **Independent pixels** do not help enough: the bar stays more likely than
#   most test images, and the AUROC of the 2 falls, on MNIST to 0.58. A large
#   digit is expensive for independent pixels, whatever it shows.
# - **The length** flags all three simple images, but it costs a good part of
#   what worked: on MNIST the AUROC of the 2 falls from 0.88 to 0.76. The
#   lengths of ordinary images vary more than their scores do, so that
#   subtracting all of it overshoots, and long-winded twos pass as ordinary.
# - **The line** keeps both. Its slope, 0.2 to 0.5, says how much of the length
#   counts. The twos are found as before, and simple images stand out, as you
#   see in the left picture: the green marks are above the line, though far
#   below most of the points.
#
# And the cleaned images? None of the cures flags them. Something can always be
# found that is odd in a way that a score does not measure; what helps against
# these is to flag scores that are unusually *low* as well. A cure, too, is an
# assumption about what odd images are like. So test a score on the kinds of odd
# images that you care about. (The line was fitted to ordinary images only, and
# no odd image was used to choose it. But we did try three cures, and chose by
# looking at the result: on a third kind of data it may do worse.)
#
# ## A threshold, and what it promises
#
# To raise an alarm you need a threshold. Ordinary images that were not used for
# training are all you need: take the $0.95$ *quantile* of the scores of the
# validation images, the score that 95 of 100 stay below. That promises a
# **false-alarm rate** of 5 %.
#
# **Predict first:** how large is the false-alarm rate on test images? And is
# 95 % of the twos found?
#
# Both sets are random, so the rate found will differ from the one promised. If
# a share $f$ of ordinary images is above the threshold, then the share among
# $m$ test images has the standard error $\sqrt{f(1 - f)/m}$. The threshold
# itself comes from $n$ validation images, which adds $f(1 - f)/n$ to the
# variance.

# %%
f = 0.05
new_score = cures["above the line"]
ours_val, ours_test = new_score(x_val, score_val), new_score(x_others, score_test)
ours_odd = new_score(x_odd, score[two])
threshold = np.quantile(ours_val, 1 - f)
alarms = (ours_test > threshold).mean()
error = np.sqrt(f * (1 - f) * (1 / len(ours_test) + 1 / len(ours_val)))
hits = (ours_odd > threshold).mean()
print(f"false alarms: {f:.1%} promised, {alarms:.1%} found, standard error {error:.1%}")
print(f"found of the {ODD}: {hits:.0%}")
assert abs(alarms - f) < 4 * error, "the promise is kept"
assert 2 * f < hits < 1 - f, "and nothing was promised about odd images"
rare = 1 / 1000
right_alarms = rare * hits / (rare * hits + (1 - rare) * alarms)
print(f"if one image in 1,000 is a {ODD}: {right_alarms:.1%} of the alarms are right")
assert right_alarms < 0.05

# %% [markdown]
# The promise is kept, within the standard error. It is a promise about
# *ordinary images from the same source*: other people's handwriting, or another
# scanner, need another threshold. About odd images it promises nothing. A
# quarter to a half of the twos are missed, and without odd examples you would
# not even know that.
#
# Nor does it say how far to trust an alarm. That is Bayes' rule (lesson 09): if
# one image in 1,000 is odd, then among 1,000 images there is one odd one, which
# may be found, and there are some 50 false alarms. So one or two alarms in a
# hundred are right, although the score is a good one.
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
show(diagram.figure, "21-restore")


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
found_stains = area_under_roc(cost(stained), score_test[: len(clean)])
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
show(figure, "21-maps")

# %% [markdown]
# Even PCA finds about ten times as many stained pixels as chance does. The VAE
# finds more, and restoring adds another 6 to 16 points: about half of the
# brightest pixels then lie in the stain. (A stain on top of a stroke may
# change fewer than ten pixels, so that 100 % is out of reach.) In the picture,
# compare the rows "VAE" and "restored": a stain that the VAE has copied, or
# turned into a part of the digit, is often gone after restoring, and appears on
# the map. But sometimes an unusual stroke of the digit itself is removed with
# it, or instead of it: the model cannot tell one from the other.
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
# **Question 2.** The threshold is the 0.95 quantile of the scores of ordinary
# validation images. What is promised?
#
# - **a** Of the odd images, 95 % are found.
# - **b** Of the images that are flagged, 95 % are odd.
# - **c** Of further ordinary images from the same source, about 5 % are
#   flagged.
#
# ## Exercises
#
# Answers are in `answers_21_the_odd_one_out.py`.
#
# 1. **Change a number.** Promise 1 % of false alarms in place of 5 %, with
#    −ELBO as the score. Predict how the share of twos that are found changes,
#    and how far an alarm can be trusted. *Check:* the false-alarm rate on test
#    images is within four standard errors of 1 %, and the share found is less
#    than 0.8 times that at 5 %.
# 2. **What is missing.** Instead of painting a stain, erase a disc of the same
#    size around a random stroke pixel. Predict the AUROC of the erased images.
#    *Check:* it is lower than that of the stained ones, and on MNIST it is one
#    half, within 0.1. Why?
# 3. **Derive and implement.** Compute the area under the ROC curve by the
#    trapezoid rule, with every score as a threshold. Show that it is the share
#    of pairs, where equal scores count half. *Check:* both agree to 12 digits,
#    also for scores rounded to hundreds of nats, which are often equal.
