"""The explorer in Chromium: it computes what NumPy computes, and can be used by everyone.

Set NPVAE_CHROMIUM to the browser's path, and NPVAE_AXE to the path of axe-core's axe.min.js, where
these tests must not be skipped.
"""

import json
import os
import time
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import browser
import numpy as np
import pytest
from browser import Seen
from explored_runs import MODELS, content_of, numbers, save_data, save_run
from PIL import Image

from npvae.explorer.content import as_json
from npvae.explorer.numbers import half
from npvae.explorer.page import explorer_page

pytestmark = pytest.mark.browser
EXPLORER = "npvae.explorer"
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
VIEWS = ["move", "draw", "mix", "tasks"]
SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
}
KINDS = ["two latents", "relu", "one latent", "conditional", "autoencoder", "colours", "table"]
every_kind = pytest.mark.parametrize("name", KINDS)


@pytest.fixture(scope="module")
def chromium():
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A function that returns the page of a model by its name, its content and its run."""
    known = {}

    def page(name):
        if name not in known:
            folder = tmp_path_factory.mktemp("run")
            save_data(folder)
            run, content = content_of(save_run(folder, **MODELS[name]))
            known[name] = write(folder, content), content, run
        return known[name]

    return page


def write(folder, content):
    path = folder / "explorer.html"
    path.write_text(explorer_page(content["name"], as_json(content)), encoding="utf-8")
    return path


@contextmanager
def opener(chromium, pages):
    """Give a function that opens a page by its model's name, or by its path, at a fragment.

    At the end none of them may have said, asked or done anything wrong.
    """
    opened = []
    with ExitStack() as contexts:

        def look(page, fragment="", size="desktop", **how):
            path = page if isinstance(page, Path) else pages(page)[0]
            context = chromium.new_context(**SIZES[size], **how)
            contexts.callback(context.close)
            opened.append(Seen(context.new_page(), path.as_uri() + fragment))
            opened[-1].ask(NEXT_FRAME)
            return opened[-1]

        yield look
        for seen in opened:
            assert seen.wrong == []
            assert seen.failed == []


@pytest.fixture
def visit(chromium, pages):
    """A function that opens a page for this test alone; see `opener`."""
    with opener(chromium, pages) as look:
        yield look


@pytest.fixture(scope="module")
def still(chromium, pages):
    """A function that returns the page of a model, for tests that change nothing in it."""
    with opener(chromium, pages) as look:
        yield cache(look)


def state(seen, name="z"):
    return seen.ask(f"{EXPLORER}.state.{name}")


def until(seen, expression):
    """Wait until an expression is true; playwright's own way needs eval, which the page forbids."""
    deadline = time.monotonic() + 20
    while not seen.ask(expression):
        assert time.monotonic() < deadline, expression
        seen.page.wait_for_timeout(50)


def settled(seen):
    """Return the fragment of the address, once it has been written."""
    until(seen, f"location.hash == writeFragment({EXPLORER}.state, {EXPLORER}.model)")
    return seen.ask("location.hash")


def shown(seen, selector="#pictures canvas"):
    """Return the pixels of a canvas."""
    seen.ask(NEXT_FRAME)
    return seen.ask(
        """selector => {
            const canvas = document.querySelector(selector);
            const {width, height} = canvas;
            const copy = new OffscreenCanvas(width, height).getContext("2d");
            copy.drawImage(canvas, 0, 0);
            return Array.from(copy.getImageData(0, 0, width, height).data);
        }""",
        selector,
    )


def open_tab(seen, view):
    seen.page.locator(f"#tab-{view}").click()
    seen.ask(NEXT_FRAME)


def set_slider(locator, value):
    locator.evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')) }", value
    )


