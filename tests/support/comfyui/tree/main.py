"""A stand-in for ComfyUI's main.py: the same flags, layout and behaviour, and nothing that needs a GPU.

Environment variables decide what goes wrong:

    FAKE_COMFYUI_CRASH=1          crash before it listens
    FAKE_COMFYUI_CRASH_AFTER=8.5  crash that many seconds after it listens
    FAKE_COMFYUI_OLD=1            know no /api/jobs, as older versions
and FAKE_COMFYUI_OBJECT_INFO names a file with what a real one answers at /object_info, to know its node types, too;
with FAKE_COMFYUI_REPLACE_NODES=1, in place of its own.
"""

import comfy.options

comfy.options.enable_args_parsing()

import fcntl
import os
import shutil
import signal
import sys
import threading
from itertools import chain
from pathlib import Path

import described_nodes
import folder_paths
import log
from aiohttp import web
from comfy.cli_args import args
from execution import work
from folder_paths import FolderPaths
from nodes import load_custom_nodes
from server import PromptServer


def lock_database(url: str) -> object:
    """Lock it while the returned file is open. Newer versions of ComfyUI wait five seconds before they give up."""
    if url == "sqlite:///:memory:":
        return None
    lock = Path(f"{url.removeprefix('sqlite:///')}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"Could not acquire lock on database '{url}'.")
    return lock


def listening(ready: str) -> None:
    print(ready, flush=True)
    if "FAKE_COMFYUI_CRASH_AFTER" in os.environ:
        seconds = float(os.environ["FAKE_COMFYUI_CRASH_AFTER"])
        crash = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
        crash.daemon = True
        crash.start()


def main() -> None:
    if os.environ.get("FAKE_COMFYUI_CRASH") == "1":
        raise RuntimeError("crashing because FAKE_COMFYUI_CRASH is set")
    log.record()
    paths = folder_paths.current = FolderPaths(args.base_directory)
    beside = Path(__file__).resolve().with_name("extra_model_paths.yaml")
    for config in [*([beside] if beside.is_file() else []), *chain(*args.extra_model_paths_config)]:
        paths.add_config(config)
    temp = (args.temp_directory or args.base_directory).absolute() / "temp"
    folder_paths.set_directories(args.base_directory.absolute(), temp)
    load_custom_nodes(
        paths.custom_nodes, args.whitelist_custom_nodes if args.disable_all_custom_nodes else None
    )
    if "FAKE_COMFYUI_OBJECT_INFO" in os.environ:
        replace = os.environ.get("FAKE_COMFYUI_REPLACE_NODES") == "1"
        described_nodes.load(Path(os.environ["FAKE_COMFYUI_OBJECT_INFO"]), replace=replace)
    (args.base_directory / "user").mkdir(exist_ok=True)
    _lock = lock_database(args.database_url)
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    if args.quick_test_for_ci:
        return
    server = PromptServer(paths, old=os.environ.get("FAKE_COMFYUI_OLD") == "1")
    threading.Thread(target=work, args=(server.queue, server), daemon=True).start()
    ready = f"To see the GUI go to: http://{args.listen}:{args.port}"
    web.run_app(
        server.app(),
        host=args.listen,
        port=args.port,
        print=lambda *_: listening(ready),
        handle_signals=True,
    )
    shutil.rmtree(temp, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
