"""The curves of several runs: which is which, and what is drawn of each."""

import pytest
from figure_texts import texts
from matplotlib.colors import same_color

from npvae import InputError, figures

pytestmark = pytest.mark.usefixtures("off_screen")


def columns(*, prior=True, validation=True, epochs=3):
    """Return the columns of a history that are drawn."""
    quantities = ("elbo", "reconstruction", "kl") if prior else ("reconstruction",)
    parts = ("train", "validation") if validation else ("train",)
    found = {"epoch": [float(i + 1) for i in range(epochs)]}
    for i, name in enumerate(f"{part}_{quantity}" for part in parts for quantity in quantities):
        found[name] = [float(i + 10 * epoch) for epoch in found["epoch"]]
    return found


def drawn(ax):
    """Return the panels by title."""
    return {panel.get_title(loc="left"): panel for panel in ax.figure.axes[1:]}


def test_every_run_has_its_curves_in_its_colour_and_is_named():
    runs = {"a": columns(), "b": columns(epochs=2), "c": columns(prior=False, epochs=5)}
    ax = figures.comparison(runs, {"a": (1.0, 9.0), "b": (2.0, 7.0)})
    legend = ax.get_legend()
    assert texts(legend.get_texts()) == [*runs, "training part", "validation part"]
    colours = dict(zip(runs, (line.get_color() for line in legend.get_lines()), strict=False))
    panels = drawn(ax)
    for title, quantity in (("ELBO", "elbo"), ("KL", "kl"), ("Recon", "reconstruction")):
        (panel,) = (panel for name, panel in panels.items() if name.startswith(title))
        expected = [
            (colours[run], values["epoch"], values[f"{part}_{quantity}"])
            for run, values in runs.items()
            for part in ("train", "validation")
            if f"{part}_{quantity}" in values
        ]
        found = [(line.get_color(), *map(list, line.get_data())) for line in panel.lines]
        assert found == expected
        assert panel.get_xlim()[1] > 5
    (plane,) = (panel for name, panel in panels.items() if name.startswith("Rate"))
    points = {
        tuple(float(v[0]) for v in line.get_data()): line.get_color()
        for line in plane.lines
        if len(line.get_xdata()) == 1
    }
    assert points == {(1.0, 9.0): colours["a"], (2.0, 7.0): colours["b"]}


def test_training_and_validation_differ_by_their_dashes():
    ax = figures.comparison({"a": columns()}, {"a": (1.0, 9.0)})
    of_parts = [line.get_linestyle() for line in ax.get_legend().get_lines()[-2:]]
    assert of_parts[0] != of_parts[1]
    assert [line.get_linestyle() for line in drawn(ax)["ELBO"].lines] == of_parts


def test_ten_runs_look_different():
    ax = figures.comparison({str(i): columns() for i in range(10)}, {})
    lines = ax.get_legend().get_lines()[:10]
    assert len({line.get_marker() for line in lines}) == 10
    for i, line in enumerate(lines):
        assert not any(same_color(line.get_color(), other.get_color()) for other in lines[:i])


def test_names_are_shown_as_they_are():
    """One that matplotlib would hide or take for a formula, and one that is too long."""
    long = "a run with a name that is a good deal longer than others " + 40 * "x"
    ax = figures.comparison({"_a": columns(), "$b$": columns(), long: columns()}, {})
    shown = ax.get_legend().get_texts()[:3]
    assert texts(shown[:2]) == ["_a", "$b$"]
    assert not any(text.get_parse_math() for text in shown)
    assert len(shown[2].get_text()) <= 40


def test_of_autoencoders_alone_it_is_said_what_is_missing():
    ax = figures.comparison({"a": columns(prior=False), "b": columns(prior=False)}, {})
    said = {name: " ".join(texts(panel.texts)) for name, panel in drawn(ax).items()}
    assert [name[:4] for name, text in said.items() if "prior" in text] == ["ELBO", "Rate", "KL(q"]


@pytest.mark.parametrize("n", [0, 11])
def test_it_draws_up_to_ten_runs(n):
    with pytest.raises(InputError, match="1 to 10"):
        figures.comparison({str(i): columns() for i in range(n)}, {})


def test_a_point_is_of_one_of_the_runs():
    with pytest.raises(InputError, match="history"):
        figures.comparison({"a": columns()}, {"b": (1.0, 2.0)})


def test_a_run_of_one_epoch_has_a_marker_for_each_part():
    ax = figures.comparison({"a": columns(epochs=1), "b": columns(epochs=1)}, {"a": (1.0, 9.0)})
    assert all(line.get_marker() not in ("", "None") for line in drawn(ax)["ELBO"].lines)
    many = figures.comparison({"a": columns(epochs=3)}, {"a": (1.0, 9.0)})
    assert drawn(many)["ELBO"].lines[0].get_marker() in ("", "None")


@pytest.mark.parametrize("epochs", [1, 2, 7, 11, 40, 43, 500])
def test_the_first_epoch_is_a_tick_and_the_others_are_whole(epochs):
    ticks = drawn(figures.comparison({"a": columns(epochs=epochs)}, {}))["ELBO"].get_xticks()
    assert ticks[0] == 1
    assert 1 <= len(ticks) <= 7
    assert all(tick % 1 == 0 and tick <= epochs for tick in ticks)
    assert len(set(ticks)) == len(ticks)


def test_no_elbo_is_minus_zero():
    plane = figures.rate_distortion([1.0, 3.0], [-4.0, 2.0])
    named = [text for text in texts(plane.texts) if text.startswith("ELBO")]
    assert "ELBO 0" in named
    assert "ELBO −0" not in named
