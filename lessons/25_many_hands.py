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
# same program; only their rank differs. The diagram shows one step with two ranks. In
# its two wide boxes they exchange messages; the next two sections explain these boxes.

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
# and an image must get the same noise whichever rank computes it. So every rank draws
# the noise of the *whole* batch, from a generator with the same seed, and keeps its
# own rows. This is a little wasted work, which will cost us later.
#
# **Predict first:** fifty images on three ranks are 16, 17 and 17. If we forget the
# weights $b_r/B$ and simply take the mean of the three gradients, how large is the
# error? And how large is it if each rank seeds its own generator with 0 and draws
# only the noise of its own rows?


# %%
def rows_of(n, rank, size):
    """Return the slice of a rank's rows, if n rows are divided as evenly as possible."""
    return slice(n * rank // size, n * (rank + 1) // size)


def shard_gradient(vae, x, eps, rank, size):
    """Return the share of a rank in the loss of a batch (a number) and in its gradient (n,).

    x (B, n_x) is the batch and eps (B, n_z) its noise. The rank uses only its own b rows, which
    are `rows_of(B, rank, size)`. `vae.loss_and_grad(x, eps)` has the mean loss of the rows it is
    given in `.loss`, and writes its gradient into `vae.params.grad`. Multiply both by b / B,
    and return the gradient as a new array, since the next call overwrites the old one.
    """
    ### BEGIN SOLUTION
    mine = rows_of(len(x), rank, size)
    share = len(x[mine]) / len(x)
    loss = vae.loss_and_grad(x[mine], eps[mine]).loss
    return share * loss, share * vae.params.grad
    ### END SOLUTION


def off(found, expected):
    """Return the largest error, relative to the largest number."""
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
vae.loss_and_grad(x[:B], np.random.default_rng(1).standard_normal((B, n_z)))
other_draw = off(vae.params.grad, whole)
print(f"relative error without weights {off(np.mean(means, axis=0), whole):.1%}; ", end="")
print(f"with a generator in each rank {off(sum(seeded), whole):.0%}")
print(f"the whole batch with another draw of the noise: relative difference {other_draw:.0%}")
assert 1e-4 < off(np.mean(means, axis=0), whole) < min(off(sum(seeded), whole), other_draw)

a, b, c = np.float32([1e8, -1e8, 1])
print(f"in float32: (a + b) + c = {(a + b) + c:.0f}, and a + (b + c) = {a + (b + c):.0f}")
small = VAE.dense(784, n_h, n_z)  # the same parameters, in float32
given = x[:B].astype(np.float32), eps.astype(np.float32)
one, two = (sum(shard_gradient(small, *given, r, P)[1] for r in range(P)) for P in (1, 2))
print(f"float32, two shards beside one: relative difference {off(two, one):.1e}")
assert (a + b) + c != a + (b + c)
assert 0 < off(two, one) < 1e-4

# %% [markdown]
# Without weights the error is about 1 %, because the shards are nearly equal. That
# makes it a nasty bug: the training still works, and a test finds it only if the batch
# cannot be divided evenly among the ranks. The second error is large, but so is the
# difference that another draw of the noise makes to one process, and the expected
# value of this gradient is right. What is wrong is that the first image of every shard
# gets the *same* noise, and so on row by row. This makes the gradient noisier
# (exercise 2).
#
# With weights the sum is right up to rounding: about 15 digits in float64, and 6 in
# float32. But it does not have the same bits as the gradient of the whole batch.
# Addition on a computer rounds, and so is not associative: in $a + (b + c)$ the 1 is
# lost beside $10^8$. A sum in shards adds the same terms in another order. So two
# processes do not give the same bits as one, and both results are equally right.
#
# ## Adding up around a ring
#
# Every rank has a vector of $n$ numbers, its share of the gradient, and all need the
# sum. This operation is called an **all-reduce**. The obvious way gives rank 0 a
# special role: the others send it their vectors, and it adds them up and sends the sum
# back. Then rank 0 receives $P - 1$ vectors and sends $P - 1$, while the others wait.
# The more ranks there are, the longer it takes.
#
# Here is a way in which all ranks do the same. Put them into a ring, in which each
# sends only to the next one, and cut the vector into $P$ parts.
#
# 1. **Reduce-scatter.** In each pass, every rank passes one part on, and adds what it
#    receives to its own numbers of that part. So a part travels around the ring, and
#    each rank adds its summand. After $P - 1$ passes part $r$ has been at every rank,
#    and its complete sum is at rank $r$.
# 2. **All-gather.** The complete parts travel once more, and are now copied instead
#    of added. After $P - 1$ passes all ranks have all parts.
#
# Which part does rank $r$ pass on in pass $s = 0, 1, \dots, P - 2$ of the first half?
# Part $r$ has to arrive at rank $r$ in the last of the $P - 1$ passes, which is one
# pass less than a full turn. So it *starts* at the next rank, $r + 1$. In other words,
# rank $r$ starts with part $r - 1$. Afterwards it passes on the part that it has just
# received. The previous rank started with $r - 2$, so the number of the part falls by
# one in each pass: rank $r$ passes on part $r - 1 - s$, modulo $P$. In the second half
# it starts with its own complete part, so it passes on part $r - s$.
#
# In the code `ring.pass_on(part)` does both sides of a pass: it sends a part to the
# next rank, and returns what the previous rank has sent. For now the ranks are
# *threads* of one process. `in_threads(P, program, ...)` from the helper `ring.py`,
# beside the lessons, runs the program in each of them, with its own copy of the
# arguments. Your functions will later run in real processes without a change.
#
# We count: each rank sends $2(P - 1)$ messages of $n/P$ numbers.
#
# **Predict first:** how much does each rank send with 4 ranks, in units of the whole
# vector? And with 64?


# %%
def reduce_scatter(vector, ring):
    """Add up the vectors (n,) of all ranks; return the part of the sum that this rank owns.

    The parts are `np.array_split(vector, ring.size)`. They are views: what you write into a
    part is written into the vector. In pass s, from 0 to size - 2, rank r gives part r - 1 - s
    to `ring.pass_on(part)`. *Add* what that returns to part r - 2 - s, in place. All numbers of
    parts are modulo the size. At the end part r is the sum of part r over all ranks: return it.
    """
    ### BEGIN SOLUTION
    parts = np.array_split(vector, ring.size)
    for s in range(ring.size - 1):
        given = (ring.rank - 1 - s) % ring.size
        parts[given - 1] += ring.pass_on(parts[given])
    return parts[ring.rank]
    ### END SOLUTION


def all_gather(vector, ring):
    """Fill the vector (n,) of each rank with the parts that the others own; return nothing.

    The parts are those of `reduce_scatter`, and rank r owns part r. In pass s, from 0 to
    size - 2, rank r gives part r - s to `ring.pass_on(part)`, and what that returns *replaces*
    part r - 1 - s, in place.
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
    moved = 2 * (P - 1)  # vectors that rank 0 would receive and send
    print(f"P = {P}: each sends {sent / vectors[0].nbytes:.2f} vectors; ", end="")
    print(f"without a ring rank 0 moves {moved}")


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
# Each number in the picture says how many ranks have been added up in that part, after
# the first, second and third pass. After the reduce-scatter the diagonal is complete,
# and the other parts are partial sums that nobody needs any more. After the all-gather
# everything is complete.
#
# Each rank sends $2(P-1)/P$ vectors: 1.5 with 4 ranks, and 1.97 with 64. However many
# ranks there are, each sends **fewer than two vectors**, and all of them send at the
# same time. What does grow is the number of messages, $2(P-1)$, while each message
# becomes shorter.
#
# ## The sharded optimiser
#
# Between the two halves there is a moment at which rank $r$ has the complete gradient
# of *its own part* only. That is all that it needs to update this part: Adam treats
# each parameter by itself, with an average of its gradient and one of its square
# (lesson 05). So update the part first, and then let the all-gather carry
# *parameters* instead of gradients. The messages are the same. But now each rank
# makes only its part of the update, and keeps only its part of both averages. The
# parameters and the gradient are still complete in every rank. This is a **sharded
# optimiser**. (It is stage 1 of ZeRO, Rajbhandari et al. 2020, which trains networks
# whose averages do not fit into the memory of one device.)
#
# **Predict first:** does dividing Adam's work change a single bit of the result?


# %%
def sharded_adam_step(ring, flat, grad, adam, lr=1e-3):
    """Make one step of Adam, all ranks together: each updates its own part of the parameters.

    flat (n,) are the parameters, the same in all ranks, and grad (n,) is this rank's share of
    the gradient. adam holds the number of steps "t", and the averages "m" and "v" of this
    rank's part. First `reduce_scatter` of grad gives the gradient of this part. Then t grows by
    1, and Adam (decay rates 0.9 and 0.999, and 1e-8 added to the root) updates m, v and, in
    place, this rank's part of flat, which is one of `np.array_split(flat, ring.size)`. Finally
    `all_gather` of flat gives all ranks the new parameters.
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
    """Make a step for each gradient (8, n), a sum of eight shares that the ranks divide."""
    adam = averages(ring, flat)
    for shares in gradients:
        share = shares[ring.rank :: ring.size].sum(axis=0)
        sharded_adam_step(ring, flat, share, adam)
    return flat, adam["m"].nbytes + adam["v"].nbytes


# Five gradients in eight shares each: multiples of 1/1024, which float64 adds without rounding.
gradients = np.round(1024 * rng.standard_normal((5, 8, vae.params.size))) / 1024
start = vae.params.flat.copy()
results = {P: in_threads(P, five_steps, start, gradients) for P in (1, 2, 3, 8)}
for P, ranks in results.items():
    most = max(held for _, held in ranks)
    print(f"P = {P}: each rank holds at most {most / 1e3:.0f} kB of averages")
    assert all(np.array_equal(flat, results[1][0][0]) for flat, _ in ranks), "to the bit"
    assert most <= 2 * 8 * (vae.params.size // P + 1)

adam = Adam()
for shares in gradients:
    vae.params.grad[:] = shares.sum(axis=0)
    adam.step(vae.params)
assert off(vae.params.flat, results[1][0][0]) < 1e-12, "and npvae's Adam agrees"

# %% [markdown]
# It does not change a single bit, and the memory of the averages is divided by the
# number of ranks. We took gradients whose sums need no rounding, so that only the
# update was compared.
#
# The scheme has one more advantage. Each part of the sum is computed in *one* place,
# and copied to the others. So all ranks have the same parameters, bit by bit, after
# any number of steps. If every rank collected all vectors and added them in its own
# order, the copies would drift apart.
#
# ## Real processes
#
# Now we train. `train` is the program of every rank: the loop of lesson 13b, with a
# step that is shared. The ranks are now processes of the operating system, each with
# its own Python interpreter. npvae starts them (`npvae.parallel`), and messages go
# through memory that all of them can read and write.
#
# A new process does not know the functions of this lesson. Usually it imports the
# script that has started it. So one writes functions at the top of a script, and what
# is to run only once below `if __name__ == "__main__":`. `in_processes` sends the
# text of our functions instead, so that this also works in a notebook. Such a
# function may use `np`, the others that are sent, and what it imports itself.
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
        all_gather(losses, ring)  # the vector has one part of one number for each rank
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
# They differ by rounding only, some $10^{-13}$ at full size: it is the same training.
# npvae's trainer does the same if it is given a *communicator*, which connects the
# processes. (Its loss is a little different from ours, because it draws noise and
# black and white pixels of its own.) In a script of your own, write
# `with Processes(2) as comm:` from `npvae.parallel.processes`, below
# `if __name__ == "__main__":`. Shorter still are `fit(..., workers=2)` and
# `npvae train --workers 2`.

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
# It is the same training. Is it faster? That depends on what a message costs. The time
# of a message is
#
# $$ t = \alpha + \frac{\text{bytes}}{\beta} $$
#
# The **latency** $\alpha$ is the time of even the shortest message: both processes
# have to notice that the other is ready. The **bandwidth** $\beta$ is the number of
# bytes per second. (Here $\beta$ is neither the weight of the KL divergence nor one of
# Adam's decay rates.)
#
# We let two processes pass on vectors of many lengths. For each length we take the
# fastest of several tries, since whatever else the computer does only adds to the
# time. Then we fit the line by least squares: each length gives an equation for the
# two unknowns $\alpha$ and $1/\beta$. The times range from microseconds to
# milliseconds, so we divide each equation by its $t$, in order to make the *relative*
# errors small. Otherwise the longest message alone would determine the line.
#
# **Predict first:** at about which length does a message take twice as long as an
# empty one: a hundred bytes, a hundred thousand, or a hundred million?


# %%
def time_passes(ring, lengths, tries):
    """Return the shortest time of a pass for each length, in seconds; messages and bytes sent."""
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
# Short messages all take about the same time, and the time of long ones is
# proportional to their length. The curve bends where both terms are equal, at
# $\alpha\beta$ bytes: such a message takes twice as long as an empty one. At full size
# on a busy machine with two cores, this lesson printed 23 µs and 5.6 GB per second on
# 29 November 2026. There the bend is near 130 kB, and ten thousand numbers (40 kB)
# cost only a third more than one. So it pays to send few long messages, and it helps
# that npvae keeps the gradients of all layers in one vector.
#
# Look at your own points. If they scatter, or the longest message lies far above the
# line, then something else was running; try again. On one machine a message is copied
# into shared memory and out of it again. Between machines it goes through a network,
# for which the guide assumes 25 µs and 1.25 GB per second.
#
# ## When does it pay?
#
# Now we can predict the time of a step. With one process it takes $T(1)$. Of this,
# $t_0$ is work that every rank does for the whole batch: choosing the images and
# drawing the noise. The rest is divided by $P$. In addition there are $2(P-1)$
# messages of $n/P$ numbers, of 4 bytes each in float32. They take
#
# $$ C(P) = 2(P-1)\left(\alpha + \frac{4n}{P\,\beta}\right) $$
#
# and the whole step takes
#
# $$ T(P) = t_0 + \frac{T(1) - t_0}{P} + C(P) $$
#
# The **speed-up** is $T(1)/T(P)$. Even if messages took no time, it could never be
# more than $T(1)/t_0$, because the work that is not divided remains (*Amdahl's law*).
#
# We compare three cases: a small model with a small batch, a wider model with a batch
# of 128, and the wider model with a larger batch. The curves are the formula, with the
# measured $T(1)$, $t_0$, $\alpha$ and $\beta$. The circles are measured.
#
# **Predict first:** which of the three gains from a second process? And what happens
# to the speed-up if there are more processes than cores?


# %%
def time_steps(ring, cases, x, steps):
    """Return t_0 and the time of a step, each the shortest of its tries, for each case."""
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


def predicted(P, n, t_0, T_1):
    """Return the speed-up that P processes should give, by the formula above."""
    C = 2 * (P - 1) * (alpha + 4 * n / P * per_byte)
    return T_1 / (t_0 + (T_1 - t_0) / P + C)


cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
print(f"speed-up, predicted and measured; this process may use {cores} cores")

figure, ax = plt.subplots(figsize=(7, 4))
many = np.arange(1, 9)
ax.plot(many, many, ":", color="grey", label="P times as fast")
for i, (name, (vae, _)) in enumerate(cases.items()):
    t_0, T_1 = measured[1][i]
    curve = predicted(many, vae.params.size, t_0, T_1)
    speed_up = [T_1 / measured[P][i][1] for P in counts]
    pairs = [f"{P}: {curve[P - 1]:.2f}, {s:.2f}" for P, s in zip(counts, speed_up, strict=True)]
    print(f"    {name:<28} {1e3 * T_1:6.2f} ms; {'; '.join(pairs)}; at most {T_1 / t_0:.0f}")
    colour = (GREEN, BLUE, ORANGE)[i]
    ax.plot(many, curve, color=colour, label=name)
    ax.plot(counts, speed_up, "o", color=colour, markersize=8, fillstyle="none")
    assert abs(curve[0] - 1) < 1e-9
    assert (curve < np.minimum(many + 1e-9, T_1 / t_0)).all(), "Amdahl's law"
ax.set(xlabel="processes P", ylabel="speed-up T(1) / T(P)", xticks=many, ylim=(0, None))
ax.set_title("Lines: predicted, one core per process. Circles: measured.")
figure.legend(loc="outside right upper")
show(figure, "25-speed-up")

# %% [markdown]
# Read your own figures, for they depend on your machine and on what else it does.
# Here is what to look for.
#
# - *A small model or a small batch.* There is little to divide, and the messages
#   remain. The formula is too optimistic here: it also divides the time that Python
#   itself needs for a step, which does not shrink with the number of rows.
# - *A larger batch.* The messages are the same, and there is more work to divide. So
#   the orange line is above the blue one.
# - *More processes than cores.* They take turns, and every pass waits for the one
#   whose turn comes last. The formula assumes a core for each, so such circles are
#   far below the line.
# - *Circles below the line.* Cores share their cache and their memory, and every pass
#   waits for the slower process. If all circles are far below their lines, or below
#   1, then the cores were busy with something else.
#
# `benchmarks/scaling.py` makes this comparison for npvae's own processes, where the
# all-gather moves nothing at all, since they share one copy of the parameters. On 28
# November 2026, on two cores of an AMD EPYC while nothing else ran, it printed these
# speed-ups for the model 784-400-20 and two processes: 1.57 (predicted 1.74) at batch
# 128, and 1.51 (1.88) at batch 1,024. With *four* processes on the two cores it was
# 0.83 at batch 128, slower than one process. The guide has the complete table, on its
# page about several processes.
#
# ## Three kinds of parallel work
#
# Shards of a batch are one way to divide work. There are two more.
#
# | divided | example | what is sent | when |
# |---|---|---|---|
# | data | shards of a batch | $2(P-1)/P$ vectors of $n$ numbers | each step |
# | draws | the $k$ draws of lesson 12b | a number for each image | each batch |
# | runs | five seeds, or ten learning rates | nothing | never |
#
# *Draws.* The bound of lesson 12b is the logarithm of a mean of $k$ weights. Each
# rank takes some draws of every image, and computes the logarithm of the sum of their
# weights. `logaddexp` combines these logarithms to that of the complete sum. Each
# rank sends only one number for each image, so estimates of $\log p(x)$ with thousands
# of draws are easy to divide.
#
# *Runs.* To learn how much of a result is chance, one trains with several seeds. Such
# trainings need no messages. If you have many of them, this is nearly always the best
# use of many cores.
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


log_w = rng.normal(-100, 5, (7, 50))  # logarithms of the weights: 7 images, 50 draws of each
whole = np.logaddexp.reduce(log_w, axis=1) - np.log(50)
sums = [np.logaddexp.reduce(part, axis=1) for part in np.array_split(log_w, 3, axis=1)]
assert off(np.logaddexp.reduce(sums, axis=0) - np.log(50), whole) < 1e-12

some, seeds = x[:500], [0, 1, 2, 3]
vae = VAE.dense(784, n_h, n_z, dtype=np.float64)
expected, _ = in_processes(1, of_seeds, vae, some, seeds, functions=OURS)[0]
found = {}
for trained, messages in in_processes(2, of_seeds, vae, some, seeds, functions=OURS):
    found |= trained
    assert messages == 0
assert sorted(found) == seeds
assert all(np.array_equal(found[seed], expected[seed]) for seed in seeds), "to the bit"
print("four seeds in two processes: the same bits as in one, and no message")

# %% [markdown]
# They agree to the bit: each training runs in one process, so no sum is divided.
#
# > **What you may have read:** "with eight GPUs the training is eight times faster".
# > Often each of them then has the batch size of one, so that the whole batch becomes
# > eight times as large. Then there is more work for each message. But an epoch has
# > only an eighth of the updates. This is a different training, which needs another
# > learning rate (and often more epochs). Compare the time until the same ELBO is
# > reached, not the images per second.

# %% [markdown]
# ## Questions
#
# **Question 1.** Adam's update can be divided among the ranks without additional
# messages. Why?
#
# - **a** All ranks have the same averages, so it does not matter whose are used.
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
#    is enough). Predict how far the parameters of one rank are from those of three,
#    after 20 steps and after 200. *Check:* the root mean square of the difference
#    grows by less than a factor of 10, and the three ranks have the same bits.
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
