"""One path's abstract state: stack, memory, and what has happened on the way that later instructions depend on."""

from typing import Final

from themis.evm import taint as t
from themis.evm.taint import UNKNOWN, Word, identity, taint

MAX_STACK: Final = 160
"""Words of a stack; from a deeper one the bottom is lost."""
_MAX_MEMORY_WORDS: Final = 192
_MAX_HASHED_BYTES: Final = 1_024
_RESERVED_BYTES: Final = 0x80
"""Memory that solc uses itself: scratch space and the free-memory pointer."""
_FREE_POINTER: Final = 0x40
_REACH: Final = 16
"""Words of the stack that an instruction can still reach."""
OPEN, KEYED, GRANTED = range(3)
"""How far a path has got past guards: not at all; what is kept for the caller was not zero; the caller is in charge."""
Taken = tuple[int, int, int]
"""Place that is written, identity of its key, places that decided a branch before."""
NOBODY: Final[frozenset[int]] = frozenset()
FIRM: Final = 1
"""Beside the bits of places: what nobody can write."""
_SLOAD_SEED: Final = 5
_POINTER_SEED: Final = 10


class Loose:
    """Storage places that a caller who is not in charge writes what he likes to. Common to all paths of a contract."""

    __slots__ = (
        "always",
        "anywhere",
        "bases",
        "charge",
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
        "run",
        "stateless",
    )

    def __init__(self) -> None:
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


