"""An operator sets variables."""

from pathlib import Path

import pytest

from backend.config.settings import Settings, SettingsError, load_settings


def test_blank_variables_count_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCESS_PASSWORD", "  ")
    monkeypatch.setenv("HF_ENDPOINT", "")
    settings = load_settings()
    assert settings.access_password is None
    assert str(settings.hf_endpoint) == "https://huggingface.co/"


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESET_DOWNLOAD", "sd-1-5, sdxl-base,")
    assert load_settings().preset_download == ("sd-1-5", "sdxl-base")


def test_state_lives_in_the_workspace_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKSPACE", str(tmp_path))
    assert load_settings().state_folder == tmp_path / ".comfypod"
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    assert load_settings().state_folder == tmp_path / "state"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("ACCESS_PASSWORD", "s3cret" * 200),
        ("WORKSPACE", "~no-such-user/x"),
    ],
)
def test_a_bad_value_of_something_vital_is_named_with_what_it_is_for(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"Set {name} to another value") as error:
        load_settings()
    help_sentence = Settings.model_fields[name.lower()].description
    assert help_sentence
    assert help_sentence in str(error.value)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_LEVEL", "loud"),
        ("DOWNLOAD_WORKERS", "32"),
        ("SESSION_HOURS", "0"),
        ("HF_ENDPOINT", "hf-mirror.com"),
        ("HF_ENDPOINT", "https://me:s3cret@mirror.example"),
        ("CIVITAI_ENDPOINT", "https://s3cret@mirror.example"),
        ("SAFE_MODE", "maybe"),
        ("HF_TOKEN", "hf_s3cret_tökén"),
        ("LOG_DIR", "~no-such-user/x"),
    ],
)
def test_a_bad_value_of_anything_else_counts_as_not_set_and_is_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    settings = load_settings()
    field = Settings.model_fields[name.lower()]
    assert getattr(settings, name.lower()) == field.default
    (sentence,) = settings.problems
    assert sentence.startswith(f"{name} has a value that cannot be used")
    assert str(field.description) in sentence
    assert "s3cret" not in sentence


def test_values_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    written = {
        "LOG_LEVEL": "INFO",
        "LOG_FORMAT": " JSON",
        "SAFE_MODE": "Y",
        "HF_TOKEN": "hf_mounted\n",
        "ACCESS_PASSWORD": " with spaces \r\n",
    }
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.log_level, settings.log_format, settings.safe_mode) == ("info", "json", True)
    assert settings.hf_token
    assert settings.hf_token.get_secret_value() == "hf_mounted"
    assert settings.access_password
    assert settings.access_password.get_secret_value() == " with spaces "
    assert settings.problems == ()


def test_every_setting_has_a_help_sentence() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_very_secret")
    assert "hf_very_secret" not in repr(load_settings())
