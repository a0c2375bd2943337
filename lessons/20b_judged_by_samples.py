# %% [markdown]
# # 20b · Judging a model by its samples
#
# *How good is a model of digits that cannot say how probable a digit is?*
#
# - **You need:** lessons 08, 13b, 17, 18 and 20a.
# - **You get:** a GAN of digits beside a VAE; edges, distances, precision and
#   recall of their samples, and what each of them does not see; a code for an image
#   by a search; and a table of four kinds of models.
# - **Run time:** a minute and a half.

# %%
from itertools import pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import (
    VAE,
    Adam,
    Cosine,
    Dense,
    LeakyReLU,
    Pixels,
    Sequential,
    Sigmoid,
    Trainer,
    check,
    figures,
)
from npvae.layers import sigmoid, softplus
from npvae.parameters import Parameters

rng = np.random.default_rng(0)
N_Z = 32  # latents of both models
BATCH = 64

data = digits()
n_train = sized(20_000, quick=4000)
x_train = (data.train.take(slice(0, n_train)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 6000)) / 255).astype(np.float32)
x_test, held_out = test[:2000], test[2000:]  # as in lesson 17
held_out_label = data.test.labels[2000:6000]

# %% [markdown]
# ## Two models of digits
#
# Here is the GAN of lesson 20a in a few lines, with the non-saturating loss: one
# step of the discriminator, then one of the generator. Two things help with images.
# The generator starts at the mean image, as the decoder of lesson 13b does. And we
# add Gaussian noise with $\sigma = 0.5$ to all images that the discriminator sees,
# real or not. Without it the discriminator wins at once, as you saw: real digits
# are exactly black in most pixels, so a trace of grey gives an image away, whatever
# it shows. With noise the densities overlap, like the Gaussians of lesson 20a at a
# small $\mu$. (As in lesson 11, the gradient passes by the noise.) The learning rate
# falls to zero. Beside the GAN we train the VAE of lesson 17 with as many latents,
# on the same images.


# %%
def draw(n):
    """Return n codes from the prior, (n, n_z)."""
    return rng.standard_normal((n, N_Z), dtype=np.float32)


def noisy(x):
    """The images x with the noise that the discriminator sees on them."""
    return x + np.float32(0.5) * rng.standard_normal(x.shape, dtype=np.float32)


def network(sizes, last=()):
    """Dense layers with leaky ReLUs between them, and a last activation if there is one."""
    layers = []
    for n_in, n_out in pairwise(sizes):
        layers += [Dense(n_in, n_out, rng), LeakyReLU(0.2)]
    return Sequential(*layers[:-1], *last)


class Gan:
    """A generator G, a discriminator D, and what is needed to train them in turns."""

    def __init__(self):
        self.G, self.D = network((N_Z, 256, 784), [Sigmoid()]), network((784, 128, 128, 1))
        mean = np.clip(x_train.mean(axis=0), 0.01, 0.99)
        self.G.layers[-2].b[...] = np.log(mean / (1 - mean))
        self.params = Parameters({"generator": self.G}), Parameters({"discriminator": self.D})
        self.adams = Adam(1e-3, beta1=0.5), Adam(1e-3, beta1=0.5)
        self.label = np.repeat([[1], [0]], BATCH, axis=0).astype(np.float32)

    def turn(self, x):
        """One step of D on the data x, (BATCH, 784), and one of G; the losses L_D and L_G."""
        (of_G, of_D), (adam_G, adam_D) = self.params, self.adams
        a = self.D.forward(noisy(np.concatenate([x, self.sample(BATCH)])))
        L_D = (softplus(a) - self.label * a).sum() / BATCH
        self.D.backward_parameters((sigmoid(a) - self.label) / BATCH)
        adam_D.step(of_D)
        a = self.D.forward(noisy(self.sample(BATCH)))
        self.G.backward(self.D.backward((sigmoid(a) - 1) / BATCH))
        adam_G.step(of_G)
        return L_D, softplus(-a).mean()

    def sample(self, n):
        """Return n generated images, (n, 784)."""
        return self.G.forward(draw(n))