# ---- the same numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two latents", "conditional", "gaussian", "autoencoder"])
def test_what_an_example_costs(still, pages, name):
    """The reconstruction is averaged over draws, so that only its size can be compared."""
    _, content, run = pages(name)
    x, y = run.take(slice(0, 1))
    given = [x[0].tolist(), int(y[0].argmax()) if y else 0]
    found = still(name).ask("([x, y]) => npvae.analyse(x, y)", given)
    terms = [
        run.model.terms(x, run.model.draw_noise(np.random.default_rng(i), 1), *y) for i in range(99)
    ]
    reconstructions = [-float(term.log_px[0]) for term in terms]
    least, most = 0.999 * min(reconstructions), 1.001 * max(reconstructions)
    assert least <= found["reconstruction"] <= most
    kl = terms[0].kl[0]
    if content["is_vae"]:
        np.testing.assert_allclose(found["kl"], kl, rtol=1e-2, atol=1e-2)
    else:
        assert found["kl"] is None
    assert found["score"] == pytest.approx(found["reconstruction"] + kl.sum(), rel=1e-2)


def test_halves_of_every_kind_are_read(still):
    values = np.array([0, 1, -2, 65504, 2**-14, 2**-24, -(2**-24), 0.333], np.float16)
    text = half(values, "a number")
    assert still("relu").ask("text => Array.from(float16s(text))", text) == values.tolist()


@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_the_share_of_the_prior_within_a_radius(still, n, rng):
    draws = (rng.standard_normal((100_000, n)) ** 2).sum(axis=1)
    ask = still("relu").ask
    for square in (0.1 * n, n, 2 * n):
        share = ask(f"shareWithin({n}, {square})")
        assert share == pytest.approx((draws < square).mean(), abs=0.01)
    assert ask(f"shareWithin({n}, 0)") == 0
    assert ask(f"shareWithin({n}, 900)") == pytest.approx(1)


# ---- the plane -----------------------------------------------------------------------------------


def drag(seen, selector, *places):
    """Drag the mouse over an element; (0, 0) is its top left corner, (1, 1) its bottom right."""
    box = seen.page.locator(selector).bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
    mouse = seen.page.mouse
    mouse.move(*points[0])
    mouse.down()
    for point in points[1:]:
        mouse.move(*point, steps=4)
    mouse.up()
    seen.ask(NEXT_FRAME)


def test_dragging_moves_the_code_and_decodes_it(visit):
    seen = visit("two latents")
    before = shown(seen)
    drag(seen, "#plane", (0.5, 0.5), (0.9, 0.1))
    z, half = state(seen), seen.ask(f"{EXPLORER}.plane.half")
    centre = seen.ask(f"{EXPLORER}.plane.centre")
    expected = [centre[0] + 0.8 * half, centre[1] + 0.8 * half]  # to the right, and upwards
    assert z == pytest.approx(expected, abs=0.02 * half)
    assert shown(seen) != before
    bytes_ = seen.ask("npvae.decode(npvae.explorer.state.z).map(v => Math.round(255 * v))")
    assert np.abs(np.array(shown(seen)[::4]) - bytes_).max() <= 1


def test_dragging_in_the_plane_keeps_everything_else_of_the_code(visit):
    seen = visit("two hidden layers")
    before = np.array(state(seen))
    drag(seen, "#plane", (0.5, 0.5), (0.8, 0.3))
    u, v = (np.array(seen.ask(f"{EXPLORER}.model.axes.{axis}")) for axis in "uv")
    moved = np.array(state(seen)) - before
    assert np.abs(moved).max() > 0.1
    np.testing.assert_allclose(moved, moved @ u * u + moved @ v * v, atol=1e-6)


@every_kind
def test_the_plane_is_used_by_keyboard(visit, name):
    seen = visit(name)
    before = state(seen)
    plane = seen.page.locator("#plane")
    plane.focus()
    for key in ("ArrowRight", "Shift+ArrowUp"):
        plane.press(key)
    moved = np.array(state(seen)) - before
    scale = 1 if name != "autoencoder" else seen.ask(f"{EXPLORER}.plane.half") / 3
    u, v = (np.array(seen.ask(f"{EXPLORER}.model.axes.{axis}")) for axis in "uv")
    np.testing.assert_allclose(moved, scale * (0.1 * u + 0.5 * v), atol=1e-6)
    plane.press("Home")
    middle = seen.ask(f"{EXPLORER}.model.middle")
    assert state(seen) == pytest.approx(middle)
    plane.press("n")
    plane.press("n")
    assert state(seen, "shown") == 1
    plane.press("Enter")
    assert state(seen) == seen.ask(f"{EXPLORER}.model.points.code(1)")


