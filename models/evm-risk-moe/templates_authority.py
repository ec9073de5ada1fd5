"""Who may act: tx.origin taken for the caller, selfdestruct and delegatecall anybody reaches; and the guarded twins."""

from template_kit import Kit, Member, Risk, labeled

ORIGIN, KILL, DELEGATE = Risk.TX_ORIGIN_AUTH, Risk.UNPROTECTED_SELFDESTRUCT, Risk.UNPROTECTED_DELEGATECALL


def _deed(kit: Kit) -> tuple[str, str]:
    """(parameters, statements) worth protecting."""
    count, boss = kit.name("setting"), kit.stored_owner()
    kit.declare(f"uint256 {count};")
    return kit.rng.choice(
        (
            (f"{kit.payee} to, uint256 amount", "to.transfer(amount);"),
            ("uint256 value", f"{count} = value;"),
            ("address next", f"{boss} = next;"),
            (f"{kit.payee} to", f"to.transfer({kit.self_balance}); {count} = 0;"),
            ("address next, uint256 value", f"{boss} = next; {count} += value;"),
        )
    )


def _who(bad: bool) -> str:
    return "tx.origin" if bad else "msg.sender"


def _eoa_check(kit: Kit, bad: bool) -> str:
    """Comparing origin with caller is no authority; a safe function may do it."""
    return kit.fail_unless("tx.origin == msg.sender") if not bad and kit.maybe(0.35) else ""


