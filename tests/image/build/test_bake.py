"""What is claimed of the images is in what bake would build."""

import tomllib
from pathlib import Path

import pytest

from tests.image.support.bake import ACCELERATORS, ROOT, TARGETS, VARIANTS, print_targets

OCI_LABELS = ("title", "description", "licenses", "version", "revision", "source", "created")
NOW = "2026-11-27T12:00:00Z"
NODES = ROOT / "images/nodes"


def test_every_variant_exists_for_every_accelerator() -> None:
    assert set(print_targets("all")) == set(TARGETS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_a_group_of_its_accelerators(variant: str) -> None:
    assert set(print_targets(variant)) == {f"{variant}-{accelerator}" for accelerator in ACCELERATORS}


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_parses_by_its_name_and_is_what_it_is_called(target: str) -> None:
    (printed,) = print_targets(target, REGISTRY="", VERSION="dev").values()
    assert f"{printed['args']['VARIANT']}-{printed['args']['ACCELERATOR']}" == target
    assert printed["tags"] == [f"comfypod:{target}"]
    assert printed["target"] == "pod"


def test_no_two_targets_build_the_same_thing() -> None:
    arguments = [tuple(sorted(target["args"].items())) for target in print_targets("all").values()]
    assert len(set(arguments)) == len(TARGETS)


def test_default_is_what_most_pods_want() -> None:
    assert set(print_targets()) == {"minimal-13-0"}


def test_validate_has_every_variant_without_a_gpu_and_one_with() -> None:
    expected = {f"{variant}-cpu" for variant in VARIANTS} | {"minimal-13-0"}
    assert set(print_targets("validate")) == expected


@pytest.mark.parametrize("label", OCI_LABELS)
def test_every_image_is_labelled(label: str) -> None:
    released = {
        "VERSION": "1.2.3",
        "REVISION": "abc",
        "SOURCE": "https://example.test/comfypod",
        "CREATED": NOW,
    }
    targets = print_targets("all", **released)
    assert all(target["labels"][f"org.opencontainers.image.{label}"] for target in targets.values())


@pytest.mark.parametrize("target", TARGETS)
def test_the_licence_covers_comfyui_the_nodes_and_cuda(target: str) -> None:
    (printed,) = print_targets(target).values()
    licences = set(printed["labels"]["org.opencontainers.image.licenses"].split(" AND "))
    variant, _, accelerator = target.partition("-")
    assert licences >= {"MIT", "GPL-3.0-only", *licences_of_nodes(variant)}
    assert ("LicenseRef-NVIDIA-CUDA-EULA" in licences) == (accelerator != "cpu")


def licences_of_nodes(variant: str) -> set[str]:
    lists = {"minimal": (), "standard": ("standard",)}.get(variant, ("standard", "full"))
    nodes = [node for name in lists for node in tomllib.loads((NODES / f"{name}.toml").read_text())["node"]]
    return {node["licence"] for node in nodes}


def test_a_release_tag_carries_registry_and_version() -> None:
    (target,) = print_targets("full-12-8", REGISTRY="registry.test/owner", VERSION="1.2.3").values()
    assert target["tags"] == ["registry.test/owner/comfypod:1.2.3-full-12-8"]


def test_base_image_and_comfyui_can_be_overridden_and_are_pinned_otherwise() -> None:
    (pinned,) = print_targets("minimal-cpu").values()
    assert not {"BASE_IMAGE", "COMFYUI_COMMIT"} & set(pinned["args"])
    (other,) = print_targets("minimal-cpu", BASE_IMAGE="mine:trixie", COMFYUI_COMMIT="f00").values()
    assert (other["args"]["BASE_IMAGE"], other["args"]["BASE_NAME"]) == ("mine:trixie", "mine:trixie")
    assert other["args"]["COMFYUI_COMMIT"] == "f00"


def test_a_private_authority_travels_as_a_secret(tmp_path: Path) -> None:
    authority = tmp_path / "ours.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----")
    (target,) = print_targets("minimal-cpu", CA_FILE=str(authority)).values()
    assert target["secret"] == [f"id=ca,src={authority}"]
