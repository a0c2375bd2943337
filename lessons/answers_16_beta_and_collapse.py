# %% [markdown]
# # 16 · Rate, distortion and posterior collapse: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, evaluate, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
test_part = data.test.only(slice(0, 2000))
black_or_white = Pixels("dynamic")
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))
rng = np.random.default_rng(0)


def train(model, name):
    model.start_at(train_part.take(slice(None)).mean(axis=0) / 255)
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)
    return model


# %% [markdown]
# ## 1. No KL divergence in the loss
#
# Noise makes the reconstruction worse, and now no other term asks for it. So
# $\sigma$ shrinks and the $\mu$ move apart, until the posteriors are nearly
# points far from each other. The KL divergence is not in the loss, and becomes
# very large. What is left is nearly an autoencoder.

# %%
x = (test_part.take(slice(None)) / 255).astype(np.float32)
rate, sigma = {}, {}
for beta in (0, 1):
    model = train(VAE.dense(784, n_h, 20, beta=beta), f"β = {beta}")
    rate[beta] = evaluate(model, test_part, black_or_white).rate
    mu, logvar = model.encode(x)
    sigma[beta] = np.exp(logvar / 2).mean()
    print(f"    rate {rate[beta]:.1f} nats, mean σ {sigma[beta]:.2f}")
assert sigma[0] < 0.5 * sigma[1]
assert rate[0] > 10 * rate[1]

# %% [markdown]
# ## 2. Too many latents
#
# A few latents carry nearly everything. The posteriors of the others stay close
# to the prior: they cost almost nothing and do no harm, since the decoder has
# learned to ignore them. The model has chosen its own number of latents. (Many
# of them still count as *active* by the usual criterion, which asks for very
# little.)

# %%
model = train(VAE.dense(784, n_h, 50, beta=3), "β = 3, 50 latents")
result = evaluate(model, test_part, black_or_white)
kl = np.array(result.kl_per_latent)
print(f"above a tenth of a nat: {(kl > 0.1).sum()} of 50; active: {result.active_units}")
assert (kl > 0.1).sum() < 20
ax = figures.kl_per_latent(kl, told="50 latents, β = 3: KL of each")
show(ax, "16-answer-fifty-latents")

# %% [markdown]
# ## 3. When a latent is worth its cost
#
# With $\mu = a x$ and $z = \mu + \sigma\varepsilon$, averaged over $x$ and
# $\varepsilon$ and without constants:
#
# $$ L_\beta = \frac{s^2 (1 - w a)^2 + w^2 \sigma^2}{2\sigma_x^2}
# + \frac\beta2 \left(a^2 s^2 + \sigma^2 - \log\sigma^2\right) $$
#
# Write $T = w^2 + \beta\sigma_x^2$. The derivative with respect to $\sigma^2$
# is zero at $\sigma^2 = \beta\sigma_x^2 / T$, that with respect to $a$ at
# $a = w / T$. Insert both. What remains depends on $T$ only:
#
# $$ L_\beta = \frac\beta2 \left(\frac{s^2}{T} + \log T\right) + \text{constant} $$
#
# Its minimum is at $T = s^2$, so $w^2 = s^2 - \beta\sigma_x^2$. But $T$ cannot
# be less than $\beta\sigma_x^2$. If the variance of the data is smaller than
# that, the best is $w = 0$, and the latent is off. So a latent is worth its
# cost exactly if the variance that it explains is larger than $\beta$ times
# that of the decoder's noise. With many latents it is the same: a linear VAE
# keeps those principal directions whose eigenvalue is above $\beta\sigma_x^2$
# (lesson 06 has the eigenvalues).

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
    print(f"β = {beta}: w² = {w**2:.2f}, derived {max(2 - beta, 0):.2f}")
    assert abs(w**2 - max(2 - beta, 0)) < 0.15

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** The tenth multiplies a *mean over latents*, beside a *mean over pixels*.
#   Write both as sums first, and then divide.
# - **b** Adam hides a common factor. Here the two terms are divided by different
#   numbers, 784 and 32, so their ratio changes.
# - **c** $\frac{0.1 / 32}{1 / 784} = 2.45$. It runs, passes its gradient check,
#   and its images are soft.
#
# **Question 2: b.**
#
# - **a** No bug is needed. A latent that saves fewer nats than it costs is
#   switched off, and that is the optimum.
# - **b** If it does, some latent was worth its cost and was off all the same. If
#   not, the model needs only ten.
# - **c** That makes all of them carry something, and makes the ELBO worse. The
#   number of active latents is not what is maximised.