def test_pointing_at_a_dot_shows_its_example(visit, pages):
    seen = visit("two latents")
    _, content, _ = pages("two latents")
    images = numbers(content["points"]["images"], "u1").reshape(content["points"]["k"], -1)
    box = seen.page.locator("#plane").bounding_box()
    for i in range(3):
        x, y = seen.ask(f"{EXPLORER}.plane.pixels[{i}]")
        seen.page.mouse.move(box["x"] + x + 1, box["y"] + y + 1)  # within its border
        seen.ask(NEXT_FRAME)
        hit = state(seen, "shown")
        assert shown(seen, "#pictures figure:nth-child(2) canvas")[::4] == images[hit].tolist()
    seen.page.mouse.move(box["x"] + 1, box["y"] - 20)
    assert state(seen, "shown") is None


def test_emptiness_is_shaded_and_said(visit):
    seen = visit("two latents")
    alpha = seen.ask("""() => {
        const {plane, model} = npvae.explorer;
        const n = plane.shade.width;
        const {data} = plane.shade.getContext("2d").getImageData(0, 0, n, n);
        const at = model.points.codes().map(code => plane.toPixels(plane.project(code)).map(
            pixel => Math.min(n - 1, Math.floor(pixel * n / plane.size))));
        return [at.map(([x, y]) => data[4 * (y * n + x) + 3]), data[3]];
    }""")
    assert max(alpha[0]) < 10, "where a code is, nothing is shaded"
    assert alpha[1] > 60, "the corner is far from all codes"
    far = [50, 50]
    seen.ask(f"{EXPLORER}.move({far})")
    seen.ask(NEXT_FRAME)
    codes = np.array(seen.ask(f"{EXPLORER}.model.points.codes()"))
    nearest = np.sqrt(((codes - far) ** 2).sum(axis=1)).min()
    numbers_ = seen.page.locator("#numbers dd").all_text_contents()
    assert f"{nearest:.2f}" in numbers_[0]
    assert f"−{(5000 + 2 * np.log(2 * np.pi)) / 2:.2f}" in numbers_[2]


def test_touch_moves_the_code(visit):
    seen = visit("two latents", size="phone")
    before = state(seen)
    seen.page.locator("#plane").tap(position={"x": 30, "y": 40})
    assert state(seen) != before


# ---- sliders, draws, walks -----------------------------------------------------------------------


def test_sliders_are_ordered_by_kl_and_inactive_ones_folded(visit, pages, tmp_path):
    _, content, _ = pages("relu")
    changed = content | {"kl": [0.001, 3.0, 2.0], "active": [False, True, True]}
    seen = visit(write(tmp_path, changed))
    names = seen.page.locator("#sliders label").all_text_contents()
    assert [name.split()[1] for name in names] == ["1", "2", "0"]
    assert seen.page.locator("#sliders details label").count() == 1
    assert not seen.page.locator("#sliders details label").is_visible()
    set_slider(seen.page.locator("#sliders input").nth(1), 1.5)
    assert state(seen)[2] == 1.5


def test_a_direction_is_the_way_to_the_mean_of_its_label(visit, pages):
    seen = visit("relu")
    set_slider(seen.page.locator("#directions input").nth(1), 1)
    z, mean, d = (
        np.array(seen.ask(f"{EXPLORER}.{what}"))
        for what in ("state.z", "model.mean", "model.directions[1].z")
    )
    assert (z - mean) @ d / (d @ d) == pytest.approx(1)


