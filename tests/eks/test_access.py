"""Permissions in the bucket: those of the chart's accounts, and what its programs really do there."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import moto.settings
import pytest
import s3fs
from chart.rendering import render
from eks.terraform import GATEWAY, evaluate
from eks.values import both
from kit.factories import make_release
from moto.server import ThreadedMotoServer

from model_release import ReleaseStore, StoreUnreachable
from prediction_log import LogError
from prediction_log.ingest.spill_store import SpillStore

pytestmark = pytest.mark.usefixtures("terraform")
TOKEN = "token-of-the-pod"
As = Callable[[str], None]
Keys = tuple[str, str, str]  # id, secret, session token
BUCKET = "s3://sentiment-123456789012-us-east-1"


def _accounts(**variables: Any) -> set[str]:
    """ServiceAccounts of the chart that use the object store, by the annotation that the chart gives only them."""
    values = both(**variables) | {"drift": {"retrain": {"enabled": True}}}
    values["global"] = {**values["global"], "serviceAccountAnnotations": {"example.com/uses": "store"}}
    release, namespace = variables.get("release", "sentiment"), "ns"
    return {
        f"{namespace}/{each['metadata']['name']}"
        for each in render(values, release=release)
        if each["kind"] == "ServiceAccount" and "example.com/uses" in each["metadata"].get("annotations", {})
    }


@pytest.mark.parametrize("release", ["sentiment", "blue-sentiment"])
def test_accounts_of_the_chart_and_identities_are_the_same(helm: None, release: str) -> None:
    given = {"release": release, "namespace": "ns"}
    bound = {
        f"{each['namespace']}/{each['service_account']}" for each in evaluate("local.identities", **given).values()
    }
    assert bound == _accounts(**given)


def test_only_the_load_balancer_controller_comes_on_top() -> None:
    with_gateway, without = evaluate("local.identities", **GATEWAY), evaluate("local.identities")
    assert set(with_gateway) - set(without) == {"load-balancer-controller"}
    policy = json.loads(with_gateway["load-balancer-controller"]["policy"])
    actions = {action for each in policy["Statement"] for action in each["Action"]}
    assert not any(action.startswith(("ec2:Create", "ec2:Authorize", "ec2:Delete", "s3:")) for action in actions)
    changing = [each for each in policy["Statement"] if each["Resource"] == ["*"] and each["Sid"] != "Look"]
    assert all("Condition" in each for each in changing)


def test_nobody_has_more_than_objects_of_this_bucket() -> None:
    for component, text in evaluate("local.policies").items():
        for statement in json.loads(text)["Statement"]:
            assert all(action.startswith("s3:") and "*" not in action for action in statement["Action"]), component
            for resource in statement["Resource"]:
                assert resource.startswith("arn:aws:s3:::sentiment-123456789012-us-east-1"), component


def test_releases_are_taken_away_by_nobody() -> None:
    for component, rights in evaluate("local.workloads").items():
        assert all(key in ("spill/*", "sentiment/.probe-*") for key in rights["delete"]), component


@pytest.fixture(scope="module")
def aws() -> Iterator[tuple[str, dict[str, Keys]]]:
    """An S3 that holds each caller to its role's policy: its address, and a session of each component's role."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    account = boto3.Session("root", "root", region_name="us-east-1")
    account.client("s3", endpoint_url=endpoint).create_bucket(Bucket=BUCKET.removeprefix("s3://"))
    iam, sts = (account.client(service, endpoint_url=endpoint) for service in ("iam", "sts"))
    sessions = {}
    for component, policy in evaluate("local.policies").items():
        role = iam.create_role(RoleName=component, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        iam.put_role_policy(RoleName=component, PolicyName="access", PolicyDocument=policy)
        made = sts.assume_role(RoleArn=role, RoleSessionName="pod")["Credentials"]
        sessions[component] = made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"]
    unlimited = moto.settings.INITIAL_NO_AUTH_ACTION_COUNT
    moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    yield endpoint, sessions
    moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = unlimited
    server.stop()


class _Agent(BaseHTTPRequestHandler):
    """The agent of Pod Identity, which gives a pod with a token the keys of its role."""

    keys: Keys = ("", "", "")
    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        right = self.headers["Authorization"] == TOKEN
        body = {
            "AccessKeyId": self.keys[0],
            "SecretAccessKey": self.keys[1],
            "Token": self.keys[2],
            "Expiration": "2999-01-01T00:00:00Z",
        }
        self.send_response(200 if right else 401)
        self.end_headers()
        self.wfile.write(json.dumps(body if right else {}).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def as_component(aws: tuple[str, dict[str, Keys]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[As]:
    """Become a component: the environment is what EKS puts into its pods, and holds no keys."""
    endpoint, keys = aws
    agent = type("Agent", (_Agent,), {})
    listening = HTTPServer(("127.0.0.1", 0), agent)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    token = tmp_path / "token"
    token.write_text(TOKEN)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{listening.server_port}/v1/credentials")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(token))

    def become(component: str) -> None:
        agent.keys = keys[component]  # type: ignore[attr-defined]
        s3fs.S3FileSystem.clear_instance_cache()

    yield become
    assert agent.asked > 0, "nobody asked for the identity"  # type: ignore[attr-defined]
    s3fs.S3FileSystem.clear_instance_cache()
    listening.shutdown()


def test_the_programs_do_their_work_with_their_rights(as_component: As) -> None:
    as_component("training")
    store = ReleaseStore(BUCKET)
    store.check_writable("sentiment")
    release = make_release(BUCKET)

    as_component("promotion")
    ReleaseStore(BUCKET).set_champion("sentiment", release, who="tests", action="promote")

    as_component("monitor")
    champion = ReleaseStore(BUCKET).champion("sentiment")
    assert champion is not None and champion.id == release

    as_component("tests")
    assert ReleaseStore(BUCKET).champion("sentiment") == champion
    as_component("server")
    assert ReleaseStore(BUCKET).list_releases("sentiment") == [release]


def test_the_server_mirrors_rows_and_maintenance_takes_them(as_component: As) -> None:
    name = "pod-1/00000000000000000001-0123456789abcdef.jsonl"
    as_component("server")
    SpillStore(f"{BUCKET}/spill").put(name, b"{}\n")
    SpillStore(f"{BUCKET}/spill").put(".probe-1", b"")  # helm test, as the server
    SpillStore(f"{BUCKET}/spill").delete(".probe-1")
    as_component("log-maintenance")
    spill = SpillStore(f"{BUCKET}/spill")
    assert spill.get(name) == b"{}\n"
    spill.delete(name)
    assert spill.get(name) is None


def test_an_initialiser_reads_a_release_and_no_more(as_component: As) -> None:
    """boto3, as KServe's initialiser uses it: a listing by prefix, then objects."""
    as_component("training")
    release = make_release(BUCKET)
    as_component("server")
    bucket = boto3.resource("s3").Bucket(BUCKET.removeprefix("s3://"))
    found = [each.key for each in bucket.objects.filter(Prefix=f"sentiment/releases/{release}/serving/")]
    assert found and bucket.Object(found[0]).get()["Body"].read()
    with pytest.raises(bucket.meta.client.exceptions.ClientError, match="AccessDenied"):
        bucket.Object(found[0]).put(Body=b"other")


@pytest.mark.parametrize("component", ["monitor", "drift", "mlflow", "server", "promotion"])
def test_others_publish_no_release(as_component: As, component: str) -> None:
    as_component(component)
    with pytest.raises(StoreUnreachable, match="PermissionError"):
        make_release(BUCKET, seed=7)


@pytest.mark.parametrize("component", ["training", "monitor", "drift", "server", "tests"])
def test_others_promote_no_release(as_component: As, component: str) -> None:
    as_component("training")
    release = make_release(BUCKET)
    as_component(component)
    with pytest.raises(StoreUnreachable, match="PermissionError"):
        ReleaseStore(BUCKET).set_champion("sentiment", release, who="tests", action="promote")


def test_training_promotes_when_set() -> None:
    keys = evaluate("local.workloads", auto_promote=True)["training"]["write"]
    assert {"sentiment/champion.json", "sentiment/audit/*"} <= set(keys)


@pytest.mark.parametrize("component", ["monitor", "drift", "promotion", "tests", "training"])
def test_others_spill_no_rows(as_component: As, component: str) -> None:
    as_component(component)
    with pytest.raises(LogError, match="PermissionError"):
        SpillStore(f"{BUCKET}/spill").put("pod-1/00000000000000000002-0123456789abcdef.jsonl", b"{}\n")
