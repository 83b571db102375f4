"""The README tells every variable, in the words of the settings themselves."""

from backend.config.settings import PROJECT_ROOT, Settings


def test_every_setting_stands_in_the_readme() -> None:
    readme = (PROJECT_ROOT / "README.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"| `{name.upper()}` | {field.description} |" in readme