def test_draws_and_walks(visit):
    seen = visit("relu", reduced_motion="reduce")
    middle, draw, walk = (seen.page.locator("#moves button").nth(i) for i in range(3))
    middle.click()
    assert state(seen) == [0, 0, 0]
    draw.click()
    drawn = state(seen)
    assert drawn != [0, 0, 0]
    walk.click()
    assert state(seen) == drawn, "motion is reduced: the first step comes after a second"
    until(seen, f"{EXPLORER}.state.z.join() != '{','.join(map(str, drawn))}'")
    walk.click()
    assert seen.ask(f"{EXPLORER}.walking") is None
    walk.click()
    assert seen.ask(f"{EXPLORER}.walking") is not None
    seen.page.locator("#plane").click()
    assert seen.ask(f"{EXPLORER}.walking") is None, "who takes hold of the code stops the walk"


# ---- drawing -------------------------------------------------------------------------------------


def test_a_drawing_is_encoded(visit):
    seen = visit("two latents")
    open_tab(seen, "draw")
    assert seen.ask(f"{EXPLORER}.analysis") is None
    drag(seen, "#draw .pad", (0.2, 0.2), (0.8, 0.3), (0.4, 0.9))
    found = seen.ask(f"{EXPLORER}.analysis")
    assert state(seen) == found["mu"]
    assert found["score"] == pytest.approx(found["reconstruction"] + sum(found["kl"]))
    verdict = seen.page.locator(".verdict").text_content()
    assert f"{found['score']:.1f}" in verdict
    assert seen.page.locator("#draw figure").count() == 3 + 6
    seen.page.locator("#draw button").first.click()
    assert seen.ask(f"{EXPLORER}.encoded()") is None


def test_drawing_by_keyboard(visit):
    seen = visit("two latents", "#view=draw")
    pad = seen.page.locator(".pad")
    pad.focus()
    for key in ("Space", "ArrowRight", "Shift+ArrowDown", "Space", "ArrowLeft"):
        pad.press(key)
    (stroke,) = state(seen, "ink")
    assert stroke["points"] == [[50, 50], [53, 50], [53, 60]]
    assert seen.ask(f"{EXPLORER}.encoded() !== null")


def test_an_image_file_is_encoded(visit, pages, tmp_path):
    seen = visit("grey", "#view=draw")
    seen.page.locator("#draw input[type=checkbox]").uncheck()
    x = np.zeros((40, 50), np.uint8)
    x[10:20, 10:30] = 255
    Image.fromarray(x).save(tmp_path / "x.png")
    (tmp_path / "broken.png").write_text("no image")
    chooser = seen.page.locator("#draw input[type=file]")
    chooser.set_input_files(tmp_path / "broken.png")
    until(seen, "document.querySelector('#draw [role=status]').textContent")
    chooser.set_input_files(tmp_path / "x.png")
    until(seen, f"{EXPLORER}.analysis")
    found = np.array(list(seen.ask(f"Array.from({EXPLORER}.analysis.x)"))).reshape(4, 5)
    np.testing.assert_allclose(found, x[5::10, 5::10] / 255, atol=0.05)


def test_a_drawing_is_fitted_as_digits_are(visit):
    """A small stroke in a corner and a long one in the middle become nearly the same."""
    seen = visit("grey", "#view=draw&ink=10,10;30,10")
    small = np.array(seen.ask(f"Array.from({EXPLORER}.encoded().x)"))
    seen.ask("location.hash = '#view=draw&ink=40,70;60,70'")
    until(seen, f"{EXPLORER}.state.ink[0].points[0][0] == 40")
    other = np.array(seen.ask(f"Array.from({EXPLORER}.encoded().x)"))
    np.testing.assert_allclose(small, other, atol=0.1)
    assert small.reshape(4, 5)[:, 2].sum() > 0.5


def test_a_row_of_a_table_is_entered_in_its_units(visit, pages):
    _, content, run = pages("table")
    seen = visit("table", "#view=draw")
    set_slider(seen.page.locator("#draw .slider input").nth(2), 115)
    found = seen.ask(f"Array.from({EXPLORER}.analysis.x)")
    units = run.scaling.decode(np.array([found]))[0]
    assert units[2] == pytest.approx(115, abs=1)
    first = numbers(content["points"]["images"]).reshape(-1, 5)[0]
    np.testing.assert_allclose(np.delete(found, 2), np.delete(first, 2), atol=1e-6)
    assert seen.page.locator("#draw .compared tbody tr").count() == 5
    again = visit("table", settled(seen))
    assert seen.ask(f"Array.from({EXPLORER}.analysis.x)") == pytest.approx(
        again.ask(f"Array.from({EXPLORER}.analysis.x)"), abs=2e-3
    )


