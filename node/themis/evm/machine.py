"""One path's abstract state: stack, memory, and what has happened on the way that later instructions depend on."""

from __future__ import annotations

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from themis.evm import taint as t
from themis.evm.taint import UNKNOWN, Constants, Word

MAX_STACK: Final = 160
"""Words of a stack; from a deeper one the bottom is lost."""
_MAX_MEMORY_WORDS: Final = 192
_MAX_HASHED_BYTES: Final = 1_024
_RESERVED_BYTES: Final = 0x80
"""Memory that solc uses itself: scratch space and the free-memory pointer."""
_FREE_POINTER: Final = 0x40
_NOWHERE: Final = -(1 << 62)
"""In memory, where nobody knows."""
_REACH: Final = 16
"""Words of the stack that an instruction can still reach."""
OPEN: Final = 0
KEYED: Final = 1
GRANTED: Final = 2
"""How far a path has got past guards: not at all; what is kept for the caller was not zero; the caller is in charge."""
Taken = tuple[int, int, int]
"""Place that is written, identity of its key, places that decided a branch before."""
NOBODY: Final[frozenset[int]] = frozenset()
FIRM: Final = 1
"""Beside the bits of places: what nobody can write."""
_SLOAD_SEED: Final = 5
_POINTER_SEED: Final = 10


@final
@mypyc_attr(acyclic=True)
class Loose:
    """Common to all paths of a contract: places of storage, and which of them a caller who is not in charge writes."""

    __slots__ = (
        "always",
        "anywhere",
        "bases",
        "charge",
        "constants",
        "entries",
        "flows",
        "folded",
        "function",
        "gifts",
        "heads",
        "keepers",
        "locks",
        "many",
        "nested",
        "once",
        "opened",
        "places",
        "run",
        "stateless",
        "subjects",
    )

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.places: dict[int, int] = {}
        """Identity of a storage key, and of what is loaded from there -> its bit."""
        self.subjects: dict[int, int] = {}
        """Identity of what says something about a word of the call's data -> that word's."""
        self.always = 0
        self.once = 0
        """Only before a flag is set that says so."""
        self.function = 0
        """Number of the one that is being walked."""
        self.locks: dict[int, int] = {}
        """Places of such flags, and of mutexes, by the function that shuts them."""
        self.opened = 0
        """Those that are written anew as a whole once the path is through: mutexes, and no one-time flags."""
        self.many = 0
        """Places of which there are many, as in a mapping."""
        self.keepers: dict[int, int] = {}
        """Identity of a comparison with the caller -> place of whom he was compared with."""
        self.charge = 0
        """Places whose value puts a caller in charge, or that hold code which is run or asked whether he is."""
        self.stateless = False
        """The contract keeps nothing in storage."""
        self.run = 0
        """Those that hold code which is run."""
        self.heads: set[int] = set()
        """The same for mappings by caller: identity of where a mapping is."""
        self.bases: dict[int, int] = {}
        """Identity of a mapping's key, and of what is loaded from there -> identity of where the mapping is."""
        self.anywhere: set[int] = set()
        """Identities that stand for some item of a mapping, nobody knows which: they are no places."""
        self.nested: set[int] = set()
        """Identities of keys of mappings of mappings."""
        self.folded: set[int] = set()
        """Identities of constants that are where a mapping is: the compiler has hashed the key of the outer one."""
        self.entries: set[int] = set()
        """Identities of where mappings are in which everybody writes something of his own."""
        self.gifts: set[tuple[int, int, int]] = set()
        """A place, those that had decided a branch or shut a mutex before it was written, and the function."""
        self.flows: set[tuple[int, int, int]] = set()
        """A place, another one to which what is there is copied, and the places of the authority for that."""

    def settle(self) -> None:
        """When all is walked: what anybody copies is as loose as where it is from, as in charge as where it goes."""
        for place, behind, function in self.gifts:
            if behind & self.locks.get(function, 0):
                self.once |= place
            else:
                self.always |= place
        before = -1, -1
        while before != (self.always, self.charge):
            before = self.always, self.charge
            for source, to, authority in self.flows:
                if not authority & ~self.always:
                    self.always |= to if source & self.always else 0
                    self.charge |= source if to & self.charge else 0


