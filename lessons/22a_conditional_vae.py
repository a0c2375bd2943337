# %% [markdown]
# # 22a · Conditional VAEs: ask for a digit
#
# *A VAE draws digits, but it chooses which. How do you ask for a 7, and in a
# handwriting of your choice?*
#
# - **You need:** lessons 01, 05, 12a, 13a, 15 and 16.
# - **You get:** the ELBO of $\log p(x \mid y)$, derived; a conditional VAE by hand,
#   with its gradient checked; ten digits in one handwriting; two ways in which one of
#   the decoder's inputs is ignored, and what to do.
# - **Run time:** a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized
from diagrams import LOSS, NETWORK, RANDOM, Diagram

from npvae import VAE, Adam, Cosine, Loss, Pixels, Trainer, check, evaluate, figures
from npvae.layers import sigmoid, softplus

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)

# %% [markdown]
# ## The same algebra, with a condition
#
# Every image comes with a label $y$. (In lesson 01, $y$ was what comes out of a
# layer. From here on it is the **condition**: what you know, and do not model.) We
# want $p(x \mid y)$: not "what does a digit look like?", but "what does a 7 look
# like?". Once the label is known, what is left to choose is the *style*: slant,
# thickness, size, a loop or a hook. That is what $z$ is for now. So the decoder gets
# both, $z$ and $y$, and the prior of $z$ is $\mathcal N(0, I)$ for every label:
#
# $$ p(x \mid y) = \int p(x \mid z, y)\,p(z)\,dz $$
#
# The bound is derived as in lesson 12a, with $y$ behind every bar. Bayes' rule for a
# given $y$ holds for any $z$:
#
# $$ p(x \mid y) = \frac{p(x \mid z, y)\,p(z)}{p(z \mid x, y)} $$
#
# Take the logarithm. Then add and subtract $\log q(z)$, where $q$ is any density:
#
# $$ \log p(x \mid y) = \log p(x \mid z, y) - \log\frac{q(z)}{p(z)}
# + \log\frac{q(z)}{p(z \mid x, y)} $$
#
# The left side does not depend on $z$, so it stays the same when we take the
# expected value under $q$. The last two terms become KL divergences:
#
# $$ \log p(x \mid y) = \underbrace{\mathbb E_q[\log p(x \mid z, y)]
# - \text{KL}\left(q, p(z)\right)}_\text{ELBO}
# + \underbrace{\text{KL}\left(q, p(z \mid x, y)\right)}_\text{never negative} $$
#
# Since the last term is never negative, the other two are a lower bound, whatever $q$
# is. It is tight if $q$ is the posterior, and **the posterior depends on $y$**: how
# much a stroke is slanted, for example, you can say only if you know which digit it
# belongs to. So the encoder gets the label, too: $q(z \mid x, y)$. This is the
# *conditional VAE* (Sohn, Lee and Yan 2015).

# %%
diagram = Diagram(3.3, 3.1)
left, right, top, middle, bottom, last = 0.55, 2.75, 2.8, 1.97, 1.14, 0.31
x_box = diagram.box(left, top, "$x$")
y_box = diagram.box((left + right) / 2, middle, "$y$", width=0.4)
encoder = diagram.box(left, middle, "encoder", width=0.9, fill=NETWORK)
q_box = diagram.box(left, bottom, r"$\mu,\ \log\sigma^2$", width=0.9)
z_box = diagram.box(right, bottom, "$z$")
eps_box = diagram.box(right, last, r"$\varepsilon$", width=0.34, fill=RANDOM)
kl_box = diagram.box(left, last, "KL", fill=LOSS)
decoder = diagram.box(right, middle, "decoder", width=0.9, fill=NETWORK)
p_box = diagram.box(right, top, r"$p(x \mid z, y)$", width=0.9)
diagram.arrow(x_box, encoder)
diagram.arrow(y_box, encoder)
diagram.arrow(y_box, decoder)
diagram.arrow(encoder, q_box, back="")
diagram.arrow(q_box, z_box, r"$z = \mu + \sigma\varepsilon$", back="")
diagram.arrow(q_box, kl_box, back="")
diagram.arrow(eps_box, z_box)
diagram.arrow(z_box, decoder, back="$dz$")
diagram.arrow(decoder, p_box, back="")
show(diagram.figure, "22a-conditional-vae")

