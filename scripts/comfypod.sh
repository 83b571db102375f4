#!/bin/sh
# `comfypod` from any folder, run by the control plane's own Python: in an image that of /opt/comfypod/venv, in a
# checkout that of .venv. The user's Python and what lies in the current folder stay out of it.
root=$(dirname "$(dirname "$(readlink -f "$0")")")
for venv in "$root/venv" "$root/.venv"; do
    if [ -x "$venv/bin/python" ]; then
        PYTHONPATH=$root exec "$venv/bin/python" -P -m backend.cli "$@"
    fi
done
echo "There is no $root/.venv yet: run \`make run\` or \`make check\` once." >&2
exit 1
