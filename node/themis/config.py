"""The operator's configuration: command line over environment over `config.toml` over defaults."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from themis.core import spelling
from themis.core.errors import Misconfigured
from themis.core.fees import GWEI, FeePolicy
from themis.core.pricing import Pricing, Rule, default_rule
from themis.core.requesters import Requesters
from themis.core.types import Address, Hash32

CONFIG_FILE: Final = "config.toml"
STORE_FILE: Final = "themis.db"
ENV_PREFIX: Final = "THEMIS_"
_NESTED: Final = "__"


def _address(value: Any) -> Any:
    return spelling.address(value) if isinstance(value, str) else value


def _hash(value: Any) -> Any:
    return spelling.hash32(value) if isinstance(value, str) else value


_HEX: Final = PlainSerializer(lambda value: "0x" + value.hex(), return_type=str)
AddressField = Annotated[Address, BeforeValidator(_address), _HEX]
HashField = Annotated[Hash32, BeforeValidator(_hash), _HEX]
Wei = Annotated[int, Field(ge=0, lt=2**96), PlainSerializer(str, return_type=str)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChainConfig(_Section):
    """Which chain, and which oracle contract on it."""

    rpc_url: Annotated[str, AfterValidator(spelling.endpoint)]
    rpc_urls: tuple[Annotated[str, AfterValidator(spelling.endpoint)], ...] = ()
    """More endpoints of the same chain: they take over, vote where `quorum` asks for it, and get every answer."""
    ws_url: Annotated[str, AfterValidator(spelling.websocket)] | None = None
    """A WebSocket of the same chain: it wakes the node for a new block. What is in the block is read over HTTP."""
    explorer_url: Annotated[str, AfterValidator(spelling.endpoint)] | None = None
    """A block explorer, https://etherscan.io or the like: the pages link to transactions, blocks and accounts on it."""
    quorum: Annotated[int, Field(ge=1)] = 1
    """So many endpoints must say the same where it is about money or licenses."""
    chain_id: Annotated[int, Field(gt=0, lt=2**63)]
    oracle: AddressField | None = None
    signed_deposits: AddressField | None = None
    """The contract beside the oracle that pays tokens into deposits by their owners' signatures."""
    start_block: Annotated[int, Field(ge=0)] = 0
    """The block the oracle was deployed in: nothing before it is read."""
    confirmations: Annotated[int, Field(ge=1)] = 1
    """Blocks, the answer's own included, after which an answer counts as final."""
    poll_interval_s: Annotated[float, Field(ge=0.01, le=60)] = 0.5
    reread_blocks: Annotated[int, Field(ge=1, le=64)] = 12
    """So deep a block must be until its logs are not read again: an endpoint's backends may lie so far apart."""

    @model_validator(mode="before")
    @classmethod
    def _first_of_several(cls, values: Any) -> Any:
        """`rpc_urls` alone will do."""
        if isinstance(values, dict) and "rpc_url" not in values and values.get("rpc_urls"):
            return values | {"rpc_url": next(iter(values["rpc_urls"]))}
        return values

    @model_validator(mode="after")
    def _enough_to_agree(self) -> Self:
        if self.quorum > len(self.urls):
            raise ValueError(f"quorum = {self.quorum} needs as many endpoints: {len(self.urls)} are configured")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """Every endpoint, the preferred one first."""
        return tuple(dict.fromkeys((self.rpc_url, *self.rpc_urls)))


class KeyConfig(_Section):
    """The operator's key."""

    keystore: Path = Path("keys/default.json")
    password_file: Path = Path("keys/default.password")
    password_from: Annotated[str, Field(pattern=r"^(file|prompt|fd:[0-9]+)$")] = "file"  # noqa: S105 (a place)
    """`file`, `prompt`, or `fd:N` for a descriptor that whoever starts themis has opened."""
    signer_url: Annotated[str, AfterValidator(spelling.endpoint)] | None = None
    """A signer elsewhere, in the place of the key file."""
    signer: Literal["web3signer", "clef"] = "web3signer"
    """Whose JSON-RPC it speaks."""
    address: AddressField | None = None
    """Which of its accounts signs."""


