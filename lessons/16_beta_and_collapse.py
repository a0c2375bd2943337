# %% [markdown]
# # 16 · The price of a nat
#
# *What if the KL counts twice, or a tenth? And why do so many VAEs end with a
# code that says nothing?*
#
# - **You need:** lessons 12 and 13.
# - **You get:** the curve between what a code costs and what it leaves out, a
#   table of the weight that your program really uses, and a collapse, made and
#   cured.
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
black_or_white = Pixels("dynamic")
mean_image = train_part.take(slice(None)).mean(axis=0) / 255
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))


def train(model, beta=None, fresh=True):
    """Train it; return the KL of every step."""
    if fresh:
        model.start_at(mean_image)
    how = {"batch_size": batch_size, "lr": Cosine(2e-3, epochs=epochs), "beta": beta}
    trainer, kls = Trainer(model, train_part, black_or_white, Adam(), **how), []
    while trainer.goes_on(epochs):
        kls.append(float(trainer.step().kl))
    return kls


# %% [markdown]
# ## A knob
#
# The two terms of the loss are in the same unit, so there is nothing to weigh:
# one nat is one nat. Only the plain sum is minus the ELBO. But one *can* put a
# weight on the price,
#
# $$ L_\beta = -\log p(x \mid z) + \beta\, \text{KL} $$
#
# and people do (a *$\beta$-VAE*). We train one model for each of five $\beta$,
# and look at both terms on test images. In this context the KL is called the
# **rate**: how many nats the code may carry. What is left, $-\log p(x \mid z)$,
# is the **distortion**: what must still be paid for the image once the code is
# known. (The words come from the theory of compression. Lesson 06 counted bytes;
# here we count nats. The $-$ELBO printed is always the sum of both, with the
# weight 1, whatever the model was trained with.)
#
# **Predict first:** what does $\beta = 10$ do to the reconstructions? What does
# $\beta = 0.1$ do to samples? Which $\beta$ gives the best ELBO?

# %%
betas = (0.1, 0.3, 1.0, 3.0, 10.0)
models, results = {}, {}
for beta in betas:
    models[beta] = VAE.dense(784, n_h, 20, beta=beta)
    train(models[beta])
    results[beta] = r = evaluate(models[beta], test_part, black_or_white)
    print(f"β = {beta:<4} rate {r.rate:5.1f}, distortion {r.distortion:5.1f}, -ELBO {-r.elbo:5.1f}")
rates, distortions = (
    [getattr(r, what) for r in results.values()] for what in ("rate", "distortion")
)
assert np.all(np.diff(rates) < 0), "the dearer a nat, the fewer are bought"
assert np.all(np.diff(distortions) > 0), "and the less is said"
least = min(-r.elbo for r in results.values())
assert -results[1.0].elbo < 1.05 * least, "β = 1 is best, or near it"

