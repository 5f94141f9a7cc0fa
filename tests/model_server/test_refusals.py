"""A server that cannot start as asked ends with exit code 2 and one line that names the thing and the remedy."""

import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from kit.server_process import ModelServer, free_port, run_to_end

from model_server.cli import app
from sentiment_common.console import run

Ends = Callable[..., str]


@pytest.fixture
def ends(serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Ends:
    """Run the program, which must refuse; its one line of standard error."""

    def program(*flags: str, model_dir: Path = serving, **environment: str) -> str:
        settings = {"DATABASE_URL": f"sqlite:///{tmp_path}/log.db", "SPILL_DIR": str(tmp_path / "spill")}
        for name, value in (settings | {"HOST": "127.0.0.1"} | environment).items():
            monkeypatch.setenv(name, value)
        ports = ["--http_port", str(free_port()), "--grpc_port", str(free_port())]
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            run(lambda: app(["--model_dir", str(model_dir), *ports, *flags], standalone_mode=False))
        (line,) = capfd.readouterr().err.splitlines()
        assert ended.value.code == 2 and line.startswith("error: ")
        return line

    return program


def test_the_process_ends_with_2_and_no_traceback(damaged, tmp_path, tiny_release):
    """Refused like the cases below, but in a separate process."""
    change_a_byte(damaged / "tokenizer.json")
    code, output = run_to_end(damaged, tmp_path / "work")
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert code == 2 and len(errors) == 1 and "tokenizer.json" in errors[0], output
    assert "Traceback" not in output


def change_a_byte(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("flag", ["http_port", "grpc_port"])
def test_a_port_in_use(ends, flag):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        line = ends(f"--{flag}", port)
    assert f"{flag} {port} of " in line and f"set another {flag.upper()}" in line


def test_a_second_server_on_the_same_ports(server: ModelServer, ends):
    """SO_REUSEPORT would let both listen and split the requests between them."""
    assert "set another HTTP_PORT" in ends("--http_port", str(server.http_port))
    assert "set another GRPC_PORT" in ends("--grpc_port", str(server.grpc_port))


@pytest.mark.parametrize("workers", ["4", "0"])
def test_several_processes_at_one_port(ends, workers):
    """KServe's flag: each worker would have a separate queue and metrics, and a scrape would reach any of them."""
    line = ends("--workers", workers)
    assert f"--workers is {workers}" in line and "replicas" in line


def test_one_process_may_be_asked_for(ends):
    assert "or HOST" in ends("--workers", "1", "--host", "203.0.113.7")


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="the system shares no ports")
def test_its_ports_cannot_be_shared(server: ModelServer):
    """Linux lets a second socket listen where the first one allowed it: another program would get part of the calls."""
    for port in (server.http_port, server.grpc_port):
        with closing(socket.socket()) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))


def test_a_host_that_is_not_here(ends):
    assert "http_port" in ends("--host", "203.0.113.7")


@pytest.fixture
def damaged(serving: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(serving, tmp_path / "damaged"))


@pytest.mark.parametrize("name", ["openvino-fp32/model.bin", "tokenizer.json", "golden.json"])
def test_a_changed_byte(ends, damaged, name):
    change_a_byte(damaged / name)
    assert Path(name).name in ends(model_dir=damaged)


def test_a_missing_file(ends, damaged):
    (damaged / "openvino-fp32/model.xml").unlink()
    assert "model.xml" in ends(model_dir=damaged)


def test_a_manifest_that_was_edited(ends, damaged, tiny_release):
    manifest = damaged / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"decision_threshold":0.5', b'"decision_threshold":0.4'))
    line = ends("--release_id", tiny_release[1], model_dir=damaged)
    assert tiny_release[1] in line
    manifest.write_bytes(b"{}")
    assert "manifest.json" in ends(model_dir=damaged)


def test_another_release_than_the_expected_one(ends, tiny_release):
    line = ends("--release_id", "0123456789abcdef")
    assert "0123456789abcdef" in line and tiny_release[1] in line


def test_a_folder_without_a_release(ends, tmp_path):
    assert str(tmp_path / "nowhere") in ends(model_dir=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty" in ends(model_dir=tmp_path / "empty")


def test_an_unknown_variant(ends):
    line = ends("--variant", "openvino-int4")
    assert "openvino-int4" in line and "openvino-fp32" in line


def test_a_variant_that_was_not_fetched(ends):
    line = ends("--variant", "torch")
    assert "torch" in line and "serving" in line and "RELEASES_URI" in line


def test_a_variant_that_is_not_in_the_store_either(ends, tmp_path):
    line = ends("--variant", "torch", RELEASES_URI=str(tmp_path / "empty"))
    assert "no release" in line and str(tmp_path / "empty") in line


def test_torch_that_is_not_installed(ends, whole_release, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_server.engines.torch", None)
    assert "pip install 'sentiment-pipeline[serve,torch]'" in ends("--variant", "torch", model_dir=whole_release)


def test_cuda_without_a_device(ends, whole_release, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    line = ends("--variant", "torch", model_dir=whole_release, DEVICE="cuda")
    assert "finds no CUDA device" in line and "DEVICE=cpu" in line


def test_more_streams_than_threads(ends):
    line = ends(ENGINE_STREAMS="3", ENGINE_THREADS="2")
    assert "ENGINE_STREAMS=3" in line and "2 threads" in line


def test_streams_for_torch(ends, whole_release):
    assert "leave it at 1" in ends("--variant", "torch", model_dir=whole_release, ENGINE_STREAMS="2")


def test_an_unknown_variant_is_named_on_a_card_too(ends):
    assert "openvino-fp32" in ends("--variant", "torhc", DEVICE="cuda")


def test_cuda_for_a_variant_of_the_cpu(ends):
    assert "VARIANT=torch" in ends(DEVICE="cuda")


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "postgresql://host:port/db"])
def test_an_invalid_database_url(ends, url):
    assert "DATABASE_URL" in ends(DATABASE_URL=url)


def test_an_invalid_spill_uri(ends):
    assert "SPILL_URI 'gopher://x'" in ends(SPILL_URI="gopher://x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_TEXTS", "many"),
        ("MAX_BATCH_TOKENS", "0"),
        ("ENGINE_STREAMS", "0"),
        ("LOG_TEXT", "some"),
        ("CORS_ORIGINS", "page.example"),
        ("RELEASE_ID", "latest"),
        ("DRAIN_SECONDS", "-1"),
        ("MAX_WAIT_SECONDS", "0"),
        ("MAX_WINDOWS", "0"),
        ("EXPLAIN_PASSES", "1"),
        ("DEVICE", "tpu"),
        ("DTYPE", "fp16"),
    ],
)
def test_a_bad_setting(ends, name, value):
    line = ends(**{name: value})
    assert name.lower() in line.lower() and value in line


def test_missing_keys_and_certificates(ends, tmp_path):
    nowhere = str(tmp_path / "nowhere")
    assert nowhere in ends(API_KEYS_FILE=nowhere)
    assert nowhere in ends(API_KEYS_FILE="", TLS_CERT_FILE=nowhere, TLS_KEY_FILE=nowhere)
    assert "give both or none" in ends(TLS_CERT_FILE=nowhere, TLS_KEY_FILE="")


def test_hot_swap_without_keys(ends):
    assert "api_keys_file" in ends(HOT_SWAP="true")


def test_one_port_for_both(ends):
    assert "give two ports" in ends("--http_port", "18099", "--grpc_port", "18099")
