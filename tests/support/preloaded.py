"""What every fork has from the start: all modules that our programs import sooner or later, and ComfyUI's templates."""

import gc

import anyio._backends._asyncio  # noqa: F401
import fastapi.telemetry._runtime  # noqa: F401
import httpcore  # noqa: F401
import typer._adapters  # noqa: F401
import uvloop  # noqa: F401

import backend.cli.__main__
import backend.cli.connect
import backend.cli.embedded_server
import backend.main.start
import backend.main.verify_presets
import backend.sources.aiohttp_transport  # noqa: F401
from backend.config.settings import Settings
from backend.main.app import create_app
from backend.main.openapi import openapi_of
from backend.main.server import config_of
from backend.presets.official import read_official

read_official()
settings = Settings()
app = create_app(settings)
openapi_of(app)  # builds the schemas of all routes
config_of(app, settings).load()
# Collecting garbage in a fork would copy the memory of all this.
gc.freeze()
