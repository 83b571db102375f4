#!/usr/bin/env bash
# Makes sure that a Docker engine with buildx answers: takes a running one, starts an installed one, or installs
# Debian's as root. Exit 3: there is none and it cannot be had here.
set -euo pipefail

LOG=${DOCKERD_LOG:-/var/log/dockerd.log}
WAIT_S=60

main() {
    local took=""
    if ! has_engine; then
        [[ $(id -u) == 0 ]] || no_engine "no Docker engine answers, and only root can install and start one"
        if ! can_start; then
            install_engine
            took="installed Debian's docker.io and "
        fi
        start_engine
        took+="started dockerd"
    fi
    has_buildx || no_engine "the Docker engine answers, but 'docker buildx' is missing: install docker-buildx"
    say "${took:-took the engine that runs} ($(docker version --format '{{.Server.Version}}'), $(storage_driver))"
}

has_engine() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }
has_buildx() { docker buildx version >/dev/null 2>&1; }
can_start() { command -v docker >/dev/null && command -v dockerd >/dev/null && has_buildx; }
storage_driver() { docker info --format '{{.Driver}}'; }

say() { echo "engine: $*" >&2; }

no_engine() {
    say "$1. Skipped: everything that builds or starts an image."
    exit 3
}

# Debian 13 has an engine with buildx. Debian 12's own lacks it, so there 13 is added as a source that nothing
# else is drawn from (priority 50).
install_engine() {
    command -v apt-get >/dev/null || no_engine "no Docker engine answers, and this is no Debian to install one on"
    say "installing docker.io, docker-buildx and docker-compose"
    local packages=(docker.io docker-buildx docker-compose)
    command -v docker >/dev/null || packages+=(docker-cli)
    apt_get update
    if ! apt-cache show docker-buildx >/dev/null 2>&1; then
        add_trixie
        packages=("${packages[@]/%//trixie}")
    fi
    apt_get install --yes --no-install-recommends "${packages[@]}" iptables
}

apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >/dev/null; }

add_trixie() {
    local mirror
    mirror=$("$(dirname "$0")/base-image.sh" --mirror)
    cat >/etc/apt/sources.list.d/trixie-docker.sources <<EOF
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' >/etc/apt/preferences.d/trixie-docker
    apt_get update
}

# The plain engine first; then with ever less of what a container or a small machine may refuse it. Without
# iptables there is no bridge: builds and containers then use the host's network.
start_engine() {
    local options
    for options in "" "--storage-driver=vfs" "--iptables=false --ip6tables=false --bridge=none" \
        "--iptables=false --ip6tables=false --bridge=none --storage-driver=vfs"; do
        # shellcheck disable=SC2086 # the options are words
        if try_dockerd $options; then
            [[ -z $options ]] || say "dockerd only starts with $options here"
            return
        fi
    done
    tail -n 20 "$LOG" >&2
    no_engine "dockerd does not start, the end of $LOG is above"
}

try_dockerd() {
    setsid dockerd "$@" >"$LOG" 2>&1 </dev/null &
    local pid=$! deadline=$((SECONDS + WAIT_S))
    while ((SECONDS < deadline)); do
        has_engine && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.2
    done
    kill "$pid" 2>/dev/null || true
    return 1
}

main
