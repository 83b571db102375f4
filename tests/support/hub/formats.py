"""Small valid model files."""

import io
import json
import pickle
import struct
import zipfile

from tests.support.hub.content import Content, Synthetic, literal

SAFETENSORS_HEADER = 256
SAFETENSORS_MINIMUM = 8 + SAFETENSORS_HEADER + 2
GGUF_ALIGNMENT = 32
GGUF_TYPE_STRING = 8
GGML_TYPE_I8 = 24


def safetensors(size: int, seed: int = 0) -> Content:
    """Return a valid safetensors file of exactly `size` bytes: two tensors in order, without holes, up to the last byte."""
    if size < SAFETENSORS_MINIMUM:
        raise ValueError(f"a safetensors file needs at least {SAFETENSORS_MINIMUM} bytes here, not {size}")
    data = size - 8 - SAFETENSORS_HEADER
    half = data // 2
    header = {
        "__metadata__": {"format": "pt"},
        "first": {"dtype": "U8", "shape": [half], "data_offsets": [0, half]},
        "second": {"dtype": "U8", "shape": [data - half], "data_offsets": [half, data]},
    }
    text = json.dumps(header, separators=(",", ":")).encode().ljust(SAFETENSORS_HEADER)
    return Synthetic(size, seed, head=struct.pack("<Q", SAFETENSORS_HEADER) + text)


def gguf(size: int, seed: int = 0) -> Content:
    """Return a GGUF version 3 file of exactly `size` bytes with one int8 tensor."""
    data = size - len(_gguf_head(0))
    if data < 1:
        raise ValueError(f"a GGUF file needs more than {len(_gguf_head(0))} bytes here, not {size}")
    return Synthetic(size, seed, head=_gguf_head(data))


def _gguf_head(elements: int) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 1)
    head += _gguf_string("general.architecture") + struct.pack("<I", GGUF_TYPE_STRING) + _gguf_string("test")
    head += _gguf_string("weight") + struct.pack("<IQIQ", 1, elements, GGML_TYPE_I8, 0)
    return head + b"\0" * (-len(head) % GGUF_ALIGNMENT)


def _gguf_string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def pickle_checkpoint(seed: int = 0) -> Content:
    """Return a file as `torch.save` writes it: a zip with a pickle, here of a harmless dict."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps({"seed": seed}))
    return literal(archive.getvalue())
