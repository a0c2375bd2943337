# %% [markdown]
# # 05 · Gradient descent, momentum and Adam
#
# *You know in which direction the loss falls. How far do you go, and what do you
# remember from earlier steps?*
#
# - **You need:** lessons 01 to 04.
# - **You get:** gradient descent, momentum and Adam by hand; a comparison of the
#   three; your first network that learns something; and a test that every network
#   must pass.
# - **Run time:** 4 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show

from npvae import SGD, Adam, Bernoulli, Dense, Momentum, Sequential, Tanh, figures
from npvae.parameters import Parameters

# %% [markdown]
# ## Three optimisers
#
# Let $\theta$ be the vector of all *parameters* of a network, that is, of all its
# weights and biases, and let $g = dL/d\theta$ be the gradient. The gradient points
# in the direction in which the loss grows fastest, so we go the opposite way. The
# *learning rate* $\text{lr}$ says how far. All formulas below hold for each number
# separately.
#
# **SGD** (*stochastic gradient descent*) remembers nothing. It is called stochastic
# because in practice each step uses another random batch of examples, as from
# lesson 06 on.
#
# $$ \theta \leftarrow \theta - \text{lr}\; g $$
#
# **Momentum** keeps a velocity $v$, like a ball that rolls downhill. At each step
# it loses a tenth of its velocity and gains the gradient:
#
# $$ v \leftarrow 0.9\, v + g, \qquad \theta \leftarrow \theta - \text{lr}\; v $$
#
# **Adam** (Kingma & Ba, 2015) keeps two running averages: $m$ of the gradient, and
# $v$ of its square. (The letters are those of the paper. This $v$ is not the
# velocity above.)
#
# $$ m \leftarrow 0.9\, m + 0.1\, g, \qquad v \leftarrow 0.999\, v + 0.001\, g^2 $$
#
# Both averages begin at zero, so at first they are too small. Suppose that all
# gradients were equal to $g$. Then each step reduces the difference between $m$ and
# $g$ by a tenth, so after $t$ steps the difference is $0.9^t g$, and
# $m = (1 - 0.9^t)\, g$. Therefore Adam divides $m$ by $1 - 0.9^t$, and likewise $v$
# by $1 - 0.999^t$:
#
# $$ \hat m = \frac{m}{1 - 0.9^t}, \qquad \hat v = \frac{v}{1 - 0.999^t} $$
#
# $$ \theta \leftarrow \theta - \text{lr}\, \frac{\hat m}{\sqrt{\hat v} + 10^{-8}} $$
#
# (The square root gives $\hat v$ the unit of the gradient, and $10^{-8}$ prevents a
# division by zero.)
#
# **Predict first:** how far does Adam go in its first step if the gradient is 1000?
# And if it is 0.001?


# %%
def momentum_by_hand(theta, gradients, lr):
    """Return theta after one step of momentum for each of the given gradients."""
    ### BEGIN SOLUTION
    v = np.zeros_like(theta)
    for g in gradients:
        v = 0.9 * v + g
        theta = theta - lr * v
    return theta
    ### END SOLUTION


def adam_by_hand(theta, gradients, lr):
    """Return theta after one step of Adam for each of the given gradients."""
    ### BEGIN SOLUTION
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        theta = theta - lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return theta
    ### END SOLUTION


start = np.zeros(2)
first = adam_by_hand(start, [np.array([1000.0, 0.001])], lr=0.1)
print("after Adam's first step:", first)
assert np.allclose(first, -0.1), "the step has length lr, whatever the gradient"

# %% [markdown]
# It goes equally far in both cases. At $t = 1$ the ratio is $g / \sqrt{g^2}$, which
# is the sign of $g$. So the first step depends on the sign of each number of the
# gradient and not on its size. (The last digit comes from the $10^{-8}$.) Later
# steps are shorter where gradients change their sign or become smaller.
#
# The optimisers of npvae do the same with *one flat vector*, `params.flat`, that
# holds all parameters of a model; the gradient is in `params.grad`. `Parameters`
# gives each layer a view of its part of the vector, so that a change of one is a
# change of the other. An optimiser need not know what the network looks like.


# %%
class Valley:
    """L = (theta1² + k theta2²) / 2: its curvature is k times larger across than along."""

    def __init__(self, k):
        self.theta, self.dtheta = np.zeros(2), np.zeros(2)
        self.curvature = np.array([1.0, k])

    def loss(self, theta):
        return 0.5 * theta**2 @ self.curvature

    def backward(self):
        """Write the gradient of the loss at `theta` into the array `dtheta`."""
        ### BEGIN SOLUTION
        self.dtheta[...] = self.theta * self.curvature
        ### END SOLUTION


rng = np.random.default_rng(0)
gradients = rng.standard_normal((100, 2))
for optimizer, by_hand in ((Momentum(lr=0.1), momentum_by_hand), (Adam(lr=0.1), adam_by_hand)):
    params = Parameters({"valley": Valley(1)}, dtype=np.float64)  # its theta is zero
    for g in gradients:
        params.grad[:] = g
        optimizer.step(params)
    assert np.allclose(params.flat, by_hand(np.zeros(2), gradients, lr=0.1), rtol=1e-9)
