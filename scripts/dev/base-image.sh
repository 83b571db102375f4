#!/usr/bin/env bash
# Prints the base image to build on: BASE_IMAGE if set; nothing, which is the digest that the Dockerfile pins, where that
# can be pulled; otherwise a minimal trixie made with debootstrap from the Debian mirror of this machine.
#
#   base-image.sh            prints the image's name, or an empty line for the pinned one
#   base-image.sh --mirror   prints the Debian mirror of this machine
set -euo pipefail
cd "$(dirname "$0")/../.."

LOCAL=comfypod-base:trixie

main() {
    if [[ ${1:-} == --mirror ]]; then
        mirror
    elif [[ -n ${BASE_IMAGE:-} ]]; then
        say "BASE_IMAGE, $BASE_IMAGE"
        echo "$BASE_IMAGE"
    elif pinned_is_here; then
        say "the pinned Debian image"
        echo
    else
        has_local || make_local
        say "$LOCAL, made from this machine's Debian mirror (the pinned image cannot be pulled here)"
        echo $LOCAL
    fi
}

say() { echo "base image: $*" >&2; }
die() {
    say "$*"
    exit 1
}

pinned() { sed -n -e 's/^ARG BASE_NAME=//p' -e 's/^ARG BASE_DIGEST=/@/p' Dockerfile | tr -d '\n'; }
pinned_is_here() { docker image inspect "$(pinned)" >/dev/null 2>&1 || timeout 60 docker pull --quiet "$(pinned)" >/dev/null 2>&1; }
has_local() { docker image inspect "$LOCAL" >/dev/null 2>&1; }

# The first archive that apt's sources name for a Debian release, security archives apart.
mirror() {
    # shellcheck disable=SC2016 # apt expands them
    apt-get indextargets --format '$(SITE) $(RELEASE) $(ORIGIN) $(LABEL)' 2>/dev/null \
        | awk '$3 == "Debian" && $4 == "Debian" { print $1; exit }' | grep . \
        || die "apt's sources name no Debian mirror: set BASE_IMAGE to a trixie image"
}

make_local() {
    [[ $(id -u) == 0 ]] || die "only root can run debootstrap: set BASE_IMAGE to a trixie image"
    command -v debootstrap >/dev/null || apt-get -qq install --yes --no-install-recommends debootstrap >/dev/null
    local root
    root=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$root'" EXIT
    say "making a minimal trixie, about half a minute"
    debootstrap --variant=minbase trixie "$root" "$(mirror)" >"$root.log" || die "debootstrap failed, see $root.log"
    rm -rf "$root.log" "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/*
    tar -C "$root" -c . | docker import --change 'CMD ["bash"]' - "$LOCAL" >/dev/null
}

main "$@"