def origin_statement(kit: Kit, bad: bool) -> Member:
    fn, (params, deed) = kit.verb(), _deed(kit)
    owner = kit.owner()
    check = kit.fail_unless(kit.pick(f"{_who(bad)} == {owner}", f"{owner} == {_who(bad)}"))
    body = f"{_eoa_check(kit, bad)} {kit.noise()} {check} {deed} {kit.log()}"
    return kit.member("origin.statement", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_modifier(kit: Kit, bad: bool) -> Member:
    fn, guard, (params, deed) = kit.verb(), kit.name("only"), _deed(kit)
    kit.declare(
        f"modifier {guard}() {{ {_eoa_check(kit, bad)} {kit.fail_unless(f'{_who(bad)} == {kit.owner()}')} _; }}"
    )
    body = f"{kit.noise()} {deed} {kit.log()}"
    return kit.member("origin.modifier", kit.function(fn, params, body, guard), {fn: labeled(ORIGIN, bad)})


def origin_if(kit: Kit, bad: bool) -> Member:
    fn, (params, deed) = kit.verb(), _deed(kit)
    body = f"{_eoa_check(kit, bad)} {kit.noise()} if ({_who(bad)} == {kit.owner()}) {{ {deed} {kit.log()} }}"
    return kit.member("origin.if", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_member(kit: Kit, bad: bool) -> Member:
    fn, (params, deed), listed = kit.verb(), _deed(kit), kit.name("listed")
    kit.declare(f"mapping(address => bool) {listed};")
    body = f"{_eoa_check(kit, bad)} {kit.noise()} {kit.fail_unless(f'{listed}[{_who(bad)}]')} {deed} {kit.log()}"
    return kit.member("origin.member", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_internal(kit: Kit, bad: bool) -> Member:
    fn, check, (params, deed) = kit.verb(), kit.name("_isOwner"), _deed(kit)
    kit.declare(f"function {check}() internal view returns (bool) {{ return {_who(bad)} == {kit.owner()}; }}")
    body = f"{_eoa_check(kit, bad)} {kit.noise()} {kit.fail_unless(f'{check}()')} {deed} {kit.log()}"
    return kit.member("origin.internal", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_either(kit: Kit, bad: bool) -> Member:
    fn, (params, deed) = kit.verb(), _deed(kit)
    first, second = kit.owner(), kit.stored_owner()
    check = kit.fail_unless(f"msg.sender == {first} || {_who(bad)} == {second}")
    body = f"{_eoa_check(kit, bad)} {kit.noise()} {check} {deed} {kit.log()}"
    return kit.member("origin.either", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_item(kit: Kit, bad: bool) -> Member:
    fn, item, items = kit.verb(), kit.name("Item"), kit.name("items")
    kit.declare(f"struct {item} {{ uint256 price; address keeper; }}")
    kit.declare(f"mapping(uint256 => {item}) {items};")
    body = (
        f"{_eoa_check(kit, bad)} {kit.noise()} {kit.fail_unless(f'{items}[id].keeper == {_who(bad)}')}"
        f" {items}[id].price = price; {kit.log('price')}"
    )
    return kit.member("origin.item", kit.function(fn, "uint256 id, uint256 price", body), {fn: labeled(ORIGIN, bad)})


def origin_recorded(kit: Kit, bad: bool) -> Member:
    """Harmless uses of tx.origin beside a real check; the bad twin lets origin decide."""
    fn, (params, deed), seen = kit.verb(), _deed(kit), kit.name("seen")
    kit.declare(f"mapping(address => uint256) {seen};")
    check = kit.fail_unless(f"{_who(bad)} == {kit.owner()}")
    body = f"{kit.noise()} {seen}[tx.origin] += 1; {check} {deed}"
    return kit.member("origin.recorded", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def _protect(kit: Kit, bad: bool) -> tuple[str, str]:
    return ("", kit.irrelevant_guard()) if bad else kit.authorize()


def kill_caller(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _protect(kit, bad)
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct({kit.sender});"
    return kit.member("kill.caller", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_argument(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _protect(kit, bad)
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct(to);"
    return kit.member("kill.argument", kit.function(fn, f"{kit.payee} to", body, modifier), {fn: labeled(KILL, bad)})


def kill_stored(kit: Kit, bad: bool) -> Member:
    fn, heir = kit.verb(), kit.name("heir")
    kit.declare(f"{kit.payee} {heir};")
    modifier, first = _protect(kit, bad)
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct({heir});"
    return kit.member("kill.stored", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_internal(kit: Kit, bad: bool) -> Member:
    fn, inner = kit.verb(), kit.name("_end")
    kit.declare(f"function {inner}({kit.payee} to) internal {{ {kit.log()} selfdestruct(to); }}")
    modifier, first = _protect(kit, bad)
    body = f"{kit.noise()} {first} {inner}({kit.sender});"
    return kit.member("kill.internal", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_member(kit: Kit, bad: bool) -> Member:
    """Any customer passes the bad twin's check."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    modifier, first = ("", kit.fail_unless(f"{ledger}[msg.sender] > 0")) if bad else kit.authorize()
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct({kit.sender});"
    return kit.member("kill.member", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_branch(kit: Kit, bad: bool) -> Member:
    fn, over = kit.verb(), kit.name("over")
    kit.declare(f"bool {over};")
    owner = kit.owner()
    condition = kit.pick("force", f"{over}", f"{kit.self_balance} == 0") if bad else f"msg.sender == {owner}"
    body = f"{kit.noise()} if ({condition}) {{ {kit.log()} selfdestruct({kit.sender}); }} {over} = force;"
    return kit.member("kill.branch", kit.function(fn, "bool force", body), {fn: labeled(KILL, bad)})


def kill_logged_only(kit: Kit, bad: bool) -> Member:
    """The owner is looked at, but only the good twin insists."""
    fn, note = kit.verb(), kit.name("note")
    kit.declare(f"uint256 {note};")
    owner = kit.stored_owner()
    look = f"if (msg.sender == {owner}) {{ {note} = {note} + 1; }}"
    first = look if bad else kit.fail_unless(f"msg.sender == {owner}")
    body = f"{first} {kit.noise()} selfdestruct({kit.payable(owner)});"
    return kit.member("kill.logged_only", kit.function(fn, "", body), {fn: labeled(KILL, bad)})


def kill_assembly(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _protect(kit, bad)
    body = f"{kit.noise()} {first} assembly {{ selfdestruct(to) }}"
    return kit.member("kill.assembly", kit.function(fn, "address to", body, modifier), {fn: labeled(KILL, bad)})


def _run(kit: Kit, target: str, data: str) -> str:
    return kit.checked(f"{target}.delegatecall({data})")


def delegate_argument(kit: Kit, bad: bool) -> Member:
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = _protect(kit, bad)
    body = f"{kit.noise()} {first} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.argument", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_payable(kit: Kit, bad: bool) -> Member:
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = _protect(kit, bad)
    value = kit.fail_unless(f"msg.value >= {kit.rng.randrange(1, 10**6)}")
    body = f"{value} {first} {_run(kit, 'target', 'data')} {kit.log('msg.value')}"
    params = f"{kit.bytes_in(visibility)} data, address target"
    return kit.member(
        "delegate.payable",
        kit.function(fn, params, body, f"payable {modifier}", visibility),
        {fn: labeled(DELEGATE, bad)},
    )


def delegate_signature(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _protect(kit, bad)
    data = f'abi.encodeWithSignature("{kit.pick("init", "setup", "migrate")}(uint256)", value)'
    body = f"{kit.noise()} {first} {_run(kit, 'target', data)}"
    return kit.member(
        "delegate.signature",
        kit.function(fn, "address target, uint256 value", body, modifier),
        {fn: labeled(DELEGATE, bad)},
    )


def delegate_listed(kit: Kit, bad: bool) -> Member:
    """The good twin runs only code somebody in charge listed."""
    fn, visibility, listed = kit.verb(), kit.visibility, kit.name("modules")
    kit.declare(f"mapping(address => bool) {listed};")
    first = kit.irrelevant_guard() if bad else kit.fail_unless(f"{listed}[target]")
    body = f"{kit.noise()} {first} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member("delegate.listed", kit.function(fn, params, body, "", visibility), {fn: labeled(DELEGATE, bad)})


def delegate_fixed(kit: Kit, bad: bool) -> Member:
    """The good twin runs its own code or a fixed library."""
    fn, visibility, library = kit.verb(), kit.visibility, kit.owner()
    target = "target" if bad else kit.pick("address(this)", library, library)
    body = f"{kit.noise()} {_run(kit, target, 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member("delegate.fixed", kit.function(fn, params, body, "", visibility), {fn: labeled(DELEGATE, bad)})


def delegate_internal(kit: Kit, bad: bool) -> Member:
    fn, inner = kit.verb(), kit.name("_run")
    kit.declare(f"function {inner}(address code, bytes memory input) internal {{ {_run(kit, 'code', 'input')} }}")
    modifier, first = _protect(kit, bad)
    visibility = kit.visibility
    body = f"{kit.noise()} {first} {inner}(target, data);"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.internal", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_member(kit: Kit, bad: bool) -> Member:
    ledger, fn, visibility = kit.mapping("address", "uint256"), kit.verb(), kit.visibility
    modifier, first = (
        ("", kit.fail_unless(f"{ledger}[msg.sender] >= {kit.rng.randrange(1, 100)}")) if bad else kit.authorize()
    )
    body = f"{kit.noise()} {first} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.member", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_loop(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _protect(kit, bad)
    run = _run(kit, "targets[i]", 'abi.encodeWithSignature("run()")')
    body = f"{first} for (uint256 i = 0; i < targets.length; i++) {{ {run} }} {kit.log()}"
    params = f"{kit.array_in('address', 'public')} targets"
    return kit.member("delegate.loop", kit.function(fn, params, body, modifier, "public"), {fn: labeled(DELEGATE, bad)})


def delegate_assembly(kit: Kit, bad: bool) -> Member:
    fn, gas = kit.verb(), "gas()" if kit.v5 else "gas"
    modifier, first = _protect(kit, bad)
    call = f"delegatecall({gas}, target, add(data, 0x20), mload(data), 0, 0)"
    run = f"bool ok; assembly {{ ok := {call} }} {kit.fail_unless('ok')}"
    data = "bytes memory data" if kit.v5 else "bytes data"
    body = f"{kit.noise()} {first} {run}"
    return kit.member(
        "delegate.assembly",
        kit.function(fn, f"address target, {data}", body, modifier, "public"),
        {fn: labeled(DELEGATE, bad)},
    )


def origin_return(kit: Kit, bad: bool) -> Member:
    fn, (params, deed) = kit.verb(), _deed(kit)
    body = f"{_eoa_check(kit, bad)} {kit.noise()} if ({_who(bad)} != {kit.owner()}) {{ return; }} {deed} {kit.log()}"
    return kit.member("origin.return", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_local(kit: Kit, bad: bool) -> Member:
    fn, (params, deed) = kit.verb(), _deed(kit)
    check = kit.fail_unless(f"actor == {kit.owner()}")
    body = f"address actor = {_who(bad)}; {_eoa_check(kit, bad)} {kit.noise()} {check} {deed} {kit.log()}"
    return kit.member("origin.local", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def origin_and_flag(kit: Kit, bad: bool) -> Member:
    fn, (params, deed), live = kit.verb(), _deed(kit), kit.name("live")
    kit.declare(f"bool {live};")
    condition = kit.pick(f"{_who(bad)} == {kit.owner()} && {live}", f"{live} && {_who(bad)} == {kit.owner()}")
    body = f"{kit.noise()} {kit.fail_unless(condition)} {deed} {kit.log()}"
    return kit.member("origin.and_flag", kit.function(fn, params, body), {fn: labeled(ORIGIN, bad)})


def kill_expired(kit: Kit, bad: bool) -> Member:
    fn, ends = kit.verb(), kit.name("ends")
    kit.declare(f"uint256 {ends};")
    modifier, first = ("", "") if bad else kit.authorize()
    body = f"{first} {kit.fail_unless(f'{kit.now} > {ends}')} {kit.log()} selfdestruct({kit.sender});"
    return kit.member("kill.expired", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_emptied(kit: Kit, bad: bool) -> Member:
    """Pays out first, then ends; who asks is checked only in the good twin."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    modifier, first = _protect(kit, bad)
    pay = f"uint256 due = {ledger}[to]; {ledger}[to] = 0; to.transfer(due);"
    body = f"{first} {pay} {kit.log('due')} selfdestruct({kit.sender});"
    return kit.member("kill.emptied", kit.function(fn, f"{kit.payee} to", body, modifier), {fn: labeled(KILL, bad)})


def delegate_counted(kit: Kit, bad: bool) -> Member:
    fn, visibility, runs = kit.verb(), kit.visibility, kit.mapping("address", "uint256")
    modifier, first = _protect(kit, bad)
    body = f"{first} {runs}[target] += 1; {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.counted", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


def delegate_tested(kit: Kit, bad: bool) -> Member:
    """Checks that look serious: the target has code and is not this contract."""
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = ("", "") if bad else kit.authorize()
    tests = f"{kit.fail_unless('target != address(0)')} {kit.fail_unless('target != address(this)')}"
    body = f"{first} {tests} {_run(kit, 'target', 'data')} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "delegate.tested", kit.function(fn, params, body, modifier, visibility), {fn: labeled(DELEGATE, bad)}
    )


TRAIN = (
    origin_statement,
    origin_modifier,
    origin_if,
    origin_internal,
    origin_recorded,
    kill_caller,
    kill_argument,
    kill_stored,
    kill_branch,
    kill_member,
    delegate_argument,
    delegate_payable,
    delegate_signature,
    delegate_listed,
    delegate_fixed,
    delegate_member,
    origin_return,
    origin_local,
    kill_expired,
    kill_emptied,
    delegate_counted,
    delegate_tested,
)
VALIDATION = (origin_either, origin_and_flag, kill_assembly, delegate_internal)
TEST = (origin_member, origin_item, kill_internal, kill_logged_only, delegate_loop, delegate_assembly)
