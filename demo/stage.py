"""Everything before the first question: chain, people, oracle, a model under terms, an operator who offers it."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo import chains, guard
from demo.actors import Actor, at_once
from demo.programs import ROOT
from demo.transcript import Transcript, ether, short
from demo.wallet import Wallet
from demo.witness import Witness, check
from themis.chain.rpc import Rpc
from themis.core.types import Address, Hash32
from themis.keys.keystore import KeystoreSigner

MODEL: Final = "evm-risk-moe"
MODEL_PATH: Final = ROOT / "models" / MODEL
TERMS: Final = Path(__file__).with_name("terms.txt")
POLICY: Final = "personal=open,research=open,commercial=grant"
ALLOWANCE_WEI: Final = 100 * 10**18
"""What each party starts with."""
FEE_WEI: Final = 10**15
PRICE_WEI: Final = 9 * 10**14
"""What the operator asks for an answer: the fee less the licensor's royalty."""
GRANT_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Stage:
    """Who acts, on which chain, about which model."""

    licensor: Actor
    licensor_address: Address
    operator: Actor
    operator_address: Address
    dao: Wallet
    witness: Witness
    model_id: Hash32

    def grant(self, licensee: Address, role: str, royalty_bps: int) -> None:
        """The licensor signs a grant for commercial use and puts it into force."""
        terms = ("--class", "commercial", "--days", str(GRANT_DAYS), "--royalty-bps", str(royalty_bps))
        self.licensor.themis("license", "grant", _hex(self.model_id), _hex(licensee), "--role", role, *terms)

    def check_terms(self) -> None:
        """Read the published terms, as anybody can, and compare them with what the licensor meant."""
        found = self.operator.themis_json("license", "show", _hex(self.model_id))
        check(found["in_force"] == 1, "the terms are in force")
        modes = found["versions"][0]["policy"]["requester"]
        check(modes == dict(pair.split("=") for pair in POLICY.split(",")), "the terms say what the licensor published")


def set_up(chain: chains.RunningChain, homes: Path, out: Transcript) -> Stage:
    """Set the stage on a fresh chain."""
    out.act(f"A chain ({chain.kind}, id {chain.chain_id}) and three parties who need not trust each other")
    rpc = Rpc(chain.rpc_url)
    licensor, operator = Actor("licensor", homes / "licensor"), Actor("operator", homes / "operator")
    licensor_address, operator_address = at_once(licensor.make_key, operator.make_key)
    dao = Wallet(rpc, chain.chain_id, KeystoreSigner(secrets.token_bytes(32)))
    faucet = Wallet(rpc, chain.chain_id, KeystoreSigner(bytes.fromhex(chain.accounts[0].private_key[2:])))
    for name, account in (("licensor", licensor_address), ("operator", operator_address), ("DAO", dao.address)):
        faucet.send(account, b"", ALLOWANCE_WEI)
        out.say(f"{name:<9} {short(account)}")
    operator.themis("init", "--rpc-url", chain.rpc_url)
    deployed = operator.themis_json("deploy")
    oracle, start_block = deployed["oracle"], str(deployed["start_block"])
    out.say(f"the operator deploys the oracle at {short(_bytes(oracle))}; nobody owns it")

    out.act(f"The licensor publishes {MODEL}")
    licensor.themis("init", "--rpc-url", chain.rpc_url, "--oracle", oracle, "--start-block", start_block)
    registered = licensor.themis_json("models", "register", str(MODEL_PATH))
    stage = Stage(
        licensor=licensor,
        licensor_address=licensor_address,
        operator=operator,
        operator_address=operator_address,
        dao=dao,
        witness=Witness(rpc, chain.chain_id, Address(_bytes(oracle))),
        model_id=Hash32(_bytes(registered["model_id"])),
    )
    _license(stage)
    _offer(stage)
    out.say(f"model {short(stage.model_id)} commits to each weight, the program and the manifest")
    out.say("terms: non-commercial use is free, commercial use by authorization")

    out.act("The operator offers to answer")
    out.say(f"its price is {ether(PRICE_WEI)} a request, royalty aside; paid answers are commercial use,")
    out.say(f"so the licensor has authorized it for {GRANT_DAYS} days")
    return stage


def _license(stage: Stage) -> None:
    terms = ("--terms", str(TERMS), "--requester", POLICY, "--operator", POLICY, "--attribution", f"Built with {MODEL}")
    stage.licensor.themis("license", "publish", _hex(stage.model_id), *terms)
    stage.grant(stage.operator_address, "operator", royalty_bps=0)


def _offer(stage: Stage) -> None:
    price = ("--min-fee-wei", str(PRICE_WEI), "--max-callback-gas", str(guard.CALLBACK_GAS))
    stage.operator.themis("models", "serve", str(MODEL_PATH), _hex(stage.model_id), *price)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
