"""The checker itself: does it find what is wrong, and say where?"""

import numpy as np
import pytest

from npvae.errors import InputError
from npvae.gradcheck import check
from npvae.layers import Dense, ReLU, Sequential
from npvae.vae import VAE

X = np.linspace(-2, 2, 20).reshape(4, 5) ** 3 + 0.1


class Scale:
    """A reader's own layer, as the README shows it."""

    def __init__(self, n):
        self.w, self.dw = np.ones(n), np.zeros(n)

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dy):
        self.dw[...] = (dy * self.x).sum(axis=0)
        return dy * self.w


def test_a_readers_layer_passes_with_its_parameter_and_its_input():
    report = check(Scale(5), X)
    assert report
    assert report.ok
    assert [row.name for row in report.rows] == ["w", "x"]


def test_a_readers_layer_learns_inside_a_vae(rng):
    vae = VAE(Sequential(Scale(5), Dense(5, 4, 0)), Dense(2, 5, 1), n_x=5, n_z=2, dtype=np.float64)
    assert "encoder.0.w" in vae.params.values
    assert check(vae, rng.random((3, 5)), rng.standard_normal((3, 2)))


@pytest.mark.parametrize("seed", [0, 1])
def test_an_x_drawn_with_the_seed_of_the_checker_is_not_its_r(seed):
    """Were r the same numbers as x, nothing of the gradient by x would be left to compare."""

    class RootMeanSquare:
        def forward(self, x):
            self.r = np.sqrt((x * x).mean(axis=1, keepdims=True))
            self.y = x / self.r
            return self.y

        def backward(self, dy):
            return (dy - self.y * (self.y * dy).mean(axis=1, keepdims=True)) / self.r

    x = np.random.default_rng(seed).standard_normal((6, 4))
    assert check(RootMeanSquare(), x, seed=seed).ok


def test_report_names_array_index_and_both_values():
    class Wrong(Scale):
        def backward(self, dy):
            dx = super().backward(dy)
            self.dw[3] += 0.25
            return dx

    report = check(Wrong(5), X, directions=0)
    (row, other) = report.rows
    assert not report
    assert not report.ok
    assert other.ok(report.tolerance)
    assert row.name == "w"
    assert row.worst.where == "[3]"
    assert row.worst.analytic - row.worst.numeric == pytest.approx(0.25)
    assert all(word in str(report) for word in ("w ", "[3]", "WRONG"))


def test_relative_error_is_as_documented():
    """Gradients 1 and 100, the first wrong by 0.01: 0.01 / max(1.01, 1, 100 / 100)."""
    report = check(lambda x: (np.sum(x * [1, 100]), np.array([1.01, 100.0])), np.ones(2))
    assert report.rows[0].worst.where == "[0]"
    assert report.error == pytest.approx(0.01 / 1.01, rel=1e-6)


def report_on_relu(n, kinks, size=10):
    """Of n numbers of which so many lie on the kink, one probe each."""
    x = np.full((n // size, size), 3.0)
    x.flat[:kinks] = 1e-6
    return check(ReLU(), x, directions=0)


def test_kinks_are_skipped_and_counted():
    report = report_on_relu(100, kinks=1)
    (row,) = report.rows
    assert (row.skipped, row.checked) == (1, 99)
    assert report


@pytest.mark.parametrize(
    ("n", "most"), [(100, 5), (60, 3), (50, 2), (24, 1), (6, 1), (2, 1)], ids=str
)
def test_more_than_one_kink_and_more_than_5_percent_fail(n, most):
    assert report_on_relu(n, most, size=2)
    report = report_on_relu(n, most + 1, size=2)
    assert not report
    assert "kink" in str(report)


def test_an_array_of_which_every_probe_falls_on_a_kink_fails():
    class Shifted(ReLU):
        """ReLU after a learned shift, whose numbers never touch the kink, beside x that do."""

        def __init__(self):
            self.b, self.db = np.zeros(1), np.zeros(1)

        def forward(self, x):
            return super().forward(x + self.b)

        def backward(self, dy):
            dx = super().backward(dy)
            self.db[...] = dx.sum()
            return dx

    x = np.full((10, 10), 3.0)
    x[0, 0] = 0
    report = check(Shifted(), x, coordinates=100, directions=0)
    assert [(row.checked, row.skipped) for row in report.rows] == [(0, 1), (99, 1)]
    assert [row.ok(1e-6) for row in report.rows] == [False, True]
    assert not report


# ---- where it looks ------------------------------------------------------------------------------


def test_every_array_is_probed(rng):
    """A gradient that is wrong for one array alone is found, whichever array it is."""
    vae = VAE.dense(5, 4, 2, activation="tanh", dtype=np.float64)
    x, eps = rng.random((3, 5)), rng.standard_normal((3, 2))
    loss_and_grad = vae.loss_and_grad
    assert len(vae.params.gradients) == 8
    for wrong in vae.params.gradients:

        def tampered(x, eps, wrong=wrong):
            loss = loss_and_grad(x, eps)
            vae.params.gradients[wrong][...] *= 1.01
            return loss

        vae.loss_and_grad = tampered
        report = check(vae, x, eps, coordinates=2, directions=1)
        assert [row.name for row in report.rows if not row.ok(1e-6)] == [wrong]
        assert {row.checked for row in report.rows} == {3}


def test_every_number_of_an_array_is_probed_if_there_are_no_more_than_asked():
    for index in range(4):
        gradient = np.array([2.0, 2.0, 2.0, 2.0])
        gradient[index] += 0.1
        report = check(lambda x, g=gradient: (2 * x.sum(), g), np.ones(4), directions=0)
        assert report.rows[0].worst.where == f"[{index}]"
        assert report.rows[0].checked == 4


def test_a_random_direction_sees_what_the_sum_of_a_gradient_hides():
    """Two numbers that have changed places: along a direction of ones they are still right."""
    x = np.array([1.0, 2.0])
    report = check(lambda x: (np.sum(x * x), 2 * x[::-1]), x, coordinates=0, directions=1)
    assert not report


def test_a_layer_is_not_probed_with_a_loss_that_is_a_plain_sum():
    """The backward below is right where dy is the same for every number, and nowhere else."""

    class Twice:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return np.full_like(dy, 2 * dy.mean())

    assert not check(Twice(), X)


def test_a_gradient_that_is_not_a_number_fails():
    assert not check(lambda x: (np.sum(x), x * np.nan), np.ones(3)).ok


def test_a_forgotten_parameter_gradient_fails():
    class Forgotten(Scale):
        def backward(self, dy):
            return dy * self.w

    report = check(Forgotten(5), X)
    assert [row.ok(1e-6) for row in report.rows] == [False, True]


def test_numbers_are_put_back():
    layer, x = Dense(5, 3, 0), X.copy()
    W = layer.W.copy()
    check(layer, x)
    np.testing.assert_array_equal(layer.W, W)
    np.testing.assert_array_equal(x, X)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (VAE.dense(5, 3, 2), "float64"),
        (object(), "no gradient to check"),
    ],
)
def test_what_cannot_be_checked_is_refused(thing, words):
    with pytest.raises(InputError, match=words):
        check(thing, X, np.ones((4, 2)))


