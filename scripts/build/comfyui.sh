#!/usr/bin/env bash
# comfyui.sh SOURCE TAG: copies ComfyUI's tree to /workspace/ComfyUI, compiles it and links it into the spare copy.
# Fails when it is not the version of that tag, or when the locked packages do not satisfy its requirements.
set -euo pipefail

COMFYUI=/workspace/ComfyUI
export PATH=/build:$PATH

found=v$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$1/comfyui_version.py")
if [[ $found != "$2" ]]; then
    echo "comfyui.sh: this tree is ComfyUI $found, and COMFYUI_TAG says $2. Set COMFYUI_TAG and COMFYUI_COMMIT to the" \
        "version and commit of the tree." >&2
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
python3 /build/hardlink_copy.py "$COMFYUI" /opt/spare/ComfyUI
