"""Errors of a release and its store."""

from sentiment_common.errors import UserError


class ReleaseError(UserError):
    """Base of all release errors."""


class ReleaseNotFound(ReleaseError):
    """No release has that id or prefix (a release without a root manifest does not exist)."""


class ReleaseCorrupt(ReleaseError):
    """The content differs from what the manifest promises."""


class ReleaseMisplaced(ReleaseError):
    """The release lies under another model's name than its manifest states."""


class StoreUnreachable(ReleaseError):
    """The place of the releases cannot be read or written."""


class StoreFull(StoreUnreachable):
    """The place of the releases has no space left, or its quota is used up."""


class GoldenMismatch(ReleaseError):
    """The loaded engine answers the golden inputs otherwise than it did when the release was made."""
