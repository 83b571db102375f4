"""Which folders hold which models, and where inputs and outputs are."""

import os
from pathlib import Path

import yaml

RENAMED = {"unet": "diffusion_models", "clip": "text_encoders"}
SUFFIXES = {".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft"}

# Filled by `set_directories`, keyed as `/view?type=`.
directories: dict[str, str] = {}


def set_directories(base: Path, temp: Path) -> None:
    for kind in ("output", "input"):
        (base / kind).mkdir(exist_ok=True)
        directories[kind] = str(base / kind)
    directories["temp"] = str(temp)


def get_output_directory() -> str:
    return directories["output"]


def get_input_directory() -> str:
    return directories["input"]


def get_temp_directory() -> str:
    return directories["temp"]


def annotated(name: str) -> tuple[str, str | None]:
    """Split `NAME [output]` into the name and its folder; the folder is None without such an ending."""
    for kind, folder in directories.items():
        if name.endswith(f"[{kind}]"):
            return name[: -len(kind) - 3], folder
    return name, None


def get_annotated_filepath(name: str) -> str:
    name, folder = annotated(name)
    return os.path.join(folder or get_input_directory(), name)


def get_save_image_path(
    prefix: str, folder: str, width: int = 0, height: int = 0
) -> tuple[str, str, int, str, str]:
    """Return the folder, the name, the next number, the subfolder and the prefix."""
    prefix = prefix.replace("%width%", str(width)).replace("%height%", str(height))
    subfolder, name = os.path.split(os.path.normpath(prefix))
    full = os.path.abspath(os.path.join(folder, subfolder))
    if os.path.commonpath((folder, full)) != folder:
        raise Exception("Saving image outside the output folder is not allowed.")
    os.makedirs(full, exist_ok=True)
    numbers = [
        file[len(name) + 1 :].split(".")[0].split("_")[0]
        for file in os.listdir(full)
        if file.startswith(f"{name}_")
    ]
    return (
        full,
        name,
        max((int(number) for number in numbers if number.isdecimal()), default=0) + 1,
        subfolder,
        prefix,
    )


class FolderPaths:
    def __init__(self, base: Path) -> None:
        self.base = base
        self.models: dict[str, list[Path]] = {}
        for folder in sorted((base / "models").iterdir()) if (base / "models").is_dir() else []:
            self.models[folder.name] = [folder]
        self.custom_nodes = [base / "custom_nodes"]

    def add_config(self, path: Path) -> None:
        """An extra_model_paths.yaml: sections with a base_path and one or more folders per kind.

        Anything else than that ends the program, as it does the real one.
        """
        for section in yaml.safe_load(path.read_text()).values():
            base = path.parent / Path(section.get("base_path", path.parent)).expanduser()
            for kind, value in section.items():
                if kind not in ("base_path", "is_default"):
                    self._add(kind, base, value)

    def _add(self, kind: str, base: Path, value: str) -> None:
        for line in value.splitlines():
            folder = base / line.strip()
            print(f"Adding extra search path {kind} {folder}")
            if kind == "custom_nodes":
                self.custom_nodes.append(folder)
            else:
                self.models.setdefault(RENAMED.get(kind, kind), []).append(folder)

    def names(self, kind: str) -> list[str] | None:
        """Model files of a kind, relative to their folder; None for an unknown kind."""
        if kind not in self.models:
            return None
        return sorted(
            str(file.relative_to(folder))
            for folder in self.models[kind]
            for file in folder.rglob("*")
            if file.is_file() and file.suffix in SUFFIXES
        )


# The one that this process works with; set at its start.
current: FolderPaths
