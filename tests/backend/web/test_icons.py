"""The sprite contains exactly the icons that templates name."""

import re

from backend.main.app import FRONTEND


def test_templates_and_sprite_agree_on_the_icons() -> None:
    sprite = (FRONTEND / "static/icons/lucide.svg").read_text()
    symbols = set(re.findall(r'<symbol id="([^"]+)"', sprite))
    templates = "".join(path.read_text() for path in (FRONTEND / "templates").rglob("*.html"))
    named = set(re.findall(r'icon\("([^"]+)"\)', templates))
    assert named
    assert named <= symbols
    assert not {symbol for symbol in symbols if f'"{symbol}"' not in templates}
