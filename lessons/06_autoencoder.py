# %% [markdown]
# # 06 · Autoencoders and PCA
#
# *How well can two numbers describe an image? And thirty-two? And what do these
# numbers mean?*
#
# - **You need:** lessons 01 to 05.
# - **You get:** the autoencoder, what it has in common with PCA and where it is
#   better, codes to look at in two and three dimensions, and a comparison with
#   ZIP.
# - **Run time:** a minute.

# %%
import zlib

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, ORANGE, digits, run_epochs, show, sized
from diagrams import NETWORK, Diagram

from npvae import Adam, Autoencoder, Cosine, Gaussian, Pixels, Trainer, check, figures
from npvae.layers import dense_network, softplus

data = digits()
train_part = data.train.only(slice(0, sized(20_000, quick=5000)))
grey = Pixels("none")  # divides the bytes of an image by 255
x_train = grey.encode(train_part.take(slice(None)))  # (N, 784), float32
x_test = grey.encode(data.test.take(slice(0, 2000)))
labels = data.test.labels[:2000]

# %% [markdown]
# ## The bottleneck
#
# An *autoencoder* consists of two networks. The *encoder* turns an image $x$ of
# 784 numbers into a *code* $z$ of a few numbers, the *bottleneck*. The *decoder*
# turns the code into an image $\hat x$. They are trained together so that
# $\hat x$ is close to $x$:
#
# $$ z = \text{encoder}(x), \qquad \hat x = \text{decoder}(z) $$
#
# $$ L = \tfrac12 \sum_{i=1}^{784} (\hat x_i - x_i)^2 $$
#
# The image $x$ is both input and target, so no labels are needed. Since $z$ is
# narrow, the network has to find what all digits have in common, and use the code
# for the differences. The loss is that of a Gaussian with $\sigma = 1$ (lesson 03,
# without the constant), summed over pixels and averaged over the batch.

# %%
diagram = Diagram(width=3.3, height=1.8)
x_box = diagram.box(0.3, 0.85, "$x$", height=1.2, width=0.4, below="784")
encoder_box = diagram.box(0.98, 0.85, "", height=0.8, width=0.3, fill=NETWORK, below="400")
z_box = diagram.box(1.65, 0.85, "$z$", height=0.36, width=0.36, below="2 to 32")
decoder_box = diagram.box(2.32, 0.85, "", height=0.8, width=0.3, fill=NETWORK, below="400")
x_hat_box = diagram.box(3.0, 0.85, "$\\hat x$", height=1.2, width=0.4, below="784")
diagram.text(0.98, 1.5, "encoder")
diagram.text(2.32, 1.5, "decoder")
diagram.arrow(x_box, encoder_box)
diagram.arrow(encoder_box, z_box, back="")
diagram.arrow(z_box, decoder_box, back="$dz$")
diagram.arrow(decoder_box, x_hat_box, back="")
show(diagram.figure, "06-bottleneck")

# %% [markdown]
# For the backward pass we apply lesson 01 twice: the $dx$ of the decoder is the
# $dy$ of the encoder. Here it is by hand, compared with npvae's.


# %%
def loss_and_grad(encoder, decoder, x):
    """The loss of reproducing x, (B, n_x), by npvae's `Gaussian(1.0)`.

    Afterwards the layers of both networks hold their gradients, dW and db, which `backward` fills.
    """
    ### BEGIN SOLUTION
    z = encoder.forward(x)  # (B, n_z)
    x_hat = decoder.forward(z)  # (B, n_x)
    loss, dx_hat = Gaussian(1.0).loss_and_grad(x_hat, x)
    dz = decoder.backward(dx_hat)  # the decoder's dx ...
    encoder.backward(dz)  # ... is the encoder's dy
    return loss
    ### END SOLUTION


