# %% [markdown]
# # 12b · Amortised inference and importance weighting
#
# *The ELBO lies below $\log p(x)$: how do you close the gap?*
#
# - **You need:** lesson 12a.
# - **You get:** an encoder that finds the posterior of any $x$ in one pass, in a
#   VAE with ten parameters whose exact $\log p(x)$ you know; and a sequence of
#   bounds that rises from the ELBO to $\log p(x)$.
# - **Run time:** 4 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, PURPLE, show
from diagrams import vae

from npvae import VAE, Adam
from npvae.gaussian import log_density, log_prior_over_posterior, reparameterize
from npvae.iwae import log_mean_exp_and_grad

rng = np.random.default_rng(0)

# %% [markdown]
# ## The model, once more
#
# As in lesson 12a, two observed numbers $x$ come from one latent, and everything
# is known exactly: $\log p(x)$ and, for each $x$, the posterior.
#
# $$ z \sim \mathcal N(0, 1), \qquad x = a z + \sigma_x \varepsilon $$

# %%
SIGMA_X = 0.6
a = np.array([1.5, 0.8])


def log_evidence(x, a):
    """The exact log p(x) of each row of x, (N, 2)."""
    covariance = np.outer(a, a) + SIGMA_X**2 * np.eye(2)
    square = (x @ np.linalg.inv(covariance) * x).sum(axis=1)
    return -0.5 * (square + np.linalg.slogdet(covariance)[1] + 2 * np.log(2 * np.pi))


def posterior(x, a):
    """Mean and standard deviation of p(z | x) for each row of x, (N, 2)."""
    total = a @ a + SIGMA_X**2
    return x @ a / total, SIGMA_X / np.sqrt(total)


# %% [markdown]
# ## The first way: a better q, from an encoder
#
# The gap between the ELBO and $\log p(x)$ is the KL divergence of $q$ from the
# posterior, so a better $q$ closes it. In lesson 12a, two thousand steps of
# gradient descent found $q$ for one $x$. For thousands of images we do not want
# thousands of descents. Instead a network computes the Gaussian for *any* $x$: it
# outputs $\mu(x)$ and $\log\sigma^2(x)$. This network is the **encoder**, and we
# write $q(z \mid x)$. It *amortises* the search: the work is done once, in
# training, and after that every new $x$ costs one forward pass. The encoder is
# trained by the same gradients as before. They are not applied to $\mu$ and
# $\log\sigma^2$ themselves, but go back through the network to its weights.
#
# Now we have all parts of a variational autoencoder. Here is the smallest one. We
# draw data from our model with the true $a$. The VAE has an encoder of one dense
# layer (two numbers in, $\mu$ and $\log\sigma^2$ out) and a decoder of one dense
# layer (one number in, two out): ten parameters in all. They start at random, and
# Adam minimises the loss −ELBO, with one draw for each example and the pathwise
# gradient of lesson 11. The VAE is given $\sigma_x$. It never sees a $z$, the
# true $a$ or $\log p(x)$.
#
# **Predict first:** how far below the exact $\log p(x)$ will the ELBO be at the
# end? And does the decoder find $a$?

# %%
data = rng.standard_normal((5000, 1)) * a + SIGMA_X * rng.standard_normal((5000, 2))
# npvae's VAE, which you will write yourself in lesson 13a: two numbers, no hidden layer, one latent
model = VAE.dense(2, (), 1, likelihood="gaussian", sigma=SIGMA_X, seed=3, dtype=np.float64)
decoder = model.decoder.layers[0]
print(f"{model.params.flat.size} parameters")
adam, curves = Adam(lr=0.01), []
for step in range(3000):
    batch = data[rng.integers(0, len(data), 100)]
    model.loss_and_grad(batch, model.draw_noise(rng, 100))  # the loss is -ELBO
    adam.step(model.params)
    if step % 10 == 0:
        elbo = model.terms(data, model.draw_noise(rng, 5000)).bound.mean()  # one draw per example
        exactly = log_evidence(data - decoder.b, decoder.W[0]).mean()  # log p(x) of this decoder
        curves.append((step, exactly, elbo))
    if step % 500 == 499:
        print(f"step {step + 1}: log p(x) {exactly:.3f}, ELBO {elbo:.3f}")