# %% [markdown]
# > **What you may have read:** "the label goes to the decoder; the encoder does not
# > need it, since it sees the image". The loss is still a bound without it, so nothing
# > breaks. But the bound is as good as before only if the image shows its label. For
# > digits it nearly always does, and still leaving the label out costs something, as
# > you will see. Exercise 3 derives how much.
#
# ## One more input, and its gradient
#
# A label is not a quantity: the 8 is not four times the 2. So we give each label an
# input of its own (*one-hot*: one 1 among zeros), and put these ten numbers beside
# $x$ and beside $z$. What does the first layer of the decoder make of them? Split
# its weights into the rows for $z$ and the rows for $y$:
#
# $$ [z, y]\,W + b = z\,W_z + y\,W_y + b $$
#
# With a one-hot $y$, the product $y\,W_y$ is one row of $W_y$. So each label adds a
# **bias of its own**, and that is all. In the backward pass the layer returns the
# gradient with respect to all that went in, $[dz, dy]$. Only $dz$ goes on, to the
# encoder. Nothing is upstream of $y$, so $dy$ is cut off.


# %%
def one_hot(labels, n_y):
    """Labels, (B,) integers from 0 to n_y - 1, as rows with one 1 among zeros: (B, n_y) floats."""
    ### BEGIN SOLUTION
    return (labels[:, None] == np.arange(n_y)).astype(np.float32)
    ### END SOLUTION


class ByHand(VAE):
    """A conditional VAE: lesson 13a, with a condition."""

    def loss_and_grad(self, x, eps, y):
        """Return the loss of images x, (B, n_x), with noise eps, (B, n_z), and conditions y.

        y is (B, n_y). It stands behind x in the input of the encoder and behind z in that of the
        decoder: `np.concatenate([x, y], axis=1)`. The rest is as in lesson 13a: both terms are
        sums, divided by B; `backward` of decoder and encoder leaves the gradients in
        `params.grad`, and returns the gradient with respect to what went in. The result is
        `Loss(loss, reconstruction, kl)`.
        """
        ### BEGIN SOLUTION
        h = self.encoder.forward(np.concatenate([x, y], axis=1))
        mu, logvar = h[:, : self.n_z], h[:, self.n_z :]
        z = mu + np.exp(logvar / 2) * eps
        logits = self.decoder.forward(np.concatenate([z, y], axis=1))
        reconstruction = (softplus(logits) - x * logits).sum() / len(x)
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum() / len(x)

        dz = self.decoder.backward((sigmoid(logits) - x) / len(x))[:, : self.n_z]  # without dy
        dmu = dz + mu / len(x)
        dlogvar = dz * 0.5 * np.exp(logvar / 2) * eps + 0.5 * (np.exp(logvar) - 1) / len(x)
        self.encoder.backward(np.concatenate([dmu, dlogvar], axis=1))
        return Loss(reconstruction + kl, reconstruction, kl)
        ### END SOLUTION


small = {"n_x": 30, "n_h": 12, "n_z": 3, "n_y": 4, "activation": "tanh", "dtype": np.float64}
ours, npvaes = ByHand.dense(**small), VAE.dense(**small)  # the same seed, so the same weights
x, eps = (rng.random((5, 30)) < 0.3).astype(float), rng.standard_normal((5, 3))
some = np.array([2, 0, 3, 3, 1])
y = one_hot(some, 4).astype(float)
assert (y == npvaes.one_hot(some)).all()
assert np.allclose(ours.loss_and_grad(x, eps, y), npvaes.loss_and_grad(x, eps, y))
assert np.allclose(ours.params.grad, npvaes.params.grad)
report = check(ours, x, eps, y)
print(report)
assert report.ok

