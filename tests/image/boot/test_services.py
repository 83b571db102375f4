"""The owner looks at the services of a real pod, stops and starts them, and reads their logs."""

from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.image.support.container import docker
from tests.image.support.pod import PASSWORD, Pod
from tests.support.browser import browser_context_args, browser_type_launch_args, follow

__all__ = ["browser_context_args", "browser_type_launch_args"]

TOKEN = "hf_secret_of_the_owner"
SAVED_TOKEN = "civitai_token_saved_in_settings"
# Collects in `shown` every text that the page shows, also for a moment.
RECORD_TEXT = """
window.shown = "";
new MutationObserver(() => { shown += document.body.innerText; })
    .observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true});
"""


def volume_with_node(folder: Path, code: str) -> tuple[str, str]:
    """Return the mount of a volume whose owner has installed a custom node."""
    node = folder / "ComfyUI/custom_nodes/somebodys-node/__init__.py"
    node.parent.mkdir(parents=True)
    node.write_text(f"{code}\nNODE_CLASS_MAPPINGS = {{}}\n")
    return "--volume", f"{folder}:/workspace"


def act(owner: httpx.Client, pod: Pod, service: str, action: str) -> str:
    answer = owner.post(f"{pod.dashboard}/api/system/services/{service}/{action}")
    answer.raise_for_status()
    state: str = answer.json()["state"]
    return state


def test_comfyui_is_stopped_and_started_again(minimal_cpu: str) -> None:
    with Pod(minimal_cpu) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        assert act(owner, pod, "comfyui", "stop") == "stopped"
        page = owner.get(pod.url(3001), headers={"Accept": "text/html"})
        assert page.status_code == 503
        assert "It was stopped. Start it on the Services page." in page.text
        assert act(owner, pod, "comfyui", "start") == "starting"
        pod.wait_for_comfyui(times=2)
        assert owner.get(f"{pod.url(3001)}/system_stats").status_code == 200


def test_the_control_plane_restarts_alone(minimal_cpu: str) -> None:
    expected = ("WARN exited: dashboard",)
    with Pod(minimal_cpu, expected=expected) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        assert act(owner, pod, "dashboard", "restart")
        pod.wait_for_line("Uvicorn running on", times=2)
        assert owner.get(f"{pod.dashboard}/api/system").status_code == 200
        assert pod.logs().count("To see the GUI") == 1


def test_a_page_that_is_open_while_the_control_plane_restarts_says_so_and_goes_on(
    minimal_cpu: str, page: Page
) -> None:
    with Pod(minimal_cpu, expected=("WARN exited: dashboard",)) as pod, pod.owner_when_healthy() as owner:
        page.goto(pod.dashboard)
        page.get_by_label("Password of this pod").fill(PASSWORD)
        follow(page.get_by_role("button", name="Sign in"))
        page.evaluate(RECORD_TEXT)
        act(owner, pod, "dashboard", "restart")
        page.wait_for_function("() => shown.includes('The connection to the pod is lost.')")
        expect(page.get_by_text("The connection to the pod is lost.")).to_be_hidden(timeout=30_000)
        with page.expect_response(lambda answer: answer.url == f"{pod.dashboard}/"):
            pass  # the page asks by itself again
        assert "The control plane is starting" not in page.evaluate("shown")


def test_the_page_and_the_host_show_logs_without_secrets(minimal_cpu: str, tmp_path: Path) -> None:
    mount = volume_with_node(
        tmp_path,
        "import os; print('the token is', os.environ['HF_TOKEN'], os.environ.get('ACCESS_PASSWORD'));"
        f"print('the saved token is', bytes.fromhex('{SAVED_TOKEN.encode().hex()}').decode())",
    )
    with Pod(minimal_cpu, *mount, variables={"HF_TOKEN": TOKEN}) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        owner.put(f"{pod.dashboard}/api/tokens/civitai", json={"token": SAVED_TOKEN}).raise_for_status()
        act(owner, pod, "comfyui", "restart")
        pod.wait_for_comfyui(times=2)
        address = f"{pod.dashboard}/api/system/services/comfyui/log"
        for log in (owner.get(address).text, pod.logs()):
            assert "To see the GUI go to" in log
            assert "the token is " in log
            assert TOKEN not in log
            assert "the saved token is " in log
            assert SAVED_TOKEN not in log.rpartition("the saved token is ")[2]
            assert PASSWORD not in log


def test_a_pod_stops_in_time_although_comfyui_does_not_listen(minimal_cpu: str, tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('cannot be stopped', flush=True); time.sleep(1000)"
    )
    killed = (r"WARN killing 'comfyui'", r"WARN stopped: comfyui")
    with Pod(minimal_cpu, *volume_with_node(tmp_path, stubborn), expected=killed) as pod:
        pod.wait_for_line("cannot be stopped")
        docker("stop", "--time", "5", pod.name)
        assert pod.inspect()["State"]["ExitCode"] == 0


def test_a_mounted_folder_and_safe_mode_are_chosen_while_the_pod_runs(
    minimal_cpu: str, tmp_path: Path
) -> None:
    (tmp_path / "models/loras").mkdir(parents=True)
    (tmp_path / "models/loras/theirs.safetensors").write_bytes(b"x" * 100)
    mount = ("--volume", f"{tmp_path}:/mnt/shared:ro")
    with Pod(minimal_cpu, *mount) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        models = f"{pod.url(3001)}/models/loras"
        assert owner.get(models).json() == []
        system = f"{pod.dashboard}/api/system"
        owner.put(f"{system}/model-paths", json={"paths": ["/mnt/shared"]}).raise_for_status()
        pod.wait_for_comfyui(times=2)
        assert owner.get(models).json() == ["theirs.safetensors"]
        owner.put(f"{system}/safe-mode", json={"safe_mode": True}).raise_for_status()
        pod.wait_for_comfyui(times=3)
        arguments = owner.get(f"{pod.url(3001)}/system_stats").json()["system"]["argv"]
        assert "--disable-all-custom-nodes" in arguments
