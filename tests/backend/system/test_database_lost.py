"""The control plane reports a deleted or locked database, and recovers by itself."""

import sqlite3

from tests.support.control_plane import ControlPlane


async def test_a_deleted_database_is_restored_completely(pod: ControlPlane) -> None:
    before = (await pod.client.get("/api/activity")).json()["latest"]
    for file in pod.settings.state_folder.glob("comfypod.db*"):
        file.unlink()
    assert (await pod.client.get("/readyz")).json()["ready"]
    assert (pod.settings.state_folder / "comfypod.db").exists()
    assert (await pod.client.get("/api/activity")).json()["latest"] >= before


async def test_a_locked_database_is_reported_until_it_is_free(pod: ControlPlane) -> None:
    other = sqlite3.connect(pod.settings.state_folder / "comfypod.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer = await pod.client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"][0]["code"]) == (503, "database")
    await pod.client.get("/api/system")
    page = await pod.client.get("/")
    other.close()  # before an assertion can fail: the control plane waits for the lock when it stops
    assert "cannot write its database" in page.text
