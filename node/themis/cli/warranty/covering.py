"""What of a covered answer is proved, in plain words, and by which bundle."""

from typing import TYPE_CHECKING

from themis.cli.home import Home
from themis.core.errors import Denied, Misconfigured
from themis.core.types import Address

if TYPE_CHECKING:
    from themis.bundles.bundle import Bundle
    from themis.chain.client import OracleClient
    from themis.chain.disputes import Disputes
    from themis.config import Config
    from themis.replay.holdings import Holdings


def held(client: "OracleClient", home: Home, config: "Config") -> "Holdings":
    """The bundles of a home."""
    from themis.replay import holdings

    return holdings.of_home(client, home.path, config)


def provable(disputes: "Disputes", bundle: "Bundle", adaptor: Address) -> str:
    """What is proved of an answer. Raises Misconfigured where nothing is."""
    from themis.bundles import disputable
    from themis.chain.disputes import ADAPTOR

    verdict = disputable.examine(bundle)
    if not verdict.disputable:
        raise Misconfigured(f"{bundle.name} cannot be covered: {verdict.reasons[0]}; see `themis models check`")
    try:
        (reads,) = disputes.read(ADAPTOR, adaptor, "preprocessing")
    except (Denied, ValueError) as error:
        raise Misconfigured("dispute.adaptor is no adaptor: correct it") from error
    if reads != bundle.manifest.preprocessing:
        raise Misconfigured(
            f"{bundle.name} reads requests as {bundle.manifest.preprocessing}, and the adaptor knows {reads}: "
            "there is no adaptor for it yet"
        )
    return verdict.proved
