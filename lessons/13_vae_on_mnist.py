# %% [markdown]
# # 13 · The variational autoencoder
#
# *Twelve lessons of parts: do they make digits that nobody has ever written?*
#
# - **You need:** lessons 01 to 12.
# - **You get:** a VAE of your own in thirty lines, with every gradient checked;
#   four bugs of VAEs and the tests that find them; a training watched from its
#   first step; and the equilibrium of its two terms.
# - **Run time:** a minute and a half.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, digits, run_epochs, show, sized
from diagrams import vae

from npvae import VAE, Adam, Autoencoder, Cosine, Loss, Pixels, Trainer, check, evaluate, figures
from npvae.layers import sigmoid, softplus

data = digits()
train_part = data.train.only(slice(0, sized(50_000, quick=5000)))
test_part = data.test.only(slice(0, 2000))
black_or_white = Pixels("dynamic")
mean_image = train_part.take(slice(None)).mean(axis=0) / 255
rng = np.random.default_rng(0)

# %% [markdown]
# ## The model
#
# An autoencoder maps each image to a *point* of its latent space. A VAE maps it
# to a *distribution*. The **encoder** takes an image $x$ and outputs $\mu$ and
# $\log\sigma^2$, two numbers for each latent: the mean and the log variance of
# the Gaussian $q(z \mid x)$, which approximates the posterior (lesson 09). We
# draw a **latent vector** $z$ from it (11). The **decoder** outputs the
# probability of each pixel to be on (03). The loss is the cost of the image
# given $z$, the reconstruction term, plus the KL divergence of $q(z \mid x)$
# from the prior (10). Its expected value over the draws is minus the ELBO (12):
#
# $$ L = \underbrace{-\log p(x \mid z)}_\text{reconstruction}
# + \text{KL}\left(q(z \mid x),\, \mathcal N(0, I)\right) $$

# %%
show(vae(losses=True, gradients=True), "13-the-whole")

# %% [markdown]
# Grey pixels are not the outcomes of coin tosses (03), and an ELBO should bound
# a proper $\log p(x)$. So each pixel of brightness 0.4 becomes white with
# probability 0.4 and black otherwise, with a fresh draw every time an image is
# used: `Pixels("dynamic")`. (Exhibit 6 of lesson 04 did this wrong.)
#
# Here is all of it. npvae's `VAE` provides two networks of dense layers (06)
# and their parameters. We write everything that makes a VAE of them ourselves.


