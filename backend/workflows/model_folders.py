"""Which model folder a node's file widget chooses from, for nodes that cannot be asked.

ComfyUI's `/object_info` lists what a menu offers and not the folder that it was read from, so this is
needed even where ComfyUI runs. Seen in ComfyUI's own nodes and in the workflows that come with it.
"""

# Widgets whose name says which folder is meant, whatever node they are on.
WIDGETS = {
    "audio_encoder_name": "audio_encoders",
    "bg_removal_name": "background_removal",
    "ckpt_name": "checkpoints",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "clip_name3": "text_encoders",
    "clip_name4": "text_encoders",
    "control_net_name": "controlnet",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "lora": "loras",
    "lora_name": "loras",
    "photomaker_model_name": "photomaker",
    "style_model_name": "style_models",
    "text_encoder": "text_encoders",
    "unet_name": "diffusion_models",
    "vae_name": "vae",
}

# Nodes whose widgets have a name that other nodes use for something else, or that were saved without names.
NODES = {
    "AudioEncoderLoader": "audio_encoders",
    "CheckpointLoader": "checkpoints",
    "CheckpointLoaderSimple": "checkpoints",
    "CLIPLoader": "text_encoders",
    "CLIPLoaderGGUF": "text_encoders",
    "CLIPVisionLoader": "clip_vision",
    "ConditioningLoader": "embeddings",
    "ControlNetLoader": "controlnet",
    "DiffControlNetLoader": "controlnet",
    "DualCLIPLoader": "text_encoders",
    "DualCLIPLoaderGGUF": "text_encoders",
    "FrameInterpolationModelLoader": "frame_interpolation",
    "GLIGENLoader": "gligen",
    "HypernetworkLoader": "hypernetworks",
    "ImageOnlyCheckpointLoader": "checkpoints",
    "LatentUpscaleModelLoader": "latent_upscale_models",
    "LoadBackgroundRemovalModel": "background_removal",
    "LoadDA3Model": "geometry_estimation",
    "LoadMoGeModel": "geometry_estimation",
    "LoraLoader": "loras",
    "LoraLoaderModelOnly": "loras",
    "LTXVAudioVAELoader": "checkpoints",
    "ModelPatchLoader": "model_patches",
    "OpticalFlowLoader": "optical_flow",
    "PhotoMakerLoader": "photomaker",
    "Power Lora Loader (rgthree)": "loras",
    "QuadrupleCLIPLoader": "text_encoders",
    "SAM3DBody_Loader": "detection",
    "StyleModelLoader": "style_models",
    "TripleCLIPLoader": "text_encoders",
    "unCLIPCheckpointLoader": "checkpoints",
    "UNETLoader": "diffusion_models",
    "UnetLoaderGGUF": "diffusion_models",
    "UpscaleModelLoader": "upscale_models",
    "VAELoader": "vae",
}

# The widgets of nodes that choose from several folders, in the order in which they are saved.
ORDERS = {"LTXAVTextEncoderLoader": ("text_encoder", "ckpt_name")}


def folder_of(node_type: str, widget: str | None) -> str | None:
    """Return the model folder that the widget chooses from, or None when that is unknown."""
    return NODES.get(node_type) or WIDGETS.get(widget or "")


def widget_at(node_type: str, position: int) -> str | None:
    """Return the name of a widget that was saved without one."""
    order = ORDERS.get(node_type, ())
    return order[position] if position < len(order) else None