tiny = Autoencoder.dense(6, 5, 2, activation="tanh", likelihood="gaussian", dtype=np.float64)
encoder, decoder = dense_network([6, 5, 2], "tanh", rng=0), dense_network([2, 5, 6], "tanh", rng=1)
x = np.random.default_rng(0).random((4, 6))
for ours, theirs in ((encoder, tiny.encoder), (decoder, tiny.decoder)):
    for mine, its in zip(ours.layers[::2], theirs.layers[::2], strict=True):  # the dense layers
        mine.W[...], mine.b[...] = its.W, its.b
assert np.isclose(loss_and_grad(encoder, decoder, x), tiny.loss_and_grad(x).loss)
assert np.allclose(encoder.layers[0].dW, tiny.encoder.layers[0].dW)
assert check(tiny, x).ok
print("npvae's Autoencoder agrees with this function")


# %% [markdown]
# ## Training in mini-batches
#
# In lesson 05 each step used all ten images. With thousands of images a step uses
# only some of them, a *mini-batch*. When every image has been used once, an
# *epoch* is over; the next epoch takes the images in another random order. Here is
# the complete loop, and the same with npvae's `Trainer`. (The printed losses contain
# the constant of the Gaussian, 720 nats for 784 pixels.)

# %%
small, same = (Autoencoder.dense(784, 20, 2, likelihood="gaussian") for _ in range(2))
adam, rng, batch_size = Adam(lr=1e-3), np.random.default_rng(0), 128
for epoch in range(2):
    order, losses = rng.permutation(len(x_train)), []
    for start in range(0, len(x_train), batch_size):
        x = x_train[order[start : start + batch_size]]  # (128, 784); the last one is smaller
        losses.append(small.loss_and_grad(x).loss)
        adam.step(small.params)
    print(f"epoch {epoch + 1}: mean loss {np.mean(losses):.1f}")

trainer = Trainer(same, train_part, grey, Adam(lr=1e-3), batch_size=128, rng=0)
while trainer.goes_on(epochs=2):
    trainer.step()  # one turn of the inner loop above
assert np.allclose(small.params.flat, same.params.flat, atol=1e-5), "the trainer is this loop"


def train(model, epochs, batch_size, name):
    """Train a model to reproduce the training images; print the loss of each epoch."""
    model.start_at(x_train.mean(axis=0))  # the decoder's last bias: begin with the mean image
    lr = Cosine(2e-3, epochs=epochs)  # steps get shorter towards the end
    trainer = Trainer(model, train_part, grey, Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)


def error(x_hat, x):
    """The squared error of an image, summed over its pixels; the mean over images."""
    ### BEGIN SOLUTION
    return float(((x_hat - x) ** 2).sum(axis=1).mean())
    ### END SOLUTION


# %% [markdown]
# ## Principal component analysis
#
# A much older method to describe data by few numbers is *principal component
# analysis*, PCA. Let us begin with examples that have two numbers each, so that
# they are points in a plane. The points below form an elongated cloud. PCA finds
# its long axis, the direction in which the *variance* is largest, and describes
# each point by a single number: its position along this axis. From that number
# one can compute the nearest point on the axis. What is lost is the distance from
# the axis (grey).
#
# The directions are computed from the *covariance matrix*. The covariance of two
# numbers is the mean product of their deviations from their means, and tells
# whether they grow together. The *eigenvectors* of the matrix are the axes of the
# cloud, and each *eigenvalue* is the variance along its axis.


# %%
def principal_axes(x):
    """The variances of points x, (N, n), along the axes of their cloud, and these axes.

    Returns the eigenvalues of the covariance matrix, (n,), the largest first, and the
    eigenvectors, one in each column, (n, n). (`np.cov(x.T, bias=True)` divides by N.)
    """
    ### BEGIN SOLUTION
    eigenvalues, axes = np.linalg.eigh(np.cov(x.T, bias=True))  # the smallest comes first
    return eigenvalues[::-1], axes[:, ::-1]
    ### END SOLUTION


