"""The chain over JSON-RPC: implements the `Chain` port. Every read names its block."""

from collections.abc import Sequence
from typing import Any

from themis.chain import contracts, gas
from themis.chain.client import OracleClient
from themis.chain.contracts import ORACLE
from themis.chain.rpc import Call, RpcError
from themis.chain.uses import Uses
from themis.core.errors import Denied, Misconfigured, Unavailable
from themis.core.fees import fulfill_gas
from themis.core.permission import Standing
from themis.core.pool import TAKEN, Nonces, Said, understood
from themis.core.types import (
    Address,
    Block,
    ChainEvent,
    Denial,
    Hash32,
    LicenseQuery,
    Receipt,
    Request,
    Terms,
    TermsKey,
)


class RpcChain:
    """One oracle contract on the chain behind one endpoint, as one operator sees it."""

    def __init__(self, client: OracleClient, operator: Address) -> None:
        self.rpc = client.rpc
        self._oracle = _hex(client.oracle)
        self._operator = operator
        self._uses = Uses(client)
        self._topics = contracts.event_topics(operator)

    def chain_id(self) -> int:
        return _int(self.rpc.call("eth_chainId"))

    def head(self) -> Block:
        return _block(self.rpc.call("eth_getBlockByNumber", "latest", False))  # noqa: FBT003 (the RPC's parameter)

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        found = self._batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        return [None if raw is None else _block(raw) for raw in found]

    def events(self, first: int, last: int) -> list[ChainEvent]:
        query = {
            "address": self._oracle,
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "topics": self._topics,
        }
        raws = self.rpc.call("eth_getLogs", query)
        decoded = (contracts.decode_event(raw) for raw in raws if not raw.get("removed"))
        return sorted(
            (event for event in decoded if event is not None),
            key=lambda event: (event.at.block_number, event.at.log_index),
        )

    def code(self, places: Sequence[tuple[Address, int]]) -> list[bytes | Unavailable]:
        calls = [("eth_getCode", [_hex(account), hex(block)]) for account, block in places]
        return [_untold(raw) if isinstance(raw, RpcError) else bytes.fromhex(raw[2:]) for raw in self.rpc.batch(calls)]

    def license_denials(self, queries: Sequence[LicenseQuery]) -> list[Denial | Unavailable | None]:
        calls = [
            (
                "eth_call",
                [{"to": self._oracle, "data": _hex(contracts.check_license(query))}, hex(query.block_number)],
            )
            for query in queries
        ]
        return [_denial(result) for result in self.rpc.batch(calls)]

    def uses_left(self, queries: Sequence[LicenseQuery]) -> list[int | None]:
        try:
            return [self._uses.uses_left(query) for query in queries]
        except (Denied, Misconfigured, RpcError) as error:
            raise Unavailable(f"what is left of the operator's grant cannot be read: {error}") from error

    def terms(self, places: Sequence[tuple[TermsKey, int]]) -> list[Terms | Unavailable]:
        calls: list[Call] = [
            ("eth_call", [{"to": self._oracle, "data": _hex(contracts.terms_of(key))}, hex(block)])
            for key, block in places
        ]
        return [_untold(raw) if isinstance(raw, RpcError) else _terms(raw) for raw in self.rpc.batch(calls)]

    def standing(self, model_ids: Sequence[Hash32]) -> list[Standing]:
        try:
            return [self._uses.standing(model_id, self._operator) for model_id in model_ids]
        except (Denied, Misconfigured, RpcError) as error:
            raise Unavailable(f"the operator's license cannot be read: {error}") from error

    def fulfill_denial(self, request: Request, output: bytes, block_number: int) -> Denial | Unavailable | None:
        call = {
            "from": _hex(request.operator),
            "to": self._oracle,
            "data": _hex(contracts.fulfill(request, output)),
            "gas": hex(fulfill_gas(request, output)),
        }
        (result,) = self.rpc.batch([("eth_call", [call, hex(block_number)])])
        return _denial(result) if isinstance(result, RpcError) else None

    def balance_wei(self, account: Address) -> int:
        return _int(self.rpc.call("eth_getBalance", _hex(account), "latest"))

    def nonces(self, account: Address) -> Nonces:
        places = ("latest", "pending")
        mined, pending = self._batch([("eth_getTransactionCount", [_hex(account), place]) for place in places])
        return Nonces(_int(mined), _int(pending))

    def tip_wei(self) -> int:
        return gas.tip_wei(self.rpc)

    def send(self, raws: Sequence[bytes]) -> list[Said]:
        results = self.rpc.batch([("eth_sendRawTransaction", [_hex(raw)]) for raw in raws])
        return [understood(result.message) if isinstance(result, RpcError) else TAKEN for result in results]

    def receipts(self, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
        raws = self._batch([("eth_getTransactionReceipt", [_hex(tx_hash)]) for tx_hash in tx_hashes])
        return [None if raw is None else _receipt(raw) for raw in raws]

    def _batch(self, calls: list[tuple[str, list[Any]]]) -> list[Any]:
        """Results of calls none of which may fail."""
        results = self.rpc.batch(calls)
        for result in results:
            if isinstance(result, RpcError):
                raise Unavailable(f"the RPC refused {result}") from result
        return results


def _block(raw: Any) -> Block:
    if raw is None:
        raise Unavailable("the RPC has no such block yet: it is behind, or still syncing")
    return Block(
        number=_int(raw["number"]),
        hash=Hash32(bytes.fromhex(raw["hash"][2:])),
        parent_hash=Hash32(bytes.fromhex(raw["parentHash"][2:])),
        timestamp_s=_int(raw["timestamp"]),
        base_fee_wei=gas.base_fee_wei(raw),
        gas_limit=_int(raw["gasLimit"]),
    )


def _receipt(raw: Any) -> Receipt:
    tx_hash = Hash32(bytes.fromhex(raw["transactionHash"][2:]))
    price = raw.get("effectiveGasPrice")
    return Receipt(
        tx_hash,
        _int(raw["blockNumber"]),
        _int(raw["status"]) == 1,
        _int(raw["gasUsed"]),
        None if price is None else _int(price),
    )


def _denial(result: Any) -> Denial | Unavailable | None:
    """The contract's refusal. Any other error is no answer: the license is unknown, so nothing is permitted yet."""
    if not isinstance(result, RpcError):
        return None if result != "0x" else Denial("NoContract", "there is no oracle contract at that block")
    return ORACLE.denial(result.data) if result.data else _untold(result)


def _terms(result: str) -> Terms | Unavailable:
    if result == "0x":
        return Unavailable("there is no oracle contract at that block")
    return contracts.decode_terms(bytes.fromhex(result[2:]))


def _untold(error: RpcError) -> Unavailable:
    return Unavailable(f"the RPC refused {error}: it must keep the state of the blocks since the request")


def _int(text: str) -> int:
    return int(text, 16)


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
