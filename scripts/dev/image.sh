#!/usr/bin/env bash
# image.sh VARIANT ACCELERATOR: builds one image with what this machine can reach, says what it took, and prints the
# image's name, which is all that goes to standard output.
#
#   REGISTRY, VERSION                                 parts of that name, see docker-bake.hcl
#   COMFYUI_SRC, NODES_STANDARD_SRC, NODES_FULL_SRC   source trees to use instead of GitHub
#   COMFYUI_TAG, COMFYUI_COMMIT                       what that tree of ComfyUI is
#   WHEELS_SRC, LOCKS_SRC                             wheels to prefer, locks to use instead of images/locks
#   BASE_IMAGE                                        a trixie image to stand on
#   CA_FILE                                           a private certificate authority (default: the one pip is told of)
#   STANDINS=1                                        stand-ins for ComfyUI, torch and the nodes: pages, no generation
#                                                     (auto: only where GitHub is out of reach)
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
        auto) [[ -n ${COMFYUI_SRC:-} ]] || github_answers || use_standins ;;
        *) [[ -n ${COMFYUI_SRC:-} ]] || github_answers || nothing_to_build_from ;;
    esac
}

github_answers() {
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

nothing_to_build_from() {
    say "GitHub does not answer. Set COMFYUI_SRC to a tree of ComfyUI$(nodes_hint), or STANDINS=1 for an image that shows pages and generates nothing."
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
