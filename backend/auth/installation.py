"""Secrets of this installation, generated at the first start and kept in its state folder."""

import secrets
from pathlib import Path

from backend.config.settings import Settings
from backend.core.files import write_atomically


def access_password(settings: Settings) -> str:
    """Return the owner's password, or the one generated for this installation."""
    if settings.access_password:
        return settings.access_password.get_secret_value()
    return generated_password(settings.state_folder)


def generated_password(state_folder: Path) -> str:
    return _persistent_secret(state_folder / "password", secrets.token_urlsafe(12))


def signing_key(state_folder: Path) -> bytes:
    return _persistent_secret(state_folder / "signing.key", secrets.token_hex(32)).encode()


def _persistent_secret(path: Path, fresh: str) -> str:
    try:
        stored = path.read_text().strip()
    except FileNotFoundError:
        stored = ""
    if stored:
        return stored
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, fresh.encode(), mode=0o600)
    return fresh
