"""The schema of a bundle's `manifest.toml`. An unknown or missing key is an error."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from themis.core.errors import Misconfigured

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+){1,2}$")]
Dtype = Literal[
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"
]
FLOATS: Final = frozenset(("float16", "float32", "float64"))

TENSORS: Final = "tensors/1"
TOKENS: Final = "tokens/1"
TEXT: Final = "text/1"
DIMENSIONS: Final = frozenset(("T", "F", "L", "R"))
"""Named dimensions whose extents are enforced."""
GENERIC: Final = frozenset((TENSORS, TOKENS, TEXT))
"""Preprocessing for any graph, one request at a time: see themis.engine.generic. Every other id batches rows."""
CODE, TEXT_READ = "code", "text"
READS: Final[Mapping[str, str]] = {TENSORS: "tensors", TOKENS: "tokens", TEXT: TEXT_READ, "bytes/1": "bytes"}
"""What models read, by their preprocessing; of any other id: the code of contracts."""
MAX_NEW_TOKENS: Final = 256
"""As 4 bytes each they fill the largest output that the oracle takes."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, revalidate_instances="always")


class TensorSchema(_Part):
    """One input or output of the graph."""

    name: str
    dtype: Dtype
    shape: list[int | str]
    """Sizes, or names of dimensions."""
    steps_per_unit: Annotated[int, Field(ge=1, le=2**24)] | None = None
    """Of floats: they travel as integers, in steps of 1 / steps_per_unit. Results are rounded to this grid."""


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


class GenerationSchema(_Part):
    """How a decoder writes: greedily, one token at a time, with a cache of keys and values."""

    eos_ids: list[Annotated[int, Field(ge=0)]]
    """Tokens that end an answer; the answer includes the one that ended it."""
    max_new_tokens: Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)]
    context: Annotated[int, Field(ge=2, le=2**20)]
    """Tokens of question and answer together."""
    tokens: str
    """The graph's input for token ids: int64 [1, tokens]."""
    mask: str | None = None
    """Its input for the attention mask, if it has one: ones, int64 [1, cached + tokens]."""
    positions: str | None = None
    """Its input for positions, if it has one: int64 [1, tokens]."""
    logits: str
    """Its output with a score for each next token: [1, tokens, vocabulary]."""
    cache: Annotated[list[Annotated[list[str], Field(min_length=2, max_length=2)]], Field(min_length=1)]
    """Pairs of an input and the output that is fed to it in the next step."""
    chat: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None
    """What is written before and after a request's text. Its tokens of control are the template's alone: the same words
    in a request are plain text."""
    answer: Literal["text"] | None = None
    """What a result is: the hash of the token ids, then their text. None: the token ids."""


class Manifest(_Part):
    """What a bundle says about itself."""

    name: Name
    version: Version
    description: str
    attribution: Annotated[str, Field(max_length=200)]
    exactness: Literal["exact", "tolerant"]
    """Exact: the same bits on every machine. Tolerant: rounded to a grid, and still other machines may differ."""
    preprocessing: str
    """How input bytes become tensors: an id in themis.engine.preprocess, or one of GENERIC."""
    max_input_bytes: Annotated[int, Field(ge=1, le=2**20)]
    runtime: RuntimeSchema
    license: LicenseSchema
    moe: MixtureSchema | None = None
    """None for a model that is no mixture of experts."""
    generation: GenerationSchema | None = None
    """None for a model that answers in one run."""
    files: dict[str, Digest]
    """SHA-256 by path inside the bundle."""
    inputs: Annotated[list[TensorSchema], Field(min_length=1)]
    outputs: Annotated[list[TensorSchema], Field(min_length=1)]

    @property
    def exact(self) -> bool:
        return self.exactness == "exact"

    @property
    def reads(self) -> str:
        """What a request holds: text, tensors, tokens, bytes, or code (itself, or the address of a contract)."""
        return READS.get(self.preprocessing, CODE)

    @model_validator(mode="after")
    def _top_k_fits(self) -> "Manifest":
        moe = self.moe
        if moe and (moe.top_k > moe.experts or moe.active_parameters > moe.total_parameters):
            raise ValueError("moe: top_k exceeds experts, or active_parameters exceeds total_parameters")
        return self

    @model_validator(mode="after")
    def _rows_are_counted(self) -> "Manifest":
        if self.preprocessing not in GENERIC:
            if not self.exact:
                raise ValueError(f"preprocessing {self.preprocessing} batches rows: it is for exact models")
            if any(tensor.shape[:1] not in (["T"], ["F"], ["R"]) for tensor in self.outputs):
                raise ValueError("the first dimension says what the rows are: T tokens, F sequences or R requests")
        return self

    @model_validator(mode="after")
    def _floats_have_a_grid(self) -> "Manifest":
        if self.generation is None:
            for tensor in (*self.inputs, *self.outputs):
                if (tensor.dtype in FLOATS) != (tensor.steps_per_unit is not None):
                    raise ValueError(f"{tensor.name}: floats, and only floats, have steps_per_unit")
        elif self.preprocessing not in (TOKENS, TEXT):
            raise ValueError(f"a model that generates reads {TOKENS} or {TEXT}")
        elif self.generation.answer and self.preprocessing != TEXT:
            raise ValueError(f"a model that answers with text reads {TEXT}")
        return self


def render(manifest: Manifest) -> str:
    """Write a manifest as TOML, keys in the schema's order."""
    return "\n".join(_blocks(manifest.model_dump(exclude_none=True)))


def _blocks(values: Mapping[str, Any]) -> Iterator[str]:
    yield _table("", {name: value for name, value in values.items() if isinstance(value, str | int)})
    for name, value in values.items():
        if isinstance(value, dict):
            yield _table(f"[{name}]", value)
        elif isinstance(value, list):
            yield from (_table(f"[[{name}]]", item) for item in value)


def _table(header: str, values: Mapping[str, Any]) -> str:
    """TOML's basic strings, integers and arrays are written as in JSON."""
    lines = [f"{_key(name)} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items()]
    return "".join([f"{header}\n" if header else "", *lines])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def parse(text: bytes, where: str) -> Manifest:
    """Read a manifest. Raises Misconfigured naming `where` and the offending key."""
    try:
        table: dict[str, Any] = tomllib.loads(text.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise Misconfigured(f"{where} is not TOML: {error}. Restore it from the bundle's publisher.") from error
    try:
        return Manifest.model_validate(table)
    except ValidationError as error:
        raise misfit(error, where, "Restore it from the bundle's publisher.") from error


def misfit(error: ValidationError, where: str, advice: str) -> Misconfigured:
    """What is wrong first with the values of a manifest."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "manifest"
    return Misconfigured(f"{where}: {key}: {first['msg']}. {advice}")
