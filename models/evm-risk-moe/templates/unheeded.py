"""Noticed without effect: a failed call that is only counted, tx.origin that is only paid or written down."""

from templates.kit import Kit, Member, Risk, labeled

ORIGIN = Risk.TX_ORIGIN_AUTH
UNCHECKED = Risk.UNCHECKED_CALL


def _payment(kit: Kit) -> str:
    """An expression that tells whether it worked, in every dialect."""
    return kit.pick("to.send(amount)", "to.send(amount / 2)")


def _pay(kit: Kit, template: str, bad: bool, unheeded: str, handled: str) -> Member:
    fn, spent = kit.verb(), kit.mapping("address", "uint256")
    modifier, first = kit.authorize() if kit.maybe() else ("", kit.noise())
    body = f"{first} {spent}[to] += amount; {unheeded if bad else handled} {kit.log('amount')}"
    return kit.member(
        template, kit.function(fn, f"{kit.payee} to, uint256 amount", body, modifier), {fn: labeled(UNCHECKED, bad)}
    )


def _counter(kit: Kit, word: str) -> str:
    name = kit.name(word)
    kit.declare(f"uint256 {name};")
    return name


def _owed(kit: Kit) -> str:
    """Failure handled: the payee may fetch it later."""
    owed = kit.mapping("address", "uint256")
    return f"{owed}[to] += amount;"


def failures_counted(kit: Kit, bad: bool) -> Member:
    call, count = _payment(kit), _counter(kit, "failures")
    handled = kit.pick(f"if (!{call}) {{ {_owed(kit)} }}", kit.fail_unless(call))
    return _pay(kit, "unchecked.failures_counted", bad, f"if (!{call}) {{ {count} += 1; }}", handled)


def successes_counted(kit: Kit, bad: bool) -> Member:
    call, count = _payment(kit), _counter(kit, "paid")
    handled = f"if ({call}) {{ {count} += 1; }} else {{ {_owed(kit)} }}"
    return _pay(kit, "unchecked.successes_counted", bad, f"if ({call}) {{ {count} += 1; }}", handled)


def failure_told(kit: Kit, bad: bool) -> Member:
    event, call = kit.name("Failed"), _payment(kit)
    kit.declare(f"event {event}(address who, uint256 what);")
    told = f"emit {event}(to, amount);"
    return _pay(
        kit, "unchecked.failure_told", bad, f"if (!{call}) {{ {told} }}", f"if (!{call}) {{ {told} {_owed(kit)} }}"
    )


def last_flag(kit: Kit, bad: bool) -> Member:
    flag, call = kit.name("lastWorked"), _payment(kit)
    kit.declare(f"bool {flag};")
    handled = f"{flag} = {call}; {kit.fail_unless(flag)}"
    return _pay(kit, "unchecked.last_flag", bad, f"{flag} = {call};", handled)


def share_of_failures(kit: Kit, bad: bool) -> Member:
    tried, failed, call = _counter(kit, "tried"), _counter(kit, "failed"), _payment(kit)
    noted = f"{tried} += 1; if (!{call}) {{ {failed} = {failed} + 1;"
    return _pay(kit, "unchecked.share_of_failures", bad, f"{noted} }}", f"{noted} {_owed(kit)} }}")


def _ask(kit: Kit, template: str, bad: bool, harmless: str) -> Member:
    """Origin in a harmless place, and an authority that in the bad twin is origin, too."""
    fn, value = kit.verb(), kit.name("setting")
    kit.declare(f"uint256 {value};")
    check = kit.fail_unless(f"{'tx.origin' if bad else 'msg.sender'} == {kit.owner()}")
    parts = [check, harmless] if kit.maybe() else [harmless, check]
    body = f"{' '.join(parts)} {value} = next; {kit.log()}"
    return kit.member(template, kit.function(fn, "uint256 next", body), {fn: labeled(ORIGIN, bad)})


def _origin_payee(kit: Kit) -> str:
    return kit.payable("tx.origin") if kit.v8 else "tx.origin"


def origin_refunded(kit: Kit, bad: bool) -> Member:
    return _ask(kit, "origin.refunded", bad, f"{_origin_payee(kit)}.transfer({kit.rng.randrange(1, 10**6)});")


def origin_in_event(kit: Kit, bad: bool) -> Member:
    event = kit.name("By")
    kit.declare(f"event {event}({'address indexed' if kit.maybe() else 'address'} who);")
    return _ask(kit, "origin.in_event", bad, f"emit {event}(tx.origin);")


def origin_remembered(kit: Kit, bad: bool) -> Member:
    last = kit.name("lastBy")
    kit.declare(f"address {last};")
    return _ask(kit, "origin.remembered", bad, f"{last} = tx.origin;")


def origin_rebate(kit: Kit, bad: bool) -> Member:
    credit = kit.mapping("address", "uint256")
    return _ask(kit, "origin.rebate", bad, f"{credit}[tx.origin] += {kit.rng.randrange(1, 99)};")


TRAIN = (failures_counted, failure_told, origin_refunded, origin_in_event)
VALIDATION = (successes_counted, origin_rebate)
TEST = (last_flag, share_of_failures, origin_remembered)
