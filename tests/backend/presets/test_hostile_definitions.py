"""A user imports a definition that was written to keep the control plane busy."""

import asyncio
from collections.abc import Callable

import pytest

from tests.support.control_plane import ControlPlane

# A definition may have almost 1 MiB.
LENGTH = 2**20 - 2**10


def repeated(line: Callable[[int], str]) -> str:
    """Return as many lines as a definition may have."""
    lines: list[str] = []
    length = 0
    while length < LENGTH:
        lines.append(line(len(lines)))
        length += len(lines[-1])
    return "".join(lines)[:LENGTH]


HOSTILE = {
    "keys": repeated(lambda number: f"k{number}: 1\n"),
    "keys in a flow mapping": "{" + repeated(lambda number: f"k{number}: 1, ") + "}",
    "a list": "files:\n" + repeated(lambda _: "- 1\n"),
    "a list in a flow sequence": "files: [" + repeated(lambda _: "1,") + "]",
    "empty files": "files:\n" + repeated(lambda _: "- {}\n"),
    "open brackets": "[" * LENGTH,
    "open braces": "{" * LENGTH,
    "nested keys": repeated(lambda depth: " " * depth + "a:\n"),
    "nested lists": "- " * (LENGTH // 2),
    "question marks": "? " * (LENGTH // 2),
    "a number to base 60": "vram_gb: 1" + ":59" * (LENGTH // 4),
    "a binary number": "vram_gb: 0b" + "1" * (LENGTH // 2),
    "quotes": "title: '" + "''" * (LENGTH // 2 - 10),
    "an unfinished text": 'title: "' + "\\n" * (LENGTH // 2 - 10),
    "comments": repeated(lambda _: "#\n"),
    "documents": repeated(lambda _: "---\n"),
    "addresses": "files:\n"
    + repeated(lambda _: "- {folder: vae, filename: a.pt, url: 'https://a.example/" + "a/" * 900 + "'}\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_definition_is_refused_while_others_are_served(pod: ControlPlane, name: str) -> None:
    async with asyncio.timeout(20):
        importing = asyncio.create_task(
            pod.client.post("/api/presets/import", content=HOSTILE[name].encode()[: 2**20])
        )
        while not importing.done():
            assert (await pod.client.get("/healthz")).status_code == 200
            await asyncio.wait([importing], timeout=0.01)
        answer = await importing
    assert answer.status_code == 400, answer.text[:500]
    # Hundreds of messages about one text do not help.
    assert len(answer.text) < 4000
