"""What happens to sessions and keys, for the activity log."""

from dataclasses import dataclass

from backend.auth.models import ApiKey, Client, Session


@dataclass(frozen=True, kw_only=True)
class SignedIn:
    session: Session


@dataclass(frozen=True, kw_only=True)
class SignInFailed:
    """A wrong password. Attempts that are refused unchecked publish nothing, so guessing cannot flood a log."""

    client: Client


@dataclass(frozen=True, kw_only=True)
class SessionEnded:
    session: Session


@dataclass(frozen=True, kw_only=True)
class ApiKeyCreated:
    key: ApiKey


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked:
    key: ApiKey