points = np.random.default_rng(0).multivariate_normal((0, 0), ((2.0, 1.2), (1.2, 1.0)), 200)
points -= points.mean(axis=0)
(long, short), axes = principal_axes(points)
position = points @ axes[:, 0]  # (200,): one number for each point
nearest = position[:, None] * axes[:, 0]  # (200, 2): back in the plane
assert np.isclose(position.var(), long), "the variance along the long axis"
assert np.isclose(((points - nearest) ** 2).sum(axis=1).mean(), short), "what is lost"

figure, ax = plt.subplots(figsize=(4.5, 3.2))
ax.plot(*np.stack([points, nearest]).transpose(2, 0, 1), color="#bbbbbb", linewidth=0.8)
ax.plot(*points.T, ".", color=BLUE, label="points of two numbers")
ax.plot(*nearest.T, ".", color=ORANGE, markersize=3, label="nearest points on the long axis")
ax.set(xlabel="first number", ylabel="second number", aspect="equal")
ax.legend(loc="upper left")
show(ax, "06-pca-in-the-plane")

# %% [markdown]
# With 784 numbers there are 784 axes, each at a right angle to all others. PCA
# keeps the $n_z$ axes with the largest variances, the columns of a matrix $P$. With
# $\bar x$ for the mean image,
#
# $$ z = (x - \bar x) P, \qquad \hat x = \bar x + z P^\top $$
#
# This *is* an encoder and a decoder, each a single dense layer. No other linear
# code of that size has a smaller squared error. What is lost is the variance along
# the axes left out, so the error (which we measure without the $\tfrac12$) is the
# sum of their eigenvalues.


# %%
def project(x, mean, P):
    """Encode x, (N, n), with the axes in the columns of P, (n, n_z), and decode it again."""
    ### BEGIN SOLUTION
    z = (x - mean) @ P  # (N, n_z)
    return mean + z @ P.T
    ### END SOLUTION


mean = x_train.mean(axis=0)
eigenvalues, directions = principal_axes(x_train)
directions = directions.astype(np.float32)


def pca(x, n_z):
    return project(x, mean, directions[:, :n_z])


left_out = eigenvalues[8:].sum()
print(f"PCA with 8 numbers: error {error(pca(x_train, 8), x_train):.2f}, left out {left_out:.2f}")
assert np.isclose(error(pca(x_train, 8), x_train), left_out, rtol=1e-3)

# %% [markdown]
# ## A linear autoencoder
#
# **Predict first:** we train an autoencoder without activation functions by
# gradient descent: 784 numbers, no hidden layer, a code of 8. How close does its
# error come to that of PCA? Does it find the same eight directions?
#
# There are two comparisons to make, since the same *space* can be spanned by
# different directions. For the spaces, take an orthonormal basis $P$ of the one
# and $Q$ of the other. If $u$ and $v$ are unit vectors of coordinates, then $Pu$
# and $Qv$ are unit vectors of the two spaces, and $u^\top P^\top Q\, v$ is the cosine
# of the angle between them. The largest cosine is the largest *singular value* of
# $P^\top Q$; the next singular value is the largest cosine among the vectors at
# right angles to that first pair, and so on. If all eight singular values are 1,
# the spaces are the same. For the directions, we compute the cosine of each of
# ours with each of PCA's, and keep the largest.

# %%
linear = Autoencoder.dense(784, (), 8, likelihood="gaussian")
train(linear, sized(15, quick=30), 128, "the linear autoencoder")
linear_error = error(linear.reconstruct(x_train), x_train)
print(f"linear autoencoder: error {linear_error:.2f}, PCA {left_out:.2f}")
assert 0.999 < linear_error / left_out < 1.03, "as good as PCA, and not better"

