#!/usr/bin/env bash
# Makes sure that a Docker engine with buildx is running: uses a running one, starts an installed one, or installs
# Debian's as root. Exit 3: there is none, and this machine cannot provide one.
#
#   APT_DIR, APT_LISTS_LOCK   apt's configuration and the lock of its lists
#   DOCKERD_LOG               where an engine that this script starts writes its log
set -euo pipefail

APT_DIR=${APT_DIR:-/etc/apt}
APT_LISTS_LOCK=${APT_LISTS_LOCK:-/var/lib/apt/lists/lock}
LOG=${DOCKERD_LOG:-/var/log/dockerd.log}
# The first engine that reads the health check's start interval.
OLDEST=25
START_TIMEOUT_S=60
# unattended-upgrades holds apt's lock for minutes on a new machine.
APT_LOCK_TIMEOUT_S=600

main() {
    local action="uses the running engine"
    if ! has_engine; then
        [[ $(id -u) == 0 ]] || no_engine "no Docker engine is running, and only root can install and start one"
        action="started dockerd"
        if ! can_start; then
            install_engine
            action="installed Debian's docker.io and started dockerd"
        fi
        start_engine
    fi
    check_version
    has_buildx || no_engine "the Docker engine is running, but 'docker buildx' is missing: install docker-buildx"
    say "$action ($(engine_version), $(storage_driver))"
}

has_engine() { command -v docker >/dev/null && docker info >/dev/null 2>&1; }
has_buildx() { docker buildx version >/dev/null 2>&1; }
can_start() { command -v docker >/dev/null && command -v dockerd >/dev/null && has_buildx; }
storage_driver() { docker info --format '{{.Driver}}'; }
engine_version() { docker version --format '{{.Server.Version}}'; }

say() { echo "engine: $*" >&2; }

no_engine() {
    say "$1. Skipped: everything that builds or starts an image."
    exit 3
}

check_version() {
    local version
    version=$(engine_version)
    ((${version%%.*} >= OLDEST)) || no_engine "the Docker engine is version $version; ComfyPod needs $OLDEST or newer"
}

# Debian 13 has an engine with buildx. Debian 12's own lacks it, so there Debian 13 becomes a source that apt uses only
# where it is named (priority 50). An earlier run that failed may have left that source behind.
install_engine() {
    command -v apt-get >/dev/null || no_engine "no Docker engine is running, and only Debian's can be installed"
    say "installing docker.io, docker-buildx and docker-compose"
    local packages=(docker.io docker-buildx docker-compose)
    command -v docker >/dev/null || packages+=(docker-cli)
    apt_get update
    if [[ -e $APT_DIR/preferences.d/trixie-docker ]] || ! apt-cache show docker-buildx >/dev/null 2>&1; then
        add_trixie
        packages=("${packages[@]/%//trixie}")
    fi
    apt_get install --yes --no-install-recommends "${packages[@]}" iptables
}

apt_get() {
    wait_for_apt
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o "DPkg::Lock::Timeout=$APT_LOCK_TIMEOUT_S" "$@" >/dev/null
}

# apt's own timeout covers the package database, not the lists that an update writes.
wait_for_apt() {
    local deadline=$((SECONDS + APT_LOCK_TIMEOUT_S))
    ! apt_is_free || return 0
    say "waiting for another program that uses apt"
    until apt_is_free; do
        ((SECONDS < deadline)) || no_engine "another program has used apt for $APT_LOCK_TIMEOUT_S seconds"
        sleep 0.5
    done
}

apt_is_free() {
    [[ ! -e $APT_LISTS_LOCK ]] || python3 - "$APT_LISTS_LOCK" 2>/dev/null <<'PYTHON'
import fcntl, sys
fcntl.lockf(open(sys.argv[1], "a"), fcntl.LOCK_EX | fcntl.LOCK_NB)
PYTHON
}

add_trixie() {
    local mirror
    mirror=$("$(dirname "${BASH_SOURCE[0]}")/base-image.sh" --mirror)
    printf 'Package: *\nPin: release n=trixie\nPin-Priority: 50\n' >"$APT_DIR/preferences.d/trixie-docker"
    cat >"$APT_DIR/sources.list.d/trixie-docker.sources" <<SOURCE
Types: deb
URIs: $mirror
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCE
    apt_get update
}

# The plain engine first; then with less and less of what a container or a small machine may refuse. Without iptables
# there is no bridge: builds and containers then use the host's network.
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
    no_engine "dockerd does not start; the end of $LOG is above"
}

try_dockerd() {
    setsid dockerd "$@" >"$LOG" 2>&1 </dev/null &
    local pid=$! deadline=$((SECONDS + START_TIMEOUT_S))
    while ((SECONDS < deadline)); do
        has_engine && return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.2
    done
    kill "$pid" 2>/dev/null || true
    return 1
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main
fi
