"""nginx with TLS on loopback, on two ports: unlimited, and limited per connection."""

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

CONFIGURATION = """
user {user}; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000; root {root};
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
    # Headers of Hugging Face that its client requires.
    add_header X-Repo-Commit 0123456789012345678901234567890123456789;
    server {{ listen 127.0.0.1:{free} ssl; }}
    server {{ listen 127.0.0.1:{capped} ssl; limit_rate {limit}; }}
}}
"""


@dataclass(frozen=True)
class FileServer:
    # By name: `unlimited`, `capped`.
    urls: dict[str, str]
    # The certificate authority to trust.
    ca_file: Path


@contextmanager
def running_file_server(root: Path, folder: Path, bytes_per_connection: int) -> Iterator[FileServer]:
    """Serve the files in `root`; store configuration and logs in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    (folder / "server.pem").write_bytes(chain)
    ports = {"free": _free_port(), "capped": _free_port()}
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder, root=root, user=getpass.getuser(), limit=bytes_per_connection, **ports
        )
    )
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    with subprocess.Popen([nginx, "-p", folder, "-e", folder / "error.log", "-c", configuration]) as process:
        try:
            for port in ports.values():
                _until_open(port)
            urls = {"unlimited": ports["free"], "capped": ports["capped"]}
            yield FileServer({name: f"https://localhost:{port}" for name, port in urls.items()}, ca_file)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_open(port: int) -> None:
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
