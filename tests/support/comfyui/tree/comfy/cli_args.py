"""The flags of the real one that a pod uses. Unknown ones are an error, and importing this reads them."""

import argparse
from pathlib import Path

import comfy.options

parser = argparse.ArgumentParser()
parser.add_argument("--listen", default="127.0.0.1", nargs="?", const="0.0.0.0,::")
parser.add_argument("--port", type=int, default=8188)
parser.add_argument("--base-directory", type=Path, default=Path(__file__).resolve().parents[1])
parser.add_argument("--temp-directory", type=Path)
parser.add_argument("--database-url", default="sqlite:///:memory:")
parser.add_argument("--extra-model-paths-config", nargs="+", action="append", default=[], type=Path)
parser.add_argument("--whitelist-custom-nodes", nargs="+", default=[])
parser.add_argument("--preview-method", default="none", choices=["none", "auto", "latent2rgb", "taesd"])
parser.add_argument("--front-end-version")
parser.add_argument("--max-upload-size", type=float, default=100)
parser.add_argument("--enable-cors-header", nargs="?", const="*")
for flag in ("enable-manager", "disable-all-custom-nodes", "quick-test-for-ci", "disable-assets"):
    parser.add_argument(f"--{flag}", action="store_true")
attention = parser.add_mutually_exclusive_group()
for flag in ("use-sage-attention", "use-flash-attention", "use-pytorch-cross-attention"):
    attention.add_argument(f"--{flag}", action="store_true")
memory = parser.add_mutually_exclusive_group()
for flag in ("cpu", "highvram", "lowvram"):
    memory.add_argument(f"--{flag}", action="store_true")

args = parser.parse_args(None if comfy.options.args_parsing else [])
