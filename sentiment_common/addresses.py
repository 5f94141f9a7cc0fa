"""Addresses as they may be shown: in messages, in MLflow, in a model card."""

from urllib.parse import urlsplit, urlunsplit


def without_password(uri: str) -> str:
    """The address without the user and password that it may hold; a text that is no address stays as it is."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as a bracket that is not closed, behind a password
        return uri.split("://", 1)[0] + "://…" if "://" in uri else uri
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc="…@" + parts.netloc.rsplit("@", 1)[1]))
