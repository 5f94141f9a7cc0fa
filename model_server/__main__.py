"""`python -m model_server`."""

if __name__ == "__main__":
    import signal
    import sys

    # Until the server has its own handler: a container's first process ignores a signal that it does not handle.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from model_server.cli import app
    from sentiment_common.console import run

    run(app)
