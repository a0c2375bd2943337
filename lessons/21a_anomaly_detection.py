# %% [markdown]
# # 21a · Anomaly detection: a score and its AUROC
#
# *A model has only ever seen ordinary images. Can it tell which image does not
# belong?*
#
# - **You need:** lessons 03, 06, 09, 12b and 18.
# - **You get:** an anomaly score and the AUROC that judges it, ten digits left
#   out in turn, the likelihood ratio, a threshold and what it promises.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, digits, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer
from npvae.datasets import Split
from npvae.evaluation import (
    auroc,
    log_likelihood_by_example,
    principal_components,
    reconstruction_errors,
    score_examples,
)
from npvae.evaluation.elbo import WEIGHTS, generator_of

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)
ODD = 2  # the digit that the model never sees
epochs = sized(5, quick=6)


def without(part, digit):
    """The images of a part that do not show this digit."""
    return part.only(np.flatnonzero(part.labels != digit))


def train(part, name):
    model = VAE.dense(784, 200, 20)
    model.start_at(part.take(slice(None)).mean(axis=0) / 255)
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, part, black_or_white, Adam(), batch_size=32, lr=lr)
    run_epochs(trainer, epochs, name)
    return model


train_part = data.train.only(slice(0, sized(10_000, quick=3000)))
ordinary = without(train_part, ODD)
model = train(ordinary, f"VAE without the {ODD}")

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


assert np.isclose(area_under_roc(np.array([2.0, 4.0, 3.0]), np.array([1.0, 3.0])), 4.5 / 6)

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
show(figure, "21a-scores")

# %% [markdown]
# At full size a two scores higher than another digit in 88 of 100 pairs on
# MNIST, and in 93 on glyphs. PCA is behind, with 84 and 82. The ELBO separates
# them as well as the better estimate does: the gap between the two is a few
# nats for nearly every image, so the *order* of the images hardly changes. And
# the plain reconstruction error does as well, on glyphs even a little better.
# A probability need not make the better score. What it has, and they have not,
# is a meaning, which we shall need to understand its failures.
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


def minus_elbo(model):
    return score_examples(model, as_part(x_test), black_or_white).score


knows_all = minus_elbo(train(train_part, "VAE with all digits"))
base, surprise, areas, by_ratio = {}, {}, {}, {}
for digit in tried:
    blind = model if digit == ODD else train(without(train_part, digit), f"VAE without the {digit}")
    score = minus_elbo(blind)
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
right.bar(names, areas.values(), color=BLUE, width=-0.4, align="edge", label="-ELBO")
right.bar(names, by_ratio.values(), color=GREEN, width=0.4, align="edge", label="surprise only")
right.axhline(0.5, color="black", linestyle=":")
right.set(xlabel="digit left out", ylabel="AUROC", ylim=(0, 1.25), title="how well it is found")
right.set_yticks(np.linspace(0, 1, 6))
right.legend(loc="upper left", ncols=2, fontsize=8)
show(figure, "21a-ten-digits")

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
# too: the surprise alone, without the base, finds every digit, at full size with
# an AUROC of 0.85 or more.
#
# ## What is compared with what
#
# The theory of tests explains why the blue bars fail and the green ones do not.
# Suppose that odd images have a distribution, too, $p_\text{odd}(x)$. Then no score is better
# than the **likelihood ratio**, $p_\text{odd}(x) / p(x)$: for a given rate of
# false alarms it finds the largest share of odd images (Neyman and Pearson,
# 1933). Take its logarithm:
#
# $$ \log\frac{p_\text{odd}(x)}{p(x)} = -\log p(x) + \log p_\text{odd}(x) $$
#
# If we use $-\log p(x)$ alone, we treat $\log p_\text{odd}(x)$ as a constant.
# So we assume that odd images are *noise*, in which all $2^{784}$ images are
# equally likely. Such noise is found perfectly. But an odd image in the real
# world is hardly ever noise.
#
# The green bars show a ratio, too. There $p_\text{odd}$ is the model that has
# seen all digits, so that the logarithm of the ratio is what an image costs the
# one model minus what it costs the other: the surprise. The base is in both, and
# cancels. Only, to train that model we needed odd examples, which is what we do
# not have.
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
# itself comes from $n$ validation images. The share of *all* ordinary images
# above it varies in the same way from one validation set to another, which adds
# $f(1 - f)/n$ to the variance.

# %%
f = 0.05
score_val, score_others, score_odd = cost(x_val), others["-log p(x)"], odd["-log p(x)"]
threshold = np.quantile(score_val, 1 - f)
alarms = (score_others > threshold).mean()
error = np.sqrt(f * (1 - f) * (1 / len(score_others) + 1 / len(score_val)))
hits = (score_odd > threshold).mean()
print(f"false alarms: {f:.1%} promised, {alarms:.1%} found, standard error {error:.1%}")
print(f"found of the {ODD}: {hits:.0%}")
assert abs(alarms - f) < 4 * error, "the promise is kept"
assert 2 * f < hits < 1 - f, "and nothing was promised about odd images"
rare = 1 / 1000
right_alarms = rare * hits / (rare * hits + (1 - rare) * alarms)
print(f"if one image in 1,000 is a {ODD}: {right_alarms:.1%} of the alarms are right")
assert right_alarms < 0.05

# %% [markdown]
# The promise is kept, up to chance: a standard error or two. It is a promise about
# *ordinary images from the same source*: other people's handwriting, or another
# scanner, need another threshold. About odd images it promises nothing. A
# third to a half of the twos are missed, and without odd examples you would not
# even know that.
#
# Nor does it say how far to trust an alarm. That is Bayes' rule (lesson 09): if
# one image in 1,000 is odd, then among 1,000 images there is one odd one, which
# may be found, and there are some 50 false alarms. So one or two alarms in a
# hundred are right, although the score is a good one.
#
# > **What you may have read:** "an anomaly detector has learnt what anomalies look
# > like". It has seen none. It has learnt what is ordinary, and its score is an
# > assumption about the rest. So test it on the kinds of odd images that you care
# > about, as the AUROC does.
#
# A score fails worst where it finds odd images *likely*, as with the 1. Lesson
# 21b looks at the worst cases, at a cure, and at where in an image the damage is.
#
# ## Questions
#
# **Question 1.** A score has an AUROC of 0.10 for the digit 1. What does that
# mean?
#
# - **a** In nine of ten pairs of a 1 and an ordinary digit, the 1 has the lower
#   score.
# - **b** A tenth of the ones is above the threshold.
# - **c** The scores of the ones and of the ordinary digits hardly differ.
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
# Answers are in `answers_21a_anomaly_detection.py`.
#
# 1. **Change a number.** Promise 1 % of false alarms in place of 5 %, with
#    −ELBO as the score. Predict how the share of twos that are found changes,
#    and how far an alarm can be trusted. *Check:* the false-alarm rate on test
#    images is within four standard errors of 1 %, and the share found is less
#    than 0.8 times that at 5 %.
# 2. **Derive and implement.** Compute the area under the ROC curve by the
#    trapezoid rule, with every score as a threshold. Show that it is the share
#    of pairs, where equal scores count half. *Check:* both agree to 12 digits,
#    also for scores rounded to hundreds of nats, which are often equal.
