"""JSON files: written without NaN, read only if they are small and not deeply nested."""

import json
from math import isfinite
from pathlib import Path
from typing import Any

from npvae.storage.atomic import atomic_write
from npvae.storage.reading import read_bytes

LARGEST = 1 << 24  # bytes; parsed JSON takes about ten times as much memory
DEEPEST = 20  # levels of nesting; npvae's own files need five


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, with null in place of NaN and infinity."""
    with atomic_write(path, "w", encoding="utf-8") as file:
        json.dump(finite(content), file, indent=2, allow_nan=False)
        file.write("\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Return the object in a JSON file; call it within `reading`, which adds the file's name.

    Raises
    ------
    ValueError
        If the file is too large, not JSON, too deeply nested, or not an object.
    """
    return parse_json(read_bytes(path, LARGEST).decode("utf-8"))


def parse_json(text: str) -> dict[str, Any]:
    """Return the object that a JSON text describes.

    Raises
    ------
    ValueError
        If the text is not JSON, is too deeply nested, or describes something other than an object.

    >>> parse_json('{"latent": 20}')
    {'latent': 20}
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError("it is too deeply nested") from None
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    level: list[Any] = [content]
    for _ in range(DEEPEST):
        level = [
            value
            for item in level
            if isinstance(item, dict | list)
            for value in (item.values() if isinstance(item, dict) else item)
        ]
    if level:
        raise ValueError("it is too deeply nested")
    return content


def finite(content: Any) -> Any:
    """Return JSON content with None in place of NaN and infinity, which JSON lacks."""
    if isinstance(content, dict):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def as_names(stored: Any) -> list[str]:
    """Return names from a JSON file, without characters that cannot be written.

    >>> as_names(["a", "b"]), as_names(None)
    (['a', 'b'], [])
    """
    names = map(str, stored if isinstance(stored, list) else [])
    return [name.encode(errors="replace").decode() for name in names]


def as_categories(stored: Any) -> dict[str, tuple[str, ...]]:
    """Return the texts of each text column of a table, from a JSON file.

    >>> as_categories({"colour": ["blue", "red"]}), as_categories(3)
    ({'colour': ('blue', 'red')}, {})
    """
    found = stored.items() if isinstance(stored, dict) else ()
    texts = {as_names([name])[0]: tuple(as_names(names)) for name, names in found}
    return {name: names for name, names in texts.items() if names}
