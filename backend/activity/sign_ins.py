"""Writes sign-ins and API keys to the activity log."""

from backend.activity.service import Activity
from backend.auth.events import ApiKeyCreated, ApiKeyRevoked, SessionEnded, SignedIn, SignInFailed
from backend.core.events import EventBus


def record_sign_ins(activity: Activity, events: EventBus) -> None:
    """The subject is the address of a client or the name of a key."""
    events.subscribe(SignedIn, lambda event: activity.note("sign_in.done", event.session.address))
    events.subscribe(SignInFailed, lambda event: activity.note("sign_in.failed", event.client.address))
    events.subscribe(SessionEnded, lambda event: activity.note("session.ended", event.session.address))
    events.subscribe(ApiKeyCreated, lambda event: activity.note("api_key.created", event.key.name))
    events.subscribe(ApiKeyRevoked, lambda event: activity.note("api_key.revoked", event.key.name))
