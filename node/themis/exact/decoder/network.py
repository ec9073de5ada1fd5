"""A decoder as one function over blocks: embedding, layers of attention and feed-forward, head."""

from dataclasses import dataclass

from themis.exact.blocks import I32, ZERO_POINT
from themis.exact.decoder.blocks import DIGITS, I8, Blocks, Gate, Head, Heads, Matrix, Mixture, Norm, Turns, V
from themis.exact.gemm import heaviest_column


@dataclass(frozen=True, slots=True)
class Feed:
    """A dense gated unit."""

    up: Matrix
    """Gate halves and linear halves."""
    gate: Gate
    down: Matrix


@dataclass(frozen=True, slots=True)
class HeadNorms:
    """RMSNorms of queries and keys."""

    queries: Norm
    keys: Norm


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's numbers."""

    before: Norm
    qkv: Matrix
    head_norms: HeadNorms | None
    heads: Heads
    out: Matrix
    between: Norm
    feed: Feed | Mixture


@dataclass(frozen=True, slots=True)
class Numbers:
    """All that a decoder is made of."""

    table: I8
    """Embeddings, see `Blocks.embed`."""
    table_multiplier: I32
    table_shift: int
    tied: bool
    turns: Turns
    layers: tuple[Layer, ...]
    stream_limit: int
    last: Norm
    head: Head
    logit_steps: float = 1.0
    """How many units of a logit are one of the float model's."""

    @property
    def vocabulary(self) -> int:
        return int(self.head.weight.shape[1])

    @property
    def logit_limit(self) -> int:
        """Largest absolute value that a logit may have."""
        heaviest = heaviest_column(self.head.weight, 0)
        activation = ZERO_POINT if self.head.digits == 1 else DIGITS[self.head.digits]
        return activation * heaviest * int(self.head.multiplier.max())


def decoder(b: Blocks[V], numbers: Numbers, *, every_row: bool = False) -> None:
    """Logits of the next token and the token, or with `every_row` of the one after each."""
    limit = numbers.stream_limit
    ids = b.start(numbers.turns, numbers.layers[0].heads, len(numbers.layers), numbers.vocabulary)
    x = b.embed(ids, numbers.table, numbers.table_multiplier, numbers.table_shift, tied=numbers.tied)
    for index, layer in enumerate(numbers.layers):
        qkv = b.product(b.norm(x, layer.before), layer.qkv)
        if layer.head_norms:
            qkv = b.normed_heads(qkv, layer.heads, layer.head_norms.queries, layer.head_norms.keys)
        x = b.residual(x, b.product(b.attention(qkv, index, layer.heads), layer.out), limit)
        h = b.norm(x, layer.between)
        if isinstance(layer.feed, Mixture):
            y = b.mixture(h, layer.feed)
        else:
            y = b.product(b.gated(b.product(h, layer.feed.up), layer.feed.gate), layer.feed.down)
        x = b.residual(x, y, limit)
    logits = b.logits(b.norm(x if every_row else b.last(x), numbers.last), numbers.head)
    b.best(logits, numbers.logit_limit)
