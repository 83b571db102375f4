"""Every variant is built and booted with stand-ins for ComfyUI and torch.

`dev`, which compiles code-server, is included with EVERY_VARIANT=1, as in CI.
"""

import os
import tomllib

import httpx
import pytest

from tests.image.support.bake import ROOT, build_with_standins
from tests.image.support.pod import Pod

NODE_LISTS = {
    "minimal": [],
    "standard": ["standard"],
    "full": ["standard", "full"],
    "dev": ["standard", "full"],
}
TOOLS = {8081: "code-server", 8889: "JupyterLab"}
# Compiling code-server takes longer than any other test may.
DEV = pytest.param("dev", marks=pytest.mark.timeout(3600))
CHOSEN = [
    *(name for name in NODE_LISTS if name != "dev"),
    *([DEV] if os.environ.get("EVERY_VARIANT") else []),
]


def nodes_of(variant: str) -> set[str]:
    lists = [
        tomllib.loads((ROOT / "images/nodes" / f"{name}.toml").read_text()) for name in NODE_LISTS[variant]
    ]
    return {node["name"] for nodes in lists for node in nodes["node"]}


@pytest.mark.parametrize("variant", CHOSEN)
def test_a_variant_boots_with_its_nodes_and_tools(engine: None, variant: str) -> None:
    # JupyterLab warns about running without a password; nginx requires one.
    expected = (r"ServerApp", r"LabApp", r"ExtensionApp", r"\[W ")
    with (
        Pod(build_with_standins(f"{variant}-cpu"), expected=expected) as pod,
        pod.owner_when_healthy() as owner,
    ):
        pod.wait_for_comfyui()
        loaded = {line.rpartition("/")[2] for line in pod.logs().splitlines() if " seconds: " in line}
        assert loaded == nodes_of(variant)
        services = {service["name"] for service in owner.get(f"{pod.dashboard}/api/system/services").json()}
        assert ("jupyter" in services, "code-server" in services) == (variant == "dev",) * 2
        if variant == "dev":
            for port in TOOLS:
                wait_until_served(pod, owner, port)
            assert run_as_notebook(pod, "import sys, torch; print(sys.prefix)") == "/workspace/venv"


def run_as_notebook(pod: Pod, code: str) -> str:
    pod.write("/tmp/cell.py", code)
    return pod.run("/opt/jupyter/bin/jupyter", "run", "/tmp/cell.py").strip().splitlines()[-1]


def wait_until_served(pod: Pod, owner: httpx.Client, port: int) -> None:
    """Wait for the tool's log line; then its page must be there behind the sign-in."""
    pod.wait_for_line({8081: "HTTP server listening on", 8889: "is running at"}[port])
    page = owner.get(pod.url(port), headers={"Accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 200, TOOLS[port]
