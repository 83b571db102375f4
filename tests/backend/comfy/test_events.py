"""The socket fails in all the ways that sockets do, and prompts are followed to their end all the same."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import websockets
from websockets.asyncio.server import Server, ServerConnection, serve

from backend.comfy.client import ComfyClient
from backend.comfy.event_stream import LARGEST_FRAME, EventStream
from backend.comfy.events import (
    Connected,
    Disconnected,
    NodeStarted,
    Progress,
    ProgressSnapshot,
    QueueChanged,
)
from backend.comfy.outcomes import Succeeded
from backend.comfy.previews import Preview
from backend.comfy.subscription import MOST_EVENTS, MOST_PROMPTS, RecentPrompts, Subscription
from backend.comfy.timing import Timing
from tests.support.comfyui.graphs import fresh, picture, through
from tests.support.comfyui.process import ComfyUI

QUEUE = json.dumps({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 7}}}})


@pytest.fixture
async def comfy(comfyui: ComfyUI) -> AsyncIterator[ComfyClient]:
    async with httpx.AsyncClient() as client:
        yield ComfyClient(comfyui.url, client, timing=Timing(poll=0.2, silence=0.3))


async def test_a_silent_socket_is_opened_again(comfy: ComfyClient, comfyui: ComfyUI) -> None:
    """Another one with the same client id takes the events away, and closes."""
    async with comfy.events.subscribe() as heard:
        await comfy.events.connected()
        url = comfyui.url.replace("http", "ws")
        async with websockets.connect(f"{url}/ws?clientId={comfy.events.client_id}", proxy=None) as other:
            await other.recv()
        heard.take_all()
        prompt_id = comfy.prompts.new_id()
        graph = through("TestSlow", steps=20, seconds=0.1, salt=fresh())
        await comfy.prompts.submit(graph, prompt_id, client_id=comfy.events.client_id)
        assert isinstance(await comfy.wait(prompt_id), Succeeded)
        events = heard.take_all()
        assert [event for event in events if isinstance(event, Disconnected)]
        assert [event for event in events if isinstance(event, Connected)]
        assert [event for event in events if isinstance(event, Progress)]


async def test_a_prompt_is_followed_without_any_socket(comfy: ComfyClient) -> None:
    """A prompt without a client id sends no events: polling decides."""
    prompt_id = comfy.prompts.new_id()
    await comfy.prompts.submit(picture(), prompt_id)
    assert isinstance(await comfy.wait(prompt_id), Succeeded)
    assert not comfy.events.is_connected


async def test_who_comes_later_sees_what_has_happened(comfy: ComfyClient) -> None:
    async with comfy.events.opened():
        await comfy.events.connected()
        prompt_id = comfy.prompts.new_id()
        graph = through("TestSlow", steps=2, salt=fresh())
        await comfy.prompts.submit(graph, prompt_id, client_id=comfy.events.client_id)
        await comfy.wait(prompt_id)
        updates = [update async for update in comfy.follow(prompt_id, previews=True)]
    assert {update.node_id for update in updates if isinstance(update, NodeStarted)} >= {"5", "9"}
    assert len([update for update in updates if isinstance(update, Preview)]) == 1
    assert isinstance(updates[-1], Succeeded)


async def test_the_socket_is_closed_when_it_has_no_readers(comfy: ComfyClient) -> None:
    async with comfy.events.opened(), comfy.events.subscribe() as first:
        assert await first.next(20) == Connected()
        assert isinstance(await first.next(20), QueueChanged)
    async with comfy.events.subscribe() as second:
        assert await second.next(20) == Connected()
    assert not comfy.events.is_connected


async def run(server: Server, stream: EventStream) -> list[object]:
    async with server, stream.subscribe() as events:
        seen: list[object] = []
        while QueueChanged(remaining=7) not in seen:
            event = await events.next(20)
            assert event, seen
            seen.append(event)
    return seen


def stream_to(server: Server) -> EventStream:
    return EventStream(f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}")


@pytest.mark.parametrize(
    "frames",
    [
        ["no JSON", "[]", "7", '{"type": 7}', '{"type": "progress", "data": []}', "[" * 100_000],
        [b"", b"\0\0\0\1", b"\0\0\0\4\xff\xff\xff\xff", b"\0\0\0\x09new", b"\0\0\0\4\0\0\0\2{]picture"],
        [
            '{"type": "progress", "data": {"value": "x", "max": 1e999}}',
            '{"type": "executed", "data": {"output": 7}}',
        ],
    ],
)
async def test_frames_that_make_no_sense_are_passed_over(frames: list[str | bytes]) -> None:
    async def handle(socket: ServerConnection) -> None:
        for frame in [*frames, QUEUE]:
            await socket.send(frame)
        await socket.wait_closed()

    server = await serve(handle, "127.0.0.1", 0)
    assert await run(server, stream_to(server)) == [Connected(), QueueChanged(remaining=7)]


async def test_a_frame_that_is_too_large_closes_the_socket_and_the_next_one_works() -> None:
    count = 0

    async def handle(socket: ServerConnection) -> None:
        nonlocal count
        count += 1
        await socket.recv()
        await socket.send("x" * (LARGEST_FRAME + 1) if count == 1 else QUEUE)
        await socket.wait_closed()

    server = await serve(handle, "127.0.0.1", 0)
    seen = await run(server, stream_to(server))
    assert seen == [Connected(), Disconnected(), Connected(), QueueChanged(remaining=7)]


async def test_what_is_no_socket_is_tried_again() -> None:
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write([b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b""][count % 3])
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        stream = EventStream(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with stream.subscribe() as events:
            while count < 4:
                assert await events.next(0.05) is None
        assert not stream.is_connected


def test_a_slow_reader_gets_the_newest_progress_and_keeps_its_memory() -> None:
    subscription = Subscription(None, previews=True)
    for number in range(3 * MOST_EVENTS):
        subscription.add(Progress(prompt_id="p", node_id="5", value=number, maximum=9))
        subscription.add(
            Preview(prompt_id="p", node_id="5", media_type="image/png", content=bytes([number % 256]))
        )
        subscription.add(ProgressSnapshot(prompt_id="p", nodes=()))
        subscription.add(NodeStarted(prompt_id="p", node_id=str(number), display_node_id=str(number)))
    events = subscription.take_all()
    assert len(events) <= MOST_EVENTS
    assert Progress(prompt_id="p", node_id="5", value=3 * MOST_EVENTS - 1, maximum=9) in events
    assert len([event for event in events if isinstance(event, Preview)]) == 1


def test_only_the_latest_prompts_are_remembered() -> None:
    recent = RecentPrompts()
    for number in range(2 * MOST_PROMPTS):
        recent.add(NodeStarted(prompt_id=str(number), node_id="1", display_node_id="1"))
    assert recent.of("0") == []
    assert recent.of(str(2 * MOST_PROMPTS - 1))