first = ours.decoder.layers[0]
W_z, W_y = first.W[:3], first.W[3:]
both = first.forward(np.concatenate([eps, y], axis=1))
assert np.allclose(both, eps @ W_z + W_y[some] + first.b), "a label is a bias of its own"

# %% [markdown]
# ## One handwriting, ten digits
#
# Now train it on digits. Then take a test image, encode it with its own label, and
# decode its code (the mean $\mu$) with each of the ten labels. If all went well, that
# code is a handwriting.
#
# We have to measure two things. *Does the digit come out that was asked for?* We
# look for the nearest of some thousand training images and take its label, as in
# lesson 15. (That is not always right, not even for test images, so a perfect model
# would not get 100 % either. Chance is 10 %.) *Does the style stay?* We compute the
# correlation of the slant before and after. For glyphs we know the slant with which
# the image was drawn; for MNIST we measure it, as in lesson 15.


# %%
def with_every_label(model, z, n_y):
    """Decode each code with each label: images (N, n_y, n_x), for codes z, (N, n_z).

    `model.decode(z, y)` takes codes, (B, n_z), and conditions, (B, n_y), which are
    `model.one_hot(labels)`. It returns images, (B, n_x). Image [i, j] is that of code i and
    label j.
    """
    ### BEGIN SOLUTION
    y = model.one_hot(np.tile(np.arange(n_y), len(z)))
    return model.decode(np.repeat(z, n_y, axis=0), y).reshape(len(z), n_y, -1)
    ### END SOLUTION


n_train, n_h, epochs, batch_size = sized((20_000, 200, 4, 64), quick=(4000, 200, 5, 32))
train_part, test_part = data.train.only(slice(0, n_train)), data.test.only(slice(0, 2000))
mean_image = train_part.take(slice(None)).mean(axis=0) / 255
known = (data.train.take(slice(0, 4000)) / 255).astype(np.float32)
n_test = sized(400, quick=200)
x_test = (test_part.take(slice(0, n_test)) / 255).astype(np.float32)
labels = test_part.labels[:n_test]
down, across = np.mgrid[0:28, 0:28].astype(float)


def digit_of(x):
    """The digit of the training image that is nearest to each image."""
    distance = (known**2).sum(axis=1) - 2 * x @ known.T  # |x|² is the same for all of them
    return data.train.labels[distance.argmin(axis=1)]


def slant_of(x):
    """The slant of each image, in degrees to the right."""
    ink = x.reshape(-1, 28, 28) / x.sum(axis=1)[:, None, None]
    dx = across - (ink * across).sum(axis=(1, 2))[:, None, None]
    dy = down - (ink * down).sum(axis=(1, 2))[:, None, None]
    return -np.degrees(np.arctan((ink * dx * dy).sum(axis=(1, 2)) / (ink * dy**2).sum(axis=(1, 2))))


slant = data.test.factors["slant"][:n_test] if data.name == "glyphs" else slant_of(x_test)
other = labels[:, None] != np.arange(10)  # (n_test, 10): where another label is asked for
asked_of_prior = np.repeat(np.arange(10), 60)
right = (digit_of(x_test) == labels).mean()
print(f"nearest training image of a test image: the right digit for {right:.0%}")


def train(kind, name, n_z=10, beta=1.0):
    """A trained model of a class such as VAE, with ten labels."""
    model = kind.dense(784, (n_h, n_h), n_z, n_y=10, beta=beta)
    model.start_at(mean_image)
    lr = Cosine(2e-3, epochs=epochs)
    trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
    run_epochs(trainer, epochs, name)
    return model


