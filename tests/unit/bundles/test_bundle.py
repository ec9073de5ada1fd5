"""Loading a bundle: believes nothing it has not recomputed, and says what is wrong and what to do."""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import onnx
import pytest
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.twins import run
from themis.adopt import publish
from themis.adopt.publish import Facts
from themis.bundles import bundle
from themis.core.errors import Misconfigured
from themis.core.types import Hash32
from themis.exact import selftest
from themis.exact.roots import program_root, weights_root

SOURCE: Final = Path(__file__).parents[3] / "models" / "selftest-moe"
ID: Final = Hash32(b"\x07" * 32)
FACTS: Final = Facts(
    name="another",
    version="0.1",
    description='It says "hello".',
    attribution="Built with another",
    preprocessing="bytes/1",
    max_input_bytes=9,
    spdx="LicenseRef-Terms",
    experts=8,
    top_k=2,
    active_parameters=5,
    units={"scores_bps": "R"},
)
ORIGINAL: Final = selftest.build()
FEED: Final = selftest.cases()["network"][1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SOURCE, tmp_path / "model"))


def relist(path: Path, name: str) -> None:
    """Put a changed file's real digest into the manifest, as a dishonest publisher would."""
    manifest = path / "manifest.toml"
    before = hashlib.sha256((SOURCE / name).read_bytes()).hexdigest()
    after = hashlib.sha256((path / name).read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text().replace(before, after))


def edit(path: Path, before: str, after: str) -> None:
    manifest = path / "manifest.toml"
    text = manifest.read_text()
    assert before in text
    manifest.write_text(text.replace(before, after))