steps, exact, elbos = np.array(curves).T
at_end = exact[-50:].mean(), elbos[-50:].mean()
print(f"mean of the last 50 evaluations: log p(x) {at_end[0]:.3f}, ELBO {at_end[1]:.3f}")
print(f"the decoder's a: {decoder.W[0].round(2)}; the true a: {a}")

best_possible = log_evidence(data, a).mean()
print(f"log p(x) with the true a: {best_possible:.3f}")
assert abs(at_end[0] - at_end[1]) < 0.02, "the gap has closed"
assert abs(at_end[0] - best_possible) < 0.02, "and the decoder is as good as the true model"
assert min(np.abs(decoder.W[0] - a).max(), np.abs(decoder.W[0] + a).max()) < 0.1, "a, or -a"

mu, logvar = model.encode(data)
exact_mean, exact_sd = posterior(data - decoder.b, decoder.W[0])  # of this decoder
mean_off, sd = np.abs(mu[:, 0] - exact_mean).mean(), np.exp(logvar / 2).mean()
print(f"encoder and posterior: means differ by {mean_off:.3f}; σ {sd:.3f} and {exact_sd:.3f}")
assert mean_off < 0.1
assert abs(sd - exact_sd) < 0.05

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
left.plot(steps, exact, color="black", linestyle=":", label="log p(x), exact")
left.plot(steps, elbos, color=BLUE, label="ELBO")
left.axhline(best_possible, color=GREEN, linewidth=1, label="log p(x) of the true model")
left.set(
    xlabel="step",
    ylabel="nats, mean over the data",
    xlim=(-20, 800),
    ylim=(best_possible - 3, best_possible + 0.4),
)
left.legend(loc="lower right")
right.plot(exact_mean[:300], mu[:300, 0], ".", color=PURPLE)
right.plot([-2.5, 2.5], [-2.5, 2.5], color="grey", linewidth=0.8)
right.set(xlabel="mean of the exact posterior", ylabel="μ from the encoder")
show(figure, "12b-the-smallest-vae")

terms = model.terms(data, model.draw_noise(rng, 5000))
reconstruction, kl = -terms.log_px.mean(), terms.kl.sum(axis=1).mean()  # log_px: log p(x | z)
print(f"loss {reconstruction + kl:.2f} = reconstruction {reconstruction:.2f} + KL {kl:.2f} nats")
show(vae(losses=True, nats=(reconstruction, kl)), "12b-two-terms-in-nats")

