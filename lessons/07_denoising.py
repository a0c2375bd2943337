# %% [markdown]
# # 07 · Noise in, digits out
#
# *How can a network clean an image when it has never seen that image clean?*
#
# - **You need:** lesson 06.
# - **You get:** the denoising autoencoder, why it needs no narrow code, and what
#   it does with noise that it was not trained for.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show, sized

from npvae import Adam, Autoencoder, Cosine, DenoisingAutoencoder, Pixels, Trainer, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_test = (data.test.take(slice(0, 1000)) / 255).astype(np.float32)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Spoil it on purpose
#
# An autoencoder is asked to copy. If its code is wide enough, 784 numbers or
# more, it can do that without learning anything: pass every pixel through. So far
# only the bottleneck stood in its way.
#
# There is another way. Spoil the image before the encoder sees it, and ask for
# the *clean* one:
#
# $$ \tilde x = \text{spoil}(x, \varepsilon), \qquad z = \text{encoder}(\tilde x) $$
#
# $$ L = -\log p(x \mid z) $$
#
# Here $\varepsilon$ (`eps` in code) is random noise, and $\tilde x$ the spoiled
# image. $p(x \mid z)$ is how probable the decoder finds $x$, given the code $z$:
# the likelihood of lesson 03 (for grey pixels again only its formula, as in
# lesson 06).
#
# Copying no longer helps, since it would copy the noise as well. To put back what
# is missing, the network must know what digits look like. Two ways to spoil:
#
# - **mask**: each pixel is set to zero with probability `amount`;
# - **gaussian**: a number drawn from a bell of width `amount` is added to each
#   pixel.
#
# The noise is drawn anew for every batch, so the network never sees the same
# spoiled image twice. The noise is an *argument* of the loss,
# `loss_and_grad(x, eps)`: with the same `eps` the same loss, and so the gradient
# can be checked.


# %%
def spoil(x, eps, amount):
    """Return x with pixels hidden where eps, uniform in [0, 1), is below amount."""
    return x * (eps >= amount)


masker = DenoisingAutoencoder.dense(784, 50, 20, corruption="mask", amount=0.5, dtype=np.float64)
x, eps = x_test[:8].astype(np.float64), masker.draw_noise(rng, 8)
assert np.array_equal(masker.corrupt(x, eps), spoil(x, eps, 0.5))  # npvae says corrupt

plain = Autoencoder.dense(784, 50, 20, dtype=np.float64)  # the same seed, so the same weights
logits = plain.decoder.forward(plain.encode(spoil(x, eps, 0.5)))
loss, dlogits = plain.likelihood.loss_and_grad(logits, x)  # against the clean x
plain.encoder.backward(plain.decoder.backward(dlogits))
assert np.isclose(masker.loss_and_grad(x, eps).loss, loss)
assert np.allclose(masker.encoder.layers[0].dW, plain.encoder.layers[0].dW)
print("npvae's denoising autoencoder is the plain one, with a spoiled input")


# %% [markdown]
# ## Train three
#
# All three have a *wide* code of 784 numbers, as many as there are pixels. (Their
# hidden layer is narrower. Keep that in mind.) One is plain, one is trained on
# masks that hide half of the pixels, one on Gaussian noise.


