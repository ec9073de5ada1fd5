"""The operator's configuration: command line over environment over `config.toml` over defaults."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from themis.core.errors import Misconfigured
from themis.core.fees import FeePolicy
from themis.core.types import Address, Hash32

CONFIG_FILE: Final = "config.toml"
STORE_FILE: Final = "themis.db"
ENV_PREFIX: Final = "THEMIS_"
_GWEI: Final = 10**9


def _bytes_of(length: int) -> BeforeValidator:
    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            decoded = bytes.fromhex(value.removeprefix("0x"))
        except ValueError:
            decoded = b""
        if len(decoded) != length:
            raise ValueError(f"must be 0x and {2 * length} hex digits")
        return decoded

    return BeforeValidator(parse)


def _http(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://")
    return url


_HEX: Final = PlainSerializer(lambda value: "0x" + value.hex(), return_type=str)
AddressField = Annotated[Address, _bytes_of(20), _HEX]
HashField = Annotated[Hash32, _bytes_of(32), _HEX]
Wei = Annotated[int, Field(ge=0, lt=2**96), PlainSerializer(str, return_type=str)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ChainConfig(_Section):
    """Which chain, and which oracle contract on it."""

    rpc_url: Annotated[str, AfterValidator(_http)]
    chain_id: Annotated[int, Field(gt=0, lt=2**63)]
    oracle: AddressField | None = None
    start_block: Annotated[int, Field(ge=0)] = 0
    """The block the oracle was deployed in: nothing before it is read."""
    confirmations: Annotated[int, Field(ge=1)] = 1
    """Blocks, the answer's own included, after which an answer counts as final."""
    poll_interval_s: Annotated[float, Field(ge=0.01, le=60)] = 0.5


class KeyConfig(_Section):
    """The operator's key."""

    keystore: Path = Path("keys/default.json")
    password_file: Path = Path("keys/default.password")


class FeesConfig(_Section):
    """What answers may cost, and must earn."""

    max_fee_gwei: Annotated[float, Field(gt=0)] = 200
    """Cap of the fee per gas."""
    priority_fee_gwei: Annotated[float, Field(ge=0)] = 1
    min_fee_wei: Wei = 0
    """Requests below it are not answered. The oracle enforces the minimum that was offered with `models serve`."""

    def policy(self) -> FeePolicy:
        return FeePolicy(int(self.max_fee_gwei * _GWEI), int(self.priority_fee_gwei * _GWEI))


class ModelConfig(_Section):
    """One model bundle and the id under which it is registered."""

    path: Path
    model_id: HashField


class ApiConfig(_Section):
    """The read-only HTTP API."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8553
    token_file: Path | None = None
    """Bearer token, needed for any address but loopback."""


class EngineConfig(_Section):
    """How models run."""

    threads: Annotated[int, Field(ge=1, le=256)] = 1


class Config(BaseSettings):
    """All of it. Relative paths are relative to the home directory."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    chain: ChainConfig
    key: KeyConfig = KeyConfig()
    fees: FeesConfig = FeesConfig()
    models: tuple[ModelConfig, ...] = ()
    api: ApiConfig = ApiConfig()
    engine: EngineConfig = EngineConfig()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic's signature)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line (init), environment, file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    def oracle(self) -> Address:
        """The contract's address. Raises Misconfigured where there is none yet."""
        if self.chain.oracle is None:
            raise Misconfigured("chain.oracle is not set: run `themis deploy`, or put the contract's address there")
        return self.chain.oracle


def load(home: Path, **overrides: Any) -> Config:
    """Read the configuration of a home. Raises Misconfigured, naming each bad key."""
    file = home / CONFIG_FILE
    if not file.is_file():
        raise Misconfigured(f"there is no {file}: run `themis --home {home} init --rpc-url URL`")

    class Here(Config):
        model_config = SettingsConfigDict(toml_file=file)

    try:
        return Here(**overrides)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} is not TOML: {error}") from error
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read ({error.strerror}): fix its type, owner or mode") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Misconfigured(f"{file}: {problems}") from error