class Machine:
    """One path's state. Words leave the bottom of an over-deep stack; solc never reaches that far down."""

    __slots__ = (
        "apart",
        "calls",
        "exposed",
        "flagged",
        "floating",
        "granted",
        "guarded",
        "handed_over",
        "knows",
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
        "trusted",
        "trustees",
        "untested",
        "vacant",
        "vouched",
        "written",
    )

    def __init__(self, loose: Loose | None = None) -> None:
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
        self.knows = False
        """A branch has said of some unknown word on the stack that it holds or fails."""
        self.level = OPEN
        self.granted = 0
        """Places whose value put the caller in charge; FIRM if something else did."""
        self.taken: Taken | None = None
        """Of the newest write, if whoever comes chooses what is written."""
        self.made = self.trustees = self.leans = NOBODY
        """Identities of contracts: that this path created from the contract's own code, that control went to although
        only their stored address is known, and on whom of those the newest write relies."""
        self.target = UNKNOWN
        """Of the newest delegatecall."""
        self.loose = loose or Loose()
        self.handed_over = False
        """A call gave control to somebody."""
        self.places: dict[int, int] = {}
        """Identity of a storage key, and of what is loaded from there -> its bit. Common to all paths."""
        self.pointers = 0
        """How many unknown free-memory pointers were given an identity."""
        self.subjects: dict[int, int] = {}
        """Identity of what says something about a word of the call's data -> that word's. Common to all."""
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

    def fork(self) -> "Machine":
        """The same state for another path: what is changed in place is copied, but what is common to all paths.

        Name by name, for a loop over names takes seven times as long.
        """
        other = Machine.__new__(Machine)
        other.stack, other.memory = self.stack.copy(), self.memory.copy()
        other.loose, other.places, other.subjects = self.loose, self.places, self.subjects
        other.apart, other.serial, other.pointers = self.apart, self.serial, self.pointers
        other.calls, other.untested, other.returned = self.calls, self.untested, self.returned
        other.knows, other.vouched = self.knows, self.vouched
        other.level, other.granted = self.level, self.granted
        other.guarded, other.flagged, other.vacant = self.guarded, self.flagged, self.vacant
        other.read, other.written, other.lock = self.read, self.written, self.lock
        other.exposed, other.trusted, other.handed_over = self.exposed, self.trusted, self.handed_over
        other.made, other.trustees, other.leans = self.made, self.trustees, self.leans
        other.floating, other.taken, other.target = self.floating, self.taken, self.target
        return other

    def fresh(self) -> "Machine":
        """Another path of the same contract, about which nothing is known."""
        other = Machine(self.loose)
        other.places, other.subjects = self.places, self.subjects
        return other

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
        return t.unknown(t.RESULT, self.calls)

    def decide(self, condition: Word) -> None:
        """Note that a branch was taken on this condition."""
        if taint(condition) & t.RESULT:
            number = identity(condition)
            self.untested = self.untested & ~(1 << number) if 0 < number <= self.calls else 0
        elif condition < 0:
            place = self.places.get(identity(condition), 0)
            self.guarded |= place
            if ~condition & t.FLAG:
                self.flagged |= place

    def drops(self, word: Word) -> bool:
        """True if this word, just popped, was the last to tell whether a call worked, and nobody looked."""
        number = identity(word)
        if not taint(word) & t.RESULT or not self.untested >> number & 1:
            return False
        if any(taint(other) & t.RESULT and identity(other) in (0, number) for other in self.stack[-_REACH:]):
            return False
        self.untested &= ~(1 << number)
        return True

    # storage ------------------------------------------------------------------------------------

    def place(self, key: int) -> int:
        """The bit of a storage place, by its key's identity; 0 for an unknown one."""
        if not key or key in self.loose.anywhere:
            return 0
        if key not in self.places:
            bit = FIRM << 1 + len(self.places)
            self.places[key] = self.places[t.mixed(_SLOAD_SEED, key)] = bit
            if key < t.PRIME:
                self.loose.many |= bit
        return self.places[key]

    def load(self, key: int) -> int:
        """Note a read; the identity of what is there."""
        self.read |= self.place(key)
        loaded = t.mixed(_SLOAD_SEED, key) if key else 0
        if key in self.subjects:
            self.subjects[loaded] = self.subjects[key]
        if key in self.loose.bases:
            self.loose.bases[loaded] = self.loose.bases[key]
        return loaded

    def vouch(self, condition: Word) -> None:
        """Note that a branch went the way that speaks for what the condition is about."""
        if identity(condition) in self.subjects:
            self.vouched |= {self.subjects[identity(condition)]}

    def vacate(self, condition: Word) -> None:
        """Note that a branch went the way that what the condition is about does not hold.

        What keeps nothing and does not run as itself (`this != me`) runs in another contract, which says who may come.
        """
        if self.loose.stateless and taint(condition) & ~t.NOT == t.SELF and self.level == OPEN:
            self.level, self.granted = GRANTED, FIRM
        if not taint(condition) & (t.COMPARED | t.RESULT):
            self.vacant |= self.places.get(identity(condition), 0)

    def relate(self, about: int, word: Word) -> None:
        """Remember that what has the identity `about` says something about `word`; unknown ones are no one's."""
        if about and identity(word):
            self.subjects[about] = identity(word)

    def grant(self, condition: Word, level: int) -> None:
        """Note that a branch lets the path go on as far as this."""
        if level > self.level:
            self.level = level
            about = identity(condition)
            self.granted = self.loose.keepers.get(about, 0) or self.places.get(about, FIRM)
            if level == GRANTED:
                self.loose.charge |= self.granted & ~FIRM
                self.loose.heads.add(self.loose.bases.get(about, 0))

    def give(self, key: int, *, own: bool) -> None:
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

    def enroll(self, key: int) -> None:
        """Note that somebody sets a flag for whom he likes."""
        if self.level == OPEN and key in self.loose.bases:
            self.taken = self.place(key), key, self.lock | self.guarded

    def copy(self, word: Word, key: int) -> None:
        """Note that what is kept in one place goes to another."""
        source = self.places.get(identity(word), 0) if word < 0 else 0
        to = self.place(key)
        if source and source != to and self.level != KEYED and not to & self.vacant & ~self.flagged:
            self.loose.flows.add((source, to, self.granted if self.level == GRANTED else 0))

    def store(self, key: int, *, fixed: bool, fills: bool, whole: bool) -> str:
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

    def hand_over(self, target: int, *, known: bool) -> None:
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
        if word < 0 and ~word & t.RESULT:
            self.decide(word)
        word = t.soft(word)
        at = _address(offset)
        if at is None or (at not in self.memory and len(self.memory) >= _MAX_MEMORY_WORDS):
            self.floating = (self.floating or 0) | taint(word)
        else:
            self.memory[at] = word

    def read_word(self, offset: Word) -> Word:
        at, floating = _address(offset), self.floating or 0
        if at is None:
            return ~(floating | self._anywhere() & t.DATA)
        word = self.memory.get(at)
        if word is None:
            word = ~floating if at >= 0 else ~(floating | self._anywhere() & t.DATA)
        if at == _FREE_POINTER and word < 0 and not identity(word):
            self.pointers += 1
            word = self.memory[at] = t.unknown(taint(word), t.mixed(_POINTER_SEED, self.pointers))
        if self.floating is None or 0 <= at < _RESERVED_BYTES:
            return word
        return ~(taint(word) | floating)

    def read_bits(self, offset: Word, size: Word) -> int:
        """Bits of a memory range; where it, or what is in a part of it, is unknown: of all memory but solc's own."""
        bits = found = 0
        start = _address(offset)
        size = t.constant(size)
        if start is not None and 0 <= size <= _MAX_HASHED_BYTES:
            first = max(0, start - 31) if start >= 0 else -t.PRIME
            end = start + size if start >= 0 else 0
            for at, word in self.memory.items():
                if first <= at < end and (shared := _shared(start, at, size)):
                    bits |= taint(word)
                    found += shared
            if found >= size:
                return bits
        return bits | self._anywhere()

    def _anywhere(self) -> int:
        """Bits of all memory but what solc uses itself."""
        bits = self.floating or 0
        for at, word in self.memory.items():
            if not 0 <= at < _RESERVED_BYTES:
                bits |= taint(word)
        return bits

    def read_identity(self, offset: Word, size: Word) -> int:
        """Identity of a memory range made of whole words that all have one; else 0."""
        start, size = t.constant(offset), t.constant(size)
        if start < 0 or not 0 < size <= _MAX_HASHED_BYTES or size % 32:
            return 0
        parts: list[int] = []
        for at in range(start, start + size, 32):
            word = self.memory.get(at, UNKNOWN)
            if not t.place(word):
                return 0
            parts.append(t.place(word))
        return t.mixed(size, *parts)


def _address(offset: Word) -> int | None:
    """Where in `memory`: the offset, or minus the identity of an unknown one, or None."""
    if offset >= 0:
        return offset
    known = t.constant(offset)
    return known if known >= 0 else -identity(offset) or None


def _shared(start: int, at: int, size: int) -> int:
    """Bytes of the 32 at `at` that lie in a range. Known and unknown places share none."""
    if (start < 0) != (at < 0):
        return 0
    after = t.distance(-at, -start) if at < 0 else at - start
    if at < 0 and after >= _MAX_HASHED_BYTES:
        after -= t.PRIME
    return max(0, min(after + 32, size) - max(after, 0))
