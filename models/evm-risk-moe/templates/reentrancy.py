"""Control handed to the caller before the ledger is settled, and the same code in the safe order."""

from templates.kit import Kit, Member, Risk, labeled

R = Risk.REENTRANCY


def order(kit: Kit, bad: bool, effects: str, call: str) -> str:
    """The one difference: interaction first, or effects first."""
    log = kit.log()
    return f"{call} {effects} {log}" if bad else f"{effects} {log} {call}"


def debit(kit: Kit, place: str, amount: str) -> str:
    plain = kit.pick(f"{place} -= {amount};", f"{place} = {place} - {amount};")
    return f"unchecked {{ {plain} }}" if kit.v8 and kit.maybe(0.25) else plain


def totals(kit: Kit, amount: str) -> str:
    """Zero to two counters that move with the payment."""
    parts = []
    for word in ("total", "paid"):
        if kit.maybe(0.35):
            name = kit.name(word)
            kit.declare(f"{kit.pick('uint256', 'uint128', 'uint256')} {kit.pick('', 'public')} {name};")
            parts.append(f"{name} {kit.pick('+=', '-=')} uint128({amount});")
    return " ".join(parts)


def amount_argument(kit: Kit, bad: bool) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    call = kit.checked(kit.raw_call("msg.sender", "amount"))
    effects = f"{debit(kit, f'{ledger}[msg.sender]', 'amount')} {totals(kit, 'amount')}"
    body = f"{kit.noise()} {check} {order(kit, bad, effects, call)}"
    return kit.member("reentrancy.amount_argument", kit.function(fn, "uint256 amount", body), {fn: labeled(R, bad)})


def whole_balance(kit: Kit, bad: bool) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    call = kit.checked(kit.raw_call("msg.sender", "due"))
    effects = kit.pick(f"{ledger}[msg.sender] = 0;", f"delete {ledger}[msg.sender];") + " " + totals(kit, "due")
    body = f"{kit.noise()} uint256 due = {ledger}[msg.sender];"
    inner = order(kit, bad, effects, call)
    body += f" {kit.fail_unless('due > 0')} {inner}" if kit.maybe() else f" if (due > 0) {{ {inner} }}"
    return kit.member("reentrancy.whole_balance", kit.function(fn, "", body), {fn: labeled(R, bad)})


def packed_record(kit: Kit, bad: bool) -> Member:
    record, book, fn = kit.name("Record"), kit.name("book"), kit.verb()
    first, second = (
        kit.pick("uint128", "uint96", "uint256", "uint112"),
        kit.pick("uint64", "uint40", "uint32", "uint256"),
    )
    kit.declare(f"struct {record} {{ {first} held; {second} since; bool open; }}")
    kit.declare(f"mapping(address => {record}) {kit.pick('', 'public')} {book};")
    percent = kit.rng.randrange(1, 50)
    cut = kit.pick("due", f"due - due * {percent} / 1000", f"due * {1000 - percent} / 1000")
    call = kit.checked(kit.raw_call("msg.sender", kit.pick("due", cut)))
    clear = kit.pick("r.held = 0;", "r.held = 0; r.open = false;", f"delete {book}[msg.sender];")
    wait = kit.fail_unless(f"{kit.now} > r.since + {kit.rng.randrange(1, 60)} days") if kit.maybe() else ""
    effects = f"{clear} {totals(kit, 'due')}"
    body = (
        f"{record} storage r = {book}[msg.sender]; uint256 due = r.held; {kit.noise()}"
        f" {kit.fail_unless('due != 0')} {wait} {order(kit, bad, effects, call)}"
    )
    return kit.member("reentrancy.packed_record", kit.function(fn, "", body), {fn: labeled(R, bad)})


def claimed_flag(kit: Kit, bad: bool) -> Member:
    done, fn = kit.mapping("address", "bool"), kit.verb()
    size = kit.name("size")
    kit.declare(f"uint256 {size};")
    call = kit.checked(
        kit.raw_call("msg.sender", kit.pick(size, f"{kit.rng.randrange(1, 99)} szabo" if not kit.v7 else "0.1 ether"))
    )
    effects = f"{done}[msg.sender] = true; {totals(kit, size)}"
    body = f"{kit.noise()} {kit.fail_unless(f'!{done}[msg.sender]')} {order(kit, bad, effects, call)}"
    return kit.member("reentrancy.claimed_flag", kit.function(fn, "", body), {fn: labeled(R, bad)})


