"""Build contexts that replace torch, ComfyUI, its packages and custom nodes, which are large or out of reach.

    python3 -m tests.image.support.standins FOLDER

fills FOLDER with one folder per named context of the Dockerfile (`comfyui-src`, `wheels`, `locks`,
`nodes-standard`, `nodes-full`). It uses the standard library only, because `make pod` needs it before packages are
installed.
"""

import base64
import hashlib
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ROOT / "images" / "locks"
COMFYUI_TREE = ROOT / "tests" / "support" / "comfyui" / "tree"

ACCELERATORS = ("12-6", "12-8", "13-0", "cpu")
TORCH_SET = {"torch": "2.13.0", "torchvision": "0.28.0", "torchaudio": "2.11.0"}
MANAGER = "4.2.2+standin"
NODE_LISTS = ("standard", "full")
# A fixed time, so that the same wheel has the same hash on every machine and layers are found in the cache.
LONG_AGO = (2020, 1, 1, 0, 0, 0)


def local_version(accelerator: str) -> str:
    return "cpu.standin" if accelerator == "cpu" else f"cu{accelerator.replace('-', '')}.standin"


def record_line(name: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def write_wheel(folder: Path, name: str, version: str, module: str, metadata: str = "") -> Path:
    """Write a pure wheel of one module and return its path.

    `module` is the source code, `metadata` more lines of the METADATA file.
    """
    package = name.replace("-", "_")
    info = f"{package}-{version}.dist-info"
    files = {
        f"{package}/__init__.py": module.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: standins\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(record_line(path, content) for path, content in files.items()) + f"{info}/RECORD,,\n"
    wheel = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(zipfile.ZipInfo(path, LONG_AGO), content)
    return wheel


def torch_module(version: str) -> str:
    """Return a torch with the list of GPUs, which the build reads."""
    return f'''__version__ = "{version}"


class _C:
    @staticmethod
    def _cuda_getArchFlags():
        return "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120 compute_120"
'''


def write_wheels(folder: Path) -> None:
    folder.mkdir(parents=True)
    for accelerator in ACCELERATORS:
        for name, version in TORCH_SET.items():
            full_version = f"{version}+{local_version(accelerator)}"
            write_wheel(folder, name, full_version, torch_module(full_version))
    write_wheel(folder, "comfyui-manager", MANAGER, f'__version__ = "{MANAGER}"\n')
    for name in NODE_LISTS:
        write_wheel(folder, f"standin-{name}", "1", "")


def write_locks(folder: Path) -> None:
    shutil.copytree(LOCKS, folder)
    for accelerator in ACCELERATORS:
        pins = [f"{name}=={version}+{local_version(accelerator)}\n" for name, version in TORCH_SET.items()]
        (folder / f"torch-{accelerator}.txt").write_text("".join(pins))
    comfyui = (COMFYUI_TREE / "requirements.txt").read_text()
    uv = re.findall(r"^uv==\S+", (LOCKS / "uv.txt").read_text(), re.MULTILINE)
    tools = ["pip==26.3", *uv, f"comfyui-manager=={MANAGER}"]
    (folder / "comfyui.txt").write_text("\n".join([comfyui, *tools, ""]))
    for name in NODE_LISTS:
        (folder / f"{name}.txt").write_text(f"standin-{name}==1\n")


def write_nodes(folder: Path, list_file: Path) -> None:
    """Write an importable custom node without node types for each entry of the list."""
    for node in tomllib.loads(list_file.read_text())["node"]:
        package = folder / node["name"]
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("NODE_CLASS_MAPPINGS = {}\n")


def write_contexts(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    write_wheels(folder / "wheels")
    write_locks(folder / "locks")
    shutil.copytree(COMFYUI_TREE, folder / "comfyui-src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NODE_LISTS:
        write_nodes(folder / f"nodes-{name}", ROOT / "images" / "nodes" / f"{name}.toml")


if __name__ == "__main__":
    write_contexts(Path(sys.argv[1]))
