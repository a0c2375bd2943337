import gzip
import tracemalloc

import numpy as np
import pytest

from npvae.datasets import user_table
from npvae.datasets.user_data import read_examples
from npvae.datasets.user_examples import ReadOptions
from npvae.datasets.user_table import read_table
from npvae.errors import DataError, InputError


@pytest.fixture
def read(tmp_path):
    def write_and_read(text, **options):
        path = tmp_path / "table.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, ReadOptions(**options))

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
    assert "above 1" not in " ".join(examples.remarks)
    assert "above 1" in read(f"{header}\n7,0,1,1,0\n").remarks[1]
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


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("5.1,3.5,setosa\n7.0,3.2,virginica\n", "column 2 .+'setosa'.+label_column"),
        ("1.0,2.x,3.0\n4,5,6\n", r"column 1 .+'2\.x'"),
        ("1,2,3x\n4,5,6\n", "'3x'"),
        ("1.O\n2.0\n", r"'1\.O'"),
        ("a,2019,2020\n1,2,3\n", "'a'"),
        ("0,2,label\n1,2,3\n", "'label'"),
        ("0,1,extra\n5,6,7\n", "'extra'"),
    ],
)
def test_a_first_line_that_may_be_a_header_or_a_row_is_refused(read, text, column):
    with pytest.raises(DataError, match=f"line 1, {column}" if "column" in column else column):
        read(text)


@pytest.mark.parametrize(
    "text",
    [
        "0,1,2\n5,6,7\n",  # pandas, index=False
        "1,2,3,4\n5.5,6,7,8\n",
        "2019,2020\n0.5,1.5\n",
        "2019,2020\n0.5,1e3\n0.25,-1.0\n",
    ],
)
def test_a_first_line_of_numbers_that_may_be_names_is_refused(read, text):
    with pytest.raises(DataError, match=r"line 1, column 0 .+header or a row"):
        read(text)
    first, rest = text.split("\n", 1)
    assert len(read(first.replace(",", ".0,") + f".0\n{rest}").x) > 1


def test_a_row_that_is_no_header(read):
    for text in ("0,1\n5,6\n", "3,1,2\n5,6,7\n", "20,19\n0.5,1.5\n0.5,7\n"):
        assert len(read(text).x) == text.count("\n")


@pytest.mark.parametrize("header", ["0,1,2,label", "1,2,3,label"])
def test_columns_that_are_numbered_may_stand_beside_the_labels(read, header):
    examples = read(f"{header}\n7,8,9,5\n")
    np.testing.assert_array_equal(examples.x, [[7, 8, 9]])
    assert list(examples.labels) == ["5"]


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_a_line_of_excel_s_names_the_separator(read, first):
    examples = read(f"{first}\r\na;b\r\n1;2\r\n")
    np.testing.assert_array_equal(examples.x, [[1, 2]])
    with pytest.raises(DataError, match="line 3, column 'b'"):
        read(f"{first}\na;b\n1;x\n")


@pytest.mark.parametrize(
    "text",
    ["1,5;2,5\n3,5;4,5\n", "1,5\t2\n", "a;b\n1;2,5\n", 'a,b\n1,"2,5"\n', "a\tb\n1\t-2,5e3\n"],
)
def test_decimal_commas_are_refused(read, text):
    with pytest.raises(DataError, match=r"line.+has a comma"):
        read(text)


def test_decimal_commas_between_commas_are_refused(read):
    with pytest.raises(DataError, match="line 2, column '1': '05' begins with 0"):
        read("1,5,2,5\n1,05,2,25\n")
    assert list(read("2.5,label\n1.5,05\n", label_column=1).labels) == ["label", "05"]


def test_a_table_may_have_many_columns(read):
    header = ",".join(f"gene{i}" for i in range(30_000))
    assert read(f"{header}\n{'5,' * 29_999}7\n").x.shape == (1, 30_000)


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "index", "id"])
@pytest.mark.parametrize("start", [0, 1])
def test_an_index_is_left_out(read, name, start):
    examples = read(f"{name},a,y\n{start},5,1\n{start + 1},6,2\n")
    np.testing.assert_array_equal(examples.x, [[5], [6]])
    assert (examples.columns, list(examples.labels)) == (("a",), ["1", "2"])
    assert any("index" in remark for remark in examples.remarks)
    assert not any("''" in remark for remark in examples.remarks)


