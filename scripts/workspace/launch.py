"""ComfyUI's command line."""

import fcntl
import json
import shlex
import subprocess
from collections.abc import Mapping, Sequence

from backend.config.values import yes
from scripts.workspace.accelerator import Verdict
from scripts.workspace.layout import Layout, Place
from scripts.workspace.model_paths import ModelPaths
from scripts.workspace.node_packages import nodes_in
from scripts.workspace.report import Problem, Report

PORT = 3000
# What ComfyUI's main.py begins with.
READ_ARGUMENTS = "import comfy.options; comfy.options.enable_args_parsing(); import comfy.cli_args"
ARGPARSE_ERROR = 2
PARSER_SECONDS = 30
IN_MEMORY = "sqlite:///:memory:"


def command(
    layout: Layout,
    place: Place,
    verdict: Verdict,
    paths: ModelPaths,
    *,
    database: str = IN_MEMORY,
    selection: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> list[str]:
    """The arguments, program first. ComfyUI takes the last of two, so what an owner must not change follows theirs."""
    # ComfyUI reads the user's own model paths beside its main.py, also when they are broken.
    main = layout.spare / "ComfyUI" / "main.py" if paths.own_is_replaced else place.main
    return [
        str(place.venv / "bin" / "python"),
        str(main),
        *("--temp-directory", str(layout.of_this_pod)),
        *extra,
        # Whatever goes round nginx goes round the sign-in.
        *("--listen", "127.0.0.1", "--port", str(PORT)),
        *("--base-directory", str(place.base)),
        *("--database-url", database),
        *("--extra-model-paths-config", *map(str, paths.configs)),
        "--enable-manager",
        *(["--cpu"] if verdict.kind == "cpu" else []),
        *selection,
    ]


def database_of(place: Place, report: Report) -> str:
    """On the volume, where what people note of their files outlives the pod; in memory while another pod has it there.

    ComfyUI locks it for as long as it runs, and some versions end at once where it is locked.
    """
    file = place.base / "user" / "comfyui.db"
    try:
        with file.with_name(f"{file.name}.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        report.note(
            "Another pod uses ComfyUI's database on this volume. This one has its own in memory: names and tags that "
            "you give to files here are not kept, the files are."
        )
        return IN_MEMORY
    except OSError:
        pass  # there is none yet, or a file system without locks
    return f"sqlite:///{file}"


def with_choice_of_owner(environment: Mapping[str, str], layout: Layout) -> dict[str, str]:
    """What was chosen on the page since the pod started goes before SAFE_MODE."""
    try:
        chosen = json.loads((layout.run / "safe-mode.json").read_bytes())["safe_mode"]
    except (OSError, ValueError, KeyError, TypeError):
        return dict(environment)
    return {**environment, "SAFE_MODE": "1" if chosen is True else "0"}


def safe_mode(environment: Mapping[str, str]) -> bool:
    try:
        return yes(environment.get("SAFE_MODE", ""))
    except ValueError:  # the overview says so
        return False


def node_selection(
    place: Place, paths: ModelPaths, environment: Mapping[str, str], left_out: frozenset[str]
) -> list[str]:
    """Which custom nodes ComfyUI loads: none in safe mode, else all but those left out."""
    if safe_mode(environment):
        return ["--disable-all-custom-nodes"]
    if not left_out:
        return []
    folders = [*place.custom_nodes, *([paths.baked_nodes] if paths.baked_nodes else [])]
    loaded = sorted({node.name for folder in folders for node in nodes_in(folder)} - left_out)
    return ["--disable-all-custom-nodes", *(["--whitelist-custom-nodes", *loaded] if loaded else [])]


def extra_arguments(environment: Mapping[str, str], report: Report) -> list[str]:
    """COMFYUI_EXTRA_ARGS, split as a shell would."""
    try:
        return shlex.split(environment.get("COMFYUI_EXTRA_ARGS", ""))
    except ValueError as error:
        report.problem(_not_used(f"it cannot be read ({error})", "Close every quotation mark in it"))
        return []


def refused(command: Sequence[str], layout: Layout, report: Report) -> bool:
    """Whether ComfyUI's own parser takes this command line; it knows which arguments go together."""
    python, _, *arguments = command
    try:
        done = subprocess.run(
            [python, "-c", READ_ARGUMENTS, *arguments],
            cwd=layout.spare / "ComfyUI",
            capture_output=True,
            text=True,
            timeout=PARSER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode != ARGPARSE_ERROR:
        return False
    complaint = done.stderr.strip().rpartition("error: ")[2]
    report.problem(_not_used(f"ComfyUI does not take it ({complaint})", "Correct it"))
    return True


def _not_used(why: str, remedy: str) -> Problem:
    return Problem(
        code="extra_arguments",
        message=f"COMFYUI_EXTRA_ARGS is left out, because {why}.",
        remedy=f"{remedy} and start the pod again.",
    )


def write_manager_defaults(place: Place, report: Report) -> None:
    """ComfyUI-Manager behind our gate is a personal cloud. A file that is there already is its owner's."""
    path = place.base / "user" / "__manager" / "config.ini"
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[default]\nnetwork_mode = personal_cloud\nuse_uv = True\n")
    except OSError as error:
        report.note(
            f"ComfyUI-Manager keeps its own settings, because {path} cannot be written: {error.strerror}."
        )