class FeesConfig(_Section):
    """What answers may cost, and must earn."""

    max_fee_gwei: Annotated[float, Field(gt=0)] = 200
    """Cap of the fee per gas."""
    priority_fee_gwei: Annotated[float, Field(ge=0)] = 1
    min_fee_wei: Wei = 0
    """Requests below it are not answered. The oracle enforces the minimum that was offered with `models serve`."""

    policy: Rule | None = None
    """What becomes of requests whose fee does not pay for the answer's gas; none: `free` on a development chain."""
    margin_percent: Annotated[int, Field(ge=0, le=10_000)] = 10
    """What an answer must earn beyond its gas."""
    token_wei: dict[str, Annotated[Decimal, Field(gt=0)]] = Field(default_factory=dict)
    """By token: what its smallest unit is worth in wei. One that is not here counts as worth nothing."""
    max_spend_wei_per_day: Wei | None = None
    """For the gas of answers, in 24 hours; none: any amount."""
    gather_s: Annotated[float, Field(ge=0, le=60)] = 0
    """So long an answer may wait for others to share a transaction with; 0: only what is ready together shares one."""

    def limits(self) -> FeePolicy:
        return FeePolicy(int(self.max_fee_gwei * GWEI), int(self.priority_fee_gwei * GWEI))

    def pricing(self, chain_id: int) -> Pricing:
        """The rule in force on a chain."""
        worth = {spelling.address(token): wei for token, wei in self.token_wei.items()}
        return Pricing(self.policy or default_rule(chain_id), self.margin_percent, worth)


class RequestersConfig(_Section):
    """Whom the node serves, and how often."""

    allow: tuple[AddressField, ...] = ()
    """Empty: everybody who is not denied."""
    deny: tuple[AddressField, ...] = ()
    max_per_hour: Annotated[int, Field(ge=1)] | None = None
    max_per_day: Annotated[int, Field(ge=1)] | None = None

    def limits(self) -> Requesters:
        return Requesters(frozenset(self.allow), frozenset(self.deny), self.max_per_hour, self.max_per_day)


class ModelConfig(_Section):
    """One model bundle and the id under which it is registered."""

    path: Path
    model_id: HashField


