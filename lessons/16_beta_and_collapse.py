# %% [markdown]
# # 16 · Rate, distortion and posterior collapse
#
# *What if the KL divergence counts ten times, or a tenth? And why do so many
# VAEs end with a code that carries nothing?*
#
# - **You need:** lessons 12a to 13b.
# - **You get:** the trade-off between what a code carries and what it leaves
#   out, the weight that a program really gives to the KL divergence, and a
#   collapse, made and cured.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show, sized

from npvae import VAE, Adam, Cosine, Loss, Pixels, Trainer, WarmUp, check, evaluate, figures
from npvae.layers import sigmoid, softplus

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
test_part = data.test.only(slice(0, 2000))
held_out = (data.test.take(slice(2000, 6000)) / 255).astype(np.float32)  # to judge samples by
black_or_white = Pixels("dynamic")
mean_image = train_part.take(slice(None)).mean(axis=0) / 255
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))


def build(n_h, **options):
    """A VAE with 20 latents, whose decoder starts with the mean image."""
    model = VAE.dense(784, n_h, 20, **options)
    model.start_at(mean_image)
    return model


def train(model, name, beta=None):
    """Train it, print the loss of each epoch, and return the KL divergence of every step."""
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(
        model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr, beta=beta
    )
    kls = []
    print(f"training {name}; loss of each epoch:", end="", flush=True)
    while trainer.goes_on(epochs):
        kls.append(float(trainer.step().kl))
        if trainer.epoch_is_over:
            print(f" {trainer.end_epoch().train_loss:.1f}", end="", flush=True)
    print()
    return kls


# %% [markdown]
# ## A weight on the KL divergence
#
# The two terms of the loss have the same unit, so there is nothing to weigh:
# one nat is one nat. Only their plain sum is minus the ELBO. But one *can* give
# the KL divergence a weight,
#
# $$ L_\beta = -\log p(x \mid z) + \beta\, \text{KL} $$
#
# and such a model is called a **$\beta$-VAE**. We train one model for each of
# five $\beta$, and look at both terms on test images. In this context the KL
# divergence is called the **rate**: the number of nats that the code carries,
# at most. The reconstruction term $-\log p(x \mid z)$ is called the
# **distortion**: the number of nats that the image still costs once the code is
# known. Both words come from the theory of compression. (Lesson 06 counted
# bytes; here we count nats. The −ELBO that is printed is always the sum of both
# with weight 1, whatever weight the model was trained with.)
#
# **Predict first:** what does $\beta = 10$ do to the reconstructions? Which
# $\beta$ gives the best ELBO? And which gives the samples that look best?


# %%
def nearest(x):
    """The squared distance of each row of x to the nearest of 4,000 held-out images."""
    square = (x * x).sum(axis=1)[:, None] + (held_out * held_out).sum(axis=1)
    return np.maximum((square - 2 * x @ held_out.T).min(axis=1), 0)


betas = (0.1, 0.3, 1.0, 3.0, 10.0)
models, results, distances, varieties = {}, {}, {}, {}
for beta in betas:
    models[beta] = build(n_h, beta=beta)
    train(models[beta], f"β = {beta:g}")
    results[beta] = r = evaluate(models[beta], test_part, black_or_white)
    samples = models[beta].sample(500, rng=0)
    distances[beta] = nearest(samples).mean()
    varieties[beta] = 2 * samples.var(axis=0).sum()  # mean squared distance of two samples
    print(
        f"    rate {r.rate:.1f}, distortion {r.distortion:.1f}, -ELBO {-r.elbo:.1f} nats; samples: "
        f"squared distance to the nearest digit {distances[beta]:.1f}, of two samples "
        f"{varieties[beta]:.1f}"
    )
rates = [r.rate for r in results.values()]
distortions = [r.distortion for r in results.values()]
assert np.all(np.diff(rates) < 0), "the larger β, the less the code carries"
assert np.all(np.diff(distortions) > 0), "and the more the image still costs"
best = min(-r.elbo for r in results.values())
assert -results[1.0].elbo < 1.05 * best, "β = 1 is best, or near it"

