# %% [markdown]
# # 24 · New tunes from old
#
# *Can a VAE that has learned 34 old melodies make new ones, blend two, and stay in
# key?*
#
# - **You need:** lessons 03, 13a and 15 to 17.
# - **You get:** the categorical likelihood, which is a softmax with its gradient; a
#   VAE on something that is not a picture; new tunes, blends and busier versions,
#   to be seen and to be heard.
# - **Run time:** 20 seconds.

# %%
import numpy as np
from course import hear, run_epochs, show, sized

from npvae import VAE, Adam, Categorical, Cosine, Notes, Trainer, evaluate, figures
from npvae.datasets import load_dataset
from npvae.datasets.melodies import melodies
from npvae.datasets.tunes import KEYS, MAJOR, one_hot, out_of_scale, token_names, tokens_of

rng = np.random.default_rng(0)
data = load_dataset("tunes")
train_part = data.train.only(np.sort(rng.permutation(len(data.train))[: sized(5000, quick=2500)]))
x_train = train_part.take(slice(None)).astype(np.float32)
x_test = data.test.take(slice(None)).astype(np.float32)
parts = {"train on": data.train, "validate": data.validation, "test": data.test}
counts = [f"{len(set(part.factors['tune']))} to {use}" for use, part in parts.items()]
print(f"{len(melodies())} melodies: {', '.join(counts)}")
print(f"windows, in twelve keys: {len(x_train)} to train on, {len(x_test)} to test")

# %% [markdown]
# ## A tune as data
#
# So far $x$ was an image. Now it is a piece of a melody. npvae's dataset `tunes`
# holds folk songs, hymns and themes that nobody owns any more, and cuts each into
# windows of 16 eighth notes. A window begins at a bar line. In 29 of the 42 melodies
# that makes two bars of 4/4. The bars of the other 13, in 3/4 or 6/8, have six eighth
# notes, so that a window holds two bars and two thirds of the next. At each of the
# 16 *steps* exactly one of 33 things happens. One of 31 pitches begins, or there is a
# rest, or what sounded before is *held*. (Neighbouring pitches are a *semitone* apart.
# Twelve semitones are an *octave*, which leads to the note of the same name. A *scale*
# takes seven of the twelve; that of C major is the white keys of a piano.)
#
# That is a **category**: one of several, without an order. We write it as a group
# of 33 numbers, of which one is 1 and the others are 0 (*one-hot*). So a window has
# $16 \cdot 33 = 528$ numbers. Every window is there in twelve keys, so that the
# model cannot learn that melodies are in C. By *key* we mean the key signature, so
# that A minor, which uses the white keys as C major does, counts as C.
# And the melodies are divided among the parts: the test melodies are not in the
# training part in any key. There are only four of them, so a test figure here tells
# less than its 552 windows suggest.
#
# The picture is a *piano roll*. Pitch goes up, time goes to the right, and each note
# is a grey line with a bright left end, where it begins. In the printed rows a hyphen
# is a hold. To be heard, an eighth note takes a quarter of a second, so that a
# window takes four seconds. A second of silence follows it.

# %%
in_c = data.train.labels == 0  # label 0: the key signature of C major
first = data.train.only(np.flatnonzero(in_c & (data.train.factors["bar"] == 0))[:4])
names = [melodies()[tune].title for tune in first.factors["tune"]]
for name, tokens in zip(names, tokens_of(first.take(slice(None))), strict=True):
    print(f"{name:<30} {' '.join(token_names(tokens))}")
told = "The first 16 eighth notes from the first full bar on, in C major or A minor"
show(figures.piano_rolls(first.take(slice(None)), names=names, told=told), "24-tunes")

# %%
hear(tokens_of(first.take(slice(None))), "24-tunes")
assert (x_train.reshape(-1, 16, 33).sum(axis=2) == 1).all()
assert data.groups == (33,) * 16

