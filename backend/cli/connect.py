"""Which control plane a command speaks to, and how it signs in there."""

import contextlib
import sys
import time
from collections.abc import Iterator
from enum import Enum, auto

import httpx
import typer

from backend.cli.client import TIMEOUT, ControlPlane, ask
from backend.cli.errors import Misused, NoControlPlane, NotSignedIn, Refused
from backend.config.settings import VITAL, Settings, SettingsError, load_settings

# A pod's control plane is up a second or two after the container; one that restarts takes no longer.
START_SECONDS = 30.0
LOOK_SECONDS = 0.5
# What a shell waits for completions.
AT_ONCE_SECONDS = 2.0
STARTING = {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT}
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}


class Seen(Enum):
    """What a look at an address showed."""

    CONTROL_PLANE = auto()
    # A proxy answers, and what is behind it does not yet.
    STARTING = auto()
    NOBODY = auto()


@contextlib.contextmanager
def connected(*, outlives: bool) -> Iterator[ControlPlane]:
    """The control plane that runs or, if it need not outlive the command, one of our own."""
    settings = _settings()
    for sentence in settings.problems:
        print(sentence, file=sys.stderr)  # noqa: T201
    with _http(settings) as http:
        if _answers(http, settings):
            yield ControlPlane(http, _token(http, settings, may_ask=sys.stdin.isatty()))
            return
    if outlives:
        raise Misused(
            f"No control plane answers at {http.base_url}, and without one nothing is fetched after the command has "
            "ended. Leave --no-wait out."
        )
    # The application is imported only where it is needed: that takes a second.
    from backend.cli.embedded_server import embedded_control_plane  # noqa: PLC0415

    with (
        embedded_control_plane(settings) as own,
        httpx.Client(base_url=own.url, timeout=TIMEOUT, trust_env=False) as http,
    ):
        yield ControlPlane(http, own.token, alone=True, begin=own.begin)


@contextlib.contextmanager
def connected_now() -> Iterator[ControlPlane]:
    """The control plane that runs, without waiting for it and without a question to a person."""
    settings = _settings()
    with _http(settings) as http:
        http.timeout = httpx.Timeout(AT_ONCE_SECONDS)
        if _look(http) is not Seen.CONTROL_PLANE:
            raise NoControlPlane(f"No control plane answers at {http.base_url}.")
        yield ControlPlane(http, _token(http, settings, may_ask=False))


def _settings() -> Settings:
    try:
        return load_settings(VITAL | {"comfypod_url", "comfypod_token"})
    except SettingsError as error:
        raise Misused(str(error)) from None


def _http(settings: Settings) -> httpx.Client:
    """A proxy of the environment has no business between us and our own machine."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - asked, not bound
    address = str(settings.comfypod_url or f"http://{host}:{settings.port}")
    return httpx.Client(base_url=address, timeout=TIMEOUT, trust_env=settings.comfypod_url is not None)


def _answers(http: httpx.Client, settings: Settings) -> bool:
    """False where this command has to stand alone. A control plane that is starting is waited for."""
    deadline = time.monotonic() + START_SECONDS
    while (seen := _look(http)) is not Seen.CONTROL_PLANE:
        if seen is Seen.NOBODY and settings.comfypod_url:
            raise NoControlPlane(
                f"No control plane answers at {settings.comfypod_url}. Correct COMFYPOD_URL, or unset it to speak to "
                "the one on this machine."
            )
        # Where a supervisor runs, the control plane is about to come; two would be one too many.
        if seen is Seen.NOBODY and not settings.supervisor_socket.is_socket():
            return False
        if time.monotonic() > deadline:
            raise NoControlPlane(
                f"The control plane at {http.base_url} does not answer. Its log is {settings.log_dir / 'dashboard.log'}."
            )
        time.sleep(LOOK_SECONDS)
    return True


def _look(http: httpx.Client) -> Seen:
    try:
        answer = http.get("/healthz")
    except httpx.TransportError:
        return Seen.NOBODY
    if answer.status_code in STARTING:
        return Seen.STARTING
    with contextlib.suppress(ValueError, TypeError, KeyError):
        if answer.json()["status"] == "ok":
            return Seen.CONTROL_PLANE
    raise NoControlPlane(
        f"What answers at {http.base_url} is no control plane. Set COMFYPOD_URL to the address of one, or PORT to a "
        "free port to do without."
    )


def _token(http: httpx.Client, settings: Settings, *, may_ask: bool) -> str:
    if settings.comfypod_token:
        return settings.comfypod_token.get_secret_value()
    password = _known_password(settings)
    token = _signed_in(http, password) if password else None
    if token is None and may_ask:
        question = f"Password of the pod at {http.base_url}"
        token = _signed_in(http, typer.prompt(question, hide_input=True, err=True))
    if token is None:
        raise NotSignedIn(
            f"The control plane at {http.base_url} wants {'another' if password else 'a'} password. Set "
            "ACCESS_PASSWORD to it, or COMFYPOD_TOKEN to a token."
        )
    return token


def _signed_in(http: httpx.Client, password: str) -> str | None:
    """A token, or None when the password is not the one."""
    try:
        answer = ask(http, "POST", "/api/auth/login", json={"password": password})
    except Refused as error:
        if error.code != "wrong_password":
            raise
        return None
    return str(answer.json()["access_token"])


def _known_password(settings: Settings) -> str | None:
    """The owner's, or the one that was generated on this machine, which no other machine gets to see."""
    if settings.access_password:
        return settings.access_password.get_secret_value()
    if settings.comfypod_url and settings.comfypod_url.host not in LOOPBACK:
        return None
    try:
        return (settings.state_folder / "password").read_text().strip() or None
    except OSError:
        return None
