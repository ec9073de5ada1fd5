"""The journal as an SVG: throughput over the untuned node's, round by round, and ONNX Runtime's defaults."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

from themis.optimize.records import Outcome
from themis.optimize.report import Point

WIDTH: Final = 860
HEIGHT: Final = 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 64, 48
_COLORS: Final = {
    Outcome.KEPT: "#1a7f37",
    Outcome.SLOWER: "#c93c37",
    Outcome.UNPROVEN: "#8b949e",
    Outcome.LATE: "#bf8700",
    Outcome.REFUSED: "#8250df",
}
_TICKS: Final = 5


def draw(points: Sequence[Point], title: str, *, runtime_defaults: float) -> str:
    """A stair of the incumbent from 1, and a dot for each candidate. `runtime_defaults`: theirs over the untuned's."""
    levels = [1.0, *(point.incumbent for point in points)]
    seen = [*levels, *(point.candidate for point in points if point.candidate is not None), runtime_defaults]
    plot = _Plot(len(points), min(seen), max(seen))
    stair = [f"{plot.x(0):.1f},{plot.y(levels[0]):.1f}"]
    for number, (before, after) in enumerate(pairwise(levels), 1):
        stair += [f"{plot.x(number):.1f},{plot.y(before):.1f}", f"{plot.x(number):.1f},{plot.y(after):.1f}"]
    parts = [
        _opening(),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">{escape(title)}</text>',
        *_legend(),
        *plot.axes(runtime_defaults),
        f'<polyline points="{" ".join(stair)}" fill="none" stroke="#0969da" stroke-width="2"/>',
    ]
    for point in points:
        if point.candidate is None:
            parts.append(_cross(plot.x(point.number), plot.y(point.incumbent), _COLORS[point.outcome]))
        else:
            x, y, size = plot.x(point.number), plot.y(point.candidate), 4.5 if point.outcome is Outcome.KEPT else 3
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{_COLORS[point.outcome]}"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _opening() -> str:
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" fill="#1f2328">'


class _Plot:
    """Where things are."""

    def __init__(self, rounds: int, low: float, high: float) -> None:
        room = 0.05 * (high - low) or 0.1
        self._rounds = max(1, rounds)
        self._low, self._high = low - room, high + room

    def x(self, number: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * number / self._rounds

    def y(self, ratio: float) -> float:
        share = (ratio - self._low) / (self._high - self._low)
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share

    def axes(self, runtime_defaults: float) -> Iterator[str]:
        for tick in range(_TICKS + 1):
            ratio = self._low + (self._high - self._low) * tick / _TICKS
            yield _line(_LEFT, self.y(ratio), WIDTH - _RIGHT, self.y(ratio), _stroke("#eaeef2"))
            yield f'<text x="{_LEFT - 8}" y="{self.y(ratio) + 4:.1f}" text-anchor="end">{ratio:.2f}</text>'
        for ratio, name in ((1.0, "untuned node"), (runtime_defaults, "ONNX Runtime's defaults")):
            dashes = 'stroke="#57606a" stroke-dasharray="4 4"'
            yield _line(_LEFT, self.y(ratio), WIDTH - _RIGHT, self.y(ratio), dashes)
            yield f'<text x="{WIDTH - _RIGHT}" y="{self.y(ratio) - 5:.1f}" text-anchor="end">{name}</text>'
        for tick in sorted({round(self._rounds * part / _TICKS) for part in range(_TICKS + 1)}):
            yield f'<text x="{self.x(tick):.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">{tick}</text>'
        middle = (_LEFT + WIDTH - _RIGHT) / 2
        yield f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">round</text>'


def _legend() -> Iterator[str]:
    x = float(_LEFT)
    for outcome, color in _COLORS.items():
        yield f'<circle cx="{x + 4:.1f}" cy="42" r="4" fill="{color}"/><text x="{x + 12:.1f}" y="46">{outcome}</text>'
        x += 90
    yield _line(x, 42, x + 24, 42, _stroke("#0969da")) + f'<text x="{x + 30:.1f}" y="46">tuning in force</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" {style}/>'


def _stroke(color: str) -> str:
    return f'stroke="{color}"'


def _cross(x: float, y: float, color: str) -> str:
    style = _stroke(color)
    return _line(x - 4, y - 4, x + 4, y + 4, style) + _line(x - 4, y + 4, x + 4, y - 4, style)
