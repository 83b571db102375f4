"""Signed tokens: of sessions, and of devices that have signed in before."""

import hashlib
import hmac
from datetime import timedelta
from enum import StrEnum

from jose import JWTError, jwt

from backend.core import clock

ALGORITHM = "HS256"
ISSUER = "comfypod"
# Ours have about 250 characters. The library parses a foreign token recursively, so longer ones are not parsed at all.
LONGEST = 512


class TokenKind(StrEnum):
    SESSION = "session"
    DEVICE = "device"


class TokenSigner:
    """Signs with a key that depends on the password: a new password invalidates every token."""

    def __init__(self, installation_key: bytes, password: str):
        self._key = hmac.new(installation_key, password.encode(), hashlib.sha256).hexdigest()

    def sign(self, kind: TokenKind, subject: str, lifetime: timedelta) -> str:
        now = clock.now()
        claims = {"iss": ISSUER, "aud": kind.value, "sub": subject, "iat": now, "exp": now + lifetime}
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def verify(self, kind: TokenKind, token: str) -> str | None:
        """Return the subject, or None when the token is forged, expired or of another kind."""
        if len(token) > LONGEST:
            return None
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=[ALGORITHM],
                audience=kind.value,
                issuer=ISSUER,
                options={"require_aud": True, "require_exp": True, "require_sub": True},
            )
        except JWTError:
            return None
        return str(claims["sub"])
