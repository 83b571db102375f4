"""Authentication: who makes a request, by password, session token or API key."""

import hmac
import secrets
from datetime import timedelta

from backend.auth.connections import Connections
from backend.auth.events import SignInFailed
from backend.auth.guessing import GuessLimit
from backend.auth.keys import PREFIX, ApiKeys
from backend.auth.models import Client, SignIn
from backend.auth.principal import Principal, PrincipalKind, Scope
from backend.auth.sessions import Sessions
from backend.auth.tokens import TokenKind, TokenSigner
from backend.core.errors import SignInRequired
from backend.core.events import EventBus

DEVICE_LIFETIME = timedelta(days=365)
OWNER_SCOPES = frozenset({Scope.ADMIN})


class Authentication:
    """Exchanges the password for tokens, and tokens and API keys for principals."""

    def __init__(
        self,
        password: str,
        signer: TokenSigner,
        *,
        sessions: Sessions,
        keys: ApiKeys,
        connections: Connections,
        events: EventBus,
        session_lifetime: timedelta,
    ):
        self.sessions = sessions
        self.keys = keys
        self.connections = connections
        self._password = password.encode()
        self._signer = signer
        self._events = events
        self._session_lifetime = session_lifetime
        self._guesses = GuessLimit()

    async def sign_in(self, password: str, client: Client) -> SignIn:
        """Start a session. SignInRequired when the password is wrong, TooManyRequests when it was guessed too often."""
        device = self._device_of(client)
        self._guesses.check(client, device)
        if not hmac.compare_digest(password.encode(errors="surrogatepass"), self._password):
            self._guesses.count(client, device)
            self._events.publish(SignInFailed(client=client))
            raise SignInRequired(
                "That is not the password of this pod. It is the variable ACCESS_PASSWORD; if none was set, the log shows "
                "a generated one.",
                code="wrong_password",
            )
        session = await self.sessions.start(client, self._session_lifetime)
        device = device or secrets.token_hex(8)
        return SignIn(
            session=session,
            token=self._signer.sign(TokenKind.SESSION, session.id, self._session_lifetime),
            device_token=self._signer.sign(TokenKind.DEVICE, device, DEVICE_LIFETIME),
        )

    def token_of_this_process(self, name: str) -> str:
        """Return a token for a program that runs the control plane in its own process."""
        session = self.sessions.start_unsaved(Client(user_agent=name, is_local=True), self._session_lifetime)
        return self._signer.sign(TokenKind.SESSION, session.id, self._session_lifetime)

    async def sign_out(self, token: str | None) -> None:
        """End the session of a token; nothing to do when it has ended already."""
        session_id = self._signer.verify(TokenKind.SESSION, token) if token else None
        if session_id and self.sessions.find(session_id):
            await self.sessions.end(session_id)

    def bearer(self, token: str) -> Principal:
        """Return the principal of an `Authorization: Bearer` header: a session token or an API key."""
        return self.keys.authenticate(token) if token.startswith(PREFIX) else self.session(token)

    def session(self, token: str | None) -> Principal:
        """Return the owner whose session token this is, or raise SignInRequired."""
        if not token:
            raise SignInRequired("Sign in with the pod's password, or send an API key.")
        session_id = self._signer.verify(TokenKind.SESSION, token)
        session = self.sessions.find(session_id) if session_id else None
        if session is None:
            raise SignInRequired("The session has ended. Sign in again.", code="session_ended")
        return Principal(
            kind=PrincipalKind.OWNER,
            scopes=OWNER_SCOPES,
            credential_id=session.id,
            expires_at=session.expires_at,
        )

    def _device_of(self, client: Client) -> str | None:
        return self._signer.verify(TokenKind.DEVICE, client.device_token) if client.device_token else None
