# %% [markdown]
# # 06 · Squeezing a digit through a bottleneck
#
# *Can an image be told in two numbers? In thirty-two? And what do these numbers
# mean?*
#
# - **You need:** lessons 01 to 05.
# - **You get:** the autoencoder, what it has in common with PCA and where it is
#   better, codes to look at in two and three dimensions, and an honest comparison
#   with ZIP.
# - **Run time:** a minute.

# %%
import zlib

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, digits, show, sized

from npvae import Adam, Autoencoder, Cosine, Gaussian, Pixels, Trainer, check, figures
from npvae.layers import dense_network

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
x_train = (train_part.take(slice(None)) / 255).astype(np.float32)  # (N, 784), grey
x_test = (data.test.take(slice(0, 2000)) / 255).astype(np.float32)
labels = data.test.labels[:2000]

# %% [markdown]
# ## Through the bottleneck and back
#
# An *autoencoder* is two networks. The *encoder* turns an image $x$ of 784
# numbers into a *code* $z$ of a few. The *decoder* makes an image $\hat x$ of
# that code. They are trained together to give back what went in:
#
# $$ z = \text{encoder}(x), \qquad \hat x = \text{decoder}(z) $$
#
# $$ L = \tfrac12 \sum_{i=1}^{784} (\hat x_i - x_i)^2 $$
#
# Nobody tells it what to put into $z$, and it needs no labels. But $z$ is narrow,
# so it has to find what digits have in common and keep only what tells them
# apart. The loss is the bell of lesson 03 with $\sigma = 1$ (without its
# constant), summed over the pixels, averaged over the batch.
#
# The backward is lesson 01 twice: the decoder's $dx$ is the encoder's $dy$. Here
# it is by hand.


# %%
def loss_and_grad(encoder, decoder, x):
    z = encoder.forward(x)  # (B, n_z)
    x_hat = decoder.forward(z)  # (B, n_x)
    loss, dx_hat = Gaussian(1.0).loss_and_grad(x_hat, x)
    dz = decoder.backward(dx_hat)  # the decoder's dx ...
    encoder.backward(dz)  # ... is the encoder's dy
    return loss


tiny = Autoencoder.dense(6, 5, 2, activation="tanh", likelihood="gaussian", dtype=np.float64)
encoder, decoder = dense_network([6, 5, 2], "tanh", rng=0), dense_network([2, 5, 6], "tanh", rng=1)
x = np.random.default_rng(0).random((4, 6))
for ours, theirs in ((encoder, tiny.encoder), (decoder, tiny.decoder)):
    for mine, its in zip(ours.layers[::2], theirs.layers[::2], strict=True):  # not the bends
        mine.W[...], mine.b[...] = its.W, its.b
assert np.isclose(loss_and_grad(encoder, decoder, x), tiny.loss_and_grad(x).loss)
assert np.allclose(encoder.layers[0].dW, tiny.encoder.layers[0].dW)
assert check(tiny, x).ok
print("npvae's Autoencoder is these five lines")


# %% [markdown]
# `Trainer.step` is one turn of the loop of lesson 05: forward, loss, backward,
# update. Each step takes another *batch* of some 64 images. When all images have
# had their turn an *epoch* is over, and they are shuffled. `Pixels("none")` leaves
# them grey.


# %%
def train(model, epochs, batch_size):
    """Train it to give back the training images."""
    model.start_at(x_train.mean(axis=0))  # the decoder's last bias: begin with the mean image
    lr = Cosine(2e-3, epochs=epochs)  # steps get shorter towards the end
    trainer = Trainer(model, train_part, Pixels("none"), Adam(), batch_size=batch_size, lr=lr)
    while trainer.goes_on(epochs):
        trainer.step()
    return model


def error(x_hat, x):
    """The squared error of an image, the sum over its pixels; the mean over images."""
    return float(((x_hat - x) ** 2).sum(axis=1).mean())


# %% [markdown]
# ## PCA is an autoencoder without a bend
#
# There is an old way to describe an image by few numbers, *principal component
# analysis*. Subtract the mean image $m$. Find the direction in which the images
# differ most, where their *variance* is largest; then the next one, at a right
# angle to it, and so on. The *covariance* of two pixels says whether they go up
# together: it is the mean product of their distances from their means. NumPy
# gives our directions as the *eigenvectors* of the matrix of all covariances, and
# the variance along each as its *eigenvalue*. A code of $n_z$ numbers keeps the
# image's coordinates along the first $n_z$ directions, the columns of a matrix
# $P$:
#
# $$ z = (x - m) P, \qquad \hat x = m + z P^\top $$
#
# That *is* an encoder and a decoder, each a single dense layer. No linear code of
# that size has a smaller squared error. What is lost is the variance along all
# the directions left out, so the error (we measure it without the $\tfrac12$) is
# the sum of the other eigenvalues.

