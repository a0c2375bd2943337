# %% [markdown]
# # 20b · Judging a model by its samples: answers

# %%
import numpy as np
from course import digits, show, sized

from npvae import figures

data = digits()
n = sized(2000, quick=1000)
train = (data.train.take(slice(0, n)) / 255).astype(np.float32)
test = (data.test.take(slice(0, 4000)) / 255).astype(np.float32)
x_test, held_out = test[:n], test[2000 : 2000 + n]
x_label, held_out_label = data.test.labels[:n], data.test.labels[2000 : 2000 + n]


def distances(x, known):
    square = (x * x).sum(axis=1)[:, None] + (known * known).sum(axis=1)
    return np.maximum(square - 2 * x @ known.T, 0)


def share_within(x, known, k=3):
    radius = np.sort(distances(known, known), axis=1)[:, k]
    return float((distances(x, known) <= radius).any(axis=1).mean())


def coarse(x):
    return x.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)


def precision_and_recall(x, name):
    """Both, of x among as many held-out digits, on coarse images."""
    x, known = coarse(x), coarse(held_out[: len(x)])
    found = share_within(x, known), share_within(known, x)
    print(f"{name}: precision {found[0]:.0%}, recall {found[1]:.0%}")
    return found


# %% [markdown]
# ## 1. Five classes lost
#
# Precision does not notice: every sample is a real digit. Recall falls, because the
# held-out digits from 5 to 9 have hardly any sample near them. It does not fall to
# one half of what it was, though. The samples below 5 are as many as all samples
# were before, a few digits above 4 look like one of them, and a ball of the third
# neighbour is large where samples are rare. (The comparison has to be fair: as many
# images in each set, since balls shrink as the sets grow.) The unevenness is the
# share of the lost classes in the data.

# %%
lost = x_test[x_label < 5]
of_all = precision_and_recall(x_test[: len(lost)], "all test digits")
of_lost = precision_and_recall(lost, "test digits below 5")
fair = np.bincount(held_out_label, minlength=10) / len(held_out)
share = np.bincount(x_label[x_label < 5], minlength=10) / len(lost)
uneven = 0.5 * np.abs(share - fair).sum()
print(f"uneven by {uneven:.0%}")
assert abs(of_lost[0] - of_all[0]) < 0.1
assert of_lost[1] < of_all[1] - 0.15
assert abs(uneven - 0.5) < 0.1

# %% [markdown]
# ## 2. Stored images
#
# Training images are as good as test images by all these numbers, and they should
# be: both are draws from the data. No comparison with held-out digits can find out
# that they are copies. The distance to the nearest *training* image does: it is zero
# for every copy, and for a test digit it is about as large as that to a held-out
# digit. (A log-likelihood would tell as well, since to a test image that is not
# stored such a model gives the probability zero.)

# %%
of_test = precision_and_recall(x_test, "test digits")
of_copies = precision_and_recall(train, "copies of training images")
assert np.allclose(of_copies, of_test, atol=0.05)
to_train = [distances(x, train).min(axis=1).mean() for x in (train, x_test)]
print(f"squared distance to the nearest training image: {to_train[0]:.3f} and {to_train[1]:.1f}")
assert to_train[0] < 0.01 * to_train[1]

# %% [markdown]
# ## 3. The Fréchet distance of two Gaussians
#
# In one dimension $C_1 = \sigma_1^2$ and $C_2 = \sigma_2^2$, and the root of their
# product is $\sigma_1 \sigma_2$. So the last two terms are
# $\sigma_1^2 + \sigma_2^2 - 2 \sigma_1 \sigma_2$, and the distance is
#
# $$ (m_1 - m_2)^2 + (\sigma_1 - \sigma_2)^2 $$
#
# For $\mathcal N(0, 1)$ and $\mathcal N(3, 2^2)$ it is $9 + 1 = 10$. The eigenvalues
# of $C_1 C_2$ are real and not negative, though the matrix is not symmetric: they are
# those of $C_1^{1/2} C_2\, C_1^{1/2}$. Rounding can make them slightly negative or
# complex, so we take the real part, and zero at least.
#
# Blurred digits are far away, since blur takes variance from every pixel at an edge.
# Here the Gaussians see what distances of pixels do not: they compare the two *sets*,
# and a set of means varies too little.


# %%
def frechet(x, y):
    """The Fréchet distance of the Gaussians fitted to the rows of x and of y."""
    m_1, m_2 = x.mean(axis=0), y.mean(axis=0)
    C_1, C_2 = np.atleast_2d(np.cov(x.T)), np.atleast_2d(np.cov(y.T))
    of_root = np.sqrt(np.maximum(np.linalg.eigvals(C_1 @ C_2).real, 0)).sum()
    return ((m_1 - m_2) ** 2).sum() + np.trace(C_1 + C_2) - 2 * of_root


def blurred(x):
    """Each pixel is the mean of itself and the eight around it."""
    wide = np.pad(x.reshape(-1, 28, 28), ((0, 0), (1, 1), (1, 1)))
    moved = [wide[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)]
    return np.mean(moved, axis=0).reshape(-1, 784)


rng = np.random.default_rng(0)
one = frechet(rng.normal(0, 1, (100_000, 1)), rng.normal(3, 2, (100_000, 1)))
of_sharp, of_blurred = frechet(x_test, held_out), frechet(blurred(x_test), held_out)
print(f"one dimension: {one:.2f}; test digits {of_sharp:.1f}, blurred {of_blurred:.1f}")
assert abs(one - 10) < 0.2
assert of_blurred > 1.5 * of_sharp
told = "test digits, sharp and blurred"
both = np.concatenate([x_test[:12], blurred(x_test[:12])])
show(figures.samples(both, data.shape, across=12, told=told), "20b-answer-blurred")

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** To the eye they are softer than real digits. The balls hold what lies near
#   in pixels, and that is not the same.
# - **b** Right. The mean of several images is nearer to each of them than they are to
#   each other, on average. That is why it lies in their balls, and in those of other
#   digits like them.
# - **c** Nothing prevents it. Test digits lie outside all balls if they are written
#   in a rare way, and a model that draws only common digits leaves those out.
#
# **Question 2: c.**
#
# - **a** Copies are real digits. They lie in the balls around held-out digits as
#   often as test digits do.
# - **b** Recall asks whether a held-out digit lies *near* a sample, not whether it is
#   equal to one. Near it there is a copy as often as there is a test digit.
# - **c** Right. To find copies you have to compare with the training images.
#   Exercise 2 does it.
