# %% [markdown]
# # 25 · Data parallelism: one gradient by many hands
#
# *Several processes share one training. Does it stay the same, and does it get faster?*
#
# - **You need:** lessons 03, 05, 13a and 13b; for the last section, 12b.
# - **You get:** a gradient in shards, reduce-scatter and all-gather around a ring, an
#   Adam whose averages are divided among the processes; the price of a message,
#   measured, and a formula for the speed-up.
# - **Run time:** half a minute.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np
from course import BLUE, GREEN, ORANGE, digits, run_epochs, show, sized
from diagrams import LOSS, NETWORK, Diagram
from ring import in_processes, in_threads, processes

from npvae import VAE, Adam, Pixels, Trainer

rng = np.random.default_rng(0)
data = digits()
n_images, n_h, n_z = sized((4000, 100, 10), quick=(600, 40, 5))
train_part = data.train.only(slice(0, n_images))
x = (train_part.take(slice(None)) > 127).astype(np.float64)  # black or white

# %% [markdown]
# ## A gradient is a sum
#
# The loss of a batch of $B$ images is the mean of the losses of the images, and so is
# its gradient:
#
# $$ L = \frac1B \sum_{i=1}^B \ell_i, \qquad \frac{dL}{d\theta}
# = \frac1B \sum_{i=1}^B \frac{d\ell_i}{d\theta} $$
#
# A sum can be computed in pieces. So take $P$ processes. Each has a copy of the model
# with the same parameters. Cut the batch into $P$ *shards* of neighbouring rows,
# where shard $r$ has $b_r$ rows. Each process computes the mean gradient $g_r$ of its
# shard, in one forward and one backward pass. The sum over a shard is $b_r\,g_r$,
# hence
#
# $$ \frac{dL}{d\theta} = \frac1B \sum_{r=0}^{P-1} b_r\,g_r
# = \sum_{r=0}^{P-1} \frac{b_r}{B}\,g_r $$
#
# This is **data parallelism**: the data are divided, and the model is not. The number
# $r$ of a process is called its *rank*, and runs from 0 to $P - 1$. All ranks run the
# same program; only their rank differs. In the diagram there are two. Its two wide
# boxes, in which they talk, are the subject of the next two sections.

# %%
diagram = Diagram(3.3, 3.1)
batch = diagram.box(1.65, 2.86, "batch $x$, noise $\\varepsilon$", width=1.2)
for r, column in ((0, 0.85), (1, 2.45)):
    rows = diagram.box(column, 2.33, f"rows of rank {r}", width=1.1)
    model = diagram.box(column, 1.79, "model", width=0.8, fill=NETWORK)
    adam = diagram.box(column, 0.71, f"Adam, part {r}", width=1.0)
    first, second = (diagram.box(column, y, "", 0.1, 0.32) for y in (1.22, 0.2))  # below the wide
    diagram.arrow(batch, rows)
    diagram.arrow(rows, model)
    diagram.arrow(model, first, f"$b_{r}\\,g_{r} / B$")
    diagram.arrow(first, adam)
    diagram.arrow(adam, second)
diagram.box(1.65, 1.22, "reduce-scatter", width=2.9, fill=LOSS)
diagram.box(1.65, 0.2, "all-gather", width=2.9, fill=LOSS)
show(diagram.figure, "25-one-step")

# %% [markdown]
# One thing must not be forgotten: the noise. A VAE's loss depends on $\varepsilon$,
# and the row of an image must get the same noise whichever rank computes it. So every
# rank draws the noise of the *whole* batch, from a generator with the same seed, and
# keeps its own rows. That is a little wasted work, which will cost us later.
#
# **Predict first:** fifty images on three ranks are 16, 17 and 17. If we forget the
# weights $b_r/B$ and simply take the mean of the three gradients, how wrong is it?
# And if each rank seeds its own generator with 0, and draws the noise of its own
# rows?