def internal_payment(kit: Kit, bad: bool) -> Member:
    ledger, fn, pay = kit.mapping("address", "uint256"), kit.verb(), kit.name("_pay")
    inner = kit.checked(kit.raw_call("to", "value"))
    kit.declare(f"function {pay}({kit.payee} to, uint256 value) internal {{ {inner} {kit.log('value')} }}")
    effects = (
        f"{kit.pick(f'{ledger}[msg.sender] = 0;', debit(kit, f'{ledger}[msg.sender]', 'due'))} {totals(kit, 'due')}"
    )
    body = f"uint256 due = {ledger}[msg.sender]; {kit.noise()} {order(kit, bad, effects, f'{pay}({kit.sender}, due);')}"
    return kit.member("reentrancy.internal_payment", kit.function(fn, "", body), {fn: labeled(R, bad)})


def lock(kit: Kit) -> tuple[str, str, str]:
    """(modifier, before, after) of a mutex."""
    name = kit.name("lock")
    style = kit.rng.randrange(3)
    if style == 0:
        kit.declare(f"bool {kit.pick('', 'private')} {name};")
        before, after = f"{kit.fail_unless(f'!{name}')} {name} = true;", f"{name} = false;"
    elif style == 1:
        kit.declare(f"uint256 {kit.pick('', 'private')} {name} = 1;")
        before, after = f"{kit.fail_unless(f'{name} == 1')} {name} = 2;", f"{name} = 1;"
    else:
        kit.declare(f"uint256 {name} = 1;")
        before, after = f"{kit.fail_unless(f'{name} != 2')} {name} = 2;", f"{name} = 1;"
    if kit.maybe(0.6):
        guard = kit.name("nonReentrant")
        kit.declare(f"modifier {guard}() {{ {before} _; {after} }}")
        return guard, "", ""
    return "", before, after


def mutex(kit: Kit, bad: bool) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    call = kit.checked(kit.raw_call("msg.sender", "amount"))
    effects = f"{debit(kit, f'{ledger}[msg.sender]', 'amount')} {totals(kit, 'amount')}"
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    modifier, before, after = ("", "", "") if bad else lock(kit)
    if kit.maybe():
        params, start = "uint256 amount", check
    else:
        params, start = "", f"uint256 amount = {ledger}[msg.sender];"
    body = f"{before} {kit.noise()} {start} {call} {effects} {kit.log()} {after}"
    return kit.member("reentrancy.mutex", kit.function(fn, params, body, modifier), {fn: labeled(R, bad)})


def stipend(kit: Kit, bad: bool) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    call = kit.checked(kit.raw_call("msg.sender", "amount")) if bad else kit.pay_safely(kit.sender, "amount")
    effects = f"{debit(kit, f'{ledger}[msg.sender]', 'amount')} {totals(kit, 'amount')}"
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    body = f"{kit.noise()} {check} {call} {effects} {kit.log()}"
    return kit.member("reentrancy.stipend", kit.function(fn, "uint256 amount", body), {fn: labeled(R, bad)})


def other_recipient(kit: Kit, bad: bool) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    call = kit.checked(kit.raw_call("to", "amount"))
    effects = f"{debit(kit, f'{ledger}[msg.sender]', 'amount')} {totals(kit, 'amount')}"
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    body = f"{kit.noise()} {check} {order(kit, bad, effects, call)}"
    params = f"{kit.payee} to, uint256 amount"
    return kit.member("reentrancy.other_recipient", kit.function(fn, params, body), {fn: labeled(R, bad)})