def test_an_index_that_does_not_count(read):
    examples = read("id,a\n" + "".join(f"{3 * i},5\n" for i in range(10)))
    assert examples.columns == ("id", "a")
    assert any("'id'" in remark for remark in examples.remarks)
    for name in ("", "Unnamed: 0"):
        with pytest.raises(DataError, match=r"line 1, column 0 .+index=False"):
            read(f"{name},a\n3,5\n1,6\n")
    assert read("id,a\n3,5\n1,6\n").columns == ("id", "a")
    assert read(",0,1\n0,5,7\n1,6,8\n").columns == ("0", "1")
    assert read(",Unnamed: 0,a\n0,1,5\n1,2,6\n").columns == ("a",)  # saved twice
    assert read("a,y,id\n5,0,7\n6,1,8\n").columns == ("a",)  # in any place, from any number on
    counted = read("row,a\n" + "".join(f"{i},5\n" for i in range(10)))
    assert counted.columns == ("row", "a")
    assert "'row'" in counted.remarks[-1]
    with pytest.raises(DataError, match="index column"):
        read("id\n0\n1\n")
    assert "index" in read("".join(f"{i},5\n" for i in range(10))).remarks[-1]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ("pixel0,pixel2,pixel1,pixel3", "'pixel2'"),
        ("pixel0,pixel0,pixel1,pixel2", "'pixel0'"),
        ("pixel5,pixel6,pixel7,pixel8", "'pixel5'"),
        ("1x1,2x1,1x2,2x2", "'2x1'"),
        ("1x1,1x2,2x1,2x2,3x2", "'3x2'|pixels"),
        ("1x1,1x2,1x3,2x1,2x2", "'1x3'|pixels"),
        ("pixel0,1x1,pixel2,pixel3", "'1x1'"),
        ("a,b,a,c", "several columns are called 'a'"),
    ],
)
def test_columns_out_of_order_or_twice(read, names, complaint):
    with pytest.raises(DataError, match=complaint):
        read(f"{names},label\n{'7,' * (names.count(',') + 1)}1\n")


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        ("1x1,1x2,1x3,2x1,2x2,2x3", (2, 3)),
        ("0x0,0x1,1x0,1x1,2x0,2x1", (3, 2)),
        ("pixel1,pixel2,pixel3,pixel4", (2, 2)),
        ("pixel0,pixel1,pixel2", (3,)),
    ],
)
def test_pixels_of_a_rectangle(read, names, shape):
    examples = read(f"{names}\n{','.join(map(str, range(names.count(',') + 1)))}\n")
    assert (examples.kind, examples.shape) == ("pixels", shape)


def test_names_of_pixels_without_pixels_are_remarked_on(read):
    assert "like pixels" in read("pixel0,pixel1\n0.5,3\n").remarks[0]
    assert "'extra'" in read("pixel0,pixel1,extra\n5,3,2\n").remarks[0]


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "nan", "NaN", "null", "None", "?", '""'])
@pytest.mark.parametrize("header", ["a,b,c\n", ""])
def test_a_missing_value_is_named_by_line_and_column(read, missing, header):
    line = 4 if header else 3
    column = "b" if header else "1"
    with pytest.raises(DataError, match=f"line {line}, column '{column}': the value is missing"):
        read(f"{header}3,2,1\n\n4,{missing},6\n")
    with pytest.raises(DataError, match="missing"):
        read(f"{header}1,{missing},3\n")


