# %% [markdown]
# # 05 · Learning
#
# *You know which way is down. How far do you go, and what do you remember?*
#
# - **You need:** lessons 01 to 04.
# - **You get:** gradient descent, momentum and Adam by hand; a race between them;
#   your first network that learns something; and a test that every network must
#   pass.
# - **Run time:** 4 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, show

from npvae import SGD, Adam, Bernoulli, Dense, Momentum, Sequential, Tanh, figures
from npvae.parameters import Parameters

# %% [markdown]
# ## Three ways down
#
# Let $p$ be all the numbers of a network in one long vector, and $g = dL/dp$
# their gradient. The gradient points uphill, so we go the other way. The
# *learning rate* $\text{lr}$ says how far. All that follows is done for each
# number on its own.
#
# **SGD** (*stochastic gradient descent*; stochastic, since in a real training
# every step sees another batch, as from lesson 06 on) remembers nothing:
#
# $$ p \leftarrow p - \text{lr}\; g $$
#
# **Momentum** is a ball that rolls. It keeps its speed $v$, of which a tenth is
# lost at each step:
#
# $$ v \leftarrow 0.9\, v + g, \qquad p \leftarrow p - \text{lr}\; v $$
#
# **Adam** (Kingma & Ba, 2015) keeps two running averages, of the gradient and of
# its square, and goes by their ratio. (Its $v$ is another one than momentum's;
# the names are theirs.)
#
# $$ m \leftarrow 0.9\, m + 0.1\, g, \qquad v \leftarrow 0.999\, v + 0.001\, g^2 $$
#
# Both begin at zero, so at first they are too small. Were all gradients equal to
# $g$, each step would close a tenth of the gap between $m$ and $g$. After $t$
# steps $0.9^t$ of the gap is left, so we divide by $1 - 0.9^t$. The same for $v$.
# In the last formula the root gives $\hat v$ the unit of $g$, and $10^{-8}$ keeps
# us from dividing by zero:
#
# $$ \hat m = \frac{m}{1 - 0.9^t}, \qquad \hat v = \frac{v}{1 - 0.999^t} $$
#
# $$ p \leftarrow p - \text{lr}\, \frac{\hat m}{\sqrt{\hat v} + 10^{-8}} $$
#
# **Predict first:** Adam's first step. How far does it go if the gradient is
# 1000? And if it is 0.001?


# %%
def adam_by_hand(p, gradients, lr):
    """Return p after Adam's steps down the given gradients."""
    p, m, v = p.copy(), np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        p -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return p


start = np.zeros(2)
first = adam_by_hand(start, [np.array([1000.0, 0.001])], lr=0.1)
print("after Adam's first step:", first)
assert np.allclose(first, -0.1), "one step of length lr, whatever the gradient"

# %% [markdown]
# The same for both! At $t = 1$ the ratio is $g / \sqrt{g^2}$, which is just the
# sign of $g$. In its first step Adam takes only the sign of each number of the
# gradient, not its size. (The last digit is the $10^{-8}$.) Later steps are
# shorter where the signs change or the gradients shrink.
#
# npvae's optimisers do the same to *one flat vector* that holds all numbers of a
# model, `params.flat`, with their gradient in `params.grad`. `Parameters` lends
# each layer its piece of it: change the one and you change the other. So a step
# is one line, whatever the network looks like.


# %%
class Valley:
    """L = (p1² + k p2²) / 2: k times as steep across as along."""

    def __init__(self, k):
        self.p, self.dp, self.curvature = np.zeros(2), np.zeros(2), np.array([1.0, k])

    def loss(self, p):
        return 0.5 * p**2 @ self.curvature

    def backward(self):
        self.dp[...] = self.p * self.curvature


def descend(optimizer, k, steps=400):
    """Return all points, and from which step on the loss is below 0.01 (or infinity)."""
    valley = Valley(k)
    params = Parameters({"valley": valley}, dtype=np.float64)
    params.flat[:] = -4, 1
    path = [params.flat.copy()]
    for _ in range(steps):
        if valley.loss(path[-1]) > 1e6:
            return np.array(path), np.inf  # it flew off
        valley.backward()
        optimizer.step(params)
        path.append(params.flat.copy())
    last = np.flatnonzero(valley.loss(np.array(path)) > 0.01)[-1]  # still above
    return np.array(path), last + 1 if last < steps else np.inf


