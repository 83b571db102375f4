"""Signed, expiring URLs on the second origin."""

import hashlib
import hmac
import secrets
import time
from urllib.parse import quote, urlencode

from aiohttp import web


class Links:
    """Signs paths of the CDN and says whether a signature still holds."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.cdn_port = 0
        self._secret = secrets.token_bytes(32)

    def expire_all(self) -> None:
        self._secret = secrets.token_bytes(32)

    def signed(self, request: web.Request, path: str, **extra: str) -> str:
        """`path` on the CDN that is reachable under the name by which the client reached the hub."""
        expires = str(int(time.time() + self.lifetime))
        query = urlencode(
            {**extra, "Expires": expires, "Signature": self._sign(path, expires), "Key-Pair-Id": "K1"}
        )
        return f"{request.url.scheme}://{request.url.host}:{self.cdn_port}/{quote(path)}?{query}"

    def hold(self, path: str, expires: str, signature: str) -> bool:
        good = hmac.compare_digest(signature, self._sign(path, expires))
        return good and time.time() < float(expires)

    def _sign(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()
