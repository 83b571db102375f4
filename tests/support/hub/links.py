"""Signed, expiring URLs on the second origin."""

import hashlib
import hmac
import secrets
import time
from urllib.parse import quote, urlencode

from aiohttp import web


class Links:
    """Signs paths of the CDN and verifies signatures."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.cdn_port = 0
        self._secret = secrets.token_bytes(32)

    def expire_all(self) -> None:
        self._secret = secrets.token_bytes(32)

    def signed(self, origin: str, path: str, filename: str) -> str:
        """`path` on the CDN at `origin`. The signature covers everything before it."""
        about = {
            "response-content-disposition": f"attachment; filename*=UTF-8''{quote(filename)}; filename=\"{filename}\";",
            "Expires": int(time.time() + self.lifetime),
            "Key-Pair-Id": "K1",
        }
        asked = f"/{quote(path)}?{urlencode(about)}"
        return f"{origin}{asked}&Signature={self._sign(asked)}"

    def redirect(self, request: web.Request, path: str, filename: str) -> str:
        """Return a signed URL with the host name that the client used for the hub."""
        return self.signed(f"{request.url.scheme}://{request.url.host}:{self.cdn_port}", path, filename)

    def hold(self, request: web.Request) -> bool:
        asked, _, signature = request.raw_path.rpartition("&Signature=")
        good = hmac.compare_digest(signature, self._sign(asked))
        return good and time.time() < float(request.query["Expires"])

    def _sign(self, asked: str) -> str:
        return hmac.new(self._secret, asked.encode(), hashlib.sha256).hexdigest()