def measured(model):
    """What a model does with a label, and with a code; print it, too."""
    samples = model.sample(600, rng=1, y=model.one_hot(asked_of_prior))
    z = model.encode(x_test, model.one_hot(labels))[0]
    images = with_every_label(model, z, 10)
    digit = digit_of(images.reshape(-1, 784)).reshape(-1, 10)
    correlations = [
        np.corrcoef(slant_of(images[other[:, j], j]), slant[other[:, j]])[0, 1] for j in range(10)
    ]
    of_label = [samples[asked_of_prior == label] for label in range(10)]
    r = evaluate(model, test_part, black_or_white)
    found = {
        "prior": (digit_of(samples) == asked_of_prior).mean(),
        "image": (digit == np.arange(10))[other].mean(),
        "own": (digit == labels[:, None])[other].mean(),
        "slant": np.mean(correlations),
        "variety": np.mean([2 * x.var(axis=0).sum() for x in of_label]),  # as in lesson 13a
        "-elbo": -r.elbo,
        "rate": r.rate,
    }
    print(
        f"    -ELBO {-r.elbo:.1f}, rate {r.rate:.1f} nats. Digit asked for: {found['prior']:.0%} "
        f"with z from the prior,\n    {found['image']:.0%} with the z of another digit, which "
        f"appears itself in {found['own']:.0%}.\n    Correlation of slants {found['slant']:.2f}; "
        f"squared distance of two samples of a label {found['variety']:.1f}"
    )
    return found


# %% [markdown]
# **Predict first:** the loss goes down, and the gradient has been checked. How often
# does the digit come out that was asked for: with $z$ drawn from the prior, and with
# the $z$ of an image of *another* digit?

# %%
models = {"as usual": train(VAE, "a conditional VAE")}
results = {"as usual": measured(models["as usual"])}

# %% [markdown]
# The slant stays, but often the wrong digit comes out. With the $z$ of another digit,
# the label decides only part of the time (at full size on MNIST, in 41 of 100 cases).
# In many others the digit of $z$ appears, or a shape between the two. Nothing is
# wrong with the program. And the loss, the only number that was printed in training,
# shows none of it.
#
# ## Which input is learned first
#
# Why? In principle the label is a bargain. It tells the decoder up to $\log 10 = 2.3$
# nats, and costs nothing, while the KL divergence charges for everything that $z$
# tells. But the decoder does not know that. It has two inputs from which it can learn
# which digit to draw, and it takes what it can learn *first*. With Adam, each weight
# moves by about one learning rate, lr, per step (lesson 05). So after $t$ steps in the
# same direction, the input of a unit of the first layer has changed
#
# $$ \text{by } t\,\text{lr} \cdot \sum_j |y_j| = t\,\text{lr} \text{ through the label,}
# \quad \text{by up to } t\,\text{lr} \cdot \sum_j |z_j| \text{ through } z $$
#
# For ten latents of about unit size the last sum is about eight. So $z$ is learned
# several times as fast. The encoder adapts, and sends the digit through $z$. And once
# $z$ carries it, there is nothing left to gain from $y$. What remains is a small
# pressure by the KL divergence, 2.3 nats at most. It works, but it takes long: after
# twenty epochs on all images, the digit asked for comes out in 88 % of the samples
# from the prior (the guide has the command, on its page of numbers that you can trust).
#
# This suggests a remedy: a label that is larger. We multiply the one-hot vector by 5,
# in both networks. The model can represent exactly what it could before (divide $W_y$
# by 5), so all that changes is how fast the label is learned.
#
# **Predict first:** what does that do? With this label we also train three models in
# which something is wrong. The encoder of one gets $x$ and not $y$. In the next, 50
# latents cost next to nothing, $\beta = 0.05$. In the last they cost ten times as
# much, $\beta = 10$. Which input will the decoder of each ignore?

# %%
SCALE = np.float32(5)


class ScaledLabel(VAE):
    """A conditional VAE whose decoder and encoder get 5 in place of the 1 of a label."""

    def one_hot(self, labels):
        return SCALE * super().one_hot(labels)


class BlindEncoder(ScaledLabel):
    """The same, but the encoder gets zeros in place of the label."""

    def encode(self, x, y=None):
        return super().encode(x, np.zeros_like(y))


for name, kind, options in (
    ("label × 5", ScaledLabel, {}),
    ("encoder without y", BlindEncoder, {}),
    ("β = 0.05", ScaledLabel, {"n_z": 50, "beta": 0.05}),
    ("β = 10", ScaledLabel, {"beta": 10.0}),
):
    models[name] = train(kind, name, **options)
    results[name] = measured(models[name])
