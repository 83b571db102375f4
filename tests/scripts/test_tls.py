"""A pod's certificate: the user's, or one that the pod makes. It never serves plain HTTP where TLS is wanted."""

import json
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from scripts.workspace.nginx import configuration
from tests.scripts.test_entrypoint import bash

ROOT = Path(__file__).parents[2]


class Pod:
    """The folders of one pod."""

    def __init__(self, folder: Path):
        self.run, self.state, self.volume = folder / "run", folder / "state", folder / "volume"

    def start(self, **environment: str) -> Path:
        return configuration(environment, ROOT / "nginx", self.run, self.state, self.volume)

    @property
    def certificate(self) -> str:
        return (self.run / "tls/cert.pem").read_text()

    @property
    def report(self) -> dict[str, str]:
        report: dict[str, str] = json.loads((self.run / "tls.json").read_text())
        return report


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    return Pod(tmp_path)


def new_pair(folder: Path, name: str, *, days: int = 30) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", str(days), "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def test_without_a_wish_there_is_no_tls(pod: Pod) -> None:
    assert pod.start() == pod.start(TLS="off") == ROOT / "nginx/nginx.conf"
    assert not pod.run.exists()


def test_every_port_has_tls_and_none_is_left_out(pod: Pod) -> None:
    main = pod.start(TLS="self-signed")
    texts = [file.read_text() for file in main.parent.rglob("*.conf")]
    listeners = [
        line.strip() for text in texts for line in text.splitlines() if line.strip().startswith("listen ")
    ]
    assert len(listeners) >= 4
    assert all(line.endswith(" ssl;") for line in listeners)
    assert not any("/etc/nginx/comfypod-ipv6" in text for text in texts)


def test_the_pods_own_certificate_stays_on_the_volume(pod: Pod, tmp_path: Path) -> None:
    pod.start(TLS="self-signed")
    first = pod.certificate
    assert stat.S_IMODE((pod.volume / "tls/key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((pod.run / "tls/key.pem").stat().st_mode) == 0o600
    other = Pod(tmp_path / "other")
    other.volume = pod.volume
    other.start(TLS="self-signed")
    assert other.certificate == first


def test_it_is_renewed_before_it_ends_and_when_it_is_damaged(pod: Pod, tmp_path: Path) -> None:
    (pod.volume / "tls").mkdir(parents=True)
    certificate, key = new_pair(tmp_path, "old", days=20)
    certificate.rename(pod.volume / "tls/cert.pem")
    key.rename(pod.volume / "tls/key.pem")
    old = (pod.volume / "tls/cert.pem").read_text()
    pod.start(TLS="self-signed")
    renewed = pod.certificate
    assert renewed != old
    (pod.volume / "tls/key.pem").write_text("damaged")
    pod.start(TLS="self-signed")
    assert pod.certificate != renewed


def test_a_volume_that_cannot_be_written_does_not_matter(pod: Pod) -> None:
    pod.volume.write_text("no folder")
    assert pod.start(TLS="self-signed").is_file()
    assert (pod.state / "tls/key.pem").exists()


@pytest.mark.parametrize("form", ["paths", "text", "text with escaped line breaks"])
def test_a_certificate_of_the_user_is_used(pod: Pod, tmp_path: Path, form: str) -> None:
    certificate, key = new_pair(tmp_path, "mine")
    values = [str(certificate), str(key)] if form == "paths" else [certificate.read_text(), key.read_text()]
    if "escaped" in form:
        values = [value.replace("\n", "\\n") for value in values]
    pod.start(TLS_CERT=values[0], TLS_KEY=values[1])
    assert pod.certificate.strip() == certificate.read_text().strip()
    assert pod.report == {"kind": "own", "problem": None}


def test_one_that_cannot_be_used_is_named_and_replaced(pod: Pod, tmp_path: Path) -> None:
    certificate, key = new_pair(tmp_path, "mine")
    _, other_key = new_pair(tmp_path, "other")
    encrypted = tmp_path / "encrypted.key"
    command = ["openssl", "pkey", "-in", str(key), "-aes256", "-passout", "pass:x", "-out", str(encrypted)]
    subprocess.run(command, check=True, capture_output=True)
    for values, words in (
        ((str(certificate), str(other_key)), "does not belong to the certificate"),
        ((str(certificate), ""), "TLS_KEY is not set"),
        (("", str(key)), "TLS_CERT is not set"),
        ((str(tmp_path / "missing"), str(key)), "The file in TLS_CERT cannot be read: No such file"),
        ((str(key), str(key)), "cannot be used"),
        ((str(certificate), str(encrypted)), "cannot be used"),
        (("-----BEGIN CERTIFICATE-----\nnonsense", str(key)), "cannot be used"),
    ):
        assert pod.start(TLS_CERT=values[0], TLS_KEY=values[1]).is_file()
        assert pod.report["kind"] == "self-signed"
        assert words in pod.report["problem"]
        assert "BEGIN" not in pod.report["problem"]
        assert not (pod.run / "tls-draft").exists()


def test_an_expired_certificate_is_reported(pod: Pod, tmp_path: Path) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    leaf = trustme.CA().issue_cert(
        "pod.example", not_before=yesterday - timedelta(days=9), not_after=yesterday
    )
    certificate, key = tmp_path / "mine.crt", tmp_path / "mine.key"
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    pod.start(TLS_CERT=str(certificate), TLS_KEY=str(key))
    assert "has expired" in pod.report["problem"]


def test_an_unknown_value_of_tls_does_not_mean_plain_http(pod: Pod) -> None:
    assert pod.start(TLS="letsencrypt").is_file()
    assert "self-signed" in pod.report["problem"]


def test_the_entrypoint_chooses_nginxs_configuration(tmp_path: Path) -> None:
    folders = {"COMFYPOD": str(ROOT), "RUN_DIR": str(tmp_path / "run"), "STATE_DIR": str(tmp_path / "state")}
    folders["WORKSPACE"] = str(tmp_path / "workspace")
    plain = bash("configure_nginx; echo $NGINX_CONF", **folders)
    assert plain.stdout.strip() == f"{ROOT}/nginx/nginx.conf"
    secure = bash("configure_nginx; echo $NGINX_CONF", **folders, TLS="self-signed")
    assert secure.stdout.strip() == f"{tmp_path}/run/nginx/nginx.conf"
    (tmp_path / "blocked").write_text("no folder")
    blocked = {**folders, "RUN_DIR": str(tmp_path / "blocked")}
    refused = bash("configure_nginx; echo started", **blocked, TLS="self-signed")
    assert (refused.returncode, refused.stdout) == (64, "")
    assert "nginx cannot be configured" in refused.stderr