# %% [markdown]
# ## The likelihood of a category
#
# Which $p(x \mid z)$ fits such data? A Bernoulli for each of the 528 numbers would
# allow two notes at one step, or nothing at all. We want one choice out of 33. The
# decoder returns a number $a_i$ for each, any real number (a *logit*), and they
# have to become probabilities: positive, with sum 1. The exponential function makes
# them positive, and a division makes their sum 1. This is the **softmax**:
#
# $$ p_i = \frac{e^{a_i}}{\sum_j e^{a_j}} $$
#
# One $x_i$ is 1 and the others are 0. So the log-probability of the category that
# happened is $\sum_i x_i \log p_i$, and since the $x_i$ have the sum 1,
#
# $$ \sum_i x_i \log p_i = \sum_i x_i \Big(a_i - \log \sum_j e^{a_j}\Big)
# = \sum_i x_i a_i - \log \sum_j e^{a_j} $$
#
# The loss $L$ of a step is minus this. People call it *categorical cross-entropy*. It
# is minus a log-likelihood, as in lesson 03.
#
# Now its gradient. The derivative of the logarithm of a sum is the derivative of
# the sum divided by the sum. In $\sum_j e^{a_j}$ only one term depends on $a_i$, and
# its derivative is $e^{a_i}$:
#
# $$ \frac{\partial L}{\partial a_i}
# = \frac{\partial}{\partial a_i} \log \sum_j e^{a_j} - x_i
# = \frac{e^{a_i}}{\sum_j e^{a_j}} - x_i = p_i - x_i $$
#
# Again $p - x$, as for the Bernoulli and, up to $\sigma^2$, for the Gaussian.
#
# One trap is left: $e^{a}$ overflows at large logits. But adding the same number to
# all logits of a step changes no probability, as the factor cancels. So we subtract
# the largest logit first. Then no exponent is above 0, and the sum is at least 1.
#
# **Predict first:** an untrained decoder thinks that all 33 categories are equally
# probable. How many nats does a window of 16 steps cost?


# %%
def categorical_loss(a, x):
    """-log p of the category of each step, in nats: -sum(x a) + log sum(exp(a)).

    a, x: (..., n) logits and one-hot categories, n of them. Returns (...). Must not
    overflow for large logits: subtract the largest logit of each step first.
    """
    ### BEGIN SOLUTION
    a = a - a.max(axis=-1, keepdims=True)
    return np.log(np.exp(a).sum(axis=-1)) - (x * a).sum(axis=-1)
    ### END SOLUTION


def softmax(a):
    """exp(a) / sum(exp(a)) over the last axis of a, (..., n), without overflow."""
    ### BEGIN SOLUTION
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
    ### END SOLUTION


def categorical_gradient(a, x):
    """The derivative of the sum of `categorical_loss` with respect to a, (..., n)."""
    ### BEGIN SOLUTION
    return softmax(a) - x
    ### END SOLUTION


x = x_test[:5].reshape(5, 16, 33)
uniform = categorical_loss(np.zeros((5, 16, 33)), x).sum(axis=1)
print(f"all categories equally probable: {uniform[0]:.2f} nats per window")
assert np.allclose(uniform, 16 * np.log(33))

a, h = rng.normal(0, 2, (5, 16, 33)), 1e-6
step = np.zeros_like(a)
step[2, 3, 4] = h
numeric = (categorical_loss(a + step, x) - categorical_loss(a - step, x)).sum() / (2 * h)
assert abs(numeric - categorical_gradient(a, x)[2, 3, 4]) < 1e-8

theirs = Categorical(data.groups)
loss, dlogits = theirs.loss_and_grad(a.reshape(5, 528), x.reshape(5, 528))
assert np.isclose(loss, categorical_loss(a, x).sum() / 5)
assert np.allclose(5 * dlogits.reshape(5, 16, 33), categorical_gradient(a, x))
certain = np.array([0.0, 1000.0])  # a logit at which exp overflows
assert np.isclose(categorical_loss(certain, np.array([0.0, 1.0])), 0)
assert np.isclose(categorical_loss(certain, np.array([1.0, 0.0])), 1000)

