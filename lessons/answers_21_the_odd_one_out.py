# %% [markdown]
# # 21 · Anomaly detection: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures
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


ordinary = without(data.train.only(slice(0, sized(20_000, quick=5000))), ODD)
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 6, 32))
model = VAE.dense(784, n_h, 20)
model.start_at(ordinary.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, ordinary, black_or_white, Adam(), batch_size=batch_size, lr=lr)
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
# ## 2. What is missing
#
# An erased piece of a stroke makes an image *simpler*: there is less ink, and
# so there are fewer edges to pay for. This is the failure of the lesson again.
# On MNIST erased images hardly score higher than ordinary ones, if at all: a
# stroke with a gap is also something that people write. The regular strokes of
# the glyphs have no gaps, so that nine in ten images score higher once a piece
# is erased. Yet even there stains, of the same size and at random places, are
# found better. Adding is easier to see than taking away.

# %%
row, column = np.mgrid[:28, :28]
clean = x_others[: sized(1000, quick=400)]


def disc_at(centre):
    """A disc of radius 3 for each centre (n, 2); (n, 784)."""
    away = (row - centre[:, 0, None, None]) ** 2 + (column - centre[:, 1, None, None]) ** 2
    return (away < 3**2).reshape(-1, 784)


on_a_stroke = np.array([rng.choice(np.flatnonzero(x)) for x in clean])
centre = np.stack([on_a_stroke // 28, on_a_stroke % 28], axis=1)
erased = np.where(disc_at(centre), 0, clean).astype(np.float32)
stained = np.maximum(clean, disc_at(rng.uniform(7, 21, (len(clean), 2)))).astype(np.float32)
area = {}
for name, x in (("erased", erased), ("stained", stained)):
    scores = score(x)
    area[name] = auroc(scores, score_others[: len(clean)])
    higher = (scores > score_others[: len(clean)]).mean()
    print(f"{name:<8} AUROC {area[name]:.2f}; {higher:.0%} score higher than before")
assert area["erased"] < area["stained"]
if data.name == "mnist":
    assert abs(area["erased"] - 0.5) < 0.1, "chance"
rows = np.concatenate([clean[:10], erased[:10], model.reconstruct(erased[:10])])
told = "ordinary, with a piece erased, and reconstructed"
show(figures.samples(rows, data.shape, across=10, told=told), "21-answer-erased")

# %% [markdown]
# ## 3. The area is the share of pairs
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
# **Question 1: b.**
#
# - **a** The model finds an empty image likely, too. Likely means cheap to
#   describe, and simple images are cheap whatever they show.
# - **b** Right. The score adds up what the pixels cost, and an image with few
#   uncertain pixels costs little. Typical images of the model cost a lot, since
#   many of their pixels could have come out either way.
# - **c** A memorised image would be likely, but nothing was memorised here: the
#   bar and the disc were in no training set.
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
