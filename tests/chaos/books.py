"""Where the money of a committee soak went, in one currency: read off the chain when everybody has withdrawn all."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.house import DEPOSIT, FEE, House
from tests.committee_world import STAKE_WEI
from tests.world import FEES
from themis.chain.abi import Log, address
from themis.chain.committees import ANSWERS
from themis.core.types import ETHER, Address, Hash32


@dataclass(frozen=True, slots=True)
class Books:
    """Smallest units."""

    requested: int
    """Fees of requests that are on the chain."""
    ordered: int
    """Fees of orders that were answered."""
    deposited: int
    members: int
    licensor: int
    refunds: int
    released: int
    """Of the deposit, what was left at the end."""
    in_oracle: int
    in_committee: int

    def faults(self, refunded: int, stakes: int) -> list[str]:
        """What does not balance, where so many requests were refunded and such stakes were put up."""
        paid = self.members + self.licensor + self.refunds
        checks = {
            f"fees of {self.requested} + {self.ordered}, and {paid} paid out": self.requested + self.ordered == paid,
            f"{self.refunds} were refunded of {refunded} requests": self.refunds == refunded * FEE,
            f"{self.deposited} deposited, {self.released} left": self.deposited - self.ordered == self.released,
            f"the oracle holds {self.in_oracle}": self.in_oracle == 0,
            f"the committee holds {self.in_committee}": self.in_committee == stakes,
        }
        return [said for said, true in checks.items() if not true]


def close(house: House, token: Address, answered: Collection[Hash32]) -> Books:
    """Let everybody withdraw."""
    committee, world, client = house.committee, house.committee.world, house.committee.world.client
    of_token = {id_: each for id_, each in house.asked.items() if each.way.in_tokens == (token != ETHER)}
    groups = {tuple(map(address, log.values["signers"])) for each in ANSWERS for log in committee.events(each)}
    for place in committee.places:
        claim = token, [house.model_id], [list(group) for group in groups], place.signer.address
        committee.send(world.requester, "claim", *claim)
    withdrawn = [
        _sum(token, client.transact(signer, FEES, "withdraw", token, signer.address)[1])
        for signer in (world.licensor, world.requester)
    ]
    me = world.requester.address
    (left,) = client.read("deposits", token, me)
    _, released = client.transact(world.requester, FEES, "withdrawDeposit", token, left, me)
    return Books(
        requested=FEE * len(house.requests().keys() & of_token),
        ordered=FEE * sum(each.way.ordered for id_, each in of_token.items() if id_ in answered),
        deposited=DEPOSIT,
        members=_sum(token, committee.events("Withdrawn")),
        licensor=withdrawn[0],
        refunds=withdrawn[1],
        released=_sum(token, released),
        in_oracle=_held(house, token, client.oracle),
        in_committee=_held(house, token, committee.forum.committee),
    )


def stakes(house: House) -> list[str]:
    """Of whom something was taken."""
    found: Iterable[tuple[str, Sequence[Any]]] = (
        (each, house.committee.read("memberOf", bytes.fromhex(each[2:]))) for each in house.addresses
    )
    return [
        f"member {member} has {stake} wei at stake, slashed: {slashed}"
        for member, (stake, _, slashed, *_) in found
        if (stake, slashed) != (STAKE_WEI, False)
    ]


def _sum(token: Address, logs: Sequence[Log]) -> int:
    withdrawn = [log for log in logs if log.event == "Withdrawn" and address(log.values["token"]) == token]
    return sum(int(log.values["amount"]) for log in withdrawn)


def _held(house: House, token: Address, account: Address) -> int:
    rpc, shown = house.committee.world.client.rpc, "0x" + account.hex()
    if token == ETHER:
        return int(rpc.call("eth_getBalance", shown, "latest"), 16)
    balance_of = {"to": "0x" + token.hex(), "data": "0x70a08231" + account.hex().rjust(64, "0")}
    return int(rpc.call("eth_call", balance_of, "latest"), 16)
