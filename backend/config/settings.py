"""Settings, read once from the environment at start."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, PrivateAttr, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.config.values import usable_password, usable_token, yes

PROJECT_ROOT = Path(__file__).resolve().parents[2]


SAFE_LENGTH = 8
WEAK_PASSWORD = (
    f"ACCESS_PASSWORD has fewer than {SAFE_LENGTH} characters, so programs can guess it. Choose a longer one and start the "
    "pod again."
)
# A default in place of these would open the pod, hide the files on the volume, or listen where no client looks.
VITAL = frozenset({"access_password", "workspace", "state_dir", "run_dir", "host", "port"})


class SettingsError(Exception):
    """One or more variables hold a value that the control plane cannot start with."""


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(item.strip() for item in value.split(",") if item.strip())
    return value


def _absent_when_blank(value: object) -> object:
    """An empty variable is how compose files and pod templates say "not set"."""
    return None if isinstance(value, str) and not value.strip() else value


def _without_user(url: HttpUrl) -> HttpUrl:
    """Refuse a user in the URL: it becomes a part of every URL of that hub, which are stored and shown."""
    if url.username or url.password:
        raise ValueError("take the user and the password out of the address")
    return url


def _expand(path: Path) -> Path:
    try:
        return path.expanduser().resolve()
    except RuntimeError as error:  # no such user
        raise ValueError(str(error)) from None


def _for_text(read: Callable[[str], object]) -> BeforeValidator:
    """Apply `read` to text from a variable; values from our own code stay as they are."""
    return BeforeValidator(lambda value: read(value) if isinstance(value, str) else value)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
Password = Annotated[SecretStr | None, BeforeValidator(_absent_when_blank), _for_text(usable_password)]
Token = Annotated[SecretStr | None, BeforeValidator(_absent_when_blank), _for_text(usable_token)]
Word = _for_text(lambda text: text.strip().lower())
Port = Annotated[int, Field(ge=1, le=65535)]
Endpoint = Annotated[HttpUrl, AfterValidator(_without_user)]
Folder = Annotated[Path, AfterValidator(_expand)]


class Settings(BaseSettings):
    """Every variable that the control plane reads. The description is the help sentence users see."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    workspace: Folder = Field(
        default=Path("workspace"),
        description="Folder that holds ComfyUI, its models and everything users make. A pod mounts its volume here.",
    )
    state_dir: Annotated[Path | None, AfterValidator(lambda path: path and _expand(path))] = Field(
        default=None,
        description="Folder for the control plane's own database and keys, on a local disk. "
        "Default: `.comfypod` inside WORKSPACE.",
    )
    run_dir: Folder = Field(
        default=Path("/run/comfypod"),
        description="Folder where the boot scripts leave their reports for the control plane.",
    )
    log_dir: Folder = Field(
        default=Path("/var/log/comfypod"),
        description="Folder where the supervisor keeps what each service writes.",
    )
    presets_dir: Folder = Field(
        default=PROJECT_ROOT / "presets", description="Folder with the curated presets, one YAML file each."
    )
    host: str = Field(default="127.0.0.1", description="Address the control plane listens on.")
    port: Port = Field(default=8001, description="Port the control plane listens on.")
    access_password: Password = Field(
        default=None,
        description="Password for every page and every port. If unset, one is generated and printed at start.",
    )
    mode: Annotated[Literal["full", "worker"], Word] = Field(
        default="full",
        description="`worker` serves the API alone: no pages, no ports of services, no SSH, JupyterLab or code-server.",
    )
    session_hours: int = Field(
        default=168, ge=1, le=8760, description="Hours after which a signed-in browser has to sign in again."
    )
    cors_origins: Words = Field(
        default=(),
        description="Origins, separated by commas, whose pages may call the API. Default: none.",
    )
    hf_token: Token = Field(
        default=None, description="Hugging Face token, for gated files and for higher rate limits."
    )
    hf_endpoint: Endpoint = Field(
        default=HttpUrl("https://huggingface.co"),
        description="Address of Hugging Face, or of a mirror that speaks its protocol.",
    )
    civitai_token: Token = Field(default=None, description="Civitai API key, for files that need a sign-in.")
    civitai_endpoint: Endpoint = Field(
        default=HttpUrl("https://civitai.com"), description="Address of Civitai, or of a mirror."
    )
    preset_download: Words = Field(
        default=(),
        description="Ids of presets, separated by commas, that are downloaded in the background after start.",
    )
    download_allowed_hosts: Words = Field(
        default=(),
        description="Hosts (`name` or `name:port`), separated by commas, that may be downloaded from although "
        "they have a loopback or private address.",
    )
    download_workers: int = Field(
        default=4, ge=1, le=16, description="How many files are downloaded at the same time."
    )
    download_retry_seconds: float = Field(
        default=2.0,
        gt=0,
        le=300,
        description="Pause before a failed download is tried again; each next pause is four times as long.",
    )
    download_stall_seconds: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds without a byte after which a download is tried again.",
    )
    trash_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Days after which files in the trash are deleted for good; 0 is never.",
    )
    answer_seconds: float = Field(
        default=60.0,
        gt=0,
        le=600,
        description="Seconds that a hub or a web server has to respond to a request of the user.",
    )
    comfyui_url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:3000"),
        description="Address where the control plane reaches ComfyUI.",
    )
    safe_mode: Annotated[bool, _for_text(yes)] = Field(
        default=False, description="`1` starts ComfyUI without custom nodes."
    )
    supervisor_socket: Path = Field(
        default=Path("/run/comfypod/supervisor.sock"),
        description="Socket of the supervisor that runs the pod's services.",
    )
    runpod_pod_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="Set by RunPod: the pod's name in the addresses of RunPod's proxy.",
    )
    runpod_api_key: Token = Field(
        default=None, description="Set by RunPod: the key with which this pod stops itself."
    )
    runpod_endpoint: Endpoint = Field(
        default=HttpUrl("https://rest.runpod.io"), description="Address of RunPod's REST API."
    )
    container_id: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._-]{1,100}$", description="Set by Vast: the instance's number."
    )
    container_api_key: Token = Field(
        default=None, description="Set by Vast: the key with which this instance stops itself."
    )
    vast_endpoint: Endpoint = Field(
        default=HttpUrl("https://console.vast.ai"), description="Address of Vast's API."
    )
    autostop_minutes: int = Field(
        default=0,
        ge=0,
        le=10080,
        description="Minutes of idleness after which the pod is stopped, unless another choice was saved on the page; 0 is never.",
    )
    autostop_command: str | None = Field(
        default=None, description="Shell command that stops the pod, in place of RunPod's or Vast's API."
    )
    autostop_check_seconds: float = Field(
        default=15.0, gt=0, le=600, description="Seconds between two checks whether the pod is idle."
    )
    price_per_hour: float | None = Field(
        default=None,
        gt=0,
        le=10_000,
        description="Price of one hour of this pod, unless another was saved in Settings; pages then show costs.",
    )
    price_currency: Annotated[str, _for_text(lambda text: text.strip().upper())] = Field(
        default="USD", pattern=r"^[A-Z]{3}$", description="Currency of PRICE_PER_HOUR, such as `EUR`."
    )
    sync_endpoint: Annotated[Endpoint | None, BeforeValidator(_absent_when_blank)] = Field(
        default=None,
        description="Address of S3-compatible storage for outputs and saved workflows. Default: Amazon S3.",
    )
    sync_region: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9-]{1,40}$", description="Region of the storage, if it has any."
    )
    sync_bucket: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$",
        description="Bucket for outputs and saved workflows.",
    )
    sync_prefix: str = Field(
        default="comfypod",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._/-]{0,200}$",
        description="Folder in SYNC_BUCKET.",
    )
    sync_access_key_id: Token = Field(default=None, description="Id of an access key for SYNC_BUCKET.")
    sync_secret_access_key: Token = Field(default=None, description="Secret of SYNC_ACCESS_KEY_ID.")
    sync_when: Annotated[Literal["jobs", "schedule", "manual"], Word] = Field(
        default="jobs",
        description="`jobs` uploads after each job, `schedule` every SYNC_MINUTES, `manual` on request, unless another "
        "choice was saved on the page.",
    )
    sync_minutes: int = Field(
        default=30, ge=1, le=10080, description="Minutes between two uploads, with SYNC_WHEN=schedule."
    )
    sync_limit: int = Field(
        default=0,
        ge=0,
        le=10000,
        description="Most megabytes a second for uploads and restores; 0 is no limit.",
    )
    sync_restore: Annotated[bool, _for_text(yes)] = Field(
        default=False,
        description="`1` downloads the remote's files to a volume that has not got them yet, in the background.",
    )
    jupyter_url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8888"),
        description="Address where the control plane asks JupyterLab whether a notebook runs.",
    )
    anthropic_api_key: Token = Field(
        default=None,
        description="Key of the Anthropic API, for the assistant. One saved on its page takes precedence.",
    )
    agents_port: Port = Field(default=8010, description="Port of the agents process, on loopback.")
    agents_idle_seconds: float = Field(
        default=900, gt=0, le=86400, description="Seconds without work after which the agents process ends."
    )
    vast_tcp_port_3001: Port | None = Field(
        default=None, description="Set by Vast: the outer port that leads to ComfyUI."
    )
    vast_tcp_port_8081: Port | None = Field(
        default=None, description="Set by Vast: the outer port that leads to code-server."
    )
    vast_tcp_port_8889: Port | None = Field(
        default=None, description="Set by Vast: the outer port that leads to JupyterLab."
    )
    comfypod_url: Annotated[HttpUrl | None, BeforeValidator(_absent_when_blank)] = Field(
        default=None,
        description="Control plane that the command `comfypod` speaks to. Default: the one on this machine.",
    )
    comfypod_token: Token = Field(
        default=None, description="Token with which `comfypod` signs in where it does not know the password."
    )
    development: Annotated[bool, _for_text(yes)] = Field(
        default=False, description="`1` adds pages for developers, such as `/styleguide`."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Word] = Field(
        default="info", description="Least severity that is logged."
    )
    log_format: Annotated[Literal["auto", "json", "console"], Word] = Field(
        default="auto", description="`json` for machines, `console` for people, `auto` looks at the terminal."
    )

    # One sentence for each variable whose default is used in place of what it holds.
    _problems: tuple[str, ...] = PrivateAttr(default=())

    @property
    def problems(self) -> tuple[str, ...]:
        password = self.access_password.get_secret_value() if self.access_password else None
        return (
            self._problems
            if password is None or len(password) >= SAFE_LENGTH
            else (*self._problems, WEAK_PASSWORD)
        )

    @property
    def state_folder(self) -> Path:
        return self.state_dir or self.workspace / ".comfypod"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return what no log or page may show."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return tuple(value.get_secret_value() for value in values if isinstance(value, SecretStr) and value)

    @property
    def models_folder(self) -> Path:
        return self.workspace / "ComfyUI" / "models"