@final
@mypyc_attr(acyclic=True)
class Machine:
    """One path's state. Words leave the bottom of an over-deep stack; solc never reaches that far down."""

    __slots__ = (
        "apart",
        "calls",
        "constants",
        "exposed",
        "flagged",
        "floating",
        "granted",
        "guarded",
        "handed_over",
        "leans",
        "level",
        "lock",
        "loose",
        "made",
        "memory",
        "places",
        "pointers",
        "read",
        "returned",
        "serial",
        "stack",
        "subjects",
        "taken",
        "target",
        "token",
        "trusted",
        "trustees",
        "untested",
        "vacant",
        "vouched",
        "written",
    )

    def __init__(self, loose: Loose | None = None, path: Machine | None = None) -> None:  # noqa: PLR0915 (all its names)
        """Knows nothing, or what `path` knows: what is changed in place is copied, but what is common to all paths.

        Name by name, for a loop over names takes seven times as long.
        """
        if path is None:
            self.stack: list[Word] = []
            self.memory: dict[int, Word] = {}
            self.floating: int | None = None
            """Bits of everything written at an unknown offset; None while nothing was."""
            self.calls = 0
            """How many calls were made."""
            self.untested = 0
            """Calls, as bits by number, whose success flag has not decided a branch yet."""
            self.returned = t.RETURNED
            """Bits of what the newest call returned."""
            self.serial = 0
            """How many words were copied."""
            self.apart = 0
            """Words with a serial number up to this one may be no copies of each other any more."""
            self.token = 0
            """That the newest instruction left; see `semantics.run`."""
            self.level = OPEN
            self.granted = 0
            """Places whose value put the caller in charge; FIRM if something else did."""
            self.taken: Taken | None = None
            """Of the newest write, if whoever comes chooses what is written."""
            self.made = self.trustees = self.leans = NOBODY
            """Identities of contracts: that this path created from the contract's own code, that control went to though
            only their stored address is known, and on whom of those the newest write relies."""
            self.target = UNKNOWN
            """Of the newest delegatecall."""
            self.loose = loose or Loose(Constants({}))
            self.constants = self.loose.constants
            self.handed_over = False
            """A call gave control to somebody."""
            self.places = self.loose.places
            self.pointers = 0
            """How many unknown free-memory pointers were given an identity."""
            self.subjects = self.loose.subjects
            self.vouched: frozenset[int] = frozenset()
            """Identities of words of the call's data that a branch has found in order."""
            self.read = 0
            self.written = 0
            self.guarded = 0
            """Places whose value decided a branch."""
            self.flagged = 0
            """Those of which one byte did, as of a bool: the rest of the slot may be something else."""
            self.vacant = 0
            """Those where it was found to be zero, or not what it was compared with."""
            self.lock = 0
            """The place of a mutex that is shut."""
            self.exposed = 0
            """Places read but not written before control went to somebody the contract does not know, or with money."""
            self.trusted = 0
            """The same before control went to a contract it knows."""
            return
        self.loose, self.places, self.subjects = path.loose, path.places, path.subjects
        self.constants = path.constants
        self.stack, self.memory, self.floating = path.stack.copy(), path.memory.copy(), path.floating
        self.calls, self.untested, self.returned = path.calls, path.untested, path.returned
        self.serial, self.apart, self.token, self.pointers = path.serial, path.apart, path.token, path.pointers
        self.level, self.granted, self.vouched = path.level, path.granted, path.vouched
        self.taken, self.target, self.handed_over = path.taken, path.target, path.handed_over
        self.made, self.trustees, self.leans = path.made, path.trustees, path.leans
        self.read, self.written, self.lock = path.read, path.written, path.lock
        self.guarded, self.flagged, self.vacant = path.guarded, path.flagged, path.vacant
        self.exposed, self.trusted = path.exposed, path.trusted

    def fork(self) -> Machine:
        """The same state for another path."""
        return Machine(self.loose, self)

    def pop(self) -> Word:
        return self.stack.pop() if self.stack else UNKNOWN

    def push(self, word: Word) -> None:
        self.stack.append(word)
        if len(self.stack) > MAX_STACK:
            del self.stack[0]

    # calls and their success flags --------------------------------------------------------------

    def called(self, *, asks: bool) -> Word:
        """Count a call; its success flag. `asks`: a static call, which fails without harm."""
        self.calls += 1
        self.untested |= 0 if asks else 1 << self.calls
        return Word(t.RESULT, self.calls)

    def decide(self, condition: Word) -> None:
        """Note that a branch was taken on this condition."""
        if condition.bits & t.RESULT:
            number: int = condition.identity
            self.untested = self.untested & ~(1 << number) if 0 < number <= self.calls else 0
        elif not condition.known:
            place = self.places.get(condition.identity, 0)
            self.guarded |= place
            if condition.bits & t.FLAG:
                self.flagged |= place

    def drops(self, word: Word) -> bool:
        """True if this word, just popped, was the last to tell whether a call worked, and nobody looked."""
        number: int = word.identity
        if not word.bits & t.RESULT or number > self.calls or not self.untested >> number & 1:
            return False
        for other in self.stack[-_REACH:]:
            if other.bits & t.RESULT and (not other.identity or other.identity == number):
                return False
        self.untested &= ~(1 << number)
        return True

    # storage ------------------------------------------------------------------------------------

    def place(self, key: i64) -> int:
        """The bit of a storage place, by its key's identity; 0 for an unknown one."""
        if not key or key in self.loose.anywhere:
            return 0
        if key not in self.places:
            bit = FIRM << 1 + len(self.places)
            self.places[key] = self.places[t.named(_SLOAD_SEED, key)] = bit
            if key < t.PRIME:
                self.loose.many |= bit
        return self.places[key]

    def load(self, key: i64) -> i64:
        """Note a read; the identity of what is there."""
        self.read |= self.place(key)
        loaded = t.named(_SLOAD_SEED, key) if key else 0
        if key in self.subjects:
            self.subjects[loaded] = self.subjects[key]
        if key in self.loose.bases:
            self.loose.bases[loaded] = self.loose.bases[key]
        return loaded

    def vouch(self, condition: Word) -> None:
        """Note that a branch went the way that speaks for what the condition is about."""
        if condition.identity in self.subjects:
            self.vouched |= {self.subjects[condition.identity]}

    def vacate(self, condition: Word) -> None:
        """Note that a branch went the way that what the condition is about does not hold.

        What keeps nothing and does not run as itself (`this != me`) runs in another contract, which says who may come.
        """
        if self.loose.stateless and condition.bits & ~t.NOT == t.SELF and self.level == OPEN:
            self.level, self.granted = GRANTED, FIRM
        if not condition.bits & (t.COMPARED | t.RESULT):
            self.vacant |= self.places.get(condition.identity, 0)

    def relate(self, about: i64, word: Word) -> None:
        """Remember that what has the identity `about` says something about `word`; unknown ones are no one's."""
        if about and word.identity:
            self.subjects[about] = word.identity

    def grant(self, condition: Word, level: int) -> None:
        """Note that a branch lets the path go on as far as this."""
        if level > self.level:
            self.level = level
            about = condition.identity
            self.granted = self.loose.keepers.get(about, 0) or self.places.get(about, FIRM)
            if level == GRANTED:
                self.loose.charge |= self.granted & ~FIRM
                self.loose.heads.add(self.loose.bases.get(about, 0))

    def give(self, key: i64, *, own: bool) -> None:
        """Note that somebody writes what he likes. Where what was there decides whether he may, he may once.

        `own`: at a place that is kept for him.
        """
        place = self.place(key)
        if self.level != OPEN or place & self.vacant & ~self.flagged:
            return
        self.loose.gifts.add((place, self.lock | self.guarded, self.loose.function))
        if key in self.loose.bases:
            self.loose.entries.add(self.loose.bases[key])
        if not own:
            self.taken = place, key, self.lock | self.guarded

    def enroll(self, key: i64) -> None:
        """Note that somebody sets a flag for whom he likes."""
        if self.level == OPEN and key in self.loose.bases:
            self.taken = self.place(key), key, self.lock | self.guarded

    def copy(self, word: Word, key: i64) -> None:
        """Note that what is kept in one place goes to another."""
        source = 0 if word.known else self.places.get(word.identity, 0)
        to = self.place(key)
        if source and source != to and self.level != KEYED and not to & self.vacant & ~self.flagged:
            self.loose.flows.add((source, to, self.granted if self.level == GRANTED else 0))

    def store(self, key: i64, *, fixed: bool, fills: bool, whole: bool) -> str:
        """Note a write; how it stands to the calls before: "" (none), late, trusted or stale.

        `fixed`: a constant goes to a fixed slot. After a branch on what was there that shuts a mutex. `fills`: no zero
        goes to a fixed slot. Where that was vacant, the path cannot be gone again. `whole`: nothing of it is kept.
        """
        place = self.place(key)
        state = ""
        if self.handed_over:
            state = "stale" if place & self.exposed else "trusted" if place & self.trusted else "late"
            self.leans = self.trustees if state == "trusted" else NOBODY
        if self.lock and place == self.lock:
            self.lock = 0
            self.loose.opened |= place if whole else 0
        elif fixed and place & self.guarded:
            self._shuts(place)
            if not place & self.written:
                self.lock = place
        if fills:
            self._shuts(place & self.vacant)
        self.written |= place
        self.exposed &= ~place
        self.trusted &= ~place
        return state

    def _shuts(self, place: int) -> None:
        locks, function = self.loose.locks, self.loose.function
        locks[function] = locks.get(function, 0) | place

    def at_stake(self) -> int:
        """Places that a call has made stale; before one, those of mappings that it would."""
        if self.handed_over:
            return self.exposed
        return 0 if self.lock else self.read & ~self.written & self.loose.many

    def hand_over(self, target: i64, *, known: bool) -> None:
        """Control goes to another contract, by its identity. `known`: its address is stored, and it gets no money."""
        self.handed_over = True
        if not self.lock:
            found = self.read & ~self.written
            if known:
                self.trusted |= found
                self.trustees |= {target}
            else:
                self.exposed |= found

    # memory -------------------------------------------------------------------------------------

    def write(self, offset: Word, word: Word) -> None:
        """Store in memory, which keeps soft words only. A success flag there is handed on, so it is not dropped."""
        if word.bits & t.RESULT:
            self.decide(word)
        word = t.soft(word)
        at = _address(offset)
        if at == _NOWHERE or (len(self.memory) >= _MAX_MEMORY_WORDS and at not in self.memory):
            self.floating = word.bits if self.floating is None else self.floating | word.bits
        else:
            self.memory[at] = word

    def read_word(self, offset: Word) -> Word:
        at = _address(offset)
        if at == _NOWHERE:
            return Word((self.floating or 0) | self._anywhere() & t.DATA)
        return self.read_at(at)

    def read_at(self, at: int) -> Word:
        """`at`: as `_address` says."""
        word, floating = self.memory.get(at), self.floating
        if word is None:
            if at < 0:
                word = Word((floating or 0) | self._anywhere() & t.DATA)
            else:
                word = UNKNOWN if floating is None else Word(floating)
        if at == _FREE_POINTER and not word.known and not word.identity:
            self.pointers += 1
            word = self.memory[at] = Word(word.bits, t.named(_POINTER_SEED, self.pointers))
        if floating is None or 0 <= at < _RESERVED_BYTES:
            return word
        return Word(word.bits | floating)

    def read_bits(self, offset: Word, size: Word) -> i64:
        """Bits of a memory range; where it, or what is in a part of it, is unknown: of all memory but solc's own."""
        bits: i64 = 0
        found = 0
        start, length = _address(offset), t.constant(size)
        if start != _NOWHERE and 0 <= length <= _MAX_HASHED_BYTES:
            first = max(0, start - 31) if start >= 0 else -t.PRIME
            end = start + length if start >= 0 else 0
            for at, word in self.memory.items():
                if first <= at < end and (shared := _shared(start, at, length)):
                    bits |= word.bits
                    found += shared
            if found >= length:
                return bits
        return bits | self._anywhere()

    def _anywhere(self) -> i64:
        """Bits of all memory but what solc uses itself."""
        bits: i64 = self.floating or 0
        for at, word in self.memory.items():
            if not 0 <= at < _RESERVED_BYTES:
                bits |= word.bits
        return bits

    def read_identity(self, offset: Word, size: Word) -> i64:
        """Identity of a memory range made of whole words that all have one; else 0."""
        start, length = t.constant(offset), t.constant(size)
        if start < 0 or not 0 < length <= _MAX_HASHED_BYTES or length % 32:
            return 0
        found: i64 = length
        for at in range(start, start + length, 32):
            part = t.place(self.memory.get(at, UNKNOWN))
            if not part:
                return 0
            found = t.mixed(found, part)
        return found or 1


def _address(offset: Word) -> int:
    """Where in `memory`: the offset, or minus the identity of an unknown one, or _NOWHERE."""
    if offset.known:
        return offset.value
    known = t.constant(offset)
    return known if known >= 0 else -offset.identity if offset.identity else _NOWHERE


def _shared(start: int, at: int, size: int) -> int:
    """Bytes of the 32 at `at` that lie in a range. Known and unknown places share none."""
    if (start < 0) != (at < 0):
        return 0
    after = t.distance(-at, -start) if at < 0 else at - start
    if at < 0 and after >= _MAX_HASHED_BYTES:
        after -= t.PRIME
    return max(0, min(after + 32, size) - max(after, 0))
