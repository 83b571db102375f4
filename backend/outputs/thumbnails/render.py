"""The program that renders thumbnails. It runs with an interpreter that has Pillow, usually ComfyUI's, and imports nothing else of this project.

It first writes one line that lists the kinds that it can read. Then it reads one request per line, `{"path", "kind"}`, and answers with
a line: `{"bytes": N}` and N bytes of WebP, or `{"error": "…"}`. It ends when its input ends.

Files may be hostile: memory, CPU time, pixels and the format of a file are limited.
"""

import io
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

# The longer side of a thumbnail.
SIDE = 400
QUALITY = 78
MAX_FILE_BYTES = 256 * 2**20
MAX_PIXELS = 120_000_000
MEMORY_BYTES = 2 * 2**30
# CPU time of one file. The control plane also limits the wall-clock time.
CPU_SECONDS = 20
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "BMP")
# A fixed container format: FFmpeg would otherwise also recognise playlists, which name other files and URLs.
CONTAINERS = {"mp4": "mp4", "m4v": "mp4", "mov": "mov", "webm": "matroska", "mkv": "matroska", "avi": "avi"}


class Refused(Exception):
    """The file is too large, or has no picture."""


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = sys.stdout.buffer
    write_line(output, {"videos": can_read_videos()})
    for line in sys.stdin:
        limit_cpu()
        try:
            content = thumbnail(**json.loads(line))
        except Exception as error:  # noqa: BLE001 - decoders raise anything for a bad file
            write_line(output, {"error": f"{type(error).__name__}: {error}"[:300]})
        else:
            write_line(output, {"bytes": len(content)}, content)


def write_line(output: Any, answer: dict[str, Any], content: bytes = b"") -> None:
    output.write(json.dumps(answer).encode() + b"\n" + content)
    output.flush()


def can_read_videos() -> bool:
    try:
        import av  # noqa: F401, PLC0415 - optional
    except ImportError:
        return False
    return True


def limit_cpu() -> None:
    """Let the kernel end this process when the next file takes too long, even if the control plane has died."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


def thumbnail(path: str, kind: str) -> bytes:
    picture = frame_of_video(path) if kind == "video" else first_picture(path)
    picture = ImageOps.exif_transpose(picture)
    picture.thumbnail((SIDE, SIDE), reducing_gap=2.0)
    buffer = io.BytesIO()
    with_plain_colours(picture).save(buffer, "WEBP", quality=QUALITY, method=2)
    return buffer.getvalue()


def first_picture(path: str) -> Image.Image:
    if Path(path).stat().st_size > MAX_FILE_BYTES:
        raise Refused("the file is too large")
    picture = Image.open(path, formats=FORMATS)
    check_pixels(picture.width, picture.height)
    picture.draft("RGB", (SIDE, SIDE))  # decodes a JPEG at a fraction of its size
    picture.load()
    return picture


def with_plain_colours(picture: Image.Image) -> Image.Image:
    """Convert palettes, 16 bits and CMYK to a mode that WebP supports."""
    if picture.mode in ("RGB", "RGBA"):
        return picture
    if picture.mode.startswith("I;16"):
        picture = picture.point(lambda value: value / 256).convert("L")
    has_alpha = picture.mode in ("LA", "PA", "La", "RGBa") or "transparency" in picture.info
    return picture.convert("RGBA" if has_alpha else "RGB")


def frame_of_video(path: str) -> Image.Image:
    import av  # noqa: PLC0415 - costs 50 ms, and pictures do not need it

    container = CONTAINERS.get(Path(path).suffix.lower().removeprefix("."))
    if container is None:
        raise Refused("not a known kind of video")
    with av.open(path, format=container, options={"protocol_whitelist": "file"}) as video:
        for frame in frames(video):
            picture: Image.Image = frame.to_image()
            return picture
    raise Refused("the video has no frame")


def frames(video: Any) -> Iterator[Any]:
    if not video.streams.video:
        return
    stream = video.streams.video[0]
    stream.thread_type = "NONE"
    check_pixels(stream.codec_context.width, stream.codec_context.height)
    for frame in video.decode(stream):
        check_pixels(frame.width, frame.height)
        yield frame


def check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Refused("the picture has too many pixels")


if __name__ == "__main__":
    main()
