"""The network in float with fake quantization: what is trained. `integers.py` writes the same network in integers.

Flat and ragged: T tokens of all functions, `first[t]` is the row where token t's function begins. Every activation
that the integer graph keeps in a byte is rounded to 1/32 and clipped to +-4 here; every weight matrix is rounded to
int8 with one power of two.
"""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from network.evidence import ABSENT, EVIDENCE
from themis.evm.encode import BUCKETS, ORDERS
from themis.evm.limits import WINDOW
from themis.evm.report import RiskClass
from themis.evm.vocabulary import NAMES

CLASSES: Final = len(RiskClass)
TOKEN_STEP: Final = 2.0**-5
GRAM_STEP: Final = 2.0**-6
_ACT_STEP: Final = 2.0**-5
_LEAST_SHIFT, _MOST_SHIFT = 4, 12


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network."""

    width: int = 64
    experts: int = 8
    top_k: int = 2
    inner: int = 64
    mixed: int = 64
    layers: int = 2
    """Mixing layers; there is one expert layer more."""


def round_through(x: Tensor) -> Tensor:
    """Round, with the gradient of the identity."""
    return x + (x.round() - x).detach()


def byte(x: Tensor, step: float = _ACT_STEP) -> Tensor:
    """An int8 activation or table entry: rounded to `step`, saturated."""
    return round_through(torch.clamp(x / step, -128, 127)) * step


def weight_shift(weight: Tensor) -> int:
    """Largest s with max|w| * 2^s <= 127, within what the integer blocks allow."""
    largest = float(weight.detach().abs().max().clamp_min(1e-6))
    return max(_LEAST_SHIFT, min(_MOST_SHIFT, int(torch.floor(torch.log2(torch.tensor(127.0 / largest))))))


def int8(weight: Tensor) -> Tensor:
    step = 2.0 ** -weight_shift(weight)
    return round_through(torch.clamp(weight / step, -127, 127)) * step


class Norm(nn.Module):
    """RMSNorm to a byte."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        root = torch.sqrt(torch.mean(x * x, -1, keepdim=True) + 1e-6)
        return byte(x / root * self.gamma)


class Mixing(nn.Module):
    """What has happened so far in this function: a running maximum of features, instead of attention."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.norm = Norm(shape.width)
        self.into = nn.Parameter(torch.randn(shape.width, shape.mixed) * shape.width**-0.5)
        self.out = nn.Parameter(torch.randn(shape.mixed, shape.width) * 0.5 * shape.mixed**-0.5)

    def forward(self, x: Tensor, steps: list[Tensor]) -> Tensor:
        h = byte(self.norm(x) @ int8(self.into))
        for index in steps:
            h = torch.maximum(h, h[index])
        return x + h @ int8(self.out)


class ExpertLayer(nn.Module):
    """Token-level top-k mixture of gated experts; only the chosen ones are computed."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.norm = Norm(shape.width)
        self.router = nn.Parameter(torch.randn(shape.width, shape.experts) * shape.width**-0.5)
        self.up = nn.Parameter(torch.randn(shape.experts, shape.width, 2 * shape.inner) * shape.width**-0.5)
        self.down = nn.Parameter(torch.randn(shape.experts, shape.inner, shape.width) * 0.5 * shape.inner**-0.5)
        self.balance = torch.zeros(())
        """Load-balancing loss of the last batch (Switch Transformer, equation 4)."""
        self.load = torch.zeros(shape.experts)

    def forward(self, x: Tensor) -> Tensor:
        shape, a = self.shape, self.norm(x)
        logits = a @ int8(self.router)
        best, chosen = logits.topk(shape.top_k, -1)
        gates = torch.softmax(best * 0.6931471805599453, -1)
        flat = chosen.reshape(-1)
        order = torch.argsort(flat, stable=True)
        counts = torch.bincount(flat, minlength=shape.experts)
        rows = order // shape.top_k
        up, down = int8(self.up), int8(self.down)
        parts = torch.split(a[rows], counts.tolist())
        hidden = torch.cat([byte(part @ up[expert]) for expert, part in enumerate(parts)])
        gate, linear = hidden.chunk(2, -1)
        active = byte(gate * torch.clamp((gate + 2) / 4, 0, 1) * linear)
        answers = torch.cat([part @ down[expert] for expert, part in enumerate(torch.split(active, counts.tolist()))])
        weighted = answers * gates.reshape(-1, 1)[order]
        share = torch.softmax(logits, -1).mean(0)
        self.load = counts / counts.sum()
        self.balance = shape.experts * (self.load * share).sum()
        return x.index_add(0, rows, weighted)


class RiskNetwork(nn.Module):
    """Tokens -> one logit a class for each token; a function's logit is the largest of its tokens'."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Parameter(torch.randn(len(NAMES), shape.width) * 0.5)
        self.grams = nn.Parameter(torch.randn(BUCKETS * len(ORDERS), shape.width) * 0.1)
        self.experts = nn.ModuleList(ExpertLayer(shape) for _ in range(shape.layers + 1))
        self.mixing = nn.ModuleList(Mixing(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width)
        self.head = nn.Parameter(torch.randn(shape.width, CLASSES) * 0.1)
        self.bias = nn.Parameter(torch.full((CLASSES,), -3.0))

    def forward(self, tokens: Tensor, grams: Tensor, first: Tensor, kept: Tensor | None = None) -> Tensor:
        """int64 [T], [T, 4], [T], optional float [T, 4, 1] (0 drops an n-gram) -> float [T, CLASSES]."""
        bag = byte(nn.functional.embedding(grams, self.grams), GRAM_STEP)
        x = byte(nn.functional.embedding(tokens, self.tokens), TOKEN_STEP) + (bag if kept is None else bag * kept).sum(
            1
        )
        steps = running_steps(first)
        x = self.experts[0](x)
        for mixing, experts in zip(self.mixing, list(self.experts)[1:], strict=True):
            x = experts(mixing(x, steps))
        seen = torch.from_numpy(EVIDENCE)[tokens].float()
        for index in steps:
            seen = torch.maximum(seen, seen[index])
        logits: Tensor = self.norm(x) @ int8(self.head) + self.bias - (1 - seen) * ABSENT
        return logits

    def balance(self) -> Tensor:
        return torch.stack([layer.balance for layer in self.experts if isinstance(layer, ExpertLayer)]).mean()


def running_steps(first: Tensor) -> list[Tensor]:
    """Gather indices of a running maximum by doubling; clamped to the function's first row."""
    rows = torch.arange(len(first))
    steps, reach = [], 1
    while reach < WINDOW:
        steps.append(torch.maximum(rows - reach, first))
        reach *= 2
    return steps


def function_logits(logits: Tensor, owner: Tensor, count: int) -> Tensor:
    """Largest token logit of each function: [T, C], owner int64 [T] in 0..count-1 -> [count, C]."""
    floor = logits.new_full((count, logits.shape[1]), -1e9)
    return floor.scatter_reduce(0, owner[:, None].expand_as(logits), logits, "amax", include_self=False)
