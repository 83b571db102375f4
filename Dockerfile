# ComfyPod: ComfyUI and its control plane in one image. `docker buildx bake --print` lists what can be built;
# docs/images.md explains the order of the layers. No `# syntax=` line: it would fetch a frontend.

# The newest Debian 13 (trixie) with Python 3.13, by digest. Any other trixie works too, see scripts/dev/base-image.sh.
ARG BASE_NAME=docker.io/library/debian:trixie-slim
ARG BASE_DIGEST=sha256:d7e12182ce18b85b93007c1dedf31f2d29e01ccf3182cc4017c709b6259bc132
ARG BASE_IMAGE=${BASE_NAME}@${BASE_DIGEST}

ARG VARIANT=minimal
ARG ACCELERATOR=13-0

# ComfyUI, by tag and commit. After a bump: scripts/dev/lock-images.sh
ARG COMFYUI_REPOSITORY=https://github.com/comfyanonymous/ComfyUI.git
ARG COMFYUI_TAG=v0.38.1
ARG COMFYUI_COMMIT=20ca544ee0436721d8eb5f544665e490609f72c8

# Index of an accelerator's torch builds; empty is the default index.
ARG TORCH_INDEX=""


# --- Sources. Each stage is also the name of a build context that replaces it where GitHub cannot be reached.

FROM scratch AS comfyui-src
ARG COMFYUI_REPOSITORY
ARG COMFYUI_COMMIT
ADD ${COMFYUI_REPOSITORY}#${COMFYUI_COMMIT} /

FROM scratch AS locks
COPY images/locks /

# Wheels that come before an index: empty, unless the `wheels` context provides some.
FROM scratch AS wheels
WORKDIR /wheels


# --- Base and tools of the build. A step mounts single files where it can: it runs again only when those change.

FROM ${BASE_IMAGE} AS base
SHELL ["/bin/bash", "-o", "errexit", "-o", "pipefail", "-c"]
ENV LANG=C.UTF-8
RUN --mount=type=bind,source=scripts/build/apt.sh,target=/apt.sh \
    --mount=type=bind,source=images/apt/runtime.txt,target=/packages.txt \
    --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    bash /apt.sh /packages.txt

FROM base AS builder
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 \
    UV_CACHE_DIR=/root/.cache/uv PIP_DISABLE_PIP_VERSION_CHECK=1
RUN --mount=type=bind,source=scripts/build/trusted.sh,target=/trusted.sh \
    --mount=type=bind,from=locks,source=uv.txt,target=/uv.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=pip-conf --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv /opt/uv \
    && bash /trusted.sh /opt/uv/bin/pip install --quiet --no-deps --require-hashes --requirement /uv.txt \
    && ln -s /opt/uv/bin/uv /usr/local/bin/uv

# Everything that a step with packages needs, in one mount.
FROM scratch AS installer
COPY --from=builder /opt/uv/bin/uv /
COPY --from=wheels / /wheels/
COPY --chmod=755 scripts/build/trusted.sh scripts/build/install.sh scripts/build/opencv.py \
    scripts/build/torch_set.py scripts/build/hardlink_copy.py /


# --- Custom nodes, tools and the control plane: built aside and added with COPY --link, so that variants share the layers

FROM builder AS nodes-standard-fetched
RUN --mount=type=bind,source=scripts/build,target=/build \
    --mount=type=bind,source=images/nodes/standard.toml,target=/nodes.toml \
    --mount=type=secret,id=ca \
    bash /build/trusted.sh python3 /build/fetch_nodes.py /nodes.toml /nodes

FROM scratch AS nodes-standard
COPY --from=nodes-standard-fetched /nodes /

FROM builder AS nodes-full-fetched
RUN --mount=type=bind,source=scripts/build,target=/build \
    --mount=type=bind,source=images/nodes/full.toml,target=/nodes.toml \
    --mount=type=secret,id=ca \
    bash /build/trusted.sh python3 /build/fetch_nodes.py /nodes.toml /nodes

FROM scratch AS nodes-full
COPY --from=nodes-full-fetched /nodes /

FROM builder AS dev-tools
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,target=/locks \
    --mount=type=bind,source=scripts/build/dev_tools.sh,target=/dev_tools.sh \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh bash /dev_tools.sh /locks ${ACCELERATOR}

FROM builder AS code-server
RUN --mount=type=bind,source=scripts/build/apt.sh,target=/apt.sh \
    --mount=type=bind,source=images/apt/code-server.txt,target=/packages.txt \
    --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    bash /apt.sh /packages.txt
RUN --mount=type=bind,source=scripts/build/trusted.sh,target=/trusted.sh \
    --mount=type=bind,source=scripts/build/code_server.sh,target=/code_server.sh \
    --mount=type=bind,from=locks,source=node.txt,target=/node.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=secret,id=npmrc \
    --mount=type=cache,target=/root/.cache/uv --mount=type=cache,target=/root/.npm \
    bash /trusted.sh bash /code_server.sh /node.txt

FROM builder AS control-plane-venv
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,source=requirements/agents.txt,target=/agents.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=cache,target=/root/.cache/uv \
    uv venv --quiet /opt/comfypod/venv \
    && /build/trusted.sh uv pip install --quiet --python /opt/comfypod/venv --no-deps --require-hashes --requirement /agents.txt

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