def test_bars_are_in_the_users_units(visit, pages):
    _, _, run = pages("table")
    seen = visit("table")
    z = np.array([state(seen)], np.float32)
    expected = run.scaling.decode(run.model.decode(z))[0]
    cells = seen.page.locator("#pictures figure:first-child td:last-child").all_text_contents()
    found = [float(cell.replace("−", "-")) for cell in cells]
    np.testing.assert_allclose(found, expected, rtol=1e-2)


def test_one_hot_columns_are_one_field(visit, pages, tmp_path):
    _, content, _ = pages("table")
    changed = content | {
        "columns": ["size", "colour=red", "colour=blue", "b", "c"],
        "categories": {"colour": ["red", "blue"]},
        "scaling": content["scaling"] | {"mean": [0] * 5, "std": [1] * 5},
    }
    seen = visit(write(tmp_path, changed), "#view=draw")
    names = seen.page.locator("#pictures figure:first-child th").all_text_contents()
    assert names == ["size", "b", "c", "colour"]
    seen.page.locator("#draw select").select_option("blue")
    seen.ask(NEXT_FRAME)
    assert seen.ask(f"Array.from({EXPLORER}.analysis.x)")[1:3] == [0, 1]
    decoded = seen.ask("npvae.decode(npvae.explorer.state.z)")
    expected = "red" if decoded[1] > decoded[2] else "blue"
    assert seen.page.locator("#pictures figure:first-child td").last.text_content() == expected
    row = seen.page.locator("#draw .compared tr").last.locator("td")
    assert row.all_text_contents()[0] == "blue"


# ---- mixing --------------------------------------------------------------------------------------


@every_kind
def test_a_and_b_are_mixed(visit, pages, name):
    _, content, _ = pages(name)
    seen = visit(name)
    open_tab(seen, "mix")
    for i, example in enumerate((3, 4)):
        field = seen.page.locator("#mix input[type=number]").nth(i)
        field.fill(str(example))
        field.press("Tab")
    set_slider(seen.page.locator("#mix input[type=range]"), 0.25)
    mu = numbers(content["points"]["mu"]).reshape(-1, content["n_z"])
    np.testing.assert_allclose(state(seen), 0.75 * mu[3] + 0.25 * mu[4], atol=1e-6)
    if name not in ("table", "colours"):
        images = numbers(content["points"]["images"], "u1").reshape(content["points"]["k"], -1)
        blended = 0.75 * images[3] + 0.25 * images[4]
        found = shown(seen, "#mix figure:nth-child(3) canvas")[::4]
        np.testing.assert_allclose(found, blended, atol=1)


@pytest.mark.parametrize(("view", "given"), [("mix", "a=2"), ("draw", "example=2")])
def test_what_is_typed_outlasts_a_frame(visit, view, given):
    seen = visit("two latents", f"#view={view}&{given}")
    field = seen.page.locator(f"#{view} input[type=number]").first
    assert field.input_value() == "2"
    for typed, taken in [("3", "3"), ("9999", "5"), ("", "5")]:
        field.fill(typed)
        seen.ask(f"{EXPLORER}.move([{len(typed)}, 1])")
        seen.ask(NEXT_FRAME)
        assert field.input_value() == typed
        field.press("Tab")
        assert field.input_value() == taken
        assert str(state(seen, "a" if view == "mix" else "example")) == taken


