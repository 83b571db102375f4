"""Validate file and folder names: reject a user's invalid name, sanitise a server's."""

import re
import unicodedata

from backend.core.errors import InvalidRequest
from backend.core.model_folders import MODEL_FOLDERS, current_name

UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
# Invisible characters: controls, formats such as a change of direction, halves of characters, line ends.
INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
MAX_BYTES = 200  # with our suffixes it stays below the usual limit of 255
OURS = ".part"  # the suffix of unfinished files


def clean_name(name: str) -> str:
    """Return `name` as one path component, or raise InvalidRequest."""
    name = name.strip()
    if not name or name.startswith(".") or UNSAFE.search(name) or any(map(_is_invisible, name)):
        raise InvalidRequest(
            f"{_quoted(name)} cannot be a file name: use letters, digits, dots and dashes, and no folder.",
            code="bad_filename",
        )
    if name.lower().endswith(OURS):
        raise InvalidRequest(
            f"A file name cannot end in {OURS}, the suffix of unfinished files.", code="bad_filename"
        )
    if len(name.encode()) > MAX_BYTES:
        raise InvalidRequest(f"The file name is longer than {MAX_BYTES} bytes.", code="bad_filename")
    return name


def safe_name(name: str) -> str | None:
    """Return a server's file name as one path component, or None when no usable character is left."""
    name = name.replace("\\", "/").rpartition("/")[2]
    name = UNSAFE.sub("_", "".join(character for character in name if not _is_invisible(character)))
    name = _shortened(name.strip().lstrip(". "))
    try:
        return clean_name(name)
    except InvalidRequest:
        return None


def clean_folder(folder: str) -> str:
    """Return a model folder of ComfyUI, possibly with subfolders, or raise InvalidRequest."""
    folder = current_name(folder.strip().strip("/"))
    head, *below = folder.split("/")
    if head not in MODEL_FOLDERS:
        known = ", ".join(sorted(MODEL_FOLDERS))
        raise InvalidRequest(
            f"{_quoted(head)} is not a model folder. Choose one of: {known}.", code="bad_folder"
        )
    return "/".join([head, *(clean_name(part) for part in below)])


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in INVISIBLE


def _shortened(name: str) -> str:
    """Shorten the stem and keep the extension; never cut inside a character."""
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > 20:
        stem, dot, ending = name, "", ""
    stem_bytes = MAX_BYTES - len(f"{dot}{ending}".encode())
    return stem.encode()[:stem_bytes].decode(errors="ignore") + dot + ending


def _quoted(text: str) -> str:
    """Quote text for a message: shortened, with invisible characters replaced."""
    return "'" + "".join("?" if _is_invisible(character) else character for character in text[:100]) + "'"
