# %% [markdown]
# # 17 · Why VAE images are blurred: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 5000)) / 255).astype(np.float32)
x_test, held_out = test[:1000], test[1000:]
rng = np.random.default_rng(0)


def build(sigma):
    model = VAE.dense(784, sized(400, quick=200), 20, likelihood="gaussian", sigma=sigma)
    model.start_at(x_train.mean(axis=0))
    return model


def train(model, name):
    epochs, batch_size = sized((6, 64), quick=(6, 32))
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)
    return model


def nearest(x, known):
    """The squared distance of each row of x to the nearest row of `known`."""
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1) - 2 * x @ known.T
    return np.maximum(square.min(axis=1), 0)


def rate_of(model):
    mu, logvar = model.encode(x_test)
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1).mean()


def edges(x):
    images = x.reshape(-1, 28, 28)
    across, down = np.diff(images, axis=2), np.diff(images, axis=1)
    return float(((across**2).sum(axis=(1, 2)) + (down**2).sum(axis=(1, 2))).mean())


# %% [markdown]
# ## 1. A σ far too small
#
# Now an error of 0.1 costs two nats per pixel! The rate rises by a third to two
# thirds. But nearly all of that makes the posteriors narrower, so that the draw
# of $z$ does less harm. The reconstruction from $\mu$ gains nothing. And the
# samples are worse, as with a small $\beta$: narrower posteriors leave more
# room between them.

# %%
narrow, optimal = train(build(0.05), "σ = 0.05"), train(build("optimal"), "optimal σ")
far = {}
for name, model in (("σ = 0.05", narrow), ("optimal", optimal)):
    far[name] = nearest(model.sample(1000), held_out).mean()
    rebuilt = model.reconstruct(x_test)
    error = ((rebuilt - x_test) ** 2).sum(axis=1).mean()
    print(
        f"{name:<8} rate {rate_of(model):5.1f} nats; reconstructions off by {error:.1f}, edges "
        f"{edges(rebuilt) / edges(x_test):.0%}; samples {far[name]:.1f} from the nearest digit"
    )
assert rate_of(narrow) > 1.3 * rate_of(optimal)
assert far["σ = 0.05"] > far["optimal"]
rows = np.concatenate([narrow.sample(12), optimal.sample(12)])
told = "samples: σ = 0.05; optimal σ"
show(figures.samples(np.clip(rows, 0, 1), data.shape, across=12, told=told), "17-answer-narrow")

# %% [markdown]
# ## 2. Learned
#
# From above. With $S$ the sum of the squared errors, the gradient with respect
# to $\log\sigma^2$ is $\tfrac12(n_x - S / \sigma^2)$. It is positive as long as
# $\sigma^2$ is above the mean squared error, so $\sigma^2$ falls. But Adam
# moves $\log\sigma^2$ by little more than the learning rate in a step, and the
# learning rate falls to zero, so $\sigma^2$ does not get all the way. That is
# why `"optimal"` exists: it is always at the value that the learned one
# approaches.

# %%
model = build("learned")
began = float(x_train.var(axis=0).mean())
model.likelihood.start_at_variance(x_train.var(axis=0))
train(model, "learned σ")
eps = rng.standard_normal((len(x_train), 20)).astype(np.float32)
error = float(((model.reconstruct(x_train, eps=eps) - x_train) ** 2).mean())
ended = float(model.likelihood.sigma[0]) ** 2
print(f"σ² from {began:.4f} to {ended:.4f}; mean squared error {error:.4f}")
assert ended < 0.5 * began
assert ended > 0.9 * error

# %% [markdown]
# ## 3. The best answer
#
# With weights that sum to one and the weighted mean $m = \sum_i w_i x_i$, the
# loss is $-m \log p - (1 - m) \log(1 - p)$. Its derivative is
# $-m/p + (1 - m)/(1 - p)$, which is zero at $p = m$. Both losses of this course
# are smallest at the mean, so both blur.
#
# The absolute error is smallest at the weighted median. That is one of the
# values, so it is sharp, but it ignores whatever has less than half of the
# weight: thin strokes vanish.

# %%
x, w = rng.random(10), rng.random(10)
w /= w.sum()
p = np.linspace(0.0001, 0.9999, 9999)
entropy = -(w[:, None] * (x[:, None] * np.log(p) + (1 - x[:, None]) * np.log(1 - p))).sum(axis=0)
absolute = (w[:, None] * np.abs(x[:, None] - p)).sum(axis=0)
order = np.argsort(x)
median = x[order][np.searchsorted(np.cumsum(w[order]), 0.5)]
print(f"best p for the cross-entropy {p[entropy.argmin()]:.4f}, weighted mean {w @ x:.4f}")
print(f"best p for the absolute error {p[absolute.argmin()]:.4f}, weighted median {median:.4f}")
assert abs(p[entropy.argmin()] - w @ x) < 1e-3
assert abs(p[absolute.argmin()] - median) < 1e-3

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** Without it the reconstructions are sharper, but not sharp, and the
#   samples are worse. It is a part of the answer.
# - **b** With the cross-entropy they are about as soft as with the best $\sigma$.
#   Both losses have the same best answer: a weighted mean.
# - **c** Where these images differ, their mean is soft. The blur is the
#   information that the code does not carry.
#
# **Question 2: a.**
#
# - **a** Half the squared error is $-\log p(x)$ at $\sigma = 1$. With pixels
#   between 0 and 1 such an error costs next to nothing, so little information is
#   worth its nats.
# - **b** It is the exchange rate between errors and nats, and it is there whether
#   you write it down or not. Leaving it out sets it to 1.
# - **c** Training finds it only if $\sigma$ is a parameter of the likelihood, or
#   is set to the root of the mean squared error. Here it is fixed.
