"""Errors of a release and its store."""

from sentiment_common.errors import UserError


class ReleaseError(UserError):
    """Base of all release errors."""


class ReleaseNotFound(ReleaseError):
    """No release has this id or prefix; a release without a root manifest does not exist."""


class ReleaseCorrupt(ReleaseError):
    """The content differs from the manifest."""


class ReleaseMisplaced(ReleaseError):
    """The release is stored under another model's name than its manifest states."""


class StoreUnreachable(ReleaseError):
    """The store cannot be read or written."""


class StoreFull(StoreUnreachable):
    """The store has no space left, or its quota is used up."""


class GoldenMismatch(ReleaseError):
    """The loaded engine's answers to the golden inputs differ from the recorded ones."""
