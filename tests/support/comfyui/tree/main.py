"""A stand-in for ComfyUI's main.py: the same flags and the same layout, and nothing that generates."""

import argparse
import os
import sys
from pathlib import Path

from aiohttp import web
from folder_paths import FolderPaths
from nodes import load_custom_nodes
from server import Server


def parse() -> argparse.Namespace:
    """Unknown flags are an error, as in the real one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1", nargs="?", const="0.0.0.0,::")
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--base-directory", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--database-url")
    parser.add_argument("--extra-model-paths-config", nargs="+", action="append", default=[], type=Path)
    parser.add_argument("--whitelist-custom-nodes", nargs="+", default=[])
    parser.add_argument("--preview-method", default="none")
    parser.add_argument("--front-end-version")
    parser.add_argument("--enable-cors-header", nargs="?", const="*")
    for flag in ("cpu", "enable-manager", "disable-all-custom-nodes", "quick-test-for-ci", "disable-assets"):
        parser.add_argument(f"--{flag}", action="store_true")
    return parser.parse_args()


def main() -> None:
    if os.environ.get("FAKE_COMFYUI_CRASH") == "1":
        raise RuntimeError("crashing because FAKE_COMFYUI_CRASH is set")
    arguments = parse()
    paths = FolderPaths(arguments.base_directory)
    for config in [path for group in arguments.extra_model_paths_config for path in group]:
        paths.add_config(config)
    nodes = [] if arguments.disable_all_custom_nodes else load_custom_nodes(paths.custom_nodes)
    (arguments.base_directory / "user").mkdir(exist_ok=True)
    if arguments.quick_test_for_ci:
        return
    print(f"To see the GUI go to: http://{arguments.listen}:{arguments.port}", flush=True)
    web.run_app(
        Server(paths, nodes).app(),
        host=arguments.listen,
        port=arguments.port,
        print=None,
        handle_signals=True,
    )


if __name__ == "__main__":
    sys.exit(main())
