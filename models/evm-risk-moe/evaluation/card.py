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
        "\n\n".join(
            (
                *(_what(metrics), _retraced(metrics["retraced"]), _reliable(metrics["retraced"]["reliability"])),
                *(_audited(metrics["audited"]), _figures(metrics), _data(metrics)),
                *(_exact(metrics), _demo(metrics), LIMITS),
            )
        )
        + "\n"
    )


def _what(m: dict[str, Any]) -> str:
    shape = m["training"]["shape"]
    return f"""# evm-risk-moe {m["version"]}

Reads EVM runtime bytecode and gives, for each of six classes of vulnerability, a score from 0 to 10,000 basis points, the share
of the code that can be reached and whose traces it was given, the program counter to look at first, and what it does not know. Scores of {m["flag_bps"]:,} and more are flags.

It tells vulnerable functions that were made by templates from their safe twins, and real functions from the same without a guard; how it
does on vulnerabilities found in the wild has not been measured. Do not let its answer alone stop or release funds.

* Input: runtime bytecode up to 24,576 bytes (or 64 bytes naming a deployed contract, see the node's documentation).
* Preprocessing `{m["preprocessing"]}`: integers only, no source. The compiler's metadata is cut off; every function is run abstractly from
  its entry in the dispatcher; calls, storage, guards and block values become tokens that say where their operands came from, which guards
  the path to them passed, and whether a storage place that is written was read before control went elsewhere. The same in TypeScript: `preprocess/`.
* Network: token and hashed 2- to 5-gram embeddings, {shape["layers"] + 1} mixture-of-experts layers of {shape["experts"]} experts (top-{shape["top_k"]} for each token, only those
  are computed), between them running maxima over the tokens so far in place of attention, one score a class for each token.
  {m["parameters"]["total"]:,} parameters, {m["parameters"]["active"]:,} without the experts a token is not routed to. int8, exact profile of Themis.
* License: Apache-2.0. Written by `build.py` beside this file."""


def _retraced(r: dict[str, Any]) -> str:
    counts, done, rest = r["contracts"], r["selection"]["measured"], r["selection"]["left_out"]
    told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in r["not_known"].items() if count)
    classes = "\n".join(
        f"| {name} | {c['f1']:.2f} | {c['precision']:.2f} | {c['recall']:.2f} | {c['fpr']:.1%} | {c['support']} |"
        for name, c in ((name, r["per_class"][key]) for key, name in _NAMES.items())
    )
    (low, high), (least, most) = r["macro_f1_interval_95"], r["fpr_interval_95"]
    return f"""## What is new, and what it was measured with

The weights are those of version 0.2.0. What they are given is new: `evm-trace-4` walks every path that some other one does not stand for,
writes down what it leaves out, feeds long functions in windows, and knows of a write whether it can happen but once, and of authority that is proposed by anybody and
accepted later. **All figures of the sections after the next two were measured with `evm-trace-2`** on older, easier templates; the weights were not trained anew, and scores are not
calibrated: take them as flagged or not. New weights were trained for this version, and found worse (ADR 58).

Measured with `evm-trace-4` (`remeasure.py`), on held-out projects with **more templates in more shapes, some of them newer than the weights**: {len(r["code_hashes"])} contracts from the {done["jobs"]} compilations
that had been done when this version was made; `retraced.code_hashes` in `metrics.json` names each by the hash of its code. **They are the easier ones**: sources of {done["median_source_bytes"]:,} bytes in the middle, {done["via_ir"]} via IR; the {rest["jobs"]}
compilations that are missing have {rest["median_source_bytes"]:,} bytes in the middle, {rest["via_ir"]} of them via IR. Expect worse of those.

{counts["injected"]} have a pasted function and {counts["unmutated"]} are as they are. Macro-F1 {r["macro_f1"]:.3f} ({low:.3f} to {high:.3f}); {r["fpr"]:.1%} ({least:.1%} to {most:.1%}) of the unmutated ones flagged in any class;
{r["between_100_and_9900_bps"]} contracts have a score between 100 and 9,900. Of all, {r["whole"]} are known as a whole; of the others: {told}.

| class | F1 | precision | recall | flagged unmutated | support |
|---|---|---|---|---|---|
{classes}

`tests/vectors/evm_cases/` holds small contracts of every shape of condition; the test beside them names those that are still judged wrongly:
reentrancy across functions under one function's mutex, and a failed payment that is counted and not handled. `tests/vectors/evm_templates.xz`
holds templates that are newer than the weights, and that the next build learns from or is measured on; `tests/unit/evm/test_evm_templates.py`
names those that these weights judge wrongly: failed payments that are counted or only told, a hook that is looked up in a registry, and some forms of two others.
**"Anybody can take authority" is no class of its own**: it is seen where it opens a selfdestruct or a delegatecall. `evm-trace-4` has tokens for it
(ADR 59), which these weights have not learnt and are not given."""


