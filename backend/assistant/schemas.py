"""Requests and responses of the assistant's API."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError

from backend.assistant.preferences import Preferences
from backend.auth.principal import Scope
from backend.config.values import LONGEST_TOKEN
from backend.conversations.agents_config import Limits
from backend.conversations.models import MOST_TITLE, Attachment, Conversation, Event, State, Tier
from backend.core.errors import InvalidRequest

MOST_TEXT = 100_000
Title = Annotated[str, Field(max_length=MOST_TITLE)]


class ConversationView(BaseModel):
    id: str
    title: str
    preview: str = Field(description="The beginning of the user's last message.")
    state: State
    last_event: int = Field(description="Number of the newest event.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, conversation: Conversation) -> "ConversationView":
        return cls.model_validate(conversation, from_attributes=True)


class EventView(BaseModel):
    number: int
    tier: Tier
    type: str
    item: str = Field(description="Groups events of one message or call.")
    data: dict[str, Any]
    created_at: datetime

    @classmethod
    def of(cls, event: Event) -> "EventView":
        return cls.model_validate(event, from_attributes=True)


class TitleRequest(BaseModel):
    title: Title = ""


class AttachmentRequest(BaseModel):
    kind: Literal["job", "workflow", "log", "output"]
    id: str = Field(min_length=1, max_length=200)
    title: str = Field(default="", max_length=200)

    def attachment(self) -> Attachment:
        return Attachment(kind=self.kind, id=self.id, title=self.title)


class MessageRequest(BaseModel):
    text: str = Field(min_length=1, max_length=MOST_TEXT)
    attachments: list[AttachmentRequest] = Field(default_factory=list, max_length=10)


class DecisionRequest(BaseModel):
    approve: bool
    always: bool = Field(
        default=False, description="Approve later calls of this tool in the conversation too."
    )
    reason: str = Field(default="", max_length=2000, description="Sent to the model when you deny the call.")


class LimitsView(BaseModel):
    """Limits of a conversation; 0 is no limit."""

    tokens: int = Field(ge=0, le=1_000_000_000, description="Of a conversation.")
    dollars: float = Field(ge=0, le=100_000, allow_inf_nan=False, description="Of a conversation.")
    dollars_a_day: float = Field(
        ge=0, le=100_000, allow_inf_nan=False, description="Of all conversations, in 24 hours."
    )
    requests: int = Field(ge=0, le=10_000, description="Requests to the model for one message.")
    minutes: int = Field(ge=0, le=1440, description="For one message.")
    identical_calls: int = Field(ge=0, le=1000, description="Calls of one tool with the same arguments.")

    def limits(self) -> Limits:
        return Limits(**self.model_dump())


class PreferencesView(BaseModel):
    provider: str
    model: str
    base_url: str = Field(description="URL of the provider; empty for its usual one.")
    has_key: bool = Field(description="The key itself is never shown.")
    scopes: list[Scope] = Field(description="What the assistant may do on this pod.")
    limits: LimitsView

    @classmethod
    def of(cls, preferences: Preferences) -> "PreferencesView":
        return cls(
            provider=preferences.provider,
            model=preferences.model,
            base_url=preferences.base_url,
            has_key=bool(preferences.key),
            scopes=list(preferences.scopes),
            limits=LimitsView.model_validate(preferences.limits, from_attributes=True),
        )


class PreferencesRequest(BaseModel):
    """The settings to change; omitted ones stay unchanged."""

    provider: str | None = Field(default=None, pattern="^[a-z0-9-]{1,40}$")
    model: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._:/@-]{1,200}$")
    base_url: str | None = Field(default=None, max_length=500, pattern=r"^(https?://[^\s@]+)?$")
    key: SecretStr | None = Field(default=None, max_length=LONGEST_TOKEN, description="Empty: delete it.")
    scopes: list[Scope] | None = Field(default=None, max_length=3)
    limits: LimitsView | None = None


class ProcessView(BaseModel):
    """The state of the agents process."""

    state: Literal["stopped", "ready"]
    running: int = Field(description="Conversations that it works on.")
    memory: int = Field(description="In bytes.")


class SettingsForm(BaseModel):
    """The form of the settings page. An empty key leaves the saved one."""

    key: SecretStr = Field(default=SecretStr(""), max_length=LONGEST_TOKEN)
    model: str = Field(min_length=1, max_length=200)
    base_url: str = Field(default="", max_length=500)
    scopes: list[Scope] = Field(default_factory=list, max_length=3)
    dollars: float = 0
    dollars_a_day: float = 0
    tokens: int = 0

    def changes(self, present: Preferences) -> PreferencesRequest:
        """Return the settings that the form changes. Raise InvalidRequest for an invalid value."""
        limits = {
            **asdict(present.limits),
            "dollars": self.dollars,
            "dollars_a_day": self.dollars_a_day,
            "tokens": self.tokens,
        }
        try:
            return PreferencesRequest(
                key=self.key if self.key.get_secret_value() else None,
                model=self.model.strip(),
                base_url=self.base_url.strip(),
                scopes=self.scopes,
                limits=LimitsView(**limits),
            )
        except ValidationError as error:
            names = ", ".join(str(item["loc"][-1]).replace("_", " ") for item in error.errors())
            raise InvalidRequest(f"These values cannot be used: {names}.") from None