# %%
def train(model):
    epochs, batch_size = sized((6, 64), quick=(4, 32))
    model.start_at((train_part.take(slice(None)) / 255).mean(axis=0))
    lr = Cosine(1e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    while trainer.goes_on(epochs):
        trainer.step()
    return model


n_h, n_z = sized(400, quick=200), 784
models = {
    "plain": train(Autoencoder.dense(784, n_h, n_z)),
    "mask": train(DenoisingAutoencoder.dense(784, n_h, n_z, corruption="mask", amount=0.5)),
    "gaussian": train(DenoisingAutoencoder.dense(784, n_h, n_z, corruption="gaussian", amount=0.5)),
}


def error(x_hat, x):
    """The squared error of an image, the sum over its pixels; the mean over images."""
    return float(((x_hat - x) ** 2).sum(axis=1).mean())


# %% [markdown]
# **Predict first:** test digits, half of their pixels gone. The plain autoencoder
# has seen whole digits only. Does it at least do no harm?

# %%
spoiled = {}
for kind in ("mask", "gaussian"):
    eps = models[kind].draw_noise(rng, len(x_test))
    spoiled[kind] = models[kind].corrupt(x_test, eps)
print(f"{'noise':<10} {'spoiled':>8} {'clipped':>8} " + " ".join(f"{name:>9}" for name in models))
cleaned = {}
for kind, x_spoiled in spoiled.items():
    before, clipped = error(x_spoiled, x_test), error(np.clip(x_spoiled, 0, 1), x_test)
    after = {name: error(model.reconstruct(x_spoiled), x_test) for name, model in models.items()}
    cleaned[kind] = after[kind]
    others = " ".join(f"{value:9.1f}" for value in after.values())
    print(f"{kind:<10} {before:8.1f} {clipped:8.1f} {others}")
    assert after[kind] < 0.6 * clipped, "far below the error of the noisy input, even clipped"
    assert after[kind] < after["plain"], "and below that of a network that never saw noise"

# %% [markdown]
# Each is best at what it was trained for. Against masks the plain one does no
# harm, but it helps less: it copies the holes along with the ink. Against
# Gaussian noise it does a lot, which may surprise you. More than half of that is
# easy: its outputs lie between 0 and 1, and cutting off what lies outside already
# halves the error. The rest is probably the hidden layer, which turned out to be
# a bottleneck after all. And the masker, so good with masks, is no better than
# the plain one with Gaussian noise: it was never shown that a pixel can be *too
# bright*. A network removes what it was shown how to remove.
#
# Below: the clean images, then spoiled (what lies outside of black and white is
# cut off), cleaned by the network that was trained for it, and by the plain one.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 2.9))
for ax, (kind, x_spoiled) in zip(axes, spoiled.items(), strict=True):
    rows = x_test[:8], x_spoiled[:8], models[kind].reconstruct(x_spoiled[:8])
    rows = [*rows, models["plain"].reconstruct(x_spoiled[:8])]
    told = f"{kind}: clean, spoiled, cleaned, cleaned by the plain one"
    figures.samples(np.concatenate(rows), data.shape, across=8, told=told, ax=ax)
show(figure, "07-cleaned")

# %% [markdown]
# ## How much noise?
#
# The masker was trained with half of the pixels hidden.
#
# **Predict first:** what does it do to an image of which *nothing* is hidden? And
# to one of which nine tenths are?

# %%
amounts = np.linspace(0, 0.9, 10)
eps = rng.random(x_test.shape, dtype=np.float32)
curves = {"spoiled": [], "plain": [], "masker": []}
for amount in amounts:
    x_spoiled = spoil(x_test, eps, amount)
    curves["spoiled"].append(error(x_spoiled, x_test))
    curves["plain"].append(error(models["plain"].reconstruct(x_spoiled), x_test))
    curves["masker"].append(error(models["mask"].reconstruct(x_spoiled), x_test))
by_mean = error((train_part.take(slice(None)) / 255).mean(axis=0), x_test)
print(f"always the mean image: {by_mean:.1f}")
ink = {a: models["mask"].reconstruct(spoil(x_test, eps, a)).sum() for a in (0, 0.5, 0.9)}
shares = {f"{amount:.0%}": f"{total / x_test.sum():.2f}" for amount, total in ink.items()}
print("ink that it draws, as a share of the true ink:", shares)
assert ink[0] > 1.1 * x_test.sum(), "nothing hidden: too much ink"
assert ink[0.9] < 0.9 * x_test.sum(), "nine tenths hidden: too little"
for name, values in curves.items():
    print(f"{name:<8} " + " ".join(f"{value:5.1f}" for value in values))
assert curves["masker"][0] > curves["plain"][0], "nothing hidden: it cleans what is clean"
assert curves["masker"][0] > curves["masker"][5], "and does worse than with half of it hidden"
assert curves["masker"][5] < curves["plain"][5], "half hidden: it knows what to do"
assert curves["masker"][9] < curves["spoiled"][9], "nine tenths: better than nothing ..."
assert curves["masker"][9] > 0.75 * by_mean, "... and no great gain over knowing nothing"

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), width_ratios=(5, 4))
for (name, values), colour in zip(curves.items(), (GREEN, ORANGE, BLUE), strict=True):
    left.plot(amounts, values, "o-", color=colour, label=name)
left.axhline(by_mean, color="grey", linestyle=":", label="the mean image")
left.set(xlabel="share of the pixels that are hidden", ylabel="squared error of an image")
left.legend()
shown = (0.0, 0.3, 0.6, 0.9)
rows = [spoil(x_test[:8], eps[:8], amount) for amount in shown]
pairs = [np.concatenate([row, models["mask"].reconstruct(row)]) for row in rows]
hidden = ", ".join(f"{amount:.0%}" for amount in shown)
told = f"{hidden} hidden, each above what the masker makes of it"
figures.samples(np.concatenate(pairs), data.shape, across=8, told=told, ax=right)
show(figure, "07-how-much")

# %% [markdown]
# It does *better* with half of the image than with the whole! It has learned that
# half of the ink is always missing, and puts it back also where none is: it draws
# more ink than there is, and the strokes in the second row are fatter than those
# in the first. With nine tenths hidden it fails. It has never seen so little ink,
# and puts back too little. Its images are too dark, and always answering with the
# mean image would do as well, or nearly.
#
# Look at the images of which 60 % are hidden. There they are *blurred*. The
# masker *cannot* know which of many digits left these pixels, and under this loss
# the best answer is the mean of all that could have. (In exercise 2 of lesson 05
# two images shared one label, and the decoder drew their mean.) Remember the
# blur; it comes back in lesson 17.
#
# So a denoiser carries a model of what is probable in its weights. People use
# that: for old films and scans, for sound, for filling in what is missing from
# tables. Removing noise in many small steps, starting from nothing but noise, is
# how today's *diffusion models* make images (with a network that is told how much
# noise there is; exercise 1 shows why it must be).
#
# Can we then make new digits with an autoencoder? It knows so much about them.
# The next lesson tries.
#
# ## Exercises
#
# Answers are in `answers_07_denoising.py`.
#
# 1. **Change a number.** Clean an image twice: give the masker what it made of an
#    image with half of its pixels hidden. Predict: better, worse, or the same?
#    *Check:* the error goes *up*. Why?
# 2. **A filter that knows nothing.** The oldest way to remove noise: replace each
#    pixel by the mean of the 3 by 3 pixels around it. Try it on the images with
#    Gaussian noise (do not clip). *Check:* it leaves at least a quarter more
#    error than the network. Why not a wider filter?
# 3. **Derive and implement.** *Salt and pepper*: a tenth of the pixels become
#    white, a tenth black. Write a subclass of `DenoisingAutoencoder` with a
#    `corrupt` of its own. (`draw_noise` gives it a uniform number for each
#    pixel.) *Check:* of many pixels of 0.5 a tenth become 1 and a tenth 0, each
#    within 0.01 (rung 3 of the ladder in lesson 04), and
#    `check(model, x, eps).ok` for a small one,
#    `.dense(784, 50, 20, dtype=np.float64)` (rung 2).
