"""Auth as a feature: sign-in, sessions, API keys, and what nginx asks."""

import asyncio
from datetime import timedelta
from functools import partial

from backend.auth import api, forward_auth, pages
from backend.auth.connections import Connections
from backend.auth.installation import access_password, signing_key
from backend.auth.key_files import KeyFiles
from backend.auth.keys import ApiKeys
from backend.auth.service import Authentication
from backend.auth.sessions import Sessions
from backend.auth.store import SessionStore
from backend.auth.tokens import TokenSigner
from backend.auth.worker import save, save_and_reload
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    settings, events, connections = context.settings, context.events, Connections()
    password, key = await asyncio.to_thread(
        lambda: (access_password(settings), signing_key(settings.state_folder))
    )
    sessions = Sessions(SessionStore(context.database), connections, events)
    folder = context.paths.api_keys
    persistent = folder.is_relative_to(settings.workspace)
    keys = ApiKeys(KeyFiles(folder), connections, events, persistent=persistent)
    authentication = Authentication(
        password,
        TokenSigner(key, password),
        sessions=sessions,
        keys=keys,
        connections=connections,
        events=events,
        session_lifetime=timedelta(hours=settings.session_hours),
    )
    await sessions.load()
    await keys.load()
    context.stack.push_async_callback(save, authentication)
    return Running(services=(authentication,), background=(partial(save_and_reload, authentication),))


FEATURE = Feature(
    name="auth",
    routers=(
        api.public_router,
        api.router,
        api.sessions_router,
        api.keys_router,
        pages.router,
        forward_auth.router,
    ),
    start=start,
)
