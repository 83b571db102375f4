"""How routes get the service."""

from typing import Annotated

from fastapi import Depends

from backend.provisioning.service import Provisioning
from backend.web.features import provided

ProvisioningService = Annotated[Provisioning, Depends(provided(Provisioning))]
