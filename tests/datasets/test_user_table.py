import numpy as np
import pytest

from npvae.datasets.user_table import read_table
from npvae.errors import DataError, InputError


@pytest.fixture
def read(tmp_path):
    def write_and_read(text, **options):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, **options)

    return write_and_read


@pytest.mark.parametrize("comma", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_header_label_and_numbers(read, comma, end, mark):
    lines = ["a, b ,Class", "1,-2.5e3,cat", '"3",4,ant', "", " 5 ,6,cat"]
    examples = read(mark + end.join(lines).replace(",", comma))
    np.testing.assert_array_equal(examples.x, [[1, -2500], [3, 4], [5, 6]])
    assert (examples.kind, examples.shape, examples.columns) == ("real", (2,), ("a", "b"))
    np.testing.assert_array_equal(examples.labels, ["cat", "ant", "cat"])
    assert "Gaussian" in examples.remarks[0]
    assert "Class" in examples.remarks[1]


def test_without_header(read):
    examples = read("1,2\n3,4\n")
    np.testing.assert_array_equal(examples.x, [[1, 2], [3, 4]])
    assert (examples.columns, examples.labels) == ((), None)


def test_integers_within_bytes_are_numbers_not_pixels(read):
    assert read("a,b,c,d\n0,1,2,255\n").kind == "real"


@pytest.mark.parametrize("header", ["label,pixel0,pixel1,pixel2,pixel3", "label,1x1,1x2,2x1,2x2"])
def test_kaggle_s_form_is_pixels(read, header):
    examples = read(f"{header}\n7,0,1,2,255\n")
    assert (examples.kind, examples.shape, examples.x.dtype) == ("pixels", (2, 2), np.uint8)
    np.testing.assert_array_equal(examples.x, [[0, 1, 2, 255]])
    for other in ("256", "-1", "0.5", "1e300"):
        assert read(f"{header}\n7,0,1,2,{other}\n").kind == "real"


@pytest.mark.parametrize(
    ("column", "labels", "columns"),
    [
        ("a", ["1", "4"], ("b", "y")),
        (1, ["2", "5"], ("a", "y")),
        ("1", ["2", "5"], ("a", "y")),
        (-1, ["3", "6"], ("a", "b")),
        (None, ["3", "6"], ("a", "b")),
        ("", None, ("a", "b", "y")),
    ],
)
def test_label_column(read, column, labels, columns):
    examples = read("a,b,y\n1,2,3\n4,5,6\n", label_column=column)
    assert examples.columns == columns
    assert examples.x.shape == (2, len(columns))
    assert (examples.labels if labels is None else list(examples.labels)) == labels


def test_label_column_of_a_table_without_header(read):
    examples = read("5.1,3.5,setosa\n7.0,3.2,versicolor\n", label_column=2)
    np.testing.assert_array_equal(examples.x, [[5.1, 3.5], [7.0, 3.2]])
    assert list(examples.labels) == ["setosa", "versicolor"]


def test_text_in_the_first_line_only_by_accident_does_not_vanish_silently(read):
    """Without being told of its labels, a table without header is refused, not cut by a line."""
    with pytest.raises(DataError, match=r"line 2, column 'setosa': 'virginica'.+label_column"):
        read("5.1,3.5,setosa\n7.0,3.2,virginica\n")


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "nan", "NaN", "null", "None", "?", '""'])
@pytest.mark.parametrize("header", ["a,b,c\n", ""])
def test_a_missing_value_is_named_by_line_and_column(read, missing, header):
    line = 4 if header else 3
    column = "b" if header else "1"
    with pytest.raises(DataError, match=f"line {line}, column '{column}': the value is missing"):
        read(f"{header}1,2,3\n\n4,{missing},6\n")
    with pytest.raises(DataError, match="missing"):
        read(f"{header}1,{missing},3\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n1,2,3\n", "line 2: 3 cells, where the first line has 2"),
        ("a,b\n1,2\n1\n", "line 3: 1 cells"),
        ("a,b\n1,x\n", "line 2, column 'b': 'x' is not a number"),
        ("a;b\n1;2,5\n", "line 2, column 'b': '2,5' is not a number .with a decimal point"),
        ("a,b\n1,1_000\n", "'1_000' is not a number"),
        ("a,b\n1,inf\n", "'inf' is not finite"),
        ("a,b\n1,-1e999\n", "not finite"),
        ("label\n1\n", "no column but the labels"),
        ("a,label\n1,\n", "line 2, column 'label': the value is missing"),
        ("a,label,y\n1,2,3\n", "several columns"),
        (b"a,b\n1,\xff\n", "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "cannot be read"),
        ('a,b\n1,"2\n', "cannot be read"),
        ("a,b\n1," + "2" * 200_000, "cannot be read"),
        (b"a,b\n1,\0\n", r"x00"),
    ],
)
def test_every_damage_is_named(read, text, complaint):
    with pytest.raises(DataError, match=complaint) as caught:
        read(text)
    assert "table.csv" in str(caught.value)


def test_finite_numbers_whose_sum_is_not_are_fine(read):
    np.testing.assert_array_equal(read("1e308,1e308\n").x, [[1e308, 1e308]])


@pytest.mark.parametrize(
    ("column", "complaint"),
    [("c", "no column 'c': its columns are a, b"), (2, "2 columns"), (-3, "2 columns")],
)
def test_no_such_label_column(read, column, complaint):
    with pytest.raises(InputError, match=complaint):
        read("a,b\n1,2\n", label_column=column)


def test_no_such_label_column_without_header(read):
    with pytest.raises(InputError, match="no header"):
        read("1,2\n", label_column="c")


def test_a_header_alone_has_no_examples(read):
    assert read("a,b\n").x.shape == (0, 2)


def test_one_long_label_among_many_cannot_fill_the_memory(read):
    rows = "".join(f"{i},a\n" for i in range(10_000))
    with pytest.raises(DataError, match="10001 labels, the longest of 100000 characters"):
        read(f"x,label\n{rows}1,{100_000 * 'l'}\n")


@pytest.mark.parametrize(
    "text",
    ["a,b\n1,{long}\n", "{long},b\n,1\n", "{long},y,y\n1,2,3\n", "{many}y,y\n", "a\n{digits}\n"],
)
def test_a_message_does_not_repeat_a_long_text(read, text):
    text = text.format(long=100_000 * "\x1b", many=10_000 * "y,", digits=1_000 * "9")
    with pytest.raises(DataError, match=r"table\.csv") as caught:
        read(text)
    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()