def _reliable(r: dict[str, Any]) -> str:
    rows = "\n".join(f"| {one['said']:.2%} | {one['was']:.1%} | {one['pairs']:,} |" for one in r["bins"])
    return f"""### What a score means

Of the pairs of a contract and a class in this section: mean score, share that is vulnerable, and number. The expected calibration error is {r["error"]:.3f}, because almost all are sure and right; over
the {r["between"]} pairs with a score between 100 and 9,900 it is {r["error_between"]:.2f}, so those mean little.

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
whether that is right, as whoever made this version judges from its source. **{a["flagged"]} are flagged** ({fired}). Flags of {a["right"]} are right, in that the code does what the class says and its authors mean it to; of {a["wrong"]} they are wrong, {a["open"]} nobody has looked into:
{false:.1%} of the contracts, where the goal is 5 %. By kind: one-time setup of proxies and of the Safe, where a delegatecall runs before anybody is in charge; calls to a protocol's own tokens; votes and interest that go by time.

| package | contracts | flagged |
|---|---|---|
{projects}"""


def _figures(m: dict[str, Any]) -> str:
    held, counts = m["heldout"], m["contracts"]
    slither = held["baselines"]["slither"]
    same = slither["model_on_the_same"]
    return f"""## Measured

With `evm-trace-2`. On projects and templates that neither training nor the choice of thresholds saw: {counts["injected"]} contracts made by pasting one function
of a held-out template, vulnerable or safe, into a real contract of a held-out project, and {counts["unmutated"]} contracts of those projects as they are.
In parentheses: the middle 95 % of 1,000 bootstrap samples of the contracts.

| | macro-F1 | unmutated contracts flagged in any class |
|---|---|---|
{_overall("**evm-risk-moe**", held)}
{_overall("logistic regression on hashed n-grams of the same tokens", held["baselines"]["lr"])}
{_overall("hand rules on the same tokens", held["baselines"]["rules"])}
{_overall(f"Slither {slither['version']}, which reads the source", slither)}
{_overall("evm-risk-moe on the contracts Slither could read", same)}

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

The templates are ours, made by the same hands as those for training: expect less on the world's bugs. Errors on the held-out set of version
0.1.0 (13 of these templates) were looked at once while that version was made; the others, and the split of all of them, were fixed before
anything was measured on them, and nothing was changed after that. Tokens, rules and thresholds were made looking at training and validation
data only, so validation figures are no measure of anything. On validation (other held-out templates and projects) the best epoch had
macro-F1 {m["training"]["best_validation_macro_f1"]:.3f} with the thresholds best for it.

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

* A low score is not "safe": business logic, prices, governance and everything outside the six classes are invisible to it.
* It reads one contract: what other contracts do, and what an upgrade or a proxy's next implementation will do, is not in the score.
* A report that says that something is not known is no clean bill: it says in which of eight ways less was read than there is.
* Reentrancy across functions or contracts, guards in other contracts, and code that only assembly writers write are weak spots.
* The weights are public, so an attacker can try code against it offline until the score is low.
* A false flag can delay an honest proposal; a consumer should lengthen a delay, not refuse.
* Agreement between nodes proves that the model was run, not that it is right.
* Where somebody covers answers (`themis warranty show`, docs/proofs.md), of each is said: network, n-grams and report are proved on the chain, and cheap checks of the tokens are made; the tracer that
  writes the tokens is decided by running it again, and no bond pays for what only that shows."""
