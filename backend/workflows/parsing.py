"""JSON from strangers: bounded before it is parsed, because a Python object costs up to 90 times its text."""

import json
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.graph import Json

# The largest file that is read. What ComfyUI saves has kilobytes; embedded pictures make it larger.
MAX_BYTES = 16 * 2**20
# Separators (`,` `:` `[` `{`) in one file, strings included: a bound for the number of values. The largest official
# template has 60,000, and 20,000 nodes have about a million and a half.
MAX_SEPARATORS = 2_000_000


def parse_json(content: bytes | str) -> Any:
    """Parse a file; raise InvalidRequest when it is too large, has too many values or is no JSON."""
    check_size(content)
    try:
        return json.loads(content)
    except RecursionError:
        raise InvalidRequest("The JSON is nested too deeply to be a workflow.", code="not_json") from None
    except json.JSONDecodeError as error:
        message = f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        raise InvalidRequest(message, code="not_json") from None
    except ValueError:  # no text, or a number that is too long
        raise InvalidRequest(
            "This is neither JSON nor a file with a workflow in it.", code="not_json"
        ) from None


def check_size(content: bytes | str) -> None:
    """Raise InvalidRequest when the file is larger than any workflow."""
    if len(content) > MAX_BYTES:
        raise InvalidRequest(
            f"The workflow has {len(content) / 1e6:.0f} MB; at most {MAX_BYTES / 1e6:.0f} MB are read. "
            "Export it without embedded pictures.",
            code="too_large",
        )
    if _separators(content) > MAX_SEPARATORS:
        raise InvalidRequest(
            f"The workflow has more than {MAX_SEPARATORS:,} values. Remove what is not part of the graph.",
            code="too_large",
        )


def _separators(content: bytes | str) -> int:
    signs = ",:[{"
    if isinstance(content, str):
        return sum(map(content.count, signs))
    return sum(content.count(sign.encode()) for sign in signs)


def as_dict(value: Any) -> Json:
    """Return the value, or an empty object when it is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return the value, or an empty list when it is none."""
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def as_int(value: Any, default: int = 0) -> int:
    return value if type(value) is int else default
