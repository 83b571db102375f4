"""What is generated for a pod whose owner set no password."""

from pathlib import Path

import pytest

from backend.auth.service import Gate, generated_password, signing_key
from backend.core.errors import SignInRequired


def test_the_generated_password_stays_the_same_and_only_the_owner_can_read_it(tmp_path: Path) -> None:
    password = generated_password(tmp_path)
    assert len(password) >= 16
    assert generated_password(tmp_path) == password
    assert (tmp_path / "password").stat().st_mode & 0o777 == 0o600


def test_a_new_password_ends_every_session(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    token = Gate("old", key, 3600).sign_in("old").access_token
    Gate("old", key, 3600).check(token)
    with pytest.raises(SignInRequired, match="Sign in again"):
        Gate("new", key, 3600).check(token)
