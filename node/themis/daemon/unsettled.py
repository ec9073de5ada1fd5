"""Unsettled: names what the oldest open nonce waits for, once it has been open for too many blocks."""

from collections.abc import Mapping, Sequence
from typing import Final

from themis.core.job import State
from themis.core.pool import Nonces, Reply, Said
from themis.core.spelling import ether, gwei, shown
from themis.core.transaction import SentTransaction
from themis.core.trouble import Trouble
from themis.daemon.node import Node

AFTER_BLOCKS: Final = 10
"""A transaction with a fee above the base fee is in one of the next few blocks, where it reaches their makers."""


def too_dear(price_wei: int, cap_wei: int) -> str:
    """What to do where the chain asks for more per gas than the node may pay."""
    return (
        f"the chain asks for {gwei(price_wei)} per gas, fees.max_fee_gwei caps it at {gwei(cap_wei)}: raise it, or wait"
    )


class Unsettled:
    """Looks at the lowest nonce only: no other can be mined before it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._nonce = -1
        self._since_block = 0
        self._said: dict[int, Said] = {}
        """What the pool said to the newest attempt of each nonce."""

    def heard(self, sent: Sequence[SentTransaction], said: Sequence[Said]) -> None:
        """The pool answered to some attempts."""
        self._said |= {transaction.nonce: each for transaction, each in zip(sent, said, strict=True)}

    def none_left(self) -> None:
        """Every nonce is settled."""
        self._nonce = -1
        self._said.clear()
        self._node.troubles.over(Trouble.UNSETTLED)

    def look(self, attempts: Mapping[int, Sequence[SentTransaction]], nonces: Nonces) -> None:
        """Say what stands in the way of the lowest nonce, where it stands there for too long."""
        node, head = self._node, self._node.time.head
        open_ = [nonce for nonce, sent in attempts.items() if not self._mined(sent[-1])]
        if not open_ or head is None:
            self.none_left()
            return
        nonce = min(open_)
        if nonce != self._nonce:
            self._nonce, self._since_block = nonce, head.number
            self._said = {each: said for each, said in self._said.items() if each >= nonce}
            node.troubles.over(Trouble.UNSETTLED)
        blocks = head.number - self._since_block
        if blocks >= AFTER_BLOCKS:
            cause = self._cause(nonce, attempts[nonce], nonces)
            node.troubles.say(Trouble.UNSETTLED, f"nonce {nonce} has been open for {blocks} blocks: {cause}")

    def _mined(self, sent: SentTransaction) -> bool:
        """An answer in it is in a block that is not deep enough yet: nothing is wrong."""
        jobs = (self._node.store.job(job_id) for job_id in sent.job_ids)
        return any(job is not None and job.state is State.MINED for job in jobs)

    def _cause(self, nonce: int, sent: Sequence[SentTransaction], nonces: Nonces) -> str:
        if nonce < nonces.mined:
            return (
                f"the chain has used it, and the RPC shows no receipt of its {len(sent)} attempts: its backends lie "
                "apart, or somebody else uses the key"
            )
        return self._too_dear(sent[-1]) or self._in_pool(sent[-1], nonces)

    def _too_dear(self, last: SentTransaction) -> str:
        """What the operator's money has to do with it; empty where nothing."""
        node = self._node
        price_wei, cap_wei = node.account.market().price_wei, node.settings.fees.cap_wei
        if price_wei > cap_wei:
            return too_dear(price_wei, cap_wei)
        if (node.account.balance_wei or 0) < last.most_wei:
            return (
                f"the balance does not cover the {ether(last.most_wei)} it may cost: fund {shown(node.signer.address)}"
            )
        return ""

    def _in_pool(self, last: SentTransaction, nonces: Nonces) -> str:
        said = self._said.get(last.nonce)
        if nonces.pending > last.nonce:
            return (
                f"the RPC's pool has it at {gwei(last.fees.max_fee_wei)}, and no block takes it: the RPC "
                "does not pass it on, or blocks are full of dearer ones. Add an endpoint (chain.rpc_urls), or raise "
                "fees.priority_fee_gwei"
            )
        if said is not None and said.reply is not Reply.TAKEN:
            return (
                f"the RPC's pool does not run it; it says: {said.words or said.reply}. Add an endpoint: chain.rpc_urls"
            )
        return "the RPC takes it and forgets it: add an endpoint (chain.rpc_urls), or use another one"
