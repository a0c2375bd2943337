"""Lesson 25: a gradient in shards, both halves of an all-reduce, and the sharded Adam."""

import numpy as np
from grading import fail, normal
from ring import in_threads

from npvae import VAE

N = 11  # numbers in a vector, which no number of ranks here divides


def rows_of(n, rank, size):
    return slice(n * rank // size, n * (rank + 1) // size)


def test_shard_gradient(lesson, rng):
    vae, B, P = VAE.dense(5, 4, 2, dtype=np.float64), 7, 3
    x, eps = (rng.random((B, 5)) < 0.5).astype(np.float64), normal(rng, (B, 2))

    def mean(x, eps, factor=1.0):
        loss = vae.loss_and_grad(x, eps).loss
        return {"loss": factor * loss, "gradient": factor * vae.params.grad}

    kept = []
    for rank in range(P):
        mine = rows_of(B, rank, P)
        b = mine.stop - mine.start
        hints = {
            "this is the mean of the rank's rows; multiply it by b / B.": mean(x[mine], eps[mine]),
            "the shards are not equally long: multiply by b / B, and not by 1 / size.": mean(
                x[mine], eps[mine], 1 / P
            ),
            "loss_and_grad already returns a mean; multiply it by b / B, and not by b.": mean(
                x[mine], eps[mine], b
            ),
            "this uses all rows of the batch; take those of the rank.": mean(x, eps),
        }
        if rank:
            hints["this is the noise of other rows; take eps[mine]."] = mean(
                x[mine], eps[:b], b / B
            )
        expected = mean(x[mine], eps[mine], b / B)
        vae.params.grad[...] = 0
        found = lesson.compare("shard_gradient", (vae, x, eps, rank, P), expected, hints)
        kept.append((found[1], expected["gradient"]))
    for found, expected in kept:
        if not np.allclose(found, expected):
            fail(
                "shard_gradient: the gradient that it returned has changed with the next call\n"
                "  Hint: vae.params.grad is overwritten by every call of loss_and_grad; return a "
                "new array,\n  such as share * vae.params.grad."
            )


# ---- around the ring -----------------------------------------------------------------------------


def simulate(vectors, start, combine, passes=None):
    """Return the parts of each rank after the passes, if rank r begins with part r + start."""
    P = len(vectors)
    parts = [np.array_split(vector.copy(), P) for vector in vectors]
    for s in range(P - 1 if passes is None else passes):
        moving = [parts[r][(r + start - s) % P].copy() for r in range(P)]
        for r in range(P):
            into = (r - 1 + start - s) % P
            parts[r][into] = combine(parts[r][into], moving[r - 1])
    return parts


def right_reduce_scatter(vector, ring):
    parts = np.array_split(vector, ring.size)
    for s in range(ring.size - 1):
        given = (ring.rank - 1 - s) % ring.size
        parts[given - 1] += ring.pass_on(parts[given])
    return parts[ring.rank]


def right_all_gather(vector, ring):
    parts = np.array_split(vector, ring.size)
    for s in range(ring.size - 1):
        given = (ring.rank - s) % ring.size
        parts[given - 1][:] = ring.pass_on(parts[given])


def copied(own, received):
    return received


def require_passes(name, messages, size):
    if messages != size - 1:
        fail(f"{name} makes {messages} passes with {size} ranks; {size - 1} are needed")


def test_reduce_scatter(lesson, rng):
    for P in (1, 2, 3, 4):
        vectors, sent = normal(rng, (P, N)), []

        def of_rank(rank, size, vectors=vectors, sent=sent):
            def program(ring):
                part = lesson["reduce_scatter"](vectors[ring.rank].copy(), ring)
                return part, ring.messages

            part, messages = in_threads(size, program)[rank]
            sent.append(messages)
            return part

        right = np.array_split(vectors.sum(axis=0), P)
        variants = {
            "what a pass returns is added to the part, not put in its place.": (-1, copied),
            "rank r begins with part r - 1; its own part comes in the last pass.": (0, np.add),
            "rank r begins with part r - 1, and not with part r + 1.": (1, np.add),
            "these are too many passes; size - 1 are needed.": (-1, np.add, P),
        }
        for rank in range(P):
            hints = {
                hint: {"part": simulate(vectors, *variant)[rank][rank]}
                for hint, variant in variants.items()
            }
            before = simulate(vectors, -1, np.add)[rank]
            hints["this is part r - 1; rank r owns part r."] = {"part": before[rank - 1]}
            hints["these are all parts; return part r only."] = {"part": np.concatenate(before)}
            hints["this is the rank's own part, and nothing was added to it."] = {
                "part": np.array_split(vectors[rank], P)[rank]
            }
            lesson.compare(
                "reduce_scatter", (rank, P), {"part": right[rank]}, hints, function=of_rank
            )
            require_passes("reduce_scatter", sent.pop(), P)


def test_all_gather(lesson, rng):
    for P in (1, 2, 3, 4):
        whole, sent = normal(rng, N), []
        vectors = np.full((P, N), 50.0)  # what a rank does not own yet
        for vector, part in zip(vectors, np.array_split(np.arange(N), P), strict=True):
            vector[part] = whole[part]

        def of_rank(rank, size, vectors=vectors, sent=sent):
            def program(ring):
                vector = vectors[ring.rank].copy()
                lesson["all_gather"](vector, ring)
                return vector, ring.messages

            vector, messages = in_threads(size, program)[rank]
            sent.append(messages)
            return vector

        variants = {
            "what a pass returns replaces the part, and is not added to it.": (0, np.add),
            "rank r begins with part r, its own.": (-1, copied),
        }
        for rank in range(P):
            hints = {
                hint: {"vector": np.concatenate(simulate(vectors, *variant)[rank])}
                for hint, variant in variants.items()
            }
            hints[
                "the vector has not changed. `parts[i] = ...` changes the list only; "
                "`parts[i][:] = ...` writes into the vector."
            ] = {"vector": vectors[rank]}
            lesson.compare("all_gather", (rank, P), {"vector": whole}, hints, function=of_rank)
            require_passes("all_gather", sent.pop(), P)


# ---- the update ----------------------------------------------------------------------------------


def adam(flat, gradients, lr, beta2=0.999, corrected=True, root=np.sqrt):
    """Return what Adam makes of the parameters, and its averages, after a step for each."""
    p, m, v = flat.copy(), np.zeros(N), np.zeros(N)
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, beta2 * v + (1 - beta2) * g**2
        by = (1 - 0.9**t, 1 - beta2**t) if corrected else (1, 1)
        p -= lr * (m / by[0]) / (root(v / by[1]) + 1e-8)
    return {"flat": p, "m": m, "v": v}


def test_sharded_adam_step(lesson, rng):
    kept = {name: lesson[name] for name in ("reduce_scatter", "all_gather")}
    lesson.space |= {"reduce_scatter": right_reduce_scatter, "all_gather": right_all_gather}
    try:
        for P in (1, 3):
            grade_steps(lesson, rng, P)
    finally:
        lesson.space |= kept


def grade_steps(lesson, rng, P):
    flat, shares, lr = normal(rng, N), normal(rng, (2, P, N)), 0.05
    step = lesson["sharded_adam_step"]

    def of_rank(rank, size):
        def program(ring):
            own, part = flat.copy(), np.array_split(flat, size)[ring.rank]
            state = {"t": 0, "m": np.zeros_like(part), "v": np.zeros_like(part)}
            for share in shares:
                step(ring, own, share[ring.rank].copy(), state, lr)
            return own, state["m"], state["v"], state["t"]

        return in_threads(size, program)[rank]

    gradients = shares.sum(axis=1)
    right = adam(flat, gradients, lr)
    variants = {
        "the sign is wrong: this goes uphill.": adam(flat, gradients, -lr),
        "the corrections 1 - beta^t are missing.": adam(flat, gradients, lr, corrected=False),
        "beta2 is 0.999.": adam(flat, gradients, lr, beta2=0.99),
        "the root of v is missing.": adam(flat, gradients, lr, root=np.asarray),
        "the learning rate is the argument lr.": adam(flat, gradients, 1e-3),
    }
    for rank in range(P):
        mine = np.array_split(np.arange(N), P)[rank]

        def seen(results, mine=mine):
            return {"flat": results["flat"], "m": results["m"][mine], "v": results["v"][mine]}

        hints = {hint: seen(results) for hint, results in variants.items()}
        hints["the parameters have not changed; write into the part, `p -= ...`."] = {"flat": flat}
        if P > 1:
            alone = flat.copy()
            alone[mine] = right["flat"][mine]
            hints["only the own part is new; all_gather gives it to the others."] = {"flat": alone}
            own = adam(flat, shares[:, rank], lr)
            hints["grad is the share of this rank only; reduce_scatter adds up all of them."] = {
                "m": own["m"][mine]
            }
        expected = seen(right) | {"t": 2}
        lesson.compare("sharded_adam_step", (rank, P), expected, hints, function=of_rank)