def test_clicks_choose_a_and_b(visit):
    seen = visit("two latents", "#view=mix&a=0&b=1")
    seen.page.locator(".gallery button").nth(4).click()
    seen.page.locator(".gallery button").nth(2).click()
    assert [state(seen, end) for end in "ab"] == [4, 2]
    seen.page.locator("#mix button").first.click()
    assert [state(seen, end) for end in "ab"] == [2, 4]
    x, y = seen.ask(f"{EXPLORER}.plane.pixels[5]")
    seen.page.locator("#plane").click(position={"x": x, "y": y})
    assert state(seen, "a") in (5, seen.ask(f"{EXPLORER}.state.shown"))


# ---- labels, epochs, autoencoders ----------------------------------------------------------------


def test_a_label_changes_what_is_decoded(visit):
    seen = visit("conditional")
    before, z = shown(seen), state(seen)
    select = seen.page.locator("#label select")
    assert select.locator("option").all_text_contents() == ["cat", "dog", "emu"]
    select.select_option("emu")
    assert shown(seen) != before
    assert state(seen) == z


def test_epochs_are_played(visit, pages, tmp_path):
    _, content, _ = pages("two latents")
    early = np.zeros(len(numbers(content["weights"])))
    mu = np.ones((content["points"]["n"], 2))
    kept = {"weights": half(early, "it"), "mu": half(mu, "it")}
    changed = content | {"epoch": 7, "epochs": [{"epoch": 3, **kept}], "kept": 5}
    seen = visit(write(tmp_path, changed))
    set_slider(seen.page.locator("#epochs input"), 0)
    assert set(shown(seen)[::4]) == {128}, "without weights all is 1/2"
    assert seen.ask(f"{EXPLORER}.model.points.code(0)") == [1, 1]
    assert "epoch=3" in settled(seen)
    set_slider(seen.page.locator("#epochs input"), 1)
    assert set(shown(seen)[::4]) != {128}
    assert seen.page.locator("#epochs").text_content().count("5") == 1  # 1 of 5 kept epochs


def test_an_autoencoder_has_no_prior(visit):
    seen = visit("autoencoder")
    assert seen.page.locator("#no-prior").is_visible()
    assert seen.page.locator("#numbers dt").count() == 1
    assert seen.page.locator("#sliders small").count() == 0
    assert not visit("relu").page.locator("#no-prior").is_visible()


# ---- tasks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["two latents", "autoencoder", "table"])
def test_predict_then_reveal(visit, name):
    seen = visit(name, "#view=tasks")
    tasks = seen.page.locator(".task")
    assert tasks.count() == 5
    for i in range(5):
        open_tab(seen, "tasks")
        task = tasks.nth(i)
        scene, reveal = task.locator("button").nth(0), task.locator("button").nth(1)
        assert reveal.is_disabled()
        assert not task.locator(".answer").is_visible()
        scene.click()
        open_tab(seen, "tasks")
        task.locator("input").first.check()
        reveal.click()
        assert task.locator(".answer cite").is_visible()


def test_tasks_link_to_the_lessons_of_a_book(visit, pages, tmp_path):
    _, content, _ = pages("relu")
    seen = visit(write(tmp_path, content | {"lessons": "https://example.org/lessons/"}))
    links = seen.ask("Array.from(document.querySelectorAll('.answer a'), link => link.href)")
    assert len(links) == 5
    lessons = Path(__file__).parents[2] / "lessons"
    for link in links:
        name = link.removeprefix("https://example.org/lessons/").removesuffix(".html")
        assert (lessons / f"{name}.py").is_file()


# ---- the address ---------------------------------------------------------------------------------


def test_the_address_holds_the_view(visit):
    seen = visit("conditional")
    seen.ask(
        f"""{EXPLORER}.set({{ z: [0.1, -2, 0.333], view: "mix", a: 3, b: 4, t: 0.2, label: 2,
            highlight: 1, hide: new Set(["sliders", "draw"]) }})"""
    )
    fragment = settled(seen)
    for part in ("z=0.1,-2,0.333", "view=mix", "a=3", "b=4", "t=0.2", "y=2", "hide=sliders,draw"):
        assert part in fragment
    again = visit("conditional", fragment)
    names = ["z", "view", "a", "b", "t", "label", "highlight"]
    assert [state(again, name) for name in names] == [state(seen, name) for name in names]
    assert settled(again) == fragment


