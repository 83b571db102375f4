"""A user runs templates: values by name, grids, seeds, batches."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui_editor.templates import template
from tests.support.templates_pod import OF_EVERY_KIND, Pod, running_pod

pytestmark = pytest.mark.slow

TURBO = "official:image_z_image_turbo"


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    with running_pod(tmp_path_factory.mktemp("pod"), OF_EVERY_KIND) as pod:
        for name in OF_EVERY_KIND:
            pod.install_models(f"official:{name}")
        yield pod


@pytest.fixture
def paused(pod: Pod) -> Iterator[Pod]:
    """Jobs are queued and do not start."""
    pod.http.post("/api/jobs/pause")
    yield pod
    for batch in pod.http.get("/api/batches", params={"limit": 1000}).json():
        pod.http.post(f"/api/batches/{batch['id']}/cancel")
    for job in pod.http.get("/api/jobs/queue", params={"limit": 1000}).json():
        pod.http.post(f"/api/jobs/{job['id']}/cancel")
    pod.http.post("/api/jobs/resume")


def submit(pod: Pod, **request: Any) -> dict[str, Any]:
    response = pod.http.post("/api/jobs", json=request)
    assert response.status_code == 201, response.text
    report: dict[str, Any] = response.json()
    return report


def refusal(pod: Pod, **request: Any) -> tuple[int, str, str]:
    response = pod.http.post("/api/jobs", json=request)
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


def finished(pod: Pod, job_id: str) -> dict[str, Any]:
    with pod.http.stream("GET", f"/api/jobs/{job_id}/events") as events:
        for _ in events.iter_lines():
            pass
    job: dict[str, Any] = pod.http.get(f"/api/jobs/{job_id}").json()
    return job


def test_official_templates_of_every_kind_run(pod: Pod) -> None:
    submitted = [submit(pod, template_id=f"official:{name}")["jobs"][0] for name in OF_EVERY_KIND]
    ended = {job["template"]: finished(pod, job["id"]) for job in submitted}
    assert {name: (job["state"], job["error"]) for name, job in ended.items()} == {
        f"official:{name}": ("succeeded", None) for name in OF_EVERY_KIND
    }
    kinds = {output["kind"] for job in ended.values() for output in job["outputs"]}
    assert {"image", "video", "audio", "3d", "text"} <= kinds


def test_a_value_reaches_the_picture_and_the_record(pod: Pod) -> None:
    request = {"template_id": TURBO, "values": {"prompt": "a cat", "steps": "4"}}
    (job,) = submit(pod, **request)["jobs"]
    done = finished(pod, job["id"])
    assert done["template_version"]
    assert {"a cat", 4} <= set(done["values"].values())
    prompt = pod.http.get(f"/api/jobs/{job['id']}/workflow").json()["prompt"]
    for address, value in done["values"].items():
        node, _, name = address.partition(".")
        assert prompt[node]["inputs"][name] == value
    sidecars = list((pod.workspace / "ComfyUI/output/jobs").rglob("*.job.json"))
    assert any(json.loads(file.read_text())["job"]["id"] == job["id"] for file in sidecars)


def test_each_run_has_a_seed_of_its_own(paused: Pod) -> None:
    report = submit(paused, template_id=TURBO, runs=3)
    seeds = [next(v for k, v in job["values"].items() if "seed" in k) for job in report["jobs"]]
    assert len(set(seeds)) == 3
    batch = paused.http.get(f"/api/batches/{report['batch_id']}").json()
    assert (batch["size"], batch["axes"], len(batch["jobs"])) == (3, [], 3)


def test_a_grid_is_one_batch_that_remembers_its_axes(paused: Pod) -> None:
    earlier = submit(paused, document=picture(), runs=2)
    grid = {"prompt": ["a cat", "1..3"], "seed": "1..20..5", "width": [512, 1024]}
    report = submit(paused, template_id=TURBO, grid=grid)
    assert len(report["jobs"]) == 16
    batch = paused.http.get(f"/api/batches/{report['batch_id']}").json()
    assert [(axis["input"], axis["values"]) for axis in batch["axes"]] == [
        ("prompt", ["a cat", "1..3"]),
        ("seed", [1, 6, 11, 16]),
        ("width", [512, 1024]),
    ]
    assert batch["jobs"][1]["cell"] == {"prompt": "a cat", "seed": 1, "width": 1024}
    assert batch["counts"] == {"queued": 16}
    newest = paused.http.get("/api/batches", params={"limit": 1})
    assert newest.json()[0]["id"] == report["batch_id"]
    following = paused.http.get(newest.links["next"]["url"]).json()
    assert following[0]["id"] == earlier["batch_id"]


def test_a_text_that_looks_like_a_range_stays_a_text(paused: Pod) -> None:
    report = submit(paused, template_id=TURBO, grid={"prompt": "1..20"})
    assert [job["cell"] for job in report["jobs"]] == [{"prompt": "1..20"}]


def test_a_row_for_each_job(paused: Pod) -> None:
    rows = [{"name": f"row {n}", "values": {"prompt": f"cat {n}"}} for n in range(3)]
    report = submit(paused, template_id=TURBO, values={"prompt": "a dog", "steps": 3}, jobs=rows)
    assert [job["name"] for job in report["jobs"]] == ["row 0", "row 1", "row 2"]
    assert all({f"cat {n}", 3} <= set(job["values"].values()) for n, job in enumerate(report["jobs"]))


def test_a_workflow_can_be_sent_along(paused: Pod) -> None:
    (job,) = submit(paused, document=template("image_z_image_turbo"), template="mine")["jobs"]
    assert (job["template"], job["name"]) == ("mine", "mine")
    (job,) = submit(paused, document=picture(7), values={"1.color": 9})["jobs"]
    assert job["values"] == {"1.color": 9}


def test_a_batch_is_cancelled_retried_and_moved_as_one(paused: Pod) -> None:
    batch_id = submit(paused, document=picture(), runs=3)["batch_id"]
    address = f"/api/batches/{batch_id}"
    assert paused.http.patch(address, json={"priority": 7}).json()["counts"] == {"queued": 3}
    assert {job["priority"] for job in paused.http.get(address).json()["jobs"]} == {7}
    assert paused.http.post(f"{address}/cancel").json()["counts"] == {"cancelled": 3}
    assert paused.http.post(f"{address}/retry").json()["counts"] == {"cancelled": 3}
    assert paused.http.get("/api/batches/no-such").status_code == 404


def test_failed_jobs_of_a_batch_are_tried_again(pod: Pod) -> None:
    report = submit(pod, document=through("TestFail", message="no"), runs=2, jobs=[{"retry_limit": 0}])
    for job in report["jobs"]:
        assert finished(pod, job["id"])["state"] == "failed"
    pod.http.post("/api/jobs/pause")
    counts = pod.http.post(f"/api/batches/{report['batch_id']}/retry").json()["counts"]
    pod.http.post(f"/api/batches/{report['batch_id']}/cancel")
    pod.http.post("/api/jobs/resume")
    assert counts == {"queued": 2}


def test_the_same_keys_return_the_same_jobs(paused: Pod) -> None:
    request: dict[str, Any] = {"document": picture(5), "runs": 2, "jobs": [{"idempotency_key": "grid"}]}
    first, again = submit(paused, **request), submit(paused, **request)
    assert [job["id"] for job in first["jobs"]] == [job["id"] for job in again["jobs"]]
    assert first["batch_id"] == again["batch_id"]


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({"values": {"no_such_input": 1}}, 400, "unknown_input"),
        ({"values": {"width": "wide"}}, 400, "invalid_input"),
        ({"values": {"width": {"a": 1}}}, 400, "invalid_input"),
        ({"grid": {"seed": "1..100", "width": ["a"]}}, 400, "invalid_input"),
        ({"grid": {"seed": "1..100000"}}, 400, "too_many_jobs"),
        ({"grid": {"seed": "1..100", "width": "1..1000"}}, 400, "too_many_jobs"),
        ({"runs": 10_000, "jobs": [{}, {}]}, 400, "too_many_jobs"),
        ({"grid": {"seed": 5}}, 400, "invalid_grid"),
        ({"grid": {"seed": []}}, 400, "invalid_grid"),
        ({"runs": 0}, 400, "invalid_request"),
        ({"template_id": "official:no_such"}, 404, "unknown_template"),
        ({"document": {"nodes": []}, "template_id": None}, 400, "not_a_workflow"),
        ({"template_id": None}, 400, "invalid_request"),
        ({"document": {}}, 400, "invalid_request"),
    ],
)
def test_bad_requests_queue_nothing(pod: Pod, request_: dict[str, Any], status: int, code: str) -> None:
    before = pod.http.get("/api/jobs/status").json()["counts"]
    found = refusal(pod, **{"template_id": TURBO, **request_})
    assert found[:2] == (status, code)
    assert pod.http.get("/api/jobs/status").json()["counts"] == before


def test_an_error_in_a_row_names_the_row(pod: Pod) -> None:
    rows = [{"values": {"width": 512}}, {"values": {"width": "wide"}}]
    _, _, message = refusal(pod, template_id=TURBO, jobs=rows)
    assert message.startswith("Job 2: The input `width`")


def test_unknown_nodes_are_named_with_their_package(pod: Pod) -> None:
    graph = {"nodes": [{"id": 1, "type": "FaceMagic", "properties": {"cnr_id": "comfyui-faces"}}]}
    status, code, message = refusal(pod, document=graph)
    assert (status, code) == (400, "missing_nodes")
    assert "comfyui-faces" in message


def test_a_workflow_of_50_mb_is_refused(pod: Pod) -> None:
    response = pod.http.post("/api/jobs", content=b'{"document": {"a": "' + b"x" * 50_000_000 + b'"}}')
    assert response.status_code == 413


def test_ten_thousand_cells_are_queued_at_once(paused: Pod) -> None:
    report = submit(paused, document=picture(), grid={"1.color": "1..10000"})
    assert len(report["jobs"]) == 10_000
    batch = paused.http.get(f"/api/batches/{report['batch_id']}", params={"limit": 0}).json()
    assert (batch["counts"], batch["jobs"]) == ({"queued": 10_000}, [])
    cancelled = paused.http.post(f"/api/batches/{report['batch_id']}/cancel").json()
    assert cancelled["counts"] == {"cancelled": 10_000}


def test_jobs_submitted_while_comfyui_is_away_are_checked_when_it_is_back(tmp_path: Path) -> None:
    with running_pod(tmp_path, ["image_z_image_turbo"]) as pod:
        pod.install_models(TURBO)
        pod.comfyui.stop()
        good = submit(pod, template_id=TURBO, values={"prompt": "a cat"}, runs=2)["jobs"]
        bad = submit(pod, template_id=TURBO, values={"no_such_input": 1})["jobs"]
        unknown = submit(pod, document={"nodes": [{"id": 1, "type": "FaceMagic"}]})["jobs"]
        assert {(job["state"], job["prepared"]) for job in (*good, *bad, *unknown)} == {("waiting", False)}
        assert good[0]["values"] == {"prompt": "a cat"}
        imported = pod.http.post("/api/jobs/import", json=pod.http.get("/api/jobs/export").json()).json()
        assert {job["prepared"] for job in imported} == {False}
        assert pod.http.get(f"/jobs/{bad[0]['id']}").status_code == 200
        pod.comfyui.start()
        ended = [finished(pod, job["id"]) for job in (*good, *bad, *unknown)]
        copies = [finished(pod, job["id"]) for job in imported]
        retried = pod.http.post(f"/api/jobs/{unknown[0]['id']}/retry").json()
        assert retried["state"] == "waiting"
        assert finished(pod, retried["id"])["state"] == "failed"
    assert sorted(job["state"] for job in copies) == ["failed", "failed", "succeeded", "succeeded"]
    assert [job["state"] for job in ended] == ["succeeded", "succeeded", "failed", "failed"]
    assert "a cat" in ended[0]["values"].values()
    assert ended[0]["values"] != ended[1]["values"]
    assert "no_such_input" in ended[2]["error"]["message"]
    assert "FaceMagic" in ended[3]["error"]["message"]
    assert [job["run_count"] for job in ended] == [1, 1, 0, 0]
