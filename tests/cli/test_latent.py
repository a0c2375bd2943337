"""`npvae interpolate`, `traverse` and `manifold`: which examples and labels are asked for."""

import measured_runs
import numpy as np
import pytest
import run_files
import untrained_runs
from measured_runs import NAMES, SMALL, refused, run

from npvae.runs.folder import RunFolder
from npvae.runs.kinds import shown


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of small data and runs; in the test part of one run there are only cats."""
    folder = tmp_path_factory.mktemp("trained")
    measured_runs.save_data(folder)
    measured_runs.train(folder, "vae", "grey", "animals", "numbers")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_files.draw_quickly(patch)
        y = np.full(100, "emu")
        y[part_for_tests("vae").rows] = "cat"
        np.savez("cats.npz", x=np.load("pixels.npy"), y=y)
        assert run("train", "--data", "cats.npz", *SMALL, "--out", "cats") == 0
        assert run("train", "--data", "pixels.npy", *SMALL, "--latent", 60, "--out", "wide") == 0
    return folder


@pytest.fixture(autouse=True)
def drawn(trained, monkeypatch):
    """The arguments of every picture, none of which is drawn; the files are blots."""
    monkeypatch.chdir(trained)
    run_files.draw_quickly(monkeypatch)
    return untrained_runs.catch(monkeypatch)


def part_for_tests(name):
    return RunFolder.open(name).load_data().test


def strips(drawn, *options):
    """Return the names, how many strips and steps there are, and both ends of what is drawn."""
    assert run("interpolate", *options) == 0
    (x, _), named = drawn["interpolation"]
    return named["names"], x.shape[:2], named["ends"]


def ends_of(names):
    """Return the labels or numbers at both ends."""
    return [set(end) for end in zip(*(name.split(" → ") for name in names), strict=True)]


# ---- interpolate ---------------------------------------------------------------------------------


def test_from_one_label_to_another(drawn):
    names, shape, _ = strips(drawn, "animals", "--from", "cat", "--to", "emu")
    assert names == ["cat → emu"] * 5
    assert shape == (5, 11)


@pytest.mark.parametrize(("start", "end"), [("10", "0"), ("2", "10"), ("0", "0")])
def test_names_that_are_numbers_are_names(drawn, start, end):
    names, _, _ = strips(drawn, "numbers", "--from", start, "--to", end)
    assert names == [f"{start} → {end}"] * 5


def test_by_default_between_examples_of_any_label(drawn):
    names, shape, _ = strips(drawn, "animals", "--strips", 30)
    assert ends_of(names) == [set(NAMES), set(NAMES)]
    assert shape == (30, 11)


def test_one_end_may_be_left_to_the_seed(drawn):
    for given, which in (("--from", 0), ("--to", 1)):
        ends = ends_of(strips(drawn, "animals", given, "dog", "--strips", 20)[0])
        assert ends[which] == {"dog"}
        assert len(ends[1 - which]) == 3


def test_from_one_number_to_another(drawn):
    """One strip, between the very pixels, which are grey in this run."""
    names, shape, ends = strips(drawn, "grey", "--from-index", 4, "--to-index", 9)
    assert (names, shape) == (["#4 → #9"], (1, 11))
    x = part_for_tests("grey").take([4, 9]) / 255
    np.testing.assert_allclose(np.concatenate(ends), x, rtol=1e-6)


def test_a_label_at_one_end_and_a_number_at_the_other(drawn):
    labels = part_for_tests("animals").labels
    asked = ["--from", "cat", "--to-index", 2, "--strips", 2, "--steps", 3]
    names, shape, _ = strips(drawn, "animals", *asked)
    assert (names, shape) == ([f"cat → {NAMES[labels[2]]}"] * 2, (2, 3))
    names, _, _ = strips(drawn, "animals", "--from-index", 7, "--to", "dog")
    assert names == [f"{NAMES[labels[7]]} → dog"] * 5


def test_two_numbers_differ_and_make_one_strip(drawn, capsys):
    for asked in (["--to-index", 9, "--strips", 2], ["--to-index", 4]):
        line = refused(capsys, "interpolate", "vae", "--from-index", 4, *asked)
        assert "--from-index 4 and --to-index" in line
    asked = ["--from-index", 4, "--to-index", 9, "--strips", 1]
    assert strips(drawn, "vae", *asked)[0] == ["#4 → #9"]


def test_the_seed_chooses_the_examples(drawn):
    same, again, other = (strips(drawn, "vae", "--seed", seed)[0] for seed in (0, 0, 1))
    assert same == again != other


@pytest.mark.parametrize("flag", ["--from", "--to"])
@pytest.mark.parametrize("label", ["cow", "1", "", "Cat", "-1"])
def test_a_label_that_nobody_knows(capsys, trained, flag, label):
    line = refused(capsys, "interpolate", "animals", f"{flag}={label}")
    assert line.startswith(f"npvae: {flag} is {shown(label)}, ")
    assert f"labels of {trained / 'animals.npz'} are cat, dog, emu" in line


def test_a_number_that_is_no_name_among_numbers(capsys):
    line = refused(capsys, "interpolate", "numbers", "--from", "1")
    assert "are 0, 2, 10" in line


def test_a_label_that_no_test_example_has(capsys, drawn):
    line = refused(capsys, "interpolate", "cats", "--to", "emu")
    assert line == "npvae: no test example has the label emu"
    assert strips(drawn, "cats", "--to", "cat")[0] == ["cat → cat"] * 5


@pytest.mark.parametrize("flag", ["--from", "--to"])
def test_labels_of_data_without_labels(capsys, flag):
    line = refused(capsys, "interpolate", "vae", flag, "cat")
    assert line.startswith(f"npvae: {flag} cat needs labels")
    assert f"{flag}-index" in line


@pytest.mark.parametrize("flag", ["--from-index", "--to-index"])
def test_a_number_beyond_the_test_part(capsys, flag):
    line = refused(capsys, "interpolate", "vae", flag, 10)
    assert line.startswith(f"npvae: {flag} is 10, but the test part has 10 examples")
    assert f"{flag} is -1; choose at least" in refused(capsys, "interpolate", "vae", f"{flag}=-1")


@pytest.mark.parametrize("end", ["from", "to"])
def test_one_end_cannot_be_a_label_and_a_number(capsys, end):
    line = refused(capsys, "interpolate", "animals", f"--{end}", "cat", f"--{end}-index", 1)
    assert f"--{end}-index and --{end} exclude each other" in line


def test_a_strip_has_two_steps_at_least(drawn, capsys):
    line = refused(capsys, "interpolate", "vae", "--steps", 1)
    assert line.startswith("npvae: --steps is 1; choose at least 2")
    assert "--steps is 0; choose at least 1" in refused(capsys, "interpolate", "vae", "--steps", 0)
    assert strips(drawn, "vae", "--steps", 2)[1] == (5, 2)


# ---- traverse ------------------------------------------------------------------------------------


def test_the_example_the_latents_and_the_steps_are_those_asked_for(drawn):
    assert run("traverse", "grey", "--index", 7, "--latents", 1, "--steps", 3) == 0
    (x, _, values, names), named = drawn["traversals"]
    assert x.shape[:2] == (1, 3)
    np.testing.assert_array_equal(values, [-3, 0, 3])
    assert len(names) == 1
    assert named["told"].startswith("Test example 7, one latent")


def test_by_default_the_first_example_and_all_of_few_latents(drawn):
    assert run("traverse", "grey") == 0
    (x, *_), named = drawn["traversals"]
    assert x.shape[:2] == (2, 11)
    assert named["told"].startswith("Test example 0, one latent")


def test_a_latent_that_changes_takes_two_values(drawn, capsys):
    line = refused(capsys, "traverse", "vae", "--steps", 1)
    assert line.startswith("npvae: --steps is 1; choose at least 2")
    assert run("traverse", "vae", "--steps", 2) == 0
    np.testing.assert_array_equal(drawn["traversals"][0][2], [-3, 3])


def test_more_latents_than_there_are(drawn, capsys):
    assert run("traverse", "grey", "--latents", 50) == 0
    assert drawn["traversals"][0][0].shape[0] == 2
    assert capsys.readouterr().out.startswith("Traversal of 2 of 2 latents")


def test_an_example_beyond_the_test_part(capsys):
    line = refused(capsys, "traverse", "vae", "--index", 10)
    assert line.startswith("npvae: --index is 10, but the test part has 10 examples")


# ---- manifold ------------------------------------------------------------------------------------


def test_as_many_images_a_side_as_asked_for(drawn):
    for options, n in (([], 15), (["-n", 1], 1), (["-n", 50], 50)):
        assert run("manifold", "vae", *options) == 0
        (x, _, ticks), _ = drawn["manifold"]
        assert len(x) == n * n
        assert [len(tick) for tick in ticks] == [n, n]


@pytest.mark.parametrize(
    ("name", "options", "label"),
    [
        ("animals", [], "cat"),
        ("animals", ["--label", "emu"], "emu"),
        ("numbers", ["--label", "10"], "10"),
        ("numbers", ["--label", "0"], "0"),
    ],
)
def test_the_manifold_of_a_label(drawn, name, options, label):
    assert run("manifold", name, "-n", 2, *options) == 0
    (x, *_), named = drawn["manifold"]
    assert f"given label {label}, " in named["told"]
    folder = RunFolder.open(name)
    model, number = folder.load_model().model, folder.classes().index(label)
    q = 0.6744897501960817  # half of a Gaussian lies between -q and q
    z = np.array([[-q, q], [q, q], [-q, -q], [q, -q]], np.float32)
    expected = model.decode(z, model.one_hot(np.full(4, number)))
    np.testing.assert_allclose(x, expected, rtol=1e-5)


@pytest.mark.parametrize("label", ["cow", "1", ""])
def test_a_manifold_of_a_label_that_nobody_knows(capsys, label):
    line = refused(capsys, "manifold", "animals", f"--label={label}")
    assert line.startswith(f"npvae: --label is {shown(label)}, ")
    assert "labels of animals are cat, dog, emu" in line


@pytest.mark.parametrize("name", ["vae", "cats"])
def test_a_label_for_a_model_that_is_told_none(capsys, name):
    line = refused(capsys, "manifold", name, "--label", "cat")
    assert line.startswith("npvae: --label cat needs a conditional model")
    assert f" {name} " in line


# ---- too many ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["interpolate", "vae", "--strips", 51, "--steps", 2], "--strips 51 --steps 2"),
        (["interpolate", "vae", "--steps", 51], "--strips 5 --steps 51"),
        (["traverse", "vae", "--latents", 9, "--steps", 51], "--latents 2 --steps 51"),
        (["traverse", "wide", "--latents", 51, "--steps", 2], "--latents 51 --steps 2"),
        (["manifold", "vae", "-n", 51], "-n 51"),
    ],
)
def test_so_many_rows_or_columns_that_each_image_would_be_a_dot(capsys, asked, said):
    line = refused(capsys, *asked)
    assert line.startswith(f"npvae: {said} ")
    assert line.endswith("at most 50")


def test_as_many_as_may_be(drawn):
    assert strips(drawn, "vae", "--strips", 50, "--steps", 50)[1] == (50, 50)
    assert run("traverse", "wide", "--latents", 50, "--steps", 50) == 0
    assert drawn["traversals"][0][0].shape[:2] == (50, 50)
