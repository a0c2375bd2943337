# %% [markdown]
# # 25 · Data parallelism: one gradient by many hands: answers

# %%
import numpy as np
from course import digits
from ring import in_threads

from npvae import VAE

rng = np.random.default_rng(0)
x = (digits().train.take(slice(0, 300)) > 127).astype(np.float32)


def off(found, expected):
    """Return the largest error, relative to the largest number."""
    return np.abs(found - expected).max() / np.abs(expected).max()


# %% [markdown]
# ## 1. In float32
#
# Near 0.1, neighbouring float32 numbers differ by about $10^{-8}$. Each update rounds,
# and one rank rounds differently from three. These small differences are as often up
# as down, so they add up like the steps of a random walk, whose distance grows like
# the square root of their number: ten times as many steps, about three times as far.
# The difference does not explode, because both trainings descend into the same
# valley. (With a much larger learning rate, or after very many steps, they can part.)
# The three ranks of one training have the same bits, because every part of the sum is
# computed in one place and copied.

# %%
BATCH = 30


def train(ring, vae, x, steps):
    """Train as each rank of the lesson does, written in one function; return the parameters."""
    rng, flat = np.random.default_rng(0), vae.params.flat
    parts = np.array_split(flat, ring.size)
    m, v = np.zeros_like(parts[ring.rank]), np.zeros_like(parts[ring.rank])
    for t in range(1, steps + 1):
        batch = x[rng.permutation(len(x))[:BATCH]]
        eps = rng.standard_normal((BATCH, vae.n_z), dtype=np.float32)
        mine = slice(BATCH * ring.rank // ring.size, BATCH * (ring.rank + 1) // ring.size)
        vae.loss_and_grad(batch[mine], eps[mine])
        shares = np.array_split(vae.params.grad * (len(batch[mine]) / BATCH), ring.size)
        for s in range(ring.size - 1):  # reduce-scatter
            given = (ring.rank - 1 - s) % ring.size
            shares[given - 1] += ring.pass_on(shares[given])
        g = shares[ring.rank]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        parts[ring.rank] -= 1e-3 * step
        for s in range(ring.size - 1):  # all-gather
            given = (ring.rank - s) % ring.size
            parts[given - 1][:] = ring.pass_on(parts[given])
    return flat.copy()


apart = []
for steps in (20, 200):
    (alone,) = in_threads(1, train, VAE.dense(784, 40, 5), x, steps)
    ranks = in_threads(3, train, VAE.dense(784, 40, 5), x, steps)
    apart.append(np.sqrt(((ranks[0] - alone) ** 2).mean()))
    print(f"after {steps} steps one rank and three differ by {apart[-1]:.1e} (root mean square)")
    assert all(np.array_equal(flat, ranks[0]) for flat in ranks)
    assert alone.dtype == ranks[0].dtype == np.float32
assert 1.5 * apart[0] < apart[1] < 10 * apart[0]

# %% [markdown]
# ## 2. The same noise in both shards
#
# The noise of every single image is still standard normal, and the expected value of
# a sum is the sum of the expected values, whether its terms are independent or not.
# So the expected gradient is right. But the variance of a sum is the sum of the
# variances only for *independent* terms. Write $a$ and $b$ for the noisy gradients of
# two images that share their noise. Then
#
# $$ \operatorname{Var}(a + b) = \operatorname{Var}(a) + \operatorname{Var}(b)
# + 2\operatorname{Cov}(a, b) $$
#
# Early in a training all posteriors are near the prior, so that
# $z \approx \varepsilon$: the same noise means nearly the same code, and so nearly
# the same deviation of the gradient. Then the variance is nearly doubled. (With $P$
# ranks it is up to $P$ times as large, as if the batch had $B/P$ images.)

# %%
vae, batch, runs = VAE.dense(784, 40, 5, dtype=np.float64), x[:20].astype(np.float64), 400
gradients = {"own noise of each row": [], "the same in both shards": []}
for seed in range(runs):
    eps = np.random.default_rng(seed).standard_normal((20, 5))
    for name, noise in zip(gradients, (eps, np.tile(eps[:10], (2, 1))), strict=True):
        vae.loss_and_grad(batch, noise)
        gradients[name].append(vae.params.gradients["decoder.0.W"].ravel().copy())
right, shared = map(np.array, gradients.values())
along = right.mean(axis=0) / np.linalg.norm(right.mean(axis=0))  # a direction chosen beforehand
difference = (right.mean(axis=0) - shared.mean(axis=0)) @ along
error = np.sqrt(((right @ along).var() + (shared @ along).var()) / runs)
ratio = shared.var(axis=0).sum() / right.var(axis=0).sum()
print(f"means differ by {difference / error:.1f} standard errors; variance {ratio:.2f} times")
assert abs(difference) < 5 * error
assert ratio > 1.3

# %% [markdown]
# ## 3. Recursive doubling
#
# After round $i$ each rank has the sum of $2^{i+1}$ ranks. It sends $\log_2 P$
# messages of $n$ numbers each. If the vector has $N$ bytes, the times are
#
# $$ T_\text{doubling} = \log_2 P \left(\alpha + \frac N\beta\right), \qquad
# T_\text{ring} = 2(P-1)\left(\alpha + \frac{N}{P\beta}\right) $$
#
# Doubling sends fewer messages and more bytes. It is faster if
#
# $$ N\left(\log_2 P - \frac{2(P-1)}{P}\right) < \alpha\beta\,\bigl(2(P-1) - \log_2 P\bigr) $$
#
# For 8 ranks this is $N < 8.8\,\alpha\beta$. For 2 ranks the left bracket is zero, so
# that doubling is always faster: one message instead of two, of twice the length.
# Libraries such as MPI choose between the two by the length of the vector.

# %%
P, N = 8, 4000
vectors = [rng.standard_normal(N // 8) for _ in range(P)]
total, messages, sent = sum(vectors), 0, 0
for i in range(3):
    vectors = [vectors[r] + vectors[r ^ 2**i] for r in range(P)]  # ^ changes bit i of r
    messages, sent = messages + 1, sent + N
assert all(off(vector, total) < 1e-12 for vector in vectors)
assert (messages, sent) == (np.log2(P), np.log2(P) * N)

alpha, beta = 20e-6, 2e9  # seconds, and bytes per second
length = alpha * beta * (2 * (P - 1) - np.log2(P)) / (np.log2(P) - 2 * (P - 1) / P)
doubling = np.log2(P) * (alpha + length / beta)
ring = 2 * (P - 1) * (alpha + length / P / beta)
print(f"with 20 µs and 2 GB per second both take {1e3 * ring:.2f} ms for {length / 1e3:.0f} kB")
assert abs(doubling - ring) < 1e-12
assert abs(length - 8.8 * alpha * beta) < 1e-6

# %% [markdown]
# ## Questions
#
# **Question 1: b.**
#
# - **a** No rank has all averages. Each has those of its own part, and no other rank
#   has them.
# - **b** Adam treats each parameter by itself. So whoever has the complete gradient
#   of a part can update that part alone, and only the new parameters have to travel.
# - **c** The updated parts are not added up but put side by side. What is added up is
#   the gradient, before the update.
#
# **Question 2: c.**
#
# - **a** The load of a rank 0 that collects everything grows like this, or even faster
#   (from 1 vector to 15). In the ring each rank sends to one neighbour only.
# - **b** The parts are an eighth as long, but there are fifteen times as many
#   messages.
# - **c** Each sends $2(P-1)/P$ vectors: 1 with 2 ranks, and 1.875 with 16.
