"""What a member of a committee must have right before it runs: its stake, and that the others are like it."""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

from themis.chain.committee import RpcCommittee
from themis.chain.rpc import Rpc
from themis.committee.door import Host, ajar
from themis.committee.gate import Gate, Numbers
from themis.committee.post import PATIENCE_S, Post
from themis.committee.talk import difference
from themis.committee.wire import Hello
from themis.config import Config
from themis.core.assembly import Assembly
from themis.core.committee import Forum
from themis.core.errors import Misconfigured, Unavailable
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.daemon.clock import SystemClock
from themis.ports import Signer

_ASKED: Final = 3
"""Members that are asked to call back, at most, until one does."""
_CALLBACK_S: Final = 2 * PATIENCE_S
"""For a call and the one back."""


def seat(rpc: Rpc, committee: Address, signer: Signer) -> tuple[Assembly, str]:
    """The committee, and this member's place in words. Raises Misconfigured where its signature does not count."""
    assembly = RpcCommittee(rpc, committee).assembly()
    own = assembly.seats.get(signer.address)
    if own is None:
        raise Misconfigured(
            f"{shown(signer.address)} is no member: `themis committee join {shown(committee)}`, or remove "
            "committee.address from config.toml"
        )
    if not own.signing:
        raise Misconfigured(
            f"the stake of {shown(signer.address)} is not whole, or it has left: anybody may `topUp` what was fined"
        )
    found = f"others call it at {own.endpoint}" if own.endpoint else "it calls the others: its profile has no endpoint"
    return assembly, f"one of {len(assembly.seats)} members, {assembly.quorum} must sign the same; {found}"


def called_back(rpc: Rpc, config: Config, signer: Signer) -> str:
    """As `reachable`, of the configured committee."""
    committee = config.committee.address or signer.address
    forum, api = Forum(config.chain.chain_id, committee), config.api
    hello = Hello(config.oracle(), SystemClock().now_s(), {})
    return reachable(RpcCommittee(rpc, committee).assembly(), forum, signer, hello, (api.host, api.port))


def reachable(assembly: Assembly, forum: Forum, signer: Signer, hello: Hello, address: tuple[str, int]) -> str:
    """Whether another member can call this one, in words. Raises Misconfigured where it cannot.

    `address`: where this node listens, or would. Nobody else knows what is between it and the endpoint of its profile.
    """
    own = assembly.seats[signer.address]
    if not own.endpoint:
        return "nobody calls it: its profile names no endpoint, and it calls the others"
    clock = SystemClock()
    numbers = Numbers(clock)
    gate = Gate(forum, signer.address, lambda: assembly.seats, clock)
    with (
        ajar(Host(signer, forum, gate, numbers, hello), address),
        closing(Post(forum, signer, numbers, _CALLBACK_S)) as post,
    ):
        others = [each for each in assembly.seats.values() if each.endpoint and each.member != signer.address]
        for each in others[:_ASKED]:
            try:
                why_not = post.reached(each)
            except Unavailable:
                continue
            if why_not:
                raise Misconfigured(
                    f"{shown(each.member)} cannot call this node at {own.endpoint}: {why_not}. Open that way to "
                    "api.host and api.port, or correct the profile"
                )
            return f"{shown(each.member)} has called this node back at {own.endpoint}"
    raise Unavailable("no other member is there to call back: check again when one runs")


def others(
    assembly: Assembly, forum: Forum, signer: Signer, oracle: Address, goldens: Mapping[Hash32, Hash32]
) -> list[str]:
    """How each other member differs from this node, or that it cannot be reached."""
    clock = SystemClock()
    found = []
    with closing(Post(forum, signer, Numbers(clock))) as post:
        for each in assembly.seats.values():
            if not each.endpoint or each.member == signer.address:
                continue
            try:
                hello = post.hello(each)
            except Unavailable as error:
                found.append(str(error))
                continue
            if said := difference(each, hello, oracle, goldens, clock.now_s()):
                found.append(said)
    return found