x_shown = (test_part.take(slice(0, 8)) / 255).astype(np.float32)
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.9), width_ratios=(4, 3, 3))
names = [f"β = {beta:g}" for beta in betas]
figures.rate_distortion(rates, distortions, names, told="five models, test images", ax=left)
empty = np.full_like(x_shown, np.nan)
reconstructed = [x_shown, *(model.reconstruct(x_shown) for model in models.values())]
sampled = [empty, *(model.sample(8, rng=0) for model in models.values())]
for ax, images, title in ((middle, reconstructed, "reconstructions"), (right, sampled, "samples")):
    pictures = figures.tile(np.concatenate(images), data.shape, 8)
    ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
    ax.set(title=title, xticks=[], yticks=(np.arange(6) + 0.5) * len(pictures) / 6, yticklabels=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
middle.set_yticklabels(["test images", *names])
show(figure, "16-rate-and-distortion")

# %% [markdown]
# With a small $\beta$ you get nearly an autoencoder: a code that carries a lot,
# good reconstructions, and poor samples as in lesson 08. With a large $\beta$
# the code carries next to nothing, and all images come close to one or a few
# mean images. In between there is a *trade-off*. In the left picture rate and
# distortion have the same sum along each dashed line, and so the same ELBO: the
# nearer to the lower left corner, the better. (At full size $\beta = 1$ is
# best, as it should be: it is the only model that was trained to maximise the
# ELBO. A model that is only half trained may do better with less.)
#
# Look at the samples, too: those of the model with the best ELBO need not look
# best. On MNIST at full size the samples with $\beta = 3$ are nearer to real
# digits than those with $\beta = 1$ (squared distances of 23 and 28), and look
# cleaner, but they are softer and vary less. A larger $\beta$ pulls the
# posteriors towards the prior, so that a draw from the prior is more often a
# code for which the decoder was trained. With a code that carries next to
# nothing this is no gain: in quick mode, where $\beta = 3$ leaves less than
# five nats on glyphs, the samples with $\beta = 1$ are the nearest.
#
# If you want better reconstructions, cleaner samples, or as few latents as
# possible, change $\beta$. Then say which $\beta$ you used, and do not call the
# loss an ELBO.
#
# ## A β that you may not know of
#
# Lesson 03 warned of programs that average where they should sum. Suppose that
# the reconstruction term is averaged over $n_x$ pixels, and the KL divergence
# over $n_z$ latents:
#
# $$ \frac{1}{n_x}\left(-\log p(x \mid z)\right) + \frac{1}{n_z} \text{KL}
# = \frac{1}{n_x} \left(-\log p(x \mid z) + \frac{n_x}{n_z} \text{KL}\right) $$
#
# That *is* a VAE with $\beta = n_x / n_z$. All its gradients are smaller by the
# same factor, which makes hardly any difference to Adam. So every mixture of
# sums and means has a $\beta$.
#
# **Predict first:** which $\beta$ has the loss "mean over the pixels plus a
# tenth of the mean over the latents", with 784 pixels and 32 latents? The
# tutorial of a well-known library uses it.


# %%
def beta_of(of_reconstruction, of_kl):
    """The beta of a loss with these factors before -log p(x | z) and KL, which are both sums."""
    ### BEGIN SOLUTION
    return of_kl / of_reconstruction
    ### END SOLUTION


recipes = {
    "sum of pixels + sum of latents": (1, 1),
    "sum of squares, without the half, + sum": (2, 1),  # a Gaussian of variance 1/2
    "mean of pixels + sum of latents": (1 / 784, 1),
    "mean of pixels + mean of latents": (1 / 784, 1 / 32),
    "mean of pixels + 0.1 mean of latents": (1 / 784, 0.1 / 32),
}
for name, (of_reconstruction, of_kl) in recipes.items():
    print(f"{name:<40} β = {beta_of(of_reconstruction, of_kl):.4g}")

rng = np.random.default_rng(0)
small = {"n_x": 30, "n_h": 12, "n_z": 3, "activation": "tanh", "dtype": np.float64}
x, eps = (rng.random((5, 30)) < 0.3).astype(float), rng.standard_normal((5, 3))


class Means(VAE):
    """The loss with both terms averaged."""

    def loss_and_grad(self, x, eps):
        """The loss of x, (B, n_x), with noise eps, (B, n_z), as in lesson 13a, but in means.

        The cross-entropy is the mean over all pixels of all images, and the KL divergence the mean
        over all latents of all images. `backward` leaves the gradients in `params.grad`.
        """
        ### BEGIN SOLUTION
        h = self.encoder.forward(x)
        mu, logvar = h[:, : self.n_z], h[:, self.n_z :]
        logits = self.decoder.forward(mu + np.exp(logvar / 2) * eps)
        reconstruction = (softplus(logits) - x * logits).mean()
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).mean()
        dz = self.decoder.backward((sigmoid(logits) - x) / x.size)
        dmu = dz + mu / mu.size
        dlogvar = dz * 0.5 * np.exp(logvar / 2) * eps + 0.5 * (np.exp(logvar) - 1) / mu.size
        self.encoder.backward(np.concatenate([dmu, dlogvar], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)
        ### END SOLUTION


averaged, weighted = Means.dense(**small), VAE.dense(**small, beta=30 / 3)
assert check(averaged, x, eps).ok, "the gradient check finds nothing wrong"
assert np.isclose(30 * averaged.loss_and_grad(x, eps).loss, weighted.loss_and_grad(x, eps).loss)
assert np.allclose(30 * averaged.params.grad, weighted.params.grad), "it is β = 10, times 1/30"

# %% [markdown]
# The answer is 2.45. In the picture above, $\beta = 3$ is near it: the code
# carries less than half of the nats that it would at 1, and the images are
# soft. Such a program runs, and passes its gradient check. Only a value worked
# out by hand reveals it (exhibit 10 of lesson 13a), or this division. "How do I
# weigh the KL divergence and the reconstruction?" is among the most frequent
# questions about VAEs. The answer: sum both, and start with 1.
#
# ## A collapse, made and cured
#
# With $\beta = 10$ the code carries next to nothing, since it costs too much.
# The same **posterior collapse** can happen at $\beta = 1$, where a good code
# would be worth its cost. We provoke it with a deeper network: three hidden
# layers in encoder and decoder, with the initial weights that lesson 02
# recommended for ReLUs, of variance $2 / n_\text{in}$ (`init="he"`). npvae's
# default is $2 / (n_\text{in} + n_\text{out})$. In the first layer of the
# decoder, from 20 numbers to 200, that is eleven times less. What is right for
# gradients may amplify a code too much as long as that code is only noise.
#
# **Predict first:** we train three models with that network. The first is
# trained as usual. In the second the weight of the KL divergence rises from
# zero to one over the first 80 % of the training (*warm-up*). The third has
# *free bits* (nats, here): latent $j$ adds $\max(0.25, \text{KL}_j)$ to the
# loss, with $\text{KL}_j$ averaged over the batch, so that below a quarter of a
# nat it gets no gradient from the KL divergence. Whose code will carry
# something?


# %%
def deep(**options):
    return build((200, 200, 200), init="he", **options)


cases = {
    "as usual": (deep(), None),
    "warm-up": (deep(), WarmUp(epochs=0.8 * epochs)),
    "free bits": (deep(free_bits=0.25), None),
}
traces, ends = {}, {}
for name, (model, beta) in cases.items():
    traces[name] = train(model, name, beta)
    ends[name] = r = evaluate(model, test_part, black_or_white)
    print(
        f"    -ELBO {-r.elbo:.1f}: distortion {r.distortion:.1f}, rate {r.rate:.1f}; "
        f"active latents: {r.active_units}"
    )
assert ends["as usual"].active_units == 0, "a collapse, made"
assert ends["as usual"].rate < 0.1
for cure in ("warm-up", "free bits"):
    assert ends[cure].active_units >= 10, "and cured"
    assert ends[cure].elbo > ends["as usual"].elbo + 10, "the collapse is far from the optimum"

collapsed = cases["as usual"][0]
of_samples = collapsed.sample(500).var(axis=0).sum()
of_digits = (train_part.take(slice(0, 500)) / 255).var(axis=0).sum()
print(f"variance of the collapsed model's samples: {of_samples:.4f}, of digits: {of_digits:.0f}")
assert of_samples < 0.1, "the decoder ignores its code"
h = rng.standard_normal((1000, 20)).astype(np.float32)
for layer in collapsed.decoder.layers[:-1]:
    h = layer.forward(h)
print(f"share of positive values in its last hidden layer: {(h > 0).mean():.2%}")
assert (h > 0).mean() < 0.03
train(collapsed, "it once more")
again = evaluate(collapsed, test_part, black_or_white).rate
print(f"its rate after as many epochs again: {again:.5f}")
assert again < 0.1, "it does not recover"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(3, 2))
for (name, trace), colour in zip(traces.items(), (ORANGE, BLUE, GREEN), strict=True):
    smooth = np.convolve(trace, np.ones(20) / 20, mode="valid")
    left.plot(np.arange(len(smooth)) + 20, smooth, color=colour, label=name)
