"""Programs use API keys: created once, shown once, valid until they expire or are revoked, in the next pod too."""

import json
from pathlib import Path

import pytest
import websockets

from tests.support.control_plane import ControlPlane, running_control_plane

JSON = {"Content-Type": "application/json"}


def folder_of(pod: ControlPlane) -> Path:
    return pod.settings.workspace / ".comfypod/api-keys"


async def status_with(pod: ControlPlane, secret: str, path: str = "/api/presets/categories") -> int:
    async with pod.anonymous(**{"X-API-Key": secret}) as client:
        return (await client.get(path)).status_code


async def test_a_key_is_listed_without_its_secret_which_is_stored_nowhere(pod: ControlPlane) -> None:
    wanted = {"name": " laptop ", "scopes": ["run", "read"], "expires_in_days": 30}
    created = (await pod.client.post("/api/keys", json=wanted)).json()
    secret = created["secret"]
    (listed,) = (await pod.client.get("/api/keys")).json()["keys"]
    assert (listed["name"], listed["scopes"], listed["ending"]) == ("laptop", ["read", "run"], secret[-4:])
    assert listed == created["key"]
    assert listed["last_used_at"] is None
    (file,) = folder_of(pod).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    everything = b"".join(path.read_bytes() for path in pod.settings.workspace.rglob("*") if path.is_file())
    assert secret.encode() not in everything
    assert secret not in (await pod.client.get("/settings")).text


async def test_a_revoked_key_is_refused_at_once_and_its_sockets_close(pod: ControlPlane) -> None:
    secret = await pod.create_key("read")
    assert await status_with(pod, secret) == 200
    (key,) = (await pod.client.get("/api/keys")).json()["keys"]
    assert key["last_used_at"] is not None
    address = pod.url.replace("http", "ws") + "/ws/storage"
    async with websockets.connect(address, additional_headers={"X-API-Key": secret}) as frames:
        await frames.recv()
        assert (await pod.client.delete(f"/api/keys/{key['id']}")).status_code == 204
        await frames.wait_closed()
    assert frames.close_code == 4401
    assert await status_with(pod, secret) == 401
    assert (await pod.client.delete(f"/api/keys/{key['id']}")).status_code == 404
    assert list(folder_of(pod).iterdir()) == []


async def test_a_key_and_its_last_use_outlive_the_pod(workspace: Path, tmp_path: Path) -> None:
    """Another pod on the same volume has another state folder and another password."""
    async with running_control_plane(workspace, state_dir=tmp_path / "one") as pod:
        secret = await pod.create_key("read")
        assert await status_with(pod, secret) == 200
        (before,) = (await pod.client.get("/api/keys")).json()["keys"]
    async with running_control_plane(workspace, state_dir=tmp_path / "two") as pod:
        (after,) = (await pod.client.get("/api/keys")).json()["keys"]
        assert await status_with(pod, secret) == 200
    assert after["name"] == before["name"]
    assert after["last_used_at"][:19] == before["last_used_at"][:19]


async def test_an_expired_key_says_so(pod: ControlPlane) -> None:
    secret = await pod.create_key("read", expires_in_days=1)
    (file,) = folder_of(pod).iterdir()
    key = json.loads(file.read_bytes())
    file.write_text(json.dumps({**key, "expires_at": "2020-01-02T00:00:00Z"}))
    async with (
        running_control_plane(pod.settings.workspace, state_dir=pod.settings.workspace / "b") as later,
        later.anonymous(Authorization=f"Bearer {secret}") as client,
    ):
        error = (await client.get("/api/presets")).json()["error"]
    assert error["code"] == "api_key_expired"
    assert "expired on 02 Jan 2020" in error["message"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"id": "000000000000"}', b"\xff" * 5000, b"null"])
