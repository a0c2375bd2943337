# %% [markdown]
# # 13b · Training a VAE: two terms in equilibrium
#
# *What does a VAE learn first, and will it make digits that nobody has ever
# written?*
#
# - **You need:** lessons 05, 08 and 13a.
# - **You get:** a training watched from its first step, with its reconstructions
#   and its samples; the equilibrium of the two terms of the loss; and a comparison
#   of how much an autoencoder and a VAE overfit.
# - **Run time:** a minute and a half.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, digits, show, sized

from npvae import VAE, Adam, Autoencoder, Cosine, Pixels, Trainer, evaluate, figures
from npvae.gaussian import kl_standard_normal, reparameterize

data = digits()
train_part = data.train.only(slice(0, sized(50_000, quick=5000)))
test_part = data.test.only(slice(0, 2000))
black_or_white = Pixels("dynamic")
mean_image = train_part.take(slice(None)).mean(axis=0) / 255
test_x = (test_part.take(slice(None)) / 255).astype(np.float32)
rng = np.random.default_rng(0)


def trainer_of(model, part, epochs, batch_size, pixels):
    model.start_at(part.take(slice(None)).mean(axis=0) / 255)  # the decoder starts at the mean
    lr = Cosine(2e-3, epochs=epochs)
    return Trainer(model, part, pixels, Adam(), batch_size=batch_size, lr=lr)


# %% [markdown]
# ## Training, from the first step
#
# Now train a model with 20 latents, and look at it on the way.
#
# **Predict first:** in the very first steps, does the KL divergence rise or
# fall? And which become good first, reconstructions or samples?

# %%
n_h, epochs, batch_size = sized((400, 16, 100), quick=(200, 6, 32))
model = VAE.dense(784, n_h, 20)
x_shown, z_shown = test_x[:6], rng.standard_normal((6, 20)).astype(np.float32)
trainer = trainer_of(model, train_part, epochs, batch_size, black_or_white)
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
show(figure, "13b-training")

# %% [markdown]
# At first the decoder knows only the mean image, and a code is of no use to it.
# But the encoder starts at random and already pays for its codes. The gradient
# removes that cost first: within ten steps or so the KL divergence falls to well
# below a nat, as printed (at the scale of the picture it is a flat line). For a
# moment the model has nearly collapsed. Then the decoder finds a first use for $z$. The
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
show(ax, "13b-samples")

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
# about half on MNIST, are tangles of strokes. Longer training lowers −ELBO a
# little further, but tangles remain: with 20 latents much of the prior has no
# posterior nearby, as the next section explains.
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


def terms_of(model, x, mu, logvar, eps):
    """The two terms of the loss with the posteriors N(mu, exp(logvar)), in nats per image.

    mu and logvar are (B, n_z). Draw z with the noise eps, (B, n_z), decode it, and take the means
    over the batch of -log p(x | z) for the images x and of the KL divergence from the prior.
    `model.likelihood.log_prob(logits, x)` is log p(x | z) for each image.
    """
    ### BEGIN SOLUTION
    z = reparameterize(mu, logvar, eps).astype(np.float32)
    log_px_given_z = model.likelihood.log_prob(model.decoder.forward(z), x)
    return -log_px_given_z.mean(), kl_standard_normal(mu, logvar).mean()
    ### END SOLUTION


cs = np.linspace(0.5, 1.5, 21)  # cs[10] is 1
scaled = {
    "μ": np.array([terms_of(model, x_chosen, c * mu, logvar, noise) for c in cs]).T,
    "σ": np.array([terms_of(model, x_chosen, mu, logvar + 2 * np.log(c), noise) for c in cs]).T,
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
show(figure, "13b-equilibrium")

# %% [markdown]
# The sum is smallest at 1. On training images, which these are, it had to be:
# the encoder could have multiplied every $\mu$ by $c$ itself, in its last layer,
# or added a constant to every $\log\sigma^2$. Each term alone would improve by a
# change of $c$, in opposite directions, and at 1 their slopes cancel. (When
# every $\mu$ is multiplied by more than 1.15 to 1.3, even the reconstruction
# gets worse again: the decoder was never trained that far out.)
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
show(ax, "13b-overfitting")

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
# 2014 Rezende, Mohamed and Wierstra, independently published what you have built:
# an encoder for the posterior, a draw that a gradient can pass through, and one
# loss for all. Half a year later came the *generative adversarial network* (GAN),
# with another approach: no encoder and no likelihood, but a second network that
# tries to tell generated images from real ones. Lesson 20a
# comes back to GANs, and in lesson 19 you run the Boltzmann machines.
#
# But first look at what you have made: lesson 14.
#
# ## Questions
#
# **Question 1.** During training the KL divergence rises from one nat to 25. Is
# something wrong?
#
# - **a** Yes, since it is a term of the loss, and the loss should fall.
# - **b** No: the code carries more information, and the reconstruction term falls
#   by more than the KL divergence rises.
# - **c** No: the posteriors move towards the prior.
#
# **Question 2.** In the trained model you multiply every $\sigma$ by 0.9, without
# training again. What happens to the loss of the training images?
#
# - **a** It falls, since the reconstructions become better.
# - **b** It falls, since the KL divergence becomes smaller.
# - **c** It rises a little, although the reconstructions become better.
#
# ## Exercises
#
# Answers are in `answers_13b_training_a_vae.py`.
#
# 1. **Change a number.** Draw the $z$ of `model` not from $\mathcal N(0, I)$
#    but from $\mathcal N(0, c^2 I)$, with $c = 0.5$ and $c = 2$. Predict both
#    pictures. *Check:* the mean squared distance between two samples is less
#    than two thirds of the usual one for $c = 0.5$, and larger than usual for
#    $c = 2$.
# 2. **Four times as many images.** Train the autoencoder and the VAE on four
#    times as many images, for a quarter of the epochs. Predict both gaps between
#    training and test images. *Check:* each is less than two thirds of what it
#    was.
# 3. **Derive and implement.** At the equilibrium the slope of the reconstruction
#    term is minus that of the KL divergence. Derive the slope of
#    $\text{KL}(\mathcal N(c\mu, \sigma^2), \mathcal N(0, 1))$ with respect to $c$
#    at $c = 1$, and likewise for $c\sigma$. *Check:* sum them over the latents and
#    average over images. The slope of the reconstruction, by a difference between
#    $c = 1.05$ and $c = 0.95$, is minus that, to within a fifth. Which property of
#    the model does the sum for $\sigma$ count?
