"""Code at any depth asks who acts; log lines carry it."""

import asyncio

import structlog

from backend.auth.principal import (
    ANONYMOUS,
    SYSTEM,
    Principal,
    PrincipalKind,
    Scope,
    acting_as,
    current_principal,
)

KEY = Principal(kind=PrincipalKind.KEY, name="ci", scopes=frozenset({Scope.RUN}))


async def test_the_principal_of_a_request_reaches_threads_and_tasks_and_no_other_request() -> None:
    async def request(principal: Principal) -> tuple[Principal, Principal, object]:
        with acting_as(principal):
            in_thread = await asyncio.to_thread(current_principal)
            in_task = await asyncio.create_task(_current())
            return in_thread, in_task, structlog.contextvars.get_contextvars()["principal"]

    seen = await asyncio.gather(request(KEY), request(ANONYMOUS))
    assert list(seen) == [(KEY, KEY, "key:ci"), (ANONYMOUS, ANONYMOUS, "anonymous")]
    assert current_principal() == SYSTEM


async def _current() -> Principal:
    return current_principal()


def test_admin_includes_every_scope_and_no_other_scope_includes_another() -> None:
    admin = Principal(kind=PrincipalKind.OWNER, scopes=frozenset({Scope.ADMIN}))
    assert [admin.has(scope) for scope in Scope] == [True, True, True]
    assert [KEY.has(scope) for scope in Scope] == [False, True, False]
