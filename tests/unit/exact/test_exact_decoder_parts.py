"""Each block of a decoder alone: specification, operators' specification and ONNX Runtime agree, at the limits too.

Argmax and its ties are in `test_exact_decoder_blocks.py`, with whole decoders step by step.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from tests import small_decoders as small
from themis.exact.declare import Range
from themis.exact.decoder import tables
from themis.exact.decoder.blocks import DIGITS, TURNED_MAX, Gate, Norm
from themis.exact.decoder.emitted import Emitter
from themis.exact.decoder.specified import Spec
from themis.exact.graph import serialize
from themis.exact.interpret import interpret
from themis.exact.lint import lint
from themis.exact.session import SessionSettings, open_session

Arrays = Mapping[str, NDArray[Any]]
Block = Callable[[Any, Any], Any]
RNG = np.random.default_rng(17)
WIDTH, OUTPUTS = small.WIDTH, 20
PLAIN = small.matrix(RNG, WIDTH, OUTPUTS, 2)
HALVES = replace(PLAIN, weight=np.full_like(PLAIN.weight, 1), divisor=np.full(OUTPUTS, 2), factor=1)
BIAS = RNG.integers(-2_000, 2_000, OUTPUTS).astype(np.int32)
CLIPPED = replace(PLAIN, divisor=np.arange(1, OUTPUTS + 1) * 999, factor=9, limit=4_000)
STEEP, GENTLE = (Norm(np.arange(-WIDTH, WIDTH, 2) * 99, floor, DIGITS[2]) for floor in (small.LIMIT, 2))
GATE = Gate(tables.silu(4_000, 8), 8, 2, WIDTH // 2)
MIXTURES = [small.mixture(RNG, share_of_all=of_all) for of_all in (False, True)]
TIES = replace(MIXTURES[0], router=replace(MIXTURES[0].router, weight=np.zeros_like(MIXTURES[0].router.weight)))
HEADS = small.layer(RNG).heads
CHANNELS = (HEADS.heads + 2 * HEADS.pairs) * HEADS.width
TURNS = tables.turns(100_000.0, HEADS.width, small.CONTEXT)
BLOCKS: dict[str, tuple[Block, int, int]] = {
    "two digits and their products": (lambda b, x: b.product(x, PLAIN), WIDTH, DIGITS[2]),
    "three digits and theirs": (lambda b, x: b.product(x, replace(PLAIN, digits=3)), WIDTH, DIGITS[3]),
    "bytes and theirs": (lambda b, x: b.product(x, replace(PLAIN, digits=1)), WIDTH, DIGITS[2]),
    "halves go toward zero": (lambda b, x: b.product(x, HALVES), WIDTH, DIGITS[2]),
    "a divisor for each channel, and a clip": (lambda b, x: b.product(x, CLIPPED), WIDTH, DIGITS[2]),
    "a bias": (lambda b, x: b.product(x, replace(PLAIN, bias=BIAS)), WIDTH, DIGITS[2]),
    "RMSNorm": (lambda b, x: b.norm(x, GENTLE), WIDTH, small.LIMIT),
    "RMSNorm at its floor": (lambda b, x: b.norm(x, STEEP), WIDTH, small.LIMIT),
    "gated units": (lambda b, x: b.gated(x, GATE), WIDTH, 4_000),
    "gated units of three digits": (lambda b, x: b.gated(x, replace(GATE, shift=2, digits=3)), WIDTH, 4_000),
    "a router and its experts": (lambda b, x: b.mixture(x, MIXTURES[0]), WIDTH, DIGITS[2]),
    "a router with shares of all": (lambda b, x: b.mixture(x, MIXTURES[1]), WIDTH, DIGITS[2]),
    "a router's ties": (lambda b, x: b.mixture(x, TIES), WIDTH, DIGITS[2]),
    "a stream of 32 bits": (lambda b, x: b.residual(x, x, 2**30), WIDTH, 2**30 - 1),
}


def equal(model: onnx.ModelProto, feed: Arrays, want: Arrays) -> None:
    """What the block's specification says, the operators' does, and ONNX Runtime at one thread and two."""
    assert lint(model).findings == ()
    runs = [open_session(serialize(model), SessionSettings(threads)).run(list(want), dict(feed)) for threads in (1, 2)]
    for found in (interpret(model, feed), *(dict(zip(want, run, strict=True)) for run in runs)):
        for name, value in want.items():
            assert np.array_equal(found[name], value), name


def rows(width: int, limit: int) -> NDArray[np.int32]:
    """[9, 1, width]: all at either limit, in turns, nothing, a single one, and any."""
    flat = [np.full(width, each) for each in (limit, -limit, 0)] + [np.resize([limit, -limit], width)]
    flat += [np.eye(1, width, dtype=int)[0], *RNG.integers(-limit, limit, (4, width), endpoint=True)]
    return np.array(flat, np.int32)[:, None]


@pytest.mark.parametrize("name", BLOCKS)
def test_three_ways_agree_on_each_block(name: str) -> None:
    block, width, limit = BLOCKS[name]
    x, emitter = rows(width, limit), Emitter("block", 16)
    given = emitter._input("x", np.int32, ("tokens", 1, width), limit)
    emitter._ranges["x"] = Range(-limit, limit)
    found = block(emitter, given)
    emitter._graph.output("y", found)
    want = block(Spec([0], {}), x.astype(np.int64))
    assert len(np.unique(want)) > 2
    equal(emitter.build(), {"x": x}, {"y": want})


def test_ties_of_a_router_go_to_the_lower_experts() -> None:
    """All logits are equal here: as if there were the first two experts alone."""
    x = rows(WIDTH, DIGITS[2]).astype(np.int64)
    names = ("up", "up_divisor", "down", "down_divisor")
    router = replace(TIES.router, weight=TIES.router.weight[:, :2], divisor=TIES.router.divisor[:2])
    alone = replace(TIES, router=router, **{name: getattr(TIES, name)[:2] for name in names})
    assert np.array_equal(Spec([0], {}).mixture(x, TIES), Spec([0], {}).mixture(x, alone))


@pytest.mark.parametrize("shift", [0, HEADS.shift])
def test_three_ways_agree_on_turns_attention_and_its_cache(shift: int) -> None:
    """Positions turned by tables, grouped queries, a causal mask, softmax by table, bytes kept: in two steps."""
    heads, past, caches = replace(HEADS, shift=shift), 0, dict[str, NDArray[Any]]()
    emitter = Emitter("attention", small.CONTEXT, piece=16)
    emitter.start(TURNS, heads, 1, small.VOCABULARY)
    given = emitter._input("x", np.int32, ("tokens", 1, CHANNELS), TURNED_MAX)
    emitter._ranges["x"] = Range(-TURNED_MAX, TURNED_MAX)
    emitter._graph.output("y", emitter.attention(given, 0, heads))
    model = emitter.build()
    empty = {"key": (1, heads.pairs, heads.width, 0), "value": (1, heads.pairs, 0, heads.width)}
    for x in (rows(CHANNELS, TURNED_MAX), rows(CHANNELS, TURNED_MAX)[-3:]):
        ids, spec = [0] * len(x), Spec([0] * len(x), caches)
        spec.start(TURNS, heads, 1, small.VOCABULARY)
        want = {"y": spec.attention(x.astype(np.int64), 0, heads), **spec.outputs}
        kept = caches or {f"past_key_values.0.{kind}": np.zeros(form, np.uint8) for kind, form in empty.items()}
        feed = {"input_ids": np.array([ids]), "position_ids": np.arange(past, past + len(x))[None], "x": x, **kept}
        equal(model, {name: feed[name] for name in (entry.name for entry in model.graph.input)}, want)
        past += len(x)
        caches = {name.replace("present", "past_key_values"): each for name, each in spec.outputs.items()}


@pytest.mark.parametrize("tied", [True, False])
def test_three_ways_agree_on_a_table_of_tokens_and_a_head(*, tied: bool) -> None:
    """Requantized by a multiplier for each token and one shift; logits are scaled by one for each."""
    numbers = small.numbers(5, tied=tied)
    emitter, ids = Emitter("ends", small.CONTEXT, piece=16), [0, 1, small.VOCABULARY - 1, 7]
    given = emitter._input("ids", np.int64, ("tokens",), small.VOCABULARY - 1)
    spec = Spec(ids, {})

    def ends(b: Any, tokens: Any) -> Any:
        stream = b.embed(tokens, numbers.table, numbers.table_multiplier, numbers.table_shift, tied=tied)
        b.logits(b.norm(stream, numbers.last), numbers.head)
        return stream

    emitter._graph.output("stream", ends(emitter, given))
    equal(emitter.build(), {"ids": np.array(ids)}, {"stream": ends(spec, np.array(ids)), **spec.outputs})
