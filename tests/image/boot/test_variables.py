"""A user fills in the form of a host: what each variable does to a pod."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.backend.config.test_variables_table import rows
from tests.image.support.container import TrackedContainer, docker, run_once
from tests.image.support.pod import PASSWORD, Pod
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors

PRESET = "realesrgan-x4"
REPOSITORY = "Comfy-Org/Real-ESRGAN_repackaged"
MODEL = "RealESRGAN_x4plus.safetensors"
SIZE = 4_000_000
EX_USAGE = 64


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.add(REPOSITORY, MODEL, safetensors(SIZE))
        yield running


def arguments_of_comfyui(owner: httpx.Client, pod: Pod) -> Sequence[str]:
    arguments: list[str] = owner.get(f"{pod.url(3001)}/system_stats").json()["system"]["argv"]
    return arguments


def names_of_services(owner: httpx.Client, pod: Pod) -> set[str]:
    services = owner.get(f"{pod.dashboard}/api/system/services").json()
    return {service["name"] for service in services}


def test_time_zone_is_that_of_the_whole_pod(minimal_cpu: str) -> None:
    with Pod(minimal_cpu, variables={"TIME_ZONE": "Asia/Tokyo"}) as pod:
        pod.wait_until_healthy()
        assert pod.run("date", "+%Z").strip() == "JST"
        pod.wait_for_comfyui()
        comfyui = pod.run("pgrep", "--full", "ComfyUI/main.py").split()[0]
        assert "TZ=Asia/Tokyo" in pod.run("cat", f"/proc/{comfyui}/environ").split("\0")


def test_a_worker_serves_the_api_alone(minimal_cpu: str) -> None:
    with (
        Pod(minimal_cpu, variables={"MODE": "worker", "PUBLIC_KEY": "ssh-ed25519 AAAA"}) as pod,
        pod.owner_when_healthy() as owner,
    ):
        assert owner.get(f"{pod.dashboard}/api/jobs").status_code == 200
        assert owner.get(f"{pod.dashboard}/").json()["error"]["code"] == "not_found"
        listeners = pod.run("python3", "-c", "print(open('/proc/net/tcp').read())")
        assert f":{8001:04X} " in listeners
        assert not [port for port in (22, 3001, 8081, 8889) if f"00000000:{port:04X} " in listeners]


def test_with_tls_the_ports_serve_https_and_the_pod_is_healthy(minimal_cpu: str) -> None:
    with Pod(minimal_cpu, variables={"TLS": "self-signed"}) as pod:
        pod.wait_until_healthy()
        with httpx.Client(verify=False) as client:
            secure = pod.dashboard.replace("http://", "https://")
            assert client.get(f"{pod.dashboard}/healthz").headers["Location"] == f"{secure}/healthz"
            answer = client.post(f"{secure}/_pod/sign-in", data={"password": PASSWORD})
            assert "; Secure" in answer.headers["set-cookie"]
        assert "running" in pod.run("comfypod", "services")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd"])
def test_a_time_zone_that_does_not_exist_is_refused_with_the_reason(minimal_cpu: str, zone: str) -> None:
    with TrackedContainer(minimal_cpu, "--env", f"TIME_ZONE={zone}") as container:
        assert docker("wait", container.name).strip() == str(EX_USAGE)
        assert "TIME_ZONE" in container.logs()


def test_a_secret_that_runpod_did_not_fill_in_is_no_password(minimal_cpu: str) -> None:
    placeholder = "{{ RUNPOD_SECRET_comfypod_password }}"
    variables = {"ACCESS_PASSWORD": placeholder, "HF_TOKEN": "{{ RUNPOD_SECRET_hf }}"}
    with Pod(minimal_cpu, variables=variables) as pod:
        pod.wait_until_healthy()
        answer = httpx.post(f"{pod.dashboard}/api/auth/login", json={"password": placeholder})
        assert answer.status_code == 401
        log = pod.logs()
        assert "Create it in the console under Secrets" in log
        assert "HF_TOKEN is {{ RUNPOD_SECRET_hf }} and counts as not set" in log


def test_every_variable_of_the_image_is_a_documented_one(minimal_cpu: str) -> None:
    variables = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", minimal_cpu))
    assert {variable.partition("=")[0] for variable in variables} <= set(rows())


def test_folders_can_be_moved(minimal_cpu: str) -> None:
    moved = {
        "RUN_DIR": "/tmp/run",
        "LOG_DIR": "/tmp/log",
        "STATE_DIR": "/tmp/state",
        "WORKSPACE": "/tmp/work",
    }
    with Pod(minimal_cpu, variables=moved) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        assert names_of_services(owner, pod) == {"dashboard", "nginx", "comfyui"}
        log = owner.get(f"{pod.dashboard}/api/system/services/comfyui/log").text
        assert "To see the GUI go to" in log
        assert pod.run("ls", "/tmp/work/ComfyUI/models")
        assert "/tmp/work/.comfypod/" in pod.run("bash", "-l", "-c", "echo $HF_HOME")


def ssh(pod: Pod, command: str, *options: str) -> str:
    quiet = [f"-o{option}" for option in ("BatchMode=yes", "StrictHostKeyChecking=no", "LogLevel=ERROR")]
    return docker("exec", pod.name, "ssh", *quiet, *options, "root@127.0.0.1", command, check=False)


SHOW_ENVIRONMENT = "echo $(command -v python) $VIRTUAL_ENV $HF_HOME $PIP_CACHE_DIR $HF_TOKEN"
CACHE = "/workspace/.comfypod/cache"
IN_EVERY_SHELL = f"/workspace/venv/bin/python /workspace/venv {CACHE}/huggingface {CACHE}/pip hf_token"


@pytest.mark.parametrize(
    "shell",
    [
        ("bash", "-l", "-c"),  # JupyterLab's terminal
        ("bash", "-i", "-c"),  # code-server's terminal
        ("env", "--ignore-environment", "PATH=/bin", "bash", "-l", "-c"),
        ("env", "--ignore-environment", "PATH=/bin", "bash", "-i", "-c"),
        ("sh", "-c"),
    ],
    ids=" ".join,
)
def test_every_kind_of_shell_has_comfyuis_environment(pod_with_token: Pod, shell: tuple[str, ...]) -> None:
    shown = pod_with_token.run(*shell, SHOW_ENVIRONMENT)
    # An interactive bash without a terminal complains about that, before or after the line.
    printed = [line for line in shown.splitlines() if line and not line.startswith("bash: ")]
    assert printed[-1:] == [IN_EVERY_SHELL]


@pytest.fixture(scope="module")
def pod_with_token(minimal_cpu: str) -> Iterator[Pod]:
    with Pod(minimal_cpu, variables={"HF_TOKEN": "hf_token"}) as pod:
        pod.wait_for_comfyui()
        yield pod


def test_a_public_key_opens_ssh_to_its_owner_alone(minimal_cpu: str, tmp_path: Path) -> None:
    made = "ssh-keygen -q -t ed25519 -N '' -f /owner && cat /owner.pub /owner"
    public, _, private = run_once(minimal_cpu, "bash", "-c", made).partition("\n")
    key = tmp_path / "owner"
    key.write_text(private)
    key.chmod(0o600)
    mount = ("--volume", f"{tmp_path}:/keys:ro")
    with Pod(minimal_cpu, *mount, variables={"PUBLIC_KEY": public, "HF_TOKEN": "hf_token"}) as pod:
        pod.wait_for_line("Server listening on 0.0.0.0 port 22")
        assert "Permission denied (publickey)" in ssh(pod, "true")
        pod.wait_for_comfyui()
        for command in (SHOW_ENVIRONMENT, f"bash -lc '{SHOW_ENVIRONMENT}'"):
            assert ssh(pod, command, "-i", "/keys/owner").strip() == IN_EVERY_SHELL
        assert "wants a password" in ssh(pod, "comfypod downloads", "-i", "/keys/owner")
        with_ssh = "ssh -o BatchMode=yes -o StrictHostKeyChecking=no -i /keys/owner"
        pod.run("rsync", "--rsh", with_ssh, "root@127.0.0.1:/opt/comfypod/image.json", "/tmp/copied")
        assert pod.run("cmp", "/opt/comfypod/image.json", "/tmp/copied") == ""


def test_without_a_public_key_nothing_listens_for_ssh(pod_with_token: Pod) -> None:
    table = pod_with_token.run("cat", "/proc/net/tcp").splitlines()
    assert "0016" not in {line.split()[1].rpartition(":")[2] for line in table}


STANDIN_TOOLS = {
    "ENABLE_CODE_SERVER": ("code-server", "/opt/code-server/bin/code-server", 8080, 8081),
    "ENABLE_JUPYTERLAB": ("jupyter", "/opt/jupyter/bin/jupyter-lab", 8888, 8889),
}


@pytest.fixture
def tools(tmp_path: Path) -> list[str]:
    """Mounts that put a small web server where a `dev` image has code-server and JupyterLab."""
    options = []
    for name, program, port, _ in STANDIN_TOOLS.values():
        script = tmp_path / name
        script.write_text(
            f"#!/bin/sh\nexec python3 -m http.server {port} --bind 127.0.0.1 --directory /opt\n"
        )
        script.chmod(0o755)
        options += ["--volume", f"{script}:{program}:ro"]
    return options


def test_tools_of_the_image_require_a_sign_in(minimal_cpu: str, tools: list[str]) -> None:
    with Pod(minimal_cpu, *tools) as pod:
        pod.wait_until_healthy()
        with pod.owner() as owner:
            assert {"code-server", "jupyter"} <= names_of_services(owner, pod)
        for *_, outside in STANDIN_TOOLS.values():
            assert httpx.get(pod.url(outside), headers={"Accept": "application/json"}).status_code == 401


@pytest.mark.parametrize("variable", STANDIN_TOOLS)
def test_a_tool_that_is_switched_off_does_not_run(minimal_cpu: str, tools: list[str], variable: str) -> None:
    name = STANDIN_TOOLS[variable][0]
    with Pod(minimal_cpu, *tools, variables={variable: "False"}) as pod:
        pod.wait_until_healthy()
        with pod.owner() as owner:
            assert {"code-server", "jupyter"} - names_of_services(owner, pod) == {name}


def test_safe_mode_starts_comfyui_without_custom_nodes(standard_cpu: str) -> None:
    with Pod(standard_cpu, variables={"SAFE_MODE": "1"}) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        assert "--disable-all-custom-nodes" in arguments_of_comfyui(owner, pod)


def test_extra_arguments_reach_comfyui_as_a_shell_would_split_them(minimal_cpu: str) -> None:
    extra = "--preview-method auto --front-end-version 'a name@1.0'"
    with Pod(minimal_cpu, variables={"COMFYUI_EXTRA_ARGS": extra}) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        words = ["--preview-method", "auto", "--front-end-version", "a name@1.0"]
        assert [word for word in arguments_of_comfyui(owner, pod) if word in words] == words


def test_presets_are_fetched_after_start_and_go_on_where_a_killed_pod_left_off(
    minimal_cpu: str, hub: Hub, tmp_path: Path
) -> None:
    variables = {
        "PRESET_DOWNLOAD": f"no-such-preset,{PRESET}",
        "HF_ENDPOINT": hub.url,
        "DOWNLOAD_ALLOWED_HOSTS": hub.cdn_url.removeprefix("http://"),
    }
    gate = hub.hold(hub.repository(REPOSITORY).files("main")[MODEL], after=SIZE // 2)
    mount = ("--volume", f"{tmp_path}:/workspace")
    unknown = "no-such-preset.*preset of PRESET_DOWNLOAD was not started"
    with Pod(
        minimal_cpu, *mount, variables=variables, network=("--network", "host"), expected=[unknown]
    ) as pod:
        gate.wait_until_reached()
        docker("kill", pod.name)
        gate.release()
        docker("start", pod.name)
        pod.wait_for_line("transfer done")
    model = tmp_path / "ComfyUI/models/upscale_models" / MODEL
    assert model.stat().st_size == SIZE
    assert any(
        request.headers.get("Range", "").startswith("bytes=")
        and not request.headers["Range"].startswith("bytes=0-")
        for request in hub.requests_to("cdn")
    )


def test_the_managers_restart_button_brings_comfyui_back(minimal_cpu: str) -> None:
    # It ends itself during a request, and aiohttp and the supervisor log that.
    expected = ("Traceback", "WARN exited: comfyui")
    with Pod(minimal_cpu, expected=expected) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        with pytest.raises(httpx.HTTPError):  # it ends before it answers
            owner.post(f"{pod.url(3001)}/v2/manager/reboot").raise_for_status()
        pod.wait_for_comfyui(times=2)
        assert owner.get(f"{pod.url(3001)}/system_stats").status_code == 200


def test_what_a_killed_pod_left_behind_does_no_harm(minimal_cpu: str, tmp_path: Path) -> None:
    with Pod(minimal_cpu, "--volume", f"{tmp_path}:/workspace") as pod:
        pod.wait_for_comfyui()
        pod.run("touch", "/run/comfypod/comfyui-session.reboot")
        docker("kill", pod.name)
        docker("start", pod.name)
        pod.wait_for_comfyui(times=2)
        assert "reboot" not in pod.run("ls", "/run/comfypod")


def test_a_pod_that_cannot_start_says_why_on_its_page(minimal_cpu: str) -> None:
    reason = "Set ACCESS_PASSWORD to another value"
    with Pod(minimal_cpu, variables={"ACCESS_PASSWORD": "x" * 2000}) as pod:
        pod.wait_for_line(reason)
        page = httpx.get(pod.dashboard)
        while reason not in page.text:  # nginx starts before the control plane
            assert page.status_code == 503
            page = httpx.get(pod.dashboard)
        assert httpx.get(pod.url(3001)).status_code == 503


def test_variables_that_cannot_be_used_keep_no_pod_from_starting(minimal_cpu: str) -> None:
    variables = {
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": "JSON",
        "SESSION_HOURS": "0",
        "HF_ENDPOINT": "hf-mirror.com",
    }
    expected = (r"has a value that cannot be used",)
    with Pod(minimal_cpu, variables=variables, expected=expected) as pod, pod.owner_when_healthy() as owner:
        problems = owner.get(f"{pod.dashboard}/api/system").json()["problems"]
        assert [problem["message"].split()[0] for problem in problems] == ["SESSION_HOURS", "HF_ENDPOINT"]
