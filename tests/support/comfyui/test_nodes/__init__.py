"""Node types that do what tests need, in the stand-in and in a real ComfyUI alike."""

import json
import os
import signal
import time
import wave

import comfy.model_management
import comfy.utils
import folder_paths
from comfy_execution.graph import ExecutionBlocker

NUMBER = ("INT", {"default": 0, "min": 0, "max": 0xFFFFFFFF})
SEED = ("INT", {"default": 0, "min": 0, "max": 2**50})
SECONDS = ("FLOAT", {"default": 0.0, "min": 0.0, "max": 3600.0})


def preview():
    """A picture as each of the two wants it: the stand-in draws its own."""
    try:
        from PIL import Image
    except ImportError:
        return ("JPEG", None, 64)
    return ("JPEG", Image.new("RGB", (8, 8), (40, 90, 200)), 64)


class TestNode:
    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "tests"
    INPUTS = {}

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}, "optional": {"salt": NUMBER, **cls.INPUTS}}


class TestSlow(TestNode):
    """Reports every step, and can be interrupted between steps."""

    INPUTS = {"steps": ("INT", {"default": 3, "min": 1, "max": 10000}), "seconds": SECONDS, "seed": SEED}

    def run(self, image, steps=3, seconds=0.0, seed=0, salt=0):
        bar = comfy.utils.ProgressBar(steps)
        for step in range(1, steps + 1):
            time.sleep(seconds)
            bar.update_absolute(step, steps, preview())
        return (image,)


class TestSilent(TestNode):
    """Reports nothing, and cannot be interrupted."""

    INPUTS = {"seconds": SECONDS}

    def run(self, image, seconds=0.0, salt=0):
        time.sleep(seconds)
        return (image,)


class TestWaitForFile(TestNode):
    """Runs until a file is there, so that a test decides when it ends. Can be interrupted."""

    INPUTS = {"path": ("STRING", {"default": ""})}

    def run(self, image, path="", salt=0):
        while not os.path.exists(path):
            comfy.model_management.throw_exception_if_processing_interrupted()
            time.sleep(0.01)
        return (image,)


class TestRecord(TestNode):
    """Writes to a file that a job begins and ends in this process. Never cached."""

    INPUTS = {"path": ("STRING", {"default": ""}), "job": ("STRING", {"default": ""}), "seconds": SECONDS}

    @classmethod
    def IS_CHANGED(cls, **_):
        return float("nan")

    def run(self, image, path="", job="", seconds=0.0, salt=0):
        self.write(path, "begin", job)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            comfy.model_management.throw_exception_if_processing_interrupted()
            time.sleep(0.01)
        self.write(path, "end", job)
        return (image,)

    def write(self, path, what, job):
        from server import PromptServer

        with open(path, "a") as file:
            file.write(f"{what} {os.getpid()} {PromptServer.instance.last_prompt_id} {job}\n")


class TestFail(TestNode):
    INPUTS = {"message": ("STRING", {"default": "no"}), "api_key": ("STRING", {"default": ""})}

    def run(self, image, message="no", api_key="", salt=0):
        raise RuntimeError(message)


class TestOutOfMemory(TestNode):
    def run(self, image, salt=0):
        raise comfy.model_management.OOM_EXCEPTION("Allocation on device")


class TestCrash(TestNode):
    """Ends the process as the kernel does when memory runs out."""

    INPUTS = {"seconds": SECONDS}

    def run(self, image, seconds=0.0, salt=0):
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGKILL)


class TestBlock(TestNode):
    """Blocks the nodes after it, with a message. The prompt goes on without them."""

    INPUTS = {"message": ("STRING", {"default": "blocked"})}

    def run(self, image, message="blocked", salt=0):
        return (ExecutionBlocker(message),)


class TestText(TestNode):
    """Sends a line of text while it runs."""

    INPUTS = {"text": ("STRING", {"default": "working"})}

    @classmethod
    def INPUT_TYPES(cls):
        return {**super().INPUT_TYPES(), "hidden": {"node_id": "UNIQUE_ID"}}

    def run(self, image, node_id, text="working", salt=0):
        from server import PromptServer

        PromptServer.instance.send_progress_text(text, node_id, PromptServer.instance.client_id)
        return (image,)


class TestPicky(TestNode):
    """Refuses its input during validation, in one of two ways."""

    INPUTS = {"verdict": ("STRING", {"default": ""})}

    @classmethod
    def VALIDATE_INPUTS(cls, verdict=""):
        if verdict == "raise":
            raise RuntimeError("could not validate")
        return True if verdict == "fine" else verdict

    def run(self, image, verdict="", salt=0):
        return (image,)


class TestShow(TestNode):
    """Shows the JSON it is given, whatever that is."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    INPUTS = {"shown": ("STRING", {"default": "{}"})}

    def run(self, image, shown="{}", salt=0):
        return {"ui": json.loads(shown)}


class TestSaveAudio(TestNode):
    """Saves a tenth of a second of silence as a WAV file."""

    RETURN_TYPES = ()
    OUTPUT_NODE = True
    INPUTS = {"filename_prefix": ("STRING", {"default": "audio/ComfyUI"})}

    def run(self, image, filename_prefix="audio/ComfyUI", salt=0):
        output = folder_paths.get_output_directory()
        folder, name, number, subfolder, _ = folder_paths.get_save_image_path(filename_prefix, output)
        file = f"{name}_{number:05}_.wav"
        with wave.open(os.path.join(folder, file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(1600))
        return {"ui": {"audio": [{"filename": file, "subfolder": subfolder, "type": "output"}]}}


NODE_CLASS_MAPPINGS = {cls.__name__: cls for cls in TestNode.__subclasses__()}
