"""The modules of the serving benchmarks, which are scripts without a package, and a server with given answers."""

import contextlib
import importlib.util
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

Answer = Callable[[int, bytes], list[bytes] | None]
_FOLDER = Path(__file__).parents[2] / "benchmarks/serving"


def serving_module(name: str) -> ModuleType:
    """Import `benchmarks/serving/NAME.py` without its folder on the path."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_serving_{name}", _FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def http(status: int, body: bytes = b'{"outputs":[]}', more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), more, body)


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """A server whose `answer(number of the request, body)` gives the pieces of the answer, or None to hang up."""
    listener = socket.create_server(("127.0.0.1", 0))
    numbers = iter(range(10**9))

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                size = 0
                while line.strip():
                    if line.lower().startswith(b"content-length:"):
                        size = int(line.split(b":")[1])
                    line = stream.readline()
                pieces = answer(next(numbers), stream.read(size))
                if pieces is None:
                    return
                for piece in pieces:
                    connection.sendall(piece)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
