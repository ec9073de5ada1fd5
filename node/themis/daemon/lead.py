"""Before a node works: it alone writes. Where nodes with one key share a database, it stands by until it leads."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from themis.config import Config
from themis.core.errors import Unavailable
from themis.daemon.preflight import Preflight
from themis.store.lock import InstanceLock, Place
from themis.store.store import SqlStore

Held = tuple[InstanceLock, SqlStore]
LOOK_S: Final = 1.0
"""So often a node that stands by asks for the lead: one query."""
STANDING_BY: Final = "standing by: another node with this key leads, and this one takes over when that ends"

log = logging.getLogger(__name__)


def taken(
    home: Path, config: Config, preflight: Preflight, wait: Callable[[float], bool], beside: Callable[[], None]
) -> Held | None:
    """The lock of the key and the store; None where `wait` said True, that the node is to end, before it led.

    `beside` is called once, where another one leads. Raises Misconfigured while another node has the home, or the key
    on this host, and as the store.
    """
    operator, genesis = preflight.account()
    chain_id, oracle = config.chain.chain_id, config.oracle()
    place, location = Place(chain_id, genesis, oracle, operator), config.store_of(home)
    if isinstance(location, Path):
        lock = InstanceLock(home, place)
        return lock, SqlStore(location, chain_id=chain_id, oracle=oracle, operator=operator)
    store = SqlStore(location, chain_id=chain_id, oracle=oracle, operator=operator)
    if not _led(store, wait, beside):
        store.close()
        return None
    return InstanceLock(home, place), store


def _led(store: SqlStore, wait: Callable[[float], bool], beside: Callable[[], None]) -> bool:
    told = ""
    standing_by = False
    while True:
        try:
            if store.lead():
                log.info("this node leads")
                return True
            said = STANDING_BY
            if not standing_by:
                beside()
                standing_by = True
        except Unavailable as error:
            said = f"waiting: {error}"
        if said != told:
            log.info("%s", said)
            told = said
        if wait(LOOK_S):
            return False
