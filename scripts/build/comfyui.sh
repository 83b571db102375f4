#!/usr/bin/env bash
# comfyui.sh SOURCE: lays ComfyUI's tree at /workspace/ComfyUI with its bytecode and its twin in the spare.
# Fails when the locked packages are not what this very ComfyUI asks for.
set -euo pipefail

COMFYUI=/workspace/ComfyUI

cp -a "$1" "$COMFYUI"
rm -rf "$COMFYUI/.git" "$COMFYUI/.github" "$COMFYUI/tests" "$COMFYUI/tests-unit"
mkdir -p "$COMFYUI"/{custom_nodes,input,models,output,temp,user}

if ! uv pip install --quiet --offline --no-index --python /workspace/venv --requirement "$COMFYUI/requirements.txt"; then
    echo "comfyui.sh: images/locks/comfyui.txt does not satisfy this ComfyUI's requirements.txt." \
        "Compile the locks again: scripts/dev/lock-images.sh" >&2
    exit 1
fi

rm -f /workspace/venv/.lock # uv's, of this run

python3 -m compileall -q -j 0 -x '/(custom_nodes|models)/' "$COMFYUI"
python3 /build/twin.py "$COMFYUI" /opt/spare/ComfyUI
