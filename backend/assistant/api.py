"""JSON routes of the assistant. They require the scope `admin`: the assistant reads logs, and its requests cost money."""

from typing import Annotated

from fastapi import Path, Query, Response

from backend.assistant.changes import change
from backend.assistant.dependencies import AssistantService, OwnUrl
from backend.assistant.export import as_markdown
from backend.assistant.schemas import (
    ConversationView,
    DecisionRequest,
    EventView,
    MessageRequest,
    PreferencesRequest,
    PreferencesView,
    ProcessView,
    TitleRequest,
)
from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, NotFound, OutOfSpace, Unavailable
from backend.web.errors import Responses, responses

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/assistant", tags=["assistant"])

Id = Annotated[str, Path(max_length=64)]
CHANGE = responses(NotFound, Conflict, OutOfSpace)
MARKDOWN: Responses = {200: {"content": {"text/markdown": {"schema": {"type": "string"}}}}}


@router.get("/conversations", responses=responses())
async def show_conversations(
    assistant: AssistantService,
    q: Annotated[str, Query(max_length=200, description="Words that must all occur.")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[ConversationView]:
    """Return the conversations, the most recently used first."""
    found = await (await assistant.store()).page(q.split(), limit, offset)
    return [ConversationView.of(conversation) for conversation in found]


@router.post("/conversations", status_code=201, responses=CHANGE)
async def create(wanted: TitleRequest, assistant: AssistantService) -> ConversationView:
    """Create a conversation. Without a title, its first message becomes the title."""
    return ConversationView.of(await (await assistant.actions()).create(wanted.title))


@router.get("/conversations/{conversation_id}", responses=responses(NotFound))
async def show_one(conversation_id: Id, assistant: AssistantService) -> ConversationView:
    """Show one conversation."""
    return ConversationView.of(await (await assistant.store()).get(conversation_id))


@router.patch("/conversations/{conversation_id}", responses=CHANGE)
async def rename(conversation_id: Id, wanted: TitleRequest, assistant: AssistantService) -> ConversationView:
    """Rename a conversation."""
    return ConversationView.of(await (await assistant.actions()).rename(conversation_id, wanted.title))


@router.delete("/conversations/{conversation_id}", status_code=204, responses=CHANGE)
async def delete(conversation_id: Id, assistant: AssistantService) -> None:
    """Stop and delete a conversation."""
    await assistant.delete(conversation_id)


@router.get("/conversations/{conversation_id}/events", responses=responses(NotFound))
async def show_events(
    conversation_id: Id,
    assistant: AssistantService,
    after: Annotated[int, Query(ge=0, lt=2**62, description="Number of the last event that you have.")] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
) -> list[EventView]:
    """Return the events after a number, in order: messages, calls, states. `/ws/assistant/{id}` sends them live."""
    store = await assistant.store()
    await store.get(conversation_id)
    return [EventView.of(event) for event in await store.events(conversation_id, after, limit)]


@router.get(
    "/conversations/{conversation_id}/export",
    response_class=Response,
    responses={**responses(NotFound), **MARKDOWN},
)
async def export(conversation_id: Id, assistant: AssistantService) -> Response:
    """Return the conversation as Markdown."""
    store = await assistant.store()
    conversation = await store.get(conversation_id)
    text = as_markdown(conversation, await store.events(conversation_id, limit=100_000))
    headers = {"Content-Disposition": f'attachment; filename="conversation-{conversation.id}.md"'}
    return Response(text, media_type="text/markdown; charset=utf-8", headers=headers)


@router.post("/conversations/{conversation_id}/messages", status_code=202, responses=CHANGE)
async def send(
    conversation_id: Id, message: MessageRequest, assistant: AssistantService, own_url: OwnUrl
) -> list[EventView]:
    """Send a message. The assistant answers in the background."""
    attachments = [item.attachment() for item in message.attachments]
    events = await assistant.send(conversation_id, message.text, attachments, own_url)
    return [EventView.of(event) for event in events]


@router.post("/conversations/{conversation_id}/stop", status_code=204, responses=CHANGE)
async def stop(conversation_id: Id, assistant: AssistantService) -> None:
    """Stop the assistant at once. Calls that wait for approval are cancelled."""
    await assistant.stop(conversation_id)


@router.post("/conversations/{conversation_id}/calls/{call_id}/decision", status_code=204, responses=CHANGE)
async def decide(
    conversation_id: Id,
    call_id: Annotated[str, Path(max_length=200)],
    decision: DecisionRequest,
    assistant: AssistantService,
    principal: CurrentPrincipal,
    own_url: OwnUrl,
) -> None:
    """Approve or deny a call, once. The conversation continues either way."""
    await assistant.decide(
        conversation_id,
        call_id,
        approve=decision.approve,
        always=decision.always,
        by=principal.label,
        reason=decision.reason,
        pod_url=own_url,
    )


@router.get("/settings", responses=responses())
async def show_settings(assistant: AssistantService) -> PreferencesView:
    """Return model, rights and limits, without the key."""
    return PreferencesView.of(await assistant.preferences.get())


@router.patch("/settings", responses=responses(Unavailable))
async def change_settings(wanted: PreferencesRequest, assistant: AssistantService) -> PreferencesView:
    """Change model, key, rights or limits. The next message uses them."""
    return PreferencesView.of(await change(assistant.preferences, wanted))


@router.get("/health", responses=responses())
async def show_health(assistant: AssistantService) -> ProcessView:
    """Return whether the agents process runs. A message starts it; it ends when it has nothing to do."""
    health = await assistant.process.health()
    if health is None:
        return ProcessView(state="stopped", running=0, memory=0)
    return ProcessView(state="ready", running=health["running"], memory=health["memory"])
