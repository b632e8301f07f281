"""The only ways in which foodbench writes a file.

`atomic_write` replaces a file as a whole: a reader, or a crash at any moment, sees the old content or the new one.
`AppendLog` appends whole lines with one `write(2)` each, so that a killed process loses nothing it has acknowledged
and at most leaves one torn last line, which `read_json_lines` drops. `kill -9` keeps the page cache, so `write(2)` is
enough for that; fsync is for power loss and is done at most once a second and on close (measured: one fdatasync per
record costs a factor of 6 in throughput).
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import json
import os
import stat
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from foodbench.core.errors import DataCorrupt, StorageFull

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


def _storage_error(path: Path, error: OSError) -> NoReturn:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.errno in _FULL:
        raise StorageFull(
            f"Cannot write {path}: {reason}.",
            hint="Free some space (or choose another folder with --out) and run the same command again; it continues.",
        ) from error
    raise StorageFull(
        f"Cannot write {path}: {reason}.", hint="Check the folder's permissions, then run the same command again."
    ) from error


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = os.write(descriptor, view)
        view = view[written:]


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive power loss. Folders cannot be opened on Windows: nothing to do there."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def atomic_write(path: Path, content: bytes | str, *, sync: bool = True) -> None:
    """Replace `path` by `content` as a whole, creating its folders.

    The content goes to a temporary file in the same folder, is synced, and is renamed over `path`.

    Args:
        path: the file.
        content: all of it.
        sync: False for what can be made again: whole unless the machine itself stops.

    Raises:
        StorageFull: the file could not be written; `path` is as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            _write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _storage_error(path, error)
    if sync:
        _sync_folder(path.parent)


def clear_temporaries(folder: Path) -> None:
    """Delete what killed `atomic_write`s have left in a folder. Only where no other process is writing."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


def atomic_write_json(path: Path, value: Any) -> None:
    """`atomic_write` of indented JSON with a final newline. NaN and infinity are refused.

    Raises:
        StorageFull: as `atomic_write`.
        ValueError: the value is not plain JSON.
    """
    atomic_write(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


class AppendLog:
    """A JSON Lines file that is only ever appended to.

    On opening, a torn last line (no newline: the writer was killed in the middle) is cut off, so that the next record
    begins on a line of its own.
    """

    def __init__(self, path: Path, *, sync_seconds: float = 1.0) -> None:
        """Open `path` for appending, creating it and its folders.

        Raises:
            StorageFull: the file cannot be opened for writing.
        """
        self.path = path
        self._sync_seconds = sync_seconds
        self._last_sync = time.monotonic()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self._cut_torn_line()
        except OSError as error:
            _storage_error(path, error)

    def _cut_torn_line(self) -> None:
        size = end = os.fstat(self._descriptor).st_size
        while end:
            start = max(0, end - 65536)
            newline = os.pread(self._descriptor, end - start, start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            os.ftruncate(self._descriptor, end)

    def append(self, *records: Any) -> None:
        """Append records, one line each, in a single write.

        Raises:
            StorageFull: not all of it could be written; what was written of it is cut off again.
            ValueError: a record is not plain JSON.
        """
        lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False) for record in records]
        data = ("\n".join(lines) + "\n").encode() if lines else b""
        before = os.fstat(self._descriptor).st_size
        try:
            _write_all(self._descriptor, data)
            if time.monotonic() - self._last_sync >= self._sync_seconds:
                os.fsync(self._descriptor)
                self._last_sync = time.monotonic()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, before)
            _storage_error(self.path, error)

    def close(self) -> None:
        """Sync and close."""
        with contextlib.suppress(OSError):
            os.fsync(self._descriptor)
        os.close(self._descriptor)

    def __enter__(self) -> AppendLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def file_lock(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold an exclusive lock on a file, created if need be. The lock goes when its process dies, however it dies.

    Args:
        path: the lock's file; it stays, empty.
        wait: wait for the holder; otherwise raise.

    Yields:
        whether a lock is held: some systems and network folders have none.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
        StorageFull: the file cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("ab")
    except OSError as error:
        _storage_error(path, error)
    with stream:
        try:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except (ImportError, OSError):
            yield False
            return
        yield True


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading, if it is one: a pipe would be waited for without end, a device would never end.

    Raises:
        OSError: it is absent, cannot be read, or is something else than a file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _unpacked(path: Path, stream: io.BufferedReader) -> Iterable[bytes]:
    """The lines of an open file, unpacked if its name says that they are packed."""
    return _unzipped(path, stream) if path.suffix == ".gz" else stream


def _unzipped(path: Path, stream: io.BufferedReader) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            yield from unpacked
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataCorrupt(f"{path} is not a whole gzip file: {error}.", hint="Restore the file.") from error


def read_json_lines(path: Path, *, torn: bool = True) -> Iterator[Any]:
    """Yield the records of a JSON Lines file, as `numbered_json_lines` without the numbers."""
    return (record for _, record in numbered_json_lines(path, torn=torn))


def numbered_json_lines(path: Path, *, torn: bool = True) -> Iterator[tuple[int, Any]]:
    """Yield the records of a JSON Lines file, each with the number of its line in the file. Blank lines hold none.

    Args:
        path: the file; with a name in `.gz` it is unpacked while it is read.
        torn: the last line may be a torn one (no line feed: its writer was killed), and is then left out. False for a
            file that a person made, whose last line counts with or without a line feed.

    Raises:
        DataCorrupt: a line other than an unfinished last one is not JSON, or a compressed file is damaged.
        OSError: the file cannot be read.
    """
    with open_regular(path) as stream:
        for number, line in enumerate(_unpacked(path, stream), start=1):
            if torn and not line.endswith(b"\n"):
                return
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataCorrupt(
                    f"{path}, line {number}: not valid JSON.", hint="Restore the file, or delete it to start anew."
                ) from error
            yield number, record
