"""The client: one object for each part of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from backend.client.access import AccessClient
from backend.client.activity import ActivityClient
from backend.client.autostop import AutostopClient
from backend.client.connection import TIMEOUT, Connection, Credentials
from backend.client.downloads import DownloadsClient
from backend.client.errors import Rejected
from backend.client.inputs import InputsClient
from backend.client.jobs import JobsClient
from backend.client.models import Token
from backend.client.nodes import NodesClient
from backend.client.notifications import NotificationsClient
from backend.client.outputs import OutputsClient
from backend.client.presets import PresetsClient
from backend.client.price import PriceClient
from backend.client.provisioning import ProvisioningClient
from backend.client.schedules import SchedulesClient
from backend.client.storage import StorageClient
from backend.client.sync import SyncClient
from backend.client.system import SystemClient
from backend.client.templates import TemplatesClient


class ApiClient:
    """Speaks to one control plane with one set of credentials."""

    def __init__(self, http: httpx.AsyncClient, credentials: Credentials):
        connection = Connection(http, credentials)
        self.url = connection.url
        self.headers = credentials.headers
        self.access = AccessClient(connection)
        self.activity = ActivityClient(connection)
        self.downloads = DownloadsClient(connection)
        self.inputs = InputsClient(connection)
        self.jobs = JobsClient(connection)
        self.notifications = NotificationsClient(connection)
        self.nodes = NodesClient(connection)
        self.outputs = OutputsClient(connection)
        self.autostop = AutostopClient(connection)
        self.presets = PresetsClient(connection)
        self.price = PriceClient(connection)
        self.provisioning = ProvisioningClient(connection)
        self.schedules = SchedulesClient(connection)
        self.storage = StorageClient(connection)
        self.sync = SyncClient(connection)
        self.system = SystemClient(connection)
        self.templates = TemplatesClient(connection)


@asynccontextmanager
async def api_client(
    url: str, *, token: str | None = None, api_key: str | None = None
) -> AsyncIterator[ApiClient]:
    """Yield a client of the control plane at `url`. Proxies of the environment are not used."""
    async with httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False) as http:
        yield ApiClient(http, Credentials(token=token, api_key=api_key))


async def sign_in(http: httpx.AsyncClient, password: str) -> str | None:
    """Return a session's token, or None when the password is wrong."""
    connection = Connection(http, Credentials())
    try:
        token = await connection.post("/api/auth/login", Token, json={"password": password})
    except Rejected as error:
        if error.code != "wrong_password":
            raise
        return None
    return token.access_token
