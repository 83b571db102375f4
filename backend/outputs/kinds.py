"""The kind of an output, by its suffix."""

from enum import StrEnum
from pathlib import PurePosixPath


class Kind(StrEnum):
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    MODEL_3D = "3d"
    TEXT = "text"
    FILE = "file"


SUFFIXES = {
    Kind.IMAGE: ("png", "jpg", "jpeg", "webp", "gif", "avif", "bmp"),
    Kind.VIDEO: ("mp4", "webm", "mov", "mkv", "m4v", "avi"),
    Kind.AUDIO: ("flac", "mp3", "wav", "opus", "ogg", "m4a", "aac"),
    Kind.MODEL_3D: ("glb", "gltf", "obj", "fbx", "stl", "ply", "splat", "ksplat", "spz", "usdz"),
    Kind.TEXT: ("txt", "json", "csv", "md", "srt", "yaml", "yml", "log"),
}
BY_SUFFIX = {f".{suffix}": kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
# Media types that browsers show inline. Anything else is downloaded: an HTML file must not run as a page of the dashboard.
SHOWN_AS = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    **{f".{suffix}": "text/plain; charset=utf-8" for suffix in SUFFIXES[Kind.TEXT]},
}


def kind_of(filename: str) -> Kind:
    return BY_SUFFIX.get(suffix_of(filename), Kind.FILE)


def suffix_of(filename: str) -> str:
    return PurePosixPath(filename).suffix.lower()
