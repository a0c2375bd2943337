# %% [markdown]
# # 05 · Gradient descent, momentum and Adam: answers

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import digits, show

from npvae import SGD, Adam, Bernoulli, Dense, Momentum, Sequential, Tanh
from npvae.parameters import Parameters


class Valley:
    """L = (theta1² + k theta2²) / 2"""

    def __init__(self, k):
        self.theta, self.dtheta = np.zeros(2), np.zeros(2)
        self.curvature = np.array([1.0, k])

    def loss(self, theta):
        return 0.5 * theta**2 @ self.curvature

    def backward(self):
        self.dtheta[...] = self.theta * self.curvature


def descend(optimizer, k, steps=400):
    """Return the losses of a descent, which ends early if they exceed a million."""
    valley = Valley(k)
    params = Parameters({"valley": valley}, dtype=np.float64)
    params.flat[:] = -4, 1
    losses = [valley.loss(params.flat)]
    while len(losses) <= steps and losses[-1] < 1e6:
        valley.backward()
        optimizer.step(params)
        losses.append(valley.loss(params.flat))
    return np.array(losses)


# %% [markdown]
# ## 1. The largest learning rate
#
# Across the valley $\theta_2$ is multiplied by $1 - \text{lr} \cdot k$ at each step.
# It grows as soon as that is below $-1$, so $\text{lr}$ must be smaller than
# $2/k = 0.02$.

# %%
for lr in (0.0195, 0.0205):
    losses = descend(SGD(lr), k=100)
    print(f"lr {lr}: the loss goes from {losses[0]:.0f} to {losses[-1]:.2g}")
assert descend(SGD(0.0195), k=100)[-1] < 0.01
assert descend(SGD(0.0205), k=100)[-1] > 1e6

# %% [markdown]
# ## 2. Two images with one label
#
# For the input 0 the decoder should output two different images at once. Where both
# agree, its probabilities can be 0 or 1. Where they differ, the best probability is
# $p = \tfrac12$, which costs $\log 2$ nats for each of these pixels, in two of the ten
# images. More steps do not help, because the input does not contain the information
# which image is wanted. The output is the *mean* of the two images, with grey pixels
# where they differ. Remember it: for the same reason the images of a VAE are blurred.

# %%
data = digits()
chosen = np.array([np.flatnonzero(data.train.labels == digit)[0] for digit in range(10)])
x = (data.train.take(chosen) >= 128).astype(np.float64)
labels = np.eye(10)
labels[1] = labels[0]

decoder = Sequential(Dense(10, 100, rng=0), Tanh(), Dense(100, 784, rng=1))
likelihood, adam = Bernoulli(), Adam(0.03)
params = Parameters({"decoder": decoder}, dtype=np.float64)
for _ in range(600):
    logits = decoder.forward(labels)
    loss, dlogits = likelihood.loss_and_grad(logits, x)
    decoder.backward(dlogits)
    adam.step(params)
differ = np.count_nonzero(x[0] != x[1])
minimum = 2 * differ * np.log(2) / 10
print(
    f"{differ} pixels differ: at least {minimum:.2f} nats per image remain; the loss is {loss:.2f}"
)
assert 0 < loss - minimum < 0.1

figure, axes = plt.subplots(1, 3, figsize=(6, 2.3))
pictures = {"0": x[0], "1": x[1], "output for both": likelihood.mean(logits)[0]}
for ax, (name, image) in zip(axes, pictures.items(), strict=True):
    ax.imshow(image.reshape(data.shape), cmap="gray", vmin=0, vmax=1)
    ax.set_title(name)
    ax.set_axis_off()
show(figure, "05-answer-two-images-one-label")

# %% [markdown]
# ## 3. Nesterov
#
# Plain momentum steps by $v$, and Nesterov's by $g + 0.9\,v$. So the newest gradient
# has more weight in the step. Across the valley this reduces the oscillation.


# %%
class Nesterov:
    """v <- 0.9 v + g,  theta <- theta - lr (g + 0.9 v)"""

    def __init__(self, lr):
        self.lr, self.v = lr, 0.0

    def step(self, params):
        self.v = 0.9 * self.v + params.grad
        params.flat -= self.lr * (params.grad + 0.9 * self.v)


steps = {}
for optimizer in (Momentum, Nesterov):
    tried = [descend(optimizer(lr), k=100) for lr in np.geomspace(1e-3, 0.1, 40)]
    arrived = [np.flatnonzero(losses > 0.01)[-1] + 1 for losses in tried if losses[-1] < 0.01]
    steps[optimizer.__name__] = min(arrived)
print("steps at the best learning rate:", steps)
assert steps["Nesterov"] < steps["Momentum"]

# %% [markdown]
# ## Questions
#
# **Question 1: a.**
#
# - **a** Adam divides by the size of the *whole* gradient. The ratio of its two
#   parts has changed by 784, and that no optimiser can mend.
# - **b** That is so if the whole loss is multiplied by a factor. Here only one of
#   the terms is, so the *direction* of the gradient changes.
# - **c** With SGD and one term, yes. Adam's steps have the same length as before,
#   but they now go where the second term wants them.
#
# **Question 2: b.**
#
# - **a** A network with ten times as many parameters as there are pixels can
#   memorise them. That it does not is not a virtue, but a sign that something is
#   wrong.
# - **b** The check only tests derivatives. Inputs that are equal, that do not
#   arrive, or a wrong learning rate show up here, in seconds.
# - **c** The fewer there are, the easier they are to memorise. That is why this
#   test uses only ten.
