"""Find the control plane that a command works with, and sign in."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from enum import Enum, auto

import httpx
import typer

from backend.cli.control_plane import ControlPlane, run
from backend.cli.errors import Misused, NoControlPlane, NotSignedIn
from backend.client.client import ApiClient, sign_in
from backend.client.connection import TIMEOUT, Credentials
from backend.client.errors import ClientError
from backend.config.settings import VITAL, Settings, SettingsError, load_settings

# A pod's control plane is up a second or two after the container; one that restarts takes no longer.
START_SECONDS = 30.0
RETRY_SECONDS = 0.5
# How long a shell waits for completions.
COMPLETION_SECONDS = 2.0
SIGN_OUT_SECONDS = 2.0
STARTING = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


class Found(Enum):
    """What answers at an address."""

    CONTROL_PLANE = auto()
    # A proxy answers, and the control plane behind it does not yet.
    STARTING = auto()
    NOTHING = auto()


@contextlib.contextmanager
def connected(*, outlives: bool) -> Iterator[ControlPlane]:
    """Yield the control plane that runs or, unless the work must outlive the command, an embedded one."""
    settings = _settings()
    for sentence in settings.problems:
        print(sentence, file=sys.stderr)  # noqa: T201
    with asyncio.Runner() as runner:
        with _http(runner, settings) as http:
            if _answers(runner, http, settings):
                with _signed_in(runner, http, settings, may_ask=sys.stdin.isatty()) as client:
                    yield ControlPlane(runner, client)
                return
        if outlives:
            raise Misused(
                f"No control plane answers at {http.base_url}, and without one no download continues after the command "
                "has ended. Omit --no-wait."
            )
        with _embedded(runner, settings) as plane:
            yield plane


@contextlib.contextmanager
def connected_now() -> Iterator[ControlPlane]:
    """Yield the control plane that runs. Neither wait for one nor ask the user for a password."""
    settings = _settings()
    with asyncio.Runner() as runner, _http(runner, settings) as http:
        http.timeout = httpx.Timeout(COMPLETION_SECONDS)
        if runner.run(_find(http)) is not Found.CONTROL_PLANE:
            raise NoControlPlane(f"No control plane answers at {http.base_url}.")
        with _signed_in(runner, http, settings, may_ask=False) as client:
            yield ControlPlane(runner, client)


@contextlib.contextmanager
def _embedded(runner: asyncio.Runner, settings: Settings) -> Iterator[ControlPlane]:
    # The application is imported only where it is needed: that takes a second.
    from backend.cli.embedded_server import embedded_control_plane  # noqa: PLC0415

    with embedded_control_plane(settings) as own, _client(runner, own.url, trust_env=False) as http:
        client = ApiClient(http, Credentials(token=own.token))
        yield ControlPlane(runner, client, embedded=True, begin=own.begin)


def _settings() -> Settings:
    try:
        return load_settings(VITAL | {"comfypod_url", "comfypod_token"})
    except SettingsError as error:
        raise Misused(str(error)) from None


@contextlib.contextmanager
def _http(runner: asyncio.Runner, settings: Settings) -> Iterator[httpx.AsyncClient]:
    """Yield a client for the configured address. For this machine it ignores the proxies of the environment."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - asked, not bound
    # In a pod with TLS the port is nginx's, whose own certificate no authority has signed; loopback needs none.
    scheme = "https" if (settings.run_dir / "tls.json").exists() else "http"
    address = str(settings.comfypod_url or f"{scheme}://{host}:{settings.port}")
    with _client(runner, address, trust_env=settings.comfypod_url is not None) as http:
        yield http


@contextlib.contextmanager
def _client(runner: asyncio.Runner, address: str, *, trust_env: bool) -> Iterator[httpx.AsyncClient]:
    http = httpx.AsyncClient(
        base_url=address,
        timeout=TIMEOUT,
        trust_env=trust_env,
        # Loading certificates takes 30 ms.
        verify=address.startswith("https:") and not address.startswith("https://127.0.0.1:"),
    )
    try:
        yield http
    finally:
        runner.run(http.aclose())


def _answers(runner: asyncio.Runner, http: httpx.AsyncClient, settings: Settings) -> bool:
    """Return False where this command has to embed a control plane. Wait for one that is starting."""
    deadline = time.monotonic() + START_SECONDS
    while (found := runner.run(_find(http))) is not Found.CONTROL_PLANE:
        if found is Found.NOTHING and settings.comfypod_url:
            raise NoControlPlane(
                f"No control plane answers at {settings.comfypod_url}. Correct COMFYPOD_URL, or unset it to use the one "
                "on this machine."
            )
        # Where supervisor runs, the control plane is about to start; a second one would be in its way.
        if found is Found.NOTHING and not settings.supervisor_socket.is_socket():
            return False
        if time.monotonic() > deadline:
            raise NoControlPlane(
                f"The control plane at {http.base_url} does not answer. Its log is {settings.log_dir / 'dashboard.log'}."
            )
        time.sleep(RETRY_SECONDS)
    return True


async def _find(http: httpx.AsyncClient) -> Found:
    try:
        response = await http.get("/healthz")
    except httpx.TransportError:
        return Found.NOTHING
    if response.status_code in STARTING:
        return Found.STARTING
    with contextlib.suppress(ValueError, TypeError, KeyError):
        if response.json()["status"] == "ok":
            return Found.CONTROL_PLANE
    raise NoControlPlane(
        f"The server at {http.base_url} is no control plane. Set COMFYPOD_URL to the address of one, or PORT to a "
        "free port to work without."
    )


@contextlib.contextmanager
def _signed_in(
    runner: asyncio.Runner, http: httpx.AsyncClient, settings: Settings, *, may_ask: bool
) -> Iterator[ApiClient]:
    """Yield a client. A session that was started for this command ends with it."""
    if settings.comfypod_token:
        yield ApiClient(http, Credentials(token=settings.comfypod_token.get_secret_value()))
        return
    client = ApiClient(http, Credentials(token=_new_session(runner, http, settings, may_ask=may_ask)))
    try:
        yield client
    finally:
        http.timeout = httpx.Timeout(SIGN_OUT_SECONDS)
        # The command has done its work; a session that could not be ended expires by itself.
        with contextlib.suppress(ClientError):
            runner.run(client.access.sign_out())


def _new_session(
    runner: asyncio.Runner, http: httpx.AsyncClient, settings: Settings, *, may_ask: bool
) -> str:
    password = _known_password(settings)
    token = run(runner, sign_in(http, password)) if password else None
    if token is None and may_ask:
        question = f"Password of the pod at {http.base_url}"
        token = run(runner, sign_in(http, typer.prompt(question, hide_input=True, err=True)))
    if token is None:
        raise NotSignedIn(
            f"The control plane at {http.base_url} wants {'another' if password else 'a'} password. Set "
            "ACCESS_PASSWORD to it, or COMFYPOD_TOKEN to a token."
        )
    return token


def _known_password(settings: Settings) -> str | None:
    """Return the owner's password, or the one generated on this machine, which no other machine must see."""
    if settings.access_password:
        return settings.access_password.get_secret_value()
    if settings.comfypod_url and settings.comfypod_url.host not in LOOPBACK:
        return None
    try:
        return (settings.state_folder / "password").read_text().strip() or None
    except OSError:
        return None
