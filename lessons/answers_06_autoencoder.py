# %% [markdown]
# # 06 · Autoencoders and PCA: answers

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import Adam, Autoencoder, Cosine, Pixels, Trainer, check, figures

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)
x_test = (data.test.take(slice(0, 2000)) / 255).astype(np.float32)
mean = x_train.mean(axis=0)


def train(model, epochs, batch_size):
    model.start_at(mean)
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, f"a code of {model.n_z} numbers")
    return model


def error(x_hat, x):
    return float(((x_hat - x) ** 2).sum(axis=1).mean())


# %% [markdown]
# ## 1. A single number
#
# The code orders all digits along a line. On a line each digit has only two
# neighbours, and the network chooses which. Different digits with nearly the same
# code are decoded to nearly the same image, a mean of them.

# %%
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))
one, two = (train(Autoencoder.dense(784, n_h, n_z), epochs, batch_size) for n_z in (1, 2))
errors = {0: error(mean, x_test)}
errors |= {model.n_z: error(model.reconstruct(x_test), x_test) for model in (one, two)}
for n_z, value in errors.items():
    print(f"{n_z} numbers: error {value:.1f}")
assert errors[2] < errors[1] < errors[0]

z = one.encode(x_train)
path = np.linspace(*np.percentile(z, [1, 99]), 20, dtype=np.float32)[:, None]
ax = figures.samples(
    one.decode(path), data.shape, across=10, told="decoded codes, from the smallest to the largest"
)
show(ax, "06-answer-one-number")

# %% [markdown]
# ## 2. PCA from the linear autoencoder
#
# All reconstructions lie in the space of PCA. Within this space the directions of
# PCA are the axes of the data, and so the eigenvectors of the covariance matrix of
# the reconstructions.

# %%
linear = train(Autoencoder.dense(784, (), 8, likelihood="gaussian"), sized(15, quick=30), 128)
back = linear.reconstruct(x_train) - mean
found = np.linalg.eigh(np.cov(back.T))[1][:, ::-1][:, :8]
pca = np.linalg.eigh(np.cov(x_train.T))[1][:, ::-1][:, :8]
cosines = np.abs((found * pca).sum(axis=0))
print("cosines with PCA's directions:", cosines.round(3))
assert cosines[:6].min() > 0.9

figure, ax = plt.subplots(figsize=(7, 2))
images = np.concatenate([pca.T, found.T])
images = images / np.abs(images).max(axis=1, keepdims=True)
images[8:] *= np.sign((found * pca).sum(axis=0))[:, None]  # a direction may point either way
ax.imshow(figures.tile(images, data.shape, 8), cmap="RdBu_r", vmin=-1, vmax=1)
ax.set_title("PCA's directions, and those found in the linear autoencoder")
ax.set_axis_off()
show(figure, "06-answer-the-same-directions")

# %% [markdown]
# ## 3. Tied weights
#
# $W$ is used twice. As the matrix of the decoder, $\hat x = z W^\top$, its gradient
# is $(d\hat x)^\top z$, and $dz = d\hat x\, W$ goes back to the encoder. As the
# matrix of the encoder, $z = x W$, its gradient is $x^\top dz$. The loss depends on
# $W$ in both ways, so the two are added:
#
# $$ dW = x^\top\, d\hat x\; W + d\hat x^\top\, x\; W $$


# %%
class Tied:
    """z = x W, x_hat = z Wᵀ, loss = |x_hat - x|² / 2, the mean over the batch."""

    def __init__(self, n_x, n_z):
        self.W = np.random.default_rng(0).standard_normal((n_x, n_z))
        self.dW = np.zeros_like(self.W)

    def loss_and_grad(self, x):
        z = x @ self.W
        away = z @ self.W.T - x
        dx_hat = away / len(x)
        dz = dx_hat @ self.W
        self.dW[...] = dx_hat.T @ z + x.T @ dz
        return 0.5 * (away**2).sum() / len(x), dx_hat @ (self.W @ self.W.T) - dx_hat


report = check(Tied(6, 2), np.random.default_rng(1).standard_normal((5, 6)))
print(report)
assert report.ok

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** Among linear codes of 8 numbers PCA has the smallest squared error there
#   is. Gradient descent can come close to it, and not below.
# - **b** Any eight independent directions of that space reproduce the images
#   equally well, and nothing in the loss prefers those of PCA.
# - **c** The *space* is the same. But the code may be mixed by any invertible
#   matrix, if the decoder undoes it, so its numbers need not be PCA's.
#
# **Question 2: c.**
#
# - **a** Two real numbers can serve as the *name* of each training image, which
#   the decoder has memorised. Only images that it has not seen show what the code
#   describes.
# - **b** Codes are real numbers. The network may give each image a place of its
#   own, but nothing about the code is discrete.
# - **c** A network with hundreds of thousands of weights can memorise (lesson
#   05). That is why the errors of this lesson are measured on test images.
