"""Tracing that is off."""

from collections.abc import Sequence
from typing import Any

from starlette.routing import BaseRoute
from starlette.types import ASGIApp


class Untraced:
    """The server's view of tracing, with no spans."""

    def rest(self, app: ASGIApp, routes: Sequence[BaseRoute]) -> ASGIApp:
        """The application with a span for each request, named by its route."""
        return app

    def interceptors(self) -> list[Any]:
        """Interceptors of a gRPC server."""
        return []

    def close(self) -> None:
        """Send the spans that are left."""
