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
    "unprotected_authority": "anyone can take authority",
}


def render(metrics: dict[str, Any]) -> str:
    """The whole card."""
    return (
        "\n\n".join(
            (
                *(_what(metrics), _figures(metrics), _reliable(metrics["heldout"]["reliability"])),
                *(_audited(metrics["audited"]), _data(metrics)),
                *(_exact(metrics), _demo(metrics), LIMITS),
            )
        )
        + "\n"
    )


def _what(m: dict[str, Any]) -> str:
    shape = m["training"]["shape"]
    return f"""# evm-risk-moe {m["version"]}

Reads EVM runtime bytecode and gives, for each of seven classes of vulnerability, a score from 0 to 10,000 basis points, the share
of the code that can be reached and whose traces it was given, the program counter to look at first, and what it does not know. Scores of {m["flag_bps"]:,} and more are flags.

It tells vulnerable functions that were made by templates from their safe twins, and real functions from the same without a guard; how it
does on vulnerabilities found in the wild has not been measured. Do not let its answer alone stop or release funds.

* Input: runtime bytecode up to 24,576 bytes (or 64 bytes naming a deployed contract, see the node's documentation).
* Preprocessing `{m["preprocessing"]}`: integers only, no source. The compiler's metadata is cut off; every function is run abstractly from
  its entry in the dispatcher; calls, storage, guards and block values become tokens that say where their operands came from, which guards
  the path to them passed, and whether a storage place that is written was read before control went elsewhere. The same in TypeScript: `preprocess/`.
* Network: token and hashed 2- to 5-gram embeddings, {shape["layers"] + 1} mixture-of-experts layers of {shape["experts"]} experts (top-{shape["top_k"]} for each token, only those
  are computed), between them running maxima over the tokens so far in place of attention, one score a class for each token. A class is not scored before a
  token that shows it: no selfdestruct, no score for one.
  {m["parameters"]["total"]:,} parameters, {m["parameters"]["active"]:,} without the experts a token is not routed to. int8, exact profile of Themis.
* License: Apache-2.0. Written by `build.py` beside this file."""


def _reliable(r: dict[str, Any]) -> str:
    rows = "\n".join(f"| {one['said']:.2%} | {one['was']:.1%} | {one['pairs']:,} |" for one in r["bins"])
    return f"""## What a score means

Of the pairs of a held-out contract and a class: mean score, share that is vulnerable, and number. The expected calibration error is {r["error"]:.3f}; of almost all pairs it is
plain what they are. Over the {r["between"]} with a score between 100 and 9,900 it is {r["error_between"]:.3f} (the goal is 0.05). Slopes were fitted on validation, over contracts that show the class at all.
Where all of those have the class, no data says where the threshold lies: it was put 3 below the lowest logit by hand (`MARGIN` in `network/calibration.py`), so that code which is nothing but
`CALLER SELFDESTRUCT` is flagged. Scores between are too low rather than too high (see the table), and were not fitted again on the held-out: it would be no held-out then.

![Reliability diagram](reliability.svg)

| score, mean | share that is vulnerable | pairs |
|---|---|---|
{rows}"""


def _audited(a: dict[str, Any]) -> str:
    projects = "\n".join(f"| {name} | {row['contracts']} | {row['flagged']} |" for name, row in a["packages"].items())
    fired = ", ".join(f"{_NAMES[name]} {count}" for name, count in a["by_class"].items())
    false = (a["wrong"] + a["open"]) / a["contracts"]
    return f"""## Audited projects

`audited.json` lists {a["contracts"]} contracts as audited projects compiled them (npm packages, `audited.py`; the projects were not trained on, code of OpenZeppelin in them was): the hash of each, what fired, and
whether that is right, as whoever made this version judges. **{a["flagged"]} are flagged** ({fired}). Flags of {a["right"]} are right, in that the code does what the class says and its authors mean it to; of {a["wrong"]} they are wrong, {a["open"]} nobody has looked into:
{false:.1%} of the contracts, where the goal is 5 %. `why` in `audited.json` says of each flag what it is. Some things were mended in the preprocessing after looking at what these very contracts were flagged for (ADR 71), and one
kind of token is no sign of its class since then (a hash over a block value that is kept, `SSTORE.hash.random` in `network/evidence.py`): 10 wrong flags became 8. Expect more on others.

| package | contracts | flagged |
|---|---|---|
{projects}"""


