# %% [markdown]
# # 07 · Denoising autoencoders
#
# *How can a network remove noise from an image that it has never seen without
# noise?*
#
# - **You need:** lesson 06.
# - **You get:** the denoising autoencoder, the reason why it does not need a narrow
#   code, and what it does with noise that it was not trained for.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized

from npvae import (
    Adam,
    Autoencoder,
    Bernoulli,
    Cosine,
    DenoisingAutoencoder,
    Pixels,
    Trainer,
    figures,
)

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_test = (data.test.take(slice(0, 1000)) / 255).astype(np.float32)
rng = np.random.default_rng(0)

# %% [markdown]
# ## Corrupt the input on purpose
#
# An autoencoder is trained to reproduce its input. If its code is as wide as the
# image, 784 numbers or more, it can do so by learning the *identity*, that is, by
# passing on every pixel. So far only the bottleneck prevented that.
#
# There is another way to prevent it: corrupt the image before the encoder sees it,
# and ask for the *clean* image as output.
#
# $$ \tilde x = \text{corrupt}(x, \varepsilon), \qquad z = \text{encoder}(\tilde x) $$
#
# $$ L = -\log p(x \mid z) $$
#
# Here $\varepsilon$ (`eps` in the code) is random noise, and $\tilde x$ is the
# corrupted image. $p(x \mid z)$ is the probability that the decoder assigns to
# $x$, given the code $z$: the likelihood of lesson 03. (The pixels are grey, so as
# in lesson 06 only the formula is that of a likelihood.)
#
# A network that learned the identity would now reproduce the noise, which costs a
# lot. To replace what is missing, it has to learn what digits look like. We use two
# kinds of corruption:
#
# - **mask**: each pixel is set to zero with probability `amount`;
# - **gaussian**: Gaussian noise with standard deviation `amount` is added to each
#   pixel.
#
# New noise is drawn for every batch, so the network never sees the same corrupted
# image twice. The noise is an *argument* of the loss, `loss_and_grad(x, eps)`: for
# the same `eps` the loss is the same, and therefore its gradient can be checked.


# %%
def corrupt(x, eps, amount):
    """Return x with pixels set to zero where eps, uniform in [0, 1), is below amount."""
    ### BEGIN SOLUTION
    return x * (eps >= amount)
    ### END SOLUTION


def loss_and_grad(encoder, decoder, x, eps, amount):
    """The cross-entropy of the clean x, (B, n_x), while the encoder gets the corrupted one.

    The decoder outputs logits, and npvae's `Bernoulli` gives the loss and its gradient. Afterwards
    the layers of both networks hold their gradients, dW and db, which `backward` fills.
    """
    ### BEGIN SOLUTION
    logits = decoder.forward(encoder.forward(corrupt(x, eps, amount)))
    loss, dlogits = Bernoulli().loss_and_grad(logits, x)  # against the clean x
    encoder.backward(decoder.backward(dlogits))
    return loss
    ### END SOLUTION


masker = DenoisingAutoencoder.dense(784, 50, 20, corruption="mask", amount=0.5, dtype=np.float64)
x, eps = x_test[:8].astype(np.float64), masker.draw_noise(rng, 8)
assert np.allclose(masker.corrupt(x, eps), corrupt(x, eps, 0.5))

plain = Autoencoder.dense(784, 50, 20, dtype=np.float64)  # the same seed, so the same weights
loss = loss_and_grad(plain.encoder, plain.decoder, x, eps, 0.5)
assert np.isclose(masker.loss_and_grad(x, eps).loss, loss)
assert np.allclose(masker.encoder.layers[0].dW, plain.encoder.layers[0].dW)
print("npvae's denoising autoencoder is a plain one with a corrupted input")


# %% [markdown]
# ## Three autoencoders
#
# We train three autoencoders with a *wide* code of 784 numbers, as many as there
# are pixels. (Their hidden layers are narrower, which will matter below.) The
# first one is plain, the second is trained with masks that hide half of the
# pixels, and the third with Gaussian noise.


# %%
def train(model, name):
    epochs, batch_size = sized((6, 64), quick=(4, 32))
    model.start_at((train_part.take(slice(None)) / 255).mean(axis=0))
    lr = Cosine(1e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)


n_h, n_z = sized(400, quick=200), 784
models = {
    "plain": Autoencoder.dense(784, n_h, n_z),
    "mask": DenoisingAutoencoder.dense(784, n_h, n_z, corruption="mask", amount=0.5),
    "gaussian": DenoisingAutoencoder.dense(784, n_h, n_z, corruption="gaussian", amount=0.5),
}
for name, model in models.items():
    train(model, name)


