"""What endpoints say is bounded in bytes and in time, and one that does not reply is left alone for a while."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import Thread

from themis.chain.disputes import Item
from themis.core import listing
from themis.core.keccak import keccak
from themis.core.types import ETHER, Hash32, Request, UseClass
from themis.dispute.served import REST_S, Served, is_of

ID = Hash32(b"\x07" * 32)
INPUTS, OUTPUTS = [b"one", b"two", b"three"], [b"1", b"2", b"3"]


def order(items: int) -> Request:
    input_hash = listing.input_root(INPUTS) if items else Hash32(keccak(INPUTS[0]))
    return Request(
        requester=ETHER,
        lane=0,
        seq=1,
        model_id=ID,
        input_hash=input_hash,
        operator=ETHER,
        token=ETHER,
        fee=0,
        pay_to=ETHER,
        royalty_bps=0,
        terms_version=1,
        use_class=UseClass.PERSONAL,
        licensee=ETHER,
        grant_seq=0,
        deadline_s=0,
        callback_gas=0,
        items=items,
    )


@contextmanager
def replying(*pieces: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """An endpoint that begins each reply so, and never ends it; what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                held.append(connection)
                asked.append(connection.recv(65_536).split(b" ", 2)[1])
                with suppress(OSError):
                    connection.sendall(b"".join(pieces))

        held: list[socket.socket] = []
        thread = Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in held:
                each.close()


def test_an_endpoint_that_does_not_reply_is_left_alone_for_a_minute() -> None:
    now_s = [100.0]
    with (
        replying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{") as (url, asked),
        closing(Served([url], 0.05, lambda: now_s[0])) as served,
    ):
        for _ in range(3):
            assert served.input_of(ID, order(0)) is None
        assert len(asked) == 1
        now_s[0] += REST_S + 1
        assert served.input_of(ID, order(0)) is None
        assert len(asked) == 2


def test_what_comes_piece_by_piece_has_to_come_in_time_and_what_is_too_long_is_not_read() -> None:
    ticks = iter(range(10**6))
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n"
    with replying(head, b"{") as (url, _), closing(Served([url], 0.5, lambda: float(next(ticks)))) as served:
        assert served.input_of(ID, order(0)) is None
    with replying(head, b"{" * 9_000_000) as (url, asked), closing(Served([url])) as served:
        assert served.input_of(ID, order(0)) is None
        assert served.input_of(ID, order(0)) is None
        assert len(asked) == 2, "it did reply"


def test_an_item_is_of_a_list_where_both_proofs_lead_to_it() -> None:
    root = listing.result_root(INPUTS, OUTPUTS)
    hash_ = Hash32(keccak(INPUTS[1]))
    proofs = listing.prove_input(INPUTS, 1).siblings, listing.prove_result(INPUTS, OUTPUTS, 1).siblings
    item = Item(root, hash_, hash_, 1, OUTPUTS[1], *proofs)
    assert is_of(order(3), INPUTS[1], item)
    assert Item.read(item.said) == item
    assert not is_of(order(3), INPUTS[0], item)
    for changed in ({"place": 0}, {"output": b"3"}, {"root": ID}, {"inputs": ()}, {"results": proofs[0]}):
        assert not is_of(order(3), INPUTS[1], item._replace(**changed)), changed
