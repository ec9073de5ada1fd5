"""Train the network on functions of known class; keep the epoch that does best on held-out projects and templates."""

import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress

from data import dataset
from data.dataset import Contract
from network.batches import Flat, by_length, flatten
from network.evidence import EVIDENCE, shown
from network.floats import CLASSES, RiskNetwork, Shape, function_logits
from network.jitter import jittered
from network.scoring import macro_f1_at_best
from themis.evm.limits import WINDOW

BATCH_TOKENS: Final = 12_000
GRAM_DROP: Final = 0.5
JITTERED: Final = 0.6
"""Share of functions that jitter.py changes before they are shown."""
BALANCE_WEIGHT: Final = 0.01
NOISE: Final = 0.01
"""Of validation macro-F1: within it a later epoch, with smaller steps, is as good as the best."""
JOINED: Final = 0.5
"""Share of functions that go on into another one."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train."""

    epochs: int = 8
    rate: float = 3e-3
    weight_decay: float = 0.02
    positive_weight: float = 2.0
    minutes: float = 35.0
    """No epoch begins after this; the schedule is by epochs."""
    seed: int = 7


def train(found: list[Contract], folder: Path, recipe: Recipe, shape: Shape) -> None:
    """Write `folder`/weights.pt (best epoch) and training.json (what happened)."""
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    rng = np.random.default_rng(recipe.seed)
    functions, labels = dataset.functions([_teaching(contract) for contract in found], "train")
    validation = [contract for contract in found if contract.split == "validation"]
    network = RiskNetwork(shape)
    optimizer = torch.optim.AdamW(_groups(network, recipe), lr=recipe.rate)
    lengths = [len(function) for function in functions]
    total = recipe.epochs * math.ceil(sum(lengths) / BATCH_TOKENS)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.rate, total_steps=total + recipe.epochs, pct_start=0.1
    )
    weight = torch.full((CLASSES,), recipe.positive_weight)
    best, journal, started = -1.0, [], time.monotonic()
    with Progress() as progress:
        bar = progress.add_task("training", total=total)
        for epoch in range(recipe.epochs):
            if time.monotonic() - started > recipe.minutes * 60:
                break
            losses = []
            for batch in by_length(lengths, BATCH_TOKENS, rng):
                loss = _loss(network, [functions[index] for index in batch], labels[batch], weight, rng)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                losses.append(float(loss.detach()))
                progress.advance(bar)
            scores = contract_logits(network, validation)
            f1 = macro_f1_at_best(scores, contract_labels(validation))
            journal.append({"epoch": epoch, "loss": float(np.mean(losses)), "validation_macro_f1": f1})
            progress.console.print(f"epoch {epoch}: loss {np.mean(losses):.4f}, validation macro-F1 {f1:.3f}")
            if f1 >= best - NOISE:
                best = max(best, f1)
                torch.save(network.state_dict(), folder / "weights.pt")
    about = {
        "recipe": asdict(recipe),
        "shape": asdict(shape),
        "functions": len(functions),
        "tokens": sum(lengths),
        "positives": labels.sum(0).astype(int).tolist(),
        "seconds": round(time.monotonic() - started),
        "best_validation_macro_f1": best,
        "epochs": journal,
    }
    (folder / "training.json").write_text(json.dumps(about, indent=2) + "\n")


def _teaching(contract: Contract) -> Contract:
    """Without labels that tokens do not show: equal functions share theirs, and elsewhere the same is harmless."""
    pairs = zip(contract.functions, contract.known, strict=True)
    known = [risks if risks is None or shown(function, risks) else None for function, risks in pairs]
    return replace(contract, known=tuple(known))


def _groups(network: RiskNetwork, recipe: Recipe) -> list[dict[str, object]]:
    """Rarely seen n-gram rows decay the most: they are what would memorize a template."""
    grams = [network.grams]
    others = [value for name, value in network.named_parameters() if name != "grams"]
    return [{"params": others, "weight_decay": recipe.weight_decay}, {"params": grams, "weight_decay": 0.1}]


def _loss(
    network: RiskNetwork,
    functions: list[bytes],
    labels: NDArray[np.float32],
    weight: torch.Tensor,
    rng: np.random.Generator,
) -> torch.Tensor:
    functions = [jittered(function, rng) if rng.random() < JITTERED else function for function in functions]
    functions, labels, counted = _joined(functions, labels, rng)
    counted *= np.stack([EVIDENCE[np.frombuffer(function, np.uint8)].any(0) for function in functions])
    flat = flatten(functions)
    kept = torch.from_numpy((rng.random((*flat.grams.shape, 1)) >= GRAM_DROP).astype(np.float32)) / (1 - GRAM_DROP)
    if rng.random() < 0.5:
        kept = torch.zeros_like(kept)  # some batches must do without n-grams altogether
    logits = _forward(network, flat, kept)
    found = function_logits(logits, torch.from_numpy(flat.owner), len(functions))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        found, torch.from_numpy(labels), torch.from_numpy(counted), pos_weight=weight
    )
    return loss + BALANCE_WEIGHT * network.balance()


def _joined(
    functions: list[bytes], labels: NDArray[np.float32], rng: np.random.Generator
) -> tuple[list[bytes], NDArray[np.float32], NDArray[np.float32]]:
    """Let some functions go on into another one: functions, labels, and which labels count.

    What comes before must not talk the network out of a risk: a token says itself what guards and calls it is behind.
    """
    counted = np.ones_like(labels)
    found, merged = list(functions), labels.copy()
    for row in np.flatnonzero(rng.random(len(functions)) < JOINED):
        other = int(rng.integers(len(functions)))
        found[row] = (functions[row] + functions[other][1:])[:WINDOW]
        merged[row] = np.maximum(labels[row], labels[other]) if len(found[row]) < WINDOW else labels[row]
        counted[row] = len(found[row]) < WINDOW
    return found, merged, counted


def _forward(network: RiskNetwork, flat: Flat, kept: torch.Tensor | None = None) -> torch.Tensor:
    tokens, grams, first = (torch.from_numpy(part) for part in (flat.tokens, flat.grams, flat.first))
    logits: torch.Tensor = network(tokens, grams, first, kept)
    return logits


def contract_logits(network: RiskNetwork, found: list[Contract]) -> NDArray[np.float32]:
    """[n, CLASSES]: largest token logit of each contract."""
    with torch.no_grad():
        return np.stack([_forward(network, flatten(contract.functions)).amax(0).numpy() for contract in found])


def contract_labels(found: list[Contract]) -> NDArray[np.bool_]:
    labels = np.zeros((len(found), CLASSES), bool)
    for row, contract in enumerate(found):
        labels[row, list(contract.risks)] = True
    return labels
