"""The formulas of docstrings as the book sets them: the same symbols in the same order."""

import ast
import inspect
from pathlib import Path

import pytest

import npvae

BOOK = Path(__file__).parents[2] / "lessons" / "book"


@pytest.fixture
def formulas(monkeypatch):
    monkeypatch.syspath_prepend(BOOK)
    import formulas

    return formulas


@pytest.fixture
def docstrings(monkeypatch):
    monkeypatch.syspath_prepend(BOOK)
    import docstrings

    return docstrings


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("y = x W + b", r"y=x W+b"),
        ("KL = 1/2 sum(mu²)", r"\mathrm{KL}=\tfrac{1}{2} \sum(\mu^2)"),
        ("dKL/dmu = mu / B", r"\frac{d\mathrm{KL}}{d\mu}=\frac{\mu}{B}"),
        ("sigma eps / 2", r"\frac{\sigma \varepsilon}{2}"),  # all factors are above the bar
        ("a + b / 2B", r"a+\frac{b}{2B}"),
        ("(x - y) / (B var)", r"\frac{x-y}{B\ \mathrm{var}}"),
        ("(a + b) (c + d)", r"(a+b) (c+d)"),
        ("E_q[log p(x | z)]", r"\mathbb{E}_{q}[\log p(x\mid z)]"),
        ("lr 10^(-i / 7)", r"\mathrm{lr}\ 10^{-\frac{i}{7}}"),
        ("f_n(... f_1(x)), i = 0 .. 7", r"f_{n}(\dots f_{1}(x)),\ i=0\dots 7"),
        ("m <- beta1 m\nv = g^t", "m&\\leftarrow \\beta_{1} m\n\nv&=g^{t}"),
        ("KL(q ‖ p)", r"\mathrm{KL}(q\,\|\,p)"),
        ("L_k <= L_k+1", r"L_{k}\le L_{k+1}"),
        ("exp(-|x|) / sqrt(2)", r"\frac{\exp(-|x|)}{\sqrt{2}}"),
        ("exp(logvar / 2)", r"\exp\left(\frac{\mathrm{logvar}}{2}\right)"),
        ("y = x where x > 0", r"y=x\ \mathrm{where}\ x>0"),
        ("y = a\nz = b", "y&=a\n\nz&=b"),
    ],
)
def test_a_formula_in_latex(formulas, text, latex):
    assert formulas.latex(text) == latex


@pytest.mark.parametrize(
    "text",
    ["ax = figures.samples(x)", 'f("x")', "f(x", "f)x", "|x", "a /", "/ a", "a = 1.5"],
)
def test_what_is_not_in_this_notation_is_left_alone(formulas, text):
    with pytest.raises(formulas.NotReadError):
        formulas.latex(text)


def displayed(docstrings, monkeypatch):
    """Return every formula and every piece of code that npvae's docstrings set apart."""
    texts = []
    monkeypatch.setattr(docstrings, "displayed", lambda text: texts.append(text) or [])
    for path in Path(npvae.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                list(
                    docstrings.rewritten(
                        inspect.cleandoc(ast.get_docstring(node) or "").split("\n")
                    )
                )
    return texts


def test_every_formula_of_npvae_is_set_as_mathematics(docstrings, formulas, monkeypatch):
    texts = displayed(docstrings, monkeypatch)
    code = [text for text in texts if docstrings.is_python(text) and ("(" in text or "." in text)]
    read = [text for text in texts if is_read(formulas, text)]
    assert len(read) > 30
    left = [text for text in texts if text not in read and text not in code]
    assert left == [], "write it in the notation of lessons/book/formulas.py, or extend that"


def is_read(formulas, text):
    try:
        return bool(formulas.latex(text))
    except formulas.NotReadError:
        return False
