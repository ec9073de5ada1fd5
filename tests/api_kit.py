"""Licensing for API tests that are about something else: an RPC that nobody serves."""

from tests.fakes import CHAIN_ID, ORACLE_ADDRESS
from themis.api.licensing import Licensing
from themis.chain.client import OracleClient
from themis.chain.rpc import Rpc

UNREACHABLE = Licensing(OracleClient(Rpc("http://127.0.0.1:9"), CHAIN_ID, ORACLE_ADDRESS), 0, {})
