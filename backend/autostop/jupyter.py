"""Asks JupyterLab whether a notebook runs and when it was last used."""

from dataclasses import dataclass
from datetime import datetime

import httpx
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

TIMEOUT_SECONDS = 3.0


class _Kernel(BaseModel):
    execution_state: str
    last_activity: AwareDatetime


class _Status(BaseModel):
    last_activity: AwareDatetime


KERNELS = TypeAdapter(list[_Kernel])


@dataclass(frozen=True, kw_only=True)
class JupyterActivity:
    is_busy: bool = False
    last_active: datetime | None = None


class JupyterServer:
    """`/api/status` and `/api/kernels` of the pod's JupyterLab."""

    def __init__(self, url: str):
        self._url = url.rstrip("/")

    async def activity(self) -> JupyterActivity:
        """Return what it says; nothing where it does not run."""
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, verify=False, trust_env=False) as client:  # noqa: S501 - loopback
                status = await client.get(f"{self._url}/api/status")
                kernels = await client.get(f"{self._url}/api/kernels")
            found = KERNELS.validate_json(kernels.content)
            moments = [_Status.model_validate_json(status.content).last_activity]
        except (httpx.HTTPError, ValidationError):
            return JupyterActivity()
        moments += [kernel.last_activity for kernel in found]
        return JupyterActivity(
            is_busy=any(kernel.execution_state == "busy" for kernel in found), last_active=max(moments)
        )
