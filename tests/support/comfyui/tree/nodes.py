"""Node types of ComfyUI's own, and loading custom nodes. A package that cannot be imported is named and left out."""

import hashlib
import importlib.util
import json
import os
import random
import string
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import comfy.utils
import folder_paths
import media
from comfy import model_management

MAX_RESOLUTION = 16384
SEED = ("INT", {"default": 0, "min": 0, "max": 0xFFFFFFFFFFFFFFFF})
SAVED_WITH = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}

NODE_CLASS_MAPPINGS: dict[str, type] = {}
NODE_DISPLAY_NAME_MAPPINGS: dict[str, str] = {}


class Images(list):
    """Pictures of one colour each: `(width, height, color)`."""


def node(cls: type) -> type:
    NODE_CLASS_MAPPINGS[cls.__name__] = cls
    return cls


def metadata(prompt: Any, extra_pnginfo: Any) -> media.Metadata:
    return {**({"prompt": prompt} if prompt is not None else {}), **(extra_pnginfo or {})}


def save(kind: str, prefix: str, suffix: str, contents: list[bytes]) -> list[dict[str, str]]:
    folder, name, number, subfolder, _ = folder_paths.get_save_image_path(
        prefix, folder_paths.directories[kind]
    )
    saved = []
    for content in contents:
        file = f"{name}_{number:05}_{suffix}"
        Path(folder, file).write_bytes(content)
        saved.append({"filename": file, "subfolder": subfolder, "type": kind})
        number += 1
    return saved


@node
class EmptyImage:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "generate"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "width": ("INT", {"default": 512, "min": 1, "max": MAX_RESOLUTION, "step": 1}),
                "height": ("INT", {"default": 512, "min": 1, "max": MAX_RESOLUTION, "step": 1}),
                "batch_size": ("INT", {"default": 1, "min": 1, "max": 4096}),
                "color": ("INT", {"default": 0, "min": 0, "max": 0xFFFFFF, "step": 1, "display": "color"}),
            }
        }

    def generate(self, width, height, batch_size=1, color=0):
        return (Images([(width, height, color)] * batch_size),)


@node
class ImageInvert:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "invert"
    CATEGORY = "image/color"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    def invert(self, image):
        return (Images([(width, height, 0xFFFFFF - color) for width, height, color in image]),)


@node
class ImageScale:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "upscale"
    CATEGORY = "image/upscaling"

    @classmethod
    def INPUT_TYPES(cls):
        side = ("INT", {"default": 512, "min": 0, "max": MAX_RESOLUTION, "step": 1})
        return {
            "required": {
                "image": ("IMAGE",),
                "upscale_method": (["nearest-exact", "bilinear", "area", "bicubic", "lanczos"],),
                "width": side,
                "height": side,
                "crop": (["disabled", "center"],),
            }
        }

    def upscale(self, image, upscale_method, width, height, crop):
        return (Images([(width or old[0], height or old[1], old[2]) for old in image]),)


@node
class LoadImage:
    RETURN_TYPES = ("IMAGE", "MASK")
    FUNCTION = "load_image"
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls):
        folder = folder_paths.get_input_directory()
        files = sorted(name for name in os.listdir(folder) if os.path.isfile(os.path.join(folder, name)))
        return {"required": {"image": (files, {"image_upload": True})}}

    @classmethod
    def IS_CHANGED(cls, image):
        return hashlib.sha256(Path(folder_paths.get_annotated_filepath(image)).read_bytes()).hexdigest()

    @classmethod
    def VALIDATE_INPUTS(cls, image):
        return os.path.isfile(folder_paths.get_annotated_filepath(image)) or f"Invalid image file: {image}"

    def load_image(self, image):
        content = Path(folder_paths.get_annotated_filepath(image)).read_bytes()
        return (Images([(8, 8, int.from_bytes(hashlib.sha256(content).digest()[:3], "big"))]), None)


@node
class SaveImage:
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"
    DESCRIPTION = "Saves the input images to your ComfyUI output directory."

    @classmethod
    def INPUT_TYPES(cls):
        prefix = ("STRING", {"default": "ComfyUI"})
        return {"required": {"images": ("IMAGE",), "filename_prefix": prefix}, "hidden": SAVED_WITH}

    def save_images(self, images, filename_prefix="ComfyUI", prompt=None, extra_pnginfo=None):
        tags = metadata(prompt, extra_pnginfo)
        pictures = [media.png(width, height, color, tags) for width, height, color in images]
        return {"ui": {"images": save("output", filename_prefix, ".png", pictures)}, "result": (images,)}


