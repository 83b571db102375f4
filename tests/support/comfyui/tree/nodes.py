"""Loads custom nodes from every custom_nodes folder. One that cannot be imported is named and left out."""

import importlib.util
import sys
import time
import traceback
from pathlib import Path


def load_custom_nodes(folders: list[Path]) -> list[str]:
    loaded = []
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if (path / "__init__.py").is_file() and not path.name.endswith(".disabled"):
                loaded += [path.name] if load(path) else []
    return loaded


def load(path: Path) -> bool:
    began = time.perf_counter()
    spec = importlib.util.spec_from_file_location(path.name.replace("-", "_"), path / "__init__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception:
        traceback.print_exc()
        print(f"Cannot import {path} module for custom nodes: see above")
        return False
    print(f"{time.perf_counter() - began:7.1f} seconds: {path}")
    return True
