"""Export a conversation as Markdown."""

from collections.abc import Iterable

from backend.conversations.models import Conversation, Event

FENCE = "````"


def as_markdown(conversation: Conversation, events: Iterable[Event]) -> str:
    """Return the messages, and the calls with their results, in order."""
    calls: dict[str, Event] = {}
    entries: list[Event] = []
    for event in events:
        if event.type == "call":
            if event.item not in calls:
                entries.append(event)
            calls[event.item] = event
        elif event.type in ("user", "assistant"):
            entries.append(event)
    parts = [f"# {conversation.title or 'Conversation'}", f"{conversation.created_at:%Y-%m-%d %H:%M} UTC"]
    parts += [_part(calls.get(event.item, event) if event.type == "call" else event) for event in entries]
    return "\n\n".join(parts) + "\n"


def _part(event: Event) -> str:
    data = event.data
    if event.type == "user":
        return f"## You\n\n{data['text']}"
    if event.type == "assistant":
        return f"## Assistant\n\n{data['text']}"
    lines = [f"**{data['title']}** (`{data['tool']}`, {data['state']})", _fenced(data["arguments"])]
    return "\n\n".join([*lines, _fenced(data["result"])] if data["result"] else lines)


def _fenced(text: str) -> str:
    return f"{FENCE}\n{text.replace(FENCE, '`' * 3)}\n{FENCE}"
