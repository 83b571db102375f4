"""Every icon that a template names is part of the sprite, and the sprite carries no other."""

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
