"""The list of tools in the documentation is what the server offers."""

from scripts.dev.mcp_reference import PAGE, with_reference


def test_the_list_of_tools_is_current() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_reference(page), "run `python -m scripts.dev.mcp_reference`"
