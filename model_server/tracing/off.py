"""Tracing that does nothing."""

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute
from starlette.types import ASGIApp


class Untraced:
    """The server's view of tracing, with no spans."""

    def rest(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
        """Wrap the application, so that each request has a span named by its route."""
        return app

    def interceptors(self) -> list[Any]:
        """Return interceptors for a gRPC server."""
        return []

    def close(self) -> None:
        """Send the remaining spans."""
