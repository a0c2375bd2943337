# %% [markdown]
# # 07 · Denoising autoencoders: answers

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import Adam, Cosine, DenoisingAutoencoder, Pixels, Trainer, check, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=4000)))
x_test = (data.test.take(slice(0, 1000)) / 255).astype(np.float32)


def train(model, name):
    epochs, batch_size = sized((6, 64), quick=(4, 32))
    model.start_at((train_part.take(slice(None)) / 255).mean(axis=0))
    lr = Cosine(1e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)


def error(x_hat, x):
    return float(((x_hat - x) ** 2).sum(axis=1).mean())


n_h = sized(400, quick=200)
masker = DenoisingAutoencoder.dense(784, n_h, 784, corruption="mask", amount=0.5)
train(masker, "mask")

# %% [markdown]
# ## 1. Denoising twice
#
# It is worse. The masker was trained with half of the ink missing. Its first
# output has all its ink, so the second time it adds ink where none is missing, as
# it did with the uncorrupted images at the left end of the curve.

# %%
corrupted = masker.corrupt(x_test, masker.draw_noise(np.random.default_rng(0), len(x_test)))
once = masker.reconstruct(corrupted)
twice = masker.reconstruct(once)
print(
    f"error: corrupted {error(corrupted, x_test):.1f}, denoised {error(once, x_test):.1f}, "
    f"denoised twice {error(twice, x_test):.1f}"
)
assert error(twice, x_test) > error(once, x_test)

# %% [markdown]
# ## 2. A filter without training
#
# The mean of nine pixels divides the variance of the noise by nine, from
# $784 \cdot 0.25 = 196$ to about 22. But it also blurs the strokes, which are two
# or three pixels wide. A wider filter leaves less noise, and blurs more. The filter
# does the same everywhere, whereas the network has learned where a stroke
# continues and where there is none.

# %%
gaussian = DenoisingAutoencoder.dense(784, n_h, 784, corruption="gaussian", amount=0.5)
train(gaussian, "gaussian")
noisy = gaussian.corrupt(x_test, gaussian.draw_noise(np.random.default_rng(0), len(x_test)))
padded = np.pad(noisy.reshape(-1, *data.shape), ((0, 0), (1, 1), (1, 1)))
height, width = data.shape
filtered = np.mean(
    [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], axis=0
).reshape(x_test.shape)
by_network = gaussian.reconstruct(noisy)
print(
    f"error: noisy {error(noisy, x_test):.0f}, filter {error(filtered, x_test):.1f}, "
    f"network {error(by_network, x_test):.1f}"
)
assert error(filtered, x_test) > 1.25 * error(by_network, x_test)

figure, ax = plt.subplots(figsize=(6, 3.2))
rows = x_test[:8], noisy[:8], filtered[:8], by_network[:8]
told = "clean, noisy, mean of 3 by 3 pixels, denoised by the network"
figures.samples(np.concatenate(rows), data.shape, across=8, told=told, ax=ax)
show(figure, "07-answer-filter")

# %% [markdown]
# ## 3. Salt and pepper
#
# One uniform number per pixel decides: below 0.1 the pixel becomes black, above 0.9
# white. The noise is an argument as before, so the gradient check needs no other
# code.


# %%
class SaltAndPepper(DenoisingAutoencoder):
    """Each pixel black with probability 0.1, white with probability 0.1."""

    def corrupt(self, x, eps):
        return np.where(eps < 0.1, 0, np.where(eps > 0.9, 1, x))


tiny = SaltAndPepper.dense(784, 50, 20, dtype=np.float64)
rng = np.random.default_rng(0)
grey = np.full((200, 784), 0.5)
corrupted = tiny.corrupt(grey, tiny.draw_noise(rng, 200))
white, black = (corrupted == 1).mean(), (corrupted == 0).mean()
print(f"of pixels of 0.5 {white:.1%} became white and {black:.1%} black")
assert abs(white - 0.1) < 0.01
assert abs(black - 0.1) < 0.01

x, eps = x_test[:4].astype(np.float64), tiny.draw_noise(rng, 4)
report = check(tiny, x, eps, coordinates=20)
print(report)
assert report.ok

# %% [markdown]
# ## Questions
#
# **Question 1: a.**
#
# - **a** Its input is not its target. To come closer to the clean image it has to
#   know what digits look like.
# - **b** 784 numbers can hold 784 pixels, noise and all. What keeps it from
#   passing them on is the loss, not the width of the code.
# - **c** Steps with noise do not avoid a minimum. The identity is not a minimum
#   here: the loss there is the cost of all the noise.
#
# **Question 2: b.**
#
# - **a** Longer training sharpens it only a little. Where several clean images
#   fit the few pixels, the best single answer stays their mean.
# - **b** The network cannot know which of them it was. Under this loss a mean
#   costs less than a guess that may be wrong.
# - **c** Hidden pixels are not blurred pixels: those that are left are as sharp
#   as before. The blur comes from the *answer*.
