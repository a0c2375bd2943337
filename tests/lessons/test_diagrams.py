"""Diagrams: arrows meet their boxes, and no text covers another or leaves the picture."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from lesson_files import LESSONS
from matplotlib.patches import FancyArrowPatch


@pytest.fixture
def diagrams(monkeypatch):
    monkeypatch.syspath_prepend(LESSONS)
    import diagrams

    yield diagrams
    plt.close("all")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"losses": True},
        {"losses": True, "gradients": True},
        {"losses": True, "gradients": True, "nats": (176.6, 26.2)},
    ],
)
def test_every_text_has_room(diagrams, options):
    figure = diagrams.vae(**options)
    figure.canvas.draw()
    texts = [text for text in figure.axes[0].texts if text.get_text()]
    places = [text.get_window_extent() for text in texts]
    for place in places:
        assert figure.bbox.x0 < place.x0 < place.x1 < figure.bbox.x1
        assert figure.bbox.y0 < place.y0 < place.y1 < figure.bbox.y1
    assert not any(one.overlaps(other) for one, other in combinations(places, 2))


@pytest.mark.parametrize("towards", [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)])
def test_an_arrow_and_its_gradient_run_side_by_side_from_box_to_box(diagrams, towards):
    diagram = diagrams.Diagram(4, 4)
    start = diagram.box(2, 2, "")
    end = diagram.box(2 + towards[0], 2 + towards[1], "")
    diagram.arrow(start, end, back="")
    there, back = [arrow.get_path().vertices - 2 for arrow in arrows(diagram.ax)]
    for points in there, back:
        touched = np.abs([points, points - towards]).max(axis=2)  # (2, n): from either centre
        assert (touched.min(axis=1) < 0.3).all()
        assert (np.abs(points) - (0.25, 0.17)).max(axis=1).min() > -0.01, "it enters the box"
    left = np.array([-towards[1], towards[0]])
    assert there[0] @ left > 0.03
    assert back[0] @ left < -0.03


def test_without_a_gradient_there_is_one_arrow(diagrams):
    diagram = diagrams.Diagram(4, 4)
    diagram.arrow(diagram.box(1, 1, "x"), diagram.box(3, 1, "y"), "forward")
    assert len(arrows(diagram.ax)) == 1


def arrows(ax):
    return [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
