#!/usr/bin/env bash
# image.sh VARIANT ACCELERATOR: builds one image from the sources that this machine reaches, and names them. Only the
# image's name goes to standard output.
#
#   REGISTRY, VERSION                                 parts of the name, see docker-bake.hcl
#   COMFYUI_SRC, NODES_STANDARD_SRC, NODES_FULL_SRC   source trees to use instead of GitHub
#   COMFYUI_TAG, COMFYUI_COMMIT                       version and commit of that tree of ComfyUI
#   WHEELS_SRC, LOCKS_SRC                             preferred wheels, locks instead of images/locks
#   BASE_IMAGE                                        the trixie image to build on
#   CA_FILE                                           a private certificate authority (default: PIP_CERT)
#   STANDINS=1                                        stand-ins for ComfyUI, torch and the nodes: pages, no generation
#                                                     (auto: only where GitHub cannot be reached)
set -euo pipefail
cd "$(dirname "$0")/../.."

VARIANT=${1:-minimal}
ACCELERATOR=${2:-13-0}
TARGET=$VARIANT-$ACCELERATOR
OPTIONS=()

main() {
    scripts/dev/engine.sh
    BASE_IMAGE=$(scripts/dev/base-image.sh)
    export BASE_IMAGE
    export CA_FILE=${CA_FILE-${PIP_CERT:-}}
    [[ -z $CA_FILE ]] || say "certificate authority: $CA_FILE"
    choose_sources
    use_context comfyui-src "${COMFYUI_SRC:-}"
    use_context nodes-standard "${NODES_STANDARD_SRC:-}"
    use_context nodes-full "${NODES_FULL_SRC:-}"
    use_context wheels "${WHEELS_SRC:-}"
    use_context locks "${LOCKS_SRC:-}"
    local image
    image=$(name_of_target)
    say "building $image"
    docker buildx bake --progress "${PROGRESS:-auto}" --load "${OPTIONS[@]}" "$TARGET" >&2
    echo "$image"
}

name_of_target() {
    docker buildx bake --print "$TARGET" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target"][sys.argv[1]]["tags"][0])' "$TARGET"
}

say() { echo "image: $*" >&2; }

choose_sources() {
    case ${STANDINS:-} in
        1) use_standins ;;
        auto) [[ -n ${COMFYUI_SRC:-} ]] || github_responds || use_standins ;;
        *) [[ -n ${COMFYUI_SRC:-} ]] || github_responds || no_sources ;;
    esac
}

github_responds() {
    timeout 20 git ls-remote --quiet --exit-code https://github.com/comfyanonymous/ComfyUI.git HEAD >/dev/null 2>&1
}

use_standins() {
    local made=build/standins
    python3 -m tests.image.support.standins "$made"
    say "STAND-INS for ComfyUI, torch and the nodes: this image shows pages and generates nothing"
    COMFYUI_SRC=$made/comfyui-src NODES_STANDARD_SRC=$made/nodes-standard NODES_FULL_SRC=$made/nodes-full
    WHEELS_SRC=$made/wheels LOCKS_SRC=${LOCKS_SRC:-$made/locks}
    export COMFYUI_TAG=${COMFYUI_TAG:-v0.38.1+standin} COMFYUI_COMMIT=stand-in
    OPTIONS+=(--set "$TARGET.args.TORCH_INDEX=")
}

no_sources() {
    say "GitHub does not respond. Set COMFYUI_SRC to a tree of ComfyUI$(nodes_hint), or STANDINS=1 for an image that shows pages and generates nothing."
    exit 1
}

nodes_hint() {
    case $VARIANT in
        standard) echo " and NODES_STANDARD_SRC to a folder with the nodes of images/nodes/standard.toml" ;;
        full | dev) echo ", NODES_STANDARD_SRC and NODES_FULL_SRC to folders with the nodes of images/nodes/" ;;
    esac
}

use_context() {
    [[ -n $2 ]] || return 0
    say "$1: $2"
    OPTIONS+=(--set "$TARGET.contexts.$1=$2")
}

main
