"""Lists in pages: `limit` and `cursor` in the query, the next page in the `Link` header.

A cursor contains the sort key of the last item of a page, so no item is repeated or skipped when others are added or
deleted between requests.
"""

import base64
import bisect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeAlias, TypeVar

from fastapi import Depends, Query
from starlette.requests import Request

from backend.core.errors import InvalidRequest

Item = TypeVar("Item")
# Ends in a unique value, such as an id.
SortKey: TypeAlias = tuple[str | int | float, ...]

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_CURSOR = 2000

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of items on a page.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=MAX_CURSOR,
        description="Where the page starts; the `Link` header contains the next cursor.",
    ),
]


@dataclass(frozen=True)
class PageRequest:
    limit: int
    cursor: str | None


def _page_request(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> PageRequest:
    return PageRequest(limit, cursor)


# `limit` and `cursor` as one parameter of a route.
Paging = Annotated[PageRequest, Depends(_page_request)]


@dataclass(frozen=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    # None on the last page.
    next_cursor: str | None

    def headers(self, request: Request) -> dict[str, str]:
        """Return the `Link` header of the next page (RFC 8288); empty on the last page."""
        if self.next_cursor is None:
            return {}
        url = request.url.include_query_params(cursor=self.next_cursor)
        return {"Link": f'<{url.path}?{url.query}>; rel="next"'}


def page_of(
    items: Sequence[Item], key: Callable[[Item], SortKey], limit: int, cursor: str | None
) -> Page[Item]:
    """Return one page of `items`, which must be sorted by `key`. Raise InvalidRequest for a cursor of another list."""
    start = 0
    if cursor is not None:
        try:
            start = bisect.bisect_right(items, decode_cursor(cursor), key=key)
        except TypeError:
            raise _bad_cursor() from None
    shown = items[start : start + limit]
    has_more = start + limit < len(items)
    return Page(shown, encode_cursor(key(shown[-1])) if has_more else None)


def encode_cursor(key: SortKey) -> str:
    return base64.urlsafe_b64encode(json.dumps(key, separators=(",", ":")).encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> SortKey:
    """Return the sort key. Raise InvalidRequest when `cursor` is not one of ours."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        raise _bad_cursor() from None
    if not isinstance(key, list) or not all(type(value) in (str, int, float) for value in key):
        raise _bad_cursor()
    return tuple(key)


def _bad_cursor() -> InvalidRequest:
    return InvalidRequest(
        "This cursor does not belong to this list. Start again without `cursor`.", code="bad_cursor"
    )
