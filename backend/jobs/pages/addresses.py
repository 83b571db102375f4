"""Addresses that pages about jobs link to."""

from typing import Annotated

from fastapi import Depends

from backend.system.dependencies import AddressesService, PageAddress


def _comfyui(addresses: AddressesService, page: PageAddress) -> str | None:
    return addresses.of(["comfyui"], page)["comfyui"]


# Where the browser reaches ComfyUI's own page.
ComfyUIAddress = Annotated[str | None, Depends(_comfyui)]
