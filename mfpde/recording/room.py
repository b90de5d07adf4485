"""Room on the disk, taken before HDF5 needs it: a write that fails half-way would cost the whole file."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Room", "told"]

FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
UNSUPPORTED = {errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
SIGNATURE = b"\x89HDF\r\n\x1a\n"
END_OF_FILE = {0: 40, 1: 44, 2: 28, 3: 28}  # its place in the superblock, by the version of that


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Failures to write ``path`` as an OSError that says what became of it and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(
            errno.ENOSPC,
            f"no room to write {path} ({error.strerror}); what was saved before is whole. Make room, and "
            "resume=True, or the same command, continues from there",
        ) from error
    except RuntimeError as error:
        if not str(error).startswith("NetCDF:"):
            raise
        raise OSError(
            errno.EIO,
            f"{path} could not be written ({error}); if the disk is full, make room, and resume=True or the "
            "same command continues. If the file cannot be read, start again with overwrite=True",
        ) from error


class Room:
    """Blocks of the disk beyond the end of an HDF5 file that is open elsewhere in this process.

    HDF5 reads files that go on beyond the end noted in their superblock, so the blocks belong to the file
    before its contents do. Where the system cannot take blocks in advance, the free space is compared.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._promised = self._reserved = self._end()

    def reserve(self, size: int) -> None:
        """Make sure that HDF5 may write ``size`` bytes more.

        Raises
        ------
        OSError
            With ``errno.ENOSPC`` if it may not; the file is as before.
        """
        if self._promised + size > self._reserved:
            self._take(size)
        self._promised += size

    def _take(self, size: int) -> None:
        start, free = self._promised, shutil.disk_usage(self._path).free
        try:
            os.posix_fallocate(self._file, start, size)
        except (AttributeError, OSError) as error:
            number = getattr(error, "errno", None)
            if number in FULL or free < size:
                told = f"{size / 1e6:.2g} MB asked for, {free / 1e6:.2g} MB free"
                raise OSError(errno.ENOSPC, told) from error
            if number is not None and number not in UNSUPPORTED:
                raise
        self._reserved = start + size

    def written(self) -> None:
        """Note that HDF5 has flushed: what it did not use serves the next record."""
        self._promised = self._end()
        self._reserved = max(self._promised, min(self._reserved, os.fstat(self._file).st_size))

    def give_back(self) -> None:
        """Cut off what was not used, once HDF5 has closed the file."""
        if os.fstat(self._file).st_size > (end := self._end()):
            os.ftruncate(self._file, end)

    def close(self) -> None:
        """Close the file, as long as it is."""
        os.close(self._file)

    def _end(self) -> int:
        """The end of what HDF5 has written, from the superblock on the disk."""
        os.lseek(self._file, 0, os.SEEK_SET)
        block = os.read(self._file, 64)
        place = END_OF_FILE.get(block[8]) if block.startswith(SIGNATURE) and len(block) == 64 else None
        size = os.fstat(self._file).st_size
        return size if place is None else min(size, int.from_bytes(block[place : place + 8], "little"))
