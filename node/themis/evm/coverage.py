"""How much code there is to be told about: what was walked, and what lies behind the paths that were not."""

from themis.evm import opcodes as op
from themis.evm.disassembly import Program
from themis.evm.limits import NotKnown
from themis.evm.trace import Tracer

_COMPUTED = NotKnown.UNKNOWN_JUMP | NotKnown.UNKNOWN_DISPATCHER


def reachable(program: Program, tracer: Tracer) -> int:
    """Instructions that ran on some path, or may run after one that was left. Data and dead code do not count.

    What an unknown jump reaches may be anything, so then all code counts.
    """
    found = tracer.reached.copy()
    if tracer.told & _COMPUTED:
        return sum(pc < program.end or bool(mark) for pc, mark in zip(program.pcs, found, strict=True))
    work = list(tracer.pending())
    if work:
        work += [program.jumpdests[value] for value in _pushed(program, found)]
    while work:
        index = work.pop()
        while index < len(found) and not found[index]:
            found[index] = 1
            if program.ops[index] == op.JUMP or program.ops[index] in op.ENDING:
                break
            if program.values[index] in program.jumpdests:
                work.append(program.jumpdests[program.values[index]])
            index += 1
    return sum(found)


def _pushed(program: Program, reached: list[int]) -> set[int]:
    """Code addresses that reached instructions push."""
    return {value for value, mark in zip(program.values, reached, strict=True) if mark and value in program.jumpdests}
