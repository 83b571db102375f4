#!/usr/bin/env bash
# after_page.sh COMMAND…: becomes COMMAND; on few cores once the control plane listens, or after WAIT_S without it.
#
# ComfyUI reads hundreds of megabytes and occupies every core while it starts, which on few cores delays the page. So it
# waits for the page first (measured on two busy cores: page after 1.5 instead of 2.7 s, ComfyUI 1 s later).
set -euo pipefail

PAGE=/dev/tcp/127.0.0.1/8000
WAIT_S=3
FEW_CORES=4

listens() { (: <"$PAGE") 2>/dev/null; }

wait_for_page() {
    local deadline=$((SECONDS + WAIT_S))
    until listens || ((SECONDS >= deadline)); do
        sleep 0.1
    done
}

_main() {
    (($(nproc) > FEW_CORES)) || wait_for_page
    exec "$@"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    _main "$@"
fi