# %% [markdown]
# Sixteen times $\log 33$, which is 56 nats. Whatever a model knows about melodies
# shows as fewer nats. For a VAE the number to compare is minus the ELBO.
#
# ## Training
#
# Encoder, draw, decoder, KL divergence: nothing else changes. That is the point of a
# likelihood with a value and a gradient. npvae's likelihood takes the sizes of the
# groups, `(33, 33, ...)`. The same class serves tables whose columns are text.
#
# The weight of the KL divergence is $\beta = 0.3$. With $\beta = 1$ a model of so
# few melodies stores little of a tune in its code (exercise 1). We want codes that
# can be decoded to *their* tune, and pay with a worse ELBO, as lesson 16 explains.
# The printed losses are weighted with this $\beta$, so they are not minus an ELBO.
#
# **Predict first:** the model is given test melodies that it has never heard. In how
# many of 100 steps is the most probable category of the reconstruction the right
# one? And in how many of 100 steps at which a note begins?

# %%
epochs, batch_size, n_h = sized((25, 64, 256), quick=(15, 32, 128))
vae = VAE.dense(528, n_h, 16, likelihood="categorical", groups=data.groups, beta=0.3)
vae.start_at(x_train.mean(axis=0))
lr = Cosine(3e-3, epochs=epochs)
trainer = Trainer(vae, train_part, Notes(), Adam(), batch_size=batch_size, lr=lr, rng=0)
run_epochs(trainer, epochs, "VAE on tunes, β = 0.3")


def shares_right(name, found, tokens):
    """Return which share is right of all steps, and of those where a note begins; print more."""
    is_right = found == tokens
    of = {"steps": is_right.mean(), "beginnings of notes": is_right[tokens < 31].mean()}
    of["holds"] = is_right[tokens == 32].mean()
    of["whole windows"] = is_right.all(axis=1).mean()
    told = ", ".join(f"{share:.0%} of the {what}" for what, share in of.items())
    print(f"{name}: {told} are right")
    return of["steps"], of["beginnings of notes"]


tunes = tokens_of(x_test)
right = {
    name: shares_right(name, tokens_of(vae.reconstruct(batch)), tokens_of(batch))
    for name, batch in (("training", x_train[:1000]), ("test", x_test))
}
most_frequent = np.tile(tokens_of(x_train.mean(axis=0)), (len(tunes), 1))
right["frequent"] = shares_right("always the most frequent", most_frequent, tunes)
print(f"holds: {(tunes == 32).mean():.0%} of the test steps")
for shares in zip(right["training"], right["test"], right["frequent"], strict=True):
    assert shares[0] > shares[1] > shares[2] + 0.1

found = evaluate(vae, data.test, Notes())
counted = (x_train.sum(axis=0) + 1).reshape(16, 33)  # + 1: nothing is impossible
log_frequency = np.log(counted / counted.sum(axis=1, keepdims=True)).reshape(528)
by_frequency = (x_test * log_frequency).sum(axis=1).mean()
print(f"test ELBO {found.elbo:.1f} nats per window, of which the rate is {found.rate:.1f}")
print(f"log-likelihood by the frequencies of each step alone: {by_frequency:.1f}")
assert -16 * np.log(33) < found.elbo < by_frequency

melody = data.test.factors["tune"]
some = [rng.choice(np.flatnonzero(melody == tune)) for tune in np.unique(melody)]
rows = np.concatenate([x_test[some], vae.reconstruct(x_test[some])])
titles = [melodies()[tune].title for tune in melody[some]]
told = "A window of each test melody; below, the probability that a pitch sounds"
names = [*titles, *("reconstructed" for _ in some)]
show(figures.piano_rolls(rows, names=names, told=told), "24-reconstructions")

