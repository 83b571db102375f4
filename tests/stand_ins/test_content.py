"""Files far larger than memory or disk are made on the fly, the same bytes at every reading."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.hub import Hub, running_hub
from tests.support.hub.content import BLOCK, Content, Spoiled
from tests.support.hub.formats import safetensors

FORTY_GB = 40_000_000_000


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


def test_any_part_of_forty_gigabytes_can_be_asked_for(hub: Hub) -> None:
    url = hub.url_of(hub.add_plain("huge.safetensors", FORTY_GB))

    def read(first: int, last: int) -> bytes:
        answer = httpx.get(url, headers={"Range": f"bytes={first}-{last}"})
        assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{FORTY_GB}"
        return answer.content

    whole = read(FORTY_GB - 3_000_000, FORTY_GB - 1)
    assert whole == read(FORTY_GB - 3_000_000, FORTY_GB - 1_234_568) + read(
        FORTY_GB - 1_234_567, FORTY_GB - 1
    )
    assert len({whole[at : at + BLOCK] for at in range(0, len(whole), BLOCK)}) == 3


@pytest.mark.parametrize("offset", [0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 3, 2 * BLOCK + 8, 2_999_990])
@pytest.mark.parametrize("length", [1, 7, 8, 9, 1000, BLOCK, BLOCK + 1])
@pytest.mark.parametrize("content", [safetensors(3_000_000), Spoiled(safetensors(3_000_000), BLOCK)])
def test_bytes_are_the_same_copied_or_not(content: Content, offset: int, length: int) -> None:
    whole = b"".join(content.blocks())
    assert content.view(offset, length) == content.read(offset, length) == whole[offset : offset + length]
