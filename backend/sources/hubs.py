"""What speaks to hubs, made and tied together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from backend.config.settings import Settings
from backend.sources.address_guard import AddressGuard
from backend.sources.civitai import Civitai
from backend.sources.client import guarded_client
from backend.sources.hugging_face import HuggingFace
from backend.sources.service import Sources
from backend.sources.tokens import Hub, Tokens
from backend.sources.transport import Transport


@dataclass(frozen=True, kw_only=True)
class Hubs:
    tokens: Tokens
    guard: AddressGuard
    hugging_face: HuggingFace
    civitai: Civitai
    sources: Sources


async def hubs_of(settings: Settings, stack: AsyncExitStack, saved_tokens: Path) -> Hubs:
    """They live as long as `stack`."""
    tokens = tokens_of(settings, saved_tokens)
    guard = AddressGuard(tokens.endpoints.values(), settings.download_allowed_hosts)
    client = await stack.enter_async_context(guarded_client(guard))
    transport = Transport(client, guard, tokens, settings.answer_seconds)
    hugging_face = HuggingFace(transport, tokens.endpoints[Hub.HUGGING_FACE])
    civitai = Civitai(transport, tokens.endpoints[Hub.CIVITAI])
    return Hubs(
        tokens=tokens,
        guard=guard,
        hugging_face=hugging_face,
        civitai=civitai,
        sources=Sources(transport, hugging_face, civitai, tokens),
    )


def tokens_of(settings: Settings, saved: Path) -> Tokens:
    endpoints = {Hub.HUGGING_FACE: settings.hf_endpoint, Hub.CIVITAI: settings.civitai_endpoint}
    secrets = {Hub.HUGGING_FACE: settings.hf_token, Hub.CIVITAI: settings.civitai_token}
    return Tokens(
        saved,
        endpoints={hub: str(endpoint).rstrip("/") for hub, endpoint in endpoints.items()},
        environment={hub: secret.get_secret_value() for hub, secret in secrets.items() if secret},
    )