left.set(xlabel="step", ylabel="KL, nats (mean of 20 steps)", yscale="symlog", ylim=0)
left.set_title("KL in training (axis: linear below 1, logarithmic above)")
left.legend()
kl = np.array(ends["warm-up"].kl_per_latent)
figures.kl_per_latent(kl, told="with warm-up: KL of each latent", ax=right)
show(figure, "16-collapse")

# %% [markdown]
# The first model has collapsed: it decodes every code to the same image, and
# more training does not help. (A latent counts as *active* if the variance of
# its $\mu$ over the images is above 0.01. That asks for very little. The right
# picture shows more: the last of the twenty latents carries about a tenth of
# what the first does, or less.)
#
# Why? Consider the very first steps. The decoder has not learned to use the
# code, which is only noise that passes through large weights and spoils the
# image. There are two ways to get rid of that noise. Learning to use the code
# takes long. Ignoring it takes a few steps. Here the decoder ignores it by its
# last hidden layer: most ReLUs there output 0 for every code, and the rest are
# positive for hardly any (exercise 2 of lesson 02). Next to no gradient passes.
# So $dz$ is nearly zero, the encoder gets a gradient from the KL divergence
# only, and it outputs $\mu = 0$ and $\sigma = 1$ for every image. ReLUs that
# are 0 for every code do not recover. (A collapse does not need dead ReLUs. A
# decoder that ignores its code and an encoder whose code carries nothing can
# hold each other in that state for a long time: neither gains anything as long
# as the other stays as it is.)
#
# Both cures give the decoder time. With **warm-up** the KL divergence costs
# nothing at first, so the encoder may send codes with little noise. By the time
# they cost something, the decoder has learned to use them. (This does not
# always work: with a narrower network or a shorter warm-up the model may still
# collapse. Try a few seeds.) With **free bits** nothing pushes a latent below a
# quarter of a nat, five nats in all, so none of them gains by falling silent.
# The green curve starts near these five nats, and rises as the decoder learns.
# Both models end with a far better ELBO *at $\beta = 1$*. So the collapse was
# not the optimum, but a place where training got stuck.
#
# > **What you may have read:** "if the KL divergence goes to zero, your VAE has
# > a bug", or "if some latents collapse, something is wrong". Neither is true
# > in general. An unused latent is usually the optimum: a latent that saves
# > fewer nats than it costs is switched off (exercise 3 says exactly when), and
# > a VAE of which half the latents carry nothing may be quite healthy. What is
# > wrong is a latent that would save more than it costs and is off all the
# > same. Train once more with warm-up: if the ELBO improves, there was such a
# > latent.
#
# Whatever the $\beta$, the images were soft. Lesson 17 asks why.

