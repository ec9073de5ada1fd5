"""Holes in two steps: anybody writes the authority or the stored target, then what it protects is anybody's."""

from templates.kit import Kit, Member, Risk, labeled

DELEGATE = Risk.UNPROTECTED_DELEGATECALL
KILL = Risk.UNPROTECTED_SELFDESTRUCT
AUTHORITY = Risk.UNPROTECTED_AUTHORITY


def _only(kit: Kit, bad: bool) -> tuple[str, str]:
    """Who may write: in the bad twin everybody."""
    return kit.protect(bad)


def _setter(kit: Kit, bad: bool, place: str) -> tuple[str, str]:
    """An address is written by whoever may."""
    modifier, first = _only(kit, bad)
    body = f"{first} {kit.fail_unless('next != address(0)')} {place} = next; {kit.log()}"
    fn = kit.name(kit.pick("set", "change", "transfer", "assign"))
    return fn, kit.function(fn, "address next", body, modifier)


def _bought(kit: Kit, bad: bool, place: str) -> tuple[str, str]:
    """A role for whoever pays; in the good twin for whoever is let."""
    modifier, first = _only(kit, bad)
    price = kit.fail_unless(f"msg.value >= {kit.rng.randrange(1, 10**9)}")
    fn = kit.name(kit.pick("claim", "buy"))
    return fn, kit.function(fn, "", f"{first} {price} {place} = msg.sender;", f"payable {modifier}")


def _opened(kit: Kit, bad: bool, place: str) -> tuple[str, str]:
    """Set up by a function that nothing keeps from being called again."""
    ready = kit.name("ready")
    kit.declare(f"bool {ready};")
    modifier, first = _only(kit, bad)
    body = f"{first} {place} = next; {ready} = true;"
    fn = kit.name(kit.pick("initialize", "init", "setup"))
    return fn, kit.function(fn, "address next", body, modifier)


def _waited(kit: Kit, bad: bool, place: str) -> tuple[str, str]:
    """Proposed by whoever may, taken over by anybody later."""
    pending, since = kit.name("pending"), kit.name("since")
    kit.declare(f"address {pending};")
    kit.declare(f"uint256 {since};")
    modifier, first = _only(kit, bad)
    fn = kit.name("propose")
    propose = kit.function(fn, "address next", f"{first} {pending} = next; {since} = {kit.now};", modifier)
    wait = kit.fail_unless(f"{kit.now} >= {since} + {kit.rng.randrange(1, 9)} days")
    ready = kit.fail_unless(f"{pending} != address(0)")
    return fn, propose + "\n" + kit.function(kit.name("accept"), "", f"{ready} {wait} {place} = {pending};")


def _inside(kit: Kit, bad: bool, place: str) -> tuple[str, str]:
    """Written by an internal function, by way of two more."""
    inner = kit.name("_put")
    kit.declare(f"function {inner}(address to) internal {{ {kit.fail_unless('to != address(this)')} {place} = to; }}")
    modifier, first = _only(kit, bad)
    fn = kit.name(kit.pick("rotate", "elect"))
    return fn, kit.function(fn, "address next", f"{kit.noise()} {first} {inner}(next);", modifier)


def _kill(kit: Kit, boss: str) -> tuple[str, str]:
    fn, check = kit.name(kit.pick("close", "shutdown", "retire")), kit.fail_unless(f"msg.sender == {boss}")
    return fn, kit.function(fn, "", f"{kit.noise()} {check} {kit.log()} selfdestruct({kit.sender});")


def _run(kit: Kit, boss: str) -> tuple[str, str]:
    fn, check = kit.name(kit.pick("execute", "perform")), kit.fail_unless(f"msg.sender == {boss}")
    call = kit.checked("target.delegatecall(data)")
    data = "bytes memory data" if kit.v5 else "bytes data"
    return fn, kit.function(fn, f"address target, {data}", f"{check} {call} {kit.log()}", "", "public")


def _stored(kit: Kit, target: str) -> tuple[str, str]:
    """Anybody may have the stored code run: what matters is who stored it."""
    fn, call = kit.name(kit.pick("forward", "poke", "upkeep")), kit.checked(f"{target}.delegatecall(data)")
    data = "bytes memory data" if kit.v5 else "bytes data"
    return fn, kit.function(fn, data, f"{kit.noise()} {call} {kit.log()}", "", "public")


