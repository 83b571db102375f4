"""Which folders hold which models."""

from pathlib import Path

import yaml

RENAMED = {"unet": "diffusion_models", "clip": "text_encoders"}
SUFFIXES = {".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft"}


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
