"""The inputs of jobs as a command line gives them: `--set`, `--grid`, and rows of a CSV or JSONL file.

`@FILE` stands for the text of a file, or for the file itself, to be uploaded, where it is a picture, a video or a sound.
"""

import csv
import io
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.cli.errors import CommandError, Misused
from backend.cli.files import STANDARD_INPUT, content_of

# What the API reads as a range.
RANGE = re.compile(r"\s*-?\d[\d.]*\.\.-?\d[\d.]*\s*")
FROM_FILE = "@"
MAX_ROWS = 10_000
# The size of a request is limited; a cell may be a long prompt.
csv.field_size_limit(1_000_000)

# What `@FILE` uploads, by the first word of its media type.
UPLOADED = frozenset({"image", "video", "audio", "model"})

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FileToUpload:
    """A value that is a file of this machine."""

    path: Path


def read_settings(settings: Iterable[str]) -> tuple[Values, Values]:
    """Return values and grid of `NAME=VALUE`. `1..20` is an axis of the grid, `@FILE` the text of a file."""
    values: Values = {}
    grid: Values = {}
    for name, text in _assignments("--set", settings):
        if RANGE.fullmatch(text):
            grid[name] = text
        elif text.startswith(FROM_FILE):
            values[name] = _file_or_text(text[1:])
        else:
            values[name] = text
    return values, grid


def read_grid(settings: Iterable[str]) -> Values:
    """Return the axes of `NAME=a,b,c`, `NAME=1..20`, `NAME=["a, b", "c"]` or `NAME=@FILE` with a value in each line.

    `NAME=@a.png,@b.png` is an axis of files.
    """
    return {name: _axis(name, text) for name, text in _assignments("--grid", settings)}


def read_rows(name: str) -> list[Values]:
    """Return one set of inputs for each row of a file. The header, or the keys, are names of inputs."""
    content = _decoded(name, content_of(name))
    rows = list(_json_rows(name, content) if _is_json(name, content) else _csv_rows(name, content))
    if not rows:
        raise Misused(f"{name} has no rows, so there is nothing to run.")
    return rows


def _assignments(option: str, settings: Iterable[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not (name and equals):
            raise Misused(
                f"{option} {setting[:100]} is incomplete. Write NAME=VALUE, such as {option} 6.text=…"
            )
        if name in seen:
            raise Misused(f"{option} gives {name[:100]} twice.")
        seen.add(name)
        yield name, text


def _axis(name: str, text: str) -> Any:
    if RANGE.fullmatch(text):
        return text
    files = [part.strip() for part in text.split(",")]
    if all(part.startswith(FROM_FILE) and _is_uploaded(part[1:]) for part in files):
        values: list[Any] = [_file_to_upload(part[1:]) for part in files]
    elif text.startswith(FROM_FILE):
        values = [line for line in _text_of(text[1:]).splitlines() if line.strip()]
    elif text.lstrip().startswith("["):
        values = _json_list(name, text)
    else:
        values = [value.strip() for value in text.split(",") if value.strip()]
    if not values:
        raise Misused(f"--grid {name} has no values. Write {name}=a,b,c or {name}=1..20.")
    return values


def _json_list(name: str, text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list):
        raise Misused(f'--grid {name} is not a list in JSON. Write {name}=["a, b", "c"].')
    return values


def _file_or_text(name: str) -> Any:
    return _file_to_upload(name) if _is_uploaded(name) else _text_of(name).rstrip("\n")


def _is_uploaded(name: str) -> bool:
    kind = mimetypes.guess_type(name)[0] or ""
    return kind.partition("/")[0] in UPLOADED and "svg" not in kind


def _file_to_upload(name: str) -> FileToUpload:
    path = Path(name).expanduser()
    if not path.is_file():
        raise CommandError(f"{name} is not a file of this machine.")
    return FileToUpload(path=path)


def _text_of(file: str) -> str:
    return _decoded(file, content_of(file))


def _decoded(name: str, content: bytes) -> str:
    """Return the text of a file, without the mark that spreadsheets put before it."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Misused(f"{name} is not text in UTF-8. Save it as UTF-8.") from None


def _is_json(name: str, content: str) -> bool:
    if name == STANDARD_INPUT:
        return content.lstrip().startswith(("{", "["))
    return Path(name).suffix.lower() in (".jsonl", ".ndjson", ".json")


def _csv_rows(name: str, content: str) -> Iterator[Values]:
    """Yield rows; an empty cell leaves the input as the workflow has it."""
    if not content.strip():
        return
    header = content.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.DictReader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in reader.fieldnames or ()]
        if "" in columns or len(set(columns)) < len(columns):
            raise Misused(f"{name} has two columns with the same name, or one without a name.")
        reader.fieldnames = columns
        for row in reader:
            if None in row:
                raise Misused(
                    f"{name}, line {reader.line_num}: more cells than columns. Put texts with commas in quotes."
                )
            values = {column: cell for column, cell in row.items() if cell}
            _check_count(name, reader.line_num)
            if values:
                yield values
    except csv.Error as error:
        raise Misused(f"{name}, line {reader.line_num}: {error}.") from None


def _json_rows(name: str, content: str) -> Iterator[Values]:
    for number, row in _json_objects(name, content):
        nested = next((key for key, value in row.items() if isinstance(value, dict | list)), None)
        if nested is not None:
            raise Misused(
                f"{name}, row {number}: `{nested[:100]}` is a list or an object. An input is a text, a number or a "
                "boolean; name inputs of nodes as `6.text`."
            )
        _check_count(name, number)
        yield {key: value for key, value in row.items() if value is not None}


def _json_objects(name: str, content: str) -> Iterator[tuple[int, Values]]:
    """Yield the objects of lines, or of a list, with their numbers."""
    is_list = content.lstrip().startswith("[")
    texts = [content] if is_list else content.splitlines()
    for number, text in enumerate(texts, start=1):
        if not text.strip():
            continue
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise Misused(f"{name}, line {number} is not JSON.") from None
        for place, row in enumerate(found if is_list else [found], start=1 if is_list else number):
            if not isinstance(row, dict):
                raise Misused(f'{name}, row {place} is not an object such as {{"prompt": "a cat"}}.')
            yield place, row


def _check_count(name: str, number: int) -> None:
    if number > MAX_ROWS + 1:
        raise Misused(f"{name} has more than {MAX_ROWS} rows. Split it into several files.")
