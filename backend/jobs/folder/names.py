"""Names of job files: `TYPE_YYYYMMDDHHMMSS_X_jobname.yaml`. Pure functions."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

MEDIA_TYPES = ("image", "video", "audio", "speech", "3d")
SUFFIXES = (".yaml", ".yml")
FORM = "TYPE_YYYYMMDDHHMMSS_X_jobname.yaml"
NAME = re.compile(r"(?P<type>[^_]+)_(?P<time>[^_]+)_(?P<index>[^_]+)_(?P<jobname>.+)")
MAX_LENGTH = 200


class InvalidJobFile(ValueError):
    """The message says what is wrong with a job file and what to do."""


@dataclass(frozen=True, kw_only=True)
class ConfigName:
    """What the name of a job file says. The whole name identifies the job."""

    name: str
    job_type: str
    timestamp: str
    index: int
    jobname: str


def parse_config_name(filename: str) -> ConfigName:
    """Read a name or a path. Raise InvalidJobFile with the part that is wrong."""
    path = PurePath(filename)
    if path.suffix.lower() not in SUFFIXES or len(path.name.encode()) > MAX_LENGTH:
        raise InvalidJobFile(f"Name the file {FORM}, with at most {MAX_LENGTH} bytes.")
    match = NAME.fullmatch(path.stem)
    if match is None:
        raise InvalidJobFile(f"The name is not of the form {FORM}, such as image_20261127093000_1_cat.yaml.")
    job_type = match["type"].lower()
    if job_type not in MEDIA_TYPES:
        raise InvalidJobFile(
            f"`{match['type']}` at the start of the name is no job type. Use one of: {', '.join(MEDIA_TYPES)}."
        )
    if not _is_timestamp(match["time"]):
        raise InvalidJobFile(
            f"`{match['time']}` in the name is no time. Write it as YYYYMMDDHHMMSS: 20261127093000."
        )
    if not (match["index"].isascii() and match["index"].isdecimal()):
        raise InvalidJobFile(f"`{match['index']}` in the name is no number. After the time comes 1, 2, 3, ….")
    return ConfigName(
        name=path.stem,
        job_type=job_type,
        timestamp=match["time"],
        index=int(match["index"]),
        jobname=match["jobname"],
    )


def _is_timestamp(text: str) -> bool:
    if not re.fullmatch(r"\d{14}", text, re.ASCII):
        return False
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007 - only its form matters
    except ValueError:
        return False
    return True
