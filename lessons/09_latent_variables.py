# %% [markdown]
# # 09 · What you cannot see
#
# *Nobody has ever measured how able a pupil is. What do test scores tell you
# about it, and how sure may you be?*
#
# - **You need:** lessons 01 to 08; what a probability is, and a bell curve.
# - **You get:** prior, likelihood, posterior and evidence, each as a curve that
#   you can look at; Bayes' rule, checked by simulation; and the reason why a VAE
#   needs an encoder.
# - **Run time:** 2 seconds.

# %%
import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, show

from npvae.gaussian import log_density
from npvae.layers import sigmoid

rng = np.random.default_rng(0)

# %% [markdown]
# ## A story of how data come about
#
# Lesson 08 ended with a wish: codes that follow a distribution which *we* choose.
# Part III builds what we need for that, and it leaves digits for a while. This
# lesson has the smallest case in which everything can be seen: one hidden number
# $z$, two observed numbers $x$.
#
# A *latent* variable is one that nobody observes. A famous old example is
# intelligence. In 1904 Spearman saw that pupils who did well in one subject
# tended to do well in others, and explained it by one number behind all scores,
# which no test shows directly. Let $z$ be how able a pupil is. We tell a story in
# two steps.
#
# 1. **The prior.** Before we see anything of a pupil we believe
#    $z \sim \mathcal N(0, 1)$: most are near the middle, 0. ($\mathcal N(m, v)$
#    is the bell of mean $m$ and variance $v = \sigma^2$.)
# 2. **The likelihood.** The hidden number decides, up to chance, two things that
#    we can see: the score in a test of ten points, and the minutes spent on the
#    homework. The weak soon give up, the able are soon done, and those in the
#    middle sit over it for an hour.
#
# $$ m(z) = \left(10\,\text{sigmoid}(1.5 z),\; 60\,e^{-z^2 / 2}\right) $$
#
# $$ x = m(z) + \text{noise}, \qquad \sigma = (1 \text{ point},\; 6 \text{ minutes}) $$
#
# The function $m$ takes a code and says what to expect. You know such a thing: it
# is a *decoder*, and its network is a formula here. $p(x \mid z)$, read "the
# probability of $x$ given $z$", is the bell of lesson 03 around $m(z)$, one for
# each of the two numbers. Given $z$ the two know nothing of each other, so their
# probabilities multiply. We say "probability" and mean the density, since $x$ and
# $z$ are real numbers. (A bell has no end, so a few pupils get less than no
# minutes, or more than ten points. No matter.)

# %%
SIGMA = np.array([1.0, 6.0])  # of the score, in points; of the homework, in minutes


def decode(z, longest=60.0):
    """What to expect of pupils: score and minutes, (..., 2)."""
    return np.stack([10 * sigmoid(1.5 * z), longest * np.exp(-(z**2) / 2)], axis=-1)


def log_prior(z):
    return -0.5 * z**2 - 0.5 * np.log(2 * np.pi)


z_drawn = rng.standard_normal(1_000_000)  # a million pupils
x_drawn = decode(z_drawn) + SIGMA * rng.standard_normal((1_000_000, 2))

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2))
zs = np.linspace(-4, 4, 400)
axes[0].plot(zs, np.exp(log_prior(zs)), color=BLUE)
axes[0].set(title="the prior p(z)", xlabel="z: how able", ylim=0)
axes[1].plot(*x_drawn[:1500].T, ".", color="#b5b5b5", markersize=3, label="1,500 pupils")
axes[1].plot(*decode(zs).T, color=ORANGE, linewidth=2, label="m(z)")
for z in (-1.0, 0.0, 1.0):
    at = decode(np.array(z))
    axes[1].plot(*at, "o", color=ORANGE)
    axes[1].annotate(f"z = {z:.0f}", at, (at[0] + 2 * z, at[1] + 20), ha="center")
axes[1].set(title="what we see of them", xlabel="score", ylabel="minutes", ylim=(-20, 115))
axes[1].legend(loc="upper right")
axes[2].hist(x_drawn[:, 1], bins=80, density=True, color=GREEN)
axes[2].set(title="the minutes alone: no bell", xlabel="minutes", ylim=0)
show(figure, "09-the-story")

mean, spread = x_drawn[:, 1].mean(), x_drawn[:, 1].std()
above = (x_drawn[:, 1] > mean).mean()
print(f"minutes: mean {mean:.1f}, spread {spread:.1f}; {above:.0%} lie above the mean")
assert above > 0.54, "of a bell it would be half"