def error(x_hat, x):
    """The squared error of an image, the sum over its pixels; the mean over images."""
    return float(((x_hat - x) ** 2).sum(axis=1).mean())


# %% [markdown]
# **Predict first:** half of the pixels of the test digits are set to zero. The
# plain autoencoder was trained with clean digits only. Will its output be closer
# to the clean image than the corrupted input is?

# %%
corrupted = {}
for kind in ("mask", "gaussian"):
    eps = models[kind].draw_noise(rng, len(x_test))
    corrupted[kind] = models[kind].corrupt(x_test, eps)
print(f"{'noise':<10} {'corrupted':>9} {'clipped':>8} " + " ".join(f"{name:>9}" for name in models))
denoised = {}
for kind, x_corrupted in corrupted.items():
    before, clipped = error(x_corrupted, x_test), error(np.clip(x_corrupted, 0, 1), x_test)
    after = {name: error(model.reconstruct(x_corrupted), x_test) for name, model in models.items()}
    denoised[kind] = after[kind]
    others = " ".join(f"{value:9.1f}" for value in after.values())
    print(f"{kind:<10} {before:9.1f} {clipped:8.1f} {others}")
    assert after[kind] < 0.6 * clipped, "far below the error of the corrupted input, even clipped"
    assert after[kind] < after["plain"], "and below that of the plain autoencoder"

# %% [markdown]
# Each denoising autoencoder is best at the corruption that it was trained with.
# (All numbers in the text are those of MNIST at full size.) Against masks the plain
# one hardly helps: it lowers the error from 40.8 to 39.1 only, because it
# reproduces the holes along with the ink. (It helps more with npvae's glyphs, and
# with the narrower hidden layers of quick mode.)
#
# Against Gaussian noise the plain one helps a lot. More than half of that is easy:
# its outputs lie between 0 and 1, and clipping the noisy pixels to this interval
# halves the error by itself. The rest is probably due to the hidden layers, which
# are a bottleneck after all. The autoencoder that was trained with masks is no
# better at this than the plain one, for it has never seen a pixel that is *too
# bright*. A network learns to remove the kind of noise that it was trained with.
#
# In the pictures below, the rows show the clean images; the corrupted images
# (clipped to the interval from black to white); the output of the network trained
# with this corruption; and the output of the plain autoencoder.

# %%
figure, axes = plt.subplots(1, 2, figsize=(10, 2.9))
for ax, (kind, x_corrupted) in zip(axes, corrupted.items(), strict=True):
    rows = x_test[:8], x_corrupted[:8], models[kind].reconstruct(x_corrupted[:8])
    rows = [*rows, models["plain"].reconstruct(x_corrupted[:8])]
    told = f"{kind}: clean, corrupted, denoised, plain"
    figures.samples(np.concatenate(rows), data.shape, across=8, told=told, ax=ax)
show(figure, "07-denoised")

# %% [markdown]
# ## How much noise?
#
# The second autoencoder, which we call the masker, was trained with half of the
# pixels hidden.
#
# **Predict first:** what does it do to an image of which *nothing* is hidden? And
# to an image of which nine tenths are hidden?

# %%
amounts = np.linspace(0, 0.9, 10)
eps = rng.random(x_test.shape, dtype=np.float32)
curves = {"corrupted": [], "plain": [], "masker": []}
for amount in amounts:
    x_corrupted = corrupt(x_test, eps, amount)
    curves["corrupted"].append(error(x_corrupted, x_test))
    curves["plain"].append(error(models["plain"].reconstruct(x_corrupted), x_test))
    curves["masker"].append(error(models["mask"].reconstruct(x_corrupted), x_test))
by_mean = error((train_part.take(slice(None)) / 255).mean(axis=0), x_test)
print(f"always the mean image: {by_mean:.1f}")
ink = {a: models["mask"].reconstruct(corrupt(x_test, eps, a)).sum() for a in (0, 0.5, 0.9)}
shares = {f"{amount:.0%}": f"{total / x_test.sum():.2f}" for amount, total in ink.items()}
print("ink in the output of the masker, divided by the true amount:", shares)
assert ink[0] > 1.1 * x_test.sum(), "nothing hidden: too much ink"
assert ink[0.9] < 0.9 * x_test.sum(), "nine tenths hidden: too little"
for name, values in curves.items():
    print(f"{name:<8} " + " ".join(f"{value:5.1f}" for value in values))
