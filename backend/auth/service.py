"""One password for the pod, and signed tokens for those who knew it."""

import hashlib
import hmac
import secrets
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from jose import JWTError, jwt

from backend.auth.models import AccessToken, Session
from backend.core.errors import SignInRequired, TooManyRequests
from backend.core.files import write_atomically

ALGORITHM = "HS256"
ISSUER = "comfypod"
# Wrong passwords in a window: from one address, so that a stranger's guesses do not shut the owner out; and from all
# together, so that many addresses guess no faster than a few. Behind a host's proxy everybody has the proxy's address and
# shares the smaller number: what a proxy says of who is behind it, anybody could say. Who is signed in already never waits.
GUESSES = 20
GUESSES_OF_ALL = 200
GUESS_WINDOW_SECONDS = 60


class Gate:
    """Checks passwords and tokens.

    Tokens are signed with a key that depends on the password: a new password ends every session.
    """

    def __init__(self, password: str, key: bytes, session_seconds: int):
        self._password = password.encode()
        self._signing_key = hmac.new(key, self._password, hashlib.sha256).hexdigest()
        self._session_seconds = session_seconds
        self._wrong_guesses: deque[tuple[float, str]] = deque()

    def sign_in(self, password: str, address: str = "") -> AccessToken:
        """Exchange the password for a token; SignInRequired when it is wrong, TooManyRequests when guessed."""
        self._refuse_guessing(address)
        if not hmac.compare_digest(password.encode(), self._password):
            self._wrong_guesses.append((time.monotonic(), address))
            raise SignInRequired(
                "That is not the password of this pod. Look for ACCESS_PASSWORD, or in the log.",
                code="wrong_password",
            )
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "owner", "iat": now, "exp": now + self._session_seconds}
        token = jwt.encode(claims, self._signing_key, algorithm=ALGORITHM)
        return AccessToken(access_token=token, expires_in=self._session_seconds)

    def check(self, token: str | None) -> Session:
        """The session that `token` stands for, or SignInRequired."""
        if not token:
            raise SignInRequired("Sign in first: this needs the pod's password.")
        try:
            claims = jwt.decode(token, self._signing_key, algorithms=[ALGORITHM], issuer=ISSUER)
        except JWTError:
            raise SignInRequired("The session has ended. Sign in again.", code="session_ended") from None
        return Session(expires_at=datetime.fromtimestamp(claims["exp"], UTC))

    def _refuse_guessing(self, address: str) -> None:
        now = time.monotonic()
        while self._wrong_guesses and now - self._wrong_guesses[0][0] > GUESS_WINDOW_SECONDS:
            self._wrong_guesses.popleft()
        of_all = [moment for moment, _ in self._wrong_guesses]
        own = [moment for moment, guesser in self._wrong_guesses if guesser == address]
        for moments, most in ((own, GUESSES), (of_all, GUESSES_OF_ALL)):
            if len(moments) >= most:
                wait = int(GUESS_WINDOW_SECONDS - (now - moments[0])) + 1
                raise TooManyRequests(f"Too many wrong passwords. Wait {wait} seconds.", retry_after=wait)


def signing_key(state_folder: Path) -> bytes:
    """This installation's secret, made at the first start."""
    return _kept_secret(state_folder / "signing.key", secrets.token_hex(32)).encode()


def generated_password(state_folder: Path) -> str:
    """A password for a pod whose owner set none; the same one after a restart."""
    return _kept_secret(state_folder / "password", secrets.token_urlsafe(12))


def _kept_secret(path: Path, fresh: str) -> str:
    try:
        kept = path.read_text().strip()
    except FileNotFoundError:
        kept = ""
    if kept:
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, fresh.encode(), mode=0o600)
    return fresh
