"""A table of numbers and text under two likelihoods: how well words are predicted and sampled.

    python benchmarks/mixed_table.py

The table is made: a size, a weight, and two text columns that depend on them. One VAE has the
mixed likelihood. The other has a Gaussian of all columns, in which text is one-hot and
standardised. Their log p(x) cannot be compared, since one is in part a probability and the other a
density. Both give the probability of the words of a row given its numbers, which is
p(numbers, words) divided by its sum over all words. Its -log, in nats per row, is compared with
that of the process itself.
"""

import argparse
from itertools import product

import numpy as np

from npvae import VAE, Adam, Dataset, Split, fit
from npvae.datasets.one_hot import expand
from npvae.datasets.preprocessing import scaling_for
from npvae.evaluation import log_likelihood_by_example

KINDS, COLOURS = ("cat", "dog", "horse"), ("black", "brown", "grey", "white")
OF_KIND = np.array([[0.7, 0.2, 0.1, 0], [0.1, 0.1, 0.7, 0.1], [0.25, 0.25, 0.25, 0.25]])
CATEGORIES = {"kind": KINDS, "colour": COLOURS}


def kinds_given(size):
    """Return the probability of each kind, (n, 3), given the size."""
    p = np.stack([np.exp(-((size - middle) ** 2) / 200) for middle in (30, 50, 75)], axis=1) + 0.02
    return p / p.sum(axis=1, keepdims=True)


def drawn(p, rng):
    return (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)


def make(n, rng):
    """Return a table of n rows: size, kind, weight and colour, texts by their places."""
    size = rng.normal(50, 15, n)
    weight = 0.3 * size + rng.normal(0, 2, n)
    kind = drawn(kinds_given(size), rng)
    return [size, kind, weight, drawn(OF_KIND[kind], rng)]


def dataset(n, rng):
    """Return a training part of n rows, and a test part of 1000."""
    columns = make(n + 1000, rng)
    x, names = expand(columns, ["size", "kind", "weight", "colour"], CATEGORIES)
    train, test = Split(x, np.arange(n)), Split(x, np.arange(n, n + 1000))
    return Dataset("made", train, test, test, (9,), "real", "made", (), names, CATEGORIES), columns


def with_words(rows, kind, colour):
    """Return rows with these words in place of their own."""
    rows = rows.copy()
    rows[:, 1:4], rows[:, 5:9] = np.eye(3)[kind], np.eye(4)[colour]
    return rows


def words_given_numbers(model, scaling, rows, k):
    """Return log p(words | numbers) for each pair of words, (rows, 3, 4)."""
    log_px = [
        log_likelihood_by_example(
            model, Split(with_words(rows, *words), np.arange(len(rows))), scaling, k
        )
        for words in product(range(3), range(4))
    ]
    joint = np.stack(log_px, axis=1)
    return (joint - np.logaddexp.reduce(joint, axis=1, keepdims=True)).reshape(-1, 3, 4)


def trained(data, likelihood, sigma, epochs, seed):
    """Return a model of this likelihood, and its scaling."""
    own = {"mixed": ("keep", data.groups), "gaussian": ("standardize", ())}
    one_hot, groups = own[likelihood]
    scaling = scaling_for(data, one_hot=one_hot)
    options = {"likelihood": likelihood, "sigma": sigma, "groups": groups, "seed": seed}
    model = VAE.dense(data.n_x, 50, 4, **options)
    how = {"optimizer": Adam(2e-3), "batch_size": 100, "rng": seed, "progress": False}
    fit(model, data, epochs=epochs, scaling=scaling, **how)
    return model, scaling


def shares(kind, colour):
    """Return how often each pair of words occurs, (3, 4)."""
    return np.histogram2d(kind, colour, bins=(range(4), range(5)))[0] / len(kind)


def sampled(model, scaling, columns, seed):
    """Return how far words are from their frequency, and the share of horses among the large.

    The distance is half the sum of absolute differences: the share of samples with wrong words.
    """
    size, kind, _, colour = columns
    new = scaling.decode(model.sample(20_000, seed, draw=True))
    new_kind, new_colour = new[:, 1:4].argmax(axis=1), new[:, 5:9].argmax(axis=1)
    away = np.abs(shares(new_kind, new_colour) - shares(kind, colour)).sum() / 2
    return away, (new_kind[new[:, 0] > 70] == 2).mean(), (kind[size > 70] == 2).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2000, help="of the training part")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--sigma", default="learned", help="a number, learned or optimal")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--draws", type=int, default=200, help="of z for each log p(x)")
    options = parser.parse_args()
    sigma = options.sigma if options.sigma.isalpha() else float(options.sigma)
    for seed in range(options.seeds):
        data, columns = dataset(options.rows, np.random.default_rng(seed))
        rows = data.test.take(slice(None))
        size, kind, _, colour = (column[-len(rows) :] for column in columns)
        words = np.arange(len(rows)), kind, colour
        least = -np.log(kinds_given(size)[words[:2]] * OF_KIND[kind, colour]).mean()
        print(f"seed {seed}: the process itself costs {least:.3f} nats per row")
        for likelihood in ("mixed", "gaussian"):
            model, scaling = trained(data, likelihood, sigma, options.epochs, seed)
            nats = -words_given_numbers(model, scaling, rows, options.draws)[words].mean()
            away, horses, of_table = sampled(model, scaling, columns, seed)
            print(
                f"  {likelihood:<9} {nats:.3f} nats; {away:.3f} of its samples have wrong words; "
                f"{horses:.3f} of the large are horses ({of_table:.3f} in the table)",
                flush=True,
            )


if __name__ == "__main__":
    main()
