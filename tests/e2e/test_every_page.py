"""Every page, in every theme, on a desktop and a phone: a screenshot and a check against WCAG 2.2 AA."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.conftest import THEMES, WIDTHS, violations
from tests.support.process import Process

PAGES = {
    "overview": "/",
    "jobs": "/jobs",
    "new-job": "/jobs/new",
    "schedules": "/jobs/schedules",
    "webhooks": "/jobs/webhooks",
    "queue-settings": "/jobs/settings",
    "outputs": "/outputs",
    "presets": "/presets",
    "from-workflow": "/presets/from-workflow",
    "import": "/presets/import",
    "export-nothing": "/presets/export",
    "preset": "/presets/flux1-schnell",
    "downloads": "/downloads",
    "add": "/downloads/add",
    "storage": "/storage",
    "sync": "/sync",
    "services": "/services",
    "provisioning": "/provisioning",
    "nodes": "/nodes",
    "activity": "/activity",
    "styleguide": "/styleguide",
    "log": "/services/comfyui",
    "assistant": "/assistant",
    "settings": "/settings",
    "not-found": "/presets/nothing-here",
    "sign-in": "/_pod/sign-in",
    "starting": "/_pod/starting?service=comfyui",
    "docs": "/docs",
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.usefixtures("supervisor")
def test_pages_are_accessible(
    signed_in: Page, plane: Process, axe: str, theme: str, keep_picture: Any
) -> None:
    page = signed_in
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    for name, path in PAGES.items():
        for device, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 860})
            if name == "sign-in":
                page.route("**/api/auth/me", lambda route: route.fulfill(status=401))
            page.goto(plane.url + path)
            if name == "log":
                page.get_by_text("ModuleNotFoundError").wait_for()
            if name == "docs":
                page.get_by_role("button", name="Authorize").wait_for()
            keep_picture(page, f"{name}-{theme}-{device}")
            assert violations(page, axe) == [], f"{name}, {theme}, {device}"
            overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, f"{name} is wider than the {device}"
            page.unroute_all()
