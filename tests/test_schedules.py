"""What changes during a training, by hand at the corners."""

import numpy as np
import pytest

from npvae import Cosine, EarlyStopping, InputError, Stages, WarmUp


def test_a_warm_up_is_a_straight_line_to_its_end():
    warm_up = WarmUp(epochs=4, end=2)
    assert [warm_up(t) for t in (0, 1, 2.5, 4, 4.1, 100)] == [0, 0.5, 1.25, 2, 2, 2]
    assert WarmUp(epochs=10)(10) == 1


def test_the_stages_end_after_1_4_13_epochs_and_so_on():
    ends = [1, 4, 13, 40, 121, 364, 1093]
    assert ends[-1] + 3**7 == 3280
    stages = Stages(0.5)
    for stage, (begin, end) in enumerate(zip([0, *ends], [*ends, 3280], strict=True)):
        rate = pytest.approx(0.5 * 10 ** (-stage / 7), rel=1e-12)
        assert [stages(begin), stages(begin + 0.5), stages(np.nextafter(end, 0))] == [rate] * 3
    assert stages(3280) == stages(1e6) == pytest.approx(0.05, rel=1e-12)


def test_half_a_cosine_ends_at_zero_and_stays_there():
    cosine = Cosine(0.2, epochs=8)
    assert cosine(0) == 0.2
    assert cosine(2) == pytest.approx(0.2 * (1 + np.sqrt(0.5)) / 2, rel=1e-12)
    assert cosine(4) == pytest.approx(0.1, rel=1e-12)
    assert cosine(8) == cosine(9) == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: WarmUp(0), r"WarmUp\(epochs=0, end=1.0\): "),
        (lambda: WarmUp(float("inf")), "WarmUp.epochs="),
        (lambda: WarmUp(float("nan")), "WarmUp.epochs="),
        (lambda: WarmUp(3, end=-1), "end="),
        (lambda: WarmUp(3, end=float("inf")), "end="),
        (lambda: Stages(0), "lr is 0;"),
        (lambda: Cosine(-1.0, 5), "lr is -1.0;"),
        (lambda: Cosine(0.1, 0), "epochs=0"),
    ],
)
def test_a_schedule_that_makes_no_sense(make, words):
    with pytest.raises(InputError, match=words):
        make()


@pytest.mark.parametrize(
    ("patience", "after", "bounds", "best", "over"),
    [
        (1, 0, [], 0, False),
        (1, 0, [-9], 1, False),
        (2, 0, [-9, -7, -8], 2, False),
        (2, 0, [-9, -7, -8, -7.5], 2, True),
        (2, 0, [-9, -7, -8, -6], 4, False),
        (1, 0, [-7, -7], 1, True),  # as good is no better
        (2, 3, [-1, -2], 0, False),
        (2, 3, [-1, -2, -3], 0, False),
        (2, 3, [-1, -2, -3, -9, -8], 5, False),
        (2, 3, [-1, -2, -3, -8, -9], 4, False),
        (2, 3, [-1, -2, -3, -8, -9, -9], 4, True),
    ],
)
def test_when_it_is_over_and_which_was_the_best(patience, after, bounds, best, over):
    stopping = EarlyStopping(patience, after)
    assert (stopping.best(bounds), stopping.is_over(bounds)) == (best, over)


@pytest.mark.parametrize(("patience", "after"), [(0, 0), (-1, 0), (float("nan"), 0), (1, -1)])
def test_a_patience_that_makes_no_sense(patience, after):
    with pytest.raises(InputError, match=f"patience is {patience}|after is {after}"):
        EarlyStopping(patience, after)
