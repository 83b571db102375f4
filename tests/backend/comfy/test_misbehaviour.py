"""Something else than ComfyUI answers, or ComfyUI answers nonsense: there is a typed error, and nothing hangs."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.comfy.client import ComfyClient
from backend.comfy.errors import (
    ComfyError,
    FileMissing,
    InvalidResponse,
    PromptRejected,
    Rejected,
    Unreachable,
)
from backend.comfy.follow import ContactLost, ContactRestored
from backend.comfy.frames import read_text
from backend.comfy.node_types import NodeType
from backend.comfy.outcomes import FileReference, PromptState, outcome_of
from backend.comfy.outputs import read_outputs
from backend.comfy.previews import read_binary
from backend.comfy.problems import read_node_problems, read_problem
from backend.comfy.records import read_execution_error, read_history, read_job, read_queued
from backend.comfy.server_info import read_log
from backend.comfy.timing import Timing
from backend.comfy.wire import decode
from backend.core.errors import InvalidRequest

QUICK = Timing(response=1.0, submission=1.0, all_node_types=1.0, upload=1.0, quiet=1.0, poll=0.05, retry=0.05)
ID = "0b0e8d4c-2f1a-4c53-9d0e-5a4b3c2d1e0f"

Call = Callable[[ComfyClient], Awaitable[object]]
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def download(comfy: ComfyClient) -> None:
    async def sink(_: bytes) -> None:
        return

    await comfy.files.download(FileReference(filename="a.png"), sink)


CALLS: dict[str, Call] = {
    "submit": lambda comfy: comfy.prompts.submit({}, ID),
    "submit_once": lambda comfy: comfy.prompts.submit_once({}, ID),
    "find": lambda comfy: comfy.prompts.find(ID),
    "queue": lambda comfy: comfy.prompts.queue(),
    "remaining": lambda comfy: comfy.prompts.remaining(),
    "active": lambda comfy: comfy.prompts.active(),
    "history": lambda comfy: comfy.prompts.history(),
    "cancel": lambda comfy: comfy.prompts.cancel(ID),
    "upload": lambda comfy: comfy.files.upload(b"x", "a.png"),
    "process": lambda comfy: comfy.process.current(),
    "describe": lambda comfy: comfy.node_types.describe(["A"]),
    "summaries": lambda comfy: comfy.node_types.summaries(),
    "models": lambda comfy: comfy.models.files("vae"),
    "kinds": lambda comfy: comfy.models.kinds(),
    "metadata": lambda comfy: comfy.models.metadata("vae", "a.safetensors"),
    "stats": lambda comfy: comfy.server.stats(),
    "features": lambda comfy: comfy.server.features(),
    "log": lambda comfy: comfy.server.log(),
    "user files": lambda comfy: comfy.user_files.list_folder(),
}
# Their response is not JSON, so text is fine.
BYTES: dict[str, Call] = {
    "download": download,
    "user file": lambda comfy: comfy.user_files.read("a"),
    "write": lambda comfy: comfy.user_files.write("a", b"x"),
    "interrupt": lambda comfy: comfy.prompts.interrupt(),
    "free": lambda comfy: comfy.server.free(),
}


def response(body: bytes, status: str = "200 OK", *headers: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


def raw(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
        await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.1)


async def nothing(_: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@asynccontextmanager
async def answering(answer: Answer, timing: Timing = QUICK) -> AsyncIterator[ComfyClient]:
    """Yield a server that answers every request alike, and then closes the connection."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), b":0"
            )
            await reader.readexactly(int(length.partition(b":")[2]))
            await answer(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            port = server.sockets[0].getsockname()[1]
            yield ComfyClient(f"http://127.0.0.1:{port}", client, timing=timing)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


NONSENSE = {
    "a page": response(b"<!doctype html><title>Welcome</title>", "200 OK", "Content-Type: text/html"),
    "nothing": response(b""),
    "a number": response(b"7"),
    "a text": response(b'"x"'),
    "null": response(b"null"),
    "a list of numbers": response(b"[1, 2]"),
    "a list of lists": response(b"[[[]]]"),
    "deep lists": response(b"[" * 100_000),
    "deep and whole lists": response(b"[" * 100_000 + b"]" * 100_000),
    "a huge number": response(b"9" * 100_000),
    "no text": response(b"\xff\xfe\xfa"),
    "an error of its own": response(b"500: Internal Server Error", "500 Internal Server Error"),
    "a redirect": response(b"", "302 Found", "Location: http://203.0.113.1/"),
    "a compressed body": response(gzip.compress(b"{}"), "200 OK", "Content-Encoding: gzip"),
    "another protocol": raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "a header without end": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000),
    "a false length": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
}
AWAY = {
    "a proxy's page": response(b"<h1>502</h1>", "502 Bad Gateway"),
    "a proxy's other page": response(b"", "503 Service Unavailable"),
    "no answer": nothing,
    "one byte after the other": dripping,
    "a closed connection": raw(b""),
    "half a body": raw(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"half'),
}


@pytest.mark.parametrize("what", NONSENSE)
async def test_nonsense_is_an_invalid_response(what: str) -> None:
    async with answering(NONSENSE[what]) as comfy:
        for name, call in CALLS.items():
            with pytest.raises(InvalidResponse) as error:
                await call(comfy)
            assert "ComfyUI sent an invalid response to" in error.value.message, name
            assert error.value.status == 502


async def test_an_endless_response_is_not_read_to_its_end() -> None:
    async with answering(endless, Timing(response=60)) as comfy:
        with pytest.raises(InvalidResponse, match="larger than 8 MB"):
            await comfy.models.kinds()


@pytest.mark.parametrize("what", AWAY)
async def test_a_comfyui_that_is_away_is_unreachable(what: str) -> None:
    async with answering(AWAY[what]) as comfy:
        calls = CALLS if what not in ("no answer", "one byte after the other") else {"find": CALLS["find"]}
        for name, call in calls.items():
            with pytest.raises(Unreachable) as error:
                await call(comfy)
            assert (error.value.status, error.value.message) == (
                503,
                "ComfyUI does not answer. It may be starting; see its log.",
            ), name


@pytest.mark.slow
@pytest.mark.parametrize("what", NONSENSE | AWAY)
async def test_files_and_signals_end_in_a_typed_error_or_work(what: str) -> None:
    async with answering((NONSENSE | AWAY)[what]) as comfy:
        for name, call in BYTES.items():
            if what == "one byte after the other" and name == "download":
                continue  # a file may take any time
            try:
                async with asyncio.timeout(10):
                    await call(comfy)
            except ComfyError:
                continue


@pytest.mark.parametrize("status", ["400 Bad Request", "403 Forbidden", "418 I am a teapot", "429 Too Many"])
@pytest.mark.parametrize(
    "body", [b"", b"<h1>no</h1>", b'{"error": "because"}', b'{"error": {"message": "because"}}']
)
async def test_a_refusal_is_told_from_nonsense(status: str, body: bytes) -> None:
    async with answering(response(body, status)) as comfy:
        for name, call in CALLS.items():
            if name == "features":
                continue  # older versions do not have them
            with pytest.raises(Rejected) as error:
                await call(comfy)
            assert error.value.upstream_status == int(status[:3])
            assert isinstance(error.value, PromptRejected) == (name == "submit" and b"error" in body)
            assert ("because" in error.value.message) == (b"because" in body)


async def test_a_refusal_is_shown_without_secrets() -> None:
    secret = "sk-0123456789abcdef0123456789"
    body = json.dumps(
        {"error": {"type": "x", "message": f"key {secret} is wrong"}, "node_errors": {}}
    ).encode()
    async with answering(response(body, "400 Bad Request")) as comfy:
        with pytest.raises(PromptRejected) as error:
            await comfy.prompts.submit({}, ID)
    assert error.value.message == "ComfyUI refuses the workflow: key [hidden] is wrong"


async def test_an_answer_about_another_prompt_is_not_believed() -> None:
    other = {"id": "another", "status": "completed", "prompt_id": "another", "number": 1, "node_errors": {}}
    async with answering(response(json.dumps(other).encode())) as comfy:
        with pytest.raises(InvalidResponse, match="another one"):
            await comfy.prompts.find(ID)
        with pytest.raises(InvalidResponse, match="an id of its own"):
            await comfy.prompts.submit({}, ID)


async def test_a_file_that_ends_too_early_is_not_taken_for_whole() -> None:
    half = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")
    async with answering(half) as comfy:
        with pytest.raises(Unreachable):
            await download(comfy)


async def test_a_missing_file_is_told_from_a_missing_comfyui() -> None:
    async with answering(response(b"", "404 Not Found")) as comfy:
        with pytest.raises(FileMissing, match=r"`a\.png`"):
            await download(comfy)


@pytest.mark.parametrize("graph", [{"1": float("nan")}, {"1": "\ud800"}, {"1": object()}])
async def test_what_json_cannot_express_is_not_sent(graph: dict[str, Any]) -> None:
    async with answering(nothing) as comfy:
        with pytest.raises(InvalidRequest, match="JSON cannot express"):
            await comfy.prompts.submit(graph, ID)
        with pytest.raises(InvalidRequest, match="half a character"):
            await comfy.files.upload(b"", "\ud800.png")


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("a.png", "a.png"),
        ("../../etc/cron", "cron"),
        ("c:\\x\\..", "unnamed"),
        ("a/..", "unnamed"),
        ("a\0\n.png", "a.png"),
    ],
)
def test_a_name_of_ours_never_leads_elsewhere(filename: str, name: str) -> None:
    assert FileReference(filename=filename).name == name


