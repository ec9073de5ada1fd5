"""The bundle `olmoe-tiny`: a decoder of a real architecture, whose golden answers transformers itself has generated."""

import importlib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from themis.bundles import bundle
from themis.bundles.manifest import GenerationSchema
from themis.core.errors import Refused
from themis.engine import decoder
from themis.engine.generic import Generic
from themis.exact.graph import serialize
from themis.exact.session import SessionSettings, open_session

HERE: Final = Path(__file__).parents[3] / "models" / "olmoe-tiny"
LOADED: Final = bundle.load(HERE)
MANIFEST: Final = LOADED.manifest
READER: Final = Generic(LOADED)
SESSION: Final = open_session(LOADED.model)
GOLDEN: Final = json.loads((HERE / "golden.json").read_text())


def schema() -> GenerationSchema:
    assert MANIFEST.generation
    return MANIFEST.generation


def golden_ids(entry: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Question and answer."""
    answer = np.frombuffer(bytes.fromhex(entry["output"][2:]), ">u4")
    return READER.ids(bytes.fromhex(entry["input"][2:])), answer.tolist()


def whole(ids: list[int]) -> NDArray[np.float32]:
    """Logits of the next token without any cache: everything is run again."""
    logits, _ = decoder.step(SESSION, schema(), ids, 0, decoder.empty_cache(schema(), MANIFEST.inputs))
    return logits


@pytest.mark.parametrize("entry", GOLDEN, ids=lambda entry: entry["input"][:12])
def test_with_cache_without_and_transformers_agree(entry: dict[str, Any]) -> None:
    question, expected = golden_ids(entry)
    with_cache = READER.generate(SESSION, bytes.fromhex(entry["input"][2:]))
    ids = list(question)
    for _ in expected:
        ids.append(decoder.choose(whole(ids))[0])
    assert list(with_cache.tokens) == ids[len(question) :] == expected
    assert with_cache.margin == pytest.approx(entry["margin"], rel=1e-3)


def test_an_answer_ends_with_the_token_that_ends_it_or_at_the_limit() -> None:
    answers = [golden_ids(entry)[1] for entry in GOLDEN]
    assert {len(answer) for answer in answers if answer[-1] not in schema().eos_ids} == {schema().max_new_tokens}
    ended = [answer for answer in answers if answer[-1] in schema().eos_ids]
    assert ended
    assert not any(set(answer[:-1]) & set(schema().eos_ids) for answer in answers)


def test_rounding_is_far_below_the_margin() -> None:
    """The card says so: the cache sums in another order than the whole text does."""
    question, answer = golden_ids(GOLDEN[0])
    cache = decoder.empty_cache(schema(), MANIFEST.inputs)
    moved, new, past = [], question, 0
    for token in answer:
        logits, cache = decoder.step(SESSION, schema(), new, past, cache)
        past += len(new)
        moved.append(np.abs(logits - whole((question + answer)[:past])).max())
        new = [token]
    assert max(moved) * 1_000 < min(entry["margin"] for entry in GOLDEN)


def test_threads_do_not_change_the_answers() -> None:
    two = open_session(LOADED.model, SessionSettings(2))
    for entry in GOLDEN:
        assert "0x" + READER.answer(two, bytes.fromhex(entry["input"][2:])).hex() == entry["output"]


def test_only_routed_experts_weights_are_read() -> None:
    """One matrix for each token and chosen expert is gathered, in each of the two products of each layer."""
    assert MANIFEST.moe
    model = onnx.load_from_string(LOADED.model)
    gathers = [node for node in model.graph.node if node.op_type in ("Gather", "GatherND")]
    experts = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 3 and tensor.dims[0] == 8}
    taken = [node.output[0] for node in gathers if node.input[0] in experts]
    others = [node for node in model.graph.node if node not in gathers and experts & set(node.input)]
    assert (len(taken), len(experts), others) == (4, 4, [])
    for name in taken:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    session = open_session(serialize(model))
    ids = [5, 6, 7]
    feed: dict[str, Any] = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, 3), np.int64)}
    feed["position_ids"] = np.arange(3)[None]
    empty = decoder.empty_cache(schema(), MANIFEST.inputs)
    feed |= {pair[0]: array for pair, array in zip(schema().cache, empty, strict=True)}
    for found in session.run(taken, feed):
        assert np.prod(found.shape[:-2]) == len(ids) * MANIFEST.moe.top_k


def test_the_card_tells_the_numbers_of_the_manifest() -> None:
    card = (HERE / "MODEL_CARD.md").read_text()
    assert MANIFEST.moe
    for number in (MANIFEST.moe.total_parameters, MANIFEST.moe.active_parameters, MANIFEST.max_input_bytes):
        assert f"{number:,}" in card
    assert f"{min(entry['margin'] for entry in GOLDEN):.3f} " in card.replace("\n", " ")
    assert (HERE / "LICENSE").read_bytes() == (HERE.parents[1] / "LICENSE").read_bytes()


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in HERE.iterdir() if file.is_file()) < 2 * 2**20


def constant(logits: list[float]) -> Any:
    """A decoder that answers every token with the same logits; its cache only grows."""
    tensors: dict[str, NDArray[Any]] = {
        "scores": np.array(logits, np.float32)[None, None],
        "nothing": np.zeros((), np.float32),
        "last": np.array([2], np.int64),
        "axes": np.array([1, 3], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids", "nothing"], ["nil"]),
        helper.make_node("Unsqueeze", ["nil", "last"], ["column"]),
        helper.make_node("Add", ["column", "scores"], ["logits"]),
        helper.make_node("Unsqueeze", ["nil", "axes"], ["row"]),
        helper.make_node("Concat", ["past.k", "row"], ["present.k"], axis=2),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "constant",
        [value("input_ids", TensorProto.INT64, [1, "n"]), value("past.k", TensorProto.FLOAT, [1, 1, "past", 1])],
        [
            value("logits", TensorProto.FLOAT, [1, "n", len(logits)]),
            value("present.k", TensorProto.FLOAT, [1, 1, "total", 1]),
        ],
        [numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return open_session(serialize(model)), [bundle.tensor_schema(entry) for entry in model.graph.input]


def rules(**changes: Any) -> GenerationSchema:
    plain: dict[str, Any] = {
        "eos_ids": [9],
        "max_new_tokens": 4,
        "context": 8,
        "tokens": "input_ids",
        "logits": "logits",
    }
    return GenerationSchema(**plain | {"cache": [["past.k", "present.k"]]} | changes)


def test_of_equal_logits_the_lowest_id_is_chosen() -> None:
    session, inputs = constant([1.0, 3.0, 2.0, 3.0])
    assert decoder.generate(session, rules(), inputs, [1]) == decoder.Answer((1, 1, 1, 1), 0.0)


def test_generation_stops_at_an_end_token_and_at_the_context() -> None:
    session, inputs = constant([1.0, 3.0, 2.5])
    assert decoder.generate(session, rules(eos_ids=[1]), inputs, [1]) == decoder.Answer((1,), 0.5)
    assert decoder.generate(session, rules(), inputs, [1] * 6).tokens == (1, 1)


@pytest.mark.parametrize("length", [0, 8, 9])
def test_a_question_must_leave_room_for_an_answer(length: int) -> None:
    session, inputs = constant([1.0, 3.0])
    with pytest.raises(Refused, match=f"invalid_input: {length} tokens; 1 to 7 fit"):
        decoder.generate(session, rules(), inputs, [1] * length)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_no_answer(bad: float) -> None:
    session, inputs = constant([1.0, bad])
    with pytest.raises(Refused, match="engine_refused"):
        decoder.generate(session, rules(), inputs, [1])


GPT_2: Final = {"model_type": "gpt2", "num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12}
DEEPSEEK: Final = GPT_2 | {
    "model_type": "deepseek_v3", "num_key_value_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64,
}  # fmt: skip
OLMOE: Final = GPT_2 | {"model_type": "olmoe", "num_key_value_heads": 16}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (GPT_2, "gpt2 does not say num_key_value_heads in its config.json: this recipe is for decoders"),
        (DEEPSEEK, r"deepseek_v3 keeps keys and values of different widths \(kv_lora_rank, qk_rope_head_dim in"),
        (OLMOE, None),
    ],
)
def test_the_recipe_refuses_by_name_what_it_does_not_know(
    config: dict[str, Any], said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "models" / "olmoe-tiny")
    found = importlib.import_module("recipes").refusal(SimpleNamespace(**config))
    assert found is None if said is None else re.match(said, found)