def order_book(kit: Kit, bad: bool) -> Member:
    order, book, fn = kit.name("Order"), kit.name("orders"), kit.verb()
    kit.declare(f"struct {order} {{ address buyer; uint256 price; bool settled; }}")
    kit.declare(f"mapping(uint256 => {order}) {book};")
    call = kit.checked(kit.raw_call("msg.sender", f"{book}[id].price"))
    effects = kit.pick(f"{book}[id].settled = true;", f"delete {book}[id];", f"{book}[id].price = 0;")
    if not bad:
        call = "uint256 due = " + f"{book}[id].price; " + effects + " " + kit.checked(kit.raw_call("msg.sender", "due"))
        effects = ""
    checks = kit.fail_unless(f"{book}[id].buyer == msg.sender") + kit.fail_unless(f"!{book}[id].settled")
    body = f"{kit.noise()} {checks} {call} {effects} {kit.log('id')}"
    return kit.member("reentrancy.order_book", kit.function(fn, "uint256 id", body), {fn: labeled(R, bad)})


def outbid(kit: Kit, bad: bool) -> Member:
    leader, top, fn = kit.name("leader"), kit.name("top"), kit.name(kit.pick("bid", "offer", "raise"))
    kit.declare(f"{kit.payee} {leader};")
    kit.declare(f"uint256 {top};")
    effects = f"{leader} = {kit.sender}; {top} = msg.value;"
    check = kit.fail_unless(f"msg.value > {top}")
    if bad:
        body = (
            f"{check} if ({leader} != address(0)) {{ {kit.checked(kit.raw_call(leader, top))} }} {effects} {kit.log()}"
        )
    else:
        old = f"{kit.payee} last = {leader}; uint256 back = {top};"
        start = f"{check} {old} {effects} {kit.log()}"
        body = f"{start} if (last != address(0)) {{ {kit.checked(kit.raw_call('last', 'back'))} }}"
    return kit.member("reentrancy.outbid", kit.function(fn, "", body, "payable"), {fn: labeled(R, bad)})


def settling_modifier(kit: Kit, bad: bool) -> Member:
    ledger, fn, settle = kit.mapping("address", "uint256"), kit.verb(), kit.name("settling")
    clear = f"{ledger}[msg.sender] = 0;"
    call = kit.checked(kit.raw_call("msg.sender", "due"))
    if bad:
        kit.declare(f"modifier {settle}() {{ {kit.fail_unless(f'{ledger}[msg.sender] > 0')} _; {clear} }}")
        body = f"uint256 due = {ledger}[msg.sender]; {call} {kit.log()}"
    else:
        kit.declare(f"modifier {settle}() {{ {kit.fail_unless(f'{ledger}[msg.sender] > 0')} _; }}")
        body = f"uint256 due = {ledger}[msg.sender]; {clear} {kit.log()} {call}"
    return kit.member("reentrancy.settling_modifier", kit.function(fn, "", body, settle), {fn: labeled(R, bad)})


def nested_shares(kit: Kit, bad: bool) -> Member:
    shares, fn = kit.name("shares"), kit.verb()
    kit.declare(f"mapping(uint256 => mapping(address => uint256)) {shares};")
    pot, supply = kit.name("pot"), kit.name("supply")
    kit.declare(f"uint256 {pot};")
    kit.declare(f"uint256 {supply} = 1;")
    place = f"{shares}[pool][msg.sender]"
    call = kit.checked(kit.raw_call("msg.sender", "due"))
    effects = f"{place} = 0; {supply} = {supply} - part; {kit.pick(f'{pot} -= due;', '')}"
    body = (
        f"{kit.noise()} uint256 part = {place}; {kit.fail_unless('part > 0')}"
        f" uint256 due = part * {kit.pick(pot, kit.self_balance)} / {supply}; {order(kit, bad, effects, call)}"
    )
    return kit.member("reentrancy.nested_shares", kit.function(fn, "uint256 pool", body), {fn: labeled(R, bad)})


def rate_limited(kit: Kit, bad: bool) -> Member:
    last, fn, size = kit.mapping("address", "uint256"), kit.verb(), kit.name("allowance")
    kit.declare(f"uint256 {size} = {kit.rng.randrange(1, 10**9)};")
    wait = kit.fail_unless(f"{kit.now} - {last}[msg.sender] >= {kit.rng.randrange(1, 30)} days")
    call = kit.checked(kit.raw_call("msg.sender", size))
    effects = f"{last}[msg.sender] = {kit.now}; {totals(kit, size)}"
    body = f"{kit.noise()} {wait} {order(kit, bad, effects, call)}"
    return kit.member("reentrancy.rate_limited", kit.function(fn, "", body), {fn: labeled(R, bad)})


