#!/bin/sh
# `comfypod` from any folder, with the control plane's own Python: /opt/comfypod/venv in an image, .venv in a checkout.
# It uses neither the user's Python nor modules in the current folder.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for venv in "$root/venv" "$root/.venv"; do
    if [ -x "$venv/bin/python" ]; then
        PYTHONPATH=$root exec "$venv/bin/python" -P -m backend.cli "$@"
    fi
done
echo "$root/.venv does not exist yet. Run \`make run\` or \`make check\` once." >&2
exit 1