# %% [markdown]
# **Predict first:** which have more edges (lesson 17), the samples of the GAN or
# those of the VAE? Which are nearer to held-out digits? And does $L_G$ fall while
# the samples become better?

# %%
epochs = sized(14, quick=5)
gan = Gan()
z_shown, shown_at = draw(12), [1, 3, epochs]
rows = [gan.G.forward(z_shown)]
print("training GAN; L_D and L_G of each epoch:", end="", flush=True)
for epoch in range(1, epochs + 1):
    for adam in gan.adams:
        adam.lr = 1e-3 * (1 - (epoch - 1) / epochs)
    order = rng.permutation(n_train)[: n_train // BATCH * BATCH].reshape(-1, BATCH)
    L_D, L_G = np.mean([gan.turn(x_train[chosen]) for chosen in order], axis=0)
    print(f" {L_D:.2f} {L_G:.2f};", end="", flush=True)
    if epoch in shown_at:
        rows.append(gan.G.forward(z_shown))
print()

vae_epochs = sized(6, quick=4)
vae = VAE.dense(784, sized(400, quick=200), N_Z)
vae.start_at(x_train.mean(axis=0))
part, lr = data.train.only(slice(0, n_train)), Cosine(2e-3, epochs=vae_epochs)
trainer = Trainer(vae, part, Pixels("none"), Adam(), batch_size=sized(64, quick=32), lr=lr)
run_epochs(trainer, vae_epochs, "VAE, 32 latents")

rows += [gan.sample(12), vae.sample(12, rng=0), x_test[:12]]
figure, ax = plt.subplots(figsize=(8, 5.2))
pictures = figures.tile(np.concatenate(rows), data.shape, 12)
ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
names = ["at first", *(f"epoch {epoch}" for epoch in shown_at)]
ax.set(title="GAN, the same twelve z over the training; and others", xticks=[])
ax.set_yticks((np.arange(len(rows)) + 0.5) * len(pictures) / len(rows))
ax.set_yticklabels([*names, "GAN, other z", "VAE", "test digits"])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
show(figure, "20b-digits")

# %% [markdown]
# The strokes of the GAN are as hard as those of the data, and ragged. Some of its
# samples are digits, others are shapes between digits, as with the VAE. Look also
# at the printed losses: they tell nothing. $L_G$ does not fall while the samples
# become better, for its opponent becomes better, too. If the two had reached the
# equilibrium, $L_D$ would be $2 \log 2 = 1.39$ and $L_G$ would be $\log 2$.
#
# ## What one measures in place of a likelihood
#
# The generator has no $p(x \mid z)$: it outputs one image for a code, and every
# other image has probability zero. There is no $\log q(x)$ of a test image, and
# so no lesson 18. All that we have is samples. So we compare sets of images:
#
# - the **edges** of lesson 17;
# - the squared **distance** of each sample to the nearest held-out digit (lessons
#   08 and 17);
# - the **class** of that digit, and how *uneven* the classes are: the share of the
#   samples that would have to change class to make all as frequent as they should
#   be;
# - **precision and recall**. Draw a ball around each held-out digit, as large as
#   the distance to its third nearest neighbour among them. Precision is the share
#   of samples that lie in some ball: *is what it draws like data?* Recall is the
#   share of held-out digits that lie in some ball around a sample: *is everything
#   in the data drawn?* (Kynkäänniemi and others, 2019.)
#
# **Predict first:** we measure also the *reconstructions* of the VAE, and real
# test digits. Which lie nearer to held-out digits?


# %%
def edges(x):
    """Squared differences of neighbouring pixels, summed over an image; the mean over images."""
    images = x.reshape(-1, 28, 28)
    across, down = np.diff(images, axis=2), np.diff(images, axis=1)
    return float(((across**2).sum(axis=(1, 2)) + (down**2).sum(axis=(1, 2))).mean())


def distances(x, known):
    """The squared distance of each row of x, (n, d), from each row of `known`, (m, d): (n, m).

    |x - y|² = |x|² + |y|² - 2 x · y needs only a matrix product. Rounding must not make it less
    than zero.
    """
    ### BEGIN SOLUTION
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1)
    return np.maximum(square - 2 * x @ known.T, 0)
    ### END SOLUTION


