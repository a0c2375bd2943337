# %% [markdown]
# # 21a · Anomaly detection: answers

# %%
import numpy as np
from course import digits, run_epochs, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer
from npvae.datasets import Split
from npvae.evaluation import auroc, score_examples

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)
ODD = 2


def without(part, digit):
    return part.only(np.flatnonzero(part.labels != digit))


def drawn(part):
    return black_or_white.encode(part.take(slice(None)), rng, np.float32)


def score(x):
    part = Split((255 * x).astype(np.uint8), np.arange(len(x)))
    return score_examples(model, part, black_or_white).score


ordinary = without(data.train.only(slice(0, sized(10_000, quick=4000))), ODD)
epochs = sized(5, quick=6)
model = VAE.dense(784, 200, 20)
model.start_at(ordinary.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, ordinary, black_or_white, Adam(), batch_size=32, lr=lr)
run_epochs(trainer, epochs, f"VAE without the {ODD}")

test_part = data.test.only(slice(0, None, sized(2, quick=8)))
x_test, labels = drawn(test_part), test_part.labels
x_val = drawn(without(data.validation.only(slice(0, None, sized(1, quick=4))), ODD))
x_odd, x_others = x_test[labels == ODD], x_test[labels != ODD]
score_odd, score_others, score_val = score(x_odd), score(x_others), score(x_val)

# %% [markdown]
# ## 1. Fewer false alarms
#
# The threshold moves up into the tail of the ordinary scores, and far fewer
# twos are above it. You pay for each false alarm that you avoid with odd images
# that you miss; the ROC curve is the price list. At the same time the alarms
# become more trustworthy, since their false part shrinks faster than the true
# one.

# %%
found, right = {}, {}
for f in (0.05, 0.01):
    threshold = np.quantile(score_val, 1 - f)
    alarms, hits = (score_others > threshold).mean(), (score_odd > threshold).mean()
    error = np.sqrt(f * (1 - f) * (1 / len(score_others) + 1 / len(score_val)))
    found[f], right[f] = hits, hits / (hits + 999 * alarms)  # one image in 1,000 is odd
    print(
        f"promised {f:.0%}: false alarms {alarms:.1%} ± {error:.1%}; found {hits:.0%} of the "
        f"{ODD}; if one image in 1,000 is a {ODD}, {right[f]:.1%} of the alarms are right"
    )
    assert abs(alarms - f) < 4 * error
assert found[0.01] < 0.8 * found[0.05]

# %% [markdown]
# ## 2. The area is the share of pairs
#
# Sort all scores, and lower the threshold past one after another. At an odd
# score the curve goes up by $1/n$, and no area is added. At an ordinary score
# it goes to the right by $1/m$. The strip under that step is as high as the
# share of odd scores that were passed before, those above this ordinary score.
# So the area is
#
# $$ \frac1m \sum_{j=1}^m \frac{\text{number of odd scores above score } j}{n} $$
#
# which is the share of pairs in which the odd score is the higher one. Where an
# odd and an ordinary score are equal, the curve rises along a slanted line, and
# the area below it is that of a triangle: half.

# %%
thresholds = np.concatenate([[np.inf], np.unique(np.concatenate([score_odd, score_others]))[::-1]])
hits = np.array([(score_odd >= t).mean() for t in thresholds])
alarms = np.array([(score_others >= t).mean() for t in thresholds])
area = np.sum(np.diff(alarms) * (hits[1:] + hits[:-1]) / 2)
print(f"area of the trapezoids {area:.6f}, share of pairs {auroc(score_odd, score_others):.6f}")
assert np.isclose(area, auroc(score_odd, score_others), atol=1e-12)

ties = np.round(score_odd, -2), np.round(score_others, -2)  # in hundreds of nats, to get ties
thresholds = np.concatenate([[np.inf], np.unique(np.concatenate(ties))[::-1]])
hits, alarms = (np.array([(s >= t).mean() for t in thresholds]) for s in ties)
area = np.sum(np.diff(alarms) * (hits[1:] + hits[:-1]) / 2)
assert np.isclose(area, auroc(*ties), atol=1e-12), "and with ties"

# %% [markdown]
# ## Questions
#
# **Question 1: a.**
#
# - **a** Right. The AUROC is the share of pairs in which the odd image has the
#   higher score, and that is one in ten.
# - **b** This speaks of one threshold. The AUROC is a mean over all of them, and
#   says nothing about a single one: it may well be that no 1 is above yours.
# - **c** Scores that hardly differ have an AUROC of one half. Here they differ
#   strongly, in the wrong direction.
#
# **Question 2: c.**
#
# - **a** No odd image was used to find the threshold, so it cannot promise
#   anything about them. How many are found has to be measured on odd examples.
# - **b** This confuses two conditional probabilities. How many alarms are right
#   depends on how many images are odd, by Bayes' rule: with one in 1,000 it was
#   a few per cent at best.
# - **c** Right. Five in 100 validation images are above the threshold, and
#   other ordinary images from the same source behave alike, up to the standard
#   error.
