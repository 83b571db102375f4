"""The claims about releases in docs/images.md hold for bake and for the workflow."""

import re
import subprocess
from typing import Any

import pytest
import yaml

from backend.config.settings import PROJECT_ROOT
from tests.image.support.bake import TARGETS, print_targets

WORKFLOWS = sorted((PROJECT_ROOT / ".github/workflows").glob("*.yml"))
BY_DIGEST = re.compile(r"^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$")
PINNED = re.compile(r"^(\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40})$")


def workflow(name: str = "release.yml") -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((PROJECT_ROOT / ".github/workflows" / name).read_text())
    return found


def image_job() -> dict[str, Any]:
    job: dict[str, Any] = workflow()["jobs"]["image"]
    return job


def position_of(text: str) -> int:
    """Return the position of the step with this text in the image job."""
    (found,) = (number for number, step in enumerate(image_job()["steps"]) if text in str(step))
    return found


def step_with(text: str) -> dict[str, Any]:
    step: dict[str, Any] = image_job()["steps"][position_of(text)]
    return step


def attested(target: dict[str, Any]) -> list[list[str]]:
    """Return the options of each attestation, SBOM first."""
    return sorted(
        (entry.split(",") for entry in target["attest"]), key=lambda options: "type=sbom" not in options
    )


def test_a_release_is_tested_first_and_has_every_target() -> None:
    assert set(image_job()["needs"]) == {"test", "targets"}
    assert "bake --print all" in str(workflow()["jobs"]["targets"])
    assert image_job()["strategy"]["matrix"] == {"target": "${{ fromJSON(needs.targets.outputs.targets) }}"}
    assert set(print_targets("all")) == set(TARGETS)


def test_the_build_of_a_release_carries_sbom_and_provenance() -> None:
    variables = image_job()["env"]
    assert variables["ATTEST"] == "1"
    builder = step_with("buildx create")
    assert "docker-container" in builder["run"]  # the default driver cannot attest
    assert '--driver-opt "image=$BUILDKIT"' in builder["run"]
    assert BY_DIGEST.match(builder["env"]["BUILDKIT"])
    for target in print_targets("all", ATTEST=variables["ATTEST"]).values():
        sbom, provenance = (dict(option.split("=", 1) for option in entry) for entry in attested(target))
        assert (sbom["type"], provenance) == ("sbom", {"type": "provenance", "mode": "max"})
        assert BY_DIGEST.search(sbom["generator"])


def test_the_build_step_is_one_that_bake_takes() -> None:
    options = re.findall(r"--set ['\"]([^'\"]+)['\"]", step_with("push-by-digest")["run"])
    arguments = [part for option in options for part in ("--set", option.replace("$REPOSITORY", "r.test/a"))]
    (target,) = print_targets("minimal-cpu", *arguments, ATTEST="1").values()
    assert target["tags"] == ["r.test/a"]
    assert target["output"] == ["type=image,push=true,push-by-digest=true,name-canonical=true"]


def test_the_scan_is_enforced() -> None:
    scan = step_with("trivy-action")
    assert scan["with"]["exit-code"] == "1"
    assert scan["with"]["severity"] == "HIGH,CRITICAL"
    assert scan["with"]["image-ref"] == "${{ steps.build.outputs.image }}"
    for step in image_job()["steps"]:
        assert "continue-on-error" not in step
        assert "if" not in step
        assert "|| true" not in str(step)


def test_an_accepted_vulnerability_has_a_reason_and_an_end() -> None:
    accepted = PROJECT_ROOT / step_with("trivy-action")["with"]["trivyignores"]
    before = ""
    for line in accepted.read_text().splitlines():
        if line and not line.startswith("#"):
            assert before.startswith("# "), f"{line} has no reason"
            assert re.search(r" exp:\d{4}-\d{2}-\d{2}$", line), f"{line} is accepted for ever"
        before = line


def test_only_a_tested_and_signed_image_gets_a_name() -> None:
    steps = [
        "push-by-digest",
        "imagetools inspect",
        "try-image.sh",
        "trivy-action",
        "cosign sign",
        "cosign verify",
        "imagetools create",
    ]
    order = [position_of(step) for step in steps]
    assert order == sorted(order)
    for step in ("try-image.sh", "cosign sign"):  # the digest, not a name
        assert step_with(step)["env"]["IMAGE"] == "${{ steps.build.outputs.image }}"
    assert image_job()["permissions"]["id-token"] == "write"


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_actions_are_pinned_to_commits(name: str) -> None:
    for job in workflow(name)["jobs"].values():
        for used in [job.get("uses"), *(step.get("uses") for step in job.get("steps", []))]:
            assert used is None or PINNED.match(used), used


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_a_job_has_read_permission_by_default(name: str) -> None:
    assert workflow(name)["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("name", [path.name for path in WORKFLOWS])
def test_no_step_pastes_foreign_text_into_a_shell(name: str) -> None:
    """`${{ … }}` in a script is pasted before the shell reads it; variables are not."""
    for job in workflow(name)["jobs"].values():
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", "")


def test_the_steps_are_sound_shell() -> None:
    for step in image_job()["steps"]:
        script = step.get("run", "")
        checked = subprocess.run(
            ["shellcheck", "--shell=bash", "-"], input=script, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout


def test_the_documentation_claims_exactly_that() -> None:
    claims = (PROJECT_ROOT / "docs/images.md").read_text().partition("## Releases\n")[2].partition("\n## ")[0]
    for word in (
        "SBOM",
        "provenance",
        "try-image.sh",
        "cosign verify",
        "Trivy",
        "accepted-vulnerabilities.txt",
    ):
        assert word in claims
