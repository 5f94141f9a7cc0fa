"""Addresses: shown without their passwords, and reached through a proxy or not."""

from urllib.parse import urlsplit, urlunsplit


def without_password(uri: str) -> str:
    """Return an address without its user and password; other texts stay unchanged."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # such as a bracket that is not closed, behind a password
        return uri.split("://", 1)[0] + "://…" if "://" in uri else uri
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc="…@" + parts.netloc.rsplit("@", 1)[1]))


def proxy_of(url: str) -> str | None:
    """Return the proxy of requests to a URL, by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."""
    if not url.startswith(("http://", "https://")):
        return None
    from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy  # not in the serving image

    found = select_proxy(url, get_environ_proxies(url))
    return str(prepend_scheme_if_needed(found, "http")) if found else None
