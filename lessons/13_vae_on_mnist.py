# %% [markdown]
# # 13 · The variational autoencoder
#
# *Twelve lessons of parts: do they make digits that nobody has ever written?*
#
# - **You need:** lessons 01 to 12.
# - **You get:** a VAE of your own in twenty lines, checked, with four bugs of its
#   own in the museum; its training watched from the first step; and the balance
#   that it finds.
# - **Run time:** 40 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, digits, show, sized

from npvae import VAE, Adam, Autoencoder, Cosine, Loss, Pixels, Trainer, check, evaluate, figures
from npvae.layers import sigmoid, softplus

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
test_part = data.test.only(slice(0, 2000))
black_or_white = Pixels("dynamic")
mean_image = train_part.take(slice(None)).mean(axis=0) / 255
rng = np.random.default_rng(0)

# %% [markdown]
# ## The model
#
# An autoencoder puts each image at a *point* of its latent space. A VAE gives it
# a *distribution*. In one breath: the **encoder** looks at an image $x$ and names
# a cloud, $\mu$ and $\log\sigma^2$, two numbers for each latent (lesson 09: a
# guess at the posterior). We draw a **latent vector** $z$ from the cloud (11).
# The **decoder** says of each pixel how probable it is to be on (03). The loss is
# what the image costs, given $z$, plus what the cloud costs (10), and in the mean
# over the draws it is minus the ELBO (12):
#
# $$ L = \underbrace{-\log p(x \mid z)}_\text{reconstruction}
# + \underbrace{\text{KL}\left(q(z \mid x),\, \mathcal N(0, I)\right)}_\text{price} $$
#
# Grey pixels are no coins (03), and an ELBO should bound a real $\log p(x)$. So
# each pixel of brightness 0.4 is made white with probability 0.4 and black
# otherwise, drawn anew whenever an image is used: `Pixels("dynamic")` (exhibit 6
# of lesson 04, mended).
#
# Here is all of it. npvae's `VAE` lends its two networks of dense layers (06) and
# their parameters; what turns them into a VAE we write ourselves.