# %% [markdown]
# ## Questions
#
# **Question 1.** A program takes the mean of the cross-entropy over 784 pixels
# and adds a tenth of the mean of the KL divergence over 32 latents. What does it
# train?
#
# - **a** A VAE with $\beta = 0.1$.
# - **b** An ordinary VAE: means in place of sums make no difference to Adam.
# - **c** A VAE with $\beta$ of about 2.45.
#
# **Question 2.** In a trained VAE ten of twenty latents have a KL divergence of
# nearly zero. What should you do?
#
# - **a** Look for the bug: every latent should carry something.
# - **b** Nothing yet. Train once more with warm-up, and see whether the ELBO
#   improves.
# - **c** Use a smaller $\beta$ until all of them are active.
#
# ## Exercises
#
# Answers are in `answers_16_beta_and_collapse.py`.
#
# 1. **Change a number.** Set $\beta = 0$: the draw stays, the KL divergence
#    goes. Predict what happens to $\sigma$, and to the KL divergence that is no
#    longer in the loss. *Check:* the mean of $\sigma$ over latents and images
#    is less than half of that at $\beta = 1$, and the rate is more than ten
#    times as large.
# 2. **Too many latents.** Give the usual model (one hidden layer) 50 latents in
#    place of 20, at $\beta = 3$. Predict how many of them carry more than a
#    tenth of a nat. *Check:* fewer than 20.
# 3. **Derive and implement.** When is a latent worth its cost? Take one number
#    $x$ of variance $s^2$, a linear decoder $w z$ with noise of standard
#    deviation $\sigma_x$, and an encoder $\mu = a x$ with one $\sigma^2$ for
#    all. Write down $L_\beta$, and set its derivatives with respect to
#    $\sigma^2$, $a$ and $w$ to zero. *Check:* $w^2 = s^2 - \beta \sigma_x^2$,
#    and if that is negative, $w = 0$. Train
#    `VAE.dense(1, (), 1, likelihood="gaussian", sigma=1.0, beta=...)`, with the
#    loop of lesson 12b, on numbers of variance 2, with $\beta$ = 0.5, 1 and 3:
#    $w^2$ comes out as 1.5, 1 and 0, each within 0.15.
