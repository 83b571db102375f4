"""Byte ranges, segments and resume states cover every byte of a file exactly once."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.downloads.engine.attempt import Attempt, resume_point
from backend.downloads.engine.byte_ranges import ByteRanges, add, end, gaps, length, merge, prefix, split
from backend.downloads.engine.models import FileSpec, Progress
from backend.downloads.engine.responses import RangeResponse, read_response
from backend.downloads.engine.resume_state import PartialFile, ResumeState
from backend.downloads.engine.segments import (
    MIN_SEGMENT_BYTES,
    Segment,
    SegmentPlan,
    connections_for,
    segment_bytes,
)
from backend.sources.errors import PermanentError, TemporaryError
from backend.sources.models import Located
from tests.support.answers import answer

SIZE = 60
BOUND = st.integers(0, SIZE)
ANY_RANGES = st.lists(st.tuples(BOUND, BOUND), max_size=12)
RANGES = ANY_RANGES.map(merge)


def bytes_in(ranges: list[tuple[int, int]] | ByteRanges) -> set[int]:
    return {byte for start, stop in ranges for byte in range(start, stop)}


@given(ANY_RANGES)
def test_merging_keeps_every_byte_and_every_gap(parts: list[tuple[int, int]]) -> None:
    ranges = merge(parts)
    assert bytes_in(ranges) == bytes_in(parts)
    assert all(start < stop for start, stop in ranges)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))


@given(RANGES, BOUND, BOUND)
def test_adding_a_part_adds_its_bytes(ranges: ByteRanges, start: int, stop: int) -> None:
    assert bytes_in(add(ranges, start, stop)) == bytes_in(ranges) | set(range(start, stop))


@given(RANGES)
def test_received_and_missing_ranges_make_the_file(ranges: ByteRanges) -> None:
    missing = gaps(ranges, SIZE)
    assert bytes_in(ranges) | bytes_in(missing) == set(range(SIZE))
    assert length(ranges) + length(missing) == SIZE
    assert merge(missing) == missing


@given(RANGES)
def test_the_contiguous_beginning_and_the_end_are_found(ranges: ByteRanges) -> None:
    present = bytes_in(ranges)
    assert prefix(ranges) == next(byte for byte in range(SIZE + 1) if byte not in present)
    assert end(ranges) == max(present, default=-1) + 1


@given(st.tuples(BOUND, BOUND), st.integers(1, SIZE))
def test_a_range_is_split_without_loss(byte_range: tuple[int, int], size: int) -> None:
    cut = list(split(byte_range, size))
    assert merge(cut) == merge([byte_range])
    assert all(0 < stop - start <= size for start, stop in cut)


SIZES = st.integers(1, 100_000_000_000)


@given(SIZES)
def test_a_file_of_any_size_has_a_bounded_number_of_segments(size: int) -> None:
    assert -(-size // segment_bytes(size)) <= max(65, size // 2**26 + 1)


@given(SIZES, st.integers(1, 16))
def test_connections_are_limited_and_zero_for_an_empty_rest(left: int, most: int) -> None:
    assert 1 <= connections_for(left, most) <= most
    assert connections_for(left, most) <= left // MIN_SEGMENT_BYTES + 1


# Steps of a connection: it takes a segment, receives bytes, breaks, or ends the segment.
STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "receive", "break"]), st.integers(0, 20), st.floats(0, 1))
)


@given(st.integers(1, 400_000_000), RANGES, STEPS)
def test_connections_that_break_deliver_every_byte_once(
    size: int, here: ByteRanges, steps: list[tuple[str, int, float]]
) -> None:
    here = tuple((start, stop) for start, stop in here if stop <= size)
    received, plan, taken = here, SegmentPlan(gaps(here, size), size), []
    for step, which, share in steps:
        if step == "take":
            segment = plan.take()
            taken += [segment] if segment else []
        elif taken:
            segment = taken[which % len(taken)]
            received = receive(received, segment, int(segment.remaining * share))
            if step == "break":
                taken.remove(segment)
                plan.put_back(segment)
    for segment in taken:
        received = receive(received, segment, segment.remaining)
        plan.finish(segment)
    while segment := plan.take():
        received = receive(received, segment, segment.remaining)
        plan.finish(segment)
    assert received == ((0, size),)


def receive(received: ByteRanges, segment: Segment, count: int) -> ByteRanges:
    """Return the ranges with `count` more bytes of the segment, which must all be missing."""
    after = add(received, segment.offset, segment.offset + count)
    assert length(after) == length(received) + count
    segment.offset += count
    return after


STATES = st.builds(
    ResumeState,
    url=st.just("https://example.org/x"),
    ranges=RANGES,
    bytes=st.none() | SIZES,
    sha256=st.none() | st.just("0" * 64),
    identity=st.none() | st.text(max_size=5),
    validator=st.none() | st.text(max_size=5),
)


@given(state=STATES, on_disk=BOUND)
def test_a_state_is_valid_only_if_its_bytes_are_on_disk(
    tmp_path_factory: pytest.TempPathFactory, state: ResumeState, on_disk: int
) -> None:
    folder = tmp_path_factory.mktemp("states")
    partial = PartialFile(folder / "x.safetensors")
    partial.write(state)
    partial.part.write_bytes(bytes(on_disk))
    assert partial.read() == (state if on_disk >= end(state.ranges) else None)


HERE, THERE = "https://example.org/x", "https://example.org/y"
HASH, OTHER_HASH = "5" * 64, "6" * 64
# The state of an earlier attempt, this request and its response, and whether the download resumes.
DECISIONS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    # A known hash decides, whatever the URL and ETag.
    ({"sha256": HASH, "url": THERE}, {"sha256": HASH}, True),
    ({"sha256": HASH, "identity": "a", "validator": '"v"'}, {"sha256": HASH, "identity": "b"}, True),
    ({"sha256": HASH}, {"sha256": HASH, "url": THERE, "identity": "b"}, True),
    ({"sha256": HASH, "url": THERE}, {"sha256": OTHER_HASH}, False),
    ({"url": THERE, "validator": '"v"'}, {}, False),
    ({"url": THERE, "validator": '"v"'}, {"sha256": HASH}, False),
    # Without a hash, the URL and the ETags of the hub and of the CDN decide.
    ({"validator": '"v"'}, {}, True),
    ({}, {}, False),
    ({"identity": "a"}, {"identity": "a"}, True),
    ({"identity": "a", "validator": '"v"'}, {"identity": "b"}, False),
    ({"identity": "a", "validator": '"v"'}, {"identity": None}, True),
    ({"identity": "a"}, {"identity": None}, False),
    ({"validator": '"v"'}, {"url": THERE}, False),
    # An impossible size.
    ({"sha256": HASH}, {"sha256": HASH, "bytes": 10}, False),
    ({"sha256": HASH, "bytes": 2 * SIZE}, {"sha256": HASH, "bytes": SIZE}, False),
]


@pytest.mark.parametrize(("left", "now", "goes_on"), DECISIONS)
def test_a_download_resumes_only_for_the_same_content(
    tmp_path: Path, left: dict[str, Any], now: dict[str, Any], goes_on: bool
) -> None:
    nothing: dict[str, Any] = {
        "url": HERE,
        "bytes": None,
        "sha256": None,
        "identity": None,
        "validator": None,
    }
    earlier = ResumeState(ranges=((0, 20), (30, 40)), **{**nothing, **left})
    point = resume_point(attempt_at(tmp_path, earlier, **now))
    assert point.ranges == (earlier.ranges if goes_on else ())
    assert point.validator == (earlier.validator if goes_on else None)


def test_an_alternative_of_another_size_is_rejected_and_received_bytes_stay(tmp_path: Path) -> None:
    earlier = ResumeState(url=HERE, ranges=((0, 20),), bytes=SIZE, sha256=HASH, identity=None, validator=None)
    with pytest.raises(PermanentError, match="received bytes are kept"):
        resume_point(attempt_at(tmp_path, earlier, url=THERE, sha256=HASH, bytes=SIZE + 1))


def attempt_at(
    folder: Path, previous: ResumeState, url: str = HERE, sha256: str | None = None, **located: Any
) -> Attempt:
    return Attempt(
        spec=FileSpec(url=HERE, target=folder / "x.safetensors"),
        url=url,
        located=Located(url=url, **located),
        sha256=sha256,
        previous=previous,
        progress=Progress(),
    )


@given(st.binary(max_size=300))
def test_a_damaged_state_is_ignored(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("states")
    partial = PartialFile(folder / "x.safetensors")
    (folder / ".x.safetensors.resume.part").write_bytes(content)
    partial.part.write_bytes(bytes(SIZE))
    assert partial.read() is None


@given(asked=BOUND, first=BOUND, last=BOUND, total=st.none() | BOUND)
def test_a_partial_response_must_start_at_the_requested_offset(
    asked: int, first: int, last: int, total: int | None
) -> None:
    stated = f"bytes {first}-{last}/{'*' if total is None else total}"
    response = answer(206, {"Content-Range": stated, "ETag": '"a"'})
    if first == asked <= last:
        opening = read_response(response, asked)
        assert opening == RangeResponse(
            start=asked, stop=last + 1, size=total, is_partial=True, validator='"a"'
        )
    else:
        with pytest.raises(TemporaryError, match="another part"):
            read_response(response, asked)


@given(asked=BOUND, length=st.none() | BOUND)
def test_a_complete_response_never_continues_a_range(asked: int, length: int | None) -> None:
    headers = {} if length is None else {"Content-Length": str(length)}
    opening = read_response(answer(200, headers), asked)
    assert (opening.start, opening.stop, opening.is_partial) == (0, length, False)