# %%
class ByHand(VAE):
    """A variational autoencoder, from lessons 01 to 12."""

    def draw(self, mu, logvar, eps):  # lesson 11
        return mu + np.exp(logvar / 2) * eps

    def draw_backward(self, dz, logvar, eps):
        return dz, dz * 0.5 * np.exp(logvar / 2) * eps

    def price(self, mu, logvar):  # lesson 10
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum() / len(mu)
        return kl, mu / len(mu), 0.5 * (np.exp(logvar) - 1) / len(mu)

    def compare(self, logits, x):  # lesson 03
        return (softplus(logits) - x * logits).sum() / len(x), (sigmoid(logits) - x) / len(x)

    def loss_and_grad(self, x, eps):
        h = self.encoder.forward(x)  # (B, 2 n_z)
        mu, logvar = h[:, : self.n_z], h[:, self.n_z :]
        z = self.draw(mu, logvar, eps)
        reconstruction, dlogits = self.compare(self.decoder.forward(z), x)
        kl, dmu_kl, dlogvar_kl = self.price(mu, logvar)

        dz = self.decoder.backward(dlogits)  # and now all the way back
        dmu, dlogvar = self.draw_backward(dz, logvar, eps)
        self.encoder.backward(np.concatenate([dmu + dmu_kl, dlogvar + dlogvar_kl], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)


# %% [markdown]
# Follow the way back once with your finger. $dz$ comes out of the decoder. It
# becomes $d\mu$ and $d\log\sigma^2$ by the two lines of lesson 11. There the
# price adds its own slopes: $\mu$ and $\log\sigma^2$ are each used twice, by the
# draw and by the price, so both slopes add. (One network says both: the first
# half of its outputs is $\mu$, the second $\log\sigma^2$.) The noise `eps` is an
# argument, so the loss is a plain function that can be checked, frozen noise and
# all.

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
# > **What you may have read:** "the reconstruction trains the decoder and the KL
# > trains the encoder", or the other way round. Look at the code. The decoder
# > feels the reconstruction only; the KL is no loss of the decoder's. The encoder
# > feels both, and there they meet.
#
# ## The museum: a new wing
#
# Lesson 04 promised it. Four bugs, one of which you met in lesson 11. Two were
# seen just so in public code, the other two are near relatives of what was seen.
# Read the four exhibits in the next cell, and stop there.
#
# **Predict first:** for each, which rung of the ladder catches it: a *value*
# worked out on paper, the *gradient* check, or the *moments* of the draw? And
# what would you see, if you just trained it?


# %%
class DrawnTwice(ByHand):
    """Exhibit 7: the backward draws its noise anew."""

    def draw_backward(self, dz, logvar, eps):
        return super().draw_backward(dz, logvar, rng.standard_normal(eps.shape))


class NoHalf(ByHand):
    """Exhibit 8: exp(logvar), a variance, in place of sigma, in both passes."""

    def draw(self, mu, logvar, eps):
        return mu + np.exp(logvar) * eps

    def draw_backward(self, dz, logvar, eps):
        return dz, dz * np.exp(logvar) * eps


class NoPrice(ByHand):
    """Exhibit 9: the KL forgotten."""

    def price(self, mu, logvar):
        return 0.0, 0 * mu, 0 * logvar


class MeanForSum(ByHand):
    """Exhibit 10: the reconstruction averaged over the pixels, the KL summed over the latents."""

    def compare(self, logits, x):
        loss, dlogits = super().compare(logits, x)
        return loss / x.shape[1], dlogits / x.shape[1]


# %% [markdown]
# The value on paper: with all weights zero every pixel is a fair coin, $\log 2$
# nats. Set the biases so that the encoder says $\mu = 1$ and
# $\sigma^2 = \tfrac14$, always. (Not $\sigma = 1$, where a variance and a width
# are the same.) Then the price of a latent is
# $\tfrac12 (1 + \tfrac14 - 1 + \log 4)$. With 30 pixels and 3 latents the loss is
# $30 \log 2 + \tfrac32 (\tfrac14 + \log 4)$.


# %%
def value(kind):
    model = kind.dense(**small)
    model.params.flat[...] = 0
    model.encoder.layers[-1].b[...] = 3 * [1] + 3 * [np.log(1 / 4)]
    return np.isclose(model.loss_and_grad(x, eps).loss, 30 * np.log(2) + 1.5 * (1 / 4 + np.log(4)))


def gradient(kind):
    return check(kind.dense(**small), x, eps).ok


def moments(kind):
    noise = rng.standard_normal((100_000, 2))
    mu, logvar = np.full_like(noise, 0.5), np.full_like(noise, np.log(1 / 4))
    z = kind.dense(**small).draw(mu, logvar, noise)
    right = np.allclose(z.mean(axis=0), 0.5, atol=0.01) and np.allclose(
        z.std(axis=0), 0.5, atol=0.01
    )
    return right and abs(np.corrcoef(z.T)[0, 1]) < 0.02  # and no latent knows of another


ladder = (value, gradient, moments)
wing = (ByHand, DrawnTwice, NoHalf, NoPrice, MeanForSum)
caught_by = {kind: [rung.__name__ for rung in ladder if not rung(kind)] for kind in wing}
for kind, rungs in caught_by.items():
    print(f"{kind.__name__:<11} caught by: {', '.join(rungs) or 'nothing, as it should be'}")
assert caught_by == {
    ByHand: [],
    DrawnTwice: ["gradient"],
    NoHalf: ["moments"],
    NoPrice: ["value"],
    MeanForSum: ["value"],
}

# %% [markdown]
# The gradient check, for all its digits, sees one of four. Now what you would
# have seen without any test. We train each for a short while and draw from it:
# $z$ from the prior, $\mathcal N(0, I)$, and decoded. With lesson 08 in mind:
# this is what the autoencoder did badly. (Expect fewer knots, not prettier
# strokes. Lesson 14 measures the one, lesson 17 explains the softness.)


# %%
def trainer_of(model, part, epochs, batch_size, pixels=black_or_white, lr=2e-3):
    model.start_at(part.take(slice(None)).mean(axis=0) / 255)
    lr = Cosine(lr, epochs=epochs)
    return Trainer(model, part, pixels, Adam(), batch_size=batch_size, lr=lr)


few, trained, prices = train_part.only(slice(0, 5000)), {}, {}
test_x = (test_part.take(slice(None)) / 255).astype(np.float32)
for kind in wing:
    model = trained[kind] = kind.dense(784, 200, 10)
    trainer = trainer_of(model, few, epochs=5, batch_size=32)
    while trainer.goes_on(epochs=5):
        trainer.step()
    mu, logvar = model.encode(test_x)
    charged = model.price(mu, logvar)[0]
    true_logvar = 2 * logvar if kind is NoHalf else logvar  # of the clouds that it really draws
    drawn = ByHand.price(model, mu, true_logvar)[0]
    prices[kind] = charged, drawn
    variety = 2 * model.sample(500).var(axis=0).sum()  # mean squared distance of two samples
    print(
        f"{kind.__name__:<11} price charged {charged:5.1f}, of the clouds it drew {drawn:6.1f}; "
        f"spread of μ {mu.std():4.1f}, mean σ {np.exp(true_logvar / 2).mean():.2f}; "
        f"samples differ by {variety:4.1f}"
    )
spread = {kind: model.encode(test_x)[0].std() for kind, model in trained.items()}
assert prices[NoHalf][0] < 0.8 * prices[NoHalf][1], "too cheap"
assert spread[NoPrice] > 3 * spread[ByHand], "nothing keeps the codes together"
assert spread[MeanForSum] < 0.1 * spread[ByHand], "and here nothing lets them say anything"
rows = np.concatenate([model.sample(12, rng=1) for model in trained.values()])
figure, ax = plt.subplots(figsize=(8, 3.2))
pictures = figures.tile(rows, data.shape, 12)
ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
ax.set(title="samples", xticks=[], yticks=(np.arange(5) + 0.5) * len(pictures) / 5)
ax.set_yticklabels(["as it should be", "noise drawn twice", "no half", "no price", "mean for sum"])
ax.grid(visible=False)
ax.spines[:].set_visible(False)
ax.tick_params(length=0)
show(figure, "13-the-new-wing")

# %% [markdown]
# - **Noise drawn twice.** It learns, only worse. In the mean the wrong noise
#   tells $\sigma$ nothing, so only the price speaks to it, and every $\sigma$
#   goes to one. To be told apart the codes must then spread further than those of
#   the right model, and the samples are pale. Nobody would suspect a bug.
# - **No half.** Nothing *wrong* to see! The samples even look crisper. The
#   encoder adapts: it says another $\log\sigma^2$ to get the width it wants. But
#   narrow clouds come too cheap. It is charged for one width and draws with its
#   square, as the two prices show. So its loss is no bound of anything, and every
#   number you publish is too good.
# - **No price.** It is an autoencoder again, with codes all over the place.
#   $\mathcal N(0, I)$ is a small spot among them, so the samples are pale and
#   hardly differ (exercise 1 of lesson 08).
# - **Mean for sum.** Lesson 03 warned of it: the price now weighs 784 times as
#   much. The encoder cannot afford to say anything, $\mu$ is 0 for every image,
#   and all samples are the same mean image. This is called *posterior collapse*,
#   and "all my outputs look alike" is a question that people often ask about
#   VAEs.
#
# ## Training, from the first step
#
# Now the real thing, with 20 latents, and we look all the while.
#
# **Predict first:** in the very first steps, does the price go up or down? And
# which gets good first, the reconstructions or the samples?

# %%
n_h, epochs, batch_size = sized((400, 8, 64), quick=(200, 6, 32))
model = ByHand.dense(784, n_h, 20)
x_shown, z_shown = test_x[:6], rng.standard_normal((6, 20)).astype(np.float32)
n_steps = epochs * -(-len(train_part) // batch_size)
looks = (1, 30, 100, 300, n_steps)
history, reconstructed, made_up = [], [], []
trainer = trainer_of(model, train_part, epochs, batch_size)
while trainer.goes_on(epochs):
    history.append([float(part) for part in trainer.step()])
    if trainer.steps in looks:
        reconstructed.append(model.reconstruct(x_shown))
        made_up.append(model.decode(z_shown))
loss, reconstruction, kl = np.array(history).T
low = kl[:100].argmin()
print(
    f"KL at first {kl[0]:.2f}, at its lowest {kl[low]:.2f} (step {low + 1}), "
    f"at the end {kl[-50:].mean():.1f} nats"
)
assert kl[low] < 0.5 * kl[0], "first it stops speaking"
assert kl[-50:].mean() > 10, "then it buys codes, little by little"

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.6), width_ratios=(4, 3, 3))
at = np.arange(1, n_steps + 1)
left.semilogx(at, loss, color=BLUE, label="loss, their sum")
left.semilogx(at, reconstruction, color=GREEN, label="reconstruction")
left.semilogx(at, kl, color=ORANGE, label="KL")
left.set(xlabel="step", ylabel="nats an image", ylim=(0, 300))
left.legend()
for ax, images, told in ((middle, reconstructed, "reconstructions"), (right, made_up, "samples")):
    first = x_shown if ax is middle else np.full_like(x_shown, np.nan)
    pictures = figures.tile(np.concatenate([first, *images]), data.shape, 6)
    ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
    ax.set_title(told)
    ax.set(xticks=[], yticks=(np.arange(6) + 0.5) * len(pictures) / 6, yticklabels=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
middle.set_yticklabels(["test images", *(f"step {step}" for step in looks)])
show(figure, "13-training")

# %% [markdown]
# At first the decoder knows the mean image only, and a code is worth nothing to
# it. So within ten steps or so the price falls to well below a nat, as printed
# (at the scale of the picture it is a flat line): for a moment the model has all
# but collapsed. Then the decoder finds a first use for $z$, the encoder finds it
# worth paying for, and the price *rises* while the reconstruction falls by more.
# The sum sinks, the price settles at some 25 nats (20 in quick mode). By lesson
# 10 that is room for at most $e^{25}$ things, tens of billions.
#
# The pictures show the same six test images and the same six draws of $z$ again
# and again, a row each time you look. (Grey is the decoder's probability that a
# pixel is on.) The reconstructions come first. Samples take longer, for the
# codes, all together, have to be spread as the prior is. In the end some are
# digits, and some are still knots.

# %%
result = evaluate(model, test_part, black_or_white)
p = np.clip(mean_image, 0.001, 0.999)
baseline = -(test_x * np.log(p) + (1 - test_x) * np.log(1 - p)).sum(axis=1).mean()
print(
    f"test images: -ELBO {-result.elbo:.1f} = reconstruction {result.reconstruction:.1f} "
    f"+ KL {result.kl:.1f} nats; {result.active_units} latents in use"
)
print(f"knowing only how often each pixel is on (as in lesson 03): {baseline:.1f} nats")
assert -result.elbo < 140, "on images it has never seen"
assert -result.elbo < 0.72 * baseline

known = (train_part.take(slice(None)) / 255).astype(np.float32)


def nearest(x):
    """The squared distance of each row of x to the nearest training image."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


new, old = nearest(model.sample(500, rng=0)), nearest(test_x[:500])
print(
    f"from the nearest training image: samples {new.mean():.1f} (the least {new.min():.1f}), "
    f"test images {old.mean():.1f}"
)
assert new.mean() > 0.6 * old.mean()
assert new.min() > 1, "no sample is a copy"
ax = figures.samples(model.sample(60, rng=0), data.shape, across=15, told="60 samples, not chosen")
show(ax, "13-samples")

# %% [markdown]
# In lesson 03 a test image cost about 200 nats, and we hoped for less than half.
# (At full size we have about 90 on glyphs and, on MNIST, not quite half: 107.
# Longer training and more images bring it below 100; lesson 18 has a published
# table. A latent is counted as in use if its $\mu$ differs from image to image at
# all, which asks little: lesson 16.) The ELBO is a *bound*: the true cost is a
# few nats less.
#
# And so to the question at the top. A sample is about as far from the nearest
# training image as a test image is, or farther, and none is a copy: where they
# are digits, they are digits that nobody has ever written.
#
# ## Two forces
#
# So who has won? The **reconstruction** wants to tell images apart: clouds far
# from each other and as narrow as points. The **price** wants them all at the
# same place and as wide as the prior. Training ends where neither can gain.
#
# You can see that balance. Take the trained model and *push*: multiply every
# $\mu$ by a number $c$, so that the clouds draw apart ($c > 1$) or together
# ($c < 1$), and look at both terms. Then do the same with every $\sigma$.
#
# **Predict first:** at which $c$ is the sum smallest?

# %%
x_push = black_or_white.encode(train_part.take(slice(0, 4000)), rng, np.float32)
mu, logvar = model.encode(x_push)
noise = model.draw_noise(rng, len(x_push))
cs = np.linspace(0.5, 1.5, 21)
pushed = {}
for name, of_mu, of_sigma in (("μ", 1, 0), ("σ", 0, 1)):
    terms = []
    for c in cs:
        mu_c, logvar_c = mu * c**of_mu, logvar + 2 * of_sigma * np.log(c)
        logits = model.decoder.forward(model.draw(mu_c, logvar_c, noise).astype(np.float32))
        terms.append((model.compare(logits, x_push)[0], model.price(mu_c, logvar_c)[0]))
    pushed[name] = np.array(terms).T
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for ax, (name, (rec, cost)) in zip(axes, pushed.items(), strict=True):
    at = cs[(rec + cost).argmin()]
    print(f"{name} times c: the sum is smallest at c = {at:.2f}")
    ax.plot(cs, rec - rec[10], color=GREEN, label="reconstruction")
    ax.plot(cs, cost - cost[10], color=ORANGE, label="KL")
    ax.plot(cs, rec + cost - (rec + cost)[10], color=BLUE, label="sum")
    ax.axvline(1, color="grey", linestyle=":")
    ax.set(xlabel=f"every {name} times c", ylim=(-12, 30))
    assert abs(at - 1) <= 0.1, "balance"
    assert (rec[11] - rec[9]) * (cost[11] - cost[9]) < 0, "opposite slopes at c = 1"
    assert np.all(np.diff(cost) > 0) if name == "μ" else np.all(np.diff(cost)[:5] < 0)
    assert np.all(np.diff(rec)[:8] < 0) if name == "μ" else np.all(np.diff(rec) > 0)
axes[0].set_ylabel("nats more than at c = 1")
axes[0].legend()
show(figure, "13-two-forces")

# %% [markdown]
# At 1, and it had to be: the encoder could have multiplied every $\mu$ by $c$
# itself, in its last layer, or added a constant to every $\log\sigma^2$. Each
# term alone would gladly move, in opposite directions, and their slopes cancel.
# (From 1.2 or 1.3 on even the reconstruction rises again: the decoder was never
# trained that far out.) One force draws the images apart into clusters, the other
# packs the codes together, and this is their *equilibrium*.
#
# It is what makes the holes of lesson 08 smaller. Each cloud has a width, so the
# decoder is trained not at a point but all around it: near codes decode to near
# images. And the codes stay where the prior draws. People call such a latent
# space *continuous*. (With 20 latents the clouds hardly overlap all the same:
# 20,000 of them cannot fill a prior that has room for $e^{25}$. Between them the
# decoder has to guess, and it guesses well only as far as it has learned to
# change slowly.) Lesson 14 looks at that space.
#
# ## It overfits less
#
# A large network can learn a small set of training images by heart (lesson 05 did
# so, with ten). An autoencoder may put each training image at a point of its own
# and teach the decoder just these points.
#
# **Predict first:** we train an autoencoder and a VAE of the same size on a small
# set, for many epochs. Which of them has the larger gap between training and test
# images? Which gets *worse* on test images, if you train for too long?

# %%
few = train_part.only(slice(0, sized(2000, quick=1000)))
fixed = Pixels("threshold")  # black from 0 to 127, white above: the same images again and again
epochs, batch_size = sized((40, 64), quick=(30, 32))
n_steps = epochs * -(-len(few) // batch_size)
curves, bounds = {}, {}
for kind in (Autoencoder, VAE):
    rival, seen = kind.dense(784, n_h, 20), []
    trainer = trainer_of(rival, few, epochs, batch_size, fixed)
    while trainer.goes_on(epochs):
        trainer.step()
        if trainer.steps % (n_steps // 10) == 0:
            learned, unseen = (evaluate(rival, part, fixed) for part in (few, test_part))
            seen.append(
                (trainer.steps * epochs / n_steps, learned.reconstruction, unseen.reconstruction)
            )
    bounds[kind.__name__] = learned.bound - unseen.bound
    curves[kind.__name__] = np.array(seen).T
gaps = {name: test[-1] - train[-1] for name, (_, train, test) in curves.items()}
for name, (_, train_loss, test_loss) in curves.items():
    print(
        f"{name:<11} reconstruction: training {train_loss[-1]:5.1f}, test {test_loss[-1]:5.1f} "
        f"(at best {test_loss.min():.1f}), gap {gaps[name]:.1f}; gap of the whole loss "
        f"{bounds[name]:.1f}"
    )
assert gaps["VAE"] < 0.6 * gaps["Autoencoder"], "the VAE overfits less"
assert bounds["VAE"] < 0.6 * bounds["Autoencoder"], "its price does not hide it either"
(_, _, by_autoencoder), (_, _, by_vae) = curves.values()
assert by_autoencoder[-1] - by_autoencoder.min() > by_vae[-1] - by_vae.min()

figure, ax = plt.subplots(figsize=(7, 3.4))
for (name, (at, train_loss, test_loss)), colour in zip(curves.items(), (PURPLE, BLUE), strict=True):
    ax.plot(at, test_loss, "o-", color=colour, label=f"{name}, test images")
    ax.plot(at, train_loss, "--", color=colour, label=f"{name}, training images")
ax.set(xlabel="epoch", ylabel="reconstruction, nats", ylim=0)
ax.legend()
show(ax, "13-overfitting")

# %% [markdown]
# The autoencoder gets better and better on its training images, while on others
# it soon stops improving, or even gets worse. The VAE's gap is well under half of
# that. It cannot learn by heart so easily: an image is a cloud for it, never
# twice the same code, and a narrow cloud costs. The price acts as a
# *regulariser*, which is the general name for a term that keeps a model from
# learning by heart. (It does not do away with overfitting, as the blue gap shows.
# And the autoencoder's reconstructions may still be the better ones: it pays
# nothing for its codes.)
#
# ## A little history
#
# Making up data with a network is older than the VAE. *Restricted Boltzmann
# machines* (1986; trained well from 2002 on) and the *deep belief nets* made by
# stacking them (2006) did it with binary latents, through which no gradient
# passes, and drawing from them means stepping to and fro for a long time. The
# *Helmholtz machine* (1995) already had an encoder beside its decoder, trained in
# turns, by two different losses. In December 2013 Kingma and Welling, and in
# January 2014 Rezende, Mohamed and Wierstra, independently had what you built
# today: an encoder for the posterior, a draw that a gradient can pass, one loss
# for all. Half a year later came the *generative adversarial network* (GAN),
# which goes another way: no encoder, no likelihood, but a second network that
# tries to tell made-up images from real ones. Lesson 17 comes back to GANs,
# lesson 18 to the Boltzmann machines.
#
# But first see what you have made: lesson 14.
#
# ## Exercises
#
# Answers are in `answers_13_vae_on_mnist.py`.
#
# 1. **Change a number.** Draw the $z$ of `model` not from $\mathcal N(0, I)$ but
#    from $\mathcal N(0, c^2 I)$, with $c = 0.5$ and $c = 2$. Predict both
#    pictures. *Check:* the mean squared distance between two samples is less than
#    two thirds of the usual for $c = 0.5$, and larger than usual for $c = 2$.
# 2. **An exhibit of your own.** Write one more bug into a subclass of `ByHand`,
#    one that the gradient check does not see. *Check:* `gradient(yours)` is true,
#    and another rung says no.
# 3. **Derive and implement.** Draw *two* codes for each image and average the two
#    reconstruction losses, but run the encoder once. What changes in the
#    gradients? *Check:* loss and gradient are those of `npvae.VAE` on a batch
#    that has every image twice, each time with other noise.
