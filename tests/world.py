"""A real chain with an oracle, a model under terms, an operator who serves it and a requester who may ask."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from demo.chains import RunningChain
from tests.patience import until
from tests.solidity import compiled
from themis.chain import contracts
from themis.chain import token as erc20
from themis.chain.abi import Artifact, address
from themis.chain.client import OracleClient, deploy, transact
from themis.chain.contracts import ORACLE, REGISTRY
from themis.chain.rpc import Rpc
from themis.core import canonical, listing
from themis.core.canonical import UNLIMITED, Grant
from themis.core.fees import FeePolicy
from themis.core.order import order_typed_data
from themis.core.types import ETHER, Address, Hash32, Request, Role, UseClass
from themis.keys.keystore import KeystoreSigner

FEES: Final = FeePolicy(10**12, 10**9)
GRANT_COMMERCIAL: Final = 0b10_01_01_10_01_01
"""Policy: commercial use needs a grant, everything else is open; the same for both roles."""
DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class World:
    """Accounts 1 to 3 are the licensor, the operator and the requester."""

    chain: RunningChain
    client: OracleClient
    start_block: int
    licensor: KeystoreSigner
    operator: KeystoreSigner
    requester: KeystoreSigner

    @classmethod
    def build(cls, chain: RunningChain) -> "World":
        signers = [KeystoreSigner(_account(chain, index).key) for index in range(4)]
        rpc = Rpc(chain.rpc_url)
        by = (rpc, chain.chain_id, signers[0], FEES)
        registry = deploy(*by, REGISTRY)
        oracle = deploy(*by, ORACLE, address(registry["contractAddress"]))
        client = OracleClient(rpc, chain.chain_id, address(oracle["contractAddress"]))
        return cls(chain, client, int(registry["blockNumber"], 16), *signers[1:])

    def register(self, *roots: Hash32, policy: int = GRANT_COMMERCIAL) -> Hash32:
        """A model of the licensor's under terms, served by the operator for at least 1 wei."""
        _, logs = self.client.transact(self.licensor, FEES, "registerModel", *roots, "ipfs://bundle")
        model_id = Hash32(logs[0].values["modelId"])
        terms = (model_id, b"\x44" * 32, policy, 0, "ipfs://terms", "Built with the test model")
        self.client.transact(self.licensor, FEES, "publishTerms", *terms)
        self.client.transact(self.operator, FEES, "serve", model_id, ETHER, 1, 1_000_000)
        return model_id

    def grant(
        self, model_id: Hash32, licensee: Address, role: Role, *, days: int = 30, seq: int = 1, **changes: Any
    ) -> None:
        """Sign and activate a grant for every class, with a royalty of 10 %, but for `changes` of its fields."""
        now_s = self.now_s()
        grant = Grant(
            model_id=model_id,
            licensor=self.licensor.address,
            licensee=licensee,
            role=role,
            classes=7,
            terms_version=0,
            not_before_s=0,
            expiry_s=now_s + days * DAY_S,
            quota=UNLIMITED,
            daily_rate=UNLIMITED,
            market=ETHER,
            royalty_bps=1_000,
            price_token=ETHER,
            price_floor=0,
            pay_to=ETHER,
            epoch=0,
            seq=seq,
            nonce=seq,
        )
        grant = replace(grant, **changes)
        if grant.quota != UNLIMITED or grant.daily_rate != UNLIMITED:
            grant = replace(grant, market=self.client.oracle)
        typed = canonical.grant_typed_data(grant, self.client.chain_id, self.client.registry)
        signature = self.licensor.account.sign_message(encode_typed_data(full_message=typed)).signature
        self.client.transact(self.operator, FEES, "activate", *_activation(grant, bytes(signature)))

    def license(self, model_id: Hash32) -> None:
        """Grants for the requester and the operator."""
        self.grant(model_id, self.requester.address, Role.REQUESTER)
        self.grant(model_id, self.operator.address, Role.OPERATOR)

    def ask(
        self, model_id: Hash32, input_: bytes, *, lane: int = 0, fee_wei: int = 10**9, window_s: int = 600
    ) -> Hash32:
        """Ask commercially, from the requester's own account; the request's id."""
        deadline_s = self.now_s() + window_s
        ask = (model_id, self.operator.address, UseClass.COMMERCIAL, lane, deadline_s, 0)
        _, logs = self.client.transact(self.requester, FEES, "request", ask, input_, value_wei=fee_wei)
        return Hash32(logs[0].values["id"])

    def order(self, model_id: Hash32, input_: bytes = b"in", **changes: Any) -> Request:
        """What the requester signs to have an input answered commercially, in lane 9 where it is not said otherwise."""
        lane, items = changes.get("lane", 9), changes.get("items", 0)
        _, seq, _ = self.client.read("stateOf", self.requester.address, lane)
        version, _ = self.client.read("termsInForce", model_id)
        order = Request(
            requester=self.requester.address,
            lane=lane,
            seq=seq + 1,
            model_id=model_id,
            input_hash=Hash32(bytes(32)),
            operator=self.operator.address,
            token=ETHER,
            fee=10**9,
            pay_to=ETHER,
            royalty_bps=0,
            terms_version=version,
            use_class=UseClass.COMMERCIAL,
            licensee=ETHER,
            grant_seq=0,
            deadline_s=self.now_s() + 600,
            callback_gas=0,
            items=items,
        )
        order = replace(order, **changes)
        return replace(order, input_hash=listing.input_hash(order, input_))

    def signed(self, order: Request, signer: KeystoreSigner | None = None) -> bytes:
        """The requester's signature, or another's."""
        typed = order_typed_data(order, self.client.chain_id, self.client.oracle)
        return (signer or self.requester).sign_typed(typed)

    def deposit(self, amount: int, token: Address = ETHER) -> None:
        """Pay into the requester's deposit."""
        paid = token, self.requester.address, amount
        self.client.transact(self.requester, FEES, "deposit", *paid, value_wei=amount if token == ETHER else 0)

    def token(self) -> Address:
        """A token of which the requester has much, and lets the oracle take as much."""
        artifact = compiled("StandardToken", "Tokens.sol")
        token, much = self.deploy(artifact), 10**24
        mint = artifact.call("mint", self.requester.address, much)
        transact(self.client.rpc, self.client.chain_id, self.requester, FEES, token, mint, 0)
        erc20.allow(self.client, self.requester, FEES, token, much)
        return token

    def answers(self, since_block: int | None = None) -> dict[Hash32, list[bytes]]:
        """Outputs on the chain, by request."""
        found: dict[Hash32, list[bytes]] = {}
        since_block = self.start_block if since_block is None else since_block
        for log, _ in self.client.history(("Fulfilled", "OrderFulfilled"), since_block):
            found.setdefault(Hash32(log.values["id"]), []).append(log.values["output"])
        return found

    def wait_for_answers(self, ids: set[Hash32], said: Callable[[], str] = str) -> dict[Hash32, list[bytes]]:
        """Poll until each has one. Raises AssertionError, with what `said` tells, where one has none, or several."""
        until(lambda: ids - set(self.answers()), lambda unanswered: not unanswered, said)
        found = self.answers()
        assert all(len(outputs) == 1 for outputs in found.values())
        return found

    def now_s(self) -> int:
        return self.client.now_s()

    def deploy(self, artifact: Artifact, *arguments: Any) -> Address:
        receipt = deploy(self.client.rpc, self.client.chain_id, self.requester, FEES, artifact, *arguments)
        return address(receipt["contractAddress"])


def _activation(grant: Grant, signature: bytes) -> tuple[Any, ...]:
    return REGISTRY.arguments("activate", contracts.activate(grant, signature))


def _account(chain: RunningChain, index: int) -> LocalAccount:
    account: LocalAccount = Account.from_key(chain.accounts[index].private_key)
    return account
