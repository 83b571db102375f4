"""Chooses nginx's configuration: the image's own, or a copy with TLS or without the services."""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts.workspace import tls

IPV6_ADDRESSES = Path("/proc/net/if_inet6")
IPV6_LISTENERS = "/etc/nginx/comfypod-ipv6"
WORKER = "worker"


def configuration(environment: Mapping[str, str], source: Path, run: Path, state: Path, volume: Path) -> Path:
    """Return the main file of nginx's configuration. Raise an error where a wanted certificate cannot be prepared."""
    settings = tls.prepare(environment, run, state, volume)
    is_worker = environment.get("MODE", "").strip().lower() == WORKER
    if settings is None and not is_worker:
        return source / "nginx.conf"
    target = run / "nginx"
    shutil.copytree(source, target, dirs_exist_ok=True)
    if not IPV6_ADDRESSES.exists():
        shutil.rmtree(target / "ipv6")
    if is_worker:
        (target / "services.conf").unlink()
    for file in target.rglob("*.conf"):
        text = (
            file.read_text().replace(str(source), str(target)).replace(IPV6_LISTENERS, str(target / "ipv6"))
        )
        file.write_text(_with_tls(text, target) if settings else text)
    if settings:
        (target / "tls.conf").write_text(settings)
    return target / "nginx.conf"


def _with_tls(text: str, folder: Path) -> str:
    text = re.sub(r"^(\s*listen [^;]+);", r"\1 ssl;", text, flags=re.MULTILINE)
    return text.replace("http {\n", f"http {{\n    include {folder}/tls.conf;\n", 1)


def main() -> None:
    """Print the path of nginx's configuration."""
    environment = os.environ
    run, state = Path(environment["RUN_DIR"]), Path(environment["STATE_DIR"])
    volume = Path(environment["WORKSPACE"]) / ".comfypod"
    print(configuration(environment, Path(environment["COMFYPOD"]) / "nginx", run, state, volume))


if __name__ == "__main__":
    main()
