#!/usr/bin/env bash
# try-image.sh IMAGE: starts an image as a host without a GPU would. Fails unless the control plane becomes healthy,
# ComfyUI responds, and every custom node of the image was imported.
#
#   WAIT_S   limit for each step in seconds (300)
set -euo pipefail

IMAGE=$1
WAIT_S=${WAIT_S:-300}

main() {
    local options=(--detach)
    docker network inspect bridge >/dev/null 2>&1 || options+=(--network none)
    CONTAINER=$(docker run "${options[@]}" "$IMAGE")
    trap 'docker rm --force --volumes "$CONTAINER" >/dev/null' EXIT
    wait_until "the control plane is healthy" is_healthy
    wait_until "ComfyUI responds" comfyui_responds
    ! log_contains "IMPORT FAILED" || die "a custom node was not imported"
    say "$IMAGE works"
}

is_healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$CONTAINER") == healthy ]]; }
is_running() { [[ $(docker inspect --format '{{.State.Running}}' "$CONTAINER") == true ]]; }
comfyui_responds() { docker exec "$CONTAINER" curl --silent --fail --output /dev/null http://127.0.0.1:3000/system_stats; }
log_contains() { docker logs "$CONTAINER" 2>&1 | grep --fixed-strings "$1" >&2; }

wait_until() {
    local deadline=$((SECONDS + WAIT_S))
    until "$2"; do
        is_running || die "the container has ended"
        ! log_contains "exited: comfyui" || die "ComfyUI has crashed"
        ((SECONDS < deadline)) || die "not within $WAIT_S seconds: $1"
        sleep 1
    done
    say "$1"
}

say() { echo "try-image: $*" >&2; }

die() {
    docker logs --tail 50 "$CONTAINER" >&2
    say "$1"
    exit 1
}

main
