"""However a file arrives in parts, every byte comes once and none is forgotten."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core import clock
from backend.downloads.engine.attempt import Attempt, resume_point
from backend.downloads.engine.byte_ranges import ByteRanges, add, covered, end, gaps, joined, pieces, prefix
from backend.downloads.engine.responses import RangeResponse, read_response
from backend.downloads.engine.resume_state import PartialFile, ResumeState
from backend.downloads.engine.segments import (
    SMALLEST_SEGMENT,
    Segment,
    SegmentPlan,
    connections_for,
    piece_bytes,
)
from backend.downloads.models import Progress, Transfer
from backend.sources.errors import PermanentError, TemporaryError
from backend.sources.models import Located
from tests.support.answers import answer

SIZE = 60
BOUND = st.integers(0, SIZE)
ANY_SPANS = st.lists(st.tuples(BOUND, BOUND), max_size=12)
SPANS = ANY_SPANS.map(joined)


def bytes_in(spans: list[tuple[int, int]] | ByteRanges) -> set[int]:
    return {byte for start, stop in spans for byte in range(start, stop)}


@given(ANY_SPANS)
def test_joining_keeps_every_byte_and_leaves_holes_between(parts: list[tuple[int, int]]) -> None:
    spans = joined(parts)
    assert bytes_in(spans) == bytes_in(parts)
    assert all(start < stop for start, stop in spans)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans))


@given(SPANS, BOUND, BOUND)
def test_adding_a_part_adds_its_bytes(spans: ByteRanges, start: int, stop: int) -> None:
    assert bytes_in(add(spans, start, stop)) == bytes_in(spans) | set(range(start, stop))


@given(SPANS)
def test_what_is_here_and_what_is_missing_make_the_file(spans: ByteRanges) -> None:
    missing = gaps(spans, SIZE)
    assert bytes_in(spans) | bytes_in(missing) == set(range(SIZE))
    assert covered(spans) + covered(missing) == SIZE
    assert joined(missing) == missing


@given(SPANS)
def test_the_beginning_without_holes_and_the_end_are_found(spans: ByteRanges) -> None:
    present = bytes_in(spans)
    assert prefix(spans) == next(byte for byte in range(SIZE + 1) if byte not in present)
    assert end(spans) == max(present, default=-1) + 1


@given(st.tuples(BOUND, BOUND), st.integers(1, SIZE))
def test_a_span_is_cut_without_loss(span: tuple[int, int], length: int) -> None:
    cut = list(pieces(span, length))
    assert joined(cut) == joined([span])
    assert all(0 < stop - start <= length for start, stop in cut)


SIZES = st.integers(1, 100_000_000_000)


@given(SIZES)
def test_a_file_of_any_size_is_cut_into_a_bearable_number_of_pieces(size: int) -> None:
    assert -(-size // piece_bytes(size)) <= max(65, size // 2**26 + 1)


@given(SIZES, st.integers(1, 16))
def test_no_more_connections_than_allowed_and_none_for_nothing(left: int, most: int) -> None:
    assert 1 <= connections_for(left, most) <= most
    assert connections_for(left, most) <= left // SMALLEST_SEGMENT + 1


# What happens at a connection: it asks for work, brings some of it, breaks, or ends a piece.
STEPS = st.lists(st.tuples(st.sampled_from(["take", "bring", "break"]), st.integers(0, 20), st.floats(0, 1)))


@given(st.integers(1, 400_000_000), SPANS, STEPS)
def test_connections_that_come_and_break_bring_every_byte_once(
    size: int, here: ByteRanges, steps: list[tuple[str, int, float]]
) -> None:
    here = tuple((start, stop) for start, stop in here if stop <= size)
    brought, plan, taken = here, SegmentPlan(gaps(here, size), size), []
    for step, which, share in steps:
        if step == "take":
            piece = plan.take()
            taken += [piece] if piece else []
        elif taken:
            piece = taken[which % len(taken)]
            brought = bring(brought, piece, int(piece.left * share))
            if step == "break":
                taken.remove(piece)
                plan.give_back(piece)
    for piece in taken:
        brought = bring(brought, piece, piece.left)
        plan.done(piece)
    while piece := plan.take():
        brought = bring(brought, piece, piece.left)
        plan.done(piece)
    assert brought == ((0, size),)


def bring(brought: ByteRanges, piece: Segment, count: int) -> ByteRanges:
    """The spans with `count` more bytes of the piece, none of which may be here yet."""
    after = add(brought, piece.at, piece.at + count)
    assert covered(after) == covered(brought) + count
    piece.at += count
    return after


RECEIPTS = st.builds(
    ResumeState,
    url=st.just("https://example.org/x"),
    spans=SPANS,
    bytes=st.none() | SIZES,
    sha256=st.none() | st.just("0" * 64),
    identity=st.none() | st.text(max_size=5),
    validator=st.none() | st.text(max_size=5),
)


@given(receipt=RECEIPTS, on_disk=BOUND)
def test_a_receipt_is_believed_exactly_when_its_bytes_are_there(
    tmp_path_factory: pytest.TempPathFactory, receipt: ResumeState, on_disk: int
) -> None:
    folder = tmp_path_factory.mktemp("receipts")
    partial = PartialFile(folder / "x.safetensors")
    partial.write(receipt)
    partial.part.write_bytes(bytes(on_disk))
    assert partial.read() == (receipt if on_disk >= end(receipt.spans) else None)


HERE, THERE = "https://example.org/x", "https://example.org/y"
HASH, OTHER_HASH = "5" * 64, "6" * 64
# What an earlier attempt left; what this one asks and is told; whether it goes on with what is here.
DECISIONS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    # A promised hash decides, wherever the bytes come from and whatever they are called there.
    ({"sha256": HASH, "url": THERE}, {"sha256": HASH}, True),
    ({"sha256": HASH, "identity": "a", "validator": '"v"'}, {"sha256": HASH, "identity": "b"}, True),
    ({"sha256": HASH}, {"sha256": HASH, "address": THERE, "identity": "b"}, True),
    ({"sha256": HASH, "url": THERE}, {"sha256": OTHER_HASH}, False),
    ({"url": THERE, "validator": '"v"'}, {}, False),
    ({"url": THERE, "validator": '"v"'}, {"sha256": HASH}, False),
    # Without one, the address and what its hub calls the content; the server that sends it has a word in it, too.
    ({"validator": '"v"'}, {}, True),
    ({}, {}, False),
    ({"identity": "a"}, {"identity": "a"}, True),
    ({"identity": "a", "validator": '"v"'}, {"identity": "b"}, False),
    ({"identity": "a", "validator": '"v"'}, {"identity": None}, True),
    ({"identity": "a"}, {"identity": None}, False),
    ({"validator": '"v"'}, {"address": THERE}, False),
    # A size that cannot be.
    ({"sha256": HASH}, {"sha256": HASH, "bytes": 10}, False),
    ({"sha256": HASH, "bytes": 2 * SIZE}, {"sha256": HASH, "bytes": SIZE}, False),
]


@pytest.mark.parametrize(("left", "now", "goes_on"), DECISIONS)
def test_parts_are_gone_on_with_when_they_are_of_the_same_content(
    tmp_path: Path, left: dict[str, Any], now: dict[str, Any], goes_on: bool
) -> None:
    nothing: dict[str, Any] = {
        "url": HERE,
        "bytes": None,
        "sha256": None,
        "identity": None,
        "validator": None,
    }
    earlier = ResumeState(spans=((0, 20), (30, 40)), **{**nothing, **left})
    point = resume_point(attempt_at(tmp_path, earlier, **now))
    assert point.spans == (earlier.spans if goes_on else ())
    assert point.validator == (earlier.validator if goes_on else None)


def test_an_alternative_of_another_size_is_refused_and_what_is_here_stays(tmp_path: Path) -> None:
    earlier = ResumeState(url=HERE, spans=((0, 20),), bytes=SIZE, sha256=HASH, identity=None, validator=None)
    with pytest.raises(PermanentError, match="What has arrived is kept"):
        resume_point(attempt_at(tmp_path, earlier, address=THERE, sha256=HASH, bytes=SIZE + 1))


def attempt_at(
    folder: Path, earlier: ResumeState, address: str = HERE, sha256: str | None = None, **told: Any
) -> Attempt:
    transfer = Transfer(id="x", url=HERE, folder="vae", filename="x.safetensors", created_at=clock.now())
    return Attempt(
        partial=PartialFile(folder / "x.safetensors"),
        transfer=transfer,
        address=address,
        located=Located(url=address, **told),
        sha256=sha256,
        earlier=earlier,
        progress=Progress(),
    )


@given(st.binary(max_size=300))
def test_a_damaged_receipt_is_not_believed_and_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.mktemp("receipts")
    partial = PartialFile(folder / "x.safetensors")
    (folder / ".x.safetensors.receipt.part").write_bytes(content)
    partial.part.write_bytes(bytes(SIZE))
    assert partial.read() is None


@given(asked=BOUND, first=BOUND, last=BOUND, total=st.none() | BOUND)
def test_a_part_is_taken_only_when_it_begins_where_it_was_asked_for(
    asked: int, first: int, last: int, total: int | None
) -> None:
    stated = f"bytes {first}-{last}/{'*' if total is None else total}"
    response = answer(206, {"Content-Range": stated, "ETag": '"a"'})
    if first == asked:
        opening = read_response(response, asked)
        assert opening == RangeResponse(start=asked, stop=last + 1, size=total, ranged=True, validator='"a"')
    else:
        with pytest.raises(TemporaryError, match="another part"):
            read_response(response, asked)


@given(asked=BOUND, length=st.none() | BOUND)
def test_a_whole_file_never_continues_a_part(asked: int, length: int | None) -> None:
    headers = {} if length is None else {"Content-Length": str(length)}
    opening = read_response(answer(200, headers), asked)
    assert (opening.start, opening.stop, opening.ranged) == (0, length, False)
