"""Prepares TLS on the pod's ports: a certificate, and what nginx needs to know of it.

Where TLS is wanted, the ports never serve plain HTTP. A certificate that cannot be used is replaced by a self-signed one, and
the pages say so: a port that is closed could tell no one what is wrong, and one without TLS would carry the password.
"""

import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.workspace.report import write_json

OFF = {"", "0", "false", "no", "off"}
SELF_SIGNED = {"self-signed", "1", "true", "yes", "on"}
DAYS = 825  # clients of Apple refuse certificates that are valid for longer
RENEW_SECONDS = 30 * 24 * 3600
VOLUME_SECONDS = 2.0
SETTINGS = """ssl_certificate {folder}/cert.pem;
ssl_certificate_key {folder}/key.pem;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:tls:1m;
ssl_session_timeout 1d;
"""


class Unusable(Exception):
    """A certificate or key cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A certificate with its chain, and its key, as PEM."""

    certificate: str
    key: str


def prepare(environment: Mapping[str, str], run: Path, state: Path, volume: Path) -> str | None:
    """Return nginx's settings of TLS; None where TLS is not wanted."""
    wanted = environment.get("TLS", "").strip().lower()
    certificate, key = environment.get("TLS_CERT", "").strip(), environment.get("TLS_KEY", "").strip()
    if not (certificate or key) and wanted in OFF:
        return None
    problem = None
    pair = None
    try:
        if certificate or key:
            pair = own_pair(certificate, key, run)
        elif wanted not in SELF_SIGNED:
            problem = "TLS has a value that is not known: use `self-signed`, or set TLS_CERT and TLS_KEY."
    except Unusable as error:
        problem = f"{error} Correct TLS_CERT and TLS_KEY and start the pod again. Until then it uses a self-signed certificate."
    is_own = pair is not None
    pair = pair or self_signed(state, volume)
    _save(pair, run / "tls")
    if is_own and _ends_within(run / "tls/cert.pem", 0):
        problem = "The certificate in TLS_CERT has expired, so browsers refuse it. Replace it and start the pod again."
    write_json(run / "tls.json", {"kind": "own" if is_own else "self-signed", "problem": problem})
    if problem:
        print(f"tls: {problem}", file=sys.stderr, flush=True)
    return SETTINGS.format(folder=run / "tls")


def own_pair(certificate: str, key: str, run: Path) -> Pair:
    """Return the user's certificate and key. Raise Unusable unless they belong together."""
    for name, value in (("TLS_CERT", certificate), ("TLS_KEY", key)):
        if not value:
            raise Unusable(f"{name} is not set, and the other variable needs it.")
    pair = Pair(certificate=_pem_of("TLS_CERT", certificate), key=_pem_of("TLS_KEY", key))
    draft = run / "tls-draft"
    _save(pair, draft)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # An empty password makes an encrypted key an error instead of a question.
        context.load_cert_chain(draft / "cert.pem", draft / "key.pem", password="")
    except ssl.SSLError as error:
        raise Unusable(_why(error)) from None
    finally:
        shutil.rmtree(draft)
    return pair


def _pem_of(name: str, value: str) -> str:
    """Return PEM text. Some hosts pass a variable with `\\n` in place of line breaks."""
    if "-----BEGIN" in value:
        return value.replace("\\n", "\n") + "\n"
    try:
        return Path(value).read_text()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise Unusable(f"The file in {name} cannot be read: {reason}.") from None


def _why(error: ssl.SSLError) -> str:
    match error.reason:
        case "KEY_VALUES_MISMATCH":
            return "The key in TLS_KEY does not belong to the certificate in TLS_CERT."
        case _:
            return f"TLS_CERT and TLS_KEY cannot be used ({error.reason or 'no certificate or key in PEM format'})."


def self_signed(state: Path, volume: Path) -> Pair:
    """Return the pod's own certificate: from the volume, so that a browser asks once, else from the state folder.

    It is renewed a month before its end. A volume that hangs must not keep the pod from starting.
    """
    pairs: list[Pair] = []

    def look_on_volume() -> None:
        if _holds_secrets(volume):
            pairs.append(_saved_or_new(volume / "tls"))

    looking = threading.Thread(target=look_on_volume, daemon=True)
    looking.start()
    looking.join(VOLUME_SECONDS)
    return pairs[0] if pairs else _saved_or_new(state / "tls")


def _holds_secrets(folder: Path) -> bool:
    """Return whether file permissions work there."""
    probe = folder / f".tls-probe-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch(mode=0o600)
        probe.chmod(0o600)
        is_private = probe.stat().st_mode & 0o777 == 0o600
        probe.unlink()
    except OSError:
        return False
    return is_private


def _saved_or_new(folder: Path) -> Pair:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        if not _ends_within(certificate, RENEW_SECONDS):
            return Pair(certificate=certificate.read_text(), key=key.read_text())
    except (OSError, ssl.SSLError):
        pass  # none yet, or damaged
    pair = _new_pair()
    _save(pair, folder)
    return pair


def _new_pair() -> Pair:
    names = "subjectAltName=DNS:localhost,DNS:comfypod,IP:127.0.0.1,IP:::1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", str(DAYS), "-subj", "/CN=ComfyPod", "-addext", names, "-keyout", "-", "-out", "-"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    key, _, certificate = output.partition("-----BEGIN CERTIFICATE-----")
    return Pair(certificate=f"-----BEGIN CERTIFICATE-----{certificate}", key=key)


def _save(pair: Pair, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, content in (("cert.pem", pair.certificate), ("key.pem", pair.key)):
        draft = folder / f".{name}"
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123 - Path.open takes no mode
            file.write(content)
        draft.replace(folder / name)


def _ends_within(certificate: Path, seconds: int) -> bool:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(seconds)]
    return subprocess.run(command, capture_output=True, check=False).returncode != 0