print("npvae's momentum and Adam agree with those by hand")

# %% [markdown]
# ## A comparison
#
# We minimise the loss of two valleys. The curvature across the valley is 20 times
# that along the valley in the first one, and 100 times in the second. All descents
# start at $(-4, 1)$. Each optimiser is tried with forty learning rates, and the best
# of them counts. The result is the number of steps after which the loss stays below
# 0.01.
#
# **Predict first:** which optimiser needs the fewest steps in the first valley, and
# which in the second?


# %%
def descend(optimizer, k, steps=400):
    """Return all points of a descent, (steps + 1, 2)."""
    valley = Valley(k)
    params = Parameters({"valley": valley}, dtype=np.float64)
    params.flat[:] = -4, 1
    path = [params.flat.copy()]
    with np.errstate(over="ignore", invalid="ignore"):  # steps that are too long diverge
        for _ in range(steps):
            valley.backward()
            optimizer.step(params)
            path.append(params.flat.copy())
    return np.array(path)


def steps_needed(path, k):
    """Return after how many steps the loss stays below 0.01; infinity if it does not."""
    with np.errstate(over="ignore", invalid="ignore"):
        above = ~(Valley(k).loss(path) < 0.01)
    return np.inf if above[-1] else np.flatnonzero(above)[-1] + 1


optimizers = {"SGD": SGD, "momentum": Momentum, "Adam": Adam}
colours = {"SGD": BLUE, "momentum": ORANGE, "Adam": GREEN}
rates, gentle, steep = np.geomspace(1e-3, 3, 40), 20, 100
best_path, fewest = {}, {}
for k in (gentle, steep):
    for name, optimizer in optimizers.items():
        paths = [descend(optimizer(lr), k) for lr in rates]
        counts = [steps_needed(path, k) for path in paths]
        best_path[k, name], fewest[k, name] = paths[np.argmin(counts)], min(counts)
        print(f"{k:3d} times the curvature: {name:<9} {min(counts):4.0f} steps")

assert fewest[gentle, "SGD"] < min(fewest[gentle, "momentum"], fewest[gentle, "Adam"])
assert fewest[steep, "SGD"] > 2 * max(fewest[steep, "momentum"], fewest[steep, "Adam"])

# %%
figure, axes = plt.subplots(2, 1, figsize=(8, 5.2))
across, along = np.linspace(-1.4, 1.4, 200), np.linspace(-4.5, 2.5, 300)
grid = np.stack(np.meshgrid(along, across), axis=-1)  # (200, 300, 2)
for ax, k in zip(axes, (gentle, steep), strict=True):
    ax.contour(along, across, Valley(k).loss(grid), np.geomspace(0.1, 100, 8), colors="#bbbbbb")
    for name, colour in colours.items():
        label = f"{name}: {fewest[k, name]:.0f} steps"
        ax.plot(*best_path[k, name].T, ".-", color=colour, label=label, linewidth=1)
    ax.plot(0, 0, "k*", markersize=10)
    ax.set(title=f"curvature {k} times larger across than along", ylabel="across")
    ax.legend(loc="upper right", frameon=True, edgecolor="none", framealpha=0.9)
axes[1].set_xlabel("along the valley")
show(figure, "05-three-optimisers")

# %% [markdown]
# (The grey lines connect points of equal loss. The star is the minimum.) SGD is the
# fastest in the first valley and by far the slowest in the second. Across the
# valley a step must not end higher up than it began, so a larger curvature requires
# a smaller learning rate. With a small learning rate the progress *along* the valley
# is slow: five times the curvature takes about five times as many steps.
#
# Momentum oscillates across the valley, too, and for longer. But along the valley
# the gradients have the same sign for many steps, and the velocity grows to up to
# ten times a single gradient. Adam gives each number a step length of its own. Both need only
# about a quarter more steps in the second valley. The loss of a deep network has a
# large curvature in some of its many directions and hardly any in others. This is
# why few people train deep networks by plain SGD.
#
# ## A first network
#
# Now we train a network whose result you can see. Its input is a digit from 0 to 9,
# given as ten numbers of which one is 1 and the others 0 (*one-hot*). Its output
# should be a certain image of that digit. Such a network, which turns a few numbers
# into an image, is called a *decoder*. Nearly every lesson from here on has one.

# %%
data = digits()
chosen = np.array([np.flatnonzero(data.train.labels == digit)[0] for digit in range(10)])
x = (data.train.take(chosen) >= 128).astype(np.float64)  # (10, 784), the first image of each digit
one_hot = np.eye(10)


def memorise(optimizer, steps=300, weight=1.0):  # weight: see the end of the lesson
    """Train a decoder; return its losses, in nats per image, and its images."""
    decoder = Sequential(Dense(10, 100, rng=0), Tanh(), Dense(100, 784, rng=1))
    likelihood, losses, images = Bernoulli(), [], {}
    params = Parameters({"decoder": decoder}, dtype=np.float64)
    for t in range(steps + 1):
        logits = decoder.forward(one_hot)
        loss, dlogits = likelihood.loss_and_grad(logits, x)
        losses.append(float(loss))
        images[t] = likelihood.mean(logits)  # probabilities of the pixels
        decoder.backward(weight * dlogits)
        optimizer.step(params)
    return losses, images


