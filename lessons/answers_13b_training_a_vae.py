# %% [markdown]
# # 13b · Training a VAE: two terms in equilibrium: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import VAE, Adam, Autoencoder, Cosine, Pixels, Trainer, evaluate, figures
from npvae.gaussian import kl_standard_normal, reparameterize

data = digits()
rng = np.random.default_rng(0)

# %% [markdown]
# ## 1. A narrower and a wider draw
#
# In 20 dimensions nearly all codes lie in a shell, at a distance of about
# $\sqrt{20}$ from the origin. With $c = 0.5$ the draws fall inside that shell,
# where there are hardly any codes of images, and the decoder blends those
# around it: soft digits that resemble each other. With $c = 2$ they fall far
# outside of it. The strokes are strong and the shapes strange. People call $c$
# the *temperature*, and show samples at a low one because they are prettier.
# That is fine as long as you say so.

# %%
part = data.train.only(slice(0, sized(20_000, quick=5000)))
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))
model = VAE.dense(784, n_h, 20)
model.start_at(part.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, part, Pixels("dynamic"), Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, "VAE, 20 latents")

z = rng.standard_normal((1000, 20)).astype(np.float32)
samples = {c: model.decode(z * np.float32(c)) for c in (0.5, 1, 2)}
variety = {c: 2 * x.var(axis=0).sum() for c, x in samples.items()}
for c, differ in variety.items():
    print(f"c = {c}: mean squared distance of two samples {differ:.1f}")
assert variety[0.5] < 2 / 3 * variety[1]
assert variety[2] > variety[1]
rows = np.concatenate([x[:12] for x in samples.values()])
told = "the same draws times 0.5, 1 and 2"
show(figures.samples(rows, data.shape, across=12, told=told), "13b-answer-temperature")


# %% [markdown]
# ## 2. Four times as many images
#
# Both gaps shrink, since it is harder to memorise more images, and each of them is
# seen only a quarter as often. The VAE's gap is smaller in both cases. More data
# are the best regulariser.

# %%
n_few, epochs, batch_size = sized((2000, 40, 64), quick=(1000, 30, 32))
fixed, test_part = Pixels("threshold"), data.test.only(slice(0, 2000))
gaps = {}
for kind in (Autoencoder, VAE):
    for times in (1, 4):
        images, last = data.train.only(slice(0, times * n_few)), epochs // times
        rival = kind.dense(784, n_h, 20)
        rival.start_at(images.take(slice(None)).mean(axis=0) / 255)
        lr = Cosine(2e-3, epochs=last)
        trainer = Trainer(rival, images, fixed, Adam(), batch_size=batch_size, lr=lr)
        name = f"{kind.__name__}, {times * n_few} images"
        run_epochs(trainer, last, name)
        parts = evaluate(rival, images, fixed), evaluate(rival, test_part, fixed)
        gaps[kind, times] = parts[1].reconstruction - parts[0].reconstruction
        print(f"{name}: gap {gaps[kind, times]:.1f} nats")
    assert gaps[kind, 4] < 2 / 3 * gaps[kind, 1]

# %% [markdown]
# ## 3. The slopes at the equilibrium
#
# The KL divergence of one latent is
# $\tfrac12 (c^2\mu^2 + \sigma^2 - 1 - \log\sigma^2)$, whose derivative with
# respect to $c$ is $c\mu^2$: at $c = 1$ it is $\mu^2$. With $c\sigma$ in place of
# $\sigma$ it is $\tfrac12 (\mu^2 + c^2\sigma^2 - 1 - \log\sigma^2 - 2 \log c)$,
# with the derivative $c\sigma^2 - 1/c$: at $c = 1$ it is $\sigma^2 - 1$.
#
# So at the equilibrium the reconstruction has the slope $-\sum \mu^2$ for $\mu$,
# and $\sum (1 - \sigma^2)$ for $\sigma$. The second sum is between 0 and the
# number of latents. A latent that is not used has $\sigma = 1$, and contributes
# nothing; a latent that is used has a small $\sigma$, and contributes nearly one.
# The sum counts the latents that are in use.

# %%
x = Pixels("dynamic").encode(part.take(slice(0, 4000)), rng, np.float32)
mu, logvar = model.encode(x)
noise = model.draw_noise(rng, len(x))


def reconstruction_of(mu, logvar):
    """The reconstruction term with these posteriors, in nats per image."""
    z = reparameterize(mu, logvar, noise).astype(np.float32)
    return -model.likelihood.log_prob(model.decoder.forward(z), x).mean()


up, down = 1.05, 0.95
slopes = {
    "μ": reconstruction_of(up * mu, logvar) - reconstruction_of(down * mu, logvar),
    "σ": reconstruction_of(mu, logvar + 2 * np.log(up))
    - reconstruction_of(mu, logvar + 2 * np.log(down)),
}
derived = {
    "μ": -(mu**2).sum(axis=1).mean(),
    "σ": (1 - np.exp(logvar)).sum(axis=1).mean(),
}
assert np.isclose(
    kl_standard_normal(up * mu, logvar).mean() - kl_standard_normal(down * mu, logvar).mean(),
    -derived["μ"] * (up - down),
    rtol=1e-3,
)
for name, difference in slopes.items():
    slope = difference / (up - down)
    print(f"slope of the reconstruction in {name}: {slope:.1f}, derived {derived[name]:.1f} nats")
    assert abs(slope - derived[name]) < 0.2 * abs(derived[name])

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** Only the sum is minimised. One term may rise if the other falls by more.
# - **b** At first no code says anything, and the KL divergence is near zero. A
#   useful code has to differ from the prior.
# - **c** They move away from it. The KL divergence measures just that.
#
# **Question 2: c.**
#
# - **a** They do become better, but the KL divergence rises by more.
# - **b** A narrower posterior is further from the prior, so its KL divergence
#   becomes larger.
# - **c** Training ends at the $\sigma$ where the sum is smallest. Near a minimum
#   the sum changes little, but whichever way you go, it rises.
