"""The table that a training prints: each number under its name, in 80 columns."""

import re

import pytest

from npvae import IWAE, VAE, Autoencoder, EpochRecord, Evaluation
from npvae.cli.table import Table

HELD_OUT = Evaluation(-108.2, 84.1, 23.1, (1.0, 2.0), 21, 10, -102.2)
RECORD = EpochRecord(1000, 110.1, -108.36, 84.7, 23.64, HELD_OUT, 12.5)


def ends(line):
    """Where the words of a line end; what stands for log p(x|z) is one word."""
    return [found.end() for found in re.finditer(r"\S+", line.replace("log p(", "log_p("))]


@pytest.mark.parametrize(
    "model",
    [VAE.dense(4, 3, 2), IWAE.dense(4, 3, 2, k=50), Autoencoder.dense(4, 3, 2)],
    ids=lambda model: model.bound_name,
)
def test_each_number_stands_under_its_name(model):
    table = Table(model, 3280)
    names = table.head.splitlines()[1]
    assert ends(table.line(RECORD))[1:] == ends(names)[1:]
    assert max(map(len, [*table.head.splitlines(), table.line(RECORD)])) <= 80


def test_the_column_of_several_draws_has_their_bound():
    assert " -110.10 " in Table(IWAE.dense(4, 3, 2), 9).line(RECORD)  # minus the loss
    line = Table(VAE.dense(4, 3, 2), 9).line(RECORD)
    assert " -108.36 " in line  # the ELBO, whatever beta is
    assert " -102.20 " in line