x_shown = (test_part.take(slice(0, 8)) / 255).astype(np.float32)
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.9), width_ratios=(4, 3, 3))
names = [f"β = {beta:g}" for beta in betas]
figures.rate_distortion(rates, distortions, names, told="five models, test images", ax=left)
empty = np.full_like(x_shown, np.nan)
rebuilt = [x_shown, *(model.reconstruct(x_shown) for model in models.values())]
sampled = [empty, *(model.sample(8, rng=0) for model in models.values())]
for ax, images, told in ((middle, rebuilt, "rebuilt"), (right, sampled, "samples")):
    pictures = figures.tile(np.concatenate(images), data.shape, 8)
    ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
    ax.set(title=told, xticks=[], yticks=(np.arange(6) + 0.5) * len(pictures) / 6, yticklabels=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
middle.set_yticklabels(["test images", *names])
show(figure, "16-rate-and-distortion")

# %% [markdown]
# With a small $\beta$ you get an autoencoder: a rich code, good reconstructions,
# and samples like those of lesson 08. With a large one next to nothing is said,
# and everything comes close to one or a few mean images. In between you *trade*.
# On the left, rate and distortion have the same sum along each dashed line, and
# so the same ELBO: the nearer to the lower left corner, the better. (At full size
# $\beta = 1$ is best, as it should be: it is the only one that was trained for
# the ELBO. A model that is only half trained may do better with less.)
#
# If you want pretty reconstructions, or latents that are as few as possible, turn
# the knob. Then say which $\beta$ you used, and do not call the loss an ELBO.
#
# ## The knob that you did not know you had
#
# Lesson 03 warned of programs that average where they should sum. Say the
# reconstruction is averaged over $n_x$ pixels and the KL over $n_z$ latents:
#
# $$ \frac{1}{n_x}\left(-\log p(x \mid z)\right) + \frac{1}{n_z} \text{KL}
# = \frac{1}{n_x} \left(-\log p(x \mid z) + \frac{n_x}{n_z} \text{KL}\right) $$
#
# That *is* a VAE with $\beta = n_x / n_z$, and all gradients smaller by the same
# factor, which Adam hardly notices. So any mixture of sums and means is a
# $\beta$.
#
# **Predict first:** which $\beta$ has the loss "mean of the pixels plus a tenth
# of the mean of the latents", with 784 pixels and 32 latents? It stands in the
# tutorial of a well-known library.

# %%
recipes = {
    "sum of pixels + sum of latents": (1, 1),
    "sum of squares, without the half, + sum": (2, 1),  # a bell of variance 1/2
    "mean of pixels + sum of latents": (1 / 784, 1),
    "mean of pixels + mean of latents": (1 / 784, 1 / 32),
    "mean of pixels + 0.1 mean of latents": (1 / 784, 0.1 / 32),
}
for name, (of_reconstruction, of_kl) in recipes.items():
    print(f"{name:<40} β = {of_kl / of_reconstruction:.4g}")

rng = np.random.default_rng(0)
small = {"n_x": 30, "n_h": 12, "n_z": 3, "activation": "tanh", "dtype": np.float64}
x, eps = (rng.random((5, 30)) < 0.3).astype(float), rng.standard_normal((5, 3))


class Means(VAE):
    """The loss with both terms averaged."""

    def loss_and_grad(self, x, eps):
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


averaged, weighted = Means.dense(**small), VAE.dense(**small, beta=30 / 3)
assert check(averaged, x, eps).ok, "the gradient check has nothing against it"
assert np.isclose(30 * averaged.loss_and_grad(x, eps).loss, weighted.loss_and_grad(x, eps).loss)
assert np.allclose(30 * averaged.params.grad, weighted.params.grad), "it is β = 10, times 1/30"

# %% [markdown]
# 2.45. In the picture above $\beta = 3$ is near it: the code carries less than
# half of the nats that it would at 1, and the images are soft. Such a program
# runs, and passes its gradient check. Only a value worked out on paper tells
# (exhibit 10 of lesson 13). So do this division yourself. "How do I weigh KL and
# reconstruction?" is among the commonest questions, and the answer is: sum both,
# and start with 1.
#
# ## A collapse, made
#
# With $\beta = 10$ the code all but died, because it was too dear. It can also
# die at $\beta = 1$, where a good code would pay. We provoke it: a deeper
# network, three hidden layers in encoder and decoder, with the weights that
# lesson 02 recommended for ReLUs, of variance $2 / n_\text{in}$ (`init="he"`).
# npvae's usual is $2 / (n_\text{in} + n_\text{out})$. Behind the code, from 20
# numbers to 200, that is eleven times less. What is right for gradients may still
# be too loud for a code that is only noise.
#
# **Predict first:** three models with that network. One is trained as usual. For
# one the price rises from zero to its full weight over the first 80 % of the
# training (*warm-up*). One has *free bits* (nats, here): latent $j$ is charged
# $\max(0.25, \text{KL}_j)$, with $\text{KL}_j$ averaged over the batch, so that
# below a quarter of a nat it feels no price at all. Which of them will say
# something?


# %%
def deep(**options):
    return VAE.dense(784, (200, 200, 200), 20, init="he", **options)


cases = {
    "as usual": (deep(), None),
    "warm-up": (deep(), WarmUp(epochs=0.8 * epochs)),
    "free bits": (deep(free_bits=0.25), None),
}
traces, ends = {}, {}
for name, (model, beta) in cases.items():
    traces[name] = train(model, beta)
    ends[name] = r = evaluate(model, test_part, black_or_white)
    print(
        f"{name:<9} -ELBO {-r.elbo:5.1f}: distortion {r.distortion:5.1f}, rate {r.rate:4.1f}, "
        f"active latents {r.active_units}"
    )
assert ends["as usual"].active_units == 0, "a collapse, made"
assert ends["as usual"].rate < 0.1
dead = cases["as usual"][0]
deaf = dead.sample(500).var(axis=0).sum()
digits_vary = (train_part.take(slice(0, 500)) / 255).var(axis=0).sum()
print(
    f"variance of what the dead one makes of random codes: {deaf:.4f}, of digits: {digits_vary:.0f}"
)
h = np.random.default_rng(0).standard_normal((1000, 20)).astype(np.float32)
for layer in dead.decoder.layers[:-1]:
    h = layer.forward(h)
print(f"its last hidden layer, over all units and codes: on in {(h > 0).mean():.2%}")
train(dead, fresh=False)
again = evaluate(dead, test_part, black_or_white).rate
print(f"its rate after as many epochs again: {again:.5f}")
assert (h > 0).mean() < 0.03
assert again < 0.1, "it does not wake"
assert deaf < 0.1, "the decoder does not listen"
for cure in ("warm-up", "free bits"):
    assert ends[cure].active_units >= 10, "and cured"
    assert ends[cure].elbo > ends["as usual"].elbo + 10, "by its own ELBO, it was no good idea"

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), width_ratios=(3, 2))
for (name, trace), colour in zip(traces.items(), (ORANGE, BLUE, GREEN), strict=True):
    smooth = np.convolve(trace, np.ones(20) / 20, mode="valid")
    left.plot(np.arange(len(smooth)) + 20, smooth, color=colour, label=name)