# %% [markdown]
# > **What you may have read:** "a VAE learns its prior". The plain VAE does not.
# > (Some later models do.) Its prior stays $\mathcal N(0, 1)$ for ever. What is
# > learned is the decoder, and it bends the bell into whatever shape the data
# > have. The right panel is such a shape (58 % lie above the mean; of a bell,
# > half would), and a network can make far stranger ones.
#
# ## Looking back: Bayes' rule
#
# The story runs from $z$ to $x$. We stand at the other end: we see $x$ and ask
# for $z$. What we then believe of $z$ is called the **posterior** $p(z \mid x)$.
# The probability of *both* can be written in two ways, $z$ first or $x$ first.
# (If one pupil in ten is able, and half of the able are quick, then one in twenty
# is able *and* quick: $0.1 \cdot 0.5$.)
#
# $$ p(z)\, p(x \mid z) = p(x)\, p(z \mid x) $$
#
# Divide, and you have Bayes' rule:
#
# $$ p(z \mid x) = \frac{p(z)\, p(x \mid z)}{p(x)}, \qquad
# p(x) = \int p(z)\, p(x \mid z)\, dz $$
#
# The bottom, $p(x)$, is how probable this pupil is *whatever* $z$ may be: add up
# all the ways in which $x$ can come about. It is called the **evidence**. (Lesson
# 03 called $p(x)$ the likelihood. Now that there is a $z$, that word goes to
# $p(x \mid z)$, and $p(x)$ gets a name of its own.) In one dimension we can
# simply do that on a grid: many values of $z$, each standing for a strip of width
# $dz$.
#
# **Predict first:** a pupil worked for 20 minutes. That is all you know. What do
# you believe of $z$? And then you hear that the score was 8?

# %%
grid = np.linspace(-6, 6, 1201)
dz = grid[1] - grid[0]


def log_likelihood_of(x, z):
    """Log p(x | z) of what is known of x, (2,); NaN where a number is not known."""
    known = ~np.isnan(x)
    at = decode(z)[..., known]
    return log_density(x[known], at, 2 * np.log(SIGMA[known]))  # of log σ²; summed


def bayes(x):
    """The posterior p(z | x) on the grid, and the evidence p(x)."""
    joint = np.exp(log_prior(grid) + log_likelihood_of(x, grid))
    evidence = joint.sum() * dz
    return joint / evidence, evidence


known = {"20 minutes": np.array([np.nan, 20]), "20 minutes, 8 points": np.array([8.0, 20])}
posteriors = {name: bayes(x)[0] for name, x in known.items()}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True)
for ax, (name, posterior) in zip(axes, posteriors.items(), strict=True):
    likelihood = np.exp(log_likelihood_of(known[name], grid))
    ax.plot(grid, np.exp(log_prior(grid)), color=BLUE, label="prior p(z)")
    ax.plot(
        grid,
        likelihood / likelihood.max(),
        ":",
        color=GREEN,
        label="likelihood p(x | z), its top at 1",
    )
    ax.plot(grid, posterior, color=ORANGE, label="posterior p(z | x)")
    ax.set(title=f"seen: {name}", xlabel="z: how able", xlim=(-4, 4), ylim=(0, 2.2))
axes[0].legend(loc="upper left")
show(figure, "09-prior-likelihood-posterior")

for name, posterior in posteriors.items():
    able = posterior[grid > 0].sum() * dz
    mean = (posterior * grid).sum() * dz
    spread = np.sqrt((posterior * (grid - mean) ** 2).sum() * dz)
    tops = np.flatnonzero(np.diff(np.sign(np.diff(posterior))) < 0) + 1
    peaks = (posterior[tops] > 0.01 * posterior.max()).sum()  # that can be seen
    print(f"{name:<21} P(z > 0) = {able:.3f}, spread {spread:.2f}, peaks: {peaks}")
    assert np.isclose(posterior.sum() * dz, 1)
    assert peaks == (2 if name == "20 minutes" else 1)
assert spread < 0.25, "both numbers known: narrow"

# %% [markdown]
# Twenty minutes alone leave *two* answers: quick or discouraged. (Did you expect
# one?) A posterior can have any shape, and with a network for a decoder you
# cannot know which. The score then rules out one of them, and what is left is
# narrow: a spread of 0.20, where the prior had 1. That is what learning something
# means here: **values of $z$ are ruled out.** (The spread alone does not always
# show it. After "20 minutes" it is 1.49, more than the prior's, since the two
# peaks are far apart.)
#
# Look at the likelihood, too. As a function of $z$ it is no distribution: the
# area below it need not be 1 (it is drawn with its top at 1). It says how well
# each $z$ would explain what was seen, and the prior weighs that.
#
# ## Is it true?
#
# Bayes' rule is three lines of algebra. But here is a way to believe it without
# any. We have a million pupils whose $z$ we know, since we made them up. Keep
# those who worked for about 20 minutes, and look at *their* $z$.