def test_replacing_the_gradient_array_is_refused():
    class Replacing(Scale):
        def backward(self, dy):
            self.dw = (dy * self.x).sum(axis=0)
            return dy * self.w

    with pytest.raises(InputError, match="replaced by a new array"):
        check(Replacing(5), X)


def test_changing_the_input_is_refused():
    class InPlace(Scale):
        def forward(self, x):
            self.x = x.copy()
            x *= self.w * 2
            return x

    with pytest.raises(InputError, match="in place"):
        check(InPlace(5), X)


def test_gradients_behind_star_arguments_are_all_checked():
    def product(*factors):
        x, y = factors
        return np.sum(x * y), y, 99 * x

    report = check(product, np.ones(2), np.full(2, 3.0))
    assert [row.ok(1e-6) for row in report.rows] == [True, False]


def test_a_value_without_a_gradient_is_refused():
    with pytest.raises(InputError, match="no gradient"):
        check(lambda x: (np.sum(x),), np.ones(3))


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(InputError, match="shape"):
        check(lambda x: (np.sum(x), np.ones(2)), np.ones(3))


class WithoutGradient(Scale):
    """A layer whose parameter has no gradient beside it."""

    def __init__(self, n):
        self.w = np.full(n, 2.0)

    def backward(self, dy):
        return dy * self.w


class GradientMadeLate(WithoutGradient):
    """A layer whose gradient appears only in the backward pass."""

    def backward(self, dy):
        self.dw = (dy * self.x).sum(axis=0)
        return dy * self.w


@pytest.mark.parametrize("layer", [WithoutGradient, GradientMadeLate])
def test_a_parameter_without_a_gradient_fails_and_is_named(layer):
    report = check(layer(5), X)
    assert [row.name for row in report.rows] == ["x"]
    assert report.rows[0].ok(report.tolerance)
    assert report.unchecked == ("w",)
    assert not report
    assert all(word in str(report) for word in ("NOT CHECKED", "w", "dw", "write=False"))
    assert "all agree" not in str(report)


def test_a_parameter_without_a_gradient_is_found_inside_a_model(rng):
    network = Sequential(WithoutGradient(5), Dense(5, 4, 0))
    vae = VAE(network, Dense(2, 5, 1), n_x=5, n_z=2, dtype=np.float64)
    report = check(vae, rng.random((3, 5)), rng.standard_normal((3, 2)))
    assert report.unchecked == ("encoder.0.w",)
    assert not report


def test_constants_that_are_read_only_and_stored_arrays_need_no_gradient():
    class Masked(Scale):
        def __init__(self, n):
            super().__init__(n)
            self.mask = np.arange(n) / n
            self.mask.setflags(write=False)
            self.calls, self.view = np.zeros(1), self.w[:2]

        def forward(self, x):
            self.calls += 1
            self.y = super().forward(x) * self.mask
            return self.y

        def backward(self, dy):
            return super().backward(dy * self.mask)

    layer = Sequential(Masked(5), Masked(5))
    layer.forward(X)
    report = check(layer, X)
    assert report
    assert report.unchecked == ()
    layer.layers[0].mask = np.array(layer.layers[0].mask)
    assert check(layer, X).unchecked == ("0.mask",)


@pytest.mark.parametrize(
    ("things", "words"),
    [
        ((Scale, X), r"Scale\(\.\.\.\)"),
        ((Scale(5),), "missing"),
        ((type("Lazy", (Scale,), {"backward": lambda self, dy: None})(5), X), "backward.*None"),
        ((type("Lazy", (Scale,), {"forward": lambda self, x: None})(5), X), "forward.*None"),
    ],
)
def test_what_a_beginner_passes_is_refused_with_the_way_out(things, words):
    with pytest.raises(InputError, match=words):
        check(*things)


def test_a_check_leaves_a_model_as_it_was():
    """The optimal sigma is a moving average over the batches that it has seen."""
    vae = VAE.dense(6, 5, 2, likelihood="gaussian", sigma="optimal", dtype=np.float64)
    before = vae.params.flat.copy()
    rng = np.random.default_rng(0)
    check(vae, rng.normal(size=(4, 6)), rng.normal(size=(4, 2)), coordinates=2)
    np.testing.assert_array_equal(vae.params.flat, before)
