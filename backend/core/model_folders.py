"""ComfyUI's model folders, by the names that ComfyUI uses itself."""

MODEL_FOLDERS = frozenset(
    {
        "audio_encoders", "background_removal", "checkpoints", "classifiers", "clip_vision", "configs",
        "controlnet", "detection", "diffusers", "diffusion_models", "embeddings", "frame_interpolation",
        "geometry_estimation", "gligen", "hypernetworks", "latent_upscale_models", "loras", "model_patches",
        "optical_flow", "photomaker", "style_models", "text_encoders", "upscale_models", "vae", "vae_approx",
    }
)  # fmt: skip

# Old names that published workflows still use.
RENAMED_FOLDERS = {"clip": "text_encoders", "unet": "diffusion_models", "t2i_adapter": "controlnet"}


def current_name(folder: str) -> str:
    """Return `text_encoders` for `clip`, and `loras/style` unchanged. Only the first part is a ComfyUI folder."""
    head, slash, rest = folder.partition("/")
    return f"{RENAMED_FOLDERS.get(head, head)}{slash}{rest}"
