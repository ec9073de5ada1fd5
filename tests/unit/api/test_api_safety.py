"""What the API does against those who mean it harm, and that it is what its description says."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api_kit import UNREACHABLE
from tests.daemon_kit import Bench
from tests.scene import Scene
from themis.api import problems
from themis.api.app import create
from themis.api.headers import HEADERS
from themis.api.limits import BURST, MAX_BODY_BYTES, PER_SECOND, Limits
from themis.api.reading import Reading

EXAMPLES = 12
SAID_IN_WORDS = [positive_data_acceptance]
"""No schema says that nobody has the zero address, or that one field goes with another: the problem says it."""
ELSEWHERE = "192.0.2.1"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    made = Scene(tmp_path_factory.mktemp("scene") / "db")
    yield made
    made.close()


def test_schemathesis_finds_nothing(scene: Scene) -> None:
    """Calls that the description allows, and some that it does not: no bug, and what comes back is what it says.

    Nobody serves a chain here: what must be read from one is unavailable, and says so.
    """
    schema = schemathesis.openapi.from_url(f"{scene.server.url}/v1/openapi.json")
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()

        @settings(
            max_examples=EXAMPLES,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        @given(case=operation.as_strategy())
        def tells(case: Case[Any]) -> None:
            reply = case.call(timeout=30)
            away = reply.status_code == 503 and reply.json()["type"] == "urn:themis:problem:unavailable"
            case.validate_response(reply, excluded_checks=[*SAID_IN_WORDS, *[not_a_server_error] * away])

        tells()
        tried += 1
    assert tried >= 15


@pytest.mark.parametrize(
    "path", ["/livez", "/v1/status", "/metrics", "/", "/page/page.js", "/nowhere", "/v1/jobs/0x00"]
)
def test_every_answer_tells_browsers_to_keep_it_to_themselves(scene: Scene, path: str) -> None:
    reply = scene.client.get(path)
    for name, value in HEADERS.items():
        if name != "Content-Security-Policy":
            assert reply.headers[name] == value
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert "server" not in reply.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1"])
def test_pages_of_another_origin_are_not_answered(scene: Scene, origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        reply = scene.client.request(
            method, "/v1/status", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        )
        assert reply.status_code == 403
        assert reply.json()["type"] == "urn:themis:problem:foreign_origin"
        assert not [name for name in reply.headers if name.startswith("access-control-")]
    ours = scene.client.get("/v1/status", headers={"Origin": scene.server.url})
    assert ours.status_code == 200


def test_the_description_names_a_token_where_one_is_asked_for(scene: Scene, tmp_path: Path) -> None:
    assert "security" not in scene.get("/v1/openapi.json")
    bench = Bench(tmp_path / "db")
    app = create(Reading(bench.node, {}, {}, 0.0), *UNREACHABLE, hosts=None, token="t" * 16)
    said = app.openapi()
    assert said["security"] == [{"token": []}]
    assert said["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    bench.store.close()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(clock: Clock) -> FastAPI:
    """What only reads a body, behind the limits."""
    made = FastAPI()
    problems.install(made)
    made.add_middleware(Limits, now_s=clock)

    @made.post("/v1/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @made.post("/v1/json")
    def read(body: dict[str, str]) -> int:
        return len(body)

    return made


def asked(app: FastAPI, *calls: tuple[str, Any], address: str = "127.0.0.1") -> list[httpx.Response]:
    async def go() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return [await client.post(path, content=content) for path, content in calls]

    return asyncio.run(go())


async def unannounced(size: int) -> Any:
    for _ in range(size // 1_024):
        yield bytes(1_024)


def test_a_body_has_a_size(app: FastAPI) -> None:
    (fits,) = asked(app, ("/v1/size", bytes(MAX_BODY_BYTES)))
    assert (fits.status_code, fits.json()) == (200, MAX_BODY_BYTES)
    for path in ("/v1/size", "/v1/json"):
        for content in (bytes(MAX_BODY_BYTES + 1), unannounced(MAX_BODY_BYTES + 1_024)):
            (large,) = asked(app, (path, content))
            assert large.status_code == 413
            assert large.headers["content-type"] == "application/problem+json"


def test_an_address_elsewhere_has_a_pace(app: FastAPI, clock: Clock) -> None:
    def statuses(count: int, address: str = ELSEWHERE) -> list[int]:
        return [reply.status_code for reply in asked(app, *[("/v1/size", b"")] * count, address=address)]

    assert statuses(BURST + 2) == [200] * BURST + [429] * 2
    (slow,) = asked(app, ("/v1/size", b""), address=ELSEWHERE)
    assert (slow.headers["Retry-After"], slow.json()["type"]) == ("1", "urn:themis:problem:too_many_requests")
    assert statuses(1, "192.0.2.2") == [200], "others are not held up"
    assert statuses(2 * BURST, "127.0.0.1") == [200] * 2 * BURST, "nor is this machine"
    clock.now += 1
    assert statuses(PER_SECOND + 1) == [200] * PER_SECOND + [429]


def test_addresses_are_not_remembered_without_end(app: FastAPI) -> None:
    limits = Limits(app)
    for n in range(5_000):
        scope = {"type": "http", "path": "/v1/size", "headers": [], "client": (f"10.0.{n >> 8}.{n & 255}", 1)}
        assert limits._has_pace(Request(scope))
    assert len(limits._left) == 4_096
