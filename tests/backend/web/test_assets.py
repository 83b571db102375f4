"""Addresses of static files change with their content, those of imported modules too."""

from pathlib import Path
from urllib.parse import urljoin

import pytest

from backend.web.assets import Assets


def write(folder: Path, **modules: str) -> Assets:
    for name, source in modules.items():
        (folder / f"{name}.js").write_text(source)
    return Assets(folder)


def test_a_changed_file_changes_the_address_of_the_modules_that_import_it(tmp_path: Path) -> None:
    imports = 'import { a } from "./shared.js";\n'
    before = write(tmp_path, page=imports, shared="export const a = 1;\n").address("page.js")
    after = write(tmp_path, shared="export const a = 2;\n")
    assert after.address("page.js") != before
    assert after.modules("page.js") == [urljoin(after.address("page.js"), "./shared.js")]


def test_imports_are_found_however_they_are_written(tmp_path: Path) -> None:
    modules = {
        "page": 'import "./effects.js";\nimport First, {\n  second,\n} from "./long.js";\nexport { x } from "./again.js";\n',
        "effects": 'import "./page.js";\n',
        "long": 'const text = "from ./nowhere.js";\n',
        "again": "",
    }
    assets = write(tmp_path, **modules)
    names = {address.rsplit("/", 1)[1] for address in assets.modules("page.js")}
    assert names == {"effects.js", "long.js", "again.js", "page.js"}


def test_a_page_that_names_a_missing_file_fails_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path).address("css/missing.css")