# %%
mean = x_train.mean(axis=0)
eigenvalues, directions = np.linalg.eigh(np.cov(x_train.T, bias=True))
eigenvalues, directions = eigenvalues[::-1], directions[:, ::-1].astype(np.float32)


def pca(x, n_z):
    P = directions[:, :n_z]
    return mean + (x - mean) @ P @ P.T


left_out = eigenvalues[8:].sum()
print(f"PCA with 8 numbers: error {error(pca(x_train, 8), x_train):.2f}, left out {left_out:.2f}")
assert np.isclose(error(pca(x_train, 8), x_train), left_out, rtol=1e-3)

# %% [markdown]
# **Predict first:** we train an autoencoder without any bend by gradient descent:
# 784 numbers in, no hidden layer, a code of 8. How close does it come to PCA?
# Does it find the same eight directions?
#
# We compare twice. First the two spaces: a cosine of 1 says that a direction of
# one lies wholly in the other, 0 that it stands at a right angle to it. Then each
# direction of ours with the one of PCA that is most like it.

# %%
linear = train(Autoencoder.dense(784, (), 8, likelihood="gaussian"), sized(15, quick=30), 128)
linear_error = error(linear.reconstruct(x_train), x_train)
print(f"linear autoencoder: error {linear_error:.2f}, PCA {left_out:.2f}")
assert 0.999 < linear_error / left_out < 1.03, "PCA's error, and no less"

features = linear.decoder.layers[0].W  # (8, 784): what each number of the code adds to the image
orthonormal = np.linalg.qr(features.T)[0]
angles = np.linalg.svd(directions[:, :8].T @ orthonormal)[1]  # cosines between the two spaces
own = np.abs(directions[:, :8].T @ (features.T / np.linalg.norm(features, axis=1)))
print(f"the same space? {angles.round(2)}")
print(f"the same directions? {own.max(axis=0).round(2)}")
print(f"eighth and ninth eigenvalue: {eigenvalues[7]:.2f}, {eigenvalues[8]:.2f}")
assert angles[:7].min() > 0.9, "the same space, but for its least certain direction"
assert own.max() < 0.99, "other directions in it"

# %% [markdown]
# The same *space*, but for its last direction: the eighth eigenvalue is little
# larger than the ninth, so it hardly matters which of the two is kept. But not
# the same *directions*. Any eight independent ones in that space give the same
# $\hat x$, and nothing in the loss prefers those of PCA. So without a bend there
# is nothing to gain over linear algebra.
#
# ## With a bend
#
# Now a hidden layer of 400 ReLUs on either side. And since a pixel lies between
# black and white, the decoder ends in a sigmoid, with the cross-entropy of lesson
# 03 as its loss. For grey pixels that is no likelihood, but its minimum is in the
# right place (its gradient $p - x$ is zero at $p = x$), and it trains well. We
# still judge by the squared error.
#
# **Predict first:** with 30 numbers PCA brings the error of an MNIST digit down
# from about 50 to about 14 (that of npvae's glyphs from 56 to 11). How far does
# the network get with the same 30?

# %%
sizes = (2, 3, 8, 30, 32)
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))
deep = {n_z: train(Autoencoder.dense(784, n_h, n_z), epochs, batch_size) for n_z in sizes}
errors = {n_z: error(model.reconstruct(x_test), x_test) for n_z, model in deep.items()}
by_pca = {n_z: error(pca(x_test, n_z), x_test) for n_z in sizes}
print(f"no number at all, only the mean image: error {error(mean, x_test):.1f}")
for n_z in sizes:
    print(f"{n_z:2d} numbers: error {errors[n_z]:5.2f}, PCA {by_pca[n_z]:5.2f}")
    assert errors[n_z] < by_pca[n_z], "the bends pay at every size"
assert errors[30] < 0.75 * by_pca[30], "the deep one beats PCA at 30"