def share_within(x, known, k=3):
    """The share of the rows of x, (n, d), that lie in the ball around some row of `known`, (m, d).

    The ball around a row of `known` reaches to its k-th nearest neighbour among the other rows of
    `known`.
    """
    ### BEGIN SOLUTION
    radius = np.sort(distances(known, known), axis=1)[:, k]  # column 0 is the row itself
    return float((distances(x, known) <= radius).any(axis=1).mean())
    ### END SOLUTION


def unevenness(share, fair):
    """The least share of all samples that would have to change class to make `share` fair.

    Parameters
    ----------
    share, fair : (n_classes,) float arrays
        How frequent each class is, and how frequent it should be. Each adds up to 1.
    """
    ### BEGIN SOLUTION
    return 0.5 * np.abs(share - fair).sum()
    ### END SOLUTION


def coarse(x):
    """Images of 7 by 7 pixels, each the mean of 4 by 4: blur hardly matters there."""
    return x.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)


n = sized(2000, quick=500)
images = {
    "test digits": x_test[:n],
    "VAE, reconstructed": vae.reconstruct(x_test[:n]),
    "VAE, samples": vae.sample(n, rng=0),
    "GAN, samples": gan.sample(n),
}
fair = np.bincount(held_out_label, minlength=10) / len(held_out)
sharp, off, precision, recall, uneven = {}, {}, {}, {}, {}
for name, x in images.items():
    to_held_out = distances(x, held_out)
    sharp[name] = edges(x) / edges(x_test)
    off[name] = to_held_out.min(axis=1).mean()
    precision[name] = share_within(x, held_out[:n]), share_within(coarse(x), coarse(held_out[:n]))
    recall[name] = share_within(held_out[:n], x), share_within(coarse(held_out[:n]), coarse(x))
    nearest_label = held_out_label[to_held_out.argmin(axis=1)]
    classes = np.bincount(nearest_label, minlength=10) / n
    uneven[name] = unevenness(classes, fair)
    of_classes = " ".join(f"{100 * share:.0f}" for share in classes)
    print(
        f"{name}: edges {sharp[name]:.0%}, squared distance {off[name]:.1f}, classes 0 to 9 in % "
        f"{of_classes}: uneven by {uneven[name]:.0%}\n"
        f"    precision {precision[name][0]:.0%}, recall {recall[name][0]:.0%}; "
        f"on coarse images {precision[name][1]:.0%} and {recall[name][1]:.0%}"
    )
real, rebuilt, by_vae, by_gan = images
assert sharp[by_gan] > 1.5 * sharp[by_vae], "the GAN is sharper than the VAE"
assert off[by_gan] > off[by_vae], "but its samples are farther from digits, pixel by pixel"
assert off[rebuilt] < off[real], "by which measure blurred digits beat real ones"
assert precision[rebuilt][0] > precision[real][0]
assert recall[by_gan][1] < 0.8 * recall[real][1], "much of the data is not drawn"
assert recall[by_gan][1] < recall[by_vae][1], "more of it by the VAE"
assert uneven[by_gan] > 2 * uneven[real], "some digits are drawn too often, others too rarely"