usual, scaled, blind, cheap, costly = results.values()
assert scaled["prior"] > max(0.75, usual["prior"] + 0.05), "a larger label is used"
assert scaled["image"] > max(0.75, usual["image"] + 0.05)
assert scaled["slant"] > 0.75, "and the style stays"
assert scaled["-elbo"] < usual["-elbo"] + 5, "at hardly any cost"
if data.name == "mnist":
    assert blind["-elbo"] > scaled["-elbo"] + 0.5, "an encoder that does not see y costs nats"
    assert blind["image"] < scaled["image"] - 0.03, "and sends more of the digit through z"
assert cheap["own"] > 2 * cheap["image"], "z carries the digit: the label is ignored"
assert cheap["image"] < 0.3
assert costly["prior"] > 0.8, "the label decides everything"
assert costly["rate"] < 2, "z is ignored"
assert costly["variety"] < scaled["variety"] / 2


def written_by(model, i):
    """Test image i, and its code with each of the ten labels: (11, 784)."""
    z = model.encode(x_test[i : i + 1], model.one_hot(labels[i : i + 1]))[0]
    return np.concatenate([x_test[i : i + 1], with_every_label(model, z, 10)[0]])


def upright_and_slanted(digit):
    """The test images of a digit with the least and with the greatest slant."""
    of_digit = np.flatnonzero(labels == digit)
    return of_digit[[slant[of_digit].argmin(), slant[of_digit].argmax()]]


shown = np.concatenate([upright_and_slanted(digit) for digit in (3, 4, 5)])
figure, axes = plt.subplots(2, 2, figsize=(11, 6.8))
for ax, name in zip(axes.flat, ("as usual", "label × 5", "β = 0.05", "β = 10"), strict=True):
    model = models[name]
    pictures = figures.tile(np.concatenate([written_by(model, i) for i in shown]), data.shape, 11)
    ax.imshow(pictures, cmap="gray", vmin=0, vmax=1)
    ax.axvline(28.5, color=ORANGE)
    ax.set(title=name, xlabel="a test image | its code with this label", yticks=[])
    ax.set_xticks((np.arange(11) + 0.5) * pictures.shape[1] / 11, ["", *map(str, range(10))])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
show(figure, "22a-one-handwriting")

figure, ax = plt.subplots(figsize=(7.5, 3))
bars = {
    "digit asked for, z from the prior": ("prior", BLUE),
    "digit asked for, z of another digit": ("image", GREEN),
    "slant: correlation with that digit's": ("slant", ORANGE),
}
for i, (label, (key, colour)) in enumerate(bars.items()):
    values = [found[key] for found in results.values()]
    ax.bar(np.arange(5) + 0.25 * (i - 1), values, width=0.25, color=colour, label=label)
ax.axhline(0.1, color="black", linestyle=":", label="chance, for the digit")
ax.set_xticks(range(5), list(results))
ax.set(ylabel="share, or correlation", ylim=(0, 1.6), yticks=np.linspace(0, 1, 6))
ax.legend(ncols=2, fontsize=8, loc="upper center")
show(figure, "22a-which-input-is-used")