async def test_a_damaged_file_refuses_its_key_and_harms_nothing_else(
    pod: ControlPlane, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = await pod.create_key("read")
    (file,) = folder_of(pod).iterdir()
    file.write_bytes(damage)
    (folder_of(pod) / "ffffffffffff.json").symlink_to("/dev/zero")
    async with running_control_plane(pod.settings.workspace, state_dir=pod.settings.workspace / "b") as later:
        assert await status_with(later, secret) == 401
        other = await later.create_key("read")
        assert await status_with(later, other) == 200
        assert file.name in (await later.client.get("/api/keys")).json()["unreadable"]
        assert f"The file {file.name} contains no valid key" in (await later.client.get("/settings")).text
    assert file.read_bytes() == damage
    assert file.name in capsys.readouterr().out


async def test_a_name_is_given_once_until_its_key_is_revoked(pod: ControlPlane) -> None:
    wanted = {"name": "ci", "scopes": ["read"]}
    key = (await pod.client.post("/api/keys", json=wanted)).json()["key"]
    again = await pod.client.post("/api/keys", json=wanted)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    await pod.client.delete(f"/api/keys/{key['id']}")
    assert (await pod.client.post("/api/keys", json=wanted)).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "scopes": ["read"]},
        {"name": "x" * 61, "scopes": ["read"]},
        {"name": "two\nlines", "scopes": ["read"]},
        {"name": "no scope", "scopes": []},
        {"name": "unknown scope", "scopes": ["root"]},
        {"name": "past", "scopes": ["read"], "expires_in_days": 0},
        {"name": "too long", "scopes": ["read"], "expires_in_days": 10**9},
    ],
)
async def test_a_key_that_makes_no_sense_is_not_created(pod: ControlPlane, wrong: dict[str, object]) -> None:
    assert (await pod.client.post("/api/keys", json=wrong)).status_code == 400
    assert (await pod.client.get("/api/keys")).json()["keys"] == []


async def test_a_key_that_cannot_be_saved_is_not_created(pod: ControlPlane) -> None:
    folder_of(pod).write_text("in the way")
    response = await pod.client.post("/api/keys", json={"name": "ci", "scopes": ["read"]})
    assert (response.status_code, response.json()["error"]["code"]) == (503, "unavailable")
    assert (await pod.client.get("/api/keys")).json()["keys"] == []


async def test_the_log_names_the_key_that_made_a_request(
    pod: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = await pod.create_key("read")
    capsys.readouterr()
    await status_with(pod, secret, "/api/downloads")
    async with pod.anonymous() as client:
        await client.get("/api/system")
    await pod.client.get("/api/storage")
    by_path = {
        path: line
        for line in capsys.readouterr().out.splitlines()
        for path in line.split()
        if "path=" in path
    }
    assert "principal='key:key 1'" in by_path["path=/api/downloads"]
    assert "principal=anonymous" in by_path["path=/api/system"]
    assert "principal=owner" in by_path["path=/api/storage"]


async def test_a_key_is_created_on_the_page_with_and_without_scripts(pod: ControlPlane) -> None:
    form = {"name": "page", "scopes": ["read", "run"], "expires_in_days": ""}
    fragment = await pod.client.post(
        "/settings/api-keys", data=form, headers={"HX-Request": "true", "HX-Request-Type": "partial"}
    )
    assert (fragment.status_code, "<html" in fragment.text) == (200, False)
    whole = await pod.client.post(
        "/settings/api-keys", data={**form, "name": "other"}, headers={"Accept": "text/html"}
    )
    assert whole.text.startswith("<!doctype html>")
    for response in (fragment, whole):
        secret = response.text.split('value="cpk_')[1].split('"')[0]
        assert await status_with(pod, f"cpk_{secret}") == 200
    (key, _) = (await pod.client.get("/api/keys")).json()["keys"]
    revoked = await pod.client.delete(f"/settings/api-keys/{key['id']}", headers={"HX-Request": "true"})
    assert "is revoked" in revoked.headers["HX-Trigger"]
    assert len((await pod.client.get("/api/keys")).json()["keys"]) == 1
