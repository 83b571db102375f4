"""What is generated for a pod whose owner set no password."""

from datetime import timedelta
from pathlib import Path

from backend.auth.installation import generated_password, signing_key
from backend.auth.tokens import TokenKind, TokenSigner


def test_the_generated_password_stays_the_same_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    password = generated_password(tmp_path)
    assert len(password) >= 16
    assert generated_password(tmp_path) == password
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


def test_a_new_password_ends_every_session(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    token = TokenSigner(key, "old").sign(TokenKind.SESSION, "id", timedelta(hours=1))
    assert TokenSigner(key, "old").verify(TokenKind.SESSION, token) == "id"
    assert TokenSigner(key, "new").verify(TokenKind.SESSION, token) is None
