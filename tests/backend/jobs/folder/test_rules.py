"""Names and content of job files, before anything runs."""

from pathlib import Path

import pytest

from backend.jobs.folder.config import GlobalConfig, read_global_config, read_job_file
from backend.jobs.folder.layout import FolderLayout
from backend.jobs.folder.names import InvalidJobFile, parse_config_name
from backend.jobs.schemas import MAX_RETRIES

VALID = """\
job_type: image
workflow_id: portrait
inputs: {prompt: a cat}
outputs: {file_path: cat.png}
"""


@pytest.mark.parametrize(
    ("name", "job_type", "jobname"),
    [
        ("image_20261127093000_1_cat.yaml", "image", "cat"),
        ("/some/where/VIDEO_20261127093000_12_a_long_name.yml", "video", "a_long_name"),
        ("3d_20240229235959_0_x.yaml", "3d", "x"),
    ],
)
def test_a_name_says_type_time_number_and_job(name: str, job_type: str, jobname: str) -> None:
    parsed = parse_config_name(name)
    assert (parsed.job_type, parsed.jobname) == (job_type, jobname)
    assert parsed.name == Path(name).stem


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cat.yaml", "TYPE_YYYYMMDDHHMMSS_X_jobname"),
        ("image_20261127093000_1_cat.json", "TYPE_YYYYMMDDHHMMSS_X_jobname"),
        ("picture_20261127093000_1_cat.yaml", "picture"),
        ("image_20261327093000_1_cat.yaml", "20261327093000"),
        ("image_2026112709300_1_cat.yaml", "2026112709300"),
        ("image_20261127093000_one_cat.yaml", "one"),
        ("image_20261127093000_1_" + "x" * 300 + ".yaml", "200 bytes"),
    ],
)
def test_a_wrong_name_is_refused_with_the_wrong_part(name: str, reason: str) -> None:
    with pytest.raises(InvalidJobFile, match=reason):
        parse_config_name(name)


def test_what_a_job_file_leaves_out_is_taken_from_the_configuration() -> None:
    job = read_job_file(VALID.encode())
    assert (job.priority, job.retry_limit, job.download_models) == (None, None, True)


@pytest.mark.parametrize(("given", "used"), [(0, 1), (-5, 1), (7, 7), (5000, 999)])
def test_a_priority_is_brought_into_its_range(given: int, used: int) -> None:
    assert read_job_file(f"{VALID}priority: {given}\n".encode()).priority == used


def test_a_retry_limit_is_brought_into_its_range() -> None:
    assert read_job_file(f"{VALID}retry_limit: 100\n".encode()).retry_limit == MAX_RETRIES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("just text", "Line 1"),
        ("a: [1, 2", "not YAML: line"),
        ("a: &x 1\nb: *x", "anchors"),
        (VALID.replace("workflow_id: portrait\n", ""), "workflow_id: it is missing"),
        (VALID.replace("inputs: {prompt: a cat}\n", ""), "inputs: it is missing"),
        (VALID.replace("{file_path: cat.png}", "{}"), "outputs.file_path: it is missing"),
        (VALID.replace("{prompt: a cat}", "[a, b]"), "Line 3: inputs"),
        (VALID.replace("job_type: image", "job_type: picture"), "Line 1: `picture`"),
        (f"{VALID}priority: high", "Line 5: priority"),
        (f"{VALID}priority: 1.5", "Line 5: priority"),
        (f"{VALID}prioritty: 1", "Did you mean `priority`"),
        (VALID + "#" * 1_000_001, "1000000 bytes"),
    ],
)
def test_invalid_content_is_refused_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(InvalidJobFile, match=reason):
        read_job_file(text.encode())


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidJobFile, match="UTF-8"):
        read_job_file(b"\xff\xfe")


def test_fields_of_the_user_are_left_alone() -> None:
    assert read_job_file(f"{VALID}author: me\n".encode()).workflow_id == "portrait"


def test_the_configuration_has_defaults_for_what_it_leaves_out() -> None:
    config = read_global_config(b"default_priority: 10\npaths: {jobs_finished: done}\n")
    assert (config.default_priority, config.retry_limit) == (10, 2)
    assert (config.paths.jobs_processing, config.paths.jobs_finished) == ("jobs/processing", "done")
    assert read_global_config(b"") == GlobalConfig()


@pytest.mark.parametrize("text", ["default_priority: high", "poll_interval_ms: 0", "- a", "paths: 3"])
def test_a_wrong_configuration_is_refused(text: str) -> None:
    with pytest.raises(InvalidJobFile, match="Line 1"):
        read_global_config(text.encode())


@pytest.fixture
def layout(tmp_path: Path) -> FolderLayout:
    return FolderLayout.of(tmp_path / "workspace", GlobalConfig())


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("cat.png", "jobs/finished/image/cat.png"),
        ("results/cat.png", "results/cat.png"),
        ("results/", "results"),
        ("a/../b/cat.png", "b/cat.png"),
    ],
)
def test_outputs_go_below_the_workspace(layout: FolderLayout, path: str, below: str) -> None:
    assert layout.output("image", path) == layout.workspace / below


def test_an_absolute_path_may_lead_into_the_workspace(layout: FolderLayout) -> None:
    path = layout.workspace / "results/cat.png"
    assert layout.output("image", str(path)) == path


@pytest.mark.parametrize(
    "path", ["../cat.png", "/etc/passwd", "a/../../b", "..", "/", "./", ".comfypod/x", "a/.b/c"]
)
def test_outputs_cannot_leave_the_workspace_or_hide_in_it(layout: FolderLayout, path: str) -> None:
    with pytest.raises(InvalidJobFile, match=r"outputs\.file_path"):
        layout.output("image", path)


def test_a_link_cannot_lead_outputs_out_of_the_workspace(layout: FolderLayout, tmp_path: Path) -> None:
    layout.workspace.mkdir()
    (layout.workspace / "out").symlink_to(tmp_path)
    with pytest.raises(InvalidJobFile, match="inside the workspace"):
        layout.output("image", "out/cat.png")


def test_the_configured_folders_are_inside_the_workspace(tmp_path: Path) -> None:
    config = read_global_config(b"paths: {jobs_processing: ../elsewhere}")
    with pytest.raises(InvalidJobFile, match="jobs_processing"):
        FolderLayout.of(tmp_path / "workspace", config)