class ApiConfig(_Section):
    """The HTTP API: read-only, but for orders."""

    host: Annotated[str, AfterValidator(spelling.cleaned)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8553
    token_file: Path | None = None
    """Bearer token, needed for any address but loopback."""


class CommitteeConfig(_Section):
    """The committee that the key is a member of. Where there is one, its requests are answered, and no others."""

    address: AddressField | None = None
    factory: AddressField | None = None
    """Where committees are made and listed."""
    turn_s: Annotated[float, Field(ge=0.1, le=3_600)] = 6
    """Who is next by rank sends what is agreed so much later, if nobody has: some blocks of the chain."""
    report: bool = True
    """Whether the node reports a member that signed two results of one request: it is paid for that."""
    gas_per_day: Annotated[int, Field(ge=0)] = 5_000_000
    """What reports and rounds on chain may take in 24 hours, by their limits; 0: the node sends none."""


class StoreConfig(_Section):
    """Where the node remembers what it has done."""

    url: Annotated[str, AfterValidator(spelling.database)] | None = None
    """A PostgreSQL database, which nodes with one key share: one leads, others stand by. None: a file in the home."""


class EngineConfig(_Section):
    """How models run."""

    url: Annotated[str, AfterValidator(spelling.cluster)] | None = None
    """Machines that run them, ray://HOST[:PORT] with Ray Serve, several with commas between; None: this one."""
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    request_seconds: Annotated[int, Field(ge=1, le=86_400)] = 120
    """One request to a stranger's model may take so long; then it is refused for good."""
    request_memory_mib: Annotated[int, Field(ge=64, le=2**24)] = 2_048
    """And so much memory, beyond the model's own."""
    abreast: Annotated[int, Field(ge=1, le=64)] = 1
    """So many requests to one such model are answered at once, each in a process that holds the model."""


class TracesConfig(_Section):
    """What each request went through, for a collector."""

    url: Annotated[str, AfterValidator(spelling.endpoint)] | None = None
    """An OTLP endpoint over HTTP, as http://127.0.0.1:4318; none: nothing is sent."""


class LogConfig(_Section):
    """What a running node says on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class DisputeConfig(_Section):
    """What stands behind answers, and what `themis watch` may put up against wrong ones."""

    warranty: AddressField | None = None
    contract: AddressField | None = None
    """Decides the games of covers that are made here."""
    adaptors: tuple[AddressField, ...] = ()
    """Say how the models of these covers read and write: a contract for each preprocessing."""
    openings_urls: tuple[Annotated[str, AfterValidator(spelling.endpoint)], ...] = ()
    """Who may serve what the chain does not say, and is never believed: guarantors' `themis watch` openings of traces,
    operators' nodes the inputs of orders and the answers of lists."""
    max_bonds_wei: Wei = 0
    """For challenges, in 24 hours."""
    traces_mib: Annotated[int, Field(ge=64)] = 2_048
    """Of traces on disk."""


class Config(BaseSettings):
    """All of it. Relative paths are relative to the home directory."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter=_NESTED, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    chain: ChainConfig
    key: KeyConfig = KeyConfig()
    fees: FeesConfig = FeesConfig()
    requesters: RequestersConfig = RequestersConfig()
    models: tuple[ModelConfig, ...] = ()
    api: ApiConfig = ApiConfig()
    committee: CommitteeConfig = CommitteeConfig()
    dispute: DisputeConfig = DisputeConfig()
    engine: EngineConfig = EngineConfig()
    store: StoreConfig = StoreConfig()
    log: LogConfig = LogConfig()
    traces: TracesConfig = TracesConfig()

    def oracle(self) -> Address:
        """The contract's address. Raises Misconfigured where there is none yet."""
        if self.chain.oracle is None:
            raise Misconfigured("chain.oracle is not set: run `themis deploy`, or put the contract's address there")
        return self.chain.oracle

    def store_of(self, home: Path) -> Path | str:
        """The file of a home, or the URL of a database."""
        return self.store.url or home / STORE_FILE


def load(home: Path, **overrides: Any) -> Config:
    """Read the configuration of a home. Raises Misconfigured, naming each bad value and where it comes from."""
    file = home / CONFIG_FILE
    written = _parsed(file, text_of(file))

    class Here(Config):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic's signature)
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """Command line (init), environment, file."""
            return init_settings, _variables(settings_cls), InitSettingsSource(settings_cls, written)

    try:
        return Here(**overrides)
    except ValidationError as error:
        problems = "; ".join(_problem(file, overrides, each) for each in error.errors())
        raise Misconfigured(problems) from error


def text_of(file: Path) -> str:
    """A home's config.toml, without the mark that some editors begin it with. Raises Misconfigured."""
    if not file.is_file():
        raise Misconfigured(f"there is no {file}: run `themis --home {file.parent} init --rpc-url URL`")
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{file} is not TOML: save it as UTF-8 ({error})") from error
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read ({error.strerror}): fix its type, owner or mode") from error


def environment() -> dict[str, Any]:
    """What the variables THEMIS_SECTION__KEY set."""
    return _variables(Config)()


def _variables(settings: type[BaseSettings]) -> EnvSettingsSource:
    """The environment. An empty variable counts as unset: that is how containers and units unset one."""
    source = EnvSettingsSource(settings)
    source.env_vars = {name: cleaned for name, value in source.env_vars.items() if (cleaned := _cleaned(value))}
    return source


def _cleaned(value: str | None) -> str:
    return spelling.cleaned(value or "")


def _parsed(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{file} is not TOML: {error}") from error


def _problem(file: Path, overrides: Mapping[str, Any], error: Any) -> str:
    """What is wrong with a value, with the place to correct it."""
    at = tuple(error["loc"])
    key = ".".join(map(str, at))
    match error["type"]:
        case "extra_forbidden":
            said = f"{key}: there is no such key{_meant(at)}"
        case "missing":
            said = f"{key} is missing"
        case _:
            said = f"{key}: {error['msg'].removeprefix('Value error, ')}"
    if _has(overrides, at):
        return f"--set {said}"
    if _has(environment(), at):
        return f"the variable {ENV_PREFIX}{_NESTED.join(map(str, at)).upper()}: {said}"
    return f"{file}: {said}"


def _has(values: Any, at: tuple[str | int, ...]) -> bool:
    for name in at:
        if not isinstance(values, Mapping) or name not in values:
            return False
        values = values[name]
    return bool(at)


def _meant(at: tuple[str | int, ...]) -> str:
    """The key that was probably meant, among those of its section."""
    section: Any = Config
    for name in at[:-1]:
        if isinstance(name, int):
            continue
        kind = section.model_fields[name].annotation
        section = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else get_args(kind)[0]
    close = get_close_matches(str(at[-1]), section.model_fields, n=1)
    return f"; did you mean {close[0]}?" if close else ""