features = linear.decoder.layers[0].W  # (8, 784): what each number of the code adds to the image
orthonormal = np.linalg.qr(features.T)[0]
cosines = np.linalg.svd(directions[:, :8].T @ orthonormal)[1]  # of the angles between two spaces
own = np.abs(directions[:, :8].T @ (features.T / np.linalg.norm(features, axis=1)))
print(f"the same space? {cosines.round(2)}")
print(f"the same directions? {own.max(axis=0).round(2)}")
print(f"eighth and ninth eigenvalue: {eigenvalues[7]:.2f}, {eigenvalues[8]:.2f}")
assert cosines[:7].min() > 0.9, "the same space, except for its least certain direction"
assert own.max() < 0.99, "but other directions in it"

# %% [markdown]
# The *space* is the same, except for its last direction. (The eighth eigenvalue is
# little larger than the ninth, so it hardly matters which of the two directions is
# kept.) The *directions* are not the same. Any eight independent directions of
# this space give the same $\hat x$, and nothing in the loss prefers those of PCA.
# So without activation functions an autoencoder is no better than linear algebra.
#
# ## A deep autoencoder
#
# Now we add a hidden layer of 400 ReLUs to the encoder and to the decoder. Since
# the value of a pixel lies between 0 and 1, the decoder ends in a sigmoid,
# $\hat x = \text{sigmoid}(a)$, and the loss is the cross-entropy of lesson 03:
#
# $$ L = \sum_{i=1}^{784} \left(\text{softplus}(a_i) - x_i a_i\right), \qquad
# \frac{dL}{da_i} = \hat x_i - x_i $$
#
# For grey pixels this is not a likelihood. But its minimum is in the right place,
# where $\hat x = x$, and training works well. We still judge by the squared error.

# %%
tiny = Autoencoder.dense(784, 20, 2, likelihood="bernoulli")
a = tiny.decoder.forward(tiny.encoder.forward(x_test[:4]))  # the logits, (4, 784)
by_hand = (softplus(a) - x_test[:4] * a).sum() / 4
assert np.isclose(tiny.loss_and_grad(x_test[:4]).loss, by_hand)

# %% [markdown]
# **Predict first:** with 30 numbers PCA reduces the error of an MNIST digit from
# about 50 to about 14 (that of npvae's glyphs from 56 to 11). How small is the
# error of the deep autoencoder with the same 30 numbers?

# %%
sizes = (2, 3, 8, 30, 32)
n_h, epochs, batch_size = sized((400, 6, 64), quick=(200, 5, 32))
deep = {n_z: Autoencoder.dense(784, n_h, n_z, likelihood="bernoulli") for n_z in sizes}
for n_z, model in deep.items():
    train(model, epochs, batch_size, f"a code of {n_z} numbers")
errors = {n_z: error(model.reconstruct(x_test), x_test) for n_z, model in deep.items()}
by_pca = {n_z: error(pca(x_test, n_z), x_test) for n_z in sizes}
print(f"the mean image for all: error {error(mean, x_test):.1f}")
for n_z in sizes:
    print(f"{n_z:2d} numbers: error {errors[n_z]:5.2f}, PCA {by_pca[n_z]:5.2f}")
    assert errors[n_z] < by_pca[n_z], "better than PCA at every size"
assert errors[30] < 0.75 * by_pca[30], "the deep one beats PCA at 30"

# %%
chosen = np.array([np.flatnonzero(labels == digit)[0] for digit in range(10)])
rows = [x_test[chosen], *(model.reconstruct(x_test[chosen]) for model in deep.values())]
rows = [*rows, pca(x_test[chosen], 32)]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(2, 3))
left.plot(sizes, by_pca.values(), "s--", color=ORANGE, label="PCA")
left.plot(sizes, errors.values(), "o-", color=BLUE, label="autoencoder")
left.set(xlabel="numbers in the code", ylabel="squared error per image", ylim=0)
left.legend()
figures.samples(
    np.concatenate(rows),
    data.shape,
    across=10,
    told="rows: test images; codes of 2, 3, 8, 30, 32 numbers; PCA with 32",
    ax=right,
)
show(figure, "06-through-the-bottleneck")