# %%
x_seen = known["20 minutes"]
kept = np.abs(x_drawn[:, 1] - 20) < 0.5  # a window one minute wide
posterior, evidence = bayes(x_seen)
beyond = 1.25
share, able = (z_drawn[kept] > beyond).mean(), posterior[grid > beyond].sum() * dz
print(f"{kept.sum()} pupils kept")
print(f"z > {beyond}: {(z_drawn > beyond).mean():.3f} of all pupils")
print(f"          {share:.3f} of those kept, {able:.3f} by Bayes' rule")
print(f"p(20 minutes): {kept.mean():.5f} of all pupils in that minute, {evidence:.5f} by the sum")
assert abs(share - able) < 0.02
assert abs(kept.mean() / evidence - 1) < 0.05
assert abs(np.abs(z_drawn[kept]).mean() - (posterior * np.abs(grid)).sum() * dz) < 0.02

figure, ax = plt.subplots(figsize=(6, 3))
ax.hist(z_drawn[kept], bins=100, density=True, color="#b5b5b5", label="z of the pupils kept")
ax.plot(grid, posterior, color=ORANGE, label="posterior by Bayes' rule")
ax.set(xlabel="z: how able", xlim=(-4, 4), ylim=(0, 1.5))
ax.legend(loc="upper center")
show(ax, "09-is-it-true")

# %% [markdown]
# And you see what the evidence is: the share of all pupils who are like this one,
# for each minute of width.
#
# ## How fine must the grid be?
#
# **Predict first:** we sum over a grid from $-6$ to $6$, for a pupil of whom both
# numbers are known. How many points does it take to get $\log p(x)$ right to six
# decimals? Ten, a hundred, a thousand?


# %%
def log_evidence(x, n_points):
    z = np.linspace(-6, 6, n_points)
    joint = np.exp(log_prior(z) + log_likelihood_of(x, z))
    return np.log(joint.sum() * (z[1] - z[0]))


x_seen = known["20 minutes, 8 points"]
exact = log_evidence(x_seen, 100_001)
sizes = [5, 10, 15, 20, 30, 40, 60, 80, 120]
errors = [abs(log_evidence(x_seen, n) - exact) for n in sizes]
print(f"log p(x) = {exact:.6f}")
for n, error in zip(sizes, errors, strict=True):
    print(f"{n:4d} points: wrong by {error:.1e} nats")
assert errors[1] > 0.01
assert errors[sizes.index(80)] < 1e-6, "the sum converges, and fast"

figure, ax = plt.subplots(figsize=(6, 3))
ax.semilogy(sizes, errors, "o-", color=BLUE)
ax.set(xlabel="points of the grid", ylabel="error of log p(x), in nats")
show(ax, "09-the-sum")

# %% [markdown]
# Sixty are nearly enough, and eighty are. Sixty points from $-6$ to $6$ make
# strips of 0.2, just as wide as the posterior. From there on the error vanishes.
# (For smooth curves that fade out at both ends a plain sum is astonishingly
# good.)
#
# ## What it is good for: learning without seeing z
#
# Now suppose that we do not know the decoder. How long do those in the middle sit
# over their homework? Call it $\theta$; the truth, which made our pupils, is 60.
# We have 500 pupils and nobody's $z$. Lesson 03 said how to learn: make what you
# have seen as probable as you can. That is $p(x)$, the evidence, with every $z$
# summed out, worked out with this $\theta$:
#
# $$ \max_\theta\; \sum_{\text{pupils}} \log p_\theta(x) $$
#
# This is **maximum likelihood** for a model with latent variables, and it is what
# we would like to do with digits.

# %%
pupils = x_drawn[:500]
z = np.linspace(-6, 6, 121)
lengths = np.linspace(50, 70, 41)
log_px = []
for longest in lengths:
    by_z = [log_density(pupils, at, 2 * np.log(SIGMA)) for at in decode(z, longest)]
    log_likelihood = np.stack(by_z, axis=1)  # (500, 121)
    joint = np.exp(log_prior(z) + log_likelihood)
    log_px.append(np.log(joint.sum(axis=1) * (z[1] - z[0])).mean())
best = lengths[np.argmax(log_px)]
print(f"best: {best:.1f} minutes, which make the pupils most probable; the truth is 60")
assert abs(best - 60) <= 1.5

figure, ax = plt.subplots(figsize=(6, 3))
ax.plot(lengths, log_px, color=ORANGE)
ax.axvline(60, color="grey", linestyle=":", label="the truth")
ax.set(xlabel="longest homework, in minutes", ylabel="mean log p(x) of 500 pupils")
ax.legend()
show(ax, "09-what-the-sum-learns")

