"""`python -m model_server`."""

if __name__ == "__main__":
    from model_server.cli import app
    from sentiment_common.console import run

    run(app)