def rewrite(path: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load_from_string((path / "model.onnx").read_bytes())
    change(model)
    (path / "model.onnx").write_bytes(model.SerializeToString())
    relist(path, "model.onnx")


def test_a_bundle_knows_its_roots() -> None:
    found = bundle.load(SOURCE)
    model = onnx.load_from_string((SOURCE / "model.onnx").read_bytes())
    info = found.info(ID)
    assert (info.model_id, info.name, info.version) == (ID, "selftest-moe", "1.0.0")
    assert (info.program_root, info.weights_root) == (program_root(model), weights_root(model))
    assert info.manifest_hash == keccak((SOURCE / "manifest.toml").read_bytes())
    assert info.max_input_bytes == 256
    assert info.exact
    assert info.attribution == "Built with Themis selftest-moe"
    assert [golden.input for golden in found.golden] == list(selftest.PROBES)


def test_the_same_files_elsewhere_are_the_same_model(copy: Path) -> None:
    moved = copy.rename(copy.with_name("renamed"))
    assert bundle.load(moved).info(ID) == bundle.load(SOURCE).info(ID)


def delete_manifest(path: Path) -> None:
    (path / "manifest.toml").unlink()


def break_toml(path: Path) -> None:
    (path / "manifest.toml").write_text("name = ")


def binary_manifest(path: Path) -> None:
    (path / "manifest.toml").write_bytes(b"\xff\xfe")


def deep_manifest(path: Path) -> None:
    (path / "manifest.toml").write_text("a = " + "[" * 50_000)


def deep_golden(path: Path) -> None:
    (path / "golden.json").write_bytes(b"[" * 100_000)
    relist(path, "golden.json")


def pipe_for_card(path: Path) -> None:
    (path / "MODEL_CARD.md").unlink()
    os.mkfifo(path / "MODEL_CARD.md")


def huge_manifest(path: Path) -> None:
    (path / "manifest.toml").write_bytes(b"#" * (bundle.MAX_MANIFEST_BYTES + 1))


def delete_model(path: Path) -> None:
    (path / "model.onnx").unlink()


def directory_for_model(path: Path) -> None:
    (path / "model.onnx").unlink()
    (path / "model.onnx").mkdir()


def flip_a_bit(path: Path) -> None:
    content = bytearray((path / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (path / "model.onnx").write_bytes(content)


def corrupt_protobuf(path: Path) -> None:
    (path / "model.onnx").write_bytes((path / "model.onnx").read_bytes()[:-100])
    relist(path, "model.onnx")


def outside(path: Path) -> None:
    shutil.copy(path / "LICENSE", path.parent / "LICENSE")
    digest = hashlib.sha256((path / "LICENSE").read_bytes()).hexdigest()
    edit(path, "[files]\n", f'[files]\n"../LICENSE" = "{digest}"\n')


def absolute(path: Path) -> None:
    digest = hashlib.sha256((path / "LICENSE").read_bytes()).hexdigest()
    edit(path, "[files]\n", f'[files]\n"{path / "LICENSE"}" = "{digest}"\n')


def linked_outside(path: Path) -> None:
    shutil.move(path / "LICENSE", path.parent / "LICENSE")
    (path / "LICENSE").symlink_to(path.parent / "LICENSE")


def null_in_path(path: Path) -> None:
    edit(path, "[files]\n", f'[files]\n"a\\u0000b" = "{"0" * 64}"\n')


def external_data(path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    rewrite(path, change)


def custom_operator(path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.opset_import.append(helper.make_opsetid("com.example", 1))
        model.graph.node.append(helper.make_node("Run", ["tokens"], ["z"], domain="com.example"))

    rewrite(path, change)


def float_operator(path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        cast = helper.make_node("Cast", ["tokens"], ["z0"], to=TensorProto.FLOAT)
        model.graph.node.extend([cast, helper.make_node("Exp", ["z0"], ["z1"])])

    rewrite(path, change)


def other_input(path: Path) -> None:
    edit(path, 'name = "grams"', 'name = "bigrams"')


def other_output(path: Path) -> None:
    edit(path, 'name = "scores_bps"', 'name = "scores"')


def more_parameters(path: Path) -> None:
    edit(path, "total_parameters = 16976", "total_parameters = 229000000000")


def other_terms(path: Path) -> None:
    (path / "LICENSE").write_text("All rights reserved.\n")
    relist(path, "LICENSE")


def unlisted_card(path: Path) -> None:
    lines = (path / "manifest.toml").read_text().splitlines(keepends=True)
    (path / "manifest.toml").write_text("".join(line for line in lines if "MODEL_CARD" not in line))


def golden_without_hex(path: Path) -> None:
    (path / "golden.json").write_text('[{"input": "00", "code": null, "output": "0x"}]')
    relist(path, "golden.json")


def golden_of_another_kind(path: Path) -> None:
    (path / "golden.json").write_text('{"input": 1}')
    relist(path, "golden.json")


def no_golden(path: Path) -> None:
    (path / "golden.json").write_text("[]")
    relist(path, "golden.json")


def graph_input_of_rank_unknown(path: Path) -> None:
    rewrite(path, lambda model: model.graph.input[0].type.tensor_type.ClearField("shape"))


def input_of_unknown_dimension(path: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "Q"

    rewrite(path, change)
    edit(path, 'name = "tokens"\ndtype = "int64"\nshape = ["T"]', 'name = "tokens"\ndtype = "int64"\nshape = ["Q"]')


def tolerant(path: Path) -> None:
    edit(path, 'exactness = "exact"', 'exactness = "tolerant"')


def unknown_key(path: Path) -> None:
    edit(path, "[runtime]\n", "[runtime]\ncuda = true\n")


def top_k_of_nine(path: Path) -> None:
    edit(path, "top_k = 2", "top_k = 9")


def rows_of_unknown_kind(path: Path) -> None:
    edit(path, 'shape = ["R", 16]', 'shape = ["N", 16]')


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (delete_manifest, r"manifest\.toml does not exist.*Check the model's path"),
        (break_toml, "is not TOML"),
        (binary_manifest, "is not TOML"),
        (huge_manifest, "limit 65536"),
        (deep_manifest, "is not TOML"),
        (deep_golden, "not a list of golden answers"),
        (pipe_for_card, "MODEL_CARD.md cannot be read: it is no regular file"),
        (delete_model, r"model\.onnx does not exist"),
        (directory_for_model, r"model\.onnx cannot be read"),
        (flip_a_bit, r"model\.onnx has SHA-256 [0-9a-f]{64}, the manifest says [0-9a-f]{64}.*Restore"),
        (corrupt_protobuf, "is not an ONNX file.*Restore"),
        (outside, r"\.\./LICENSE lies outside the bundle"),
        (absolute, "lies outside the bundle"),
        (linked_outside, "LICENSE lies outside the bundle"),
        (null_in_path, "cannot be read"),
        (external_data, "place in another file is not plain: '/etc/passwd'"),
        (custom_operator, r"is not run: it imports operators of 'com\.example'"),
        (float_operator, "is not in the exact profile .*Exp"),
        (other_input, r"\[\[inputs\]\] are not those of model\.onnx"),
        (other_output, r"\[\[outputs\]\] are not those of model\.onnx"),
        (more_parameters, "total_parameters is not 16976"),
        (other_terms, "terms_hash is not keccak256 of LICENSE"),
        (unlisted_card, r"does not list MODEL_CARD\.md"),
        (golden_without_hex, "not a list of golden answers"),
        (golden_of_another_kind, "not a list of golden answers"),
        (no_golden, "holds no golden answer"),
        (graph_input_of_rank_unknown, "tokens is no tensor of known rank"),
        (input_of_unknown_dimension, "inputs of size Q; nodes know F, L, R, T"),
        (tolerant, "preprocessing bytes/1 batches rows: it is for exact models"),
        (unknown_key, r"runtime\.cuda: Extra inputs are not permitted"),
        (top_k_of_nine, "top_k exceeds experts"),
        (rows_of_unknown_kind, "says what the rows are"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refuses(copy: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(copy)
    with pytest.raises(Misconfigured, match=f"(?s){message}"):
        bundle.load(copy)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_mangled_model_is_refused_or_has_another_identity(data: st.DataObject) -> None:
    """However its bytes are spoilt: never a crash, never another model under the same roots."""
    content = bytearray((SOURCE / "model.onnx").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        model = bundle.parse_model(SOURCE / "model.onnx", bytes(content))
    except Misconfigured:
        return
    roots = (program_root(model), weights_root(model))
    original = bundle.load(SOURCE)
    if roots == (original.program_root, original.weights_root):
        assert run(model, FEED)["scores_bps"].tolist() == run(ORIGINAL, FEED)["scores_bps"].tolist()


def test_an_oversized_file_is_not_read(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_FILE_BYTES", 30_000)
    with pytest.raises(Misconfigured, match=r"model\.onnx has \d+ bytes, limit 30000"):
        bundle.load(copy)


def test_an_honest_change_of_weights_gives_another_identity(copy: Path) -> None:
    def change(model: onnx.ModelProto) -> None:
        tensor = max(model.graph.initializer, key=lambda item: len(item.raw_data))
        array = numpy_helper.to_array(tensor).copy()
        array[0, 0] ^= 1
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    rewrite(copy, change)
    before, after = bundle.load(SOURCE), bundle.load(copy)
    assert after.weights_root != before.weights_root
    assert after.program_root == before.program_root
    assert after.manifest_hash != before.manifest_hash


def test_publish_refuses_a_model_that_nodes_would_not_load(tmp_path: Path) -> None:
    for name in ("LICENSE", "MODEL_CARD.md"):
        shutil.copy(SOURCE / name, tmp_path)
    model = selftest.build()
    model.graph.node.append(helper.make_node("Sqrt", [model.graph.node[-1].input[0]], ["root"]))
    with pytest.raises(Misconfigured, match="not in the exact profile"):
        publish.publish(tmp_path, model, selftest.network, FACTS, [(b"a", None)])


def test_what_publish_writes_loads(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text("terms\n")
    (tmp_path / "MODEL_CARD.md").write_text("a card\n")
    (tmp_path / "notes.txt").write_text('with "quotes"\n')
    facts = replace(FACTS, also=["notes.txt"])
    publish.publish(tmp_path, selftest.build(), selftest.network, facts, [(b"a", None)])
    found = bundle.load(tmp_path)
    assert found.manifest.description == facts.description
    assert set(found.manifest.files) == {"model.onnx", "golden.json", "LICENSE", "MODEL_CARD.md", "notes.txt"}
    assert found.weights_root == bundle.load(SOURCE).weights_root
