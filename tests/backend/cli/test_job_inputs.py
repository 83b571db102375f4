"""What `--set`, `--grid` and `--from` mean."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.cli.errors import CommandError
from backend.cli.job_inputs import FileToUpload, read_grid, read_rows, read_settings


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(CommandError) as error:
        work()
    return str(error.value)


def test_a_setting_is_a_value_and_a_range_an_axis() -> None:
    values, grid = read_settings(["6.text=a cat = 1", "seed=1..20", "cfg=0.5..1..0.1", "steps=20"])
    assert values == {"6.text": "a cat = 1", "steps": "20"}
    assert grid == {"seed": "1..20", "cfg": "0.5..1..0.1"}


def test_a_setting_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("\ufeffa cat,\non a mat\n")
    assert read_settings([f"prompt=@{tmp_path}/prompt.txt"])[0] == {"prompt": "a cat,\non a mat"}
    assert read_grid([f"prompt=@{tmp_path}/prompt.txt"]) == {"prompt": ["a cat,", "on a mat"]}


def test_a_picture_is_uploaded_and_a_text_is_read(tmp_path: Path) -> None:
    cat, dog = (tmp_path / name for name in ("cat.png", "dog.JPG"))
    cat.write_bytes(b"\x89PNG")
    dog.write_bytes(b"\xff\xd8")
    values, _ = read_settings([f"image=@{cat}"])
    assert values == {"image": FileToUpload(path=cat)}
    assert read_grid([f"image=@{cat}, @{dog}"]) == {"image": [FileToUpload(path=cat), FileToUpload(path=dog)]}
    assert "not a file" in refused(lambda: read_settings(["image=@nothing.png"]))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10,20, 30", ["10", "20", "30"]),
        ("1..5", "1..5"),
        ('["a, b", 5]', ["a, b", 5]),
        ("euler", ["euler"]),
    ],
)
def test_a_grid_takes_lists_and_ranges(text: str, values: Any) -> None:
    assert read_grid([f"x={text}"]) == {"x": values}


@pytest.mark.parametrize("setting", ["", "x", "=5", " =5"])
def test_an_incomplete_setting_is_refused(setting: str) -> None:
    assert "NAME=VALUE" in refused(lambda: read_settings([setting]))


def test_a_setting_given_twice_is_refused() -> None:
    assert "twice" in refused(lambda: read_settings(["x=1", "x=2"]))


@pytest.mark.parametrize("text", ["x=", "x=,", "x=[", "x=[]"])
def test_an_empty_or_broken_list_is_refused(text: str) -> None:
    assert "--grid x" in refused(lambda: read_grid([text]))


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.csv", b"prompt,seed\na cat,1\na dog,\n", [{"prompt": "a cat", "seed": "1"}, {"prompt": "a dog"}]),
        ("bom.csv", b"\xef\xbb\xbfprompt,seed\r\na cat,1\r\n", [{"prompt": "a cat", "seed": "1"}]),
        ("semicolon.csv", b"prompt;seed\na cat, red;1\n", [{"prompt": "a cat, red", "seed": "1"}]),
        ("quoted.csv", b'prompt\n"a cat,\nred"\n', [{"prompt": "a cat,\nred"}]),
        ("blank.csv", b"prompt\n\na cat\n\n", [{"prompt": "a cat"}]),
        (
            "a.jsonl",
            b'{"prompt": "a cat", "seed": 1}\n\n{"prompt": null}\n',
            [{"prompt": "a cat", "seed": 1}, {}],
        ),
        ("a.json", b'[{"prompt": "a cat"}]', [{"prompt": "a cat"}]),
    ],
)
def test_rows_of_a_file(tmp_path: Path, name: str, content: bytes, rows: list[dict[str, Any]]) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_rows(str(tmp_path / name)) == rows


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "no rows"),
        ("header.csv", b"prompt,seed\n", "no rows"),
        ("blank.jsonl", b"\n \n", "no rows"),
        ("twice.csv", b"a,a\n1,2\n", "two columns"),
        ("unnamed.csv", b"a,\n1,2\n", "without a name"),
        ("long.csv", b"a\n1,2\n", "line 2"),
        ("quote.csv", b'a\n"1\n', "unexpected end"),
        ("latin.csv", "prompt\nMünchen\n".encode("latin-1"), "UTF-8"),
        ("utf16.csv", "prompt\na cat\n".encode("utf-16"), "UTF-8"),
        ("nested.jsonl", b'{"prompt": "a"}\n{"6": {"text": "a cat"}}\n', "row 2: `6`"),
        ("list.jsonl", b'{"prompt": ["a"]}\n', "a list or an object"),
        ("broken.jsonl", b'{"prompt": "a"}\n{"prompt"\n', "line 2 is not JSON"),
        ("text.jsonl", b'"a cat"\n', "not an object"),
        ("deep.jsonl", b"[" * 100_000, "is not JSON"),
        ("many.csv", b"a\n" + b"1\n" * 10_001, "more than 10000 rows"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    message = refused(lambda: read_rows(str(tmp_path / name)))
    assert words in message
    assert name in message


def test_a_missing_file_is_named() -> None:
    assert "no-such.csv cannot be read" in refused(lambda: read_rows("no-such.csv"))