def test_names_that_are_no_text_do_not_spoil_the_rest() -> None:
    """A file name that is not UTF-8 comes as half a character."""
    assert decode(b'["a.safetensors", "b\\udc80.safetensors", NaN]', "GET /")[:2] == [
        "a.safetensors",
        "b?.safetensors",
    ]


async def test_a_prompt_is_followed_across_nonsense_until_the_time_limit() -> None:
    async with answering(NONSENSE["a page"]) as comfy:
        updates = comfy.follow(ID, process_id="p", unreachable_limit=0.3)
        assert isinstance(await anext(updates), ContactLost)
        with pytest.raises(InvalidResponse):
            await anext(updates)


async def test_a_prompt_is_followed_across_a_time_without_answers() -> None:
    answers = iter([AWAY["a closed connection"]] * 2 + [NONSENSE["a page"]])
    done = response(json.dumps({"id": ID, "status": "completed", "outputs": {}}).encode())

    async def answer(writer: asyncio.StreamWriter) -> None:
        await next(answers, done)(writer)

    async with answering(answer) as comfy:
        seen = [type(update).__name__ async for update in comfy.follow(ID, process_id="p")]
    assert seen == ["ContactLost", ContactRestored.__name__, "Succeeded"]


# What is read, whatever it is

KEYS = st.sampled_from(
    [
        "id",
        "status",
        "messages",
        "status_str",
        "outputs",
        "filename",
        "subfolder",
        "type",
        "kind",
        "images",
        "text",
        "animated",
        "prompt_id",
        "node",
        "nodes",
        "data",
        "error",
        "errors",
        "message",
        "details",
        "extra_info",
        "input_name",
        "received_value",
        "traceback",
        "current_inputs",
        "executed",
        "entries",
        "execution_error",
        "execution_status",
        "execution_cached",
        "number",
        "priority",
        "create_time",
        "exec_info",
        "queue_remaining",
        "value",
        "max",
        "state",
        "input",
        "required",
        "output",
        "python_module",
        "prompt",
        "extra_data",
        "mediaType",
        "9",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(10**400) | KEYS
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=10,
)
JSON_OBJECT = st.dictionaries(KEYS, JSON, max_size=5)
TYPES = [
    *("status", "logs", "execution_start", "execution_cached", "executing", "progress", "progress_state"),
    *("executed", "execution_success", "execution_error", "execution_interrupted", "unknown"),
]


@given(JSON_OBJECT)
def test_any_record_is_read_or_left_out(data: dict[str, Any]) -> None:
    for record in (
        read_job({"id": ID, "status": "failed", **data}),
        read_history(ID, data),
        read_history(ID, [data]),
    ):
        if record:
            assert record.state.is_final == (outcome_of(record) is not None)


@given(JSON)
def test_any_value_is_read_or_left_out(data: Any) -> None:
    read_queued(data, PromptState.PENDING)
    read_queued([1, ID, {}, data, data], PromptState.PENDING)
    read_execution_error(data)
    read_outputs({"9": data})
    read_outputs({"9": {"images": [data]}})
    read_node_problems({"9": data})
    read_problem(data)
    read_log([data])
    NodeType.from_info("A", {"input": data, "output": data})


@given(st.sampled_from(TYPES), JSON)
def test_any_text_frame_is_read_or_left_out(kind: str, data: Any) -> None:
    read_text(json.dumps({"type": kind, "data": data}))


@given(st.text())
def test_any_text_is_a_frame_or_none(text: str) -> None:
    read_text(text)


@given(st.integers(0, 5), st.binary(), st.binary())
def test_any_binary_frame_is_read_or_left_out(kind: int, first: bytes, rest: bytes) -> None:
    for frame in (
        first,
        kind.to_bytes(4, "big") + first,
        kind.to_bytes(4, "big") + len(first).to_bytes(4, "big") + first + b"\xff\xd8\xff" + rest,
        b"\0\0\0\4\xff\xff\xff\xff" + first,
    ):
        read_binary(frame)


@given(st.binary())
def test_any_body_is_json_or_an_invalid_response(body: bytes) -> None:
    with contextlib.suppress(InvalidResponse):
        json.dumps(decode(body, "GET /"), ensure_ascii=False).encode()
