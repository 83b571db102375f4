#!/usr/bin/env bash
# comfyui.sh SOURCE TAG: lays ComfyUI's tree at /workspace/ComfyUI with its bytecode and its twin in the spare.
# Fails when it is not the version of that tag, or the locked packages are not what this very ComfyUI asks for.
set -euo pipefail

COMFYUI=/workspace/ComfyUI

found=v$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$1/comfyui_version.py")
if [[ $found != "$2" ]]; then
    echo "comfyui.sh: this tree is ComfyUI $found, and COMFYUI_TAG says $2. Set COMFYUI_TAG and COMFYUI_COMMIT together," \
        "to what the tree is." >&2
    exit 1
fi

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
