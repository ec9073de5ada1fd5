"""Programs of every shape of condition, put together at random."""

from random import Random
from typing import Final

_COMPARE: Final = (0x10, 0x11, 0x12, 0x13, 0x14, 0x18, 0x03)
_FUNCTIONS: Final = 3


class Shape:
    """One program: conditions (and, or, not, ternary, calls), branches, loops and pointers, nested and mixed."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.parts: list[bytes | int] = []
        """Code, and references to labels as -1 - label."""
        self.labels: list[int] = []
        self.functions = [self._label() for _ in range(_FUNCTIONS)]
        self.pointers = rng.randrange(4) == 0

    def code(self) -> bytes:
        """The whole program: a dispatcher, bodies, functions."""
        bodies = [self._label() for _ in range(self.rng.randrange(3))]
        self._put("5f3560e01c")
        for number, label in enumerate(bodies):
            self._put(f"8063aabbcc{number:02x}{self.rng.choice(['14', '1815', '0315'])}")
            self._jump(label, if_=True)
        self._block(3)
        self._put("00")
        for label in bodies:
            self._mark(label)
            self._block(3)
            self._put(self.rng.choice(["00", "33ff", "5f5ffd"]))
        for label in self.functions:
            self._mark(label)
            self._condition(1)
            self._put("9056")
        return self._assembled()

    def _assembled(self) -> bytes:
        at, places = 0, dict[int, int]()
        for part in self.parts:
            if isinstance(part, bytes):
                at += len(part)
            elif part < 0:
                at += 3
            else:
                places[part] = at
        return b"".join(
            part if isinstance(part, bytes) else b"\x61" + places[-1 - part].to_bytes(2, "big") if part < 0 else b""
            for part in self.parts
        )

    def _put(self, code: str) -> None:
        self.parts.append(bytes.fromhex(code))

    def _label(self) -> int:
        self.labels.append(len(self.labels))
        return self.labels[-1]

    def _mark(self, label: int) -> None:
        self.parts.append(label)
        self._put("5b")

    def _push(self, label: int) -> None:
        self.parts.append(-1 - label)

    def _jump(self, label: int, *, if_: bool = False) -> None:
        self._push(label)
        self._put("57" if if_ else "56")

    def _word(self) -> None:
        """Something that may decide."""
        slot = self.rng.randrange(3)
        self._put(
            self.rng.choice(
                [
                    *("33", "32", "42", "34", f"60{self.rng.randrange(4):02x}", f"60{slot:02x}54", f"60{slot:02x}5c"),
                    *(f"60{4 + 32 * slot:02x}35", f"60{4 + 32 * slot:02x}3560ff16", f"60{32 * slot:02x}51"),
                    *("5f5f5f5f5f335af1", "5f5f5f5f335afa", "60205f5f5f335afa505f51", f"8{self.rng.randrange(4):x}"),
                    "5f5f5260405f20",
                ]
            )
        )

    def _condition(self, depth: int) -> None:
        kind = self.rng.randrange(12) if depth > 0 else self.rng.randrange(3)
        if kind <= 1:
            self._word()
            self._word()
            self._put(f"{self.rng.choice(_COMPARE):02x}")
        elif kind == 2:
            self._word()
        elif kind == 3:
            self._condition(depth - 1)
            self._put("15")
        elif kind in (4, 5, 6, 7):  # && and ||
            end = self._label()
            self._condition(depth - 1)
            self._put("80" + ("15" if kind % 2 else ""))
            self._jump(end, if_=True)
            self._put("50")
            self._condition(depth - 1)
            self._mark(end)
        elif kind == 8:
            other, end = self._label(), self._label()
            self._condition(depth - 1)
            self._jump(other, if_=True)
            self._condition(depth - 1)
            self._jump(end)
            self._mark(other)
            self._condition(depth - 1)
            self._mark(end)
        elif kind == 9:
            back = self._label()
            self._push(back)
            self._jump(self.rng.choice(self.functions))
            self._mark(back)
        elif kind == 10:
            self._condition(depth - 1)
            at = self.rng.randrange(70)
            self._put(f"60{at:02x}52")
            self._statement(0)
            self._put(f"60{at:02x}51")
        else:
            self._condition(depth - 1)
            self._put(self.rng.choice(["1515", "60ff16", "8014", "19", "80151514", "8015901514"]))

    def _block(self, depth: int) -> None:
        for _ in range(self.rng.randrange(1, 4)):
            self._statement(depth)

    def _statement(self, depth: int) -> None:
        kind = self.rng.randrange(10) if depth > 0 else self.rng.randrange(3)
        if kind == 0:
            self._word()
            self._put(f"60{self.rng.randrange(3):02x}55")
        elif kind == 1:
            self._word()
            self._put(f"60{self.rng.randrange(70):02x}" + self.rng.choice(["52", "53"]))
        elif kind == 2:
            self._put(self.rng.choice(["60205f60053760015f55", "5f5fa0", "5f5f5f5f5f335af150", "60405f60203960015f55"]))
        elif kind in (3, 4):
            ok = self._label()
            self._condition(depth)
            self._jump(ok, if_=True)
            self._put(self.rng.choice(["5f5ffd", "fe", "00", "33ff"]))
            self._mark(ok)
        elif kind in (5, 6):
            end = self._label()
            self._condition(depth)
            self._put(self.rng.choice(["", "15"]))
            self._jump(end, if_=True)
            self._block(depth - 1)
            self._mark(end)
        elif kind == 7:
            self._loop(depth)
        elif kind == 8:  # a local variable that is tested again and again
            self._condition(depth - 1)
            for _ in range(2):
                end = self._label()
                self._put(self.rng.choice(["80", "8015"]))
                self._jump(end, if_=True)
                self._block(depth - 1)
                self._mark(end)
            self._put("50")
        elif self.pointers:
            self._pointer()
        else:
            self._block(0)

    def _loop(self, depth: int) -> None:
        again, end = self._label(), self._label()
        self._put(f"60{self.rng.randrange(2):02x}")
        self._mark(again)
        self._put(f"8060{self.rng.randrange(4):02x}1115")
        self._jump(end, if_=True)
        self._block(depth - 1)
        self._put("600101")
        self._jump(again)
        self._mark(end)
        self._put("50")

    def _pointer(self) -> None:
        """A function whose address is kept somewhere in between."""
        back = self._label()
        self._push(back)
        self._push(self.rng.choice(self.functions))
        self._put(self.rng.choice(["605f5260605f5150605f51", "600555600554", "15", "600101600190030a"]))
        self._put("56")
        self._mark(back)
        self._put("50")
