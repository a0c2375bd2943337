"""What `fit` returns: a list, which a notebook shows as a table."""

import numpy as np
import pytest

from npvae import VAE, Dataset, EpochRecord, Evaluation, InputError, Trainer, evaluate
from npvae.datasets import scaling_for
from npvae.evaluation import log_likelihood
from npvae.runs.fit import Records, fit, trainer_for

HELD_OUT = Evaluation(-98.5, 80.0, 18.5, (18.5, 0.0), 1, 1200, -98.25)


def test_records_are_a_table_with_a_row_for_each_epoch():
    records = Records([EpochRecord(1, 120.0, -110.0, 90.0, 20.0, HELD_OUT, 1.5)])
    html = records._repr_html_()
    cells = html.replace("</tr>", "").replace("</td>", "").split("<td>")[1:]
    assert [cell.partition("<")[0] for cell in cells] == [
        "1",
        "-110.00",
        "90.00",
        "20.00",
        "-98.25",
    ]


def test_records_without_a_validation_part_have_no_column_for_it():
    records = Records([EpochRecord(1, 120.0, -110.0, 90.0, 20.0, None, 1.5)])
    assert records._repr_html_().count("<td>") == records._repr_html_().count("<th>") == 4


def test_an_evaluation_fits_a_line():
    assert "\n" not in repr(HELD_OUT)
    assert len(repr(HELD_OUT)) <= 100
    assert all(number in repr(HELD_OUT) for number in ("-98.50", "80.00", "1 of 2", "1,200"))


X = np.random.default_rng(0).normal(size=(40, 3))


def a_vae():
    return VAE.dense(3, 4, 2, likelihood="gaussian")


@pytest.mark.parametrize("call", [fit, trainer_for, lambda model, x: scaling_for(x)])
@pytest.mark.parametrize("data", [X, X.tolist(), Dataset.from_arrays(X).train], ids=type)
def test_data_that_are_not_a_dataset_are_refused_with_the_way_to_one(call, data):
    with pytest.raises(InputError, match=r"Dataset\.from_arrays"):
        call(a_vae(), data)


@pytest.mark.parametrize("call", [evaluate, log_likelihood, Trainer])
@pytest.mark.parametrize(
    ("examples", "words"),
    [
        (X, r"Dataset\.from_arrays"),
        (X.tolist(), r"Dataset\.from_arrays"),
        (Dataset.from_arrays(X), r"data\.test"),
    ],
    ids=["array", "list", "dataset"],
)
def test_examples_that_are_not_one_part_are_refused_with_the_way_to_one(call, examples, words):
    with pytest.raises(InputError, match=words):
        call(a_vae(), examples, scaling_for(Dataset.from_arrays(X)))