def _figures(m: dict[str, Any]) -> str:
    held, counts = m["heldout"], m["contracts"]
    slither, before = held["baselines"]["slither"], m["before"]
    same = slither["model_on_the_same"]
    return f"""## Measured

With `{m["preprocessing"]}`. On projects and templates that neither training nor the choice of thresholds saw: {counts["injected"]} contracts made by pasting one function
of a held-out template, vulnerable or safe, into a real contract of a held-out project, and {counts["unmutated"]} contracts of those projects as they are.
In parentheses: the middle 95 % of 1,000 bootstrap samples of the contracts.

| | macro-F1 | unmutated contracts flagged in any class |
|---|---|---|
{_overall("**evm-risk-moe**", held)}
{_overall("logistic regression on hashed n-grams of the same tokens", held["baselines"]["lr"])}
{_overall("hand rules on the same tokens", held["baselines"]["rules"])}
{_overall(f"Slither {slither['version']}, which reads the source", slither)}
{_overall("evm-risk-moe on the contracts Slither could read", same)}

Version {before["version"]} on {before["contracts"]} of these contracts: macro-F1 {before["macro_f1"]:.3f} over six classes, {before["fpr"]:.1%} of the unmutated ones flagged; this one on the same, over seven: {before["now"]["macro_f1"]:.3f} and {before["now"]["fpr"]:.1%}.
Some flags on unmutated contracts may be right: nobody audited them. {_slither(slither)}

F1 by class, and the model's precision, recall, share of unmutated contracts flagged, and number of vulnerable contracts:

| class | model | regression | rules | Slither | precision | recall | flagged unmutated | support |
|---|---|---|---|---|---|---|---|---|
{_classes(held)}

{_verdict(held)}

### By template

How many of the vulnerable forms of each held-out template were flagged in its class, and how many of the safe ones.

| template | vulnerable, flagged | safe, flagged |
|---|---|---|
{_templates(held)}

The templates are ours, made by the same hands as those for training: expect less on the world's bugs. Held-out templates were looked at while this version was made: whether
the tracer sees roles that are granted by number, lists that are filled in a loop, and code run in a loop was tried on them, and the template of hooks in a registry was mended (nobody could
register one). Weights and thresholds come from training and validation data only. On validation the best epoch had macro-F1 {m["training"]["best_validation_macro_f1"]:.3f} with the thresholds best for it.

### Guards taken out of real code

In held-out projects a modifier that names an owner or a role, a mutex, the check of a call's success or `msg.sender` in a comparison was removed
(or replaced by `tx.origin`) in the source, and both forms compiled. A contract counts where the change gave some function's trace the risk.

| taken out | contracts | flagged in the class |
|---|---|---|
{_mutations(held)}

### Other compilers, other settings

{held["by_setting"]["contracts"]} held-out contracts (injected and unmutated), each compiled in three settings, and made-up contracts of held-out templates for each family of compilers.
The same flags in all three settings: {held["by_setting"]["agreement"]:.1%}. The last column counts contracts without a risk that are flagged in any class.

| compiled with | contracts | macro-F1 | flagged without a risk |
|---|---|---|---|
{_settings(held)}"""


def _overall(name: str, s: dict[str, Any]) -> str:
    (low, high), (least, most) = s["macro_f1_interval_95"], s["fpr_interval_95"]
    return f"| {name} | {s['macro_f1']:.3f} ({low:.3f} to {high:.3f}) | {s['fpr']:.1%} ({least:.1%} to {most:.1%}) |"


def _slither(s: dict[str, Any]) -> str:
    chosen = "; ".join(f"{_NAMES[name]}: {', '.join(checks)}" for name, checks in s["detectors"].items())
    failed = ", ".join(f"{name} {count}" for name, count in s["errors"].items())
    return (
        f"Slither analyzed {s['analyzed']} of the {s['analyzed'] + s['failed']} contracts"
        f"{f' ({failed})' if failed else ''}; its figures are over those. For each class those of its detectors count that\n"
        f"give it the best F1 on these very contracts ({chosen})."
    )


def _classes(held: dict[str, Any]) -> str:
    rows = []
    for key, name in _NAMES.items():
        c, low_high = held["per_class"][key], held["f1_interval_95"][key]
        others = [held["baselines"][other]["per_class"][key]["f1"] for other in ("lr", "rules", "slither")]
        cells = " | ".join(f"{f1:.2f}" for f1 in others)
        rows.append(
            f"| {name} | {c['f1']:.2f} ({low_high[0]:.2f} to {low_high[1]:.2f}) | {cells} "
            f"| {c['precision']:.2f} | {c['recall']:.2f} | {c['fpr']:.1%} | {c['support']} |"
        )
    return "\n".join(rows)


def _templates(held: dict[str, Any]) -> str:
    return "\n".join(
        f"| {name} | {row['vulnerable_flagged']} of {row['vulnerable']} | {row['safe_flagged']} of {row['safe']} |"
        for name, row in held["by_template"].items()
    )


def _mutations(held: dict[str, Any]) -> str:
    return "\n".join(
        f"| {name.partition('.')[2]} | {row['contracts']} | {row['recall']:.0%} |"
        for name, row in held["mutations"].items()
    )


def _settings(held: dict[str, Any]) -> str:
    return "\n".join(
        f"| {name} | {row['contracts']} | {row['macro_f1']:.2f} | {row['fpr']:.1%} |"
        for name, row in held["by_setting"]["rows"].items()
    )