# %% [markdown]
# It is well below that of PCA: at full size less than half of it, about 6 on MNIST.
# (Hinton and Salakhutdinov, 2006, reported 3.0 against PCA's 13.9 with 30 numbers,
# a much deeper network and a longer training. Their paper renewed the interest in
# deep networks.) With two numbers some digits can be told apart, for example the
# ones. With thirty-two the network reproduces slants and loops that PCA blurs.
#
# ## What the codes look like
#
# Codes of two or three numbers are points that one can look at. The network was
# not given any labels; the colours show them to us. In three dimensions we show
# four digits only, because the codes of all ten would hide each other.

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
right.set_box_aspect(None, zoom=0.85)  # or the label of the third axis is cut off
show(figure, "06-codes")


# %% [markdown]
# With two numbers the digits overlap. How much do thirty-two numbers tell about the
# digit? For each test image we look for its nearest neighbour among the other test
# images, and check whether it is the same digit.
#
# **Predict first:** we measure the distance once between images, in 784 pixels,
# and once between codes, in 32 numbers. Which of them finds the same digit more
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
assert code > pixels - 0.03, "the code has kept what tells digits apart"
assert code > random + 0.03, "which not every code of 32 numbers does"

# %% [markdown]
# There is hardly a difference, although no label was used in training. PCA's 32
# numbers do as well: for *this* question it is enough to keep what varies most.
# Thirty-two sums of pixels with random signs are clearly worse. Finding a few
# numbers that describe an image is called *feature extraction*, or *dimensionality
# reduction*: what is slow with 784 numbers is fast with 32, and two can be plotted.
#
# What does each number of a code stand for? Take the mean code, make one number
# larger and then smaller by its standard deviation, and subtract the two decoded
# images. In the pictures below ink appears in the red places and disappears in the
# blue places. (For the two linear codes the change is the same for every code: the
# direction itself. Each picture has its own scale, and the sign of a direction is
# arbitrary.)

# %%
z = deep[8].encode(x_train)
change = np.diag(z.std(axis=0))  # (8, 8): one number at a time
middle, test = z.mean(axis=0), deep[8].encode(x_test[:1])
from_middle = deep[8].decode(middle + change) - deep[8].decode(middle - change)
from_test = deep[8].decode(test + change) - deep[8].decode(test - change)
alike = (from_middle * from_test).sum(axis=1)
alike /= np.linalg.norm(from_middle, axis=1) * np.linalg.norm(from_test, axis=1)
print(f"from the mean code and from a test image's: cosines {alike.round(2)}")
assert alike.min() < 0.95, "the change depends on the code"

features_of = {
    "PCA: its first eight directions": directions[:, :8].T,
    "linear autoencoder: its eight directions": features,
    "deep autoencoder: change of the image, for each of its eight numbers": from_middle,
}
figure, axes = plt.subplots(3, 1, figsize=(7, 4))
for ax, (name, images) in zip(axes, features_of.items(), strict=True):
    images = images / np.abs(images).max(axis=1, keepdims=True)
    ax.imshow(figures.tile(images, data.shape, 8), cmap="RdBu_r", vmin=-1, vmax=1)
    ax.set_title(name)
    ax.set_axis_off()
show(figure, "06-features")

# %% [markdown]
# Each number changes the whole digit. PCA's directions come in the order of their
# variances, the others in no particular order. And in the deep autoencoder the
# change depends on the code: from the code of a test image one gets other pictures
# than from the mean code. This is because the decoder is not linear.
#
# ## Compared with ZIP
#
# A code of 32 numbers, each stored in one byte, takes 32 bytes. ZIP (its method,
# that is, `zlib`) compresses an image without any loss.
#
# **Predict first:** how many bytes does ZIP need for one digit? And what happens to
# either of them if the digit is turned upside down?


