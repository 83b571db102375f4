"""How routes reach the services of downloads."""

from typing import Annotated

from fastapi import Depends

from backend.downloads.bandwidth import Bandwidth
from backend.downloads.batches import Batches
from backend.downloads.cancellations import Cancellations
from backend.downloads.listing import TransferList
from backend.downloads.service import Downloads
from backend.web.features import provided

DownloadsService = Annotated[Downloads, Depends(provided(Downloads))]
BandwidthService = Annotated[Bandwidth, Depends(provided(Bandwidth))]
BatchesService = Annotated[Batches, Depends(provided(Batches))]
CancellationsService = Annotated[Cancellations, Depends(provided(Cancellations))]
TransferLists = Annotated[TransferList, Depends(provided(TransferList))]
