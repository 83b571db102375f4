"""Responses of the input files API."""

from pydantic import BaseModel, Field


class InputFile(BaseModel):
    name: str = Field(description="The name by which nodes load it.")
    bytes: int
    media_type: str
