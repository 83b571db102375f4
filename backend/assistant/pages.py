"""HTML routes of the assistant: the chat, and the list of conversations beside it."""

from typing import Annotated, Any

from fastapi import Form, Path, Query, Request, Response
from pydantic import SecretStr

from backend.assistant.changes import change
from backend.assistant.dependencies import AssistantService
from backend.assistant.schemas import PreferencesRequest, PreferencesView, SettingsForm
from backend.assistant.service import Assistant
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.conversations.models import Conversation
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

MOST_LISTED = 100
Words = Annotated[str, Query(max_length=200)]


@router.get("/assistant")
async def show_new(
    request: Request,
    assistant: AssistantService,
    q: Words = "",
    about: Annotated[str, Query(max_length=60, pattern="^((job|workflow|log):[A-Za-z0-9._-]{1,50})?$")] = "",
) -> Response:
    """Show the page of a new conversation; `about` is the object that its first message refers to."""
    return await _page(request, assistant, None, q, about)


@router.get("/assistant/settings")
async def show_settings(request: Request, assistant: AssistantService) -> Response:
    return await _settings(request, assistant)


@router.post("/assistant/settings")
async def save_settings(
    form: Annotated[SettingsForm, Form()], request: Request, assistant: AssistantService
) -> Response:
    await change(assistant.preferences, form.changes(await assistant.preferences.get()))
    return htmx.with_toast(await _settings(request, assistant), "success", "Saved.")


@router.delete("/assistant/settings/key")
async def delete_key(request: Request, assistant: AssistantService) -> Response:
    await change(assistant.preferences, PreferencesRequest(key=SecretStr("")))
    return htmx.with_toast(await _settings(request, assistant), "success", "The key is deleted.")


@router.delete("/assistant/{conversation_id}")
async def delete(
    conversation_id: Annotated[str, Path(max_length=64)], assistant: AssistantService
) -> Response:
    await assistant.delete(conversation_id)
    return Response(status_code=204, headers={"HX-Redirect": "/assistant"})


@router.get("/assistant/{conversation_id}")
async def show(
    conversation_id: Annotated[str, Path(max_length=64)],
    request: Request,
    assistant: AssistantService,
    q: Words = "",
) -> Response:
    conversation = await (await assistant.store()).get(conversation_id)
    return await _page(request, assistant, conversation, q)


async def _settings(request: Request, assistant: Assistant) -> Response:
    view = {"preferences": PreferencesView.of(await assistant.preferences.get())}
    return renderer_of(request).page(request, "assistant/_settings.html", view)


async def _page(
    request: Request, assistant: Assistant, conversation: Conversation | None, words: str, about: str = ""
) -> Response:
    found = await (await assistant.store()).page(words.split(), MOST_LISTED)
    kind, _, name = about.partition(":")
    view: dict[str, Any] = {
        "conversations": found,
        "current": conversation,
        "words": words,
        "preferences": PreferencesView.of(await assistant.preferences.get()),
        "about": {"kind": kind, "id": name} if name else None,
    }
    template = "assistant/_list.html" if htmx.wants_fragment(request) else "assistant/page.html"
    return renderer_of(request).page(request, template, view)
