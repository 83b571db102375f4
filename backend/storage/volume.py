"""Detect network volumes."""

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
# All other types count as network volumes: NFS, SMB, Ceph, Lustre, 9p and FUSE (JuiceFS, MooseFS, S3).
LOCAL_TYPES = frozenset(
    {
        "bcachefs",
        "btrfs",
        "exfat",
        "ext2",
        "ext3",
        "ext4",
        "f2fs",
        "ntfs3",
        "overlay",
        "ramfs",
        "tmpfs",
        "vfat",
        "xfs",
        "zfs",
    }
)
OCTAL = re.compile(r"\\([0-7]{3})")


def is_network_volume(folder: Path) -> bool:
    """Return True if other machines may change the folder without an inotify event, or if that is unknown."""
    real = Path(os.path.realpath(folder))
    kind, depth = "", -1
    for mount, its_kind in _mounts():
        if len(mount.parts) > depth and real.is_relative_to(mount):
            kind, depth = its_kind, len(mount.parts)
    return kind not in LOCAL_TYPES


def _mounts() -> list[tuple[Path, str]]:
    """Return (mount point, type) of each mount, the newest first because it hides older ones on the same folder."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    return [_mount(line) for line in reversed(lines)]


def _mount(line: str) -> tuple[Path, str]:
    before, _, after = line.partition(" - ")
    escaped = before.split()[4]
    return Path(OCTAL.sub(lambda match: chr(int(match[1], 8)), escaped)), after.split()[0]
