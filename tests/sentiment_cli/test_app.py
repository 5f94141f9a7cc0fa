"""The command line as a person meets it."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "openvino", "mlflow", "kserve", "sqlalchemy", "transformers", "pandas", "numpy")


def imported_by(*arguments: str) -> tuple[set[str], str]:
    """The heavy modules that a command imports, and what it prints."""
    program = (
        "import sys, json, contextlib\n"
        f"sys.argv = ['sentiment', *{list(arguments)!r}]\n"
        "from sentiment_cli.app import main\n"
        "with contextlib.suppress(SystemExit):\n    main()\n"
        f"print('\\n' + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])), done.stdout


def test_help_lists_every_command_without_importing_a_program():
    from sentiment_cli.app import COMMANDS

    modules, text = imported_by("--help")
    assert modules == set()
    for name in ("demo", "train", "search", "promote", "rollback", "serve", "drift", "status", "doctor", "releases"):
        assert name in COMMANDS
        assert f" {name} " in text


@pytest.mark.parametrize("command", ["serve", "status", "doctor", "demo", "releases"])
def test_a_commands_own_help_imports_nothing_heavy(command):
    modules, text = imported_by(command, "--help")
    assert modules == set()
    assert f"sentiment {command} [OPTIONS]" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train", "--help"), "--mode"),
        (("search", "--help"), "--n-trials"),
        (("promote", "--help"), "promote"),
        (("rollback", "--help"), "rollback"),
        (("drift", "--help"), "check"),
        (("drift", "check", "--help"), "--hours"),
    ],
)
def test_the_programs_commands_show_their_full_help(alone, arguments, words):
    done = alone(*arguments)
    assert done.returncode == 0, done.stderr
    assert f"sentiment {' '.join(arguments[:-1])}" in done.stdout
    assert words in done.stdout


@pytest.mark.parametrize("command", ["serve", "status", "doctor", "demo", "releases", "train", "promote"])
def test_help_shows_every_word_of_an_option_and_wraps_once(command, alone):
    from sentiment_cli.app import COMMANDS

    done = alone(command, "--help", COLUMNS="400")
    shown = " ".join(done.stdout.split())
    found = COMMANDS[command].load()
    for option in found.params:
        text = " ".join((getattr(option, "help", None) or "").split())
        assert text.replace("\\[", "[") in shown  # without the backslash Rich reads [a word] as markup
    for paragraph in found.help.split("\n\n"):
        assert paragraph in shown


def test_a_misspelt_command_is_answered_with_the_likely_one(alone):
    done = alone("srve")
    assert done.returncode == 2
    assert "'serve'" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_command_shows_the_help(alone):
    done = alone()
    assert "Train, release, serve" in done.stdout + done.stderr


def test_version(alone):
    done = alone("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("sentiment-pipeline 0.")


def test_a_missing_extra_is_named_with_the_line_that_installs_it():
    program = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'fsspec' or name.startswith('fsspec.'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "sys.argv = ['sentiment', 'releases']\n"
        "import typer\n"
        "from sentiment_cli.app import app\n"
        "try:\n    app(prog_name='sentiment')\n"
        "except Exception as error:\n    print(type(error).__name__, error.exit_code, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("MissingExtra 2 `sentiment releases` needs the module 'fsspec'")
    assert "pip install 'sentiment-pipeline[serve]'" in done.stdout


def test_a_bad_setting_is_named(alone):
    done = alone("releases", HTTP_PORT="eighty")
    assert done.returncode == 2
    assert "http_port" in done.stderr.lower()
    assert "eighty" in done.stderr
    assert "Traceback" not in done.stderr


def test_releases_of_an_empty_store_says_what_to_type(alone, tmp_path):
    done = alone("releases", RELEASES_URI=str(tmp_path))
    assert done.returncode == 0
    assert "sentiment train" in done.stdout


def test_releases_marks_the_champion(alone, tiny_release):
    uri, release_id = tiny_release
    done = alone("releases", "--releases-uri", uri)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if release_id in line)
    assert line.split()[1] == "champion"
    assert "0.500 (0.400 to 0.600)" in line


def test_the_grpc_client_does_not_load_kserve():
    """`import kserve` would parse this program's options with its own parser."""
    program = (
        "import sys\n"
        "from sentiment_cli.client.transports import connect\n"
        "connect('grpc', '', '127.0.0.1:9').close()\n"
        "print('kserve' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.split() == ["False"], done.stderr
