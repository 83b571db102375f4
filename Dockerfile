# ComfyPod: ComfyUI and its control plane in one image. `docker buildx bake --print` shows what can be built;
# docs/images.md says why the layers lie as they do. No `# syntax=` line: it would fetch a frontend.

# The newest Debian 13 (trixie) with Python 3.13, by digest. Any other trixie will do, see scripts/dev/base-image.sh.
ARG BASE_IMAGE=debian:trixie-slim@sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132

ARG VARIANT=minimal
ARG ACCELERATOR=13-0

# ComfyUI, by tag and commit. After a bump: scripts/dev/lock-images.sh
ARG COMFYUI_REPOSITORY=https://github.com/comfyanonymous/ComfyUI.git
ARG COMFYUI_TAG=v0.38.1
ARG COMFYUI_COMMIT=20ca544ee0436721d8eb5f544665e490609f72c8

# Where the torch builds of an accelerator come from; empty is the default index.
ARG TORCH_INDEX=""


# --- Sources. Each stage is also the name of a build context that replaces it where GitHub cannot be reached.

FROM scratch AS comfyui-src
ARG COMFYUI_REPOSITORY
ARG COMFYUI_COMMIT
ADD ${COMFYUI_REPOSITORY}#${COMFYUI_COMMIT} /

FROM scratch AS locks
COPY images/locks /

# Wheels to prefer over an index: empty, unless the `wheels` context brings some.
FROM scratch AS wheels
WORKDIR /wheels

FROM scratch AS installer
COPY --chmod=755 scripts/build/trusted.sh scripts/build/install.sh scripts/build/opencv.py \
    scripts/build/torch_set.py scripts/build/twin.py /


# --- What everything stands on

FROM ${BASE_IMAGE} AS base
SHELL ["/bin/bash", "-o", "errexit", "-o", "pipefail", "-c"]
ENV LANG=C.UTF-8
RUN --mount=type=bind,source=scripts/build,target=/build \
    --mount=type=bind,source=images/apt,target=/lists \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    bash /build/apt.sh /lists/runtime.txt

FROM base AS builder
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 \
    UV_CACHE_DIR=/root/.cache/uv PIP_DISABLE_PIP_VERSION_CHECK=1
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=secret,id=ca --mount=type=secret,id=pip-conf \
    --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/uv \
    && /build/trusted.sh /opt/uv/bin/pip install --quiet --no-deps --require-hashes --requirement /locks/uv.txt \
    && ln -s /opt/uv/bin/uv /usr/local/bin/uv


# --- Custom nodes, tools and the control plane: built aside, laid on with COPY --link, so all variants share the layers

FROM builder AS nodes-standard-fetched
RUN --mount=type=bind,source=scripts/build/fetch_nodes.py,target=/fetch_nodes.py \
    --mount=type=bind,source=images/nodes/standard.toml,target=/nodes.toml \
    --mount=type=bind,from=installer,target=/build \
    --mount=type=secret,id=ca \
    /build/trusted.sh python3 /fetch_nodes.py /nodes.toml /nodes

FROM scratch AS nodes-standard
COPY --from=nodes-standard-fetched /nodes /

FROM builder AS nodes-full-fetched
RUN --mount=type=bind,source=scripts/build/fetch_nodes.py,target=/fetch_nodes.py \
    --mount=type=bind,source=images/nodes/full.toml,target=/nodes.toml \
    --mount=type=bind,from=installer,target=/build \
    --mount=type=secret,id=ca \
    /build/trusted.sh python3 /fetch_nodes.py /nodes.toml /nodes

FROM scratch AS nodes-full
COPY --from=nodes-full-fetched /nodes /

FROM builder AS dev-tools
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=scripts/build/dev_tools.sh,target=/dev_tools.sh \
    /build/trusted.sh bash /dev_tools.sh /locks ${ACCELERATOR}

FROM builder AS code-server
RUN --mount=type=bind,source=scripts/build/apt.sh,target=/apt.sh \
    --mount=type=bind,source=images/apt,target=/lists \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    bash /apt.sh /lists/code-server.txt
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,source=scripts/build/code_server.sh,target=/code_server.sh \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=secret,id=npmrc \
    --mount=type=cache,target=/root/.cache/uv \
    --mount=type=cache,target=/root/.npm \
    /build/trusted.sh bash /code_server.sh /locks

