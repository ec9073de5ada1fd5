"""Licensing and verifying for API tests that are about something else: an RPC that nobody serves."""

from pathlib import Path

from tests.fakes import CHAIN_ID, ORACLE_ADDRESS
from themis.api.licensing import Licensing
from themis.chain.client import OracleClient
from themis.chain.rpc import Rpc
from themis.engine.apart import Limits
from themis.replay.history import History
from themis.replay.holdings import Holdings
from themis.replay.verdict import Verifier

_NOBODY = OracleClient(Rpc("http://127.0.0.1:9", sleep=lambda _: None), CHAIN_ID, ORACLE_ADDRESS)
VERIFIER = Verifier(_NOBODY, History(_NOBODY, 0), Holdings(_NOBODY, 0, (), Path("models")), Limits())
UNREACHABLE = (Licensing(_NOBODY, 0, {}), VERIFIER)
