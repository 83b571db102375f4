#!/usr/bin/env bash
# Builds an image, starts it as a host would, waits until it is healthy and prints its addresses.
#
#   VARIANT, ACCELERATOR   what to build (minimal, cpu)
#   BIND                   address of this machine on which the ports are open (127.0.0.1; 0.0.0.0 is all of them)
#   REGISTRY, VERSION      parts of the image's name, see docker-bake.hcl
#   POD_WORKSPACE          folder or volume for /workspace (./workspace)
#   POD_NAME               the container's name (comfypod)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VARIANT=${VARIANT:-minimal}
ACCELERATOR=${ACCELERATOR:-cpu}
NAME=${POD_NAME:-comfypod}
WORKSPACE=${POD_WORKSPACE:-$PWD/workspace}
BIND=${BIND:-127.0.0.1}
# The variables under "For you to set" in docs/variables.md.
PASSED_ON=(ACCESS_PASSWORD HF_TOKEN CIVITAI_TOKEN ANTHROPIC_API_KEY PRESET_DOWNLOAD COMFYUI_EXTRA_ARGS MAX_UPLOAD_MB SAFE_MODE HOOK_SECONDS COMFY_REGISTRY_URL PROVISION_URL PROVISION_SHA256 PROVISION_STEP_SECONDS AUTOSTOP_MINUTES AUTOSTOP_COMMAND PRICE_PER_HOUR PRICE_CURRENCY EXTRA_MODEL_PATHS TIME_ZONE
    PUBLIC_KEY ENABLE_CODE_SERVER ENABLE_JUPYTERLAB SESSION_HOURS CORS_ORIGINS DOWNLOAD_WORKERS DOWNLOAD_RETRY_SECONDS TRASH_DAYS
    DOWNLOAD_STALL_SECONDS ANSWER_SECONDS DOWNLOAD_ALLOWED_HOSTS HF_ENDPOINT CIVITAI_ENDPOINT LOG_LEVEL LOG_FORMAT MODE TLS TLS_CERT TLS_KEY
    SYNC_BUCKET SYNC_ACCESS_KEY_ID SYNC_SECRET_ACCESS_KEY SYNC_ENDPOINT SYNC_REGION
    SYNC_PREFIX SYNC_WHEN SYNC_MINUTES SYNC_LIMIT SYNC_RESTORE)
WAIT_S=120

main() {
    local image
    image=$(STANDINS=${STANDINS-auto} scripts/dev/image.sh "$VARIANT" "$ACCELERATOR")
    docker rm --force "$NAME" >/dev/null 2>&1 || true
    start "$image"
    wait_until_healthy
    print_addresses
}

start() {
    local options=(--detach --name "$NAME" --volume "$WORKSPACE:/workspace") name
    [[ $WORKSPACE != /* ]] || mkdir -p "$WORKSPACE"
    [[ $ACCELERATOR == cpu ]] || options+=(--gpus all)
    for name in "${PASSED_ON[@]}"; do
        [[ -z ${!name+set} ]] || options+=(--env "$name")
    done
    if docker network inspect bridge >/dev/null 2>&1; then
        for name in 8001 3001 8081 8889; do
            options+=(--publish "$BIND:$name:$name")
        done
    else
        echo "pod: this engine has no bridge network, so the ports are open on every address of this machine" >&2
        options+=(--network host)
    fi
    docker run "${options[@]}" "$1" >/dev/null
}

health() { docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$NAME"; }

wait_until_healthy() {
    local deadline=$((SECONDS + WAIT_S)) state
    printf 'pod: starting ' >&2
    while ((SECONDS < deadline)); do
        state=$(health)
        case $state in
            "running healthy") echo " healthy" >&2 && return ;;
            running*) printf '.' >&2 ;;
            *) break ;;
        esac
        sleep 0.5
    done
    printf '\npod: not healthy (%s). The end of its log:\n' "$state" >&2
    docker logs --tail 30 "$NAME" >&2
    exit 1
}

print_addresses() {
    echo "Control plane  http://localhost:8001"
    echo "ComfyUI        http://localhost:3001"
    if [[ -n ${ACCESS_PASSWORD:-} ]]; then
        echo "Password       the one in ACCESS_PASSWORD"
    else
        docker logs "$NAME" 2>&1 | grep -i 'generated password' || echo "Password       see: docker logs $NAME"
    fi
    echo "Log            docker logs --follow $NAME"
    echo "Stop           docker stop $NAME"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main
fi