@node
class PreviewImage:
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("images",)
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"

    def __init__(self) -> None:
        self.prefix = "ComfyUI_temp_" + "".join(random.choices(string.ascii_lowercase, k=5))

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",)}, "hidden": SAVED_WITH}

    def save_images(self, images, prompt=None, extra_pnginfo=None):
        tags = metadata(prompt, extra_pnginfo)
        pictures = [media.png(width, height, color, tags) for width, height, color in images]
        return {"ui": {"images": save("temp", self.prefix, ".png", pictures)}, "result": (images,)}


@node
class SaveAnimatedWEBP:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "save_images"
    OUTPUT_NODE = True
    CATEGORY = "image"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "images": ("IMAGE", {}),
                "filename_prefix": ("STRING", {"default": "ComfyUI"}),
                "fps": ("FLOAT", {"default": 6.0, "min": 0.01, "max": 1000.0, "step": 0.01}),
                "lossless": ("BOOLEAN", {"default": True}),
                "quality": ("INT", {"default": 80, "min": 0, "max": 100}),
                "method": ("COMBO", {"options": ["default", "fastest", "slowest"]}),
            },
            "hidden": SAVED_WITH,
        }

    def save_images(self, images, filename_prefix, prompt=None, extra_pnginfo=None, **_):
        width, height, _color = images[0]
        picture = media.webp(width, height, metadata(prompt, extra_pnginfo))
        saved = save("output", filename_prefix, ".webp", [picture])
        return {"ui": {"images": saved, "animated": (len(images) != 1,)}, "result": (images,)}


@node
class CreateVideo:
    RETURN_TYPES = ("VIDEO",)
    FUNCTION = "create"
    CATEGORY = "video"

    @classmethod
    def INPUT_TYPES(cls):
        fps = ("FLOAT", {"default": 30.0, "min": 1.0, "max": 120.0, "step": 1.0})
        return {"required": {"images": ("IMAGE", {}), "fps": fps}, "optional": {"audio": ("AUDIO", {})}}

    def create(self, images, fps, audio=None):
        return (images,)


@node
class SaveVideo:
    """Its pictures are always the same two black frames."""

    RETURN_TYPES = ()
    FUNCTION = "save_video"
    OUTPUT_NODE = True
    CATEGORY = "video"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "video": ("VIDEO", {}),
                "filename_prefix": ("STRING", {"default": "video/ComfyUI"}),
                "format": ("COMBO", {"default": "auto", "options": ["auto", "mp4"]}),
                "codec": ("COMBO", {"default": "auto", "options": ["auto", "h264"]}),
            },
            "hidden": SAVED_WITH,
        }

    def save_video(self, video, filename_prefix, format, codec, prompt=None, extra_pnginfo=None):
        content = media.mp4(metadata(prompt, extra_pnginfo))
        return {"ui": {"images": save("output", filename_prefix, ".mp4", [content]), "animated": (True,)}}


@node
class PreviewAny:
    RETURN_TYPES = ("STRING",)
    FUNCTION = "main"
    OUTPUT_NODE = True
    CATEGORY = "utilities"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"source": ("*", {})}}

    def main(self, source=None):
        text = source if isinstance(source, str) else json.dumps(source)
        return {"ui": {"text": (text,)}, "result": (text,)}


@node
class EmptyLatentImage:
    RETURN_TYPES = ("LATENT",)
    FUNCTION = "generate"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls):
        side = {"default": 512, "min": 16, "max": MAX_RESOLUTION, "step": 8}
        batch = ("INT", {"default": 1, "min": 1, "max": 4096})
        return {"required": {"width": ("INT", side), "height": ("INT", side), "batch_size": batch}}

    def generate(self, width, height, batch_size=1):
        return (Images([(width, height, 0)] * batch_size),)


@node
class KSampler:
    """Takes no time per step; its colour comes from the seed."""

    RETURN_TYPES = ("LATENT",)
    FUNCTION = "sample"
    CATEGORY = "sampling"

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {
                "model": ("MODEL",),
                "seed": ("INT", {**SEED[1], "control_after_generate": True}),
                "steps": ("INT", {"default": 20, "min": 1, "max": 10000}),
                "cfg": ("FLOAT", {"default": 8.0, "min": 0.0, "max": 100.0, "step": 0.1}),
                "sampler_name": (["euler", "euler_ancestral", "dpmpp_2m", "ddim", "uni_pc"],),
                "scheduler": (["simple", "sgm_uniform", "karras", "normal"],),
                "positive": ("CONDITIONING",),
                "negative": ("CONDITIONING",),
                "latent_image": ("LATENT",),
                "denoise": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 1.0, "step": 0.01}),
            }
        }

    def sample(self, seed, steps, latent_image, **_):
        bar = comfy.utils.ProgressBar(steps)
        for step in range(1, steps + 1):
            bar.update_absolute(step, steps, ("JPEG", None, 512))
        return (Images([(width, height, seed % 0x1000000) for width, height, _color in latent_image]),)