# %% [markdown]
# The edges say what the eye says. The GAN has about as many as the data, and more
# than twice as many as the samples of the VAE. (More than 100 % would be no merit.
# Specks and ragged strokes have edges, too, as the noise in lesson 17.)
#
# The distances say the opposite, and the reconstructions show why: blurred digits
# lie nearer to held-out digits than *real* ones do! A squared distance of pixels is
# smallest for a mean, which was the point of lesson 17. Precision and recall of
# pixels are built from the same distances, so the blurred reconstructions have a
# precision of 100 %, more than real digits. Such numbers are worth as much as the
# space in which the distances are taken. On images of 7 by 7 pixels, where blur
# hardly counts, the precision of the GAN is about that of the VAE, or better. In
# practice one compares *features*, the outputs of a hidden layer of a large
# classifier. The best known of these numbers is the Fréchet inception distance
# (FID; Heusel and others, 2017). There a sharp image can win, and the number
# depends on that classifier.
#
# What is missing? On glyphs, at full size, 1, 2, 4 and 7 were the rare ones in each
# of four runs. In three of them these four digits had less than a tenth of the
# samples between them. In our runs on MNIST no digit was missing, but nines were one
# and a half times to twice as frequent as they should be, and the classes were
# uneven by 10 to 25 %, from seed to seed. (The VAE is no better there: it draws too
# many ones.) And the classes are not all. The recall on coarse images says that half
# to three quarters of the held-out digits have no sample like them, against two
# fifths for the VAE. That is the price of a loss that looks at samples only.
#
# > **What you may have read:** "GANs generate better images than VAEs". Better for
# > the eye, often. By a likelihood they cannot be judged at all. Compared pixel by
# > pixel they lose, and compared by features they often win. Ask which question the
# > number answers.
#
# ## A code for an image
#
# Many uses of the VAE begin with the code of a *given* image: to blend two digits
# (lesson 15), to find the odd one out. A GAN has no encoder. One can search: start
# with a random $z$, and descend the squared error of $G(z)$, with the generator's
# weights fixed. The backward pass returns $dz$ anyway.
#
# **Predict first:** after some hundred steps for each image, is the search better
# than one pass through the VAE? Do two searches for the same image find the same
# code?


# %%
def error_of_codes(generator, z, x):
    """How far the images G(z) are from the images x, and in which direction to move the codes.

    Parameters
    ----------
    generator : network
        Its forward pass turns codes, (n, n_z), into images, (n, n_x), and its backward pass turns
        the gradient of the images into that of the codes.
    z : (n, n_z) float array
    x : (n, n_x) float array

    Returns
    -------
    error : float
        Squared errors |G(z) - x|², summed over pixels and images.
    dz : (n, n_z) float array
        Its gradient with respect to z.
    """
    ### BEGIN SOLUTION
    off = generator.forward(z) - x
    return (off**2).sum(), generator.backward(2 * off)
    ### END SOLUTION


small, few = network((3, 5, 4), [Sigmoid()]), rng.random((2, 4))
assert check(lambda z: error_of_codes(small, z, few), rng.standard_normal((2, 3)))


def search(x, steps):
    """Codes of the images x, found by descending the squared error of G(z), and G(z)."""
    codes = SimpleNamespace(z=draw(len(x)), dz=np.zeros((len(x), N_Z), np.float32))
    params, adam = Parameters(codes), Adam(0.05)
    for _ in range(steps):
        _, codes.dz[...] = error_of_codes(gan.G, codes.z, x)
        adam.step(params)
    return codes.z, gan.G.forward(codes.z)


some, steps = x_test[:100], sized(300, quick=100)
(z_1, found_1), (z_2, _) = search(some, steps), search(some, steps)
rebuilt_by = {
    f"GAN, {steps} steps": found_1,
    "VAE, one pass": vae.reconstruct(some),
    "the mean image": np.broadcast_to(x_train.mean(axis=0), some.shape),
}
errors = {}
for name, x_hat in rebuilt_by.items():
    errors[name] = ((x_hat - some) ** 2).sum(axis=1).mean()
    print(f"{name:<14} squared error {errors[name]:.1f}")
apart = ((z_1 - z_2) ** 2).sum(axis=1).mean()
print(f"squared distance of two codes for one image {apart:.1f}; of two random codes {2 * N_Z}")
by_search, by_encoder, by_mean = errors.values()
assert by_encoder < by_search < by_mean, "the search finds something, and less than the encoder"
assert apart > 0.2 * 2 * N_Z, "and it depends on where it starts"
told = "test digits; G(z) after a search; reconstructed by the VAE"
shown = np.concatenate([x_hat[:12] for x_hat in (some, found_1, rebuilt_by["VAE, one pass"])])
show(figures.samples(shown, data.shape, across=12, told=told), "20b-codes")

