"""The schema of a bundle's `manifest.toml`. An unknown or missing key is an error."""

import tomllib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from themis.core.errors import Misconfigured

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+){1,2}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TensorSchema(_Part):
    """One input or output of the graph."""

    name: str
    dtype: Literal["uint8", "int32", "int64"]
    shape: list[int | str]
    """Sizes, or names of dimensions."""


class OutputSchema(TensorSchema):
    """An output has a row per token, sequence or request."""

    shape: Annotated[list[int | str], Field(min_length=1)]

    @field_validator("shape")
    @classmethod
    def _counts_rows(cls, shape: list[int | str]) -> list[int | str]:
        if shape[0] not in ("T", "F", "R"):
            raise ValueError("the first dimension says what the rows are: T tokens, F sequences or R requests")
        return shape


class RuntimeSchema(_Part):
    """ONNX Runtime versions the model was tested with: min <= version < below."""

    onnxruntime_min: Version
    onnxruntime_below: Version


class LicenseSchema(_Part):
    """Terms the files come under."""

    spdx: str
    terms_hash: Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
    """keccak256 of the LICENSE file."""


class MixtureSchema(_Part):
    """Shape of the mixture of experts."""

    experts: Annotated[int, Field(ge=1)]
    top_k: Annotated[int, Field(ge=1)]
    total_parameters: Annotated[int, Field(ge=1)]
    """Elements of all weight tensors."""
    active_parameters: Annotated[int, Field(ge=1)]
    """Without the experts that a token is not routed to."""


class Manifest(_Part):
    """What a bundle says about itself."""

    name: Name
    version: Version
    description: str
    attribution: Annotated[str, Field(max_length=200)]
    exactness: Literal["exact"]
    """The same bits on every machine. Anything else is not served by this version."""
    preprocessing: str
    """How input bytes become tensors: an id in themis.edge.preprocess."""
    max_input_bytes: Annotated[int, Field(ge=1, le=2**20)]
    runtime: RuntimeSchema
    license: LicenseSchema
    moe: MixtureSchema
    files: dict[str, Digest]
    """SHA-256 by path inside the bundle."""
    inputs: Annotated[list[TensorSchema], Field(min_length=1)]
    outputs: Annotated[list[OutputSchema], Field(min_length=1)]

    @model_validator(mode="after")
    def _top_k_fits(self) -> "Manifest":
        if self.moe.top_k > self.moe.experts or self.moe.active_parameters > self.moe.total_parameters:
            raise ValueError("moe: top_k exceeds experts, or active_parameters exceeds total_parameters")
        return self


def parse(text: bytes, where: str) -> Manifest:
    """Read a manifest. Raises Misconfigured naming `where` and the offending key."""
    try:
        table: dict[str, Any] = tomllib.loads(text.decode())
        return Manifest.model_validate(table)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"{where} is not TOML: {error}. Restore it from the bundle's publisher.") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise Misconfigured(f"{where}: {key}: {first['msg']}. Restore it from the bundle's publisher.") from error
