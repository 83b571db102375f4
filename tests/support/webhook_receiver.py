"""A receiver of webhooks that accepts, refuses, stalls or redirects."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

STALL = 0


@dataclass(kw_only=True)
class Message:
    id: str
    timestamp: int
    signature: str
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content

    def is_signed_with(self, secret: str) -> bool:
        """Check the signature as a receiver does."""
        signed = f"{self.id}.{self.timestamp}.".encode() + self.body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        return (
            self.signature
            == "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        )


@dataclass(kw_only=True)
class Receiver:
    url: str = ""
    # The statuses of the next answers; `STALL` for none. After them, everything is accepted.
    answers: list[int] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://").partition("/")[0]

    async def until(self, count: int) -> list[Message]:
        """Return the messages once there are that many."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.messages) >= count)
        return self.messages

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers["content-length"]))
        message = Message(
            id=headers["webhook-id"],
            timestamp=int(headers["webhook-timestamp"]),
            signature=headers["webhook-signature"],
            body=body,
        )
        status = self.answers.pop(0) if self.answers else 204
        async with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()
        if status == STALL:
            await reader.read()
        else:
            location = f"Location: {self.url}\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n{location}\r\n".encode())
        writer.close()


@asynccontextmanager
async def webhook_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    async with server:
        yield receiver
