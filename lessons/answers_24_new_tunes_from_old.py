# %% [markdown]
# # 24 · New tunes from old: answers

# %%
import numpy as np
from course import hear, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Notes, Trainer, evaluate, figures
from npvae.datasets import load_dataset
from npvae.datasets.tunes import LOWEST, one_hot, out_of_scale, tokens_of

rng = np.random.default_rng(0)
data = load_dataset("tunes")
train_part = data.train.only(np.sort(rng.permutation(len(data.train))[: sized(5000, quick=2500)]))
x_train = train_part.take(slice(None)).astype(np.float32)
x_test = data.test.take(slice(None)).astype(np.float32)
tunes, keys = tokens_of(x_test), data.test.labels
epochs, batch_size, n_h = sized((25, 64, 256), quick=(15, 32, 128))


def train(beta):
    vae = VAE.dense(528, n_h, 16, likelihood="categorical", groups=data.groups, beta=beta)
    vae.start_at(x_train.mean(axis=0))
    lr = Cosine(3e-3, epochs=epochs)
    trainer = Trainer(vae, train_part, Notes(), Adam(), batch_size=batch_size, lr=lr, rng=0)
    run_epochs(trainer, epochs, f"VAE on tunes, β = {beta}")
    return vae


# %% [markdown]
# ## 1. With the ELBO itself
#
# With $\beta = 1$ a nat of the rate has to save a nat of the reconstruction, on
# tunes that the model meets again and again and yet must not learn by heart. What
# pays off is little: about where the tune lies, and how it moves. So the code says
# less, and the reconstruction is a blurred version of many tunes. The ELBO of the
# test part, however, is better: this is the bound that $\beta = 1$ maximises. Of the
# two models, only that with $\beta = 1$ is better than the frequencies of each step.

# %%
models, rate, right, bound = {}, {}, {}, {}
for beta in (0.3, 1.0):
    models[beta] = train(beta)
    found = evaluate(models[beta], data.test, Notes())
    rate[beta], bound[beta] = found.rate, found.elbo
    right[beta] = (tokens_of(models[beta].reconstruct(x_test)) == tunes).mean()
    print(f"    rate {rate[beta]:.1f}, ELBO {bound[beta]:.1f} nats, {right[beta]:.0%} of the steps")
assert rate[1.0] < rate[0.3] / 2
assert right[1.0] < right[0.3] - 0.05
assert bound[1.0] > bound[0.3]

counted = (x_train.sum(axis=0) + 1).reshape(16, 33)
log_frequency = np.log(counted / counted.sum(axis=1, keepdims=True)).reshape(528)
by_frequency = (x_test * log_frequency).sum(axis=1).mean()
print(f"by the frequencies of each step alone: {by_frequency:.1f} nats")
assert bound[0.3] < by_frequency < bound[1.0]

# %% [markdown]
# ## 2. Higher in the same key
#
# Most notes that move go up, and stay on the scale, so that the tune nearly stays in its
# key. But it is not the same tune played from another note of the scale: the contour
# is not kept. About half of the notes do not move at all, while others rise by an
# octave. Of the intervals from one note to the next, half or fewer keep their direction.
#
# In the data, high and low windows are about equally frequent in every key, so that the
# keys cancel in the difference of the two means, as the digits did in lesson 15. A
# tune whose notes all move by three semitones has more than two in five of its notes
# outside of the old key.

# %%
vae = models[0.3]


def mean_pitch(tokens):
    """The mean pitch of each tune with a note, in semitones."""
    return np.array([tune[tune < 31].mean() + LOWEST for tune in tokens if (tune < 31).any()])


order = np.argsort(mean_pitch(tokens_of(x_train)))
tenth, z_train = len(order) // 10, vae.encode(x_train)[0]
higher = z_train[order[-tenth:]].mean(axis=0) - z_train[order[:tenth]].mean(axis=0)
z_test = vae.encode(x_test)[0]
moved = tokens_of(vae.decode(z_test + np.float32(0.5) * higher))
unmoved = tokens_of(vae.decode(z_test))
rise = mean_pitch(moved).mean() - mean_pitch(unmoved).mean()
old, exact = (out_of_scale(*of).mean() for of in ((moved, keys), (tunes, (keys - 3) % 12)))
print(
    f"{rise:.1f} semitones higher; outside of the old key {old:.1%}; after moving by 3: {exact:.1%}"
)
assert rise > 2
assert old < exact / 2

