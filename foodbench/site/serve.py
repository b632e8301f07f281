"""A look at the built site over HTTP, from this machine only."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from foodbench.core.errors import DataMissing, UsageError

HOST = "127.0.0.1"


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing; folders without an index are not listed."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed per request."""

    def list_directory(self, path: object) -> None:
        """Not found: the site links to files only."""
        self.send_error(404)


@contextmanager
def server(folder: Path, port: int) -> Iterator[ThreadingHTTPServer]:
    """A server of a built site; `serve_forever` runs it.

    Args:
        folder: the site.
        port: 0 for any that is free.

    Raises:
        DataMissing: nothing was built there.
        UsageError: the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise DataMissing(f"There is no site in {folder}.", hint="Build it: foodbench leaderboard build")
    try:
        found = ThreadingHTTPServer((HOST, port), functools.partial(_Quiet, directory=str(folder)))
    except OSError as error:
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}.", hint="Choose another with --port."
        ) from error
    try:
        yield found
    finally:
        found.server_close()
