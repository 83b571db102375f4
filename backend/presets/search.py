"""Search words: what people type, and what titles say instead."""

from collections.abc import Sequence

# A word, and the phrases that count as it. Text is in lower case.
SYNONYMS: dict[str, tuple[str, ...]] = {
    "txt2img": ("text to image", "t2i", "txt2img"),
    "text2image": ("text to image", "t2i"),
    "t2i": ("text to image", "t2i"),
    "img2img": ("image edit", "image to image", "i2i", "img2img"),
    "i2i": ("image edit", "image to image", "i2i"),
    "txt2vid": ("text to video", "t2v"),
    "text2video": ("text to video", "t2v"),
    "t2v": ("text to video", "t2v"),
    "img2vid": ("image to video", "i2v"),
    "image2video": ("image to video", "i2v"),
    "i2v": ("image to video", "i2v"),
    "txt2audio": ("text to audio", "text to music", "t2a"),
    "tts": ("text to speech", "tts"),
    "upscaler": ("upscal", "enlarg", "super-resolution"),
    "upscale": ("upscal", "enlarg", "super-resolution"),
    "inpainting": ("inpaint", "fill"),
    "outpainting": ("outpaint",),
    "sdxl": ("sdxl", "stable diffusion xl"),
    "sd15": ("stable diffusion 1.5", "sd 1.5", "sd1.5", "sd-1-5"),
    "controlnet": ("controlnet", "control net"),
}

Word = tuple[str, ...]


def words_of(text: str) -> tuple[Word, ...]:
    """Return each word of a search with the phrases that count as it."""
    return tuple(SYNONYMS.get(word, (word,)) for word in text.lower().split())


def matches(words: Sequence[Word], text: str) -> bool:
    """Return whether every word, or a synonym of it, occurs in `text`, which is in lower case."""
    return all(any(phrase in text for phrase in phrases) for phrases in words)
