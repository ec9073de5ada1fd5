"""MODEL_CARD.md from metrics.json: no number in the card is typed by hand."""

# ruff: noqa: E501 (lines of a document)

from typing import Any, Final

_NAMES: Final = {
    "reentrancy": "reentrancy",
    "unchecked_call": "unchecked call",
    "tx_origin_auth": "tx.origin as authority",
    "block_dependence": "dependence on block values",
    "unprotected_selfdestruct": "unprotected selfdestruct",
    "unprotected_delegatecall": "unprotected delegatecall",
}


def render(metrics: dict[str, Any]) -> str:
    """The whole card."""
    return (
        "\n\n".join((_what(metrics), _figures(metrics), _data(metrics), _exact(metrics), _demo(metrics), LIMITS)) + "\n"
    )


def _what(m: dict[str, Any]) -> str:
    shape = m["training"]["shape"]
    return f"""# evm-risk-moe {m["version"]}

Reads EVM runtime bytecode and gives, for each of six classes of vulnerability, a score from 0 to 10,000 basis points, the share
of the code its traces reached, and the program counter to look at first. Scores of {m["flag_bps"]:,} and more are flags.

This is a first model. It tells vulnerable functions that were made by templates from their safe twins; how it does on
vulnerabilities found in the wild has not been measured. Do not let its answer alone stop or release funds.

* Input: runtime bytecode up to 24,576 bytes (or 64 bytes naming a deployed contract, see the node's documentation).
* Preprocessing `{m["preprocessing"]}`: integers only, no source. The compiler's metadata is cut off; every function is run abstractly from
  its entry in the dispatcher; calls, storage, guards and block values become tokens that say where their operands came from.
* Network: token and hashed 2- to 5-gram embeddings, {shape["layers"] + 1} mixture-of-experts layers of {shape["experts"]} experts (top-{shape["top_k"]} for each token, only those
  are computed), between them running maxima over the tokens so far in place of attention, one score a class for each token.
  {m["parameters"]["total"]:,} parameters, {m["parameters"]["active"]:,} without the experts a token is not routed to. int8, exact profile of Themis.
* License: Apache-2.0. Written by `build.py` beside this file."""


def _figures(m: dict[str, Any]) -> str:
    held, base = m["heldout"], m["heldout"]["baselines"]
    low, high = held["macro_f1_interval_95"]
    rows = []
    for key, name in _NAMES.items():
        c, lr, rules = held["per_class"][key], base["lr"]["per_class"][key], base["rules"]["per_class"][key]
        rows.append(
            f"| {name} | {c['f1']:.2f} | {c['precision']:.2f} | {c['recall']:.2f} | {c['fpr']:.1%} | {c['support']} "
            f"| {lr['f1']:.2f} | {rules['f1']:.2f} |"
        )
    settings = "\n".join(
        f"| {name} | {s['contracts']} | {s['macro_f1']:.2f} |" for name, s in held["by_setting"].items()
    )
    counts = m["contracts"]
    return f"""## Measured

On projects and templates that neither training nor the choice of thresholds saw: {counts["injected"]} contracts made by pasting one function
of a held-out template, vulnerable or safe, into a real contract of a held-out project, and {counts["unmutated"]} contracts of those projects as they are.
Macro-F1 **{held["macro_f1"]:.3f}** (95 % bootstrap interval over contracts {low:.3f} to {high:.3f}); logistic regression on hashed n-grams of the same
tokens {base["lr"]["macro_f1"]:.3f}, hand rules on the same tokens {base["rules"]["macro_f1"]:.3f}. Unmutated contracts flagged in any class:
{held["fpr"]:.1%} (logistic regression {base["lr"]["fpr"]:.1%}, rules {base["rules"]["fpr"]:.1%}). Some of those flags may be right: nobody audited these contracts.
Slither was not compared yet.

| class | F1 | precision | recall | flagged unmutated | support | F1 of regression | F1 of rules |
|---|---|---|---|---|---|---|---|
{chr(10).join(rows)}

| compiled with | contracts | macro-F1 |
|---|---|---|
{settings}

The templates are ours, and the two or three held out for each class resemble the others more than the world's bugs do: expect less elsewhere.
Errors on the held-out set were looked at, by template, once during development; templates and split stayed, but the augmentation in
`jitter.py` was written after that look, so the figures are somewhat flattered by it.
{_verdict(held)}
On validation (other held-out templates and projects) the best epoch had macro-F1 {m["training"]["best_validation_macro_f1"]:.3f} with the thresholds best for it."""