# %%
def rows_of(n, rank, size):
    """Return the rows of a rank, of n in all: neighbours, and as evenly as possible."""
    return slice(n * rank // size, n * (rank + 1) // size)


def shard_gradient(vae, x, eps, rank, size):
    """Return what a rank adds to the loss of a batch (a number) and to its gradient (n,).

    x (B, n_x) is the batch and eps (B, n_z) its noise. The rank may use its b rows only, which
    are `rows_of(B, rank, size)`. `vae.loss_and_grad(x, eps).loss` is the mean loss of the rows
    it is given, and fills `vae.params.grad` with the gradient of that. Both count b / B.
    """
    ### BEGIN SOLUTION
    mine = rows_of(len(x), rank, size)
    share = len(x[mine]) / len(x)
    loss = vae.loss_and_grad(x[mine], eps[mine]).loss
    return share * loss, share * vae.params.grad
    ### END SOLUTION


def off(found, expected):
    """The largest error, relative to the largest number."""
    return np.abs(found - expected).max() / np.abs(expected).max()


B = 50
vae = VAE.dense(784, n_h, n_z, dtype=np.float64)
eps = rng.standard_normal((B, n_z))
loss = vae.loss_and_grad(x[:B], eps).loss
whole = vae.params.grad.copy()
for P in (2, 3, 7):
    losses, shares = zip(*(shard_gradient(vae, x[:B], eps, r, P) for r in range(P)), strict=True)
    print(f"{P} shards: relative error of the sum {off(sum(shares), whole):.1e}")
    assert off(sum(shares), whole) < 1e-12
    assert abs(sum(losses) - loss) < 1e-12 * loss

slices = [rows_of(B, r, 3) for r in range(3)]
means, seeded = [], []
for mine in slices:
    vae.loss_and_grad(x[mine], eps[mine])
    means.append(vae.params.grad.copy())
    own_noise = np.random.default_rng(0).standard_normal((mine.stop - mine.start, n_z))
    vae.loss_and_grad(x[mine], own_noise)
    seeded.append(vae.params.grad * (mine.stop - mine.start) / B)
print(f"without weights {off(np.mean(means, axis=0), whole):.1%}; ", end="")
print(f"with noise of its own in each rank {off(sum(seeded), whole):.0%}")
assert 1e-4 < off(np.mean(means, axis=0), whole) < off(sum(seeded), whole)

a, b, c = np.float32([1e8, -1e8, 1])
print(f"in float32: (a + b) + c = {(a + b) + c:.0f}, and a + (b + c) = {a + (b + c):.0f}")
small = VAE.dense(784, n_h, n_z)  # the same parameters, in float32
given = x[:B].astype(np.float32), eps.astype(np.float32)
one, two = (sum(shard_gradient(small, *given, r, P)[1] for r in range(P)) for P in (1, 2))
print(f"float32, two shards beside one: relative difference {off(two, one):.1e}")
assert (a + b) + c != a + (b + c)
assert 0 < off(two, one) < 1e-4

# %% [markdown]
# Without weights the error is small, because the shards are nearly equal. That makes
# it a nasty bug: the training still works, and it shows in a test only if the ranks
# do not divide the batch. Noise of its own in each rank is another gradient
# altogether. It has the right expected value, but the first image of every shard gets
# the *same* noise (exercise 2).
#
# The sum in float64 is right to the last digits, but not to the last *bit*, and in
# float32 fewer digits are left. The reason is that computer addition rounds, and so
# is not associative: in $a + (b + c)$ the 1 is lost beside $10^8$. A sum in shards
# brackets the terms in another way. So two processes do not give the same bits as
# one. Both results are equally right.
#
# ## Adding up around a ring
#
# Every rank has a vector of $n$ numbers, its share of the gradient, and all need the
# sum. This is called an **all-reduce**. The obvious way has a chief: the others send
# their vectors to rank 0, which adds them up and sends the sum back. Then rank 0
# receives $P - 1$ vectors and sends $P - 1$, while the others wait. The more ranks
# there are, the longer it takes.
#
# Here is a way without a chief. Put the ranks into a ring, in which each sends to the
# next one only, and cut the vector into $P$ parts.
#
# 1. **Reduce-scatter.** In each pass, every rank passes one part on, and adds what it
#    receives to its own numbers of that part. The parts travel around the ring like
#    buckets, and each grows by one summand at every rank. After $P - 1$ passes part
#    $r$ has been everywhere, and its complete sum is at rank $r$.
# 2. **All-gather.** The complete parts travel once more, and are now copied instead
#    of added. After $P - 1$ passes all ranks have all parts.
#
# Which part does rank $r$ pass on in pass $s$ of the first half? Part $r$ has to end
# here, after a whole turn, so it has to *start* at the next rank, $r + 1$. In other
# words, rank $r$ starts part $r - 1$. From then on it passes on what it has just
# received, and that is always one part further back: $r - 1 - s$, counted around the
# ring. In the second half rank $r$ starts with its own complete part, so it passes on
# $r - s$.
#
# In the code `ring.pass_on(part)` does both sides of a pass: it sends a part to the
# next rank, and returns what the previous rank has sent.
#
# We count: each rank sends $2(P - 1)$ messages of $n/P$ numbers.
#
# **Predict first:** how much does each rank send with 4 ranks, in units of the whole
# vector? And with 64?


# %%
def reduce_scatter(vector, ring):
    """Add up the vectors (n,) of all ranks; return the part of the sum that this rank owns.

    `np.array_split(vector, ring.size)` are the parts. They are views: what you write into a
    part is in the vector. In pass s, from 0 to size - 2, rank r gives part r - 1 - s to
    `ring.pass_on(part)`. What that returns is to be *added* to part r - 2 - s, in place. All
    numbers of parts are modulo the size. At the end, part r of the vector is the sum: return it.
    """
    ### BEGIN SOLUTION
    parts = np.array_split(vector, ring.size)
    for s in range(ring.size - 1):
        given = (ring.rank - 1 - s) % ring.size
        parts[given - 1] += ring.pass_on(parts[given])
    return parts[ring.rank]
    ### END SOLUTION


def all_gather(vector, ring):
    """Give all ranks the parts of the vector (n,) that the others own. Returns nothing.

    The parts are those of `reduce_scatter`, and rank r owns part r. In pass s rank r gives part
    r - s to `ring.pass_on(part)`, and what that returns *replaces* part r - 1 - s, in place.
    """
    ### BEGIN SOLUTION
    parts = np.array_split(vector, ring.size)
    for s in range(ring.size - 1):
        given = (ring.rank - s) % ring.size
        parts[given - 1][:] = ring.pass_on(parts[given])
    ### END SOLUTION


def all_reduce(ring, vectors):
    """The program of each rank: return the sum of all vectors, and what this rank has sent."""
    vector = vectors[ring.rank]
    reduce_scatter(vector, ring)
    all_gather(vector, ring)
    return vector, ring.messages, ring.bytes


for P in (1, 2, 3, 4, 8):
    vectors = rng.standard_normal((P, 840))
    for found, messages, sent in in_threads(P, all_reduce, vectors):
        assert off(found, vectors.sum(axis=0)) < 1e-12
        assert messages == 2 * (P - 1)
        assert sent == 2 * (P - 1) * vectors[0].nbytes // P
    chief = 2 * (P - 1)
    print(f"{P} ranks: each sends {sent / vectors[0].nbytes:.2f} vectors; a chief moves {chief}")


def film(ring, vector):
    """Return the vector of this rank before each pass, and at the end."""
    frames, pass_on = [], ring.pass_on

    def noted(part):
        frames.append(vector.copy())
        return pass_on(part)

    ring.pass_on = noted
    reduce_scatter(vector, ring)
    all_gather(vector, ring)
    return [*frames, vector]


frames = np.array(in_threads(4, film, np.ones(4))).transpose(1, 0, 2)  # (pass, rank, part)
figure, panels = plt.subplots(2, 4, figsize=(8, 4.2), sharex=True, sharey=True)
titles = ["start", *(f"reduce-scatter {i}" for i in (1, 2, 3))]
titles += [f"all-gather {i}" for i in (1, 2, 3)]
for ax, frame, title in zip(np.delete(panels, 4), frames, titles, strict=True):
    ax.imshow(frame, cmap="Blues", vmin=0, vmax=5)
    for (rank, part), terms in np.ndenumerate(frame):
        colour = "white" if terms == 4 else "black"
        ax.text(part, rank, f"{terms:.0f}", ha="center", va="center", color=colour)
    ax.set(title=title, xticks=range(4), yticks=range(4))
    ax.grid(False)
panels[1, 0].set_axis_off()
panels[1, 1].tick_params(labelleft=True)
for ax in panels[1, 1:]:
    ax.set_xlabel("part")
for ax in (panels[0, 0], panels[1, 1]):
    ax.set_ylabel("rank")
show(figure, "25-around-the-ring")
assert np.array_equal(np.diag(frames[3]), [4, 4, 4, 4])
assert (frames[-1] == 4).all()

# %% [markdown]
# Each number in the picture says how many ranks have been added up at that place.
# After the reduce-scatter the diagonal is complete, and the rest is left over from
# the way. After the all-gather everything is complete.
#
# Each rank sends $2(P-1)/P$ vectors: 1.5 with 4 ranks, and 1.97 with 64. However many
# ranks there are, it is **less than two vectors each**, and all of them send at the
# same time. What does grow is the number of messages, $2(P-1)$, which become smaller
# and smaller.
#
# (The ranks here are *threads* of one process, which hand arrays to each other. The
# helper is `ring.py`, beside the lessons. Your functions do not see the difference,
# so that they will serve real processes, too.)
#
# ## Each keeps its part of Adam
#
# Between the two halves there is a moment at which rank $r$ has the complete gradient
# of *its own part* only. That is all that it needs to update this part: Adam treats
# each parameter by itself, with an average of its gradient and one of its square
# (lesson 05). So update the part first, and then let the all-gather carry
# *parameters* instead of gradients. The messages are the same. But now each rank
# makes only its part of the update, and needs only its part of both averages. This is
# the **sharded optimiser**. (As stage 1 of ZeRO it serves networks whose averages
# would not fit into one machine.)
#
# **Predict first:** does dividing Adam's work change a single bit of the result?


# %%
def sharded_adam_step(ring, flat, grad, adam, lr=1e-3):
    """Make one step of Adam, all ranks together: each updates its own part of the parameters.

    flat (n,) are the parameters, the same in all ranks; grad (n,) is this rank's share of the
    gradient. adam holds the number of steps "t", and both averages "m" and "v" of this rank's
    part. Three steps: `reduce_scatter` of grad gives the gradient of the own part; then t grows
    by 1, and Adam (beta1 = 0.9, beta2 = 0.999, eps = 1e-8) updates m, v and, in place, the own
    part of flat, which is one of `np.array_split(flat, ring.size)`; then `all_gather` of flat.
    """
    ### BEGIN SOLUTION
    g = reduce_scatter(grad, ring)
    p = np.array_split(flat, ring.size)[ring.rank]
    adam["t"] += 1
    adam["m"] = 0.9 * adam["m"] + 0.1 * g
    adam["v"] = 0.999 * adam["v"] + 0.001 * g**2
    m_hat, v_hat = adam["m"] / (1 - 0.9 ** adam["t"]), adam["v"] / (1 - 0.999 ** adam["t"])
    p -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    all_gather(flat, ring)
    ### END SOLUTION


def averages(ring, flat):
    """Return the state of Adam for this rank's part of the parameters."""
    part = np.array_split(flat, ring.size)[ring.rank]
    return {"t": 0, "m": np.zeros_like(part), "v": np.zeros_like(part)}


def five_steps(ring, flat, gradients):
    """Make a step for each of five gradients, of which each rank has a share."""
    adam = averages(ring, flat)
    for shares in gradients:
        share = shares[ring.rank :: ring.size].sum(axis=0)
        sharded_adam_step(ring, flat, share, adam)
    return flat, adam["m"].nbytes + adam["v"].nbytes


# Eight shares; in multiples of 1/1024, which float64 adds up without any rounding.
gradients = np.round(1024 * rng.standard_normal((5, 8, vae.params.size))) / 1024
start = vae.params.flat.copy()
results = {P: in_threads(P, five_steps, start, gradients) for P in (1, 2, 3, 8)}
for P, ranks in results.items():
    most = max(held for _, held in ranks)
    print(f"{P} ranks: each holds {most / 1e3:.0f} kB of averages at most")
    assert all(np.array_equal(flat, results[1][0][0]) for flat, _ in ranks), "to the bit"
    assert most <= 2 * 8 * (vae.params.size // P + 1)

adam = Adam()
for shares in gradients:
    vae.params.grad[:] = shares.sum(axis=0)
    adam.step(vae.params)
assert off(vae.params.flat, results[1][0][0]) < 1e-12, "and npvae's Adam agrees"

# %% [markdown]
# Not a single bit, and the memory is divided by the number of ranks. We took
# gradients whose sums need no rounding, so that only the update was compared.
#
# There is one more reason to like this scheme. Each part of the sum is computed in
# *one* place, and copied to the others. So all ranks have the same parameters, bit by
# bit, after any number of steps. If every rank collected all vectors and added them
# in its own order, the copies would drift apart.
#
# ## Real processes
#
# Now we train. `train` is the program of every rank: the loop of lesson 13b, with a
# step that is shared. Its ranks are processes of the operating system, each with a
# Python of its own. npvae starts them (`npvae.parallel`), and a message goes through
# memory that all of them can see.
#
# A new process does not know the functions of this lesson. Usually it imports the
# script that has started it. So one writes functions at the top of a script, and what
# is to run only once below `if __name__ == "__main__":`. `in_processes` sends the
# text of our functions instead, so that this also works in a notebook.
#
# **Predict first:** after the last epoch, by how much do the parameters of one, two
# and three processes differ?


# %%
def train(ring, vae, x, epochs, batch_size, seed=0, name=""):
    """The program of each rank: train the VAE, and return its parameters."""
    rng = np.random.default_rng(seed)  # all ranks draw the same numbers
    adam = averages(ring, vae.params.flat)
    if name and ring.rank == 0:
        print(f"training {name}; loss of each epoch:", end="", flush=True)
    for epoch in range(epochs):
        order, losses = rng.permutation(len(x)), np.zeros(ring.size)
        for start in range(0, len(x), batch_size):
            batch = x[order[start : start + batch_size]]
            eps = rng.standard_normal((len(batch), vae.n_z))
            loss, grad = shard_gradient(vae, batch, eps, ring.rank, ring.size)
            sharded_adam_step(ring, vae.params.flat, grad, adam)
            losses[ring.rank] += loss * len(batch) / len(x)
        all_gather(losses, ring)  # a number of each rank
        if name and ring.rank == 0:
            print(f" {losses.sum():.1f}", end="\n" * (epoch == epochs - 1), flush=True)
    return vae.params.flat.copy()


OURS = (rows_of, shard_gradient, reduce_scatter, all_gather, sharded_adam_step, averages, train)
epochs, batch_size = sized((3, 50), quick=(2, 50))
parameters = {}
for P in sized((1, 2, 3), quick=(1, 2)):
    vae = VAE.dense(784, n_h, n_z, dtype=np.float64)
    name = f"in {P} process{'es' * (P > 1)}"
    ranks = in_processes(P, train, vae, x, epochs, batch_size, 0, name, functions=OURS)
    assert all(np.array_equal(flat, ranks[0]) for flat in ranks), "all ranks have the same bits"
    parameters[P] = ranks[0]
    print(f"relative difference from one process: {off(ranks[0], parameters[1]):.1e}")
    assert off(ranks[0], parameters[1]) < 1e-8
assert off(parameters[1], VAE.dense(784, n_h, n_z, dtype=np.float64).params.flat) > 0.01

# %% [markdown]
# The difference is that of rounding, a little enlarged by many steps: it is the same
# training. npvae's trainer does the same if it is given a *communicator*, which
# connects the processes. In a script of your own, write `with Processes(2) as comm:`
# from `npvae.parallel.processes`, below the guard; `fit(..., workers=2)` and
# `npvae train --workers 2` are shorter still.

# %%
theirs = {}
for P in (1, 2):
    vae = VAE.dense(784, n_h, n_z, dtype=np.float64)
    with processes(P) as comm:
        trainer = Trainer(vae, train_part, Pixels("dynamic"), batch_size=batch_size, comm=comm)
        run_epochs(trainer, epochs, f"by npvae, processes: {P}")
    theirs[P] = vae.params.flat.copy()
assert off(theirs[2], theirs[1]) < 1e-8

# %% [markdown]
# ## The price of a message
#
# It is the same training. Is it faster? That depends on what talking costs. A message
# of some bytes takes
#
# $$ t = \alpha + \frac{\text{bytes}}{\beta} $$
#
# The **latency** $\alpha$ is what even the shortest message takes: both sides have to
# notice each other. The **bandwidth** $\beta$ is how many bytes flow per second.
# (Here $\beta$ has nothing to do with the weight of the KL divergence, nor with
# Adam's decay rates.)
#
# We let two processes pass on vectors of many lengths. Of each we take the fastest of
# several tries: whatever else the computer does only adds to the time. Then we fit
# the line. The times range from microseconds to milliseconds, so we divide every
# equation by its $t$, and thus make the *relative* errors small. Otherwise the
# longest message alone would determine the line.
#
# **Predict first:** at about which length does a message take twice as long as an
# empty one: some ten bytes, some ten thousand, or some ten million?


# %%
def time_passes(ring, lengths, tries):
    """Return the shortest time of a pass for each length, in seconds, and what was sent."""
    from time import perf_counter

    fastest = []
    for n in lengths:
        part, times = np.zeros(n, np.float32), []
        for _ in range(tries):
            begin = perf_counter()
            ring.pass_on(part)
            times.append(perf_counter() - begin)
        fastest.append(min(times))
    return np.array(fastest), ring.messages, ring.bytes


lengths, tries = 2 ** np.arange(0, 20, 2), sized(50, quick=10)
seconds, messages, sent = in_processes(2, time_passes, lengths, tries)[0]
n_bytes = 4 * lengths
assert messages == tries * len(lengths)
assert sent == tries * n_bytes.sum()

columns = np.stack([np.ones(len(lengths)), n_bytes], axis=1) / seconds[:, None]
fitted, *_ = np.linalg.lstsq(columns, np.ones(len(lengths)))
alpha, per_byte = np.maximum(fitted, [1e-7, 1e-13])  # noise could make one of them negative
print(f"latency {1e6 * alpha:.0f} µs, bandwidth {1e-9 / per_byte:.1f} GB per second")

figure, ax = plt.subplots(figsize=(6, 3.6))
ax.loglog(n_bytes, 1e6 * seconds, "o", color=BLUE, label="measured, fastest of each length")
smooth = np.geomspace(n_bytes[0], n_bytes[-1])
ax.loglog(smooth, 1e6 * (alpha + smooth * per_byte), color=ORANGE, label="α + bytes / β, fitted")
ax.set(xlabel="bytes in a message", ylabel="time of a pass in µs")
ax.legend()
show(figure, "25-messages")

# %% [markdown]
# Short messages all take the same time, and the time of long ones is proportional to
# their length. The curve bends where both terms are equal, at $\alpha\beta$ bytes. At
# full size on a busy machine with two cores, this lesson printed 23 µs and 5.6 GB per
# second on 29 November 2026. There the bend is near 130 kB, and ten thousand numbers
# (40 kB) cost only a third more than one. So it pays to send few long messages, and
# it helps that npvae keeps the gradients of all layers in one vector.
#
# Look at your own points. If they scatter, or the longest message lies far above the
# line, then something else was running; try again. For processes on one machine a
# message is one copy into shared memory and one out of it. Between machines it goes
# through a network. The guide reckons with 25 µs and 1.25 GB per second there.
#
# ## When does it pay?
#
# Now we can predict the time of a step. With one process it takes $T(1)$. Of this,
# $t_0$ is work that every rank does for the whole batch: choosing the images and
# drawing the noise. The rest is divided by $P$. To this come $2(P-1)$ messages of
# $n/P$ numbers, of 4 bytes each in float32. They cost
#
# $$ C(P) = 2(P-1)\left(\alpha + \frac{4n}{P\,\beta}\right) $$
#
# and the whole step takes
#
# $$ T(P) = t_0 + \frac{T(1) - t_0}{P} + C(P) $$
#
# The **speed-up** is $T(1)/T(P)$. Even if messages were free, it could never be more
# than $T(1)/t_0$, because what is not divided remains (*Amdahl's law*).
#
# We compare three cases: a small model with a small batch, and a wider one with a
# batch of 128 and with a larger one. The curves are the formula, with the measured
# $T(1)$, $t_0$, $\alpha$ and $\beta$. The circles are measured.
#
# **Predict first:** which of the three gains from a second process? And how fast is a
# step if there are more processes than cores?


# %%
def time_steps(ring, cases, x, steps):
    """For each model and batch size, return the shortest time of a draw and of a step."""
    from time import perf_counter

    found = []
    for vae, batch_size in cases:
        rng, adam, times = np.random.default_rng(0), averages(ring, vae.params.flat), []
        for _ in range(steps):
            begin = perf_counter()
            batch = x[rng.integers(len(x), size=batch_size)]
            eps = rng.standard_normal((batch_size, vae.n_z), dtype=np.float32)
            drawn = perf_counter()
            _, grad = shard_gradient(vae, batch, eps, ring.rank, ring.size)
            sharded_adam_step(ring, vae.params.flat, grad, adam)
            times.append((drawn - begin, perf_counter() - begin))
        found.append(np.min(times, axis=0))
    return found


width, largest = sized((400, 1024), quick=(100, 512))
cases = {
    "10 hidden units, batch 16": (VAE.dense(784, 10, 2), 16),
    f"{width} hidden units, batch 128": (VAE.dense(784, width, 20), 128),
    f"{width} hidden units, batch {largest}": (VAE.dense(784, width, 20), largest),
}
counts, steps = sized(((1, 2, 4), 12), quick=((1, 2), 4))
x32 = x.astype(np.float32)
measured = {
    P: in_processes(P, time_steps, list(cases.values()), x32, steps, functions=OURS)[0]
    for P in counts
}
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
print(f"speed-up, predicted and measured; this process may use {cores} cores")

figure, ax = plt.subplots(figsize=(7, 4))
many = np.arange(1, 9)
ax.plot(many, many, ":", color="grey", label="as many times as processes")
for i, (name, (vae, _)) in enumerate(cases.items()):
    t_0, T_1 = measured[1][i]

    def predicted(P, n=vae.params.size, t_0=t_0, T_1=T_1):
        C = 2 * (P - 1) * (alpha + 4 * n / P * per_byte)
        return T_1 / (t_0 + (T_1 - t_0) / P + C)

    speed_up = [T_1 / measured[P][i][1] for P in counts]
    told = "; ".join(
        f"{P}: {predicted(P):.2f}, {s:.2f}" for P, s in zip(counts, speed_up, strict=True)
    )
    print(f"    {name:<28} {1e3 * T_1:6.2f} ms; {told}; at most {T_1 / t_0:.0f}")
    colour = (GREEN, BLUE, ORANGE)[i]
    ax.plot(many, predicted(many), color=colour, label=name)
    ax.plot(counts, speed_up, "o", color=colour, markersize=8, fillstyle="none")
    assert abs(predicted(1) - 1) < 1e-9
    assert (predicted(many) < np.minimum(many + 1e-9, T_1 / t_0)).all(), "Amdahl's law"
ax.set(xlabel="processes P", ylabel="speed-up T(1) / T(P)", xticks=many, ylim=(0, None))
ax.set_title("Lines: predicted, a core for each. Circles: measured here.")
figure.legend(loc="outside right upper")
show(figure, "25-speed-up")

# %% [markdown]
# Read your own figures, for they depend on your machine and on what else it does.
# Here is what to look for.
#
# - *A small model or a small batch.* There is little to divide, and the messages
#   remain. The formula is too hopeful here: it also divides the time that Python
#   itself needs for a step, and that does not get shorter if there are fewer rows.
# - *A larger batch.* The messages are the same, beside more work. So the orange line
#   is above the blue one.
# - *More processes than cores.* They take turns, and every pass waits for the one
#   whose turn comes last. The formula assumes a core for each, so such circles are
#   far below the line. With small batches they are also below those of fewer
#   processes.
# - *Circles below the line.* Cores share their cache and their memory, and every pass
#   waits for the slower side. If all circles are far below their lines, or below 1,
#   then the cores were busy with something else.
#
# `benchmarks/scaling.py` makes this comparison for npvae's own processes, where the
# all-gather moves nothing at all, since all of them look at the same parameters. On
# 28 November 2026, on two cores of an AMD EPYC while nothing else ran, it printed for
# the model 784-400-20: with two processes 1.57 (predicted 1.74) at batch 128, and
# 1.51 (1.88) at batch 1,024. With *four* processes on the two cores it was 0.83 at
# batch 128, slower than one process. The guide has the whole table, on its page about
# several processes.
#
# ## Three kinds of parallel work
#
# Shards of a batch are one way to share work. There are two more.
#
# | divided | example | what travels | when |
# |---|---|---|---|
# | data | shards of a batch | $2(P-1)/P$ vectors of parameters | each step |
# | draws | the $k$ draws of lesson 12b | a number for each image | each batch |
# | runs | five seeds, or ten learning rates | nothing | never |
#
# *Draws.* The bound of lesson 12b is the logarithm of a mean of $k$ weights. Each
# rank takes some draws of every image, and computes the logarithm of the sum of their
# weights. These logarithms are joined in the same way. For each image only one number
# travels, so estimates of $\log p(x)$ with thousands of draws are easy to share.
#
# *Runs.* To learn how much of a result is chance, one trains with several seeds. Such
# trainings have nothing to say to each other. If you have many of them, this is
# nearly always the best use of many cores.
#
# **Predict first:** two processes train two seeds each. Will the results agree with
# those of a single process up to rounding, or to the bit?


# %%
def of_seeds(ring, vae, x, seeds):
    """Train with each of this rank's seeds; return their results, and the messages sent."""
    from copy import deepcopy

    from ring import Ring

    mine = seeds[ring.rank :: ring.size]
    alone = {seed: train(Ring(), deepcopy(vae), x, 1, 50, seed) for seed in mine}
    return alone, ring.messages


log_w = rng.normal(-100, 5, (7, 50))  # of 7 images with 50 draws each
whole = np.logaddexp.reduce(log_w, axis=1) - np.log(50)
sums = [np.logaddexp.reduce(part, axis=1) for part in np.array_split(log_w, 3, axis=1)]
assert off(np.logaddexp.reduce(sums, axis=0) - np.log(50), whole) < 1e-12

some, seeds = x[:500], [0, 1, 2, 3]
vae = VAE.dense(784, n_h, n_z, dtype=np.float64)
((expected, _),) = in_processes(1, of_seeds, vae, some, seeds, functions=OURS)
found = {}
for trained, messages in in_processes(2, of_seeds, vae, some, seeds, functions=OURS):
    found |= trained
    assert messages == 0
assert sorted(found) == seeds
assert all(np.array_equal(found[seed], expected[seed]) for seed in seeds), "to the bit"
print("four seeds in two processes: the same bits as in one, and no message")

# %% [markdown]
# To the bit: nothing is added up in another order, because nothing is added up at
# all.
#
# > **What you may have read:** "with eight GPUs the training is eight times faster".
# > Often each of them then keeps the batch of one, so that the batch becomes eight
# > times as large. This makes more of every message. But an epoch has an eighth of
# > the updates, and with them it is another training, which needs another learning
# > rate (and often more epochs). Compare the time until the same ELBO is reached, not
# > the images per second.

# %% [markdown]
# ## Questions
#
# **Question 1.** Adam's update can be divided among the ranks without additional
# messages. Why?
#
# - **a** All ranks have the same averages anyway, so it does not matter whose are
#   used.
# - **b** The update of a parameter needs the gradient and the averages of this
#   parameter only.
# - **c** The parts are added up at the end, and a sum does not depend on the order.
#
# **Question 2.** You go from 2 ranks to 16. How does the number of bytes that each
# rank sends in an all-reduce around the ring change?
#
# - **a** It grows to eight times as many, because there are eight times as many
#   ranks.
# - **b** It falls to an eighth, because the parts are an eighth as long.
# - **c** It nearly doubles.
#
# ## Exercises
#
# Answers are in `answers_25_many_hands.py`.
#
# 1. **Change a number.** Train in float32, with one rank and with three (`in_threads`
#    serves as well). Predict how far apart their parameters are after 20 steps, and
#    after 200. *Check:* the root mean square of the difference grows by less than the
#    factor of 10, and the three ranks have the same bits.
# 2. **A bug.** Each of two ranks seeds its own generator with 0 and draws the noise
#    of its own rows only, so that row $i$ of both shards gets the same noise. Predict
#    what that does to the expected value of the gradient, and to its variance.
#    *Check:* over a few hundred seeds the means agree within five standard errors,
#    and the variance of the gradient of the decoder's first layer is at least 1.3
#    times as large.
# 3. **Derive and implement.** Another all-reduce has $\log_2 P$ rounds. In round $i$
#    each rank swaps its *whole* vector with the rank whose number differs in bit $i$,
#    and adds. Write it for a list of 8 vectors, and count messages and bytes. Derive
#    up to which length it is faster than the ring. *Check:* all 8 results are the
#    sum, and at your length both formulas give the same time.