# %% [markdown]
# Nobody told us who was able, and still we found how long the homework is. (The
# rest of the story we knew. A VAE has to find all of its decoder.)
#
# ## Why that does not work for digits
#
# Take a whole class: 20 pupils at once, as *one* example. Its $x$ has 40 numbers,
# its $z$ has 20. A small VAE has as many latents. A grid with 60 points in each
# direction has $60^{20}$ places, more than $10^{35}$. No computer will ever visit
# them.
#
# One can estimate the sum with random draws. The evidence is a mean over the
# prior, $p(x) = \mathbb E_{p(z)}[p(x \mid z)]$, where $\mathbb E$ is the
# *expected value*, the mean over infinitely many draws. So draw 10,000 codes from
# the prior and average $p(x \mid z)$. The pupils of a class do not influence each
# other, so we know the truth beside it: the sum of 20 single grids. (With a digit
# there is no such way out. Every pixel depends on all the latents at once, so its
# sum does not fall into small ones.)
#
# **Predict first:** 10,000 draws for one pupil, and 10,000 for a class of 20. How
# good are the two estimates?

# %%
print("log p(x) of a class, in nats")
print(f"{'pupils':>6} {'truth':>8} {'estimate':>9}   draws that matter")
off, matter = {}, {}
for n in (1, 2, 5, 10, 20):
    truth = sum(log_evidence(x, 1001) for x in pupils[:n])
    z = rng.standard_normal((10_000, n))  # each row a class
    log_w = sum(log_likelihood_of(pupils[i], z[:, i]) for i in range(n))  # log p(x | z)
    w = np.exp(log_w - log_w.max())  # relative to the largest, so that not all of them are 0
    off[n] = np.log(w.mean()) + log_w.max() - truth
    matter[n] = w.sum() ** 2 / (w**2).sum()
    print(f"{n:6d} {truth:8.1f} {truth + off[n]:9.1f}   {matter[n]:.0f} of 10,000")
assert abs(off[1]) < 0.1
assert off[20] < -5, "far too low: not one draw came near"
assert matter[1] > 50
assert matter[20] < 5

# %% [markdown]
# One pupil: fine. Twenty: wrong by some fifty nats, and one draw of 10,000
# decides it alone. (Too low, as nearly always: the rare draws that would lift the
# mean did not come.) (The last column is $(\sum w)^2 / \sum w^2$ with
# $w = p(x \mid z)$. It is $k$ if $k$ draws weigh the same and all others
# nothing.) A draw helps only if *all* twenty numbers happen to lie where this
# class has them, and chance hardly ever does that.
#
# So we are at the point from which the VAE sets out:
#
# - we want to make $\log p(x)$ large;
# - we cannot compute it, since $p(x)$ sums over all codes, and almost none of
#   them explains this $x$;
# - so we need somebody who looks at $x$ and says *where the codes are* that
#   explain it. The posterior knows, but to get it we would have to divide by
#   $p(x)$.
#
# The way out is to *learn* a guess at the posterior: a network that takes $x$ and
# returns a distribution over $z$. It is called $q(z \mid x)$, and it is the
# **encoder**. In these words the three parts of a VAE are:
#
# | here | there |
# |---|---|
# | how able a pupil is, $z$ | the *latent vector*: 20 numbers behind a digit |
# | $m(z)$, score and minutes to expect | the *decoder*: the image to expect |
# | the posterior curve | what the *encoder* tries to say of an image |
#
# Three things are missing. How do we measure how wrong such a guess is (lesson
# 10)? How do we train a network that draws at random (11)? And how can we make
# $\log p(x)$ large without ever computing it (12)?
#
# ## Exercises
#
# Answers are in `answers_09_latent_variables.py`.
#
# 1. **Change a number.** In another school pupils are all much alike: the prior
#    is $\mathcal N(0, 0.5^2)$. Predict what happens to the two peaks after "20
#    minutes". *Check:* the probability of $z > 0$ is one half again, and the mean
#    of $|z|$ falls from 1.47 to 1.32.
# 2. **A second test.** The same pupil takes another test like the first, with
#    noise of its own, and scores 8 again. Multiply the likelihoods. *Check:* the
#    posterior gets narrower by a factor of 1.07. Why by so much less than
#    $\sqrt 2$?
# 3. **Derive and implement.** Take a straight decoder, $m(z) = a z$, one observed
#    number, and $x = m(z) + \sigma\varepsilon$. Show that the posterior is a
#    bell, with mean $\frac{a x}{a^2 + \sigma^2}$ and variance
#    $\frac{\sigma^2}{a^2 + \sigma^2}$, and that
#    $p(x) = \mathcal N(0, a^2 + \sigma^2)$. *Check:* on the grid, to six digits.