def _verdict(held: dict[str, Any]) -> str:
    """Say plainly where the model is not the best, and where it misses much."""
    beaten = []
    for key, name in _NAMES.items():
        mine = held["per_class"][key]["f1"]
        rivals = {
            other: held["baselines"][key_]["per_class"][key]["f1"]
            for other, key_ in (("the regression", "lr"), ("the rules", "rules"), ("Slither", "slither"))
        }
        same = [other for other, f1 in rivals.items() if f1 == mine]
        better = [other for other, f1 in rivals.items() if f1 > mine]
        if better:
            beaten.append(f"{name}: {' and '.join(better)} better")
        if same:
            beaten.append(f"{name}: {' and '.join(same)} equal")
    goals = (
        ("a macro-F1 of 0.80", held["macro_f1"] >= 0.8),
        ("at most 2 % of unmutated contracts flagged", held["fpr"] <= 0.02),
        ("more than all three in every class", not beaten),
    )
    reached = "; ".join(f"{goal}: {'reached' if done else 'not reached'}" for goal, done in goals)
    first = f" Where the model is not above all three: {'; '.join(beaten)}." if beaten else ""
    tried = " Stricter thresholds were tried on validation and not taken: tx.origin lost its recall." if beaten else ""
    return f"Goals: {reached}.{first}{_worst(held)}{tried}"


def _worst(held: dict[str, Any]) -> str:
    """Templates the model does not understand: most vulnerable forms missed, or most safe ones flagged."""
    missed, accused = [], []
    for name, row in held["by_template"].items():
        if row["vulnerable_flagged"] < row["vulnerable"] / 2:
            missed.append(name)
        if row["safe_flagged"] > row["safe"] / 2:
            accused.append(name)
    parts = (("mostly missed", missed), ("mostly flagged where safe", accused))
    return "".join(f" Held-out templates {what}: {', '.join(names)}." for what, names in parts if names)


def _data(m: dict[str, Any]) -> str:
    t, files, d = m["training"], m["corpus"]["files"], m["dataset"]
    kinds = "; ".join(f"{name} {count:,}" for name, count in d["contracts"].items())
    reasons = ", ".join(f"{name}: {count}" for name, count in m["corpus"]["reasons"].items() if name != "kept")
    return f"""## Data

{files["train"]} Solidity files of permissively licensed npm packages for training, {files["validation"]} for validation, {files["test"]} held out, split by publisher
(`data/packages.txt`, `data/corpus.py`); the SPDX identifier of each file and of everything it imports was checked. Files left out, by reason: {reasons}.
Functions come from {m["templates"]["train"]} training, {m["templates"]["validation"]} validation and {m["templates"]["test"]} test templates, each a vulnerable and a safe form of the same code, in made-up
contracts and pasted into real ones, and from real functions of training projects with a guard taken out (`data/mutations.py`), compiled with {len(m["compilers"])} versions of solc from {m["compilers"][0]} to {m["compilers"][-1]}, about half without the optimizer, some via IR.
Of {d["planned"]:,} planned compilations {d["compiled"]:,} had been done when this version was trained; contracts by kind and split: {kinds}.
Training saw {t["functions"]:,} distinct functions ({t["tokens"]:,} tokens; vulnerable by class: {", ".join(map(str, t["positives"]))}) for {t["seconds"]:,} s on one core.
Real functions count as safe though nobody checked them. SmartBugs and other public benchmarks were not used in any way."""


def _exact(m: dict[str, Any]) -> str:
    e, s = m["exactness"], m["speed"]
    lines = "\n".join(
        f"| {name} | {row['bytes']:,} | {row['tokens']:,} | {row['encode_ms']} | {row['infer_ms']} | {row['total_ms']} |"
        for name, row in s.items()
    )
    return f"""## Exact and fast

ONNX Runtime equals the integer specification bit for bit on {e["equal_1_thread"]} of {e["inputs"]} held-out contracts with one thread and {e["equal_2_threads"]} with two; the
linter has {e["lint_findings"]} findings. {e["flags_equal_to_float"]:.2%} of the flags are those of the float network it was trained as.

| contract | bytes | tokens | encode, ms | infer, ms | bytecode to result hash, ms |
|---|---|---|---|---|---|
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

* A low score is not "safe": business logic, prices, governance and everything outside the seven classes are invisible to it.
* It reads one contract: what other contracts do, and what an upgrade or a proxy's next implementation will do, is not in the score.
* A report that says that something is not known is no clean bill: it says in which of eight ways less was read than there is.
* Reentrancy across functions or contracts, guards in other contracts, and code that only assembly writers write are weak spots.
* The weights are public, so an attacker can try code against it offline until the score is low.
* A false flag can delay an honest proposal; a consumer should lengthen a delay, not refuse.
* Agreement between nodes proves that the model was run, not that it is right.
* Where somebody covers answers (`themis warranty show`, docs/proofs.md), of each is said: network, n-grams and report are proved on the chain, and cheap checks of the tokens are made; the tracer that
  writes the tokens is decided by running it again, and no bond pays for what only that shows."""
