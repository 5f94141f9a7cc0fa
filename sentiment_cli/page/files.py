"""The page's built files, with headers that restrict the page to its own files."""

from pathlib import Path

from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from sentiment_cli.errors import CliError

# A copy of those in frontend/nginx/default.conf.template; a test compares them.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Files under assets/ carry the hash of their content in their name.
_FOREVER, _ASK = "public, max-age=31536000, immutable", "no-cache"


class PageNotBuilt(CliError):
    """The page's built files are missing."""


def check_built(folder: Path) -> None:
    """Check that the page is built.

    Raises:
        PageNotBuilt: the files are missing; the message names the build command.
    """
    if not (folder / "index.html").is_file():
        raise PageNotBuilt(
            f"the page is not built: {folder} has no index.html; type: make frontend (it needs Node.js 20.19 "
            "or newer), or set PAGE_DIR to a folder with the built files"
        )


class PageFiles:
    """Serve a folder, `index.html` for `/`."""

    def __init__(self, folder: Path) -> None:
        self._files = StaticFiles(directory=folder, html=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = _FOREVER if scope["path"].startswith("/assets/") else _ASK

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                added = HEADERS | {"Cache-Control": kept}
                pairs = [(name.lower().encode(), value.encode()) for name, value in added.items()]
                message["headers"] = [*message.get("headers", ()), *pairs]
            await send(message)

        await self._files(scope, receive, sending)
