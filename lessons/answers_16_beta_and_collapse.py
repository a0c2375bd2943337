# %% [markdown]
# # 16 · The price of a nat: answers

# %%
import numpy as np
from course import digits, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, evaluate, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
test_part = data.test.only(slice(0, 2000))
black_or_white = Pixels("dynamic")
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))
rng = np.random.default_rng(0)


def train(model):
    model.start_at(train_part.take(slice(None)).mean(axis=0) / 255)
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
    while trainer.goes_on(epochs):
        trainer.step()
    return model


# %% [markdown]
# ## 1. No price
#
# Noise is bad for the reconstruction, and now nothing speaks for it. So $\sigma$
# shrinks and $\mu$ spreads, until the clouds are points far apart. Nobody pays
# for the KL, and it becomes enormous. What is left is an autoencoder.

# %%
x = (test_part.take(slice(None)) / 255).astype(np.float32)
rate, width = {}, {}
for beta in (0, 1):
    model = train(VAE.dense(784, n_h, 20, beta=beta))
    rate[beta] = evaluate(model, test_part, black_or_white).rate
    width[beta] = np.exp(model.encode(x)[1] / 2).mean()
    print(f"β = {beta}: rate {rate[beta]:.1f} nats, mean σ {width[beta]:.2f}")
assert width[0] < 0.5 * width[1]
assert rate[0] > 10 * rate[1]

# %% [markdown]
# ## 2. Too many latents
#
# A few do the work, and the others idle close to the prior: nearly free of
# charge, and without harm, since the decoder has learned to ignore them. The
# model has chosen its own number of latents. (Many of them still count as
# *active* by the usual measure, which asks for very little.)

# %%
model = train(VAE.dense(784, n_h, 50, beta=3))
result = evaluate(model, test_part, black_or_white)
kl = np.array(result.kl_per_latent)
print(f"above a tenth of a nat: {(kl > 0.1).sum()} of 50; active: {result.active_units}")
assert (kl > 0.1).sum() < 20
ax = figures.kl_per_latent(kl, told="50 latents, β = 3: KL of each")
show(ax, "16-answer-fifty-latents")

# %% [markdown]
# ## 3. When a latent pays
#
# With $\mu = a x$ and $z = \mu + \sigma\varepsilon$, in the mean over $x$ and
# $\varepsilon$ and without constants:
#
# $$ L_\beta = \frac{s^2 (1 - w a)^2 + w^2 \sigma^2}{2\sigma_x^2}
# + \frac\beta2 \left(a^2 s^2 + \sigma^2 - \log\sigma^2\right) $$
#
# Write $T = w^2 + \beta\sigma_x^2$. The derivative by $\sigma^2$ is zero at
# $\sigma^2 = \beta\sigma_x^2 / T$, that by $a$ at $a = w / T$. Put both in. What
# remains depends on $T$ only:
#
# $$ L_\beta = \frac\beta2 \left(\frac{s^2}{T} + \log T\right) + \text{constant} $$
#
# Its minimum is at $T = s^2$, so $w^2 = s^2 - \beta\sigma_x^2$. But $T$ cannot be
# less than $\beta\sigma_x^2$. If the data vary less than that, the best is
# $w = 0$, and the latent is off. So a latent pays exactly if what it explains is
# larger than $\beta$ times the noise that the decoder expects anyway. It is the
# same with many: a linear VAE keeps those principal directions whose eigenvalue
# is above $\beta\sigma_x^2$ (lesson 06 has the eigenvalues).

# %%
data_1d = np.sqrt(2) * rng.standard_normal((20_000, 1))
for beta in (0.5, 1.0, 3.0):
    tiny = VAE.dense(
        1, (), 1, likelihood="gaussian", sigma=1.0, beta=beta, dtype=np.float64, seed=1
    )
    adam = Adam(lr=0.01)
    for step in range(3000):
        adam.lr = 0.01 * (1 - step / 3000)
        batch = data_1d[rng.integers(0, len(data_1d), 200)]
        tiny.loss_and_grad(batch, tiny.draw_noise(rng, 200))
        adam.step(tiny.params)
    w = tiny.decoder.layers[0].W[0, 0]
    print(f"β = {beta}: w² = {w**2:.2f}, on paper {max(2 - beta, 0):.2f}")
    assert abs(w**2 - max(2 - beta, 0)) < 0.15
