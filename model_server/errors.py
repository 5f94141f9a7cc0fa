"""The server's errors: each class owns its HTTP status and its gRPC code, and both transports only translate."""

from http import HTTPStatus

import grpc

from model_release.scoring.features import replace_surrogates
from sentiment_common.errors import UserError
from sentiment_common.http.refusal import Refusal

_MESSAGE_HEAD, _MESSAGE_TAIL = 200, 150


class ServingError(Exception):
    """Base class; the message is for the client and names the field and the remedy.

    A message may quote what the client sent: a long one is cut in its middle (gRPC allows 8 KiB in all), and lone
    surrogates, which no transport can carry, are replaced.
    """

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    code = grpc.StatusCode.INTERNAL
    retry_after: int | None = None

    def __init__(self, message: str) -> None:
        if len(message) > _MESSAGE_HEAD + _MESSAGE_TAIL:
            message = f"{message[:_MESSAGE_HEAD]} … {message[-_MESSAGE_TAIL:]}"
        super().__init__(replace_surrogates(message))


class InvalidInput(ServingError):
    status = HTTPStatus.BAD_REQUEST
    code = grpc.StatusCode.INVALID_ARGUMENT


class TooLarge(ServingError):
    """Over a limit. Not RESOURCE_EXHAUSTED in gRPC: clients take that as overload and retry."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = grpc.StatusCode.INVALID_ARGUMENT


class TooSlow(ServingError):
    """The request did not arrive in its time: the client's fault, unlike a deadline that passes in the queue."""

    status = HTTPStatus.REQUEST_TIMEOUT
    code = grpc.StatusCode.DEADLINE_EXCEEDED


class UnsupportedCoding(ServingError):
    """A body in a content coding that is not offered."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = grpc.StatusCode.INVALID_ARGUMENT


class UnsupportedMedia(ServingError):
    """A body in a format that is not offered."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = grpc.StatusCode.INVALID_ARGUMENT


class NotFound(ServingError):
    status = HTTPStatus.NOT_FOUND
    code = grpc.StatusCode.NOT_FOUND


class Unauthenticated(ServingError):
    """The API key is missing or unknown."""

    status = HTTPStatus.UNAUTHORIZED
    code = grpc.StatusCode.UNAUTHENTICATED


class Forbidden(ServingError):
    """The key is known but may not do this."""

    status = HTTPStatus.FORBIDDEN
    code = grpc.StatusCode.PERMISSION_DENIED


class NotOffered(ServingError):
    """A part of the protocol that this server's settings do not offer."""

    status = HTTPStatus.NOT_IMPLEMENTED
    code = grpc.StatusCode.UNIMPLEMENTED


class LoadFailed(ServingError):
    """The release to load cannot be served; the former one still answers."""

    status = HTTPStatus.CONFLICT
    code = grpc.StatusCode.FAILED_PRECONDITION


class NotReceived(ServingError):
    """The HTTP layer refused the rest of the body and has answered; the status is for the metrics."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.status, self.retry_after = refusal.status, refusal.retry_after


class ClientGone(ServingError):
    """The client left before its answer; the status is for the metrics (nginx's, since HTTP has none)."""

    status = 499
    code = grpc.StatusCode.CANCELLED


class Overloaded(ServingError):
    """The queue is full or too slow for the request, or its key's limit is reached: nothing of it was queued."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(ServingError):
    """The client's deadline has passed, or would pass before the request's turn."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = grpc.StatusCode.DEADLINE_EXCEEDED

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ServingError):
    """The server is not ready or is stopping, or the log's database is needed and down."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = grpc.StatusCode.UNAVAILABLE
    retry_after = 1


class BadGateway(ServingError):
    """The server behind this process gave an unusable answer."""

    status = HTTPStatus.BAD_GATEWAY


class StartError(UserError):
    """The server cannot start as configured; the message names the setting."""
