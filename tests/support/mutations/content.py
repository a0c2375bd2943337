"""Changes of any file's bytes: what a bad disk, a broken download or a careless editor does."""

import re

EXTREMES = [0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1]
NUMBERS = str.split(
    "0 -1 -0 1e999 -1e999 nan inf -inf NaN 1e-999 99999999999999999999 1_0 0x10 ١٢ ½ 1,0 +"
)


def mutate(rng, sound, crafted=()):
    """Return the name of a change, the changed bytes, and whether their checksums may be right.

    Parameters
    ----------
    rng : decides everything
    sound : the bytes of a valid file
    crafted : functions (rng, sound) -> bytes that know the format
    """
    if crafted and rng.random() < 0.5:
        change = crafted[rng.integers(len(crafted))]
        return change.__name__, change(rng, sound), True
    content, names = sound, []
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        change = CHANGES[rng.integers(len(CHANGES))]
        names.append(change.__name__)
        content = change(rng, content)
    return ", ".join(names), content, False


def flip_bit(rng, content):
    place = _place(rng, content)
    return _put(content, place, bytes(b ^ (1 << rng.integers(8)) for b in content[place:][:1]))


def overwrite(rng, content):
    length = int(rng.integers(1, 9))
    return _put(content, _place(rng, content), rng.bytes(length))


def truncate(rng, content):
    return content[: _place(rng, content)]


def behead(rng, content):
    return content[_place(rng, content) :]


def insert(rng, content):
    place = _place(rng, content)
    return content[:place] + rng.bytes(int(rng.integers(1, 65))) + content[place:]


def repeat_slice(rng, content):
    start, stop = sorted((_place(rng, content), _place(rng, content)))
    return content[:stop] + content[start:stop] * int(rng.integers(1, 4)) + content[stop:]


def remove_slice(rng, content):
    start, stop = sorted((_place(rng, content), _place(rng, content)))
    return content[:start] + content[stop:]


def zero_slice(rng, content):
    start, stop = sorted((_place(rng, content), _place(rng, content)))
    return content[:start] + bytes(stop - start) + content[stop:]


def grow_tail(rng, content):
    tails = [bytes(int(rng.integers(1, 600))), rng.bytes(int(rng.integers(1, 600))), content]
    return content + tails[rng.integers(3)]


def write_extreme(rng, content):
    """An extreme value where a length may lie, most often near the beginning or the end."""
    width = int(rng.choice([1, 2, 4, 8]))
    value = EXTREMES[rng.integers(len(EXTREMES))] % 256**width
    order = "big" if rng.random() < 0.5 else "little"
    near = int(rng.integers(min(64, len(content)) + 1))
    places = [near, len(content) - near, _place(rng, content)]
    return _put(content, places[rng.integers(3)], value.to_bytes(width, order))


def change_length_field(rng, content):
    """An extreme value in place of a small number in four bytes, as lengths and sizes are."""
    fields = [found.start() for found in re.finditer(rb"[^\0][^\0]?\0\0|\0\0[^\0]?[^\0]", content)]
    if not fields:
        return write_extreme(rng, content)
    value = EXTREMES[rng.integers(len(EXTREMES))] % 2**32
    order = "big" if rng.random() < 0.5 else "little"
    return _put(content, fields[rng.integers(len(fields))], value.to_bytes(4, order))


def change_number(rng, content):
    """Another text in place of a number in digits."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", content))
    if not found:
        return overwrite(rng, content)
    number = found[rng.integers(len(found))]
    texts = [*NUMBERS, "9" * int(rng.integers(1, 5000)), "-" + number.group().decode()]
    text = texts[rng.integers(len(texts))].encode()
    return content[: number.start()] + text + content[number.end() :]


CHANGES = (
    flip_bit,
    flip_bit,
    overwrite,
    truncate,
    behead,
    insert,
    repeat_slice,
    remove_slice,
    zero_slice,
    grow_tail,
    write_extreme,
    write_extreme,
    change_length_field,
    change_number,
)


def _place(rng, content):
    return int(rng.integers(len(content) + 1))


def _put(content, place, some):
    return content[:place] + some + content[place + len(some) :]