FROM builder AS control-plane-venv
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,source=requirements/runtime.txt,target=/runtime.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml \
    --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /opt/comfypod/venv \
    && /build/trusted.sh uv pip install --quiet --python /opt/comfypod/venv --no-deps --require-hashes --requirement /runtime.txt

FROM base AS control-plane
WORKDIR /opt/comfypod
COPY presets presets
COPY nginx nginx
COPY frontend frontend
COPY scripts scripts
COPY backend backend
RUN rm -rf scripts/build scripts/dev \
    && find . -name '*.sh' -exec chmod 755 {} + \
    && python3 -m compileall -q backend scripts


# --- The workspace: ComfyUI and its venv, each with its hardlinked twin in /opt/spare.
# Every RUN below makes the twin of what it added itself, in its own layer, where a hardlink takes no room.

FROM base AS torch
ARG ACCELERATOR
ARG TORCH_INDEX
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=builder,source=/opt/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml \
    --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh ${ACCELERATOR} torch-${ACCELERATOR}.txt

FROM torch AS core
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=builder,source=/opt/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml \
    --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh ${ACCELERATOR} comfyui.txt

FROM core AS minimal
ARG COMFYUI_TAG
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=builder,source=/opt/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=comfyui-src,target=/src \
    --mount=type=bind,source=scripts/build/comfyui.sh,target=/comfyui.sh \
    --mount=type=cache,target=/root/.cache/uv \
    bash /comfyui.sh /src ${COMFYUI_TAG}

FROM minimal AS standard
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=builder,source=/opt/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml \
    --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh ${ACCELERATOR} standard.txt
COPY --link --from=nodes-standard / /opt/nodes/

FROM standard AS full
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=builder,source=/opt/uv/bin/uv,target=/usr/local/bin/uv \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,from=wheels,target=/wheels \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml \
    --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh ${ACCELERATOR} full.txt
COPY --link --from=nodes-full / /opt/nodes/

FROM full AS dev
RUN --mount=type=bind,source=scripts/build,target=/build \
    --mount=type=bind,source=images/apt,target=/lists \
    --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    bash /build/apt.sh /lists/dev.txt
COPY --link --from=dev-tools /opt/jupyter /opt/jupyter
ENV CUDA_HOME=/opt/cuda/home
COPY --link --from=dev-tools /opt/cuda /opt/cuda
COPY --link --from=code-server /opt/code-server /opt/code-server


# --- The pod: a variant's files, what the image says of itself, and the control plane last, because it changes most

FROM ${VARIANT} AS pod
ARG VARIANT
ARG ACCELERATOR
ARG COMFYUI_TAG
ARG COMFYUI_COMMIT
RUN --mount=type=bind,source=scripts/build/describe.py,target=/describe.py \
    --mount=type=bind,source=images/nodes,target=/nodes \
    python3 /describe.py /opt/comfypod --nodes /nodes \
    && ln -s /opt/comfypod/scripts/comfypod.sh /usr/local/bin/comfypod
COPY --link --from=control-plane-venv /opt/comfypod/venv /opt/comfypod/venv
COPY --link --from=control-plane /opt/comfypod /opt/comfypod

ENV WORKSPACE=/workspace \
    STATE_DIR=/var/lib/comfypod \
    RUN_DIR=/run/comfypod \
    LOG_DIR=/var/log/comfypod \
    VIRTUAL_ENV=/workspace/venv \
    PATH=/workspace/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PIP_CONSTRAINT=/opt/comfypod/constraints.txt \
    UV_CONSTRAINT=/opt/comfypod/constraints.txt \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
WORKDIR /workspace

# Dashboard, ComfyUI, code-server, JupyterLab: all nginx, all behind the gate.
EXPOSE 8001 3001 8081 8889
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["curl", "--silent", "--fail", "--output", "/dev/null", "http://127.0.0.1:8001/healthz"]
ENTRYPOINT ["tini", "-g", "--", "/opt/comfypod/scripts/entrypoint.sh"]