def test_all_missing_values_are_counted(read):
    for text in ("a,b\n1,2\n3,\n,NA\n", "a,b,y\n1,2,c\n3,,c\n5,?,\n", "1,2\n3,\n,NA\n"):
        with pytest.raises(DataError, match=r": 3 values .+line \d, column '[1b]'"):
            read(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b\n1,2,3\n", "line 2 has 3 cells, .+ 2"),
        ("a,b\n1,2\n1\n", "line 3 has 1 cells"),
        ("a,b\n1,x\n", "line 2, column 'b': 'x' is not a number"),
        ("a,b\n1,1_000\n", "'1_000' is not a number"),
        ("a,b\n1,inf\n", "'inf' is not finite"),
        ("a,b\n1,-1e999\n", "not finite"),
        ("label\n1\n", "label column"),
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


def test_the_label_column_is_said_where_text_stands_in_another(read):
    with pytest.raises(DataError, match=r"line 2, column 'segment'.+label column is 'income'"):
        read("income,segment\n5,a\n7,b\n", label_column="income")


@pytest.mark.parametrize(
    ("column", "complaint"),
    [("c", "no column 'c'.+a, b"), (2, "2 columns"), (-3, "2 columns")],
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


# ---- text columns --------------------------------------------------------------------------------


def test_a_column_of_few_texts_becomes_one_hot(read):
    examples = read("size,colour,y\n1,red,0\n2,blue,1\n3,red,0\n4,blue,1\n")
    np.testing.assert_array_equal(examples.x, [[1, 0, 1], [2, 1, 0], [3, 0, 1], [4, 1, 0]])
    assert examples.columns == ("size", "colour=blue", "colour=red")
    assert examples.categories == {"colour": ("blue", "red")}
    assert "one-hot" in " ".join(examples.remarks)
    assert "--label-column" not in " ".join(examples.remarks)
    assert "--label-column" in " ".join(read("a,b\n1,u\n2,u\n", label_column="").remarks)


def test_true_and_false_are_texts(read):
    assert read("a,b\n1,true\n2,false\n3,true\n4,true\n").categories == {"b": ("false", "true")}


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        (["red", "blue", "3", "red"], r"'b' mixes.+'3' in line 4.+'red' in line 2"),
        (["1", "2", "red", "4"], r"line 4, column 'b': 'red' is not a number"),
        (["red", "1,5", "red", "red"], r"'b' mixes.+'1,5' in line 3"),
        (["1,5", "1,5", "1,5", "1,5"], r"line 2, column 'b': '1,5' has a comma"),
        (["red", "blue", "green", "red"], "3 different texts in 4 rows.+--drop"),
        ([f"{'x' * 101}"] * 4, "100 characters"),
    ],
)
def test_other_text_is_refused_with_advice(read, cells, complaint):
    rows = "\n".join(f'{i},"{cell}"' for i, cell in enumerate(cells))
    with pytest.raises(DataError, match=complaint) as refused:
        read(f"a,b\n{rows}\n")
    assert "--drop" in str(refused.value) or "decimal point" in str(refused.value)


def test_many_texts_are_refused_at_once(read):
    rows = "".join(f"{i},name {i % 101}\n" for i in range(10_000))
    with pytest.raises(DataError, match="more than 100 different texts"):
        read(f"a,b\n{rows}")
    rows = "".join(f"{i},name {i % 100}\n" for i in range(10_000))
    assert read(f"a,b\n{rows}").x.shape == (10_000, 101)


# ---- columns that are left out -------------------------------------------------------------------


@pytest.mark.parametrize("drop", [("name",), ("1",), ("-3",), ("name", "name", "1")])
def test_columns_are_left_out_by_name_or_number(read, drop):
    text = "a,name,b,y\n1,ann,3,u\n4,ben,6,v\n"
    examples = read(text, drop=drop)
    assert examples.columns == ("a", "b")
    np.testing.assert_array_equal(examples.x, [[1, 3], [4, 6]])
    assert list(examples.labels) == ["u", "v"]


def test_what_is_left_out_may_contain_anything(read):
    assert read("a,b,y\n1,,u\n2,x,v\n", drop=("b",)).x.shape == (2, 1)
    assert read("a,b,y\n1,2,u\n2,3,v\n", drop=("y",)).labels is None
    np.testing.assert_array_equal(read("ann,1.5\nben,2.5\n", drop=("0",)).x, [[1.5], [2.5]])


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"drop": ("c",)}, "no column 'c'.+a, b, y"),
        ({"drop": ("3",)}, "drop.+is 3.+3 columns"),
        ({"drop": ("y",), "label_column": "y"}, "'y'.+both"),
        ({"drop": ("a", "b")}, "no column left"),
    ],
)
def test_columns_that_cannot_be_left_out(read, options, complaint):
    with pytest.raises((InputError, DataError), match=complaint):
        read("a,b,y\n1,2,3\n4,5,6\n", **options)


