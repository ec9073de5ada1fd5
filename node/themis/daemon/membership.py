"""What a member of a committee must have right before it runs: its stake, and that the others are like it."""

from collections.abc import Mapping
from contextlib import closing

from themis.chain.committee import RpcCommittee
from themis.chain.rpc import Rpc
from themis.committee.gate import Numbers
from themis.committee.post import Post
from themis.committee.talk import difference
from themis.core.assembly import Assembly
from themis.core.committee import Forum
from themis.core.errors import Misconfigured, Unavailable
from themis.core.spelling import shown
from themis.core.types import Address, Hash32
from themis.daemon.clock import SystemClock
from themis.ports import Signer


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
