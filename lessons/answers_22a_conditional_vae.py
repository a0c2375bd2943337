# %% [markdown]
# # 22a · Conditional VAEs: ask for a digit: answers

# %%
import numpy as np
from course import digits, run_epochs, show, sized

from npvae import VAE, Adam, Cosine, Pixels, Trainer, figures

data = digits()
black_or_white = Pixels("dynamic")
rng = np.random.default_rng(0)


class ScaledLabel(VAE):
    def one_hot(self, labels):
        return np.float32(5) * super().one_hot(labels)


n_train, n_h, epochs, batch_size = sized((20_000, 200, 4, 64), quick=(4000, 200, 5, 32))
train_part = data.train.only(slice(0, n_train))
model = ScaledLabel.dense(784, (n_h, n_h), 10, n_y=10)
model.start_at(train_part.take(slice(None)).mean(axis=0) / 255)
lr = Cosine(2e-3, epochs=epochs)
trainer = Trainer(model, train_part, black_or_white, Adam(), batch_size=batch_size, lr=lr)
run_epochs(trainer, epochs, "a conditional VAE, label × 5")

known = (data.train.take(slice(0, 4000)) / 255).astype(np.float32)


def digit_of(x):
    distance = (known**2).sum(axis=1) - 2 * x @ known.T
    return data.train.labels[distance.argmin(axis=1)]


# %% [markdown]
# ## 1. Half a four, half a nine
#
# Two labels at once are two biases at once, each of half the size. The decoder has
# never seen that. It draws a shape between a 4 and a 9 in the same handwriting. How
# far the gap at the top closes depends on $z$, so most samples look like one of the
# two.

# %%
four, nine = model.one_hot(np.array([4, 9]))
n = 400
samples = model.sample(n, rng=1, y=np.tile((four + nine) / 2, (n, 1)))
digit = digit_of(samples)
fours, nines = (digit == 4).mean(), (digit == 9).mean()
print(f"nearest training image: a 4 for {fours:.0%}, a 9 for {nines:.0%}")
assert fours + nines > 2 / 3
assert min(fours, nines) > 0.03
rows = [model.sample(12, rng=1, y=np.tile(y, (12, 1))) for y in (four, (four + nine) / 2, nine)]
told = "from above: label 4; half 4 and half 9; label 9"
show(figures.samples(np.concatenate(rows), data.shape, across=12, told=told), "22a-answer-halves")

# %% [markdown]
# ## 2. A classifier for free
#
# By Bayes' rule
#
# $$ \log p(y \mid x) = \log p(x \mid y) + \log p(y) - \log p(x) $$
#
# Only the first term depends on $y$ if all labels are equally frequent. The ELBO
# stands in for it. That works as long as its gap is small beside the differences
# between the labels. Each image is encoded and decoded ten times, once with each
# label. With the wrong label the decoder draws another digit, and the pixels are
# expensive.

# %%
n = 400
labels = data.test.labels[:n]
x = black_or_white.encode(data.test.take(slice(0, n)), rng, np.float32)
noise = [model.draw_noise(rng, n) for _ in range(4)]  # the same for all labels
bounds = np.zeros((n, 10))
for digit in range(10):
    y = model.one_hot(np.full(n, digit))
    bounds[:, digit] = np.mean([model.terms(x, eps, y).bound for eps in noise], axis=0)
accuracy = (bounds.argmax(axis=1) == labels).mean()
print(f"right: {accuracy:.1%}")
assert accuracy > 0.8

# %% [markdown]
# ## 3. What an encoder without the label costs
#
# Given $y$, the number $x - c\,y = z + s\,\varepsilon$ is a noisy measurement of $z$. As
# in lesson 09, the posterior is Gaussian with
#
# $$ m_y = \frac{x - c\,y}{1 + s^2}, \qquad v = \frac{s^2}{1 + s^2} $$
#
# Its mean depends on $y$, its variance does not. The bound loses
# $\text{KL}(q, p(z \mid x, y))$. With $q = \mathcal N(\mu, \tau^2)$ it is, averaged over
# $y$ given $x$,
#
# $$ \frac12\left(\frac{\tau^2}{v} - 1 - \log\frac{\tau^2}{v}
# + \frac{\mathbb E[(\mu - m_y)^2 \mid x]}{v}\right) $$
#
# It is least for $\tau^2 = v$ and $\mu = \mathbb E[m_y \mid x]$, and then
# $\text{Var}(m_y \mid x) / (2v)$ is left. Since $m_y$ contains $y$ with the factor
# $-c / (1 + s^2)$, this is
#
# $$ \frac{c^2\,\text{Var}(y \mid x)}{(1 + s^2)^2} \cdot \frac{1 + s^2}{2 s^2}
# = \frac{c^2\,\text{Var}(y \mid x)}{2 s^2 (1 + s^2)} $$
#
# Given $y$, $x$ is Gaussian with the mean $c\,y$ and the variance $1 + s^2$. By Bayes' rule
# $\mathbb E[y \mid x] = \tanh\left(c\,x / (1 + s^2)\right)$, and
# $\text{Var}(y \mid x) = 1 - \mathbb E[y \mid x]^2$.
#
# If $c$ is small, the label hardly moves $x$, and it costs nothing not to know it. If
# $c$ is large, $x$ shows the label, and the encoder knows it anyway. In between the
# encoder cannot tell whether $x$ is large because of $z$ or because of $y$.


# %%
def log_normal(x, mean, var):
    return -0.5 * ((x - mean) ** 2 / var + np.log(2 * np.pi * var))


n, s = 400_000, 0.5
v = s**2 / (1 + s**2)
lost = {}
for c in (0.1, 0.5, 1, 5):
    y = rng.choice([-1.0, 1.0], n)
    x = rng.standard_normal(n) + c * y + s * rng.standard_normal(n)
    expected_y = np.tanh(c * x / (1 + s**2))
    lost[c] = (c**2 * (1 - expected_y**2) / (2 * s**2 * (1 + s**2))).mean()
    mu = (x - c * expected_y) / (1 + s**2)  # of the best q without y
    z = mu + np.sqrt(v) * rng.standard_normal(n)
    log_joint = log_normal(x, z + c * y, s**2) + log_normal(z, 0, 1)
    elbo = (log_joint - log_normal(z, mu, v)).mean()
    gap = log_normal(x, c * y, 1 + s**2).mean() - elbo
    print(f"c = {c}: derived {lost[c]:.3f}, measured {gap:.3f} nats")
    assert abs(gap - lost[c]) < 0.02
assert max(lost[0.1], lost[5]) < 0.03 < lost[0.5] < lost[1]

# %% [markdown]
# ## Questions
#
# **Question 1: c.**
#
# - **a** Only if the image shows its label beyond doubt. Exercise 3 has data that do
#   not, and even for digits the encoder without $y$ of this lesson sent more of the
#   digit through $z$.
# - **b** It still is one. The derivation holds for any density $q$, also for one that
#   does not depend on $y$.
# - **c** The gap is the KL divergence of $q$ from $p(z \mid x, y)$. A $q$ that does
#   not know $y$ has to be a compromise between the posteriors of all labels that are
#   possible.
#
# **Question 2: a.**
#
# - **a** What $z$ carries, the decoder need not learn a second time. It happens if
#   $z$ is cheap, has many dimensions, or is learned first.
# - **b** Then no image would be reconstructed well. It is the other input that is
#   ignored.
# - **c** The gradient with respect to $y$ is not needed: the weights $W_y$ have their
#   own gradient, $y^\top dh$, with $dh$ the gradient with respect to what the layer
#   puts out.