# %% [markdown]
# - **The label times 5** is used. On MNIST at full size the digit asked for comes out
#   in 84 of 100 cases, twice as often as before, and it leans as the other digit did.
#   In the upper right picture most rows are one handwriting, and each column is one
#   digit. The ELBO is two or three nats better, too. (In quick mode it may be a nat
#   worse.)
# - **The encoder without $y$** undoes much of that. On MNIST at full size the label
#   is used no more than in the first model (40 of 100), and the ELBO falls by two or
#   three nats. So a larger label for the decoder alone is not enough. The reason may
#   lie in the encoder's first layer: with the label it can subtract a bias for each
#   digit, so that what is left is style. Without it, it has to recognise the digit
#   before it can leave it out. On glyphs, whose digits differ more clearly, the
#   difference is small.
# - **With $\beta = 0.05$** the code of a 3 is mostly decoded to a 3, or to a shape that
#   is not a digit, whatever the label says. (With $z$ from the prior the label counts
#   for more: hardly any image has such a code, so it says nothing definite.) The larger
#   label does not help: it has nothing to add to what $z$ says.
# - **With $\beta = 10$** the digit that was asked for comes out, but it is the same
#   image each time. The rate is next to zero, and so is the difference between two
#   samples. (The slants may correlate all the same, as on glyphs: a correlation does
#   not say how small the changes are.)
#
# Two things can go wrong, then, and the ELBO alone tells you about neither. Both
# times one of the decoder's two inputs does all the work:
#
# - **The label is ignored, since $z$ carries it.** This happens if $z$ is cheap, if it
#   has many dimensions, or if it is merely learned first. An excellent reconstruction
#   does not show that all is well: it can be the symptom. *Test:* decode the code of
#   one digit with the label of another. *Cures:* $\beta = 1$, fewer latents, a longer
#   training, and a larger label, which the encoder has to get, too.
# - **The code is ignored, since the label is enough.** It is the posterior collapse
#   of lesson 16: all sevens are the same mean seven. The more a condition says, the
#   less is left for $z$, and the sooner this happens. *Test:* draw several images for
#   one label, and look whether they differ. *Cures:* $\beta = 1$, and warm-up or free
#   bits.
#
# > **What you may have read:** "a conditional VAE separates style and content". It does
# > so only as far as the style means the same for every digit. The model has one prior
# > for all labels, so it *may* use the same $z$ for slanted threes and slanted sevens,
# > and with a shared network this is the easiest thing to do. But nothing in the ELBO
# > names the slant, and the bar through a 7 or the loop of a 2 corresponds to nothing
# > in most other digits.
#
# In npvae, `npvae train --conditional` trains such a model, and
# `npvae sample runs/NAME --label 7` asks for sevens.
#
# A condition need not be a label. In lesson 22b it is half of the image.
#
# ## Questions
#
# **Question 1.** A conditional VAE has an encoder that gets the image only. The
# decoder gets $z$ and the label. Which statement is right?
#
# - **a** Nothing changes: the label is visible in the image, whatever the data are.
# - **b** The loss is no longer a bound of $\log p(x \mid y)$.
# - **c** The loss is still a bound. It may be less tight, since the posterior of $z$
#   depends on the label.
#
# **Question 2.** A conditional VAE reconstructs test images excellently. You encode a
# 3, and decode its $z$ with the label 7. A 3 comes out. What happened?
#
# - **a** The code carries the digit, so the decoder has learned nothing from the
#   label.
# - **b** Posterior collapse: the decoder ignores its code.
# - **c** The backward pass drops $dy$, so the decoder could not learn to use the
#   label.
#
# ## Exercises
#
# Answers are in `answers_22a_conditional_vae.py`.
#
# 1. **Change the condition.** The model has seen one label at a time. Give it two halves,
#    $y = \tfrac12 (y_4 + y_9)$, times 5. Predict what it draws. *Check:* for more than two
#    thirds of the samples the nearest training image is a 4 or a 9, and both occur.
# 2. **A classifier for free.** If all labels are equally frequent, Bayes' rule says
#    $p(y \mid x) \propto p(x \mid y)$. Give each test image the label with the
#    largest ELBO. *Check:* more than 80 % are right, though nobody trained a classifier.
# 3. **Derive and implement.** What does it cost if the encoder does not see $y$? Let
#    $x = z + c\,y + s\,\varepsilon$ be one number, with $y = 1$ or $-1$ at random,
#    $z \sim \mathcal N(0, 1)$ and $s = \tfrac12$. Derive the posterior of $z$ given $x$
#    and $y$, then the best Gaussian $q(z \mid x)$, and show that the bound loses
#    $c^2\, \text{Var}(y \mid x) / \left(2 s^2 (1 + s^2)\right)$ nats. Average this
#    over $x$, for $c$ = 0.1, 0.5, 1 and 5. *Check:* it is the difference of $\log p(x \mid y)$
#    and the ELBO with that $q$, computed from draws, within 0.02 nats. It is
#    largest in between, and less than 0.03 nats at both ends.
