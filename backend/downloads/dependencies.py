"""How routes reach the services of downloads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from backend.downloads.bandwidth import Bandwidth
from backend.downloads.batches import Batches
from backend.downloads.cancellations import Cancellations
from backend.downloads.listing import TransferList
from backend.downloads.ordering import Ordering
from backend.downloads.service import Downloads
from backend.downloads.throughput import Throughput
from backend.web.features import provided


@dataclass(frozen=True)
class PresetTitles:
    """Names presets on the page. The presets package, which imports this one, provides it."""

    # For an id that is unknown, the id.
    of: Callable[[str], str]


DownloadsService = Annotated[Downloads, Depends(provided(Downloads))]
BandwidthService = Annotated[Bandwidth, Depends(provided(Bandwidth))]
BatchesService = Annotated[Batches, Depends(provided(Batches))]
CancellationsService = Annotated[Cancellations, Depends(provided(Cancellations))]
TransferLists = Annotated[TransferList, Depends(provided(TransferList))]
OrderingService = Annotated[Ordering, Depends(provided(Ordering))]
ThroughputService = Annotated[Throughput, Depends(provided(Throughput))]
TitlesOfPresets = Annotated[PresetTitles, Depends(provided(PresetTitles))]
