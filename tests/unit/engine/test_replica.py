"""What a replica does before and while it serves, with a Ray that is none: `make ray-test` has the real one."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from themis.bundles import bundle
from themis.core.errors import Misconfigured, Reason, Refused
from themis.core.spelling import shown
from themis.core.types import Draft, Hash32
from themis.engine import wire
from themis.engine.engine import OnnxEngine

MODELS: Final = Path(__file__).parents[3] / "models"
ID: Final = Hash32(b"\x07" * 32)


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, where deployments are classes and a call is a batch of its own."""
    serve: Any = ModuleType("ray.serve")

    def batch(**_: object) -> Callable[[Callable[..., Awaitable[Any]]], Callable[..., Awaitable[Any]]]:
        def alone(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
            async def call(self: object, one: object) -> object:
                (said,) = await method(self, [one])
                return said

            return call

        return alone

    serve.deployment, serve.batch, serve.Application = (lambda each: each), batch, object
    ray: Any = ModuleType("ray")
    ray.serve = serve
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.serve", serve)
    monkeypatch.delitem(sys.modules, "themis.engine.replica", raising=False)
    yield import_module("themis.engine.replica")
    sys.modules.pop("themis.engine.replica")


def opened(replica: Any, name: str, **other: object) -> Any:
    path = MODELS / name
    hash_ = shown(bundle.load(path).manifest_hash)
    settings = {"path": path, "manifest_hash": hash_, "threads": 1, "request_seconds": 60, "request_memory_mib": 2_048}
    return replica.Model(replica.Args(**settings | other))


@pytest.fixture
def client(replica: Any) -> Iterator[TestClient]:
    model = opened(replica, "selftest-moe")
    with TestClient(Starlette(routes=[Route("/", model.__call__, methods=["POST"])])) as client:
        yield client


def test_answers_are_those_of_a_node(client: TestClient) -> None:
    loaded = bundle.load(MODELS / "selftest-moe")
    work = [(b"a", None), (b"bb", None)]
    reply = client.post("/", content=wire.question(work), params={wire.DRAFTS: 1})
    assert reply.headers[wire.MANIFEST] == shown(loaded.manifest_hash)
    assert wire.read(reply.text) == OnnxEngine({ID: loaded}, 1).infer(ID, work)


def test_what_cannot_be_answered_is_refused_as_by_a_node(client: TestClient) -> None:
    with pytest.raises(Refused, match="257 bytes") as caught:
        wire.read(client.post("/", content=wire.question([(bytes(257), None)])).text)
    assert caught.value.reason is Reason.INVALID_INPUT
    assert client.post("/", content=b"?").status_code == 400


def test_calls_that_share_a_run_are_refused_each_for_itself(replica: Any) -> None:
    model = opened(replica, "selftest-moe")
    good, bad, other = ([(each, None)] for each in (b"a", bytes(257), b"b"))
    said = model._shared([good, bad, other])
    assert [isinstance(each, Refused) for each in said] == [False, True, False]
    assert said[::2] == model._shared([good, other])


def test_a_decoder_says_what_it_writes_and_then_its_answer(replica: Any) -> None:
    model = opened(replica, "olmoe-tiny")
    try:
        with TestClient(Starlette(routes=[Route("/", model.__call__, methods=["POST"])])) as client:
            asked = wire.question([(b"abc", None)])
            *drafts, answer = map(wire.read, client.post("/", content=asked, params={wire.DRAFTS: 1}).text.splitlines())
            assert all(isinstance(each, Draft) for each in drafts)
            assert [len(each.tokens) for each in drafts if isinstance(each, Draft)] == list(range(1, len(drafts) + 1))
            assert [answer] == [wire.read(client.post("/", content=asked).text)]
    finally:
        model._engine.close()


def test_another_bundle_than_was_deployed_is_not_served(replica: Any) -> None:
    other = "0x" + "11" * 32
    with pytest.raises(
        Misconfigured, match=f"holds the bundle of manifest 0x.*; {other} is to be served: put that one"
    ):
        opened(replica, "selftest-moe", manifest_hash=other)