rng = np.random.default_rng(0)
gradients = rng.standard_normal((100, 2))
params, adam = Parameters({"valley": Valley(1)}, dtype=np.float64), Adam(lr=0.1)
for g in gradients:
    params.grad[:] = g
    adam.step(params)
assert np.allclose(params.flat, adam_by_hand(np.zeros(2), gradients, lr=0.1), rtol=1e-9)
print("npvae's Adam is Adam by hand")

# %% [markdown]
# ## The race
#
# Two valleys. One is 20 times as steep across as along, the other 100 times. All
# start at $(-4, 1)$. Each racer may try forty learning rates and keep the best.
# Whoever gets to the bottom, a loss below 0.01, and stays there, in the fewest
# steps wins.
#
# **Predict first:** who wins, in the gentle valley and in the steep one?

# %%
racers = {"SGD": (SGD, BLUE), "momentum": (Momentum, ORANGE), "Adam": (Adam, GREEN)}
rates, gentle, steep = np.geomspace(1e-3, 3, 40), 20, 100
best = {}
for k in (gentle, steep):
    for name, (optimizer, _) in racers.items():
        path, n = min((descend(optimizer(lr), k) for lr in rates), key=lambda found: found[1])
        best[k, name] = path, n
        print(f"{k:3d} times as steep: {name:<9} {n:4.0f} steps")

assert best[gentle, "SGD"][1] < min(best[gentle, "momentum"][1], best[gentle, "Adam"][1])
assert best[steep, "SGD"][1] > 2 * max(best[steep, "momentum"][1], best[steep, "Adam"][1])

# %%
figure, axes = plt.subplots(2, 1, figsize=(8, 5.2))
across, along = np.linspace(-1.4, 1.4, 200), np.linspace(-4.5, 2.5, 300)
grid = np.stack(np.meshgrid(along, across), axis=-1)  # (200, 300, 2)
for ax, k in zip(axes, (gentle, steep), strict=True):
    ax.contour(along, across, Valley(k).loss(grid), np.geomspace(0.1, 100, 8), colors="#bbbbbb")
    for name, (_, colour) in racers.items():
        path, n = best[k, name]
        ax.plot(*path.T, ".-", color=colour, label=f"{name}: {n:.0f} steps", linewidth=1)
    ax.plot(0, 0, "k*", markersize=10)
    ax.set(title=f"{k} times as steep across as along", ylabel="across")
    ax.legend(loc="upper right", frameon=True, edgecolor="none", framealpha=0.9)
axes[1].set_xlabel("along the valley")
show(figure, "05-race")

# %% [markdown]
# (Grey: lines of equal loss. The star is the bottom.) The simplest wins the
# gentle race, and is far behind in the steep one. SGD is caught between two
# walls. A step across must not throw it further up the other side than it came
# from. So the steeper the walls, the smaller the step, and with small steps it
# crawls along the flat floor: a valley five times as steep takes five times as
# long.
#
# Momentum swings, too, and wider. But along the valley all gradients agree, and
# there its speed adds up, to ten times a single step. Adam gives each number a
# step length of its own. Both need only about a quarter more steps in the steep
# valley. The loss of a deep network is steep in some of its many directions and
# nearly flat in others, which is why few people train one by SGD alone.
#
# ## Ten images by heart
#
# Now a real network, and it learns something you can see. It is told a number
# from 0 to 9 as ten zeros with a single one (*one-hot*), and has to draw an image
# of our choice. That is a *decoder*: few numbers in, an image out. You will meet
# it again in nearly every lesson from here on.

# %%
data = digits()
chosen = np.array([np.flatnonzero(data.train.labels == digit)[0] for digit in range(10)])
x = (data.train.take(chosen) >= 128).astype(np.float64)  # (10, 784), the first image of each digit
one_hot = np.eye(10)


def memorise(optimizer, steps=300, weight=1.0):  # the weight: for the end of this lesson
    """Train a decoder; return its losses, in nats an image, and its drawings."""
    decoder = Sequential(Dense(10, 100, rng=0), Tanh(), Dense(100, 784, rng=1))
    likelihood, losses, drawings = Bernoulli(), [], {}
    params = Parameters({"decoder": decoder}, dtype=np.float64)
    for t in range(steps + 1):
        logits = decoder.forward(one_hot)
        loss, dlogits = likelihood.loss_and_grad(logits, x)
        losses.append(float(loss))
        drawings[t] = likelihood.mean(logits)  # the probabilities
        decoder.backward(weight * dlogits)
        optimizer.step(params)
    return losses, drawings


