"""What an endpoint's refusal means, by its words, and what to do about it: a table, for every provider has its own."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from themis.core.errors import Unavailable


class Kind(StrEnum):
    """What a refusal is about."""

    BUSY = "busy"
    """Asked too often: later it will do."""
    FAILED = "failed"
    """The endpoint's own trouble: another backend, or the next moment, may do."""
    BEHIND = "behind"
    """It does not have that block, or not yet."""
    WRONG_FORM = "wrong_form"
    """Not what the method answers, or the answer to another question."""
    BATCH = "batch"
    """Too many calls at once."""
    RANGE = "range"
    """Too many blocks, or logs, at once."""
    STATE = "state"
    """It has thrown the state of that block away."""
    KEY = "key"
    """It does not know us."""
    METHOD = "method"
    REDIRECT = "redirect"
    DISAGREE = "disagree"
    """The endpoints do not say the same."""
    OTHER = "other"


PASSING: Final = frozenset((Kind.BUSY, Kind.FAILED, Kind.BEHIND, Kind.WRONG_FORM))
"""What asking again may mend."""

ADVICE: Final[Mapping[Kind, str]] = {
    Kind.BUSY: "it limits how often it is asked: use another plan or endpoint, or add one to chain.rpc_urls",
    Kind.FAILED: "it is out of order: it is asked again; add another one to chain.rpc_urls",
    Kind.BEHIND: "it does not have that block (yet): it must be in sync, or its backends must not lie far apart",
    Kind.WRONG_FORM: "it answers what is no answer: it is asked again; use another endpoint if that goes on",
    Kind.BATCH: "it takes fewer calls at once",
    Kind.RANGE: "it gives fewer blocks or logs at once",
    Kind.STATE: "it must keep the state of the blocks since the request: use an endpoint with more history",
    Kind.KEY: "it refuses the caller: correct the key in chain.rpc_url, or the plan it belongs to",
    Kind.METHOD: "it does not have that method: use an endpoint that has",
    Kind.REDIRECT: "it has moved: put its new address into chain.rpc_url",
    Kind.DISAGREE: "ask again later, or find out which endpoint of chain.rpc_urls is wrong",
    Kind.OTHER: "see what it says",
}

_WORDS: Final[tuple[tuple[Kind, tuple[str, ...]], ...]] = (
    (Kind.BATCH, ("batch",)),
    (
        Kind.STATE,
        (
            "missing trie node",
            "prun",
            "archive",
            "historical state",
            "state not available",
            "state is not available",
            "state unavailable",
            "state already",
            "state histor",
            "old data not available",
            "proof window",
        ),
    ),
    (
        Kind.RANGE,
        (
            "block range",
            "blocks range",
            "range limit",
            "range exceed",
            "range too",
            "range is too",
            "range of blocks",
            "exceeds limit of",
            "limited to",
            "returned more than",
            "response size",
            "result set",
            "too many results",
            "too many blocks",
            "too many logs",
            "max results",
            "exceeds max",
            "query exceeds",
            "query timeout",
        ),
    ),
    (
        Kind.BEHIND,
        (
            "header not found",
            "unknown block",
            "unknown header",
            "block not found",
            "not find block",
            "no such block",
            "header for hash",
            "hash not found",
            "not currently canonical",
            "not canonical",
            "blockoutofrange",
            "invalid block tag",
            "out of range",
            "beyond head",
            "after last accepted block",
            "future block",
            "resource not found",
            "syncing",
            "indexing",
        ),
    ),
    (
        Kind.BUSY,
        (
            "rate limit",
            "rate exceeded",
            "ratelimit",
            "too many requests",
            "request limit",
            "requests limit",
            "limit exceeded",
            "limit reached",
            "quota",
            "throughput",
            "compute units",
            "capacity",
            "request count exceeded",
            "overload",
            "server busy",
            "server is busy",
            "slow down",
        ),
    ),
    (
        Kind.KEY,
        ("api key", "apikey", "unauthorized", "project id", "access token", "authenticat", "forbidden", "denied"),
    ),
    (
        Kind.METHOD,
        ("method not", "does not exist", "not supported", "unsupported", "not whitelisted", "method is disabled"),
    ),
    (Kind.FAILED, ("internal error", "internal server", "bad gateway", "gateway time", "timed out", "timeout")),
)
_BY_CODE: Final[Mapping[int, Kind]] = {
    -32005: Kind.BUSY,
    -32029: Kind.BUSY,
    429: Kind.BUSY,
    -32601: Kind.METHOD,
    -32004: Kind.METHOD,
    -32001: Kind.BEHIND,
    -32603: Kind.FAILED,
}
_BY_STATUS: Final[Mapping[int, Kind]] = {401: Kind.KEY, 403: Kind.KEY, 408: Kind.FAILED, 429: Kind.BUSY}


def kind_of(message: str, *, code: int = 0, status: int = 200) -> Kind:
    """What a refusal is about: by its words, else the JSON-RPC code, else the HTTP status."""
    said = message.lower()
    if "revert" in said:
        return Kind.OTHER
    for kind, words in _WORDS:
        if any(each in said for each in words):
            return kind
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in range(300, 400):
        return Kind.REDIRECT
    return Kind.FAILED if status >= 500 else Kind.OTHER  # noqa: PLR2004 (HTTP's own classes)


class RpcError(Unavailable):
    """The endpoint answered with an error: `message` as it said it, `data` the revert data if there is any."""

    code = "rpc_error"

    def __init__(
        self,
        method: str,
        message: str,
        data: bytes = b"",
        *,
        kind: Kind | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{method}: {message}")
        self.message = message
        self.data = data
        self.kind = kind_of(message) if kind is None else kind
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """Whether asking again may mend it. What a contract says is an answer."""
        return not self.data and self.kind in PASSING

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE[self.kind]
