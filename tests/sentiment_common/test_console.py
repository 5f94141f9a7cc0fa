import subprocess
import sys

import pytest

from sentiment_common.addresses import without_password

PROGRAM = """
from sentiment_common.console import run
from model_release import ReleaseNotFound
from pydantic import field_validator, model_validator
from pydantic_settings import BaseSettings

class Settings(BaseSettings):
    max_tokens: int = 5
    address: str = ""
    limit: int = 100

    @field_validator("address")
    @classmethod
    def of_a_server(cls, value):
        if value.startswith("no://"):
            raise ValueError("give a server's")
        return value

    @model_validator(mode="after")
    def within_limit(self):
        if self.max_tokens > self.limit:
            raise ValueError("MAX_TOKENS is above LIMIT")
        return self

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


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"ADDRESS": "no://me:hunter2@host/db"}, "address: give a server's (given: 'no://…@host/db')"),
        ({"ADDRESS": "pg://me:hunter2@host/db", "MAX_TOKENS": "200"}, "MAX_TOKENS is above LIMIT"),
    ],
)
def test_passwords_are_not_printed(environment: dict[str, str], named: str) -> None:
    code, printed = outcome("Settings()", **environment)
    assert (code, printed.strip()) == (2, f"error: {named}")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@host:5000/x", "http://…@host:5000/x"),
        ("postgresql://me:se@cret@[::1]:5432/db", "postgresql://…@[::1]:5432/db"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("many", "many"),
        ("http://me:secret@[host/x", "http://…"),
    ],
)
def test_an_address_is_shown_without_its_password(uri: str, shown: str) -> None:
    assert without_password(uri) == shown


def test_a_bug_keeps_its_traceback() -> None:
    code, printed = outcome("{}['x']")
    assert code == 1
    assert "Traceback" in printed