# %%
chosen = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])
rows = [x_test[chosen], *(model.reconstruct(x_test[chosen]) for model in deep.values())]
rows = [*rows, pca(x_test[chosen], 32)]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(2, 3))
left.plot(sizes, by_pca.values(), "s--", color=ORANGE, label="PCA")
left.plot(sizes, errors.values(), "o-", color=BLUE, label="autoencoder")
left.set(xlabel="numbers in the code", ylabel="squared error of an image", ylim=0)
left.legend()
figures.samples(
    np.concatenate(rows),
    data.shape,
    across=10,
    told="from above: test images; from 2, 3, 8, 30, 32 numbers; PCA with 32",
    ax=right,
)
show(figure, "06-through-the-bottleneck")

# %% [markdown]
# Well below PCA: at full size to less than half of its error, about 6 on MNIST.
# (Hinton and Salakhutdinov, 2006, reported 3.0 against PCA's 13.9, with 30
# numbers and a much deeper network, trained for longer. Their paper made deep
# networks interesting again.) With two numbers you can tell some digits, the ones
# for instance. With thirty-two the network keeps slants and loops that PCA
# smears.
#
# ## What the numbers mean
#
# Two or three numbers are a point that you can look at. Nobody told the network
# which digit is which; the colours are ours. A black numeral stands in the middle
# of its digit's codes. With three numbers we show four digits only, or you would
# see a ball.

# %%
codes = {n_z: deep[n_z].encode(x_test) for n_z in (2, 3)}
figure = plt.figure(figsize=(10, 4.6))
left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
axes = {"axes": ("first number of z", "second number of z"), "unit": "", "prior": False}
figures.latent_scatter(codes[2], labels, data.classes, told="codes of two numbers", ax=left, **axes)
colours = np.array([handle.get_color() for handle in left.get_legend().legend_handles])
some = np.isin(labels, (0, 1, 3, 7))
right.scatter(*codes[3][some].T, c=colours[labels[some]], s=4)
right.set_title("codes of three numbers, of the digits 0, 1, 3 and 7")
right.set(xlabel="first", ylabel="second", zlabel="third")
show(figure, "06-codes")


# %% [markdown]
# Two numbers are few, and the colours overlap. How much do thirty-two know about
# the digit? Ask each test image for its nearest neighbour among the others, and
# look whether it is the same digit.
#
# **Predict first:** once we measure the distance between images, in 784 pixels,
# and once between their codes, in 32 numbers. Which finds the same digit more
# often?


# %%
def agreement(v):
    """How often the nearest other row of v belongs to the same digit."""
    square = (v * v).sum(axis=1)
    distance = square[:, None] + square - 2 * v @ v.T  # |a - b|² = |a|² + |b|² - 2 a·b
    np.fill_diagonal(distance, np.inf)
    return float((labels[distance.argmin(axis=1)] == labels).mean())


signs = np.random.default_rng(0).choice((-1, 1), (784, 32))
same_digit = {
    "784 pixels": agreement(x_test),
    "32 numbers of the autoencoder": agreement(deep[32].encode(x_test)),
    "32 numbers of PCA": agreement((x_test - mean) @ directions[:, :32]),
    "32 random sums": agreement(x_test @ signs),
}
for name, share in same_digit.items():
    print(f"{share:.1%} by {name}")
pixels, code, _, random = same_digit.values()
assert code > pixels - 0.03, "the code has kept what matters"
assert code > random + 0.03, "which is no matter of course"

# %% [markdown]
# Hardly a difference, and no label was used in training. PCA's 32 do as well: for
# *this* question it is enough to keep what varies most. Thirty-two sums of pixels
# with random signs do clearly worse. That is *feature extraction*: few numbers
# that say what an image is. And it is *dimensionality reduction*: what is slow
# with 784 numbers is fast with 32, or can be drawn with two.
#
# What does each number of a code stand for? Start from the mean code, make one
# number larger and then smaller by its spread, and subtract the two images that
# come out. Red is ink that appears, blue is ink that goes. (For the two linear
# codes that is the same everywhere: the direction itself. Each picture has its
# own scale, and a direction may point either way.)

