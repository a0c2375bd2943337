# %% [markdown]
# # 13a · A VAE by hand, and four bugs
#
# *Twelve lessons of parts: do they fit together, and would you notice if one of
# them were wrong?*
#
# - **You need:** lessons 01 to 12a.
# - **You get:** a VAE of your own in thirty lines, with every gradient checked;
#   and four bugs of VAEs with the tests that find them.
# - **Run time:** 20 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import digits, run_epochs, show
from diagrams import vae

from npvae import VAE, Adam, Cosine, Loss, Pixels, Trainer, check, figures
from npvae.layers import sigmoid, softplus

data = digits()
train_part = data.train.only(slice(0, 5000))
test_part = data.test.only(slice(0, 2000))
black_or_white = Pixels("dynamic")
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
# from the prior (10). Its expected value over the draws is minus the ELBO (12a):
#
# $$ L = \underbrace{-\log p(x \mid z)}_\text{reconstruction}
# + \text{KL}\left(q(z \mid x),\, \mathcal N(0, I)\right) $$

# %%
show(vae(losses=True, gradients=True), "13a-the-whole")

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
    """A variational autoencoder, from lessons 01 to 12a."""

    def draw(self, mu, logvar, eps):
        """Return z = mu + sigma eps, where logvar is log sigma²; all are (B, n_z): lesson 11."""
        return mu + np.exp(logvar / 2) * eps

    def draw_backward(self, dz, logvar, eps):
        """Return dmu and dlogvar from dz, the gradient with respect to z; (B, n_z) each."""
        ### BEGIN SOLUTION
        return dz, dz * 0.5 * np.exp(logvar / 2) * eps
        ### END SOLUTION

    def kl_and_grad(self, mu, logvar):
        """Return the KL divergence from N(0, I), dmu and dlogvar, for mu and logvar, (B, n_z).

        KL = sum(mu² + exp(logvar) - 1 - logvar) / 2, summed over the latents, and divided by B
        (lesson 10).
        """
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum() / len(mu)
        return kl, mu / len(mu), 0.5 * (np.exp(logvar) - 1) / len(mu)

    def reconstruction_and_grad(self, logits, x):
        """Return -log p(x | z) and its gradient with respect to the logits, (B, n_x).

        The cross-entropy softplus(logits) - x logits, summed over the pixels, and divided by B
        (lesson 03).
        """
        return (softplus(logits) - x * logits).sum() / len(x), (sigmoid(logits) - x) / len(x)

    def loss_and_grad(self, x, eps):
        """Return the loss of a batch x, (B, n_x), with noise eps, (B, n_z), and its two terms.

        `backward` of decoder and encoder leaves the gradients in `params.grad`, and returns the
        gradient with respect to what went in.
        """
        ### BEGIN SOLUTION
        h = self.encoder.forward(x)  # (B, 2 n_z)
        mu, logvar = h[:, : self.n_z], h[:, self.n_z :]
        z = self.draw(mu, logvar, eps)
        reconstruction, dlogits = self.reconstruction_and_grad(self.decoder.forward(z), x)
        kl, dmu_kl, dlogvar_kl = self.kl_and_grad(mu, logvar)

        dz = self.decoder.backward(dlogits)  # from here on backwards
        dmu, dlogvar = self.draw_backward(dz, logvar, eps)
        self.encoder.backward(np.concatenate([dmu + dmu_kl, dlogvar + dlogvar_kl], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)
        ### END SOLUTION


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
# draw?


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
def value(model, x, eps):
    """Whether the loss of images x, (B, 30), is the value worked out by hand.

    Set `model.params.flat` to zero and the last bias of the encoder, `model.encoder.layers[-1].b`,
    to the three means and the three log variances above. The model has three latents.
    """
    ### BEGIN SOLUTION
    model.params.flat[...] = 0
    model.encoder.layers[-1].b[...] = 3 * [1] + 3 * [np.log(1 / 4)]
    return np.isclose(model.loss_and_grad(x, eps).loss, 30 * np.log(2) + 1.5 * (1 / 4 + np.log(4)))
    ### END SOLUTION


def gradient(model, x, eps):
    """Whether the gradient agrees with finite differences."""
    return check(model, x, eps).ok


def moments(model, rng):
    """Whether `model.draw(mu, logvar, noise)` has the mean and standard deviation that it should.

    Make 100,000 draws of at least two latents, with a standard deviation that is not 1. The
    latents should also be uncorrelated.
    """
    ### BEGIN SOLUTION
    noise = rng.standard_normal((100_000, 2))
    mu, logvar = np.full_like(noise, 0.5), np.full_like(noise, np.log(1 / 4))
    z = model.draw(mu, logvar, noise)
    mean_ok = np.allclose(z.mean(axis=0), 0.5, atol=0.01)
    sd_ok = np.allclose(z.std(axis=0), 0.5, atol=0.01)
    return mean_ok and sd_ok and abs(np.corrcoef(z.T)[0, 1]) < 0.02
    ### END SOLUTION


def found(kind):
    """The names of the tests that find a bug in this kind of VAE."""
    passed = {
        "value": value(kind.dense(**small), x, eps),
        "gradient": gradient(kind.dense(**small), x, eps),
        "moments": moments(kind.dense(**small), rng),
    }
    return [name for name, ok in passed.items() if not ok]


kinds = (ByHand, DrawnTwice, NoHalf, NoKL, MeanForSum)
found_by = {kind: found(kind) for kind in kinds}
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
# The gradient check, precise as it is, finds one of the four. At the end of
# lesson 11 a value worked out by hand found the missing half; here it does not. With all
# weights zero the decoder ignores $z$, so that this value does not depend on how
# $z$ was drawn. A test sees only what its numbers let through. Now see what you
# would have noticed without any test. We train each model briefly and draw
# samples from it: $z$ from the prior $\mathcal N(0, I)$, then decoded. Many
# such samples failed with the autoencoder of lesson 08. (Expect more digit-like
# shapes, but not sharper strokes. Lesson 14 measures the first, lesson 17
# explains the second.)
#
# **Predict first:** what will you see in the samples of each of the four, and
# which of them would you have believed?

# %%
epochs, mean_image = 5, train_part.take(slice(None)).mean(axis=0) / 255
test_x = (test_part.take(slice(None)) / 255).astype(np.float32)
trained, kl_in_loss, true_kl, sd_of_mu = {}, {}, {}, {}
for kind in kinds:
    model = trained[kind] = kind.dense(784, 200, 10)
    model.start_at(mean_image)  # the decoder starts at the mean image
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=32, lr=lr)
    run_epochs(trainer, epochs, kind.__name__)
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
show(figure, "13a-four-bugs")

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
# All four train without an error message, and two of them give pictures that
# nobody would question. So write the tests first. Lesson 13b trains the model
# without a bug, on all images, and watches it from its first step.
#
# ## Questions
#
# **Question 1.** A VAE draws $z = \mu + e^{\log\sigma^2}\varepsilon$, in the
# forward and in the backward pass. Which test is sure to find it?
#
# - **a** the gradient check, with the noise held fixed
# - **b** the standard deviation of many draws at $\sigma = 1$
# - **c** the standard deviation of many draws at $\sigma = \tfrac12$
#
# **Question 2.** Which of the two terms of the loss trains the encoder?
#
# - **a** the KL divergence; the reconstruction trains the decoder
# - **b** both of them
# - **c** the reconstruction; the KL divergence trains the prior
#
# ## Exercises
#
# Answers are in `answers_13a_vae_by_hand.py`.
#
# 1. **An exhibit of your own.** Write one more bug into a subclass of `ByHand`,
#    one that the gradient check does not find. *Check:* `found(Yours)` names
#    another test, and not `gradient`.
# 2. **Derive and implement.** Draw *two* codes for each image and average the
#    two reconstruction terms, but run the encoder once. What changes in the
#    gradients? *Check:* loss and gradient are those of `npvae.VAE` on a batch
#    that has every image twice, each time with other noise.