# ---- missing values ------------------------------------------------------------------------------

GAPS = "a,b,y\n1,u,p\n,v,p\nNA,u,q\n4,?,q\n5,v,\n6,u,p\n"


def test_missing_values_are_nan_where_they_are_allowed(read):
    examples = read(GAPS, missing="drop")
    np.testing.assert_array_equal(examples.missing, [0, 1, 1, 1, 1, 0])
    np.testing.assert_array_equal(examples.x[[0, 5]], [[1, 1, 0], [6, 1, 0]])
    np.testing.assert_array_equal(np.isnan(examples.x[3]), [False, True, True])
    with pytest.raises(DataError, match=r"4 values are missing.+line 3, column 'a'.+--missing"):
        read(GAPS)
    with pytest.raises(DataError, match=r"line 6, column 'y'.+label"):
        read(GAPS, missing="mean")
    assert read("a,b\n1,2\n,3\n", missing="mean").missing.tolist() == [0, 1]


def test_an_index_is_found_beside_missing_values_and_labels(read):
    examples = read("id,a,y\n0,1,p\n1,,p\n2,3,\n", missing="drop")
    assert examples.columns == ("a",)
    assert examples.missing.tolist() == [0, 1, 1]


def test_a_mistyped_number_stays_an_error_where_missing_values_are_allowed(read):
    for cell in ("1,5", "x", "inf", "1_000", "05"):
        with pytest.raises(DataError, match="line 3, column 'a'"):
            read(f'a,b\n1,2\n"{cell}",?\n', missing="mean")
    with pytest.raises(DataError, match="'b' has no values"):
        read("a,b\n1,\n2,NA\n", missing="drop")


def test_pixels_with_gaps_are_left_out_and_never_filled_in(read):
    text = "pixel0,pixel1\n1,200\n,3\n"
    examples = read(text, missing="drop")
    assert (examples.kind, examples.missing.tolist()) == ("pixels", [0, 1])
    with pytest.raises(DataError, match="--missing drop"):
        read(text, missing="mean")


# ---- other forms of text -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "separator"),
    [("own.csv", "|"), ("own.tsv", "\t"), ("own.csv.gz", ";"), ("OWN.TSV.GZ", "\t")],
)
def test_other_separators_and_packed_files(tmp_path, name, separator):
    first = "a, in m" if ".tsv" in name.lower() else "a"
    text = f"{first}|b\n1|2\n3|4\n".replace("|", separator)
    content = gzip.compress(text.encode()) if name.lower().endswith(".gz") else text.encode()
    (tmp_path / name).write_bytes(content)
    examples = read_examples(tmp_path / name)
    assert examples.columns == (first, "b")
    np.testing.assert_array_equal(examples.x, [[1, 2], [3, 4]])


@pytest.mark.parametrize("cell", [b"0,", b"0,1\n", b'"a\n",', b"\n", b"x"])
def test_a_packed_file_cannot_fill_the_memory(tmp_path, monkeypatch, cell):
    monkeypatch.setattr(user_table, "LARGEST_UNPACKED", 1 << 18)
    monkeypatch.setattr(user_table, "LONGEST_ROW", 1 << 16)
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + cell * ((1 << 20) // len(cell)), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"bomb\.csv\.gz.+more than \d+ characters"):
            read_table(path)
        assert tracemalloc.get_traced_memory()[1] < 1e7
    finally:
        tracemalloc.stop()


def test_a_damaged_packed_file_is_refused(tmp_path):
    path = tmp_path / "own.csv.gz"
    content = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    for damaged in (b"", b"a,b\n1,2\n", content[:-10], content[:20] + b"\0" + content[21:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"own\.csv\.gz"):
            read_table(path)