# %% [markdown]
# About four of five test steps are right. That sounds better than it is: more than
# half of the steps are holds, and the model gets nearly all of them. The most frequent
# category of every step but the first is *hold*, so to guess it always is right at
# 57% of the steps, but almost never where a note begins. There the model finds the
# pitch in three of five cases (in quick mode, in half), though these melodies are new
# to it. The picture shows how different they are: *Aura Lee* is nearly right, and
# *For Elise* can hardly be recognised. A window without a mistake is rare: one in
# five (in quick mode, one in ten). On the training melodies the model does much
# better. There are only 34 of them, and it has begun to learn them by heart.
#
# The ELBO says what our choice of $\beta$ costs. Minus 31 or 32 nats are far better
# than minus 56. But to know only how frequent each category is at each step, and
# nothing of the rest of the tune, already gives about minus 29. The code says which
# tune it is, and in the ELBO it costs more nats than it saves. With $\beta = 1$ the
# ELBO is better than that, and the reconstructions are worse (exercise 1).
#
# Where the model is not certain, the piano roll is grey: each grey is the probability
# that this pitch sounds. At step $t$ a pitch sounds if it begins, or if it sounded
# before and is held:
#
# $$ \text{sounds}_t = \text{begins}_t + \text{hold}_t \cdot \text{sounds}_{t-1} $$
#
# ## New tunes
#
# To sample, we draw $z$ from the prior and decode it. For each step that gives 33
# probabilities, not a note. We have two choices. We can take the most probable
# category of each step. Or we *draw* one, which is a sample of $p(x \mid z)$.
# To draw a category with probabilities $p$, take a random number $u$ between 0 and 1,
# add up $p_1, p_2, \dots$, and stop at the first category where the sum exceeds $u$.
# Since the part of the interval that belongs to category $i$ has the length $p_i$,
# it is hit with that probability.
#
# How good are the tunes? One thing can be counted. A melody uses the notes of its
# scale, and rarely one of the other five. For each tune we take the scale, of
# the twelve, that leaves out the fewest of its notes, and count the notes outside.
# For *chance* we keep the rhythm and draw each pitch from those of all training
# tunes.
#
# **Predict first:** by chance, about how many notes lie outside of the best of
# twelve scales? And which tunes leave the scale more often, those of the most
# probable notes, or those that were drawn?


# %%
def draw_category(p, u):
    """The index of the first category whose cumulated probability exceeds u.

    p: (..., n) probabilities. u: (...) random numbers, uniform in [0, 1). Returns (...) int.
    """
    ### BEGIN SOLUTION
    return (np.cumsum(p, axis=-1) <= u[..., None]).sum(axis=-1)
    ### END SOLUTION


p = np.array([0.1, 0.6, 0.3])
shares = np.bincount(draw_category(np.tile(p, (100_000, 1)), rng.random(100_000))) / 100_000
assert np.abs(shares - p).max() < 4 * np.sqrt(0.25 / 100_000)

is_note = tokens_of(x_train) < 31
pitches = tokens_of(x_train)[is_note]


def by_chance(tokens):
    """The same rhythm with pitches of random training notes."""
    return np.where(tokens < 31, rng.choice(pitches, tokens.shape), tokens)


means = vae.sample(1000, rng=1).reshape(-1, 16, 33).astype(np.float64)
# Rounding may leave the sum of all p a little below 1, and u above it: hence the minimum.
made = {
    "most probable": means.argmax(axis=2),
    "drawn": np.minimum(draw_category(means, rng.random((1000, 16))), 32),
}
known = {tune.tobytes() for tune in tokens_of(x_train).astype(np.int64)}
outside = {"training tunes": out_of_scale(tokens_of(x_train)).mean()}
for name, tokens in made.items():
    outside[name] = out_of_scale(tokens).mean()
    outside[f"{name}, chance"] = out_of_scale(by_chance(tokens)).mean()
    copies = np.mean([tune.astype(np.int64).tobytes() in known for tune in tokens])
    notes = (tokens < 31).sum(axis=1).mean()
    print(f"{name:<14} {notes:.1f} notes per tune; {copies:.1%} are copies of training tunes")
    assert copies < 0.1
