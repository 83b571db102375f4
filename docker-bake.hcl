# Every image is a variant for an accelerator. `docker buildx bake --print GROUP` shows the images of a group.

variable "REGISTRY" { default = "" }
variable "VERSION" { default = "dev" }
variable "REVISION" { default = "" }
variable "SOURCE" { default = "" }

# When the image is built, in the format of RFC 3339; empty leaves the label out.
variable "CREATED" { default = "" }

# Empty is the version that the Dockerfile pins.
variable "BASE_IMAGE" { default = "" }
variable "COMFYUI_TAG" { default = "" }
variable "COMFYUI_COMMIT" { default = "" }

# "1" adds SBOM and provenance, which need a builder with the docker-container driver; the release sets it.
variable "ATTEST" { default = "" }

# It reads every layer, so it is pinned by digest.
variable "SBOM_GENERATOR" {
  default = "docker/buildkit-syft-scanner:stable-1@sha256:ae4f3b554449e7e25548e7d8ccc029d17357348e30c6e3df01b92bc93654d6a9"
}

# Paths of a private certificate authority, a pip.conf, a uv.toml and an .npmrc for the build. None reaches a layer.
variable "CA_FILE" { default = "" }
variable "PIP_CONF" { default = "" }
variable "UV_TOML" { default = "" }
variable "NPMRC" { default = "" }

# PyTorch's indexes of the builds that the default index does not have.
variable "TORCH_INDEXES" {
  default = {
    "12-6" = "https://download.pytorch.org/whl/cu126"
    "12-8" = "https://download.pytorch.org/whl/cu128"
    "13-0" = ""
    "cpu"  = "https://download.pytorch.org/whl/cpu"
  }
}

function "tag" {
  params = [variant, accelerator]
  result = "${REGISTRY == "" ? "" : "${REGISTRY}/"}comfypod:${VERSION == "dev" ? "" : "${VERSION}-"}${variant}-${accelerator}"
}

# The control plane, ComfyUI, torch, the nodes of images/nodes, the tools of `dev`, and NVIDIA's libraries. Debian's and
# Python's packages state their own licences; the SBOM lists them.
variable "LICENCES" {
  default = {
    minimal  = "MIT AND GPL-3.0-only AND BSD-3-Clause"
    standard = "MIT AND GPL-3.0-only AND BSD-3-Clause AND Apache-2.0"
    full     = "MIT AND GPL-3.0-only AND BSD-3-Clause AND Apache-2.0"
    dev      = "MIT AND GPL-3.0-only AND BSD-3-Clause AND Apache-2.0"
  }
}

function "licences" {
  params = [variant, accelerator]
  result = "${LICENCES[variant]}${accelerator == "cpu" ? "" : " AND LicenseRef-NVIDIA-CUDA-EULA"}"
}

group "default" { targets = ["minimal-13-0"] }

group "minimal" { targets = ["minimal-12-6", "minimal-12-8", "minimal-13-0", "minimal-cpu"] }
group "standard" { targets = ["standard-12-6", "standard-12-8", "standard-13-0", "standard-cpu"] }
group "full" { targets = ["full-12-6", "full-12-8", "full-13-0", "full-cpu"] }
group "dev" { targets = ["dev-12-6", "dev-12-8", "dev-13-0", "dev-cpu"] }

group "all" { targets = ["minimal", "standard", "full", "dev"] }

# The images that validate a change: every variant for the CPU, and the CUDA version that most pods use.
group "validate" { targets = ["minimal-cpu", "standard-cpu", "full-cpu", "dev-cpu", "minimal-13-0"] }

target "_common" {
  context    = "."
  dockerfile = "Dockerfile"
  target     = "pod"
  platforms  = ["linux/amd64"]
  args = {
    BASE_IMAGE     = BASE_IMAGE == "" ? null : BASE_IMAGE
    BASE_NAME      = BASE_IMAGE == "" ? null : split("@", BASE_IMAGE)[0]
    BASE_DIGEST    = BASE_IMAGE == "" ? null : join("", slice(split("@", BASE_IMAGE), 1, length(split("@", BASE_IMAGE))))
    COMFYUI_TAG    = COMFYUI_TAG == "" ? null : COMFYUI_TAG
    COMFYUI_COMMIT = COMFYUI_COMMIT == "" ? null : COMFYUI_COMMIT
  }
  secret = concat(
    CA_FILE == "" ? [] : ["id=ca,src=${CA_FILE}"],
    PIP_CONF == "" ? [] : ["id=pip-conf,src=${PIP_CONF}"],
    UV_TOML == "" ? [] : ["id=uv-toml,src=${UV_TOML}"],
    NPMRC == "" ? [] : ["id=npmrc,src=${NPMRC}"],
  )
  attest = ATTEST == "1" ? ["type=sbom,generator=${SBOM_GENERATOR}", "type=provenance,mode=max"] : []
}

target "pod" {
  name     = "${variant}-${accelerator}"
  inherits = ["_common"]
  matrix = {
    variant     = ["minimal", "standard", "full", "dev"]
    accelerator = ["12-6", "12-8", "13-0", "cpu"]
  }
  args = {
    VARIANT     = variant
    ACCELERATOR = accelerator
    TORCH_INDEX = TORCH_INDEXES[accelerator]
  }
  tags = [tag(variant, accelerator)]
  labels = {
    "org.opencontainers.image.title"       = "ComfyPod ${variant} (${accelerator})"
    "org.opencontainers.image.description" = "ComfyUI for rented GPU pods, with its control plane"
    "org.opencontainers.image.licenses"    = licences(variant, accelerator)
    "org.opencontainers.image.created"     = CREATED == "" ? null : CREATED
    "org.opencontainers.image.version"     = VERSION
    "org.opencontainers.image.revision"    = REVISION
    "org.opencontainers.image.source"      = SOURCE
    "dev.comfypod.variant"                 = variant
    "dev.comfypod.accelerator"             = accelerator
  }
}
