"""How routes get the services."""

from typing import Annotated

from fastapi import Depends

from backend.notifications.service import Notifications
from backend.web.features import provided

NotificationsService = Annotated[Notifications, Depends(provided(Notifications))]