print("notes outside of the best scale:")
for name, share in outside.items():
    print(f"    {name:<22} {share:.1%}")
for name in made:
    assert outside[name] < 0.6 * outside[f"{name}, chance"]
assert outside["most probable"] < outside["drawn"]

told = "New tunes: codes from the prior, decoded to probabilities (above) and drawn (below)"
rows = np.concatenate([means[:4].reshape(4, 528), one_hot(made["drawn"][:4])])
show(figures.piano_rolls(rows, told=told), "24-new-tunes")

# %%
hear(made["drawn"][:4], "24-new-tunes")  # the lower row

# %% [markdown]
# The samples use a scale, although nobody told the model that there are scales. Of
# pitches at random $5/12$, or 42%, would be outside of a *given* scale. But we
# take the best of twelve, and for some six notes there is mostly a scale that leaves
# out few of them. So chance is only 12 to 15% here, and the tunes are well below it.
# Few of them are copies. A tune that is drawn leaves the scale more often. Given $z$,
# the 16 steps are independent in our $p(x \mid z)$. If the decoder is uncertain
# between two melodies at two steps, a draw may take one step from each. This is the
# noise of lesson 17 in another form: there it was scratches, here it is wrong notes.
#
# ## Half of A and half of B
#
# The mean of two one-hot tunes is both tunes played at half volume. The midpoint of
# their *codes* is decoded to one tune, as in lesson 15. We take pairs of test tunes
# from different melodies: pairs in the same key, and pairs in keys that are as far
# apart as keys can be.
#
# How far is that? Up a *fifth*, which is seven semitones, from C to G, the scale keeps
# six of its seven notes. Each further fifth takes one more away, down to two. After
# twelve fifths one is back at C: this is the *circle of fifths*. The farthest key on
# it is six fifths away, which is C and F sharp, six semitones apart. Such scales
# share two notes, and no pair shares fewer.
#
# **Predict first:** is the midpoint of two tunes in the same key in that key, too?
# And of two tunes in the farthest keys, in which key is their midpoint?

# %%
keys, z_test = data.test.labels, vae.encode(x_test)[0]


def partners(apart):
    """Rows of pairs of different test melodies, whose keys are so many semitones apart."""
    row_a = rng.permutation(len(x_test))[:300]
    fits = (keys == (keys[row_a] + apart)[:, None] % 12) & (melody != melody[row_a][:, None])
    return row_a, np.array([rng.choice(np.flatnonzero(row)) for row in fits])


share = {}
for name, apart in (("same key", 0), ("farthest keys", 6)):
    row_a, row_b = partners(apart)
    blend = tokens_of(vae.decode((z_test[row_a] + z_test[row_b]) / 2))
    is_new = (blend != tunes[row_a]).any(axis=1) & (blend != tunes[row_b]).any(axis=1)
    of = {"A's key": keys[row_a], "B's key": keys[row_b], "the best key": None}
    share[name] = {key: out_of_scale(blend, label).mean() for key, label in of.items()}
    chance = by_chance(blend)
    share[name]["A's key by chance"] = out_of_scale(chance, keys[row_a]).mean()
    share[name]["the best key by chance"] = out_of_scale(chance).mean()
    print(f"{name}: {is_new.mean():.0%} of the blends are neither A nor B; notes outside of")
    for key, value in share[name].items():
        print(f"    {key:<22} {value:5.1%}")
    assert is_new.mean() > 0.8
same, farthest = share["same key"], share["farthest keys"]
assert same["A's key"] < 0.2 * same["A's key by chance"]
assert farthest["A's key"] > 5 * same["A's key"]
assert farthest["the best key"] < 0.7 * farthest["the best key by chance"]

best = np.array([out_of_scale(blend, key) for key in range(12)]).argmin(axis=0)
above = np.bincount((best - keys[row_a]) % 12, minlength=12)
print(f"farthest keys: the best key is 0 to 11 semitones above A's in {above} of 300 blends")
assert above.min() > 0
assert above.max() < 300 / 4

