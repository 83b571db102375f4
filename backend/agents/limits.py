"""The limits of a conversation."""

from datetime import timedelta

from backend.conversations.agents_config import Limits
from backend.conversations.store import ConversationStore
from backend.conversations.turns import Turn
from backend.core import clock

RAISE = "Raise the limit in the assistant's settings, or start a new conversation."


async def exceeded(store: ConversationStore, turn: Turn, limits: Limits) -> str | None:
    """Return a message about the limit that is reached; None while the next request is allowed."""
    total = await store.usage(turn.conversation_id)
    if limits.tokens and total.input_tokens + total.output_tokens >= limits.tokens:
        return f"This conversation has used its {limits.tokens:,} tokens. {RAISE}"
    if limits.dollars and total.cost >= limits.dollars:
        return f"This conversation has cost its limit of ${limits.dollars:.2f}. {RAISE}"
    if limits.requests and (await store.usage(turn.conversation_id, turn.number)).requests >= limits.requests:
        return f"The assistant has made {limits.requests} requests for this message. Write to it to continue."
    today = await store.usage_since(clock.now() - timedelta(days=1))
    if limits.dollars_a_day and today.cost >= limits.dollars_a_day:
        return f"The assistant has cost its limit of ${limits.dollars_a_day:.2f} within 24 hours. Raise it in its settings."
    return None
