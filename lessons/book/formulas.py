"""From a formula of a docstring to LaTeX, symbol by symbol.

A docstring is read in a terminal first, so its formulas are plain text in the notation of the code:
`KL = 1/2 sum(exp(logvar) - 1 - logvar + mu²)`. The book sets the same symbols in the same order,
and draws a slash as the bar of a fraction. Text that is not in this notation stays as it is.
"""

import re

SYMBOLS = {
    **{name: rf"\{name}" for name in ("log", "exp", "max", "min", "cos", "tanh", "sum")},
    **{name: rf"\{name}" for name in ("mu", "sigma", "beta", "pi")},
    **{"eps": r"\varepsilon", "E": r"\mathbb{E}", "N": r"\mathcal{N}"},
}
DIFFERENTIATED = {"KL", "ELBO", "logvar", "loss", "mean", "mu"}  # `dmu` is d and mu
MARKS = {
    **{
        "<-": r"\leftarrow ",
        "<=": r"\le ",
        ">=": r"\ge ",
        "*": r"\cdot ",
        "‖": r"\,\|\,",
        ",": ", ",
        ";": r";\quad ",
    },
    **{"...": r"\dots ", "..": r"\dots "},
    **{mark: mark for mark in "=<>+-"},
}
SEPARATORS = {*MARKS.values(), r",\ ", r"\mid ", r"\qquad "}
CLOSING = {"(": ")", "[": "]", "|": "|"}
TOKEN = re.compile(
    r"(?P<gap> +)|(?P<number>\d+)|(?P<name>[A-Za-z]+)"
    r"(?:(?:_(?=\w)|(?=\d))(?P<below>[A-Za-z0-9]+(?:\+\d)?))?"
    r"|(?P<square>²)|(?P<bar>\|)|(?P<slash>/)|(?P<open>[(\[])|(?P<close>[)\]])"
    r"|(?P<power>\^)|(?P<mark><=|>=|<-|\.\.\.?|[-=<>+*,;‖])|(?P<other>.)"
)
FACTORS = ("name", "below", "number", "open", "close", "square")


class NotReadError(ValueError):
    """The text is not a formula in this notation."""


def latex(text):
    r"""Return the formula in LaTeX; several lines are aligned at their equals signs or arrows.

    >>> latex("dKL/dmu = mu / B")
    '\\frac{d\\mathrm{KL}}{d\\mu}=\\frac{\\mu}{B}'
    """
    lines = [Line(line.strip()).read() for line in text.splitlines()]
    if len(lines) > 1:
        lines = [re.sub(r"=|\\leftarrow ", r"&\g<0>", line, count=1) for line in lines]
    return "\n\n".join(lines).replace(r"\ a\ ", r"\ \mathrm{a}\ ")  # the article


class Line:
    """One line of a formula, and how far it has been read."""

    def __init__(self, text):
        self.tokens = list(TOKEN.finditer(text))
        self.at = 0

    def read(self):
        """Return the line in LaTeX."""
        formula = self.up_to("")
        if self.at < len(self.tokens):
            raise NotReadError("a bracket is closed that was not opened")
        return formula

    def kind(self, ahead=0):
        """Return what the next token is, or one some way ahead; "" beyond either end."""
        at = self.at + ahead
        return self.tokens[at].lastgroup if 0 <= at < len(self.tokens) else ""

    def next(self):
        """Return the text of the next token, which is read then."""
        self.at += 1
        return self.tokens[self.at - 1][0]

    def up_to(self, end):
        """Return what stands before the token `end`, in LaTeX."""
        parts = []
        while self.kind() not in ("", "close") and not (end == "|" and self.closes_bar()):
            if self.kind() == "gap":
                parts += self.gap()
            elif self.kind() == "mark":
                mark = self.next()
                parts.append(r",\ " if mark == "," and not end else MARKS[mark])
            elif self.kind() == "bar" and self.kind(-1) == self.kind(1) == "gap":
                self.next()
                parts.append(r"\mid ")
            elif self.kind() == "slash" and parts:
                parts.append(self.fraction(parts))
            else:
                parts.append(self.atom())
        return "".join(parts).strip()

    def closes_bar(self):
        return self.kind() == "bar" and self.kind(-1) != "gap"

    def gap(self):
        """Yield the distance that a gap stands for: between words, or between two formulas."""
        before, after = self.kind(-1), self.kind(1)
        words = [self.tokens[at] for at in (self.at - 1, self.at + 1) if 0 <= at < len(self.tokens)]
        wide = len(self.next()) > 1
        if wide:
            yield r"\qquad "
        elif before in FACTORS and after in FACTORS:
            word = any(r"\mathrm" in symbol(token["name"] or "") for token in words)
            yield r"\ " if word else " "

    def fraction(self, parts):
        """Read a slash and what is below it; the factors before it are taken out of `parts`."""
        tight = self.kind(-1) != "gap"
        above = [parts.pop()]
        while not tight and parts and parts[-1] not in SEPARATORS:
            above.insert(0, parts.pop())
        self.next()
        if self.kind() == "gap":
            self.next()
        below = bare(self.atom())
        above = bare(above[0]) if len(above) == 1 else "".join(above).strip()
        return rf"\{'tfrac' if tight and above.isdigit() else 'frac'}{{{above}}}{{{below}}}"

    def atom(self):
        """Return a number, a name with its arguments or a bracket, with its power."""
        kind = self.kind()
        if kind == "number":
            atom = self.next() + (self.atom() if self.kind() == "name" else "")  # 2B
        elif kind in ("name", "below"):
            token = self.tokens[self.at]
            self.next()
            atom = symbol(token["name"]) + (f"_{{{token['below']}}}" if token["below"] else "")
            if token[0] == "sqrt" and self.kind() == "open":
                atom = rf"\sqrt{{{bare(self.atom())}}}"
            elif self.kind() == "open":
                atom += self.atom()
        elif kind in ("open", "bar"):
            left = self.next()
            inside = self.up_to(CLOSING[left])
            if self.kind() == "" or self.next() != CLOSING[left]:
                raise NotReadError(f"no {CLOSING[left]} closes the {left}")
            tall = r"\frac" in inside
            atom = (r"\left{}{}\right{}" if tall else "{}{}{}").format(left, inside, CLOSING[left])
        else:
            raise NotReadError(f"no number, name or bracket, but a {kind or 'formula that ends'}")
        if self.kind() == "square":
            self.next()
            atom += "^2"
        elif self.kind() == "power":
            self.next()
            atom += f"^{{{bare(self.atom())}}}"
        return atom


def symbol(name):
    """Return a name in LaTeX; long ones upright, as in the code."""
    if name in SYMBOLS or len(name) < 2:
        return SYMBOLS.get(name, name)
    if name[0] == "d" and (name[1:] in DIFFERENTIATED or len(name) == 2):
        return "d" + symbol(name[1:])
    return rf"\mathrm{{{name}}}"


def bare(atom):
    """Return an atom without the brackets around all of it."""
    for left, right in (("(", ")"), (r"\left(", r"\right)")):
        if atom.startswith(left) and atom.endswith(right):
            return atom[len(left) : -len(right)]
    return atom