scales = np.isin((np.arange(12) - np.arange(12)[:, None]) % 12, MAJOR).astype(int)
common = scales @ scales.T  # (12, 12) notes that two scales share
distance = ((z_test[:, None] - z_test) ** 2).sum(axis=2)
nearest = np.where(melody[:, None] == melody, np.inf, distance).argmin(axis=1)
shared = common[keys, keys[nearest]]
print("notes that the scales of a tune and of the nearest of another melody share:")
for n in (7, 6, 5, 4, 3, 2):
    print(f"    {n}: {(shared == n).mean():4.0%}, by chance {(common == n).mean():3.0%}")
assert (shared >= 6).mean() > 1.5 * (common >= 6).mean()
assert (shared <= 3).mean() < 0.5 * (common <= 3).mean()

row_a, row_b = (pair[0] for pair in partners(0))
of_b = np.linspace(0, 1, 4, dtype=np.float32)[:, None]
between = vae.decode((1 - of_b) * z_test[row_a] + of_b * z_test[row_b])
decoded = np.concatenate([x_test[[row_a]], between[1:3], x_test[[row_b]]])
played = tokens_of(decoded)
title_a, title_b = (melodies()[melody[row]].title for row in (row_a, row_b))
names = [f"A: {title_a}", "a third of B", "two thirds of B", f"B: {title_b}", *["played"] * 4]
key = KEYS[keys[row_a]]
told = f"From A to B, in the key of {key}: probabilities, and the most probable notes"
rows = np.concatenate([decoded, one_hot(played)])
show(figures.piano_rolls(rows, names=names, told=told), "24-a-to-b")

# %%
hear(played, "24-a-to-b")

# %% [markdown]
# A blend keeps the key that both ends share. In latent space, tunes whose scales share
# many notes lie together: more than half of the nearest tunes share six or seven, and
# few share two or three. A fifth apart, scales share six of seven, and such tunes are
# as near as those of the same key.
#
# Between the farthest keys the blend is in neither of them. Some 40% of its notes
# are outside of A's key, as by chance, and as many outside of B's. It fits *one* scale
# fairly well: 4 or 5% of its notes are outside of the best, where chance would leave
# 11 or 12%. But which scale that is varies from pair to pair: all twelve distances
# from A's key occur.
#
# ## A busier tune
#
# The dataset knows the *density* of each window, its number of notes. As in lesson
# 15 we take the mean code of the tenth with the most notes, minus that of the tenth
# with the fewest. Then we add this vector to the codes of the test tunes.
#
# **Predict first:** does the vector also change the key? And the notes that were there?

# %%
order = np.argsort(train_part.factors["density"], kind="stable")
tenth, z_train = len(order) // 10, vae.encode(x_train)[0]
busier = z_train[order[-tenth:]].mean(axis=0) - z_train[order[:tenth]].mean(axis=0)
amounts, n_notes, off_key, other_pitch = (-1, -0.5, 0, 0.5, 1), [], [], []
unmoved = tokens_of(vae.decode(z_test))
for amount in amounts:
    moved = tokens_of(vae.decode(z_test + np.float32(amount) * busier))
    n_notes.append((moved < 31).sum(axis=1).mean())
    off_key.append(out_of_scale(moved, keys).mean())
    both = (moved < 31) & (unmoved < 31)
    other_pitch.append((moved != unmoved)[both].mean())
    told = f"{n_notes[-1]:4.1f} notes, {off_key[-1]:.1%} off the key"
    print(f"{amount:4.1f} times the vector: {told}; {other_pitch[-1]:3.0%} of old notes changed")
by_chance_off_key = out_of_scale(by_chance(tunes), keys).mean()
print(f"by chance: {by_chance_off_key:.1%}")
assert (np.diff(n_notes) > 0.3).all()
assert n_notes[-1] > 1.5 * n_notes[0]
assert max(off_key) < 0.3 * by_chance_off_key
assert 0.05 < other_pitch[3] < 0.3

