"""Show, save, delete and test tokens for hubs."""

import asyncio

from backend.activity.service import Activity
from backend.core.errors import Conflict
from backend.settings.models import TokenVerdict, TokenView
from backend.sources.api_errors import as_api_errors
from backend.sources.errors import PermanentError
from backend.sources.service import Sources
from backend.sources.tokens import NAMES, VARIABLES, Hub, Tokens
from backend.system.services import Services

PAGES = {
    Hub.HUGGING_FACE: "https://huggingface.co/settings/tokens",
    Hub.CIVITAI: "https://civitai.com/user/account",
}
# The error codes of a hub for an invalid token.
INVALID_TOKEN = frozenset({"token_needed", "forbidden"})


class TokenSettings:
    """Saves and tests the tokens for hubs."""

    def __init__(
        self, tokens: Tokens, sources: Sources, services: Services, activity: Activity, *, outlive: bool
    ):
        """`outlive`: whether saved tokens are on the volume, and so survive the pod."""
        self.outlive = outlive
        self._tokens = tokens
        self._sources = sources
        self._services = services
        self._activity = activity

    def views(self) -> list[TokenView]:
        return [self.view(hub) for hub in Hub]

    def view(self, hub: Hub) -> TokenView:
        state = self._tokens.state(hub)
        return TokenView(
            hub=hub,
            name=NAMES[hub],
            sites=state.sites,
            source=state.source,
            ending=state.ending,
            rejected=state.rejected,
            variable=VARIABLES[hub],
            page=PAGES[hub],
        )

    async def save(self, hub: Hub, token: str) -> TokenView:
        """Save a token, which is then used instead of the one in the environment."""
        await asyncio.to_thread(self._tokens.save, hub, token)
        await self._services.hide(self._tokens.all())
        self._activity.note("token.saved", NAMES[hub])
        return self.view(hub)

    async def remove(self, hub: Hub) -> TokenView:
        await asyncio.to_thread(self._tokens.remove, hub)
        self._activity.note("token.removed", NAMES[hub])
        return self.view(hub)

    async def test(self, hub: Hub) -> TokenVerdict:
        """Ask the hub who owns the token. Raise UpstreamError when the hub does not answer."""
        token, name = self._tokens.get(hub), NAMES[hub]
        if token is None:
            raise Conflict(f"There is no token for {name} to test.", code="no_token")
        with as_api_errors():
            try:
                account = await self._sources.account_of(hub, token)
            except PermanentError as error:
                if error.code not in INVALID_TOKEN:
                    raise
                message = f"{name} does not accept this token: it may be mistyped, expired or revoked."
                return TokenVerdict(hub=hub, accepted=False, account=None, message=message)
        message = f"{name} accepts this token of {account.name}."
        if not account.reads_gated:
            message += " It has no access to gated repositories: allow that on the hub's page."
        return TokenVerdict(hub=hub, accepted=True, account=account.name, message=message)
