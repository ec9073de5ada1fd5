"""The bundles by which is known what of a covered answer is proved."""

from typing import TYPE_CHECKING

from themis.cli.home import Home

if TYPE_CHECKING:
    from themis.chain.client import OracleClient
    from themis.config import Config
    from themis.replay.holdings import Holdings


def held(client: "OracleClient", home: Home, config: "Config") -> "Holdings":
    """The bundles of a home."""
    from themis.replay import holdings

    return holdings.of_home(client, home.path, config)
