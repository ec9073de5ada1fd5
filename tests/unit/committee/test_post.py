"""Members over real HTTP: what is told arrives; what is slow, large, redirected or not a reply is given up."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from demo.chains import free_port
from tests.committee_kit import COMMITTEE, FORUM, GOLDENS, RIGHT, House, Member
from tests.fakes import ORACLE_ADDRESS, SIGNATURE
from tests.liar import Reply as Said
from tests.liar import lying
from themis.api import committee as routes
from themis.api import problems
from themis.api.guard import Guard
from themis.api.server import Server
from themis.committee import wire
from themis.committee.door import Host, ajar
from themis.committee.gate import Numbers, seal
from themis.committee.parcel import MOST_BYTES, Parcel
from themis.committee.post import EXCHANGE, HELLO, ORDER, ORDERS, Post
from themis.committee.wire import Hello, Reply, Told, Want
from themis.config import ApiConfig
from themis.core.assembly import Assembly, Seat
from themis.core.committee import Commitment, Leaf
from themis.core.errors import Misconfigured, Unavailable
from themis.core.types import Hash32
from themis.daemon import membership

PATIENCE_S = 0.5
CERTIFICATES = Path(__file__).parents[2] / "port/certificates"
"""Of `localhost`, signed by itself."""


class Scene:
    """The first member calls the second, which serves."""

    def __init__(self, house: House, server: Server) -> None:
        self.house, self.server = house, server
        self.caller, self.callee = house.members
        self.post = Post(FORUM, self.caller.signer, Numbers(house.clock))
        self.seat = Seat(self.callee.address, server.url, signing=True)


def serve(member: Member) -> Server:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(Guard, hosts=None, token="of the operator alone")
    routes.install(app, member.spread)
    server = Server(ApiConfig(port=0))
    server.start(app)
    return server


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    house = House(tmp_path, 2, 2)
    for member in house.members:
        member.table.floor.refresh(0)
    server = serve(house.members[1])
    scene = Scene(house, server)
    yield scene
    scene.post.close()
    server.stop()


def commitment(scene: Scene) -> Commitment:
    request = scene.house.ask()
    for member in scene.house.members:
        member.compute(request, RIGHT)
    scene.house.wires.cut = {(scene.caller.address, scene.callee.address)}
    scene.caller.agree.step()
    (heard,) = scene.caller.store.heard(scene.caller.store.jobs()[0].id)
    assert isinstance(heard.message, Commitment)
    return heard.message


def test_what_is_told_is_kept_and_what_is_wanted_is_told(scene: Scene) -> None:
    said = commitment(scene)
    assert scene.post.exchange(scene.seat, Told((said,))) == Reply()
    assert [each.message for each in scene.callee.store.heard(said.request)] == [said]
    assert scene.post.exchange(scene.seat, Told((), (Want(said.request),))).messages == (said,)
    known = frozenset({wire.tag(said)})
    assert scene.post.exchange(scene.seat, Told((), (Want(said.request, known),))).messages == ()


def test_what_is_not_kept_is_refused_by_name(scene: Scene) -> None:
    said = commitment(scene)
    strange = Commitment(said.member, Hash32(bytes(32)), said.commitment, said.signature)
    forged = Commitment(scene.callee.address, said.request, said.commitment, said.signature)
    told = Told((strange, said, forged))
    assert scene.post.exchange(scene.seat, told).refused == {0: "unknown_request", 2: "not_signed"}


def test_a_root_is_signed_by_who_is_asked_if_it_has_signed_each_result(scene: Scene) -> None:
    said = commitment(scene)
    callee, id_ = scene.callee, said.request
    leaf = Leaf(id_, callee.answer(id_, RIGHT).result_hash)
    with pytest.raises(Unavailable, match="status 409: this member has not signed each"):
        scene.post.countersigned(scene.seat, [leaf])
    callee.table.floor.receive([said])
    callee.agree.step()
    assert scene.post.countersigned(scene.seat, [leaf]) == callee.table.countersign([leaf])
    with pytest.raises(Unavailable, match="status 400: a batch has a result"):
        scene.post.countersigned(scene.seat, [])
    with dripping(plain(wire.signature_bytes(bytes(65)), {})) as url, pytest.raises(Unavailable, match="not signed by"):
        scene.post.countersigned(Seat(callee.address, url, signing=True), [leaf])


def test_an_order_is_taken_refused_by_name_or_put_off(scene: Scene) -> None:
    caller, callee, house = scene.caller, scene.callee, scene.house
    order = house.chain.order(operator=COMMITTEE)
    assert scene.post.order(scene.seat, Parcel(order, b"forged", (b"in",))) == "unsigned"
    house.chain.down = True
    with pytest.raises(Unavailable, match="status 503: the fake chain is down"):
        scene.post.order(scene.seat, Parcel(order, SIGNATURE, (b"in",)))
    house.chain.down = False
    assert scene.post.order(scene.seat, Parcel(order, SIGNATURE, (b"in",))) == ""
    (job,) = callee.store.orders()
    assert scene.post.next_order(scene.seat, []) == Parcel(order, SIGNATURE, (b"in",))
    assert scene.post.next_order(scene.seat, [job.id]) is None
    assert httpx.post(scene.server.url + ORDER, content=b"{}").status_code == 401
    assert httpx.post(scene.server.url + ORDER, content=b" " * (MOST_BYTES + 1)).status_code == 413
    with pytest.raises(Unavailable, match="status 400: known is no list"):
        scene.post._send(scene.seat, ORDERS, b"{}")
    with lying(lambda _: Said(b"{}")) as liar, pytest.raises(Unavailable, match="what is no reply: it is no order"):
        scene.post.next_order(Seat(callee.address, liar.url, signing=True), [])
    assert caller.store.orders() == []


def test_who_is_asked_to_call_back_says_whether_it_could(scene: Scene) -> None:
    house, caller = scene.house, scene.caller
    assert scene.post.reached(scene.seat).startswith("member 0x")
    port = free_port()
    own = Seat(caller.address, f"http://127.0.0.1:{port}", signing=True)
    house.chamber.shown = Assembly(2, {scene.callee.address: scene.seat, caller.address: own})
    scene.callee.table.floor.refresh(0)
    arguments = (house.chamber.shown, FORUM, caller.signer, Hello(ORACLE_ADDRESS, 0.0, {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(membership, "SystemClock", lambda: house.clock)
        house.clock.now += 1  # numbers of calls are of the clock
        assert "has called this node back" in membership.reachable(*arguments, ("127.0.0.1", port))
        house.clock.now += 1
        with pytest.raises(Misconfigured, match="cannot call this node at .* Open that way"):
            membership.reachable(*arguments, ("127.0.0.1", free_port()))
        house.chamber.shown = Assembly(2, {caller.address: own})
        with pytest.raises(Unavailable, match="no other member is there"):
            membership.reachable(house.chamber.shown, *arguments[1:], ("127.0.0.1", port))
        behind_nat = Assembly(2, {caller.address: Seat(caller.address, "", signing=True)})
        assert "it calls the others" in membership.reachable(behind_nat, *arguments[1:], ("127.0.0.1", port))


def test_what_is_brought_to_a_node_that_still_starts_is_not_refused(scene: Scene) -> None:
    caller, port = scene.caller, free_port()
    hello = Hello(ORACLE_ADDRESS, 0.0, {})
    with ajar(Host(caller.signer, FORUM, caller.table.gate, caller.numbers, hello), ("127.0.0.1", port)):
        assert httpx.post(f"http://127.0.0.1:{port}/v1/orders", content=b"{}").status_code == 503


def test_a_hello_is_signed_by_who_is_asked(scene: Scene) -> None:
    assert scene.post.hello(scene.seat).goldens == GOLDENS
    impostor = Seat(scene.caller.address, scene.server.url, signing=True)
    with pytest.raises(Unavailable, match="status 421: it is for another committee, chain or member"):
        scene.post.hello(impostor)


def test_an_old_hello_of_somebody_else_is_not_believed(scene: Scene) -> None:
    body = wire.hello_bytes(Hello(ORACLE_ADDRESS, 0.0, GOLDENS))
    by_itself = seal(scene.caller.signer, FORUM, scene.caller.address, 1, body).headers(FORUM)
    for headers, words in (({}, "name no sender"), (by_itself, "not signed by the member")):
        assert httpx.post(scene.server.url + HELLO, headers=headers).status_code in {401, 421}
        server = plain(body, headers)
        with dripping(server) as url, pytest.raises(Unavailable, match=words):
            scene.post.hello(Seat(scene.callee.address, url, signing=True))


def test_a_stranger_gets_a_problem(scene: Scene) -> None:
    reply = httpx.post(scene.server.url + EXCHANGE, content=b"{}")
    assert (reply.status_code, reply.headers["content-type"]) == (401, "application/problem+json")
    assert reply.json()["type"] == "urn:themis:problem:unsigned"


def test_a_member_that_was_put_out_is_refused(scene: Scene) -> None:
    scene.house.chamber.shown = Assembly(2, {scene.callee.address: scene.seat})
    scene.callee.table.floor.refresh(0)
    with pytest.raises(Unavailable, match="status 403: its sender is no member"):
        scene.post.exchange(scene.seat, Told())


def test_a_body_that_is_too_large_is_refused_before_it_is_read(scene: Scene) -> None:
    reply = httpx.post(scene.server.url + EXCHANGE, content=b" " * (wire.MOST_BYTES + 1))
    assert reply.status_code == 413


def test_a_body_that_is_malformed_is_the_senders_fault(scene: Scene) -> None:
    with pytest.raises(Unavailable, match="status 400: it is not JSON"):
        scene.post._send(scene.seat, EXCHANGE, b"{")


def test_a_body_that_never_ends_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PATIENCE_S", 0.2)
    with socket.create_connection(("127.0.0.1", scene.server.port), timeout=30) as slow:
        slow.sendall(f"POST {EXCHANGE} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_no_more_than_so_many_are_served_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MOST_AT_ONCE", 0)
    assert httpx.post(scene.server.url + EXCHANGE).status_code == 503


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Said(b"<html>"), "answers what is no reply: it is not JSON"),
        (Said(b" " * (wire.MOST_BYTES + 1)), f"more than {wire.MOST_BYTES} bytes"),
        (Said({}, 500), "status 500"),
        (Said(b"", 302, {"Location": "http://127.0.0.1:1/"}), "status 302"),
    ],
)
def test_what_is_no_reply_is_unavailable(scene: Scene, reply: Said, words: str) -> None:
    with lying(lambda _: reply) as liar, pytest.raises(Unavailable, match=words):
        scene.post.exchange(Seat(scene.callee.address, liar.url, signing=True), Told())


def test_an_endpoint_with_a_certificate_is_believed_as_the_chain_s_is(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the authorities of the system, and where the operator names a file, of that."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem", CERTIFICATES / "localhost.key")
    with lying(lambda _: Said({"messages": [], "refused": []}), context) as liar:
        seat = Seat(scene.callee.address, liar.url.replace("http://127.0.0.1", "https://localhost"), signing=True)
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            scene.post.exchange(seat, Told())
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "localhost.pem"))
        post = Post(FORUM, scene.caller.signer, Numbers(scene.house.clock), 10)
        assert post.exchange(seat, Told()) == Reply()
        post.close()


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "http://", "http://127.0.0.1:1", "http://a b", "http://[::"])
def test_an_endpoint_that_is_none_is_unavailable(scene: Scene, url: str) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        scene.post.exchange(Seat(scene.callee.address, url, signing=True), Told())


@contextmanager
def dripping(drip: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what it likes, as slowly as it likes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                drip(connection)

        thread = threading.Thread(target=one, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


def plain(body: bytes, headers: Mapping[str, str]) -> Callable[[socket.socket], None]:
    """One whole reply."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines, "", ""])
    return lambda connection: connection.sendall(head.encode() + body)


def test_a_member_that_answers_slowly_for_ever_is_given_up(scene: Scene) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        try:
            for _ in range(100):
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            return

    impatient = Post(FORUM, scene.caller.signer, Numbers(scene.house.clock), PATIENCE_S)
    begun_s = time.monotonic()
    with closing(impatient), dripping(drip) as url, pytest.raises(Unavailable, match="answers too slowly"):
        impatient.exchange(Seat(scene.callee.address, url, signing=True), Told())
    assert time.monotonic() - begun_s < 10 * PATIENCE_S
