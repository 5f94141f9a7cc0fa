import subprocess
import sys

PROGRAM = """
from model_release.console import run
from model_release import ReleaseNotFound
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    max_tokens: int = 5

def program():
    {body}

run(program)
"""


def outcome(body: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(body=body)], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_a_users_mistake_is_one_line_and_code_2() -> None:
    code, printed = outcome("raise ReleaseNotFound('no release [abc]; publish one')")
    assert (code, printed.strip()) == (2, "error: no release [abc]; publish one")


def test_a_bad_setting_is_named_with_its_value() -> None:
    code, printed = outcome("Settings()", MAX_TOKENS="many")
    assert code == 2
    assert "max_tokens" in printed and "'many'" in printed and "Traceback" not in printed


def test_a_bug_keeps_its_traceback() -> None:
    code, printed = outcome("{}['x']")
    assert code == 1
    assert "Traceback" in printed