# --- The workspace: ComfyUI and its venv, each with a hardlinked copy in /opt/spare.
# Every RUN below links what it added itself, in its own layer, where a hard link takes no space.

FROM base AS compiler
ARG ACCELERATOR
RUN --mount=type=bind,source=scripts/build/apt.sh,target=/apt.sh \
    --mount=type=bind,source=images/apt/compiler.txt,target=/packages.txt \
    --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    [[ ${ACCELERATOR} == cpu ]] || bash /apt.sh /packages.txt

FROM compiler AS torch
ARG ACCELERATOR
ARG TORCH_INDEX
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,source=torch-${ACCELERATOR}.txt,target=/locks/torch.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh /locks/torch.txt

FROM torch AS core
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,source=torch-${ACCELERATOR}.txt,target=/locks/torch.txt \
    --mount=type=bind,from=locks,source=comfyui.txt,target=/locks/comfyui.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh /locks/comfyui.txt

FROM core AS minimal
ARG COMFYUI_TAG
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=comfyui-src,target=/src \
    --mount=type=bind,source=scripts/build/comfyui.sh,target=/comfyui.sh \
    --mount=type=cache,target=/root/.cache/uv \
    bash /comfyui.sh /src ${COMFYUI_TAG}

FROM minimal AS standard
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,source=torch-${ACCELERATOR}.txt,target=/locks/torch.txt \
    --mount=type=bind,from=locks,source=standard.txt,target=/locks/standard.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh /locks/standard.txt
COPY --link --from=nodes-standard / /opt/nodes/

FROM standard AS full
ARG ACCELERATOR
RUN --mount=type=bind,from=installer,target=/build \
    --mount=type=bind,from=locks,source=torch-${ACCELERATOR}.txt,target=/locks/torch.txt \
    --mount=type=bind,from=locks,source=full.txt,target=/locks/full.txt \
    --mount=type=secret,id=ca --mount=type=secret,id=uv-toml --mount=type=cache,target=/root/.cache/uv \
    /build/trusted.sh /build/install.sh /locks/full.txt
COPY --link --from=nodes-full / /opt/nodes/

FROM full AS dev
RUN --mount=type=bind,source=scripts/build/apt.sh,target=/apt.sh \
    --mount=type=bind,source=images/apt/dev.txt,target=/packages.txt \
    --mount=type=cache,target=/var/cache/apt,sharing=locked --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    bash /apt.sh /packages.txt
COPY --link --from=dev-tools /opt/jupyter /opt/jupyter
ENV CUDA_HOME=/opt/cuda/home
COPY --link --from=dev-tools /opt/cuda /opt/cuda
COPY --link --from=code-server /opt/code-server /opt/code-server


# --- The pod: a variant's files, the image's description, and the control plane last, because it changes most

FROM ${VARIANT} AS pod
ARG VARIANT
ARG ACCELERATOR
ARG COMFYUI_TAG
ARG COMFYUI_COMMIT
RUN --mount=type=bind,source=scripts/build/describe.py,target=/describe.py \
    --mount=type=bind,source=images/nodes,target=/nodes \
    python3 /describe.py /opt/comfypod --nodes /nodes \
    && ln -s /opt/comfypod/scripts/comfypod.sh /usr/local/bin/comfypod \
    && find /opt/spare/venv -path '*/imageio_ffmpeg/binaries/ffmpeg-*' -exec ln -s {} /usr/local/bin/ffmpeg \; -quit \
    && sed -i '1i [ ! -r /etc/profile.d/comfypod.sh ] || . /etc/profile.d/comfypod.sh' /etc/bash.bashrc
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
# Caches that stay with the volume, also for commands of `docker exec`. ComfyUI's service moves them where the volume
# cannot be used, see scripts/workspace/persistence.py.
ENV HF_HOME=/workspace/.comfypod/cache/huggingface \
    PIP_CACHE_DIR=/workspace/.comfypod/cache/pip \
    TORCH_HOME=/workspace/.comfypod/cache/torch \
    TORCHINDUCTOR_CACHE_DIR=/workspace/.comfypod/cache/torchinductor \
    TRITON_CACHE_DIR=/workspace/.comfypod/cache/triton \
    TRANSPARENT_BACKGROUND_FILE_PATH=/workspace/.comfypod/cache/transparent-background \
    U2NET_HOME=/workspace/.comfypod/cache/u2net \
    UV_CACHE_DIR=/workspace/.comfypod/cache/uv
WORKDIR /workspace

ARG BASE_NAME
ARG BASE_DIGEST
LABEL org.opencontainers.image.base.name=${BASE_NAME} \
    org.opencontainers.image.base.digest=${BASE_DIGEST}

# Dashboard, ComfyUI, code-server, JupyterLab: all of them nginx, all behind the sign-in.
EXPOSE 8001 3001 8081 8889
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --start-interval=1s --retries=3 \
    CMD ["curl", "--silent", "--fail", "--location", "--insecure", "--output", "/dev/null", "http://127.0.0.1:8001/healthz"]
ENTRYPOINT ["tini", "-g", "--", "/opt/comfypod/scripts/entrypoint.sh"]