def _both(  # noqa: PLR0917 (one private caller's worth of facts)
    kit: Kit, template: str, risk: Risk, bad: bool, opened: tuple[str, str], taken: tuple[str, str]
) -> Member:
    """What is protected and what takes it, in either order: name and code of both."""
    code = "\n".join((opened[1], taken[1]) if kit.maybe() else (taken[1], opened[1]))
    return kit.member(template, code, {opened[0]: labeled(risk, bad), taken[0]: labeled(AUTHORITY, bad)})


def kill_taken_by_setter(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _kill(kit, boss)
    return _both(kit, "kill.taken_by_setter", KILL, bad, (fn, code), _setter(kit, bad, boss))


def kill_taken_for_money(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _kill(kit, boss)
    return _both(kit, "kill.taken_for_money", KILL, bad, (fn, code), _bought(kit, bad, boss))


def kill_taken_by_setup(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _kill(kit, boss)
    return _both(kit, "kill.taken_by_setup", KILL, bad, (fn, code), _opened(kit, bad, boss))


def kill_taken_later(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _kill(kit, boss)
    return _both(kit, "kill.taken_later", KILL, bad, (fn, code), _waited(kit, bad, boss))


def kill_taken_inside(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _kill(kit, boss)
    return _both(kit, "kill.taken_inside", KILL, bad, (fn, code), _inside(kit, bad, boss))


def delegate_taken_by_setter(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _run(kit, boss)
    return _both(kit, "delegate.taken_by_setter", DELEGATE, bad, (fn, code), _setter(kit, bad, boss))


def delegate_taken_by_setup(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _run(kit, boss)
    return _both(kit, "delegate.taken_by_setup", DELEGATE, bad, (fn, code), _opened(kit, bad, boss))


def delegate_taken_later(kit: Kit, bad: bool) -> Member:
    boss = kit.stored_owner()
    fn, code = _run(kit, boss)
    return _both(kit, "delegate.taken_later", DELEGATE, bad, (fn, code), _waited(kit, bad, boss))


def delegate_stored_by_setter(kit: Kit, bad: bool) -> Member:
    target = kit.stored_owner()
    fn, code = _stored(kit, target)
    return _both(kit, "delegate.stored_by_setter", DELEGATE, bad, (fn, code), _setter(kit, bad, target))


def delegate_stored_by_setup(kit: Kit, bad: bool) -> Member:
    target = kit.stored_owner()
    fn, code = _stored(kit, target)
    return _both(kit, "delegate.stored_by_setup", DELEGATE, bad, (fn, code), _opened(kit, bad, target))


def delegate_stored_inside(kit: Kit, bad: bool) -> Member:
    target = kit.stored_owner()
    fn, code = _stored(kit, target)
    return _both(kit, "delegate.stored_inside", DELEGATE, bad, (fn, code), _inside(kit, bad, target))


def delegate_stored_in_list(kit: Kit, bad: bool) -> Member:
    """One of many modules, by number."""
    modules, fn = kit.name("modules"), kit.name("callModule")
    kit.declare(f"mapping(uint256 => address) {modules};")
    modifier, first = _only(kit, bad)
    install = kit.function(kit.name("install"), "uint256 id, address code", f"{first} {modules}[id] = code;", modifier)
    data = "bytes memory data" if kit.v5 else "bytes data"
    known = kit.fail_unless(f"{modules}[id] != address(0)")
    call = kit.checked(f"{modules}[id].delegatecall(data)")
    code = kit.function(fn, f"uint256 id, {data}", f"{known} {call} {kit.log()}", "", "public")
    return _both(kit, "delegate.stored_in_list", DELEGATE, bad, (fn, code), (kit.name("install"), install))


TRAIN = (
    kill_taken_by_setter,
    kill_taken_for_money,
    delegate_taken_by_setter,
    delegate_stored_by_setter,
    delegate_stored_in_list,
)
VALIDATION = (kill_taken_by_setup, delegate_stored_by_setup)
TEST = (kill_taken_later, kill_taken_inside, delegate_taken_by_setup, delegate_taken_later, delegate_stored_inside)