def bounty(kit: Kit, bad: bool) -> Member:
    """One prize for all: the flag that ends it is a plain slot."""
    solved, prize, fn = kit.name("solved"), kit.name("prize"), kit.verb()
    kit.declare(f"{kit.pick('bool', 'uint256')} {solved};")
    number = f"uint256 {solved};" in kit.declarations
    kit.declare(f"uint256 {prize};")
    check = kit.fail_unless(f"{solved} == 0" if number else f"!{solved}")
    call = kit.checked(kit.raw_call("msg.sender", kit.pick(prize, kit.self_balance)))
    effects = f"{solved} = {kit.pick('1', kit.now) if number else 'true'}; {kit.pick('', f'{prize} = 0;')}"
    body = f"{check} {kit.fail_unless('answer > 7')} {order(kit, bad, effects, call)}"
    return kit.member("reentrancy.bounty", kit.function(fn, "uint256 answer", body), {fn: labeled(R, bad)})


def lots(kit: Kit, bad: bool) -> Member:
    book, fn = kit.name("lots"), kit.verb()
    kit.declare(f"mapping(address => uint256[]) {book};")
    place = f"{book}[msg.sender][index]"
    call = kit.checked(kit.raw_call("msg.sender", "due"))
    effects = f"{kit.pick(f'{place} = 0;', f'delete {place};')} {totals(kit, 'due')}"
    body = f"{kit.noise()} uint256 due = {place}; {kit.fail_unless('due > 0')} {order(kit, bad, effects, call)}"
    return kit.member("reentrancy.lots", kit.function(fn, "uint256 index", body), {fn: labeled(R, bad)})


def token_hook(kit: Kit, bad: bool) -> Member:
    """The receiver is told before the books are right; no value moves."""
    count, cap, fn = kit.mapping("address", "uint256"), kit.name("cap"), kit.name(kit.pick("mint", "claim", "issue"))
    kit.declare(f"uint256 {cap} = {kit.rng.randrange(2, 50)};")
    hook = kit.pick("onReceived", "tokensReceived", "onMint")
    data = f'abi.encodeWithSignature("{hook}(uint256)", amount)'
    call = kit.checked(kit.raw_call("msg.sender", "", data))
    effects = f"{count}[msg.sender] += amount; {totals(kit, 'amount')}"
    check = kit.fail_unless(f"{count}[msg.sender] + amount <= {cap}")
    body = f"{kit.noise()} {check} {order(kit, bad, effects, call)}"
    return kit.member("reentrancy.token_hook", kit.function(fn, "uint256 amount", body), {fn: labeled(R, bad)})


def named_account(kit: Kit, bad: bool) -> Member:
    """Anybody may trigger the payment of an account named in the call."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    call = kit.checked(kit.raw_call("account", "due"))
    effects = f"{kit.pick(f'{ledger}[account] = 0;', debit(kit, f'{ledger}[account]', 'due'))} {totals(kit, 'due')}"
    body = (
        f"{kit.noise()} uint256 due = {ledger}[account]; {kit.fail_unless('due > 0')} {order(kit, bad, effects, call)}"
    )
    return kit.member("reentrancy.named_account", kit.function(fn, f"{kit.payee} account", body), {fn: labeled(R, bad)})


def pay_everybody(kit: Kit, bad: bool) -> Member:
    ledger, people, fn = kit.mapping("address", "uint256"), kit.name("people"), kit.verb()
    kit.declare(f"{kit.payee}[] {people};")
    call = kit.checked(kit.raw_call("one", "due"))
    inner = order(kit, bad, f"{ledger}[one] = 0;", call)
    each = f"{kit.payee} one = {people}[i]; uint256 due = {ledger}[one];"
    body = f"for (uint256 i = 0; i < {people}.length; i++) {{ {each} {inner} }}"
    return kit.member("reentrancy.pay_everybody", kit.function(fn, "", body), {fn: labeled(R, bad)})


TRAIN = (
    amount_argument,
    whole_balance,
    packed_record,
    claimed_flag,
    mutex,
    stipend,
    other_recipient,
    nested_shares,
    rate_limited,
    bounty,
    lots,
    token_hook,
    named_account,
)
VALIDATION = (settling_modifier, pay_everybody)
TEST = (internal_payment, order_book, outbid)
