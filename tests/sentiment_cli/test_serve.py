"""Which release `serve` takes, what it fetches, and what it says when it cannot."""

import shutil

import pytest
from kit.factories import make_release

from model_release import ReleaseNotFound, ReleaseStore
from sentiment_cli.errors import CliError
from sentiment_cli.serve import NoChampion, choose_release, plan, server_command
from sentiment_cli.settings import CliSettings


@pytest.fixture(scope="module")
def two_releases(tmp_path_factory, tiny_release):
    """A store with the champion and a newer release that is not promoted."""
    uri, champion = tiny_release
    folder = tmp_path_factory.mktemp("two") / "releases"
    shutil.copytree(uri, folder)
    newer = make_release(folder, seed=7)
    assert newer != champion
    return ReleaseStore(str(folder)), champion, newer


def test_the_champion_is_served_unless_another_is_named(two_releases):
    store, champion, newer = two_releases
    assert choose_release(store, "sentiment", None) == champion
    assert choose_release(store, "sentiment", "latest") == newer
    assert choose_release(store, "sentiment", newer[:6]) == newer


def test_an_unknown_release_is_named_beside_those_there_are(two_releases):
    store, champion, _ = two_releases
    with pytest.raises(ReleaseNotFound, match=champion):
        choose_release(store, "sentiment", "0000beef")


def test_without_a_champion_the_next_command_is_shown(two_releases, tmp_path):
    store, _, newer = two_releases
    shutil.copytree(store.base, tmp_path / "store")
    (tmp_path / "store" / "sentiment" / "champion.json").unlink()
    with pytest.raises(NoChampion, match=f"sentiment promote {newer}"):
        choose_release(ReleaseStore(str(tmp_path / "store")), "sentiment", None)


@pytest.mark.parametrize("wanted", [None, "latest"])
def test_without_a_release_the_next_command_is_shown(tmp_path, wanted):
    with pytest.raises(NoChampion, match="sentiment train"):
        choose_release(ReleaseStore(str(tmp_path)), "sentiment", wanted)


def test_the_default_variant_needs_serving_alone_and_torch_its_own_folder(two_releases, tmp_path):
    store, champion, _ = two_releases
    assert plan(store, "sentiment", None, None).only == ("serving/",)
    found = plan(store, "sentiment", None, "torch")
    folder = store.fetch("sentiment", champion, tmp_path, only=found.only)
    assert (folder / "torch" / "model.safetensors").is_file()
    assert (folder / "serving" / "golden.json").is_file()
    assert not (folder / "reference").exists()


def test_an_unknown_variant_is_named_beside_those_there_are(two_releases):
    store, _, _ = two_releases
    with pytest.raises(CliError, match="has no variant 'onnx'; it has: openvino-fp32, torch"):
        plan(store, "sentiment", None, "onnx")


def test_the_servers_command_says_which_release_it_must_be(two_releases, tmp_path):
    store, champion, _ = two_releases
    settings = CliSettings.from_options(http_port=9000, grpc_port=9001)
    command = server_command(plan(store, "sentiment", None, None), tmp_path, settings, None)
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert options == {
        "--model_name": "sentiment",
        "--model_dir": str(tmp_path),
        "--release_id": champion,
        "--http_port": "9000",
        "--grpc_port": "9001",
    }
    assert server_command(plan(store, "sentiment", None, "torch"), tmp_path, settings, "torch")[-2:] == [
        "--variant",
        "torch",
    ]


def test_a_port_in_use_is_refused_with_the_remedy(running):
    done = running.command("serve")
    assert done.returncode == 2
    assert running.environment["HTTP_PORT"] in done.stderr
    assert "set another HTTP_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_without_a_release_ends_with_2(alone):
    done = alone("serve")
    assert done.returncode == 2
    assert "sentiment train" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_cannot_be_reached_ends_with_2(alone):
    done = alone("serve", RELEASES_URI="s3://no-such-bucket/x", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert done.returncode == 2
    assert "s3://no-such-bucket/x" in done.stderr
    assert "Traceback" not in done.stderr
