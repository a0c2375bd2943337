"""What `fit` returns: a list, which a notebook shows as a table."""

from npvae import EpochRecord, Evaluation
from npvae.runs.fit import Records

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
