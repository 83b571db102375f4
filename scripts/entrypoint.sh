#!/usr/bin/env bash
# A pod's first process after tini: prepares the environment of the services, then becomes the supervisor.
# Nothing here waits for the volume; ComfyUI's own service prepares it (scripts/workspace).
set -euo pipefail

COMFYPOD=${COMFYPOD:-/opt/comfypod}
export WORKSPACE=${WORKSPACE:-/workspace} RUN_DIR=${RUN_DIR:-/run/comfypod} LOG_DIR=${LOG_DIR:-/var/log/comfypod}
NGINX_IPV6=/etc/nginx/comfypod-ipv6 IPV6_ADDRESSES=/proc/net/if_inet6

die() {
    printf '%s\n' "$@" >&2
    exit 64
}

# RunPod passes its placeholder where the secret does not exist, and every reader of the template knows it.
drop_unfilled_secrets() {
    local name
    for name in ACCESS_PASSWORD HF_TOKEN CIVITAI_TOKEN ANTHROPIC_API_KEY; do
        [[ ${!name:-} =~ ^\{\{\ *RUNPOD_SECRET_ ]] || continue
        echo "$name is ${!name} and counts as not set: RunPod has no such secret. Create it in the console under Secrets," \
            "then start the pod again. Without ACCESS_PASSWORD a password is generated and printed in this log." >&2
        unset "$name"
    done
}

check_environment() {
    if [[ -n ${TIME_ZONE:-} && ! -f /usr/share/zoneinfo/$TIME_ZONE ]]; then
        die "TIME_ZONE=$TIME_ZONE is not a time zone. Use a name such as Europe/Berlin, or remove it for UTC."
    fi
    # A typing mistake must not open pages and shells.
    export MODE=${MODE:-full}
    MODE=${MODE,,}
    [[ $MODE =~ ^(full|worker)$ ]] || die "MODE=$MODE is not known. Use worker, or remove it for a pod with pages."
}

# Files of an earlier run of this container must not keep this one from starting. The mark shows that the folder is ours
# to empty: RUN_DIR may point anywhere.
clean_up() {
    local mark=$RUN_DIR/.comfypod-run
    mkdir -p "$RUN_DIR" "$LOG_DIR" "${STATE_DIR:-/var/lib/comfypod}"
    if [[ ! -e $mark && -n $(ls -A "$RUN_DIR") ]]; then
        die "RUN_DIR=$RUN_DIR contains other files. Choose an empty folder: it is emptied at every start."
    fi
    rm -rf "${RUN_DIR:?}"/*
    touch "$mark"
}

# The image's own variables are those of /workspace.
follow_workspace() {
    [[ $WORKSPACE != /workspace ]] || return 0
    export VIRTUAL_ENV=$WORKSPACE/venv PATH=$WORKSPACE/venv/bin:$PATH
}

# On a kernel without IPv6 nginx would not start with listeners for it.
choose_listeners() {
    [[ -e $IPV6_ADDRESSES ]] || return 0
    cp -r "$COMFYPOD/nginx/ipv6/." "$NGINX_IPV6" || echo "The ports are open on IPv4 only: $NGINX_IPV6 cannot be written." >&2
}

# With TLS, and for workers, nginx has another configuration. Without a certificate the pod does not start: it must not
# serve plain HTTP where TLS is wanted.
configure_nginx() {
    export NGINX_CONF=$COMFYPOD/nginx/nginx.conf
    [[ -n ${TLS:-}${TLS_CERT:-}${TLS_KEY:-} || ${MODE:-} == worker ]] || return 0
    export COMFYPOD STATE_DIR=${STATE_DIR:-/var/lib/comfypod}
    # The system's Python: ComfyUI's is on the volume, which may hang.
    NGINX_CONF=$(cd "$COMFYPOD" && /usr/bin/python3 -m scripts.workspace.nginx) ||
        die "nginx cannot be configured; the reason is above. Correct TLS, TLS_CERT and TLS_KEY."
}

set_time_zone() {
    [[ -n ${TIME_ZONE:-} ]] || return 0
    ln -sf "/usr/share/zoneinfo/$TIME_ZONE" /etc/localtime
    export TZ=$TIME_ZONE
}

# SSH accepts keys only; without PUBLIC_KEY, and in a worker, no SSH server runs.
set_up_ssh() {
    export SSH_ENABLED=false
    [[ -n ${PUBLIC_KEY:-} && ${MODE:-full} == full ]] || return 0
    install -d -m 700 /root/.ssh
    printf '%s\n' "$PUBLIC_KEY" >/root/.ssh/authorized_keys
    chmod 600 /root/.ssh/authorized_keys
    ssh-keygen -A >/dev/null
    install -d /run/sshd
    SSH_ENABLED=true
}

# A service runs if the image has its program and the user has not disabled it.
choose_services() {
    CODE_SERVER_ENABLED=$(enabled "${ENABLE_CODE_SERVER:-true}" /opt/code-server/bin/code-server)
    JUPYTER_ENABLED=$(enabled "${ENABLE_JUPYTERLAB:-true}" /opt/jupyter/bin/jupyter-lab)
    export CODE_SERVER_ENABLED JUPYTER_ENABLED
}

enabled() {
    if [[ ${1,,} =~ ^(true|1|yes|on)$ && -x $2 && ${MODE:-full} == full ]]; then echo true; else echo false; fi
}

_main() {
    if (($# > 0)); then
        exec "$@"
    fi
    drop_unfilled_secrets
    check_environment
    clean_up
    follow_workspace
    choose_listeners
    configure_nginx
    set_time_zone
    set_up_ssh
    choose_services
    export PYTHONPATH=$COMFYPOD # for supervisord's plug-in; no service inherits it
    exec /usr/bin/supervisord --nodaemon --configuration "$COMFYPOD/scripts/supervisor/supervisord.conf"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    _main "$@"
fi
