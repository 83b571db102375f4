"""How routes get the activity log."""

from typing import Annotated

from fastapi import Depends

from backend.activity.service import Activity
from backend.web.features import provided

ActivityLog = Annotated[Activity, Depends(provided(Activity))]