assert curves["masker"][0] > 2 * curves["plain"][0], "it has not learned the identity"
assert curves["masker"][0] > curves["masker"][5], "and it does worse than with half of the image"
assert curves["masker"][5] < curves["plain"][5], "half hidden: that is what it was trained for"
assert curves["masker"][9] < curves["corrupted"][9], "nine tenths: better than its input ..."
assert curves["masker"][9] > 0.75 * by_mean, "... but not much better than the mean image, or worse"

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), width_ratios=(5, 4))
for (name, values), colour in zip(curves.items(), (GREEN, ORANGE, BLUE), strict=True):
    left.plot(amounts, values, "o-", color=colour, label=name)
left.axhline(by_mean, color="grey", linestyle=":", label="the mean image")
left.set(xlabel="share of the pixels that are hidden", ylabel="squared error per image")
left.legend()
shown = (0.0, 0.3, 0.6, 0.9)
rows = [corrupt(x_test[:8], eps[:8], amount) for amount in shown]
pairs = [np.concatenate([row, models["mask"].reconstruct(row)]) for row in rows]
hidden = ", ".join(f"{amount:.0%}" for amount in shown)
told = f"{hidden} hidden, each above the output of the masker"
figures.samples(np.concatenate(pairs), data.shape, across=8, told=told, ax=right)
show(figure, "07-how-much")

# %% [markdown]
# With nothing hidden, the plain autoencoder reproduces the image with an error of
# 2.3, and the masker with one of 19.3. So the masker has *not* learned the
# identity, although its code is wide enough for that. It even does better with
# half of an image (10.7) than with all of it. In training half of the ink was
# always missing, and so it adds ink where none is missing: 1.4 times the true
# amount in all, and the strokes in the second row are thicker than those in the
# first. With nine tenths hidden it draws too little ink, since it has never seen
# so little in training. On MNIST its error is then 59.9, and the mean image, which
# needs no input at all, has 50.9. (On glyphs the masker is still a little better
# than the mean image.)
#
# The plain autoencoder can make things worse: on MNIST, from 60 % on, its output
# is farther from the clean image than its input is (49.9 in place of 48.9).
#
# Look at the images of which 60 % are hidden: the outputs are *blurred*. Many
# different digits could have left these few pixels, and the masker cannot know
# which of them it was. Under this loss the best output is the mean of all these
# digits. (In exercise 2 of lesson 05 two images share one label, and the decoder
# draws their mean.) Remember the blur; lesson 17 comes back to it.
#
# So the weights of a denoising autoencoder contain a model of what images look
# like. Such models restore old films, scans and sound recordings, and fill in
# missing values in tables. Today's *diffusion models* generate images by starting
# from pure noise and removing it in many small steps. (Their network is also given
# the amount of noise as an input. Exercise 1 shows why that is necessary.)
#
# Can we then generate new digits with an autoencoder? The next lesson tries.

# %% [markdown]
# ## Questions
#
# **Question 1.** A denoising autoencoder has a code of 784 numbers, as many as
# the image has pixels. Why does it not learn the identity?
#
# - **a** Because the identity would reproduce the noise, and the loss compares
#   with the clean image.
# - **b** Because there is still a bottleneck: a code of 784 numbers is too small
#   for an image with noise.
# - **c** Because noise in the input acts as a larger learning rate, which jumps
#   over the identity.
#
# **Question 2.** Why is the image that it restores from a few pixels blurred?
#
# - **a** It was not trained for long enough.
# - **b** Many clean images fit these pixels, and the output with the smallest
#   expected loss is their mean.
# - **c** The corrupted image was blurred by the noise, and the network passes
#   that on.
#
# ## Exercises
#
# Answers are in `answers_07_denoising.py`.
#
# 1. **Change a number.** Denoise an image twice: take an image with half of its
#    pixels hidden, and give the masker's output to the masker again. Predict: is
#    the second output better, worse, or the same? *Check:* the error goes *up*.
#    Why?
# 2. **A filter without training.** The oldest way to remove noise is to replace
#    each pixel by the mean of the 3 by 3 pixels around it. Try this on the images
#    with Gaussian noise (do not clip them). *Check:* the error that remains is
#    larger than that of the network by at least a quarter. Why not use a wider
#    filter?
# 3. **Derive and implement.** *Salt-and-pepper noise*: a tenth of the pixels become
#    white, a tenth black. Write a subclass of `DenoisingAutoencoder` with a
#    `corrupt` of its own. (`draw_noise` gives it a uniform random number for each
#    pixel.) *Check:* of many pixels of 0.5 a tenth become 1 and a tenth 0, each to
#    within 0.01 (test 3 of lesson 04); and `check(model, x, eps).ok` holds for a
#    small model, `.dense(784, 50, 20, dtype=np.float64)` (test 2).
