"""SQL statements by name, read from the `.sql` file beside the store that runs them.

    -- name: hash_of_file
    -- Return the hash unless the file has changed since.
    SELECT sha256 FROM hashes WHERE path = :path

Values are always bound. A list is bound as JSON text and unpacked with `json_each`.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
MIGRATION = re.compile(r"migration_\d+")


class Queries:
    """The statements of one file. `queries.hash_of_file` is the text of the statement with that name."""

    def __init__(self, file: Path):
        self._file = file
        _, *parts = NAME.split(file.read_text(encoding="utf-8"))
        self._statements = dict(zip(parts[::2], parts[1::2], strict=True))

    def __getattr__(self, name: str) -> str:
        try:
            return self._statements[name]
        except KeyError:
            raise AttributeError(f"{self._file.name} has no statement named {name}") from None

    @property
    def migrations(self) -> list[str]:
        """Return the scripts `migration_1`, `migration_2`, …, in the order of the file."""
        return [text for name, text in self._statements.items() if MIGRATION.fullmatch(name)]


def queries_beside(module: str) -> Queries:
    """Read `store.sql` for `store.py`; pass `__file__`."""
    return Queries(Path(module).with_suffix(".sql"))


def as_json(values: Iterable[str | int]) -> str:
    """Return the values as one parameter for `IN (SELECT value FROM json_each(:values))`."""
    return json.dumps(list(values))
