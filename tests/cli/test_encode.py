"""npvae encode and decode: the codes of the library, through files and back."""

import csv
import shutil

import measured_runs
import numpy as np
import pytest
import run_files
from measured_runs import SMALL, refused, run
from PIL import Image

from npvae import save_model
from npvae.datasets.dataset import whole
from npvae.evaluation.latent_space import encode_split
from npvae.runs.folder import RunFolder

RNG = np.random.default_rng(5)
NEW = RNG.integers(0, 256, (12, 4, 5), dtype=np.uint8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs, which the tests leave as they are."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    write_table(folder / "people.csv", 40)
    measured_runs.train(folder, "vae", "animals", "autoencoder")
    np.save(folder / "new.npy", NEW)
    linear = [*SMALL, "--hidden", "none", "--latent", "3", "--no-report"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("train", "--data", "people.csv", *linear, "--out", "people") == 0
    return folder


@pytest.fixture(autouse=True)
def elsewhere(trained, monkeypatch):
    """Every test works in the folder of the runs."""
    monkeypatch.chdir(trained)


def write_table(path, n, seed=0):
    """Write three columns of numbers and a label, of which one looks like a formula."""
    x = np.random.default_rng(seed).normal([170, 70, 40], [10, 12, 9], (n, 3)).round(2)
    with open(path, "w", newline="") as file:
        rows = ([*row, ("=a", "b")[i % 2]] for i, row in enumerate(x.tolist()))
        csv.writer(file).writerows([["height", "weight", "age", "class"], *rows])
    return x


def table(path):
    """Return the header and the rows of a .csv file."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    return header, rows


def codes_of(name, split, seed=0):
    saved = RunFolder.open(name).load_model()
    return encode_split(saved.model, split, saved.scaling, seed=seed)


# ---- encode ----------------------------------------------------------------------------------


def test_the_codes_of_the_test_part_with_labels_and_rows(trained, tmp_path, capsys):
    assert run("encode", "people", "--out", tmp_path / "a.csv") == 0
    assert f"4 examples in {tmp_path / 'a.csv'}" in capsys.readouterr().out
    test = RunFolder.open("people").load_data().test
    codes = codes_of("people", test)
    header, rows = table(tmp_path / "a.csv")
    expected = ["row", "label", *(f"{part}_{i}" for part in ("mu", "logvar") for i in range(3))]
    assert header == expected
    assert [int(row[0]) for row in rows] == test.rows.tolist()
    assert [row[1] for row in rows] == [["'=a", "b"][i] for i in test.labels]
    numbers = np.array([row[2:] for row in rows], np.float32)
    np.testing.assert_array_equal(numbers, np.concatenate([codes.mu, codes.logvar], axis=1))


def test_the_codes_of_new_examples_as_arrays(tmp_path):
    split = whole(NEW.reshape(12, 20))
    asked = ["encode", "vae", "--data", "new.npy", "--seed", 3, "--out"]
    assert run(*asked, tmp_path / "a.npz") == 0
    assert run(*asked, tmp_path / "a.npy") == 0
    codes = codes_of("vae", split, seed=3)
    with np.load(tmp_path / "a.npz") as found:
        assert set(found) == {"mu", "logvar", "rows"}
        np.testing.assert_array_equal(found["mu"], codes.mu)
        np.testing.assert_array_equal(found["logvar"], codes.logvar)
        np.testing.assert_array_equal(found["rows"], np.arange(12))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), codes.mu)


def test_labels_go_into_arrays_with_their_names(tmp_path):
    assert run("encode", "animals", "--part", "validation", "--out", tmp_path / "a.npz") == 0
    part = RunFolder.open("animals").load_data().validation
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_array_equal(found["labels"], part.labels)
        assert found["classes"].tolist() == ["cat", "dog", "emu"]


def test_an_autoencoder_has_codes_without_a_variance(tmp_path):
    assert run("encode", "autoencoder", "--out", tmp_path / "a.csv") == 0
    assert table(tmp_path / "a.csv")[0] == ["row", "mu_0", "mu_1"]


def test_by_default_they_are_in_the_run_folder(tmp_path, capsys):
    folder = shutil.copytree("vae", tmp_path / "run")
    before = set(folder.iterdir())
    assert run("encode", folder) == 0
    said = capsys.readouterr().out
    assert "codes.csv" in said
    assert "seed 0" in said  # the pixels were drawn
    assert run("decode", folder, folder / "codes.csv") == 0
    assert {path.name for path in set(folder.iterdir()) - before} == {"codes.csv", "decoded.npy"}


# ---- and back --------------------------------------------------------------------------------


@pytest.fixture
def identity(tmp_path):
    """A run whose encoder and decoder change nothing, except for the units."""
    folder = RunFolder.open(shutil.copytree("people", tmp_path / "identity"))
    saved = folder.load_model()
    values = saved.model.params.values
    for value in values.values():
        value[...] = 0
    values["encoder.0.W"][:, :3] = values["decoder.0.W"][...] = np.eye(3)
    (folder / "checkpoint.npz").unlink()
    save_model(folder / "model.npz", saved.model, saved.scaling, saved.shape, run_id=folder.run_id)
    return folder.path


def test_encode_decode_encode_is_a_round_trip(identity, tmp_path):
    x = write_table(tmp_path / "new.csv", 9, seed=3)
    names = {name: tmp_path / name for name in ("codes.csv", "decoded.csv", "again.csv")}
    assert run("encode", identity, "--data", tmp_path / "new.csv", "--out", names["codes.csv"]) == 0
    assert run("decode", identity, names["codes.csv"], "--out", names["decoded.csv"]) == 0
    header, rows = table(names["decoded.csv"])
    assert header[:3] == ["height", "weight", "age"]
    np.testing.assert_allclose(np.array([row[:3] for row in rows], float), x, rtol=1e-5)
    asked = ["--data", names["decoded.csv"], "--out", names["again.csv"]]
    assert run("encode", identity, *asked) == 0
    first, again = (table(names[name])[1] for name in ("codes.csv", "again.csv"))
    first, again = (np.array([row[-6:] for row in rows], float) for rows in (first, again))
    np.testing.assert_allclose(again, first, atol=1e-5)


@pytest.mark.parametrize("ending", ["csv", "npz", "npy"])
@pytest.mark.parametrize("name", ["vae", "animals"])
def test_decoded_codes_are_the_reconstructions(tmp_path, name, ending):
    """Of the same pixels, drawn by the same seed; a conditional model is given the labels again."""
    if (name, ending) == ("animals", "npy"):
        return  # which holds no labels
    codes, made, expected = (tmp_path / f"{i}.{ending}" for i in ("codes", "made", "expected"))
    assert run("encode", name, "--out", codes) == 0
    assert run("decode", name, codes, "--out", made) == 0
    assert run("reconstruct", name, "--out", expected) == 0
    if ending == "csv":
        made, expected = table(made)[1], table(expected)[1]
        if name == "animals":
            assert [row.pop() for row in made] == [row.pop() for row in expected]
    else:
        made, expected = np.load(made), np.load(expected)
    if ending == "npz":
        assert set(made) == {"x", "y"} if name == "animals" else {"x"}
        made, expected = made["x"], expected["x"]
    np.testing.assert_allclose(np.array(made, float), np.array(expected, float), rtol=1e-6)


def test_a_plain_table_or_array_of_numbers_is_decoded(tmp_path):
    z = np.array([[0.0, 0.0], [1.5, -2.0]])
    np.savetxt(tmp_path / "plain.csv", z, delimiter=",")
    (tmp_path / "named.csv").write_text("a,b\n0,0\n1.5,-2\n")
    np.save(tmp_path / "z.npy", z)
    expected = RunFolder.open("vae").load_model().model.decode(z.astype(np.float32))
    for name in ("plain.csv", "named.csv", "z.npy"):
        assert run("decode", "vae", tmp_path / name, "--out", tmp_path / "x.npy") == 0
        np.testing.assert_array_equal(np.load(tmp_path / "x.npy").reshape(2, 20), expected)


def test_many_codes_are_decoded_in_blocks(tmp_path):
    z = RNG.standard_normal((450, 2)).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    assert run("decode", "vae", tmp_path / "z.npy", "--out", tmp_path / "x.npy") == 0
    expected = RunFolder.open("vae").load_model().model.decode(z)
    np.testing.assert_allclose(np.load(tmp_path / "x.npy").reshape(450, 20), expected, rtol=1e-5)


def test_many_codes_are_decoded_each_with_its_label(tmp_path):
    z, labels = RNG.standard_normal((450, 2)).astype(np.float32), RNG.integers(0, 3, 450)
    classes = np.array(["cat", "dog", "emu"])
    np.savez(tmp_path / "z.npz", mu=z, labels=labels, classes=classes)
    assert run("decode", "animals", tmp_path / "z.npz", "--out", tmp_path / "x.npz") == 0
    model = RunFolder.open("animals").load_model().model
    with np.load(tmp_path / "x.npz") as found:
        expected = model.decode(z, model.one_hot(labels))
        np.testing.assert_allclose(found["x"].reshape(450, 20), expected, rtol=1e-5)
        np.testing.assert_array_equal(found["y"], classes[labels])


def test_codes_are_decoded_to_a_picture(tmp_path):
    np.save(tmp_path / "z.npy", RNG.standard_normal((5, 2)))
    assert run("decode", "vae", tmp_path / "z.npy", "--out", tmp_path / "x.png") == 0
    with Image.open(tmp_path / "x.png") as image:
        assert np.asarray(image).std() > 1


# ---- bad input -------------------------------------------------------------------------------

CODES = {
    "wide.csv": ("row,mu_0,mu_1,mu_2\n0,1,2,3\n", "(1, 3)"),
    "narrow.csv": ("1\n2\n", "(2, 1)"),
    "empty.csv": ("", "is empty"),
    "blank.csv": ("\n  \n", "is empty"),
    "header.csv": ("mu_0,mu_1\n", "(0, 2)"),
    "word.csv": ("mu_0,mu_1\n1,2\n1,two\n", "line 3, column 'mu_1'"),
    "nan.csv": ("mu_0,mu_1\n1,nan\n", "line 2, column 'mu_1'"),
    "ragged.csv": ("mu_0,mu_1\n1,2\n1\n", "line 3 has 1 cells"),
    "codes.txt": ("1,2\n", ".csv, .npy or .npz"),
    "nothing.csv": (None, "nothing.csv;"),
    "nothing.npy": (None, "nothing.npy;"),
}


@pytest.mark.parametrize("name", CODES)
def test_codes_that_cannot_be_decoded(tmp_path, capsys, name):
    content, words = CODES[name]
    if content is not None:
        (tmp_path / name).write_text(content)
    out = tmp_path / "x.npy"
    assert words in refused(capsys, "decode", "vae", tmp_path / name, "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"z": np.zeros((3, 2))}, "named mu"),
        ({"mu": np.zeros((3, 2)), "labels": np.zeros(2, int)}, "(2,)"),
        ({"mu": np.zeros((3, 2)), "labels": np.full(3, 9), "classes": np.array(["a"])}, "labels"),
        ({"mu": np.zeros((3, 2, 1))}, "(3, 2, 1)"),
        ({"mu": np.full((3, 2), "a")}, "<U1"),
        ({"mu": np.array([[0, 0], [0, np.inf]])}, "row 1, column 1 "),
    ],
)
def test_arrays_that_cannot_be_decoded(tmp_path, capsys, arrays, words):
    np.savez(tmp_path / "a.npz", **arrays)
    line = refused(capsys, "decode", "vae", tmp_path / "a.npz", "--out", tmp_path / "x.npy")
    assert words in line


def test_a_conditional_model_needs_labels_that_it_knows(tmp_path, capsys):
    (tmp_path / "a.csv").write_text("mu_0,mu_1\n1,2\n")
    (tmp_path / "b.csv").write_text("label,mu_0,mu_1\ncow,1,2\n")
    for name, words in (("a.csv", "has no labels"), ("b.csv", "label 'cow'")):
        line = refused(capsys, "decode", "animals", tmp_path / name, "--out", tmp_path / "x.npy")
        assert words in line
        assert "cat, dog, emu" in line


ENCODE = {
    "vae --data table.npy": "4 x 5 pixels",
    "vae --data nothing.npy": "nothing.npy",
    "vae --part some": "invalid choice",
    "vae --data new.npy --part train": "--part train",
    "vae --out codes.txt": ".csv, .npy or .npz",
    "vae --out vae/history.csv": "--out vae/history.csv",
    "vae --out pixels.npy": "--out pixels.npy",
    "vae --data new.npy --out new.npy": "--out new.npy",
    "animals --data new.npy": "labels",
    "nowhere": "nowhere is not a run",
}


@pytest.mark.parametrize("line", ENCODE)
def test_what_cannot_be_encoded(trained, capsys, line):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    assert ENCODE[line] in refused(capsys, "encode", *line.split())
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_codes_that_are_not_finite_are_refused_with_their_row(identity, tmp_path, capsys):
    (tmp_path / "far.csv").write_text("height,weight,age\n170,70,40\n1e300,70,40\n")
    line = refused(capsys, "encode", identity, "--data", tmp_path / "far.csv")
    assert "1 of 2 examples" in line
    assert "row 1 " in line


def test_decoded_codes_do_not_replace_their_file_or_the_data(tmp_path, capsys):
    np.save(tmp_path / "z.npy", np.zeros((3, 2)))
    before = (tmp_path / "z.npy").read_bytes()
    for out in (tmp_path / "z.npy", "pixels.npy", "vae/split.npz"):
        assert f"--out {out}" in refused(capsys, "decode", "vae", tmp_path / "z.npy", "--out", out)
    assert (tmp_path / "z.npy").read_bytes() == before


# ---- reconstructions and variations ----------------------------------------------------------


def test_reconstructions_of_new_examples_are_those_of_the_model(tmp_path):
    rows = write_table(tmp_path / "new.csv", 11, seed=4)
    asked = ["--data", tmp_path / "new.csv", "--out", tmp_path / "a.npz"]
    assert run("reconstruct", "people", *asked) == 0
    saved = RunFolder.open("people").load_model()
    expected = saved.scaling.decode(saved.model.reconstruct(saved.scaling.encode(rows)))
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_allclose(found["x"], expected, rtol=1e-6)
        assert found["y"].tolist() == [("=a", "b")[i % 2] for i in range(11)]


@pytest.mark.parametrize("verb", ["reconstruct", "sample"])
def test_rows_that_are_left_out_are_named_and_the_others_numbered(
    tmp_path, monkeypatch, capsys, verb
):
    monkeypatch.chdir(tmp_path)
    write_table(tmp_path / "own.csv", 30, seed=1)
    options = [*measured_runs.SMALL, "--missing", "drop", "--no-report", "--out", "run"]
    assert run("train", "--data", "own.csv", *options) == 0
    write_table(tmp_path / "new.csv", 12, seed=2)
    header, *rows = (tmp_path / "new.csv").read_text().splitlines()
    for i in (4, 7):
        rows[i] = "," + rows[i].partition(",")[2]
    (tmp_path / "new.csv").write_text("\n".join([header, *rows]))
    capsys.readouterr()
    count = ["-n", 10] if verb == "sample" else []
    assert run(verb, "run", "--data", "new.csv", *count, "--out", "a.npz") == 0
    assert "rows 4, 7" in capsys.readouterr().out
    with np.load("a.npz") as found:
        assert found["rows"].tolist() == [i for i in range(12) if i not in (4, 7)]


def test_a_picture_of_new_examples_says_whose_they_are(tmp_path, monkeypatch):
    seen = []
    run_files.draw_quickly(monkeypatch)
    monkeypatch.setattr("npvae.figures.reconstructions", lambda *_, **named: seen.append(named))
    for options in (["--data", "new.npy"], ["--part", "train"], []):
        assert run("reconstruct", "vae", *options, "--out", tmp_path / "a.png") == 0
    new, train, test = (named["what"] for named in seen)
    assert "new.npy" in new
    assert "the train part" in train
    assert test.startswith("Test examples x")


def test_variations_of_examples_come_in_turn(tmp_path):
    """Drawn around the code of each example: their mean over many is close to its decoded code."""
    asked = ["sample", "people", "--data", "people.csv", "--part", "validation", "--seed", 2]
    assert run(*asked, "-n", 4 * 500, "--out", tmp_path / "a.npz") == 0
    with np.load(tmp_path / "a.npz") as found:
        x, y = found["x"].reshape(500, 4, 3), found["y"].reshape(500, 4)
    folder = RunFolder.open("people")
    saved, part = folder.load_model(), folder.load_data().validation
    codes = encode_split(saved.model, part, saved.scaling)
    center = saved.scaling.decode(saved.model.decode(codes.mu))
    error = x.std(axis=0) / np.sqrt(500)
    assert (np.abs(x.mean(axis=0) - center) < 5 * error).all()  # the decoder is linear
    assert (x.std(axis=0) > 0).all()
    assert (y == np.array(["=a", "b"])[part.labels]).all()


def test_variations_of_the_own_test_part(tmp_path):
    for options in (["--part", "test"], ["--data", "pixels.npy"]):
        out = tmp_path / f"{len(options[1])}.npy"
        assert run("sample", "vae", *options, "-n", 3, "--out", out) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "4.npy"), np.load(tmp_path / "10.npy"))
    assert run("sample", "vae", "-n", 3, "--out", tmp_path / "prior.npy") == 0
    assert (np.load(tmp_path / "prior.npy") != np.load(tmp_path / "4.npy")).any()
    drawn = ["--part", "test", "--draw", "-n", 30, "--out", tmp_path / "drawn.npy"]
    assert run("sample", "vae", *drawn) == 0
    assert set(np.unique(np.load(tmp_path / "drawn.npy"))) == {0, 1}


SAMPLE = {
    "vae --data table.npy": "4 x 5 pixels",
    "autoencoder --data new.npy": "no prior",
    "animals --data new.npy": "labels",
    "animals --label cat --data animals.npz": "--label cat",
    "vae --data new.npy --out new.npy": "--out new.npy",
}


@pytest.mark.parametrize("line", SAMPLE)
def test_what_has_no_variations(capsys, line):
    assert SAMPLE[line] in refused(capsys, "sample", *line.split())