# %% [markdown]
# At first the ELBO rises because the gap closes; the exact $\log p(x)$ even falls
# for a few steps. From then on both rise together. (The blue line is measured
# with one draw per example, so it fluctuates, and may come out slightly above the
# dotted line. The bound holds for the expected value.) In the end there is hardly
# any gap left. The decoder has found $a$ up to its sign: $z$ and $-z$ are equally
# probable, so $a$ and $-a$ describe the same data. And the encoder outputs the
# correct posterior, although it was never given one.
#
# The diagram shows the whole machine, with its two terms at the end of the
# training, in nats per example.
#
# The gap closes because of the linear decoder. Then the posterior *is* a
# Gaussian, with a mean that is linear in $x$ and the same variance for all $x$,
# and one dense layer can compute that. With a nonlinear decoder a gap remains,
# however long you train, for three reasons. The posterior is not a Gaussian, but
# $q$ is. Its latents depend on each other, but in $q$ they are independent
# (exercise 2 of lesson 12a). And one network has to serve every $x$. A richer $q$
# makes such a gap smaller; lesson 18 names some. The other remedy needs no other
# $q$ at all.
#
# ## The second way: more draws
#
# There is a second way to derive the ELBO. The evidence is an expected value over
# the prior. It can also be written as an expected value over *any* $q$ that is
# nowhere zero, if each draw gets a weight:
#
# $$ p(x) = \int q(z)\, \frac{p(z)\,p(x \mid z)}{q(z)}\, dz = \mathbb E_q[w],
# \qquad w = \frac{p(z)\,p(x \mid z)}{q(z)} $$
#
# This is called *importance sampling*. It repairs the failure at the end of
# lesson 09: draw where it matters, and correct for that with a weight. Now
# $\log p(x)$ is the logarithm of a mean, $\log \mathbb E[w]$, and the ELBO is the
# mean of a logarithm, $\mathbb E[\log w]$. The second is never larger than the
# first, because the logarithm is concave: it rises less for a large $w$ than it
# falls for a small one. This is *Jensen's inequality*.
#
# Between the two lies a sequence of bounds. Take the mean of $k$ weights, and
# then the logarithm:
#
# $$ L_k = \mathbb E\left[\log \frac1k \sum_{i=1}^k w_i\right], \qquad
# \text{ELBO} = L_1 \le L_2 \le L_4 \le L_8 \le \dots \le \log p(x) $$
#
# Why does each doubling raise the bound, or leave it as it is? The mean of $2k$
# weights is the mean of two means of $k$ weights. By Jensen's inequality its
# logarithm is at least the mean of their two logarithms. And as $k$ grows without
# limit, the mean of the weights settles at its expected value $p(x)$, so that
# $L_k$ approaches $\log p(x)$.
#
# **Predict first:** we take one $x$ and a poor $q$, with half the mean and twice the standard
# deviation of the posterior. How many draws bring the bound to within 0.05 nats
# of $\log p(x)$?


# %%
def log_weights(x, mu, logvar, eps, a):
    """Return log w = log p(x | z) + log p(z) - log q(z) of each draw z, (n,), in nats.

    x is (2,), mu and logvar are (1, 1), eps is (n, 1), and z = mu + sigma eps. The decoder gives
    each of the two numbers of x a Gaussian with mean a z and standard deviation sigma_x.
    `log_prior_over_posterior(z, logvar, eps)` is log p(z) - log q(z).
    """
    ### BEGIN SOLUTION
    z = reparameterize(mu, logvar, eps)
    log_px_given_z = log_density(x, z * a, np.full(2, 2 * np.log(SIGMA_X)))
    return log_px_given_z + log_prior_over_posterior(z, logvar, eps)
    ### END SOLUTION


def log_mean(log_w):
    """Return the logarithm of the mean of w along each row of log w, (n, k): (n,).

    w may be too large or too small for a float, so subtract the largest log w of each row before
    exp, and add it again after log.
    """
    ### BEGIN SOLUTION
    largest = log_w.max(axis=1)
    return largest + np.log(np.exp(log_w - largest[:, None]).mean(axis=1))
    ### END SOLUTION


x = np.array([2.0, 0.3])
log_px = log_evidence(x[None], a)[0]
m, s = posterior(x, a)
mu, logvar = np.full((1, 1), 0.5 * m), np.full((1, 1), 2 * np.log(2 * s))
n = 2**18
log_w = log_weights(x, mu, logvar, rng.standard_normal((n, 1)), a)
ks = 2 ** np.arange(0, 13)
L = np.array([log_mean(log_w.reshape(-1, k)).mean() for k in ks])
for k, bound in zip(ks[::2], L[::2], strict=True):
    print(f"k = {k:4d}: L_k = {bound:.4f}, minus log p(x): {bound - log_px:+.4f}")