codes = z_test[some[0]] + np.array(amounts, np.float32)[[0, 2, 3, 4], None] * busier
decoded = vae.decode(codes)
played = tokens_of(decoded)
names = [*(f"{amounts[i]:g} times the vector" for i in (0, 2, 3, 4)), *["played"] * 4]
told = f"A busier reconstruction of {titles[0]}: probabilities, and the most probable notes"
rows = np.concatenate([decoded, one_hot(played)])
show(figures.piano_rolls(rows, names=names, told=told), "24-busier")

# %%
hear(played, "24-busier")

# %% [markdown]
# The vector adds notes where the decoder already hesitates, mostly as shorter notes
# between the long ones. It changes the key little, because in the data a busy window
# is as frequent in one key as in another. Without the vector 2 or 3% of the notes
# are off the key, with half of it about 4%, and with all of it about 7%, where chance
# would be over 40%. At that end few tunes are so busy, and the decoder has less to go by.
# Nor does it leave the old notes alone. Half of the vector gives one in six of them
# another pitch, mostly of the same scale, and all of it gives one in three.
#
# What did we need for melodies that pictures do not need? One likelihood, in three
# lines: a log-probability, its gradient $p - x$, and a way to draw. The same three
# serve letters, words, or the text columns of a table. What our model lacks is
# memory. Its steps are independent given $z$, so all that belongs together has to be
# in the code. Models that generate text or music today make each step depend on the
# steps before it, with the same softmax and the same loss at each step.
#
# > **What you may have read:** "use cross-entropy to classify, and squared error for
# > autoencoders". The loss does not depend on the task but on the data. Categories
# > have a categorical likelihood, whether they are labels to predict or notes to
# > reconstruct; cross-entropy is its other name (lesson 03).

# %% [markdown]
# ## Questions
#
# **Question 1.** You add 5 to all 33 logits of one step. What happens to the loss of
# that step?
#
# - **a** Nothing.
# - **b** It falls, because the logit of the right category has become larger.
# - **c** It rises, because the probabilities are now less certain.
#
# **Question 2.** The decoder hesitates between two tunes. One has a C at steps 1 and 3,
# the other an E flat. At both steps the decoder gives each the probability 0.5; all
# else is certain, and the same in both tunes. You draw a category at each step. How
# often do you get one of the two tunes, and not a mixture?
#
# - **a** Always, because both draws come from the same $z$.
# - **b** In half of the cases.
# - **c** Never, because the mean of the two tunes is decoded.
#
# ## Exercises
#
# Answers are in `answers_24_new_tunes_from_old.py`.
#
# 1. **Change a number.** Train with $\beta = 1$. Predict how the rate (the KL
#    divergence per window) and the share of reconstructed steps change. *Check:* the
#    rate falls to less than half, and the share of the test steps falls by at
#    least five percentage points.
# 2. **A surprise.** Make a vector for *higher* instead of *busier*: the mean code of
#    the tenth with the highest mean pitch, minus that of the tenth with the lowest.
#    Add half of it to the codes of the test tunes. If you move all notes of a tune by
#    three semitones, it is in another key. Predict whether the vector changes the
#    key, too. *Check:* the mean pitch rises by at least two semitones, and the share
#    of notes outside of the old key is less than half of what it is after moving all
#    notes by three semitones (that is, outside of the key three semitones below).
# 3. **Derive and implement.** Divide all logits by a *temperature* $T$ before the
#    softmax. Show that $p_i$ becomes proportional to $p_i^{1/T}$. Then show that the
#    entropy $H = -\sum_i p_i \log p_i$ of a step has the derivative
#    $dH/dT = \operatorname{Var}(a) / T^3$, where the variance is over categories
#    drawn with probabilities $p$, so that $H$ never falls as $T$ rises. *Check:* the
#    derivative agrees with a numeric one, and of tunes drawn at $T = 0.5$, 1 and 2
#    the share of notes outside of the best scale rises.