# %% [markdown]
# The search finds images that resemble the digit, at a far higher price, and they
# are farther from it than the VAE's. Two searches end far apart: the descent gets
# stuck where it happens to arrive. And there is no reason why a given digit should
# have a code at all, since the generator was never asked to make *that* digit. (On
# glyphs, the 1, 4 and 7 that our GAN hardly drew were hardly found, either.)
# (One can train an encoder beside a GAN, and people do. Then it is a third
# network and another loss.)
#
# ## Four kinds of models
#
# Lesson 18 ended with a table of the autoencoder against the VAE. Here it is with
# two more columns. In brackets stands the lesson that shows it; lesson 19 is about
# the restricted Boltzmann machine (RBM) and the deep belief net (DBN).
#
# | | autoencoder | VAE | GAN | RBM, DBN |
# |---|---|---|---|---|
# | loss | error (06) | −ELBO (12a) | two, in turns (20a) | −log p(x), never computed (19) |
# | training | descent (06) | descent (13b) | may circle for ever (20a) | Gibbs chains (19) |
# | a sample | from fitted codes (08) | one pass (13b) | one pass (20a) | a long chain (19) |
# | $\log p(x)$ | none (18) | bounded (12a, 18) | none (20b) | needs $\log Z$ (19) |
# | code of an image | one pass (06) | $q(z \mid x)$ (13a) | a search (20b) | $p(h \mid v)$ (19) |
# | its images | less soft (17) | soft (17) | sharp, ragged (20b) | binary, by Gibbs draws (19) |
# | what fails | holes (08) | blur, collapse (16, 17) | lost modes (20a, 20b) | slow mixing (19) |
# | penalised for | errors (06) | improbable data (18) | fakes found (20a) | improbable data (19) |
#
# The last row explains most of the others. It is why a VAE covers everything and
# blurs, and why a GAN is sharp and leaves out. *Diffusion models*, which followed,
# are trained like a VAE, by a bound of $\log p(x)$, and sharp like a GAN; they pay
# with many passes for a sample.
#
# Lesson 21a uses what a GAN does not have, $\log p(x)$: it looks for the odd one
# out.
#
# ## Questions
#
# **Question 1.** In pixels the reconstructions of a VAE have a precision of 100 %,
# and real test digits have less. What follows?
#
# - **a** The reconstructions look more like digits than real digits do.
# - **b** Distances of pixels reward blur: the mean of similar digits lies near to
#   all of them, nearer than they lie to each other.
# - **c** There is a mistake in the program, since nothing can have a higher precision
#   than data.
#
# **Question 2.** A model has stored its training images, and each of its samples is
# one of them, unchanged. Which of the numbers of this lesson, all taken with
# held-out digits, gives it away?
#
# - **a** Precision: copies lie in none of the balls around held-out digits.
# - **b** Recall: held-out digits are not among the copies, so that it is near zero.
# - **c** None. By all these numbers the copies are as good as real digits.
#
# ## Exercises
#
# Answers are in `answers_20b_judged_by_samples.py`. They need no trained model.
#
# 1. **Change a number.** Take the test digits below 5 as the samples of a model that
#    is perfect but for five lost classes. Predict their precision, their recall and
#    their unevenness, on coarse images. *Check:* precision is that of all test digits
#    within 0.1, recall is smaller by at least 0.15, and the unevenness is about one
#    half.
# 2. **One step further.** Do the same with training images, as the samples of a model
#    that has stored them. Then find a number that does give it away. *Check:*
#    precision and recall are those of the test digits within 0.05.
# 3. **Derive and implement.** The FID fits a Gaussian to each of two sets, with means
#    $m_1$ and $m_2$ and covariance matrices $C_1$ and $C_2$, and is
#    $|m_1 - m_2|^2 + \text{tr}(C_1 + C_2) - 2\, \text{tr}\sqrt{C_1 C_2}$. Derive what
#    remains of it in one dimension, and write it for images. (The trace of a square
#    root is the sum of the square roots of the eigenvalues.) *Check:* of $\mathcal N(0,
#    1)$ and $\mathcal N(3, 2^2)$ it is 10; and blurred test digits are farther from
#    held-out digits than sharp ones.