# %%
def to_bytes_and_back(model, x):
    """Decode codes of which each number was rounded to one of 256 values."""
    known = model.encode(x_train)
    low, high = known.min(axis=0), known.max(axis=0)
    byte = np.clip((model.encode(x) - low) / (high - low) * 255, 0, 255).round()
    return model.decode(low + byte.astype(np.uint8) / np.float32(255) * (high - low))


def zipped(x):
    """Bytes per image, each compressed on its own, in grey steps of 1/255."""
    images = (x * 255).round().astype(np.uint8)
    return np.mean([len(zlib.compress(image.tobytes(), 9)) for image in images])


upside_down = x_test[:, ::-1]  # the last pixel first
for name, x in (("a digit", x_test), ("upside down", upside_down)):
    print(
        f"{name:<11} 784 bytes raw, {zipped(x):.0f} zipped, error 0; "
        f"32 in code, error {error(to_bytes_and_back(deep[32], x), x):.1f}"
    )
squeezed = error(to_bytes_and_back(deep[32], x_test), x_test)
assert zipped(x_test) > 3 * 32
assert squeezed < 1.2 * errors[32], "a byte for each number is enough"
assert abs(zipped(upside_down) / zipped(x_test) - 1) < 0.1, "ZIP does not know digits"
ratio = error(to_bytes_and_back(deep[32], upside_down), upside_down) / squeezed
assert ratio > 1.4, "the autoencoder does: upside-down digits are reproduced worse"

# %% [markdown]
# The code is several times smaller, because the network has learned what digits
# look like. That is stored in its 650,000 weights (at full size), which have to be
# sent once. Whatever differs from the digits in its training is lost, so
# upside-down digits are reproduced much worse. ZIP has learned nothing, and loses
# nothing. (JPEG lies between them: it leaves out what the human eye does not see.)
#
# The next two lessons show what else such a network can do (07), and why new
# digits made with it so often fail (08).

# %% [markdown]
# ## Questions
#
# **Question 1.** An autoencoder without activation functions, with a code of 8
# numbers, is trained until its error no longer falls. How does it compare with
# PCA with 8 numbers?
#
# - **a** It is better, because it was trained by gradient descent on this very
#   error.
# - **b** It reaches the same error and spans the same space, with other
#   directions in it.
# - **c** It is the same as PCA: each of its eight numbers is one of PCA's.
#
# **Question 2.** A deep autoencoder reproduces its *training* images almost
# perfectly with a code of 2 numbers per image. What do you conclude?
#
# - **a** Two numbers are enough to describe a digit.
# - **b** The bottleneck is discrete: there is one code for each image.
# - **c** Perhaps only that it has memorised them; look at the error on images it
#   has not seen.
#
# ## Exercises
#
# Answers are in `answers_06_autoencoder.py`.
#
# 1. **Change a number.** What does a code of *one* number achieve? Predict its
#    error from the picture above, train it, and decode twenty codes between the
#    smallest and the largest. *Check:* its error lies between that of the mean
#    image and that of two numbers.
# 2. **PCA from your own autoencoder.** The linear autoencoder found the space of
#    PCA, but not its directions. Compute them from it: encode and decode the
#    training images, subtract the mean image, and apply `np.linalg.eigh` to the
#    covariance matrix of *the result*. *Check:* each of the first six agrees with
#    PCA's, $|\cos| > 0.9$.
# 3. **Derive and implement.** *Tied weights*: a linear autoencoder with a single
#    matrix, $z = x W$, $\hat x = z W^\top$. Derive $dW$; it has two terms. ($x$ is
#    the input and also the target, so $dx$ has two terms as well.) *Check:*
#    `npvae.check` on an object that has `W`, `dW` and a `loss_and_grad(x)`, which
#    fills `dW` and returns the loss and $dx$.
