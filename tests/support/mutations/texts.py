"""Tables and JSON that are text all right, and yet no table and no config."""

import json

CELLS = str.split(
    "nan inf -inf 1e999 -1e308 1e308 1e-999 1_000 0x1F ١٢ १२ ½ ² 1e5 +1 -0 true None label y"
)
CELLS += ["", " ", "?", "\0", "\x1b[31m", "\u202e1", "\ufeff", "é", "'1'", '"1"', '"1', "1,5"]
CELLS += ["9" * 400, "x" * 2_000]
VALUES = [
    *[None, True, False, 0, 1, -1, -3, 2.5, 1e308, 10**9, 2**63, 2**64, 10**400, 10**4000],
    *[float("nan"), float("inf"), "", "x", "7", "1e9", "\0", "\u202e", "x" * 100_000, "\ud800"],
    *[[], {}, [0], [-2, -3], [10**9], [10**9, 10**9], [2.5], ["3"], [None], [[[3]]], {"a": 1}],
    *["../../evil", "/dev/zero", "own.npy\0", "~", ".", "http://localhost/x.npy"],
]


# ---- .csv ----------------------------------------------------------------------------------------


def other_cell(rng, content):
    lines = [line.split(b",") for line in content.split(b"\n")]
    line = lines[rng.integers(len(lines))]
    line[rng.integers(len(line))] = CELLS[rng.integers(len(CELLS))].encode()
    return b"\n".join(b",".join(line) for line in lines)


def long_cell(rng, content):
    """A cell of a megabyte: digits, blanks, letters, or a quote that never ends."""
    fills = [b"1", b" ", b"a", b'"', b'""', b"\xff", "é".encode(), b"_1"]
    cell = fills[rng.integers(len(fills))] * int(rng.choice([1_000, 100_000, 200_000, 1_000_000]))
    place = int(rng.choice([0, content.index(b"\n") + 1, len(content)]))
    return content[:place] + [b"", b'"'][rng.integers(2)] + cell + content[place:]


def many_columns(rng, content):
    n = int(rng.choice([1_000, 30_000, 200_000]))
    cell = [b"1,", b"y,", b",", b"pixel0,", b'"a\nb",'][rng.integers(5)]
    return n * cell + b"1\n" + content if rng.random() < 0.5 else 12 * (n // 12 * cell + b"2\n")


def long_label(rng, content):
    """One label of many characters, among very many labels of one."""
    n = int(rng.choice([100, 10_000, 40_000]))
    rows = b"".join(b"%d,a\n" % (i % 7) for i in range(n))
    return b"x,label\n" + rows + b"1," + int(rng.choice([10, 1_000, 100_000])) * b"l" + b"\n"


def other_encoding(rng, content):
    names = ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp037"]
    return content.decode().encode(names[rng.integers(len(names))])


def other_signs(rng, content):
    """Other line ends, other delimiters, digits of other scripts."""
    pairs = [(b"\n", b"\r"), (b"\n", b"\r\n"), (b"\n", b"\n\n"), (b",", b";"), (b",", b"\t")]
    pairs += [(b",", b" "), (b"1", "١".encode()), (b"2", "²".encode()), (b"\n", b"\0\n")]
    old, new = pairs[rng.integers(len(pairs))]
    return content.replace(old, new, int(rng.choice([-1, 1, 3])))


CSV = (other_cell, other_cell, long_cell, many_columns, long_label, other_encoding, other_signs)


# ---- JSON ----------------------------------------------------------------------------------------


def other_value(rng, content):
    """Another value somewhere."""
    found = json.loads(content)
    holder, key = _somewhere(rng, found)
    holder[key] = VALUES[rng.integers(len(VALUES))]
    return json.dumps(found).encode()


def other_keys(rng, content):
    """A key that is missing, in surplus, or there twice."""
    found = json.loads(content)
    holder, key = _somewhere(rng, found)
    if rng.random() < 0.5:
        del holder[key]
    elif isinstance(holder, dict):
        holder[["seed", "dtype", "device", "__class__", "x" * 10_000][rng.integers(5)]] = 1
    text = json.dumps(found)
    twice = '{"model": 3, "settings": 3, "shape": [-2, -3], ' + text[1:]
    return [text, twice, text[:-1] + ', "data": 3, "format": 2}'][rng.integers(3)].encode()


def no_object(rng, content):
    """JSON of another form, or none, or so deep that a reader must give up."""
    deep = int(rng.choice([500, 3_000, 100_000]))
    texts = ["", "null", "[]", "3", '"text"', "{}", "NaN", "[" * deep, '{"a":' * deep, "9" * 5_000]
    texts += ["[" * deep + "]" * deep, "{}\n{}", "\ufeff{}", "'{}'", '{"model": {}}', "[[], []]"]
    texts += ['{"settings": ' + "[" * deep + "]" * deep + "}", "[{}," * 3_000]
    return texts[rng.integers(len(texts))].encode()


def _somewhere(rng, found):
    """Return a container within JSON, and one of its keys."""
    places, queue = [], [found]
    for holder in queue:
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        places += [(holder, key) for key in keys]
        queue += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
    return places[rng.integers(len(places))]


JSON = (other_value, other_value, other_value, other_keys, no_object)
