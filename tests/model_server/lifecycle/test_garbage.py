"""Objects alive when a server becomes ready are left out of later collections, and are still freed once unused."""

import asyncio
import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from model_server.lifecycle.garbage import settle
from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.server import open_log
from model_server.settings import ServerSettings


class Cycle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_a_later_collection_passes_over_little() -> None:
    gc.unfreeze()
    everything = len(gc.get_objects())
    settle()
    assert len(gc.get_objects()) < everything / 100  # those that a collection looks at


def test_left_out_objects_are_freed_with_their_last_reference_and_cycles_at_the_next_call() -> None:
    plain, cycle = {Cycle}, Cycle()
    plain_gone, cycle_gone = weakref.ref(plain), weakref.ref(cycle)
    settle()
    del plain, cycle
    gc.collect()
    assert plain_gone() is None and cycle_gone() is not None
    settle()
    assert cycle_gone() is None


async def test_a_former_release_leaves_nothing_behind(serving: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"name": "ops", "sha256": "0" * 64, "admin": True}]}))
    log = {"database_url": f"sqlite:///{tmp_path}/log.db", "spill_dir": tmp_path / "spill"}
    settings = ServerSettings(model_dir=serving, hot_swap=True, api_keys_file=keys, **log)
    writer = await asyncio.to_thread(open_log, settings)
    switch = ReleaseSwitch(settings, ServerState(settings, writer))
    former = weakref.ref((await switch.start()).scorer)
    assert former() is not None
    await switch.load("sentiment")
    async with asyncio.timeout(20):
        while former() is not None:
            await asyncio.sleep(0.01)
    await switch.close()
