"""A real S3-compatible server, moto's, which checks signatures and rights; and a relay that can lose its connections."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import boto3
from botocore.config import Config

from backend.core.async_tools import cancel_and_wait
from tests.support.process import ServerProcess

BUCKET = "renders"
SIGN_IN_NEEDED_AFTER = 4  # the requests that create the user, its rights, its key and the bucket
ALLOW_ALL = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


class S3(ServerProcess):
    """Has one user with a key, and one bucket."""

    key_id: str
    secret: str

    def __init__(self) -> None:
        super().__init__("moto", "Running on")

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment["INITIAL_NO_AUTH_ACTION_COUNT"] = str(SIGN_IN_NEEDED_AFTER)
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        process = subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.launch(process)
        self._set_up()

    def _set_up(self) -> None:
        iam = self._client("iam", "any", "any")
        iam.create_user(UserName="pod")
        iam.put_user_policy(UserName="pod", PolicyName="all", PolicyDocument=ALLOW_ALL)
        key = iam.create_access_key(UserName="pod")["AccessKey"]
        self.key_id, self.secret = key["AccessKeyId"], key["SecretAccessKey"]
        self.client.create_bucket(Bucket=BUCKET)

    @property
    def client(self) -> Any:
        return self._client("s3", self.key_id, self.secret)

    def objects(self) -> dict[str, bytes]:
        """Return the content of every object."""
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: self.read(entry["Key"]) for entry in listed}

    def read(self, key: str) -> bytes:
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def write(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def clear(self) -> None:
        listed = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        if listed:
            objects = [{"Key": entry["Key"]} for entry in listed]
            self.client.delete_objects(Bucket=BUCKET, Delete={"Objects": objects})

    def _client(self, service: str, key_id: str, secret: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(proxies={}, retries={"max_attempts": 1}),
        )


@contextmanager
def running_s3() -> Iterator[S3]:
    server = S3()
    server.start()
    try:
        yield server
    finally:
        server.end(signal.SIGKILL)


class Relay:
    """Passes connections on to a server. It loses and refuses them once it has passed on the bytes of a limit."""

    def __init__(self, port: int):
        self._port = port
        self.url = ""
        self.limit: int | None = None
        self.received = 0
        self.answer_limit: int | None = None
        self.answered = 0
        self.connections: set[Any] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(asyncio.current_task())
        tasks = []
        writers = [writer]
        try:
            if not self._is_cut:
                upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._port)
                writers.append(upstream_writer)
                tasks.append(asyncio.create_task(self._pass_on(reader, upstream_writer, is_request=True)))
                tasks.append(asyncio.create_task(self._pass_on(upstream_reader, writer, is_request=False)))
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(*tasks)
            for side in writers:
                side.transport.abort()

    @property
    def _is_cut(self) -> bool:
        limits = ((self.limit, self.received), (self.answer_limit, self.answered))
        return any(limit is not None and passed >= limit for limit, passed in limits)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        while not self._is_cut and (chunk := await reader.read(65536)):
            if is_request:
                self.received += len(chunk)
            else:
                self.answered += len(chunk)
            writer.write(chunk)
            await writer.drain()


@asynccontextmanager
async def running_relay(port: int) -> AsyncIterator[Relay]:
    relay = Relay(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        await cancel_and_wait(*relay.connections)