# %%
z = deep[8].encode(x_train)
change = np.diag(z.std(axis=0))  # (8, 8): one number at a time
middle, test = z.mean(axis=0), deep[8].encode(x_test[:1])
from_middle = deep[8].decode(middle + change) - deep[8].decode(middle - change)
from_test = deep[8].decode(test + change) - deep[8].decode(test - change)
alike = (from_middle * from_test).sum(axis=1)
alike /= np.linalg.norm(from_middle, axis=1) * np.linalg.norm(from_test, axis=1)
print(f"from the mean code and from a test image's: cosines {alike.round(2)}")
assert alike.min() < 0.95, "it depends on where you are"

features_of = {
    "PCA: its first eight directions": directions[:, :8].T,
    "linear autoencoder: its eight directions": features,
    "deep autoencoder: what each of its eight numbers changes": from_middle,
}
figure, axes = plt.subplots(3, 1, figsize=(7, 4))
for ax, (name, images) in zip(axes, features_of.items(), strict=True):
    images = images / np.abs(images).max(axis=1, keepdims=True)
    ax.imshow(figures.tile(images, data.shape, 8), cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_title(name)
    ax.set_axis_off()
show(figure, "06-features")

# %% [markdown]
# Each spans the whole digit. PCA's come in order of importance, the others in no
# order. And what a number of the deep code changes depends on where you are: from
# the code of a test image its picture is another one than from the mean code.
# That is the bend at work.
#
# ## Beside ZIP
#
# A code of 32 numbers, each stored in one byte, is 32 bytes. ZIP (its method,
# that is, `zlib`) keeps the whole image, and gives it back exactly.
#
# **Predict first:** how many bytes does ZIP need for one digit? And what happens
# to either if the digit is turned upside down?


# %%
def to_bytes_and_back(model, x):
    """Decode codes of which each number was rounded to one of 256 values."""
    known = model.encode(x_train)
    low, high = known.min(axis=0), known.max(axis=0)
    byte = np.clip((model.encode(x) - low) / (high - low) * 255, 0, 255).round()
    return model.decode(low + byte.astype(np.uint8) / np.float32(255) * (high - low))


def zipped(x):
    """Bytes an image, each compressed on its own, in grey steps of 1/255."""
    images = (x * 255).round().astype(np.uint8)
    return np.mean([len(zlib.compress(image.tobytes(), 9)) for image in images])


upside_down = x_test[:, ::-1]  # the last pixel first
for name, x in (("a digit", x_test), ("upside down", upside_down)):
    print(
        f"{name:<11} 784 bytes as it is, {zipped(x):.0f} zipped, error 0; "
        f"32 in code, error {error(to_bytes_and_back(deep[32], x), x):.1f}"
    )
squeezed = error(to_bytes_and_back(deep[32], x_test), x_test)
assert zipped(x_test) > 3 * 32
assert squeezed < 1.2 * errors[32], "a byte for each number is enough"
assert abs(zipped(upside_down) / zipped(x_test) - 1) < 0.1, "ZIP does not know what a digit is"
ratio = error(to_bytes_and_back(deep[32], upside_down), upside_down) / squeezed
assert ratio > 1.4, "the autoencoder does: what is unlike a digit comes out worse"

# %% [markdown]
# The code is several times smaller because the network *knows* what digits look
# like. That knowledge is in its 650,000 weights (at full size), which have to be
# sent once. What is lost is whatever is unlike the digits it has seen, so that
# upside-down ones come out much worse. ZIP knows nothing, and loses nothing.
# (JPEG stands between: it knows what eyes do not see.)
#
# Next: what such a network is good for besides compression (07), and why new
# digits made up with it so often fail (08).
#
# ## Exercises
#
# Answers are in `answers_06_autoencoder.py`.
#
# 1. **Change a number.** What does a code of *one* number do? Predict the error
#    from the picture above, train it, and decode twenty codes between the
#    smallest and the largest. *Check:* its error is between those of no number
#    and of two.
# 2. **PCA from your own autoencoder.** The linear one found PCA's space, but not
#    its directions. Get them out of it: encode and decode the training images,
#    subtract the mean image, and apply `np.linalg.eigh` to the covariance of
#    *that*. *Check:* each of the first six agrees with PCA's, $|\cos| > 0.9$.
# 3. **Derive and implement.** *Tied weights*: a linear autoencoder with one
#    matrix, $z = x W$, $\hat x = z W^\top$. Derive $dW$; it has two terms. ($x$
#    goes in and is also the target, so that $dx$ has two parts as well.) *Check:*
#    `npvae.check` on an object that has `W`, `dW` and a `loss_and_grad(x)`, which
#    fills `dW` and returns the loss and $dx$.
