"""What can go wrong, as a tree. An error's `code` is at once metric label, log field and API problem type.

ThemisError
├── Misconfigured   exit 78   the operator must change something
│   └── Superseded   exit 75   another node with this key leads: ends, to be started again and stand by
├── Denied          exit 77   a license or permission says no
├── Unavailable     exit 75   outside fault; retrying helps
├── Refused         exit 65   this request will never be served by us; carries a `Reason`
│   └── Raced       exit 0    someone or something was faster; nobody's fault
└── Broken          exit 70   a bug or corrupted state; stop loudly
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a job was closed without our answer."""

    UNKNOWN_MODEL = "unknown_model"
    UNLICENSED_REQUESTER = "unlicensed_requester"
    UNLICENSED_OPERATOR = "unlicensed_operator"
    UNSERVED_REQUESTER = "unserved_requester"
    TOO_MANY = "too_many"
    UNDERPAID = "underpaid"
    UNSIGNED = "unsigned"
    OUT_OF_TURN = "out_of_turn"
    OTHER_TERMS = "other_terms"
    UNCOVERED = "uncovered"
    INVALID_INPUT = "invalid_input"
    NO_CODE = "no_code"
    CODE_CHANGED = "code_changed"
    ENGINE_REFUSED = "engine_refused"
    SIGNED_OTHERWISE = "signed_otherwise"
    UNSENDABLE = "unsendable"
    REVERTED = "reverted"
    EXPIRED = "expired"
    ANSWERED = "answered"
    REORGED = "reorged"


class ThemisError(Exception):
    """Base of every error raised on purpose. `str(error)` says what to do."""

    code = "error"
    exit_status = 70


class Misconfigured(ThemisError):  # noqa: N818
    code = "misconfigured"
    exit_status = 78


class Superseded(Misconfigured):
    code = "superseded"
    exit_status = 75


class Denied(ThemisError):  # noqa: N818
    code = "denied"
    exit_status = 77


class Unavailable(ThemisError):  # noqa: N818
    code = "unavailable"
    exit_status = 75


class Broken(ThemisError):  # noqa: N818
    code = "broken"
    exit_status = 70


class Refused(ThemisError):  # noqa: N818
    """This request will not be answered by this node."""

    exit_status = 65

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type["Refused"], tuple[Reason, str]]:
        """Worker processes refuse too."""
        return type(self), (self.reason, self.detail)

    @property
    def code(self) -> str:  # type: ignore[override]
        return str(self.reason)


class Raced(Refused):
    """Answered, expired or reorged before we got there. Counted, not logged as an error."""

    exit_status = 0
