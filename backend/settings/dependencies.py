"""How routes reach the services of settings."""

from typing import Annotated

from fastapi import Depends

from backend.settings.service import TokenSettings
from backend.web.features import provided

TokenSettingsService = Annotated[TokenSettings, Depends(provided(TokenSettings))]
