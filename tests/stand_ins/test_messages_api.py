"""Our Messages API streams as the real one does, seen through the official client."""

from collections.abc import Iterator

import pytest
from anthropic import APIStatusError, AsyncAnthropic
from anthropic.types import Message, ToolUseBlock

from tests.support.messages_api import KEY, MODEL, Answer, Call, Failure, MessagesApi, running_messages_api

TOOL = {"name": "look", "description": "", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def api() -> Iterator[MessagesApi]:
    with running_messages_api() as running:
        yield running


async def ask(api: MessagesApi, text: str, key: str = KEY) -> tuple[list[str], Message]:
    """Return the pieces of text and the whole message."""
    client = AsyncAnthropic(api_key=key, base_url=api.url, max_retries=0)
    async with (
        client,
        client.messages.stream(
            model=MODEL,
            max_tokens=100,
            messages=[{"role": "user", "content": text}],
            tools=[TOOL],  # type: ignore[list-item] # a plain dict is one
        ) as stream,
    ):
        pieces = [text async for text in stream.text_stream]
        return pieces, await stream.get_final_message()


async def test_text_and_the_arguments_of_calls_come_in_pieces(api: MessagesApi) -> None:
    api.scenario("both", Answer(text="I look at it.", calls=[Call(tool="look", arguments={"where": "here"})]))
    pieces, message = await ask(api, "both")
    assert pieces == ["I look ", "at it."]
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert [block.input for block in message.content if isinstance(block, ToolUseBlock)] == [
        {"where": "here"}
    ]


@pytest.mark.parametrize("status", [429, 529])
async def test_one_attempt_fails_and_the_next_succeeds(api: MessagesApi, status: int) -> None:
    api.scenario("again", Answer(text="Hello", failures=[Failure(status=status)]))
    with pytest.raises(APIStatusError) as failure:
        await ask(api, "again")
    assert failure.value.status_code == status
    assert (await ask(api, "again"))[0] == ["Hello"]


@pytest.mark.parametrize("ends_with", ["drop", "error", "nonsense"])
async def test_a_stream_breaks_off(api: MessagesApi, ends_with: str) -> None:
    api.scenario("broken", Answer(text="Hello", failures=[Failure(after="Hel", ends_with=ends_with)]))
    with pytest.raises(Exception):  # noqa: B017, PT011 - which one depends on the layer
        await ask(api, "broken")
    assert (await ask(api, "broken"))[0] == ["Hello"]


async def test_a_wrong_key_is_refused(api: MessagesApi) -> None:
    with pytest.raises(APIStatusError) as failure:
        await ask(api, "both", key="wrong")
    assert failure.value.status_code == 401