def test_a_drawing_is_in_the_address(visit):
    seen = visit("colours", "#view=draw")
    drag(seen, ".pad", (0.1, 0.1), (0.5, 0.5))
    drag(seen, ".pad", (0.9, 0.1), (0.5, 0.6))
    again = visit("colours", settled(seen))
    assert state(again, "ink") == state(seen, "ink")
    assert len(state(seen, "ink")) == 2
    assert shown(again, ".pad") == shown(seen, ".pad")


def test_links_are_followed(visit):
    seen = visit("relu")
    seen.ask("location.hash = '#z=1,2,3&view=tasks'")
    until(seen, f"{EXPLORER}.state.view == 'tasks'")
    assert state(seen) == [1, 2, 3]
    assert seen.page.locator("#tasks").is_visible()


WRONG = [
    *("#z=1,2", "#z=1,2,x", "#z=", "#z=Infinity,0,0", "#view=other", "#a=99&b=-1&t=2"),
    *("#a=1.5&y=1&epoch=77", "#example=x&ink=1;2_,;", "#hide=everything", "#%E0%A4%A&&=="),
]


def test_what_an_address_says_wrongly_is_ignored(visit):
    seen = visit("relu")
    expected = seen.ask(f"JSON.stringify(firstState({EXPLORER}.model))")
    assert seen.ask(f"JSON.stringify({EXPLORER}.state)") == expected
    for fragment in WRONG:
        found = f"JSON.stringify(stateOf({json.dumps(fragment)}, {EXPLORER}.model))"
        assert seen.ask(found) == expected


PARTS = {
    "plane": "#plane",
    "pictures": "#pictures",
    "numbers": "#numbers",
    "sliders": "#sliders",
    "directions": "#directions",
    "draw": "#tab-draw",
    "mix": "#tab-mix",
    "tasks": "#tab-tasks",
}


def test_parts_are_hidden(visit):
    seen = visit("relu")
    for name in PARTS:
        seen.ask(f"{EXPLORER}.set({{ hide: new Set(['{name}']) }})")
        seen.ask(NEXT_FRAME)
        visible = {part: seen.page.locator(where).is_visible() for part, where in PARTS.items()}
        assert visible == {part: part != name for part in PARTS}


def test_a_hidden_tab_is_not_opened(visit):
    seen = visit("relu", "#view=draw&hide=draw,sliders,directions")
    assert seen.page.locator("#mix").is_visible()
    assert (
        not visit("relu", "#hide=draw,sliders,directions,mix,tasks")
        .page.locator("#tools")
        .is_visible()
    )


# ---- everyone ------------------------------------------------------------------------------------


def axe():
    path = os.environ.get("NPVAE_AXE")
    if not path:
        pytest.skip("no axe-core: npm pack axe-core, and set NPVAE_AXE to its axe.min.js")
    return Path(path).read_text(encoding="utf-8")