gap = (
    np.log(s / (2 * s)) + ((m - 0.5 * m) ** 2 + (2 * s) ** 2) / (2 * s**2) - 0.5
)  # KL(q, posterior)
assert abs(log_px - L[0] - gap) < 4 * log_w.std() / np.sqrt(n), "L_1 is the ELBO"
assert (np.diff(L) >= 0).all(), "on the same draws always, by Jensen's inequality"
assert abs(log_px - L[-1]) < 0.01, "the bound reaches log p(x)"
needed = ks[np.argmax(log_px - L < 0.05)]
print(f"within 0.05 nats from k = {needed} on")
assert needed == 16
in_sixteens = log_mean(log_w.reshape(-1, 16))
assert np.allclose(in_sixteens, log_mean_exp_and_grad(log_w.reshape(-1, 16))[0])

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
bins = np.linspace(-12, -2, 101)
for k, colour in ((1, ORANGE), (8, PURPLE), (64, BLUE)):
    estimates = log_mean(log_w.reshape(-1, k))
    left.hist(estimates, bins, density=True, histtype="step", color=colour, label=f"k = {k}")
left.axvline(log_px, color="black", linestyle=":", label="log p(x)")
left.set(xlabel="log of the mean of k weights, nats", ylabel="density")
left.legend(loc="upper left")
right.semilogx(ks, L, "o-", color=BLUE, label="$L_k$, the mean of these")
right.axhline(log_px, color="black", linestyle=":", label="log p(x)")
right.set(xlabel="k", ylabel="nats")
right.legend(loc="lower right")
show(figure, "12b-more-draws")

# %% [markdown]
# Sixteen draws are enough. (The last digits are chance: these are means over some
# 260,000 draws, so the largest $k$ may even lie above $\log p(x)$ by a thousandth
# of a nat.) The left panel shows why. The logarithm of one weight has a long tail
# to the left: now and then a draw explains $x$ badly, and costs many nats. In a
# mean of weights such a draw counts as nearly zero, and the others make up for
# it.
#
# More draws make up for a poor $q$, and that has two uses. One can *train* on
# $L_k$, which is the importance-weighted autoencoder (`npvae.IWAE`); lesson 23a does
# so, and finds what it does to the encoder. And one can *evaluate* with it: lesson
# 18 estimates the $\log p(x)$ of a VAE with many draws.
#
# Everything is there now: the prior, the decoder, the encoder, the draw, the KL
# divergence and the bound. In lesson 13a you put them together, for digits.
#
# ## Questions
#
# **Question 1.** The encoder of a trained VAE is applied to an image that was not
# in the training set. What is $q(z \mid x)$ then?
#
# - **a** undefined, since the encoder has not been trained on this image
# - **b** a Gaussian that one forward pass computes, near the posterior if training
#   has covered images like this one
# - **c** the exact posterior, since training has closed the gap
#
# **Question 2.** You evaluate one model with $k = 1$ and with $k = 100$ draws. The
# bound rises by four nats. What has improved?
#
# - **a** the model: it describes the data better
# - **b** the encoder: it has found a better $q$
# - **c** only the bound: model and encoder are what they were
#
# ## Exercises
#
# Answers are in `answers_12b_closing_the_gap.py`.
#
# 1. **Change a number.** We made up for a $q$ that was too wide. In a copy, give
#    $q$ the mean of the posterior, and make its standard deviation three times
#    too small, or three times too large. (The asserts about $L_1$ and about 0.05
#    nats are for the old $q$; take them out. For one of the two, the assert that
#    the bound reaches $\log p(x)$ fails as well: ask yourself why.) Predict which
#    of the two is worse, and which needs fewer draws. *Check:* at $k = 64$ the gap
#    of the narrow one is more than ten times that of the wide one.
# 2. **No encoder at all.** Take the prior as $q$, as lesson 09 did at its end.
#    Predict how far below $\log p(x)$ a single draw is on average, and how many
#    draws bring the bound to within 0.05 nats. *Check:* exercise 3 of lesson 10
#    has the formula for the first; and the second is between 16 and 128.
# 3. **Derive and implement.** Training on $L_k$ needs the gradient of
#    $\log \frac1k \sum_i w_i$ with respect to each $\log w_i$. Show that it is
#    $w_i / \sum_j w_j$, the share of that draw in the sum, and compute value and
#    gradient without overflow. *Check:* `npvae.check` passes, and so do weights as
#    small as $e^{-1000}$.