# %% [markdown]
# Two lines of the loop only keep a record. The other four are the contents of the
# lessons so far: forward pass, loss, backward pass, step. All training consists of
# these.
#
# **Predict first:** the ten images have 7,840 pixels, and the decoder has 80,284
# parameters. How small can the loss become?

# %%
losses, images = {}, {}
for name, optimizer in (("SGD", SGD(0.3)), ("momentum", Momentum(0.1)), ("Adam", Adam(0.03))):
    losses[name], images[name] = memorise(optimizer)
    first, early, last = losses[name][0], losses[name][30], losses[name][-1]
    print(f"{name:<9} {first:.0f} nats at first, {early:.1f} after 30 steps, {last:.3f} after 300")
    assert abs(first - 784 * np.log(2)) < 5, "at first each pixel has a probability near 1/2"
assert losses["Adam"][-1] < 0.1, "close to zero: it reproduces the images"

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(3, 4))
for name, colour in colours.items():
    left.semilogy(losses[name], color=colour, label=name)
left.set(xlabel="steps", ylabel="loss, in nats per image")
left.legend()
shown = [0, 5, 10, 20, 40, 300]
figures.samples(
    np.concatenate([images["Adam"][t] for t in shown]),
    data.shape,
    across=10,
    told=f"output of the decoder after {', '.join(map(str, shown))} steps of Adam",
    ax=right,
)
show(figure, "05-ten-images")

# %% [markdown]
# The loss goes to zero, as closely as you have patience for. The network has
# memorised its training data, which is called *overfitting*. In this test it is what
# we want: **a network that cannot memorise ten images has a bug.** Always make this
# test first. It takes seconds, and finds what no gradient check can find: two images
# with the same label, a learning rate of the wrong size, inputs that do not reach
# the network. (It does not find labels that are merely exchanged: the network
# memorises those as well.)
#
# ## Sum or mean, once more
#
# In lesson 03 taking the mean over pixels made the gradient 784 times smaller.
#
# **Predict first:** we do so here, with the same learning rates. Which of the three
# optimisers is not affected?

# %%
for name, optimizer in (("SGD", SGD(0.3)), ("momentum", Momentum(0.1)), ("Adam", Adam(0.03))):
    losses_of_mean, _ = memorise(optimizer, weight=1 / 784)
    summed, averaged = losses[name][-1], losses_of_mean[-1]
    print(f"{name:<9} loss at the end: sum {summed:.3f}, mean {averaged:.3f}")
    if name == "Adam":
        assert abs(averaged / summed - 1) < 0.05
    else:
        assert averaged > 100, "still far from the minimum"

# %% [markdown]
# Adam divides $\hat m$ by $\sqrt{\hat v}$. If all gradients become 784 times
# smaller, so do both of these, and the step stays the same. So Adam hides the
# mistake. That is convenient, and dangerous: the ratio of *two terms* of a loss
# would still change by a factor of 784, and with Adam nothing tells you.
#
# In this lesson we gave the decoder its input, the ten labels. In lesson 06 a second
# network finds the inputs of the decoder by itself.

# %% [markdown]
# ## Questions
#
# **Question 1.** A loss is a sum of two terms. You train with Adam, and by
# mistake the first term is averaged over 784 pixels in place of summed. The
# training goes on smoothly. What has happened?
#
# - **a** The first term has lost nearly all of its influence. Adam hides only a
#   factor that all gradients share.
# - **b** Nothing, since Adam takes the same steps whatever the scale of the
#   gradient.
# - **c** The training has become 784 times slower.
#
# **Question 2.** Your network has passed its gradient check. Now it should
# memorise ten images, but its loss stays at 25 nats however long you train. What
# does this tell you?
#
# - **a** That the network generalises, which is better than memorising.
# - **b** That there is a bug which no gradient check can see, for example two
#   images with the same input.
# - **c** That ten images are too few for training.
#
# ## Exercises
#
# Answers are in `answers_05_learning.py`.
#
# 1. **Change a number.** What is the largest learning rate with which SGD still
#    converges in the valley with $k = 100$? Predict it from the step across,
#    $\theta_2 \leftarrow \theta_2 - \text{lr} \cdot k\, \theta_2$. *Check:* with a
#    learning rate smaller by a fortieth `descend` converges, and with one larger by
#    a fortieth it diverges.
# 2. **A bug that no gradient check finds.** Train the decoder with wrong labels: use
#    the one-hot vector of 0 for both images, 0 and 1. Predict the loss that remains.
#    *Check:* it is between 15 and 30 nats per image, however many steps you make.
#    Look at the image that the decoder outputs for 0.
# 3. **Derive and implement.** *Nesterov's* momentum looks ahead: it steps by
#    $\text{lr}\,(g + 0.9\, v)$ with the new $v$. Write it as a class with
#    `step(params)`. *Check:* at its own best learning rate it needs fewer steps in
#    the steep valley than `Momentum` at its best.
