# %% [markdown]
# # 11 · The reparameterisation trick: answers

# %%
import numpy as np

rng = np.random.default_rng(0)
n = 100_000


def estimates(target, eps, baseline=0.0):
    """dL/dmu from each draw, at mu = 0 and sigma = 1: by the score function, and pathwise."""
    z = eps
    value = 0.5 * ((z - target) ** 2).sum(axis=1, keepdims=True)
    return (value - baseline) * z, z - target


# %% [markdown]
# ## 1. A near and a far target
#
# With the target at 30 the loss is about 450 wherever the draw falls, and the
# score function multiplies every score by it. This large common part cancels only
# on average over very many draws. The pathwise gradient uses the *derivative* of
# $f$, which is $z - 30$: it varies as $z$ does, however large $f$ itself is.

# %%
variance = {}
for target in (0, 30):
    score, path = estimates(target, rng.standard_normal((n, 1)))
    variance[target] = score.var()
    print(
        f"target {target:2d}: score function {score.mean():6.2f}, variance {score.var():9.1f}; "
        f"pathwise {path.mean():6.2f}, variance {path.var():.2f}"
    )
    assert abs(path.var() - 1) < 0.05
assert variance[30] > 10_000 * variance[0]

# %% [markdown]
# ## 2. A baseline
#
# $$ \mathbb E\left[\frac{d\log q}{d\mu}\right] = \int \frac{dq}{d\mu}\, dz
# = \frac{d}{d\mu} \int q\, dz = \frac{d}{d\mu} 1 = 0 $$
#
# So $\mathbb E[(f - b)\, d\log q/d\mu]$ is the same for every constant $b$. With
# $b$ near the mean of $f$ the large common part is subtracted before it is
# multiplied by the scores. (Strictly, $b$ must not depend on the draws it is used
# for; with 100,000 of them that hardly matters.) Models with discrete latents are
# trained in this way.

# %%
eps = rng.standard_normal((n, 10))
value = 0.5 * ((eps - 3) ** 2).sum(axis=1)
plain, path = estimates(3, eps)
better = estimates(3, eps, baseline=value.mean())[0]
for name, each in (("plain", plain), ("baseline", better), ("pathwise", path)):
    print(f"{name:<8} {each[:, 0].mean():6.2f}, variance {each[:, 0].var():7.1f}")
    assert abs(each[:, 0].mean() + 3) < 4 * each[:, 0].std() / np.sqrt(n)
assert better[:, 0].var() < 0.1 * plain[:, 0].var()
assert better[:, 0].var() > path[:, 0].var()

# %% [markdown]
# ## 3. Waiting times
#
# $z = -s \log u$, so for a given $u$, $dz/ds = -\log u = z / s$. The chain rule
# gives $\frac{d}{ds} \tfrac12 (z - 3)^2 = (z - 3)\, z / s$. The exact expected
# value is $\tfrac12 \mathbb E[(z - 3)^2] = \tfrac12 (2 s^2 - 6 s + 9)$, whose
# derivative is $2s - 3$. Any distribution whose draws can be written as a smooth
# function of its parameters and noise can be reparameterised.

# %%
for s in (0.5, 1.0, 2.0):
    z = -s * np.log(1 - rng.random(n))  # rng.random may return 0, but never 1
    each = (z - 3) * z / s
    error = each.std() / np.sqrt(n)
    print(f"s = {s}: {each.mean():.3f} ± {error:.3f}, exactly {2 * s - 3:.3f}")
    assert abs(each.mean() - (2 * s - 3)) < 4 * error
    assert abs(z.mean() - s) < 4 * z.std() / np.sqrt(n), "the moments, too"

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** The encoder sees only $x$, and nothing in it is random. The same image
#   always gives the same $\mu$ and $\log\sigma^2$.
# - **b** So the noise is an input from the side. Gradients go back from $z$ to
#   $\mu$ and $\log\sigma^2$, and none has to pass through the draw.
# - **c** One may draw pixels from $p(x \mid z)$, but training does not. It
#   evaluates the probability of the pixels that are there.
#
# **Question 2: c.**
#
# - **a** Both are unbiased: their means agree with the true gradient within four
#   standard errors. They differ in their *variance*.
# - **b** It is the other way round. The pathwise gradient needs the derivative of
#   the loss, and the score function does not.
# - **c** In the lesson the ratio of the variances is 55 with one latent, and a
#   quarter of a million with a hundred. A VAE draws once for each image, so this
#   decides whether it learns.
