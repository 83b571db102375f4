"""Responses of a server, built without one."""

from collections.abc import Mapping

import httpx


def answer(status: int, headers: Mapping[str, str]) -> httpx.Response:
    return httpx.Response(status, headers=headers, request=httpx.Request("GET", "https://example.org/x"))
