"""Responses of the input files API."""

from pydantic import BaseModel, Field


class InputFile(BaseModel):
    name: str = Field(description="What a node that loads it takes as its value.")
    bytes: int
    media_type: str