both = (moved < 31) & (unmoved < 31)
steps = (moved.astype(int) - unmoved)[both]
print(
    f"notes in both: {(steps > 0).mean():.0%} go up, {(steps == 0).mean():.0%} stay, "
    f"{(steps < 0).mean():.0%} go down"
)
directions = [
    (np.sign(np.diff(before[here])), np.sign(np.diff(after[here])))
    for before, after, here in zip(unmoved.astype(int), moved.astype(int), both, strict=True)
]
before, after = (np.concatenate(of) for of in zip(*directions, strict=True))
print(f"of their successive intervals {(before == after).mean():.0%} keep their direction")
assert (steps > 0).mean() > 5 * (steps < 0).mean()
assert (steps == 0).mean() > 0.25
assert (before == after).mean() < 0.7

# %% [markdown]
# ## 3. Temperature
#
# From $p_i = e^{a_i} / S$ with $S = \sum_j e^{a_j}$ we have $a_i = \log p_i + \log S$.
# So $e^{a_i / T} = p_i^{1/T} S^{1/T}$, and the factor $S^{1/T}$ cancels in the
# softmax: the new probabilities are proportional to $p_i^{1/T}$.
#
# Write $b = 1/T$, and from now on $p_i = e^{b a_i} / S$ with $S = \sum_j e^{b a_j}$.
# Then $\log p_i = b a_i - \log S$, and
#
# $$ H = -\sum_i p_i \log p_i = \log S - b \sum_i p_i a_i = \log S - b\, m $$
#
# where $m$ is the mean of $a$. The derivative of $\log S$ with respect to $b$ is
# $\sum_i a_i e^{b a_i} / S = m$. That of $m = \sum_i a_i e^{b a_i} / S$ is, by the
# quotient rule, $\sum_i a_i^2 p_i - m^2 = \operatorname{Var}(a)$. So
#
# $$ \frac{dH}{db} = m - m - b \operatorname{Var}(a) = -b \operatorname{Var}(a),
# \qquad \frac{dH}{dT} = \frac{dH}{db} \cdot \left(-\frac{1}{T^2}\right)
# = \frac{\operatorname{Var}(a)}{T^3} \ge 0 $$
#
# A low temperature gives the most probable notes, which are few and safe. A high one
# gives surprises, and wrong notes.


# %%
def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def entropy(a, T):
    p = softmax(a / T)
    return -(p * np.log(p)).sum()


a, T, h = rng.normal(0, 2, 33), 1.7, 1e-5
p = softmax(a / T)
variance = (p * a**2).sum() - (p * a).sum() ** 2
numeric = (entropy(a, T + h) - entropy(a, T - h)) / (2 * h)
print(f"dH/dT: {numeric:.6f} numerically, {variance / T**3:.6f} by the formula")
assert abs(numeric - variance / T**3) < 1e-7

logits = np.log(vae.sample(1000, rng=1).reshape(-1, 16, 33).astype(np.float64) + 1e-30)
outside, drawn = [], {}
for T in (0.5, 1, 2):
    p = softmax(logits / T)
    drawn[T] = (np.cumsum(p, axis=-1) <= rng.random((1000, 16, 1))).sum(axis=-1)
    drawn[T] = np.minimum(drawn[T], 32)  # rounding may leave the sum of p below u
    outside.append(out_of_scale(drawn[T]).mean())
    print(f"T = {T}: {outside[-1]:.1%} of the notes are outside of the best scale")
assert outside[0] < outside[1] < outside[2]
rows = one_hot(np.stack([drawn[T][0] for T in drawn]))
names = [f"T = {T}" for T in drawn]
ax = figures.piano_rolls(rows, names=names, told="One code, drawn at three temperatures")
show(ax, "24-answer-temperature")

# %%
hear(tokens_of(rows), "24-answer-temperature")

# %% [markdown]
# ## Questions
#
# **Question 1: a.**
#
# - **a** Each $e^{a_i}$ is multiplied by $e^5$, and so is their sum. The factor
#   cancels in every probability. This is why we may subtract the largest logit.
# - **b** The logits of all other categories have become larger by the same number.
#   Only differences between logits matter.
# - **c** Uncertain probabilities come from logits that are close together. Their
#   distances have not changed.
#
# **Question 2: b.**
#
# - **a** Both draws use the same probabilities, but each uses a random number of its
#   own. Given $z$ the steps are independent.
# - **b** The second draw agrees with the first with probability one half. Otherwise
#   the tune begins as one and goes on as the other.
# - **c** What is decoded are probabilities, not a mean pitch. A draw is one of the
#   categories, C or E flat, and never something in between.
