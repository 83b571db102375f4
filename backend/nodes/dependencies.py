"""How routes get the service."""

from typing import Annotated

from fastapi import Depends, Path

from backend.nodes.schemas import NAME
from backend.nodes.service import Nodes
from backend.web.features import provided

NodesService = Annotated[Nodes, Depends(provided(Nodes))]
NodeName = Annotated[str, Path(pattern=NAME)]
