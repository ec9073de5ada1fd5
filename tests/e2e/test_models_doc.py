"""What docs/models.md tells works as it stands there: its commands in their order, its contract against its node."""

import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from eth_account import Account
from web3 import Web3
from web3.types import TxParams, Wei

from demo import chains
from demo.programs import ROOT
from tests import foreign_models as foreign
from tests.doc_kit import Followed, blocks, compiled, deployed, following
from tests.homes import write_key
from tests.patience import until
from themis.adopt import adopt
from themis.bundles import bundle, hostile, manifest
from themis.engine import generic
from themis.keys.keystore import KeystoreSigner

PAGE = (ROOT / "docs/models.md").read_text()
OLMOE = ROOT / "models/olmoe-tiny"
SET_UP = """
export THEMIS_HOME ORACLE=
for NAME in operator lab customer; do
  THEMIS_HOME=~/$NAME
  themis init --rpc-url RPC_URL ${ORACLE:+--oracle $ORACLE} > /dev/null
  if [ $NAME = operator ]; then
    ORACLE=$(themis deploy | awk '$1 == "oracle" { print $2 }')
    OPERATOR=$(themis keys list | awk 'NR == 2 { print $2 }')
  fi
done
"""
"""As in the README: each role has a home with a key, the operator deploys the oracle."""


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    home = tmp_path_factory.mktemp("home")
    for name, account in zip(("operator", "lab", "customer"), chains.accounts(), strict=False):
        write_key(home / name / "keys", KeystoreSigner(Account.from_key(account.private_key).key))
    (home / "terms.txt").write_text("Do as you like.\n")
    (home / "perceptron.onnx").write_bytes(foreign.perceptron().SerializeToString())
    (script,) = blocks(PAGE, "python")
    (home / "spam.py").write_text(script)
    (home / "olmoe").mkdir()
    for name in ("model.onnx", "tokenizer.json", "LICENSE"):
        shutil.copy(OLMOE / name, home / "olmoe")
    (home / "olmoe/config.json").write_text(foreign.config(max_position_embeddings=256, eos_token_id=0))
    with chains.start() as chain:
        commands = SET_UP.replace("RPC_URL", chain.rpc_url) + "".join(blocks(PAGE, "sh"))
        with following(commands, home, chain) as started:
            yield started


def test_the_commands_tell_the_story(followed: Followed) -> None:
    printed = followed.printed
    assert "floats: it will be tolerant" in printed
    exactness = re.findall(r"^exactness +(\w+)$", printed, re.MULTILINE)
    assert exactness == ["tolerant", "tolerant", "exact", "tolerant"], "the last one is what verify says"
    assert re.search(r"^probabilities +0\.\d+, 0\.\d+, 0\.\d+$", printed, re.MULTILINE)
    assert "olmoe 1.0.0 (tolerant)" in printed
    golden = bundle.load(OLMOE).golden[0].output[: 16 * 4]
    tokens = ", ".join(map(str, np.frombuffer(golden, ">u4").tolist()))
    assert re.search(rf"^tokens +{tokens}$", printed, re.MULTILINE)


def test_the_contract_is_answered_with_the_decoders_tokens(followed: Followed) -> None:
    """What it keeps are the ids that transformers generated when the model was built."""
    web3, oracle = followed.web3, followed.oracle
    sender = Web3.to_checksum_address(chains.accounts()[5].address)
    (solidity,) = blocks(PAGE, "solidity")
    teller = deployed(followed, compiled(solidity, "Storyteller"), sender, oracle.address, followed.model_id)
    golden = bundle.load(OLMOE).golden[1]
    price: TxParams = {"from": sender, "value": Wei(2 * 10**15)}
    asked = teller.functions.ask(followed.operator, golden.input.decode()).transact(price)
    block = web3.eth.wait_for_transaction_receipt(asked)["blockNumber"]
    fulfilled = oracle.events.Fulfilled
    (answer,) = until(lambda: list(fulfilled.get_logs(from_block=block)), lambda answers: answers)
    assert not oracle.events.CallbackFailed.get_logs(from_block=block)
    expected = golden.output[: 16 * 4]
    assert answer["args"]["output"] == expected
    ids = np.frombuffer(expected, ">u4").tolist()
    assert [teller.functions.tokens(place).call() for place in range(len(ids))] == ids


def test_the_estimates_follow_from_their_formula() -> None:
    assert "memory is 0.625 bytes a parameter" in PAGE
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| [\w. -]+ \| [\d.]+ \|", line)]
    assert len(rows) == 4
    for _, total, active, memory, *speeds in rows:
        assert float(memory) == pytest.approx(float(total) * 0.625, abs=0.051)
        for bandwidth, speed in zip((20, 60, 300), speeds, strict=True):
            assert int(speed) == round(bandwidth / (float(active) * 0.625))
    assert "(28 GB for OLMoE, 916 GB for MiniMax M2.7," in PAGE
    assert (round(6.9 * 4), 229 * 4) == (28, 916)


def test_the_limits_it_names_are_those_of_the_code() -> None:
    assert f"up to {adopt.MAX_INPUT_BYTES:,} bytes and results of up to {generic.MAX_OUTPUT_BYTES:,}" in PAGE
    assert f"UTF-8 text of up to {adopt.MAX_TEXT_BYTES:,} bytes" in PAGE
    assert f"over {bundle.MAX_FILE_BYTES >> 20} MiB" in PAGE
    assert f"beside them: {bundle.MAX_BUNDLE_BYTES >> 30} GiB" in PAGE
    assert f"more than {hostile.MAX_NODES:,} nodes" in PAGE
    assert f"beyond {hostile.MAX_SIZE:,}" in PAGE
    assert f"at most {manifest.MAX_NEW_TOKENS} tokens" in PAGE


def test_paths_it_names_exist() -> None:
    named = re.findall(r"`([a-z]+(?:/[\w.-]+)+/?)`", PAGE)
    assert len(named) >= 3
    assert [path for path in named if not (ROOT / path).exists()] == sorted(manifest.GENERIC, key=named.index)


def test_only_known_kinds_of_blocks() -> None:
    """`console` is what no test runs, and says so."""
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"sh", "python", "solidity", "console"}
    assert len(blocks(PAGE, "console")) == 1
