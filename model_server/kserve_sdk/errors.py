"""The server's errors as exceptions that KServe's edges answer with the right HTTP status and gRPC code.

KServe has exceptions for 400, 404, 501 and 503 only. Every other error goes as a `Refusal` over REST, whose handler
answers `{"error": "..."}`, and as the interceptor's own exception over gRPC.
"""

import kserve.errors as theirs
from grpc_interceptor.exceptions import GrpcException
from kserve.model_server import app
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from model_server.errors import InvalidInput, NotFound, NotOffered, ServingError, Unavailable
from model_server.rest.exchange import error_response


class NotReady(theirs.ModelNotReady):  # type: ignore[misc]
    """KServe's error, with the `reason` that its gRPC interceptor reads and its own class lacks."""

    def __init__(self, reason: str) -> None:
        Exception.__init__(self, reason)
        self.reason = self.error_msg = reason


class Missing(theirs.ModelNotFound):  # type: ignore[misc]
    """KServe's error, with a reason phrase."""

    def __init__(self, reason: str) -> None:
        Exception.__init__(self, reason)
        self.reason = reason


class NotImplementedHere(NotImplementedError):
    """Python's error, with the `reason` that KServe's gRPC interceptor reads."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refusal(HTTPException):
    """An error for REST that KServe has no exception for."""

    def __init__(self, error: ServingError) -> None:
        super().__init__(error.status, str(error))
        self.error = error


async def _answer(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # it handles no other
    return error_response(refusal.error)


app.add_exception_handler(Refusal, _answer)


def as_kserves(error: ServingError, *, grpc: bool) -> Exception:
    """Convert an error of this server to the exception that KServe's edges understand."""
    match error:
        case InvalidInput():
            invalid: Exception = theirs.InvalidInput(str(error))
            return invalid
        case NotFound():
            return Missing(str(error))
        case Unavailable():
            return NotReady(str(error))
        case NotOffered():
            return NotImplementedHere(str(error))
    return GrpcException(str(error), error.code) if grpc else Refusal(error)


def as_ours(error: Exception) -> Exception:
    """Translate exceptions of KServe that a subclass raised into errors with a status; return others unchanged."""
    match error:
        case theirs.InvalidInput():
            return InvalidInput(str(error))
        case theirs.ModelNotFound():
            return NotFound(str(error))
        case theirs.ModelNotReady():
            return Unavailable(str(error))
    return error


def status_of(error: Exception | None, *, grpc: bool) -> str:
    """Return the HTTP status or gRPC code that a request ended with, as metrics count it."""
    if error is None:
        return "OK" if grpc else "200"
    if isinstance(error, ServingError):
        return error.code.name if grpc else str(int(error.status))
    return "INTERNAL" if grpc else "500"
