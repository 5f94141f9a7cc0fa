"""`python -m model_server`."""

if __name__ == "__main__":
    from model_release.console import run
    from model_server.cli import app

    run(app)
