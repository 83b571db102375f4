"""Stands in for Anthropic's Messages API: it streams what a scenario says.

The number of answers that a request already contains says which answer comes next. A request that is repeated after a
failure or a killed process therefore gets the same one.
"""

import asyncio
import itertools
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.support.process import free_port

KEY = "sk-ant-stand-in"
MODEL = "claude-sonnet-5-5"

Arguments: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A request: what the model would see."""

    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        return "\n".join(_texts(self.body["messages"][0]))

    @property
    def texts(self) -> str:
        """Return everything that the user, tools and the model have said."""
        return "\n".join(text for message in self.body["messages"] for text in _texts(message))

    @property
    def answers(self) -> int:
        return sum(message["role"] == "assistant" for message in self.body["messages"])

    @property
    def tools(self) -> set[str]:
        return {tool["name"] for tool in self.body.get("tools", [])}

    def results(self) -> list[str]:
        """Return the results of all calls so far."""
        blocks = [
            block
            for message in self.body["messages"]
            for block in message["content"]
            if isinstance(block, dict) and block["type"] == "tool_result"
        ]
        return ["\n".join(_block_texts(block["content"])) for block in blocks]

    def result(self, number: int = -1) -> Any:
        """Return the data of a result, which the assistant has marked as data."""
        text = self.results()[number]
        return json.loads(text[text.index("\n") + 1 : text.rindex("\n")])


@dataclass(frozen=True, kw_only=True)
class Call:
    tool: str
    arguments: Arguments | Callable[[Asked], Arguments] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """How one attempt fails: with a status, or in the middle of the stream."""

    status: int = 200
    retry_after: float | None = 0
    # The text before the connection is dropped, or before an error or nonsense arrives.
    after: str = ""
    ends_with: str = "drop"  # drop, error, nonsense


@dataclass(kw_only=True)
class Answer:
    """One answer of the model; `failures` come first, one for each attempt."""

    text: str = ""
    calls: Sequence[Call] = ()
    failures: list[Failure] = field(default_factory=list)
    # Between two pieces of text.
    pause: float = 0.0
    # Never ends by itself.
    endless: bool = False
    input_tokens: int = 1000


class MessagesApi:
    """The server; it runs in a thread of its own."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests: list[Asked] = []
        # Set when the client of a stream went away before its end.
        self.abandoned = threading.Event()
        self._scenarios: dict[str, list[Answer]] = {}
        self._numbers = itertools.count(1)

    def scenario(self, marker: str, *answers: Answer) -> None:
        """Answer conversations whose first message contains `marker` with `answers`, one after the other."""
        self._scenarios[marker] = list(answers)

    async def respond(self, request: Request) -> Response:
        if KEY not in (request.headers.get("authorization", ""), request.headers.get("x-api-key")) and not (
            request.headers.get("authorization", "").endswith(KEY)
        ):
            return _error(401, "authentication_error", "invalid x-api-key")
        asked = Asked(await request.json())
        self.requests.append(asked)
        answer = self._next(asked)
        if answer is None:
            return _error(400, "invalid_request_error", f"no scenario for {asked.prompt[:200]!r}")
        failure = answer.failures.pop(0) if answer.failures else None
        if failure and failure.status != 200:
            return _error(failure.status, "overloaded_error", "try again later", failure.retry_after)
        frames = self._frames(asked, answer, failure)
        return StreamingResponse(self._counted(frames), media_type="text/event-stream")

    def _next(self, asked: Asked) -> Answer | None:
        for marker, answers in self._scenarios.items():
            if marker in asked.prompt:
                return answers[asked.answers] if asked.answers < len(answers) else None
        return None

    async def _counted(self, frames: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for frame in frames:
                yield frame
        except (asyncio.CancelledError, GeneratorExit):
            self.abandoned.set()
            raise

    async def _frames(self, asked: Asked, answer: Answer, failure: Failure | None) -> AsyncIterator[str]:
        number = next(self._numbers)
        message: dict[str, Any] = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": MODEL,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": answer.input_tokens, "output_tokens": 1},
        }
        yield _frame("message_start", message=message)
        if failure:
            async for frame in _failing(failure):
                yield frame
            return
        index = 0
        if answer.text or answer.endless:
            async for frame in _text(index, answer):
                yield frame
            index += 1
        for place, call in enumerate(answer.calls):
            arguments = call.arguments(asked) if callable(call.arguments) else call.arguments
            # The same request gets the same call.
            call_id = f"toolu_{abs(hash(asked.prompt)) % 10**8}_{asked.answers}_{place}"
            for frame in _call(index, call_id, call.tool, arguments):
                yield frame
            index += 1
        reason = "tool_use" if answer.calls else "end_turn"
        yield _frame(
            "message_delta",
            delta={"stop_reason": reason, "stop_sequence": None},
            usage={"output_tokens": 20},
        )
        yield _frame("message_stop")


async def _text(index: int, answer: Answer) -> AsyncIterator[str]:
    yield _frame("content_block_start", index=index, content_block={"type": "text", "text": ""})
    pieces = itertools.cycle(["and ", "so ", "on "]) if answer.endless else iter(_pieces(answer.text))
    for piece in pieces:
        yield _frame("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
        if answer.pause or answer.endless:
            await asyncio.sleep(answer.pause or 0.01)
    yield _frame("content_block_stop", index=index)


def _call(index: int, call_id: str, tool: str, arguments: Arguments) -> Iterator[str]:
    block = {"type": "tool_use", "id": call_id, "name": tool, "input": {}}
    yield _frame("content_block_start", index=index, content_block=block)
    for piece in _pieces(json.dumps(arguments)):
        yield _frame(
            "content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece}
        )
    yield _frame("content_block_stop", index=index)


async def _failing(failure: Failure) -> AsyncIterator[str]:
    yield _frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield _frame("content_block_delta", index=0, delta={"type": "text_delta", "text": failure.after})
    await asyncio.sleep(0.05)
    if failure.ends_with == "error":
        yield _frame("error", error={"type": "overloaded_error", "message": "Overloaded"})
    elif failure.ends_with == "nonsense":
        yield 'event: content_block_delta\ndata: {"type": "content_block_delta", "index": \n\n'
    else:
        raise ConnectionResetError("dropped on purpose")


def _pieces(text: str, length: int = 7) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)]


def _frame(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"


def _error(status: int, kind: str, message: str, retry_after: float | None = None) -> JSONResponse:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = {"type": "error", "error": {"type": kind, "message": message}}
    return JSONResponse(body, status_code=status, headers=headers)


def _texts(message: dict[str, Any]) -> list[str]:
    return _block_texts(message["content"])


def _block_texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    found: list[str] = []
    for block in content:
        if block["type"] == "text":
            found.append(block["text"])
        elif block["type"] == "tool_result":
            found += _block_texts(block["content"])
    return found


@contextmanager
def running_messages_api() -> Iterator[MessagesApi]:
    api = MessagesApi()
    app = Starlette(routes=[Route("/v1/messages", api.respond, methods=["POST"])])
    config = uvicorn.Config(app, port=api.port, log_config=None, timeout_graceful_shutdown=1, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.01)
            assert thread.is_alive(), "the stand-in did not start"
        yield api
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
