"""A user's files on a volume, and checks that they are still there and still work."""

from pathlib import Path

import httpx

from tests.image.support.pod import Pod
from tests.image.support.standins import write_wheel

FILES = {
    "models/checkpoints/mine.safetensors": "weights",
    "models/loras/folder/mine.safetensors": "more weights",
    "input/photo.png": "a photo",
    "output/picture.png": "a picture",
    "user/default/workflows/mine.json": '{"nodes": []}',
    "custom_nodes/MyNode/__init__.py": "import node_package\nNODE_CLASS_MAPPINGS = {'MyType': type('MyType', (), {'INPUT_TYPES': dict, 'RETURN_TYPES': ()})}\n",
    "custom_nodes/MyNode/requirements.txt": "node-package==1\n",
}
NODE_TYPE = "MyType"
# No node requires it.
BY_HAND = "by-hand"
# Of a node that comes later.
LATE = "late-package"


def write_index(folder: Path) -> Path:
    """Make a folder with the packages that the node and its owner install."""
    folder.mkdir()
    for name in ("node-package", BY_HAND, LATE):
        write_wheel(folder, name, "1", "")
    return folder


def write_files(comfyui: Path) -> None:
    for name, content in FILES.items():
        path = comfyui / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def bring(pod: Pod) -> None:
    """Upload the files to a running pod and install the packages, as ComfyUI-Manager does."""
    for name, content in FILES.items():
        pod.write(f"/workspace/ComfyUI/{name}", content)
    requirements = "/workspace/ComfyUI/custom_nodes/MyNode/requirements.txt"
    pod.run("uv", "pip", "install", "--quiet", "--requirement", requirements)
    pod.run("uv", "pip", "install", "--quiet", f"{BY_HAND}==1")


def bring_another_node(pod: Pod) -> None:
    node = "/workspace/ComfyUI/custom_nodes/Another"
    pod.write(f"{node}/__init__.py", "import late_package\nNODE_CLASS_MAPPINGS = {}\n")
    pod.write(f"{node}/requirements.txt", f"{LATE}\n")
    pod.run("uv", "pip", "install", "--quiet", LATE)


def assert_all_there(pod: Pod, owner: httpx.Client) -> None:
    """Check that the files are unchanged, and the node is loaded with its package."""
    for name, content in FILES.items():
        assert pod.run("cat", f"/workspace/ComfyUI/{name}") == content
    assert NODE_TYPE in owner.get(f"{pod.url(3001)}/object_info").json()


def assert_packages_there(pod: Pod) -> None:
    pod.run("/workspace/venv/bin/python", "-c", "import node_package, by_hand")
