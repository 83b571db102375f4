#!/usr/bin/env bash
# try-image.sh IMAGE: starts an image as a host without a GPU would. Fails unless the control plane becomes healthy,
# ComfyUI answers, and every custom node of the image was imported.
#
#   WAIT_S   how long each of them may take (300)
set -euo pipefail

IMAGE=$1
WAIT_S=${WAIT_S:-300}

main() {
    local options=(--detach)
    docker network inspect bridge >/dev/null 2>&1 || options+=(--network none)
    CONTAINER=$(docker run "${options[@]}" "$IMAGE")
    trap 'docker rm --force --volumes "$CONTAINER" >/dev/null' EXIT
    wait_until "the control plane is healthy" is_healthy
    wait_until "ComfyUI answers" comfyui_answers
    ! said "IMPORT FAILED" || die "a custom node was not imported"
    say "$IMAGE works"
}

is_healthy() { [[ $(docker inspect --format '{{.State.Health.Status}}' "$CONTAINER") == healthy ]]; }
comfyui_answers() { docker exec "$CONTAINER" curl --silent --fail --output /dev/null http://127.0.0.1:3000/system_stats; }
said() { docker logs "$CONTAINER" 2>&1 | grep --fixed-strings "$1" >&2; }

wait_until() {
    local deadline=$((SECONDS + WAIT_S))
    until "$2"; do
        ! said "exited: comfyui" || die "ComfyUI has crashed"
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
