"""A real browser without internet: what a page of another origin can read, and that `/docs` shows and runs."""

import html
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from kit.server_process import ModelServer
from kit.v2_requests import INFER, LENGTH_HEADER

from model_server.rest.api_page.example import example_of, resolve
from model_server.rest.api_page.page import headers, render

PLAIN_ORIGIN = "http://page.example"  # one of the origins that the suite's server allows
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt-get install chromium)")
_PAGE = """<!doctype html><pre id="found"></pre><script>
const calls = %s;
Promise.all(calls.map(async ([path, init]) => {
  const answer = await fetch("%s" + path, init);
  return {status: answer.status, headers: Object.fromEntries(answer.headers), size: (await answer.blob()).size};
})).then((found) => { document.getElementById("found").textContent = JSON.stringify(found); },
         (error) => { document.getElementById("found").textContent = JSON.stringify(String(error)); });
</script>"""


def shown(url: str, work: Path, *, page_port: int = 9) -> str:
    """The document of a page once its scripts have run, in a browser that reaches this machine alone."""
    rules = f"MAP page.example:80 127.0.0.1:{page_port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-features=HttpsUpgrades", "--no-first-run"]
    command = [str(CHROMIUM), *flags, f"--host-resolver-rules={rules}", f"--user-data-dir={work}/profile"]
    done = subprocess.run(
        [*command, "--virtual-time-budget=30000", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
        env=os.environ | {"HOME": str(work)},
    )
    return done.stdout


@pytest.fixture
def page_port(server: ModelServer) -> Iterator[int]:
    """The port of a page of another origin that asks the server and shows what it could read."""
    outputs = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}
    infer = {"method": "POST", "body": json.dumps({"inputs": [tensor], "outputs": outputs})}
    keyed = {
        "method": "POST",
        "headers": {"X-API-Key": "a", "Content-Type": "application/json"},
        "body": '{"text": ""}',
    }
    calls = [[INFER, infer], ["/predict", keyed], ["/predict", {}], ["/health", {"method": "HEAD"}]]
    raw = (_PAGE % (json.dumps(calls), server.url)).encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        yield page.server_port
        page.shutdown()


@needs_browser
def test_a_page_of_another_origin_reads_the_protocols_headers(page_port: int, tmp_path: Path) -> None:
    document = shown(f"{PLAIN_ORIGIN}/", tmp_path, page_port=page_port)
    found = json.loads(html.unescape(re.findall(r'<pre id="found">(.*?)</pre>', document, re.DOTALL)[0]))
    infer, refused, no_method, head = found
    assert infer["status"] == 200 and int(infer["headers"][LENGTH_HEADER.lower()]) == infer["size"] - 8
    assert "server-timing" in infer["headers"]
    assert (refused["status"], no_method["status"], no_method["headers"]["allow"]) == (400, 405, "POST")
    assert (head["status"], head["size"]) == (200, 0)


@needs_browser
def test_the_documentation_shows_without_internet(server: ModelServer, tmp_path: Path) -> None:
    document = shown(f"{server.url}/docs", tmp_path)
    assert document.count("<form") >= 15 and 'data-path="/v2/models/{name}/infer"' in document
    assert 'href="/openapi.json"' in document  # as its script, which the policy has to allow, writes it


def test_the_documentation_loads_nothing_from_elsewhere(server: ModelServer) -> None:
    answer = httpx.get(f"{server.url}/docs", trust_env=False)
    assert not re.findall(r"(?:src|href|url|action)\s*[=(]\s*[\"']?(?:https?:)?//", answer.text)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    assert httpx.get(f"{server.url}/redoc", trust_env=False).status_code == 404


def test_every_example_of_the_documentation_is_answered(server: ModelServer) -> None:
    document = httpx.get(f"{server.url}/openapi.json", trust_env=False).json()
    tried = {}
    for path, methods in document["paths"].items():
        if (body := methods.get("post", {}).get("requestBody")) and "{version}" not in path:
            schema = resolve(body["content"]["application/json"]["schema"], document["components"]["schemas"])
            url = server.url + path.replace("{name}", "sentiment")
            tried[path] = httpx.post(url, json=example_of(schema), trust_env=False, timeout=60).status_code
    assert tried.pop("/feedback") == 404  # no prediction has the example's id
    assert set(tried.values()) == {200} and len(tried) >= 4


def test_a_documents_content_is_text_and_not_markup() -> None:
    operation = {"summary": "<script>alert(1)</script>", "parameters": [{"name": '"><b>', "in": "query"}]}
    document = {"info": {"title": "<i>", "version": "1"}, "paths": {'/"><a>': {"get": operation}}}
    text = render(document, "m")
    assert (
        "<script>alert" not in text
        and "<i>" not in text
        and "<a>" not in text
        and "<b>" not in text.split("<main>")[1].replace("<b>GET</b>", "")
    )
    assert "form-action 'none'" in headers()["Content-Security-Policy"]