def load_settings(vital: frozenset[str] = VITAL) -> Settings:
    """Read the environment. SettingsError, with a sentence for each, when a vital variable has an invalid value.

    Any other invalid variable is ignored; `problems` says so.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = {str(details["loc"][0]): details for details in error.errors()}
    if vital & wrong.keys():
        raise SettingsError(
            "\n".join(_to_be_set(name, wrong[name]) for name in vital & wrong.keys())
        ) from None
    settings = Settings(**{name: Settings.model_fields[name].default for name in wrong})
    settings._problems = tuple(_left_out(name, details) for name, details in wrong.items())  # noqa: SLF001 - our own
    return settings


def _to_be_set(name: str, details: ErrorDetails) -> str:
    return (
        f"Set {name.upper()} to another value: {_why(details)}. ({Settings.model_fields[name].description})"
    )


def _left_out(name: str, details: ErrorDetails) -> str:
    field = Settings.model_fields[name]
    instead = "it counts as not set" if field.default is None else f"{field.default} is used instead"
    return (
        f"{name.upper()} has a value that cannot be used: {_why(details)}. Until it is corrected and the pod is "
        f"restarted, {instead}. ({field.description})"
    )


def _why(details: ErrorDetails) -> str:
    """Return the reason without the value, which may be a secret."""
    return details["msg"].removeprefix("Value error, ")
