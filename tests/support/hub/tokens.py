"""Access tokens of Hugging Face and their permissions."""

from dataclasses import dataclass, field

from aiohttp import web

from tests.support.hub.catalogue import Repository


@dataclass
class Tokens:
    """Known tokens, each with the gated or private repositories that its owner may read."""

    access: dict[str, set[str]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    # Fine-grained tokens without permission for gated repositories.
    without_gated: set[str] = field(default_factory=set)

    def add(self, token: str, *repositories: str, owner: str = "ada", reads_gated: bool = True) -> str:
        self.access.setdefault(token, set()).update(repositories)
        self.owners[token] = owner
        if not reads_gated:
            self.without_gated.add(token)
        return token

    def remove(self, token: str) -> None:
        self.access.pop(token, None)

    def owner(self, token: str) -> str:
        return self.owners[token]

    def known(self, token: str) -> bool:
        return token in self.access

    def may_read(self, token: str | None, repository: Repository) -> bool:
        return token is not None and repository.name in self.access.get(token, ())


def bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None
