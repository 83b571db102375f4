#!/usr/bin/env bash
# dev_tools.sh LOCKS ACCELERATOR: installs JupyterLab and the CUDA compiler, each in its own venv, so that neither changes
# a package of ComfyUI. An accelerator without a lock of CUDA tools (cpu) gets an empty /opt/cuda.
set -euo pipefail

venv() {
    uv venv --quiet "$1"
    uv pip install --quiet --python "$1" --find-links /build/wheels --no-deps --require-hashes --requirement "$2"
}

# Notebooks run in the first Python on PATH, which is ComfyUI's. The kernel's packages come after ComfyUI's own.
write_kernel() {
    local packages kernel=/opt/jupyter/share/jupyter/kernels/python3/kernel.json
    packages=$(find /opt/jupyter/lib -type d -name site-packages -prune)
    cat >"$kernel" <<EOF
{
    "display_name": "Python of ComfyUI",
    "language": "python",
    "metadata": {"debugger": true, "supported_encryption": ["curve"]},
    "kernel_protocol_version": "5.5",
    "argv": ["/usr/bin/env", "python", "-c",
        "import sys; sys.path.append('$packages'); from ipykernel.kernelapp import launch_new_instance; launch_new_instance()",
        "-f", "{connection_file}"]
}
EOF
}

venv /opt/jupyter "$1/jupyter.txt"
write_kernel
mkdir -p /opt/cuda
if [[ -f $1/cuda-$2.txt ]]; then
    venv /opt/cuda/venv "$1/cuda-$2.txt"
    ln -s "$(dirname "$(dirname "$(find /opt/cuda/venv -path '*/bin/nvcc')")")" /opt/cuda/home
fi
