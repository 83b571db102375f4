"""`python -m scripts.workspace prepare`: make the workspace ready. `… comfyui`: that, and then become ComfyUI."""

import os
import sys

from scripts.workspace.accelerator import judge, probe_nvml
from scripts.workspace.launch import command, write_manager_defaults
from scripts.workspace.layout import Layout, layout_from
from scripts.workspace.model_paths import write_model_paths
from scripts.workspace.prepare import prepare
from scripts.workspace.report import write_json


def main(arguments: list[str]) -> int:
    layout = layout_from(os.environ)
    report = prepare(layout)
    for note in report.notes:
        print(f"workspace: {note}", flush=True)
    for problem in report.problems:
        print(f"workspace: {problem.message} {problem.remedy}", file=sys.stderr, flush=True)
    if report.problems:
        return 1
    print(f"workspace: ready in {report.seconds} s ({report.case})", flush=True)
    if arguments == ["comfyui"]:
        become_comfyui(layout)
    return 0


def become_comfyui(layout: Layout) -> None:
    verdict = judge(layout.facts()["cuda"], probe_nvml)
    write_json(layout.run / "accelerator.json", verdict.as_json())
    print(f"accelerator: {verdict.message}", flush=True)
    write_manager_defaults(layout)
    arguments = command(layout, os.environ, verdict, write_model_paths(layout, os.environ))
    os.chdir(layout.comfyui)
    os.execv(arguments[0], arguments)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