# %% [markdown]
# Two lines of the loop keep a record. The other four are the lessons so far:
# forward, loss, backward, step. This is all that training is.
#
# **Predict first:** the ten images have 7,840 pixels. The decoder has 80,284
# numbers to learn. How low can the loss get?

# %%
trainings = {
    "SGD": memorise(SGD(lr=0.3)),
    "momentum": memorise(Momentum(lr=0.1)),
    "Adam": memorise(Adam(lr=0.03)),
}
for name, (losses, _) in trainings.items():
    print(
        f"{name:<9} {losses[0]:.0f} nats at first, {losses[30]:.1f} after 30 steps, "
        f"{losses[-1]:.3f} after {len(losses) - 1}"
    )
    assert abs(losses[0] - 784 * np.log(2)) < 5, "it starts by tossing coins"
assert trainings["Adam"][0][-1] < 0.1, "near zero: it knows the images by heart"

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), width_ratios=(3, 4))
for name, (losses, _) in trainings.items():
    left.semilogy(losses, color=racers[name][1], label=name)
left.set(xlabel="steps", ylabel="loss, in nats an image")
left.legend()
drawings = trainings["Adam"][1]
shown = [0, 5, 10, 20, 40, 300]
figures.samples(
    np.concatenate([drawings[t] for t in shown]),
    data.shape,
    across=10,
    told=f"what Adam's decoder draws after {', '.join(map(str, shown))} steps",
    ax=right,
)
show(figure, "05-ten-images")

# %% [markdown]
# To zero, or as near as you have patience for. That is *overfitting*, and here it
# is what we want: **a network that cannot learn ten images by heart has a bug.**
# Do this first, always. It takes seconds, and it finds what no gradient check
# can: two images with the same label, a learning rate of the wrong size, inputs
# that never arrive. (Labels that are merely swapped it learns by heart, too.)
#
# ## Add or average, once more
#
# In lesson 03 averaging over pixels made the gradient 784 times smaller.
#
# **Predict first:** we do that now, with the same learning rates. Which of the
# three does not notice?

# %%
for name, optimizer in (("SGD", SGD(0.3)), ("momentum", Momentum(0.1)), ("Adam", Adam(0.03))):
    summed, averaged = trainings[name][0][-1], memorise(optimizer, weight=1 / 784)[0][-1]
    print(f"{name:<9} summed {summed:.3f}, averaged {averaged:.3f}")
    if name == "Adam":
        assert abs(averaged / summed - 1) < 0.05
    else:
        assert averaged > 100, "it is far from done"

# %% [markdown]
# Adam divides $\hat m$ by $\sqrt{\hat v}$. Make all gradients 784 times smaller,
# and both shrink alike, so that the step stays the same. Adam hides the mistake.
# That is comfortable, and dangerous: the weight *between two terms* of a loss
# still changes by 784, and Adam will not tell you.
#
# This decoder was given ten labels by us. In lesson 06 a second network has to
# find the codes.
#
# ## Exercises
#
# Answers are in `answers_05_learning.py`.
#
# 1. **Change a number.** What is the largest learning rate with which SGD still
#    comes down the valley with $k = 100$? Predict it from the step across,
#    $p_2 \leftarrow p_2 - \text{lr} \cdot k\, p_2$. *Check:* a fortieth below it
#    `descend` arrives, a fortieth above it flies off.
# 2. **A bug no gradient check sees.** Train the decoder with labels that do not
#    fit: for the images 0 and 1 both, the one-hot vector of 0. Predict the loss
#    that remains. *Check:* it is between 15 and 30 nats an image, and no more
#    steps help. Draw what the decoder draws for 0.
# 3. **Derive and implement.** *Nesterov's* momentum looks ahead: it steps by
#    $\text{lr}\,(g + 0.9\, v)$ with the new $v$. Write it as a class with
#    `step(params)`. *Check:* at its own best learning rate it arrives in the
#    steep valley in fewer steps than `Momentum` at its best.
