"""What can go wrong with a release. Each error is a user's to mend, so a command that meets one exits with code 2."""


class ReleaseError(Exception):
    """Base of all release errors; the message names the thing and the remedy."""

    exit_code = 2


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
