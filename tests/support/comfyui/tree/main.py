"""A stand-in for ComfyUI's main.py: the same flags and the same layout, and nothing that generates."""

import comfy.options

comfy.options.enable_args_parsing()

import fcntl
import os
import shutil
import sys
from itertools import chain
from pathlib import Path

from aiohttp import web
from comfy.cli_args import args
from folder_paths import FolderPaths
from nodes import load_custom_nodes
from server import Server


def lock_database(url: str) -> object:
    """For as long as what it returns is kept. Newer versions of the real one wait for five seconds before they give up."""
    if url == "sqlite:///:memory:":
        return None
    lock = Path(f"{url.removeprefix('sqlite:///')}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"Could not acquire lock on database '{url}'.")
    return lock


def main() -> None:
    if os.environ.get("FAKE_COMFYUI_CRASH") == "1":
        raise RuntimeError("crashing because FAKE_COMFYUI_CRASH is set")
    paths = FolderPaths(args.base_directory)
    beside = Path(__file__).resolve().with_name("extra_model_paths.yaml")
    for config in [*([beside] if beside.is_file() else []), *chain(*args.extra_model_paths_config)]:
        paths.add_config(config)
    nodes = load_custom_nodes(
        paths.custom_nodes, args.whitelist_custom_nodes if args.disable_all_custom_nodes else None
    )
    (args.base_directory / "user").mkdir(exist_ok=True)
    _lock = lock_database(args.database_url)
    temp = (args.temp_directory or args.base_directory) / "temp"
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    if args.quick_test_for_ci:
        return
    ready = f"To see the GUI go to: http://{args.listen}:{args.port}"
    web.run_app(
        Server(paths, nodes).app(),
        host=args.listen,
        port=args.port,
        print=lambda *_: print(ready, flush=True),  # called once it listens
        handle_signals=True,
    )
    shutil.rmtree(temp, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