def _verdict(held: dict[str, Any]) -> str:
    """Say plainly where rules by hand do as well."""
    rules = held["baselines"]["rules"]
    low, high = held["macro_f1_interval_95"]
    if rules["macro_f1"] > high:
        verdict = "hand rules on the same traces do better"
    elif rules["macro_f1"] >= low:
        verdict = "hand rules on the same traces do as well, within the interval"
    else:
        verdict = "hand rules on the same traces do worse"
    weak = [_NAMES[name] for name, entry in held["per_class"].items() if entry["recall"] < 0.7]
    missed = f" Weakest, with recall below 70 %: {', '.join(weak)}." if weak else ""
    return f"In macro-F1 {verdict}.{missed}"


def _data(m: dict[str, Any]) -> str:
    t, files, d = m["training"], m["corpus"]["files"], m["dataset"]
    kinds = "; ".join(f"{name} {count:,}" for name, count in d["contracts"].items())
    reasons = ", ".join(f"{name}: {count}" for name, count in m["corpus"]["reasons"].items() if name != "kept")
    return f"""## Data

{files["train"]} Solidity files of permissively licensed npm packages for training, {files["validation"]} for validation, {files["test"]} held out, split by publisher
(`packages.txt`, `corpus.py`); the SPDX identifier of each file and of everything it imports was checked. Files left out, by reason: {reasons}.
Functions come from {m["templates"]["train"]} training, {m["templates"]["validation"]} validation and {m["templates"]["test"]} test templates, each a vulnerable and a safe form of the same code, in made-up
contracts and pasted into real ones, compiled with {len(m["compilers"])} versions of solc from {m["compilers"][0]} to {m["compilers"][-1]}, about half without the optimizer, some via IR.
Of {d["planned"]:,} planned compilations {d["compiled"]:,} had been done when this version was trained; contracts by kind and split: {kinds}.
Training saw {t["functions"]:,} distinct functions ({t["tokens"]:,} tokens; vulnerable by class: {", ".join(map(str, t["positives"]))}) for {t["seconds"]:,} s on one core.
Real functions count as safe though nobody checked them. SmartBugs and other public benchmarks were not used in any way."""


def _exact(m: dict[str, Any]) -> str:
    e, s = m["exactness"], m["speed"]
    lines = "\n".join(
        f"| {name} | {row['bytes']:,} | {row['tokens']:,} | {row['encode_ms']} | {row['infer_ms']} |"
        for name, row in s.items()
    )
    return f"""## Exact and fast

ONNX Runtime equals the integer specification bit for bit on {e["equal_1_thread"]} of {e["inputs"]} held-out contracts with one thread and {e["equal_2_threads"]} with two; the
linter has {e["lint_findings"]} findings. {e["flags_equal_to_float"]:.2%} of the flags are those of the float network it was trained as.

| contract | bytes | tokens | encode, ms | infer, ms |
|---|---|---|---|---|
{lines}

By size of the code among 3,000 compilations; one thread of the machine that built it, which was busy with other work."""


def _demo(m: dict[str, Any]) -> str:
    rows = "\n".join(
        f"| {row['setting']} | {row['EthVault'][0]:,} | {row['SafeEthVault'][0]:,} |" for row in m["demo_pair"]
    )
    right = sum(row["EthVault"][0] >= m["flag_bps"] > row["SafeEthVault"][0] for row in m["demo_pair"])
    return f"""## The demo pair

`EthVault` pays before it forgets the deposit, `SafeEthVault` after; neither was in any data. Told apart by the flag in {right} of {len(m["demo_pair"])} settings.

| solc | EthVault, reentrancy | SafeEthVault, reentrancy |
|---|---|---|
{rows}"""


LIMITS: Final = """## Limits and abuse

* A low score is not "safe": business logic, prices, governance and everything outside the six classes are invisible to it.
* It reads one contract: what other contracts do, and what an upgrade or a proxy's next implementation will do, is not in the score.
* Reentrancy across functions or contracts, guards in other contracts, and code that only assembly writers write are weak spots.
* The weights are public, so an attacker can try code against it offline until the score is low.
* A false flag can delay an honest proposal; a consumer should lengthen a delay, not refuse.
* Agreement between nodes proves that the model was run, not that it is right."""
