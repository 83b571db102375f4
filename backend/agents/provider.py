"""Requests to language models. Only this module imports their library, which takes seconds."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from anthropic import AsyncAnthropic
from pydantic import TypeAdapter
from pydantic_ai.direct import model_request_stream
from pydantic_ai.exceptions import (
    AgentRunError,
    ModelHTTPError,
    UnexpectedModelBehavior,
    UserError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model, ModelRequestParameters, StreamedResponse, infer_model
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.tools import ToolDefinition

from backend.agents.errors import ModelFailure
from backend.agents.tools import ToolInfo
from backend.conversations.agents_config import AgentsConfig
from backend.conversations.models import Call, CallState, Usage

MESSAGE: TypeAdapter[ModelMessage] = TypeAdapter(ModelMessage)
MAX_TOKENS = 16_000
# Longest time between two parts of an answer; after that, the connection is broken.
SILENCE_SECONDS = 120.0
TEMPORARY = {408, 409, 429, 500, 502, 503, 504, 529}
OUTCOMES: dict[CallState, str] = {
    CallState.SUCCEEDED: "success",
    CallState.FAILED: "failed",
    CallState.DENIED: "denied",
    CallState.EXPIRED: "denied",
}


@dataclass(frozen=True, kw_only=True)
class Delta:
    """A part of an answer: text, or arguments of the call `call`."""

    text: str
    call: str = ""


@dataclass(frozen=True, kw_only=True)
class RequestedCall:
    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A complete answer of the model."""

    content: str
    text: str
    calls: list[RequestedCall]
    model: str
    used: Usage
    # Why the answer ended early, such as `length` or `content_filter`; else empty.
    cut: str = ""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to the model: JSON of the messages so far, and the tools that it may call."""

    instructions: str
    messages: Sequence[str]
    tools: Sequence[ToolInfo] = field(default_factory=tuple)


class Stream:
    """An answer while it arrives. Iterate to the end, then read `answer`."""

    def __init__(self, response: StreamedResponse):
        self._response = response
        self._names: dict[int, str] = {}

    async def __aiter__(self) -> AsyncIterator[Delta]:
        async for event in self._response:
            if isinstance(event, PartStartEvent):
                delta = self._first(event)
            elif isinstance(event, PartDeltaEvent):
                delta = self._next(event)
            else:
                continue
            if delta and (delta.text or delta.call):
                yield delta

    @property
    def answer(self) -> Answer:
        response = self._response.get()
        if (
            response.finish_reason is None
        ):  # a proxy closes the stream after its timeout as if the answer were complete
            raise ModelFailure("The model's answer ended early.", temporary=True)
        return _answer(response)

    def _first(self, event: PartStartEvent) -> Delta | None:
        if isinstance(event.part, TextPart):
            return Delta(text=event.part.content)
        if isinstance(event.part, ToolCallPart):
            self._names[event.index] = event.part.tool_name
            return Delta(text="", call=event.part.tool_name)
        return None

    def _next(self, event: PartDeltaEvent) -> Delta | None:
        if isinstance(event.delta, TextPartDelta):
            return Delta(text=event.delta.content_delta)
        if isinstance(event.delta, ToolCallPartDelta) and isinstance(event.delta.args_delta, str):
            return Delta(text=event.delta.args_delta, call=self._names.get(event.index, ""))
        return None


@asynccontextmanager
async def asked(config: AgentsConfig, request: Request) -> AsyncIterator[Stream]:
    """Send a request to the model. Raise ModelFailure, with a message for the user, when it fails."""
    with _explained():
        model = model_of(config)
    history = [MESSAGE.validate_json(content) for content in request.messages]
    parameters = ModelRequestParameters(function_tools=[_definition(tool) for tool in request.tools])
    history[-1] = _with_instructions(history[-1], request.instructions)
    with _explained():
        async with model_request_stream(
            model, history, model_settings=_settings(), model_request_parameters=parameters
        ) as response:
            yield Stream(response)


def model_of(config: AgentsConfig) -> Model:
    """Return the model. Providers other than Anthropic need their own package."""
    if config.provider == "anthropic":
        client = AsyncAnthropic(
            api_key=config.provider_key,
            base_url=config.base_url or None,
            max_retries=0,  # the runner repeats requests, and shows each failure
            timeout=SILENCE_SECONDS,
        )
        return AnthropicModel(config.model, provider=AnthropicProvider(anthropic_client=client))
    return infer_model(f"{config.provider}:{config.model}")


def user_message(texts: Sequence[str], results: Sequence[tuple[Call, str]]) -> str:
    """Return the JSON of a message: results of calls first, then the messages of the user."""
    returns = [
        ToolReturnPart(
            tool_name=call.tool,
            content=text,
            tool_call_id=call.id,
            outcome=OUTCOMES.get(call.state, "interrupted"),  # type: ignore[arg-type] # a literal of the library
        )
        for call, text in results
    ]
    parts: list[ToolReturnPart | UserPromptPart] = [
        *returns,
        *(UserPromptPart(content=text) for text in texts),
    ]
    return MESSAGE.dump_json(ModelRequest(parts=parts)).decode()


def expects_answer(content: str) -> bool:
    """Return whether a message is one that the model has to answer."""
    return bool(json.loads(content)["kind"] == "request")


def _definition(tool: ToolInfo) -> ToolDefinition:
    return ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=tool.schema)


def _with_instructions(message: ModelMessage, instructions: str) -> ModelMessage:
    assert isinstance(message, ModelRequest)  # noqa: S101 - an answer is never asked for an answer
    message.instructions = instructions
    return message


def _settings() -> AnthropicModelSettings:
    return AnthropicModelSettings(
        max_tokens=MAX_TOKENS,
        anthropic_cache_instructions=True,
        anthropic_cache_tool_definitions=True,
        anthropic_cache_messages=True,
    )


def _answer(response: ModelResponse) -> Answer:
    calls = [
        RequestedCall(id=part.tool_call_id, tool=part.tool_name, arguments=part.args_as_json_str())
        for part in response.parts
        if isinstance(part, ToolCallPart)
    ]
    cut = response.finish_reason if response.finish_reason in ("length", "content_filter") else ""
    return Answer(
        content=MESSAGE.dump_json(response).decode(),
        text="".join(part.content for part in response.parts if isinstance(part, TextPart)),
        calls=calls,
        model=response.model_name or "",
        used=Usage(
            requests=1,
            input_tokens=response.usage.input_tokens,
            output_tokens=response.usage.output_tokens,
            cost=_cost(response),
        ),
        cut=cut or "",
    )


def _cost(response: ModelResponse) -> float:
    """Return dollars; 0 for a model whose price is unknown."""
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):
        return 0.0


@contextmanager
def _explained() -> Iterator[None]:
    """Turn errors of the library and of the network into ModelFailure."""
    try:
        yield
    except ModelFailure:
        raise
    except Exception as error:
        raise failure_of(error) from error


def failure_of(error: Exception) -> ModelFailure:
    if isinstance(error, ModelHTTPError):
        return _http_failure(error)
    if isinstance(error, UserError | ImportError):
        return ModelFailure(f"The model cannot be used: {error}. Check it under Settings.")
    if isinstance(error, UnexpectedModelBehavior):
        return ModelFailure(f"The model's answer cannot be read: {error}.", temporary=True)
    if isinstance(error, AgentRunError | OSError) or _is_network(error):
        return ModelFailure(f"The connection to the model broke off: {error}.", temporary=True)
    return ModelFailure(f"The request to the model failed: {type(error).__name__}: {error}.", temporary=True)


def _http_failure(error: ModelHTTPError) -> ModelFailure:
    status, reason = error.status_code, _reason(error.body)
    if status in (401, 403):
        return ModelFailure(f"The provider does not accept the key: {reason}. Check it under Settings.")
    if status == 404:
        return ModelFailure(f"The provider has no model `{error.model_name}`. Choose another under Settings.")
    if status == 429:
        message = f"The provider's rate limit is reached: {reason}."
        return ModelFailure(message, temporary=True, retry_after=error.retry_after)
    if status == 529:
        return ModelFailure("The provider is overloaded.", temporary=True, retry_after=error.retry_after)
    return ModelFailure(f"The provider answered {status}: {reason}.", temporary=status in TEMPORARY)


def _reason(body: object) -> str:
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return str(body["error"].get("message", ""))[:300].rstrip(".")
    return str(body)[:300]


def _is_network(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in ("httpx2", "httpcore2", "anthropic")
