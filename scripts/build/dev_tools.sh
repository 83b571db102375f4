#!/usr/bin/env bash
# dev_tools.sh LOCKS ACCELERATOR: JupyterLab and the CUDA compiler, each in a venv of its own, so that neither can
# move a package of ComfyUI's. An accelerator without a lock of CUDA tools (cpu) gets an empty /opt/cuda.
set -euo pipefail

venv() {
    uv venv --quiet "$1"
    uv pip install --quiet --python "$1" --find-links /wheels --require-hashes --requirement "$2"
}

venv /opt/jupyter "$1/jupyter.txt"
mkdir -p /opt/cuda
if [[ -f $1/cuda-$2.txt ]]; then
    venv /opt/cuda/venv "$1/cuda-$2.txt"
    ln -s "$(dirname "$(dirname "$(find /opt/cuda/venv -path '*/bin/nvcc')")")" /opt/cuda/home
fi