@node
class VAEDecode:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "decode"
    CATEGORY = "latent"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"samples": ("LATENT",), "vae": ("VAE",)}}

    def decode(self, vae, samples):
        return (samples,)


def loader(name: str, returns: tuple[str, ...], folders: dict[str, str], **rest: Any) -> None:
    """Declare a node type whose menus list the model files that are there at that moment."""

    def inputs(_cls):
        return {"required": {**{widget: (files(folder),) for widget, folder in folders.items()}, **rest}}

    def files(folder):
        return folder_paths.current.names(folder) or []

    members = {
        "INPUT_TYPES": classmethod(inputs),
        "RETURN_TYPES": returns,
        "FUNCTION": "load",
        "CATEGORY": "loaders",
    }
    NODE_CLASS_MAPPINGS[name] = type(
        name, (), {**members, "load": lambda _self, **given: tuple(given.items()) or (None,)}
    )


DTYPES = (["default", "fp8_e4m3fn"],)
TEXT = ("STRING", {"multiline": True, "dynamicPrompts": True})
STRENGTH = ("FLOAT", {"default": 1.0, "min": -100.0, "max": 100.0, "step": 0.01})

loader("CheckpointLoaderSimple", ("MODEL", "CLIP", "VAE"), {"ckpt_name": "checkpoints"})
loader("UNETLoader", ("MODEL",), {"unet_name": "diffusion_models"}, weight_dtype=DTYPES)
loader("CLIPLoader", ("CLIP",), {"clip_name": "text_encoders"}, type=(["stable_diffusion", "flux"],))
loader("VAELoader", ("VAE",), {"vae_name": "vae"})
loader("LoraLoaderModelOnly", ("MODEL",), {"lora_name": "loras"}, model=("MODEL",), strength_model=STRENGTH)
loader("CLIPTextEncode", ("CONDITIONING",), {}, text=TEXT, clip=("CLIP",))


def before_node_execution() -> None:
    model_management.throw_exception_if_processing_interrupted()


def describe_all() -> dict[str, Any]:
    described = {}
    for name in NODE_CLASS_MAPPINGS:
        try:
            described[name] = describe(name)
        except Exception:
            print(f"[ERROR] An error occurred while retrieving information for the '{name}' node.")
            traceback.print_exc()
    return described


def describe(name: str) -> dict[str, Any]:
    """Return the entry of `/object_info`. One that cannot be made is an error, as in the real one."""
    cls: Any = NODE_CLASS_MAPPINGS[name]
    inputs = cls.INPUT_TYPES()
    return {
        "input": inputs,
        "input_order": {kind: list(names) for kind, names in inputs.items()},
        "is_input_list": getattr(cls, "INPUT_IS_LIST", False),
        "output": cls.RETURN_TYPES,
        "output_is_list": [False] * len(cls.RETURN_TYPES),
        "output_name": getattr(cls, "RETURN_NAMES", cls.RETURN_TYPES),
        "name": name,
        "display_name": NODE_DISPLAY_NAME_MAPPINGS.get(name, name),
        "description": getattr(cls, "DESCRIPTION", ""),
        "python_module": getattr(cls, "RELATIVE_PYTHON_MODULE", "nodes"),
        "category": getattr(cls, "CATEGORY", "sd"),
        "output_node": getattr(cls, "OUTPUT_NODE", False) is True,
        "has_intermediate_output": False,
        "search_aliases": [],
    }


def load_custom_nodes(folders: list[Path], only: list[str] | None = None) -> list[str]:
    loaded = []
    for folder in folders:
        for path in sorted(folder.iterdir()):
            if not (path / "__init__.py").is_file() or path.name.endswith(".disabled"):
                continue
            if only is not None and path.name not in only:
                print(f"Skipping {path.name} due to disable_all_custom_nodes and whitelist_custom_nodes")
                continue
            loaded += [path.name] if load(path) else []
    return loaded


def load(path: Path) -> bool:
    began = time.perf_counter()
    spec = importlib.util.spec_from_file_location(path.name.replace("-", "_"), path / "__init__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        for name, cls in getattr(module, "NODE_CLASS_MAPPINGS", {}).items():
            cls.RELATIVE_PYTHON_MODULE = f"custom_nodes.{path.name}"
            NODE_CLASS_MAPPINGS[name] = cls
    except Exception:
        traceback.print_exc()
        print(f"Cannot import {path} module for custom nodes: see above")
        print(f"{time.perf_counter() - began:7.1f} seconds (IMPORT FAILED): {path}")
        return False
    NODE_DISPLAY_NAME_MAPPINGS.update(getattr(module, "NODE_DISPLAY_NAME_MAPPINGS", {}))
    print(f"{time.perf_counter() - began:7.1f} seconds: {path}")
    return True