# %%
class ByHand(VAE):
    """A variational autoencoder, from lessons 01 to 12."""

    def draw(self, mu, logvar, eps):  # lesson 11
        return mu + np.exp(logvar / 2) * eps

    def draw_backward(self, dz, logvar, eps):
        return dz, dz * 0.5 * np.exp(logvar / 2) * eps

    def kl_and_grad(self, mu, logvar):  # lesson 10
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum() / len(mu)
        return kl, mu / len(mu), 0.5 * (np.exp(logvar) - 1) / len(mu)

    def reconstruction_and_grad(self, logits, x):  # lesson 03
        return (softplus(logits) - x * logits).sum() / len(x), (sigmoid(logits) - x) / len(x)

    def loss_and_grad(self, x, eps):
        h = self.encoder.forward(x)  # (B, 2 n_z)
        mu, logvar = h[:, : self.n_z], h[:, self.n_z :]
        z = self.draw(mu, logvar, eps)
        reconstruction, dlogits = self.reconstruction_and_grad(self.decoder.forward(z), x)
        kl, dmu_kl, dlogvar_kl = self.kl_and_grad(mu, logvar)

        dz = self.decoder.backward(dlogits)  # from here on backwards
        dmu, dlogvar = self.draw_backward(dz, logvar, eps)
        self.encoder.backward(np.concatenate([dmu + dmu_kl, dlogvar + dlogvar_kl], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)


# %% [markdown]
# Follow the dashed arrows of the diagram once. The decoder's backward pass
# returns $dz$. The two lines of lesson 11 turn it into $d\mu$ and
# $d\log\sigma^2$. Both $\mu$ and $\log\sigma^2$ are used twice, by the draw and
# by the KL divergence, so the gradients of both uses are added. (One network
# computes both: the first half of its outputs is $\mu$, the second half
# $\log\sigma^2$.) The noise `eps` is an argument, so with a given `eps` the
# loss is an ordinary function, and its gradient can be checked.

# %%
small = {"n_x": 30, "n_h": 12, "n_z": 3, "activation": "tanh", "dtype": np.float64}
x, eps = (rng.random((5, 30)) < 0.3).astype(float), rng.standard_normal((5, 3))
ours, npvaes = ByHand.dense(**small), VAE.dense(**small)  # the same seed, so the same weights
assert np.allclose(ours.loss_and_grad(x, eps), npvaes.loss_and_grad(x, eps))
assert np.allclose(ours.params.grad, npvaes.params.grad)
report = check(ours, x, eps)
print(report)
assert report.ok

# %% [markdown]
# > **What you may have read:**
# >
# > - "The reconstruction trains the decoder, and the KL divergence trains the
# >   encoder." Look at the code. The decoder gets a gradient from the
# >   reconstruction only; the KL divergence does not depend on it. The encoder
# >   gets a gradient from both terms.
# > - "A VAE assumes that the input data follow a normal distribution." No: the
# >   *prior of the latents* is a normal distribution. The images are anything
# >   but.
# > - "The reconstruction loss is the sum of the squared means." It is the
# >   cross-entropy of the pixels here. With a Gaussian decoder it is the
# >   squared *difference* between the image and the decoder's mean, divided by
# >   $2\sigma^2$ (lesson 17).
#
# ## Four bugs of VAEs
#
# Lesson 04 promised more exhibits for its museum of bugs. Here are four, one of
# which you met in lesson 11. Two were found in exactly this form in public
# code, the other two are close relatives of bugs that were. Read the four
# classes in the next cell, and stop there.
#
# **Predict first:** which test of lesson 04 and 11 finds each of them: a
# *value* worked out by hand, the *gradient* check, or the *moments* of the
# draw? And what would you notice if you simply trained it?


# %%
class DrawnTwice(ByHand):
    """Exhibit 7: the backward pass draws fresh noise."""

    fresh = np.random.default_rng(1)

    def draw_backward(self, dz, logvar, eps):
        return super().draw_backward(dz, logvar, self.fresh.standard_normal(eps.shape))


class NoHalf(ByHand):
    """Exhibit 8: exp(logvar), a variance, in place of sigma, in both passes."""

    def draw(self, mu, logvar, eps):
        return mu + np.exp(logvar) * eps

    def draw_backward(self, dz, logvar, eps):
        return dz, dz * np.exp(logvar) * eps


class NoKL(ByHand):
    """Exhibit 9: the KL divergence forgotten."""

    def kl_and_grad(self, mu, logvar):
        return 0.0, 0 * mu, 0 * logvar


class MeanForSum(ByHand):
    """Exhibit 10: the reconstruction averaged over the pixels, the KL summed over the latents."""

    def reconstruction_and_grad(self, logits, x):
        loss, dlogits = super().reconstruction_and_grad(logits, x)
        return loss / x.shape[1], dlogits / x.shape[1]


# %% [markdown]
# Here is the value by hand. With all weights zero every pixel has probability
# one half and costs $\log 2$ nats. Set the biases so that the encoder always
# outputs $\mu = 1$ and $\sigma^2 = \tfrac14$. (Not $\sigma = 1$, where variance
# and standard deviation are the same.) Then the KL divergence of each latent is
# $\tfrac12 (1 + \tfrac14 - 1 + \log 4)$. With 30 pixels and 3 latents the loss
# is $30 \log 2 + \tfrac32 (\tfrac14 + \log 4)$.


# %%
def value(kind):
    """Whether the loss is the value worked out by hand."""
    model = kind.dense(**small)
    model.params.flat[...] = 0
    model.encoder.layers[-1].b[...] = 3 * [1] + 3 * [np.log(1 / 4)]
    return np.isclose(model.loss_and_grad(x, eps).loss, 30 * np.log(2) + 1.5 * (1 / 4 + np.log(4)))


def gradient(kind):
    """Whether the gradient agrees with finite differences."""
    return check(kind.dense(**small), x, eps).ok


def moments(kind):
    """Whether draws have the mean and standard deviation they should have, and no correlation."""
    noise = rng.standard_normal((100_000, 2))
    mu, logvar = np.full_like(noise, 0.5), np.full_like(noise, np.log(1 / 4))
    z = kind.dense(**small).draw(mu, logvar, noise)
    mean_ok = np.allclose(z.mean(axis=0), 0.5, atol=0.01)
    sd_ok = np.allclose(z.std(axis=0), 0.5, atol=0.01)
    return mean_ok and sd_ok and abs(np.corrcoef(z.T)[0, 1]) < 0.02


tests = (value, gradient, moments)
kinds = (ByHand, DrawnTwice, NoHalf, NoKL, MeanForSum)
found_by = {kind: [test.__name__ for test in tests if not test(kind)] for kind in kinds}
for kind, names in found_by.items():
    print(f"{kind.__name__:<11} found by: {', '.join(names) or 'no test, since it is right'}")
assert found_by == {
    ByHand: [],
    DrawnTwice: ["gradient"],
    NoHalf: ["moments"],
    NoKL: ["value"],
    MeanForSum: ["value"],
}

# %% [markdown]
# The gradient check, precise as it is, finds one of the four. Now see what you
# would have noticed without any test. We train each model briefly and draw
# samples from it: $z$ from the prior $\mathcal N(0, I)$, then decoded. Many
# such samples failed with the autoencoder of lesson 08. (Expect more digit-like
# shapes, but not sharper strokes. Lesson 14 measures the first, lesson 17
# explains the second.)


# %%
def trainer_of(model, part, epochs, batch_size, pixels=black_or_white):
    model.start_at(part.take(slice(None)).mean(axis=0) / 255)  # the decoder starts at the mean
    lr = Cosine(2e-3, epochs=epochs)
    return Trainer(model, part, pixels, Adam(), batch_size=batch_size, lr=lr)


few = train_part.only(slice(0, 5000))
test_x = (test_part.take(slice(None)) / 255).astype(np.float32)
trained, kl_in_loss, true_kl, sd_of_mu = {}, {}, {}, {}
for kind in kinds:
    model = trained[kind] = kind.dense(784, 200, 10)
    run_epochs(trainer_of(model, few, epochs=5, batch_size=32), 5, kind.__name__)
    mu, logvar = model.encode(test_x)
    sigma = model.draw(0, logvar, 1)  # the standard deviation that it really draws with
    kl_in_loss[kind] = model.kl_and_grad(mu, logvar)[0]
    true_kl[kind] = ByHand.kl_and_grad(model, mu, 2 * np.log(sigma))[0]
    sd_of_mu[kind] = mu.std()
    variety = 2 * model.sample(500).var(axis=0).sum()  # mean squared distance of two samples
    print(
        f"    KL in the loss {kl_in_loss[kind]:.1f}, of the draws {true_kl[kind]:.1f} nats; "
        f"μ: standard deviation {sd_of_mu[kind]:.1f}; mean σ {sigma.mean():.2f}; "
        f"squared distance of two samples {variety:.1f}"
    )
assert kl_in_loss[NoHalf] < 0.8 * true_kl[NoHalf], "too low"
assert sd_of_mu[NoKL] > 3 * sd_of_mu[ByHand], "nothing keeps the means together"
assert sd_of_mu[MeanForSum] < 0.1 * sd_of_mu[ByHand], "the code carries nothing"
rows = np.concatenate([model.sample(12, rng=1) for model in trained.values()])
figure, ax = plt.subplots(figsize=(8, 3.2))
pictures = figures.tile(rows, data.shape, 12)
ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
ax.set(title="samples", xticks=[], yticks=(np.arange(5) + 0.5) * len(pictures) / 5)
ax.set_yticklabels(["no bug", "noise drawn twice", "no half", "no KL", "mean for sum"])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
show(figure, "13-four-bugs")

# %% [markdown]
# - **Noise drawn twice.** It learns, but less well. The gradient of
#   $\log\sigma^2$ through the draw is $dz \cdot \tfrac12\sigma\varepsilon$. It
#   carries information because the loss was computed with this very
#   $\varepsilon$, so that $dz$ and $\varepsilon$ are correlated. Fresh noise is
#   independent of $dz$ and has mean zero, so their product is zero on average.
#   Only the KL divergence is left to train $\sigma$, and it sets every $\sigma$
#   to one. To stay distinguishable the means must then lie further apart than
#   those of the right model, and the samples are pale. Nobody would suspect a
#   bug.
# - **No half.** Nothing *looks* wrong, and the samples are even crisper. The
#   encoder adapts: it outputs another $\log\sigma^2$ to get the standard
#   deviation that it needs. But the loss computes the KL divergence for one
#   standard deviation and draws with its square, so narrow posteriors come too
#   cheap, as the two printed KL divergences show. The loss is not a bound, and
#   every number that you publish is too good.
# - **No KL.** This is an autoencoder again, with codes spread far apart.
#   $\mathcal N(0, I)$ is a small region among them, so the samples are pale and
#   hardly differ (exercise 1 of lesson 08).
# - **Mean for sum.** Lesson 03 warned of this one: the KL divergence now has
#   784 times its weight. No information is worth that much, so $\mu$ is 0 for
#   every image, and all samples are the same mean image. This is called
#   *posterior collapse*, and "all my outputs look alike" is a question that
#   people often ask about VAEs.
#
# ## Training, from the first step
#
# Now train a model with 20 latents, and look at it on the way.
#
# **Predict first:** in the very first steps, does the KL divergence rise or
# fall? And which become good first, reconstructions or samples?

# %%
n_h, epochs, batch_size = sized((400, 16, 100), quick=(200, 6, 32))
model = ByHand.dense(784, n_h, 20)
x_shown, z_shown = test_x[:6], rng.standard_normal((6, 20)).astype(np.float32)
trainer = trainer_of(model, train_part, epochs, batch_size)
n_steps = epochs * trainer.steps_per_epoch
looks = (1, 30, 100, 300, n_steps)
history, reconstructions, samples = [], [], []
while trainer.goes_on(epochs):
    loss = trainer.step()
    history.append([float(term) for term in loss])
    if trainer.steps in looks:
        reconstructions.append(model.reconstruct(x_shown))
        samples.append(model.decode(z_shown))
    if trainer.epoch_is_over:
        record = trainer.end_epoch()
        print(
            f"epoch {record.epoch}: loss {record.train_loss:.1f} = reconstruction "
            f"{record.train_reconstruction:.1f} + KL {record.train_kl:.1f} nats"
        )
loss, reconstruction, kl = np.array(history).T
lowest = kl[:100].argmin()
print(
    f"KL in the first step {kl[0]:.2f}, at its lowest {kl[lowest]:.2f} (step {lowest + 1}), "
    f"at the end {kl[-50:].mean():.1f} nats"
)
assert kl[lowest] < 0.5 * kl[0], "first it falls"
assert kl[-50:].mean() > 10, "then it rises, as the decoder learns to use the code"

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.6), width_ratios=(4, 3, 3))
at = np.arange(1, n_steps + 1)
left.semilogx(at, loss, color=BLUE, label="loss, their sum")
left.semilogx(at, reconstruction, color=GREEN, label="reconstruction")
left.semilogx(at, kl, color=ORANGE, label="KL")
left.set(xlabel="step", ylabel="nats per image", ylim=(0, 300))
left.legend()
empty = np.full_like(x_shown, np.nan)
middle_rows, right_rows = [x_shown, *reconstructions], [empty, *samples]
for ax, rows, title in (
    (middle, middle_rows, "reconstructions"),
    (right, right_rows, "samples"),
):
    pictures = figures.tile(np.concatenate(rows), data.shape, 6)
    ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title)
    ax.set(xticks=[], yticks=(np.arange(6) + 0.5) * len(pictures) / 6, yticklabels=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
middle.set_yticklabels(["test images", *(f"step {step}" for step in looks)])
show(figure, "13-training")

# %% [markdown]
# At first the decoder knows only the mean image, and a code is of no use to it.
# So within ten steps or so the KL divergence falls to well below a nat, as
# printed (at the scale of the picture it is a flat line): for a moment the
# model has nearly collapsed. Then the decoder finds a first use for $z$. The
# information is worth more than it costs, and the KL divergence *rises* while
# the reconstruction term falls by more. The sum falls, and the KL divergence
# settles at some 25 nats (20 in quick mode). By lesson 10 that is enough to
# distinguish at most $e^{25}$ things, tens of billions.
#
# The pictures show the same six test images and the same six draws of $z$, one
# row for each look. (Grey is the decoder's probability that a pixel is on.) The
# reconstructions become good first. Samples take longer, because all the
# posteriors together have to fill the prior. In the end some samples are
# digits, and some are still tangles of strokes.

# %%
result = evaluate(model, test_part, black_or_white)
p = np.clip(mean_image, 0.001, 0.999)
baseline = -(test_x * np.log(p) + (1 - test_x) * np.log(1 - p)).sum(axis=1).mean()
print(
    f"test images: -ELBO {-result.elbo:.1f} = reconstruction {result.reconstruction:.1f} "
    f"+ KL {result.kl:.1f} nats; active latents: {result.active_units}"
)
print(f"with the mean image for every image (as in lesson 03): {baseline:.1f} nats")
assert -result.elbo < 140, "on images it has never seen"
assert -result.elbo < 0.72 * baseline

known = (train_part.take(slice(None)) / 255).astype(np.float32)


def nearest(x):
    """The squared distance of each row of x to the nearest training image."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


new, old = nearest(model.sample(500, rng=0)), nearest(test_x[:500])
print(
    f"squared distance to the nearest training image: samples {new.mean():.1f} (smallest "
    f"{new.min():.1f}), test images {old.mean():.1f}"
)
assert new.mean() > 0.8 * old.mean()
assert new.min() > 1, "no sample is a copy"
ax = figures.samples(model.sample(60, rng=0), data.shape, across=15, told="60 samples, not chosen")
show(ax, "13-samples")

# %% [markdown]
# In lesson 03 a test image cost about 200 nats, and we hoped for less than half
# of that. At full size we have just reached it on MNIST: 99. The ELBO is a
# *bound*, so the true cost is a few nats less; lesson 18 compares it with
# published numbers. (A latent counts as active if its $\mu$ varies from image
# to image at all, which asks for very little: lesson 16.)
#
# And so to the question at the top. Samples are about as far from the nearest
# training image as test images are, or farther, and none is a copy. Some of
# them are digits, and those are digits that nobody has ever written. Others,
# about half on MNIST, are tangles of strokes. Longer training helps only a
# little: after 8 epochs of 20,000 images −ELBO is 106, and after 20 epochs of
# 55,000 images it is 98, with tangles still among the samples. With 20 latents
# much of the prior has no posterior nearby, as the next section explains.
#
# ## Two terms in equilibrium
#
# Which term has won? The **reconstruction** term is smallest if the images can
# be told apart: posteriors far from each other, and as narrow as points. The
# **KL divergence** is smallest if all of them are equal to the prior. Training
# ends where neither can gain.
#
# You can see that equilibrium. Take the trained model and multiply every $\mu$
# by a number $c$, so that the posteriors move apart ($c > 1$) or together
# ($c < 1$), and look at both terms. Then do the same with every $\sigma$.
#
# **Predict first:** at which $c$ is the sum smallest?

# %%
x_chosen = black_or_white.encode(train_part.take(slice(0, 4000)), rng, np.float32)
mu, logvar = model.encode(x_chosen)
noise = model.draw_noise(rng, len(x_chosen))


def terms_of(mu, logvar):
    """The reconstruction term and the KL divergence, with these posteriors in place of its own."""
    z = model.draw(mu, logvar, noise).astype(np.float32)
    reconstruction = model.reconstruction_and_grad(model.decoder.forward(z), x_chosen)[0]
    return reconstruction, model.kl_and_grad(mu, logvar)[0]


cs = np.linspace(0.5, 1.5, 21)  # cs[10] is 1
scaled = {
    "μ": np.array([terms_of(c * mu, logvar) for c in cs]).T,
    "σ": np.array([terms_of(mu, logvar + 2 * np.log(c)) for c in cs]).T,
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for ax, (name, (reconstruction, kl)) in zip(axes, scaled.items(), strict=True):
    best = cs[(reconstruction + kl).argmin()]
    print(f"every {name} times c: the sum is smallest at c = {best:.2f}")
    ax.plot(cs, reconstruction - reconstruction[10], color=GREEN, label="reconstruction")
    ax.plot(cs, kl - kl[10], color=ORANGE, label="KL")
    ax.plot(cs, reconstruction + kl - (reconstruction + kl)[10], color=BLUE, label="sum")
    ax.axvline(1, color="grey", linestyle=":")
    ax.set(xlabel=f"c, with every {name} times c", ylim=(-12, 30))
    assert abs(best - 1) <= 0.1, "equilibrium"
    assert (reconstruction[11] - reconstruction[9]) * (kl[11] - kl[9]) < 0, "opposite slopes"
    if name == "μ":
        assert (np.diff(kl) > 0).all()
        assert (np.diff(reconstruction)[:8] < 0).all()
    else:
        assert (np.diff(kl)[:5] < 0).all()
        assert (np.diff(reconstruction) > 0).all()
axes[0].set_ylabel("nats, compared with c = 1")
axes[0].legend()
show(figure, "13-equilibrium")

# %% [markdown]
# The sum is smallest at 1, and it had to be: the encoder could have multiplied
# every $\mu$ by $c$ itself, in its last layer, or added a constant to every
# $\log\sigma^2$. Each term alone would improve by a change of $c$, in opposite
# directions, and at 1 their slopes cancel. (When every $\mu$ is multiplied by
# more than 1.15 to 1.3, even the reconstruction gets worse again: the decoder
# was never trained that far out.)
#
# This equilibrium makes the holes of lesson 08 smaller. Each posterior has a
# width, so the decoder is trained not at a point but all around it, and nearby
# codes decode to similar images. And the codes stay where the prior draws.
# People call such a latent space *continuous*. With 20 latents, though, the
# posteriors hardly overlap: 50,000 of them cannot fill a prior that has room
# for $e^{25}$. Between them the decoder has to interpolate. Lesson 14 looks at
# that space.
#
# ## It overfits less
#
# A large network can memorise a small training set; lesson 05 did so with ten
# images. An autoencoder may map each training image to a point of its own and
# teach the decoder just these points.
#
# **Predict first:** we train an autoencoder and a VAE of the same size on a
# small training set, for many epochs. Which of them has the larger gap between
# training and test images? Which gets *worse* on test images if you train it
# for too long?

# %%
few = train_part.only(slice(0, sized(2000, quick=1000)))
fixed = Pixels("threshold")  # black from 0 to 127, white above: the same images again and again
epochs, batch_size = sized((40, 64), quick=(30, 32))
curves, gaps, total_gaps = {}, {}, {}
for kind in (Autoencoder, VAE):
    name, rows = kind.__name__, []
    rival = kind.dense(784, n_h, 20)
    trainer = trainer_of(rival, few, epochs, batch_size, fixed)
    while trainer.goes_on(epochs):
        record = trainer.run_epoch()
        if record.epoch % (epochs // 10) == 0:
            on_train, on_test = evaluate(rival, few, fixed), evaluate(rival, test_part, fixed)
            rows.append((record.epoch, on_train.reconstruction, on_test.reconstruction))
            print(
                f"{name:<11} epoch {record.epoch:2d}: reconstruction of training images "
                f"{on_train.reconstruction:5.1f}, of test images {on_test.reconstruction:5.1f} nats"
            )
    curves[name] = np.array(rows).T
    gaps[name] = on_test.reconstruction - on_train.reconstruction
    # the autoencoder has no KL divergence: it counts as 0
    total_gaps[name] = gaps[name] + on_test.kl - on_train.kl
    print(f"{name:<11} gap {gaps[name]:.1f} nats; of the whole loss {total_gaps[name]:.1f} nats")
assert gaps["VAE"] < 0.6 * gaps["Autoencoder"], "the VAE overfits less"
assert total_gaps["VAE"] < 0.6 * total_gaps["Autoencoder"], "also with the KL divergence"
test_curves = {name: curve[2] for name, curve in curves.items()}
worse = {name: curve[-1] - curve.min() for name, curve in test_curves.items()}
assert worse["Autoencoder"] > worse["VAE"], "test images: the end, compared with the best epoch"
best = {name: curve.min() for name, curve in test_curves.items()}
assert best["Autoencoder"] < best["VAE"], "but at best it reconstructs them better"

figure, ax = plt.subplots(figsize=(7, 3.4))
for (name, (at, on_train, on_test)), colour in zip(curves.items(), (PURPLE, BLUE), strict=True):
    ax.plot(at, on_test, "o-", color=colour, label=f"{name}, test images")
    ax.plot(at, on_train, "--", color=colour, label=f"{name}, training images")
ax.set(xlabel="epoch", ylabel="reconstruction, nats", ylim=0)
ax.legend()
show(ax, "13-overfitting")

# %% [markdown]
# The autoencoder gets better and better on its training images, while on test
# images it soon stops improving, or even gets worse. The VAE's gap is little
# more than a third as large. It cannot memorise so easily: it never sees the
# same code of an image twice, and a narrow posterior costs KL divergence. The
# KL divergence acts as a *regulariser*, a term that keeps a model from
# overfitting. It does not prevent overfitting altogether, as the VAE's gap
# shows. And in its best epoch the autoencoder reconstructs test images better
# than the VAE ever does, since it may use its codes freely.
#
# ## A little history
#
# Networks that generate data are older than the VAE. *Restricted Boltzmann
# machines* (1986; trained well from 2002 on) and the *deep belief nets* made by
# stacking them (2006) have binary latents, through which no gradient passes,
# and drawing a sample from them takes many alternating steps. The *Helmholtz
# machine* (1995) already had an encoder beside its decoder, trained in turns,
# with two different losses. In December 2013 Kingma and Welling, and in January
# 2014 Rezende, Mohamed and Wierstra, independently published what you built
# today: an encoder for the posterior, a draw that a gradient can pass through,
# and one loss for all. Half a year later came the *generative adversarial
# network* (GAN), with another approach: no encoder and no likelihood, but a
# second network that tries to tell generated images from real ones. Lesson 17
# comes back to GANs, lesson 18 to the Boltzmann machines.
#
# But first look at what you have made: lesson 14.
#
# ## Exercises
#
# Answers are in `answers_13_vae_on_mnist.py`.
#
# 1. **Change a number.** Draw the $z$ of `model` not from $\mathcal N(0, I)$
#    but from $\mathcal N(0, c^2 I)$, with $c = 0.5$ and $c = 2$. Predict both
#    pictures. *Check:* the mean squared distance between two samples is less
#    than two thirds of the usual one for $c = 0.5$, and larger than usual for
#    $c = 2$.
# 2. **An exhibit of your own.** Write one more bug into a subclass of `ByHand`,
#    one that the gradient check does not find. *Check:* `gradient(yours)` is
#    true, and another test fails.
# 3. **Derive and implement.** Draw *two* codes for each image and average the
#    two reconstruction terms, but run the encoder once. What changes in the
#    gradients? *Check:* loss and gradient are those of `npvae.VAE` on a batch
#    that has every image twice, each time with other noise.
