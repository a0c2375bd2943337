import json

import pytest

from npvae.storage import json_files as module
from npvae.storage.json_files import parse_json, read_json, write_json


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": [float("nan"), 1.5], "b": {"c": -float("inf")}})
    assert read_json(tmp_path / "a.json") == {"a": [None, 1.5], "b": {"c": None}}


@pytest.mark.parametrize("depth", [30, 3_000, 1_000_000])
@pytest.mark.parametrize(("begin", "end"), [('{"a":', "}"), ("[", "]")])
def test_what_is_deeply_nested_is_refused(depth, begin, end):
    with pytest.raises(ValueError, match="nested"):
        parse_json('{"a":' + begin * depth + "1" + end * depth + "}")


def test_what_npvae_writes_is_not_deep():
    content = {"a": [{"b": {"c": [1]}}]}
    assert parse_json(json.dumps(content)) == content


@pytest.mark.parametrize("text", ["", "[]", "1", "null", "{", '{"a": 1' + "0" * 5000 + "}"])
def test_what_is_not_an_object_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        parse_json(text)


def test_a_large_file_is_not_read(tmp_path, monkeypatch):
    write_json(tmp_path / "a.json", {"a": 1})
    monkeypatch.setattr(module, "LARGEST", 5)
    with pytest.raises(ValueError, match="more than"):
        read_json(tmp_path / "a.json")
