"""TLS from files on both transports: answers, refusals of plain text, renewed certificates."""

import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from kit.certificates import issue
from kit.server_process import ModelServer, wait_for
from kit.v2_requests import INFER, grpc_request, json_request, read_rest, read_rpc
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_server.errors import StartError
from model_server.tls import Certificate


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    return {name: issue(folder, name) for name in ("first", "second")}


def put(pair: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """Copy a pair to the names that a server reads."""
    for source, name in zip(pair, ("tls.crt", "tls.key"), strict=True):
        shutil.copy(source, folder / f".{name}")
        (folder / f".{name}").replace(folder / name)
    return folder / "tls.crt", folder / "tls.key"


@pytest.mark.parametrize("swap", [("first", "second"), ("first", None), (None, "first")])
def test_files_that_do_not_fit_refuse_the_start(tmp_path, files, swap):
    (tmp_path / "other").write_text("no PEM")
    chain = files[swap[0]][0] if swap[0] else tmp_path / "other"
    key = files[swap[1]][1] if swap[1] else tmp_path / "nowhere"
    with pytest.raises(StartError, match="TLS_CERT_FILE"):
        Certificate(chain, key)


def test_a_renewal_that_is_half_done_leaves_the_former(tmp_path, files, caplog):
    chain, key = put(files["first"], tmp_path)
    certificate = Certificate(chain, key)
    before = certificate._pem
    shutil.copy(files["second"][0], chain)
    certificate.refresh()
    assert certificate._pem == before and "former certificate stays" in caplog.text
    shutil.copy(files["second"][1], key)
    certificate.refresh()
    assert certificate._pem != before
    chain.unlink()
    certificate.refresh()
    assert certificate._pem[1] == files["second"][0].read_bytes()


class TlsServer(ModelServer):
    """A server whose readiness is queried over https."""

    trusted: Path

    def ready(self) -> bool:
        assert self.process.poll() is None, self.output
        try:
            return self.get("/v2/health/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def get(self, path: str) -> httpx.Response:
        with self.client(self.trusted) as client:
            return client.get(path)

    def client(self, trusted: Path) -> httpx.Client:
        url = f"https://localhost:{self.http_port}"
        return httpx.Client(base_url=url, verify=ssl.create_default_context(cafile=str(trusted)), trust_env=False)


@pytest.fixture(scope="module")
def tls(
    serving: Path, files: dict[str, tuple[Path, Path]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    work = tmp_path_factory.mktemp("tls")
    chain, key = put(files["first"], work)
    server = TlsServer(serving, work, TLS_CERT_FILE=str(chain), TLS_KEY_FILE=str(key))
    server.trusted = files["first"][0]
    try:
        server.wait_ready()
        yield server
    finally:
        server.process.kill()
        server.process.wait(20)


def ask_rpc(server: TlsServer, trusted: Path) -> Any:
    credentials = grpc.ssl_channel_credentials(trusted.read_bytes())
    with grpc.secure_channel(f"localhost:{server.grpc_port}", credentials) as channel:
        return read_rpc(GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["a film"]), timeout=20))


def test_both_transports_answer_over_tls_and_renew(tls, files, tmp_path_factory):
    with tls.client(files["first"][0]) as client:
        assert list(read_rest(client.post(INFER, json=json_request(["a film"])))) == list(ask_rpc(tls, tls.trusted))
        put(files["second"], Path(str(tls._output)).parent)
        wait_for(lambda: "renewed certificate" in tls.output, "the renewal", 60)
        assert client.post(INFER, json=json_request(["a film"])).status_code == 200  # its connection stays open
    tls.trusted = files["second"][0]
    assert tls.get("/v2/health/ready").status_code == 200
    assert ask_rpc(tls, files["second"][0])
    with tls.client(files["first"][0]) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY"):
        client.get("/v2/health/live")
    with pytest.raises(grpc.RpcError):
        ask_rpc(tls, files["first"][0])
    assert "Traceback" not in tls.output


def test_plain_text_and_old_protocols_are_refused(tls):
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{tls.url}/v2/health/live", trust_env=False)
    with grpc.insecure_channel(tls.grpc_target) as channel, pytest.raises(grpc.RpcError) as refused:
        GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["a"]), timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    old = ssl.create_default_context(cafile=str(tls.trusted))
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"https://localhost:{tls.http_port}/v2/health/live", verify=old, trust_env=False)