left.set(xlabel="step", ylabel="KL, nats (mean of 20 steps)", yscale="symlog", ylim=0)
left.set_title("KL in training (axis: straight below 1, logarithmic above)")
left.legend()
kl = np.array(ends["warm-up"].kl_per_latent)
figures.kl_per_latent(kl, told="with warm-up: KL of each latent", ax=right)
show(figure, "16-collapse")

# %% [markdown]
# The first one is dead: whatever code it gets, it draws the same image, and more
# training does not wake it. (A latent counts as *active* if its $\mu$ varies over
# the images by more than 0.01, in variance. That asks for very little. The right
# picture, the KL of each latent, says more: the last of the twenty carries about
# a tenth of what the first does, or less.)
#
# Why? Look at the very first steps. The decoder cannot read yet, so a code is of
# no use to it, only noise that goes through large weights and spoils the image.
# There are two ways to get rid of that noise: to learn to read, which takes long,
# or to turn a deaf ear, which takes a few steps. Here the deaf ear is the last
# hidden layer: most of its ReLUs are off, whatever the code, and the rest are on
# for hardly any (exercise 2 of lesson 02). Next to no gradient passes. So $dz$ is
# next to zero, the encoder feels nothing but the price, and it gives up:
# $\mu = 0$, $\sigma = 1$, for every image. And ReLUs that are off for every code
# do not come back. (A collapse needs no dead ReLU. A decoder that ignores its
# code and an encoder that says nothing can hold each other there for a long time:
# neither gains anything as long as the other stays as it is.)
#
# The cures gain time. With **warm-up** a code costs nothing at first, so the
# encoder may shout. By the time it has to pay, the decoder has learned to listen.
# (Not always: with a narrower network or a shorter warm-up it may still die. Try
# a few seeds.) With **free bits** nothing pushes a latent below its quarter of a
# nat, five nats in all, so none has a reason to fall silent. The green curve
# starts near these five, and rises as the decoder learns to read. Both end with a
# far better ELBO *at $\beta = 1$*, so the collapse had not been the optimum. It
# was a place where training got stuck.
#
# > **What you may have read:** "if KL goes to zero, your VAE has a bug" and "if
# > some latents collapse, something is wrong". Not so. Unused latents are usually
# > the model's good judgement: a latent that does not pay for itself is switched
# > off (exercise 3 says exactly when), and a VAE of which half the latents carry
# > nothing may be quite healthy. What is wrong is a code that would pay and is
# > dead all the same. Train once more with warm-up: if the ELBO gets better, the
# > code would have paid.
#
# Whatever the $\beta$, the pictures were soft. Lesson 17 asks why.
#
# ## Exercises
#
# Answers are in `answers_16_beta_and_collapse.py`.
#
# 1. **Change a number.** $\beta = 0$: the draw stays, the price goes. Predict
#    what happens to $\sigma$, and to the KL that nobody looks at. *Check:* the
#    widths are less than half of those at $\beta = 1$ (in the mean over latents
#    and images), and the rate is more than ten times as large.
# 2. **Too many latents.** Give the usual model (one hidden layer) 50 latents in
#    place of 20, at $\beta = 3$. Predict how many of them carry more than a tenth
#    of a nat. *Check:* fewer than 20.
# 3. **Derive and implement.** When does a latent pay? Take one number $x$ of
#    variance $s^2$, a decoder $w z$ with noise $\sigma_x$, and an encoder
#    $\mu = a x$ with one $\sigma^2$ for all. Write down $L_\beta$, and set its
#    derivatives by $\sigma^2$, $a$ and $w$ to zero. *Check:*
#    $w^2 = s^2 - \beta \sigma_x^2$, and if that is negative, $w = 0$. Train
#    `VAE.dense(1, (), 1, likelihood="gaussian", sigma=1.0, beta=...)`, with the
#    loop of lesson 12, on numbers of variance 2, with $\beta$ = 0.5, 1 and 3:
#    $w^2$ comes out as 1.5, 1 and 0, each within 0.15.