OPEN_ALL = "document.querySelectorAll('details').forEach(folded => folded.open = true)"
VIOLATIONS = """() => axe.run().then(({violations, passes}) => [violations.map(
    ({id, nodes}) => [id, nodes.map(node => node.html.slice(0, 200))]), passes.length])"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["two latents", "conditional", "autoencoder", "table"])
def test_axe_finds_nothing(visit, name, scheme):
    rules = axe()
    seen = visit(name, color_scheme=scheme)
    seen.ask(rules)
    for view in VIEWS:
        open_tab(seen, view)
        if view == "draw":
            seen.ask(f"{EXPLORER}.useExample(1)")
            seen.ask(NEXT_FRAME)
        seen.ask(OPEN_ALL)
        violations, passed = seen.ask(VIOLATIONS)
        assert violations == []
        assert passed > 20


@every_kind
def test_nothing_is_wider_than_a_phone(visit, name):
    seen = visit(name, "#example=0", size="phone")
    for view in VIEWS:
        open_tab(seen, view)
        seen.ask(OPEN_ALL)
        assert seen.ask("document.documentElement.scrollWidth") == 360


def test_tabs_are_used_by_keyboard(visit):
    seen = visit("relu")
    seen.page.locator("#tab-move").focus()
    for key, view in (("ArrowRight", "draw"), ("End", "tasks"), ("ArrowRight", "move")):
        seen.page.keyboard.press(key)
        assert state(seen, "view") == view
        assert seen.ask("document.activeElement.id") == f"tab-{view}"


def test_numbers_are_read_out_once_nothing_moves(visit):
    seen = visit("two latents")
    live = seen.page.locator("#live")
    drag(seen, "#plane", (0.2, 0.2), (0.7, 0.7))
    settled(seen)
    distance = seen.page.locator("#numbers dd").first.text_content()
    assert distance in live.text_content()


@pytest.mark.parametrize("size", SIZES)
def test_light_and_dark(visit, size):
    for scheme, paper in (("light", 255), ("dark", 22)):
        seen = visit("two latents", size=size, color_scheme=scheme)
        assert f"rgb({paper}," in seen.ask("getComputedStyle(document.body).backgroundColor")
        assert seen.ask(f"{EXPLORER}.plane.colours.paper") in ("#ffffff", "#16191d")


def test_markup_is_text(visit, pages, tmp_path):
    _, content, _ = pages("relu")
    evil = "</script><img src=x onerror=alert(1)><!--"
    changed = content | {
        "name": evil,
        "trained": evil,
        "classes": [evil, "dog", "emu"],
        "directions": [{"kind": "label", "name": evil, "z": [1, 0, 0]}],
    }
    seen = visit(write(tmp_path, changed))
    for view in VIEWS:
        open_tab(seen, view)
    assert seen.page.locator("img").count() == 0
    assert evil in seen.page.locator("#title").text_content()
    assert evil in seen.page.locator("#legend").text_content()
    assert evil in seen.page.locator("#directions").text_content()


# ---- speed ---------------------------------------------------------------------------------------


def test_a_model_of_mnists_size_is_decoded_fast_enough(visit, pages, tmp_path):
    """At least 30 decodes a second; how many frames a second depends on the machine's load."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.integers(0, 256, (60, 28, 28), dtype=np.uint8))
    folder = save_run(tmp_path, "x.npy", latent=20, hidden=(400,))
    seen = visit(write(tmp_path, content_of(folder)[1]))
    decodes = seen.ask("""() => {
        const z = npvae.explorer.state.z, start = performance.now();
        for (let i = 0; i < 100; i++) npvae.explorer.model.decode(z.map(value => value + i / 100));
        return 1e5 / (performance.now() - start);
    }""")
    frames = seen.ask("""async () => {
        const {explorer} = npvae, start = performance.now();
        let n = 0;
        while (performance.now() - start < 1000) {
            const place = [Math.cos(n / 30), Math.sin(n / 30)];
            explorer.move(explorer.plane.at(place, explorer.state.z));
            await new Promise(requestAnimationFrame);
            n++;
        }
        return n;
    }""")
    print(f"{decodes:,.0f} decodes and {frames} frames a second")
    assert decodes >= 30
    assert frames > 0


def test_the_strings_are_one_table_and_all_are_used():
    """So that a translation is data, and holds nothing that nobody reads."""
    folder = Path(explorer_page.__globals__["__file__"]).parent
    strings = (folder / "script" / "strings.js").read_text(encoding="utf-8")
    keys = {line.split(":")[0].strip() for line in strings.splitlines() if line.startswith("  ")}
    keys = {key for key in keys if key.isidentifier() and key not in ("const", "return")}
    rest = "".join(
        path.read_text(encoding="utf-8")
        for path in [folder / "explorer.html", *sorted((folder / "script").glob("*.js"))]
        if path.name != "strings.js"
    )
    composed = ("task", "lesson")  # from the parts of a name
    unused = [
        key
        for key in keys
        if not key.startswith(composed) and f'"{key.removesuffix("Table")}"' not in rest
    ]
    assert unused == []
