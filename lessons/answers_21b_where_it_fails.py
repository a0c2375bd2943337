# %% [markdown]
# # 21b · Where anomaly detection fails: answers

# %%
import zlib

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
# ## 1. Unusually low
#
# The cleaned images are far *below* the line, since every pixel of theirs takes
# the more probable value. The absolute difference finds them. The price is paid
# by the 2: ordinary images that cost unusually little are now as odd as those that
# cost unusually much, so that a two has more of them to beat. A score on both
# sides is the safer choice if you do not know what odd images are like.


# %%
def length_of(x):
    packed = np.packbits(x.astype(bool), axis=1)
    return 8 * np.log(2) * np.array([len(zlib.compress(each.tobytes(), 9)) for each in packed])


cleaned = (model.reconstruct(x_others[:200]) > 0.5).astype(np.float32)
b, a = np.polyfit(length_of(x_val), score_val, 1)
above = {
    name: scores - a - b * length_of(x)
    for name, x, scores in (
        ("validation", x_val, score_val),
        ("ordinary", x_others, score_others),
        ("cleaned", cleaned, score(cleaned)),
        (f"the {ODD}", x_odd, score_odd),
    )
}
middle = np.median(above["validation"])
both = {name: abs(values - middle) for name, values in above.items()}
one_sided, two_sided = (
    {name: auroc(scores[name], scores["ordinary"]) for name in ("cleaned", f"the {ODD}")}
    for scores in (above, both)
)
for name in one_sided:
    print(f"{name:<8} AUROC {one_sided[name]:.2f}; of both sides {two_sided[name]:.2f}")
assert one_sided["cleaned"] < 0.5 < two_sided["cleaned"]
assert two_sided[f"the {ODD}"] < one_sided[f"the {ODD}"]

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
show(figures.samples(rows, data.shape, across=10, told=told), "21b-answer-erased")

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
# - **a** Only damage that the model cannot explain is bright. A stain that the
#   model copies is dark, and so is a missing piece of a stroke.
# - **b** Images of the training set have bright maps, too: every pixel at the edge
#   of a stroke could have come out either way.
# - **c** Right. The map shows where this model was surprised, and no more. An
#   empty image has a dark map, too.
