"""What a run needs of the memory, compared with what there is, before it starts."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["check_memory", "memory_for_us"]

MEMORY = Path("/proc/meminfo")
RESIDENT = Path("/proc/self/statm")
CONTAINER = Path("/sys/fs/cgroup")


def check_memory(needed: int, purpose: str) -> None:
    """Refuse what cannot fit, as the system would end the process half-way.

    Parameters
    ----------
    needed : int
        Bytes, those that this process holds already among them.
    purpose : str
        What they are for, as in "... GB of memory for ``purpose``".

    Raises
    ------
    ValueError
        If that is more than this process holds and may still take. Swap does not count. Where the system
        tells neither, nothing is refused.
    """
    there = memory_for_us()
    if there is not None and needed > there:
        raise ValueError(
            f"{needed / 1e9:.3g} GB of memory needed {purpose}, but there are {there / 1e9:.3g} GB for this "
            "process; use a coarser grid or fewer particles and replicas, save fewer times or variables, or "
            "pass path= to save on the disk"
        )


def memory_for_us() -> int | None:
    """Bytes that this process holds and those that are free; ``None`` where the system does not tell."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", MEMORY.read_text(encoding="ascii"))
        held = int(RESIDENT.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        found = None
    if found is None:
        return _physical()
    limit = _container_limit()
    there = 1024 * int(found[1]) + held
    return there if limit is None else min(there, limit)


def _physical() -> int | None:
    """All the memory of the machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _container_limit() -> int | None:
    """What the container that this process runs in may hold at most, if it is in one."""
    try:
        limit = (CONTAINER / "memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(limit) if limit.isdigit() else None
