"""A call's success flag that decides nothing, and the same call checked."""

from template_kit import Kit, Member, Risk, labeled

R = Risk.UNCHECKED_CALL


def _guarded(kit: Kit) -> tuple[str, str]:
    """Half of these functions are for somebody in charge: who may call is beside the point here."""
    return kit.authorize() if kit.maybe() else ("", kit.noise())


def _tally(kit: Kit, amount: str) -> str:
    name = kit.name("spent")
    kit.declare(f"uint256 {name};")
    return f"{name} {kit.pick('+=', '-=')} {amount};" if kit.maybe(0.7) else ""


def send_argument(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _guarded(kit)
    call = (
        "to.send(amount);"
        if bad
        else kit.pick("require(to.send(amount));", "if (!to.send(amount)) revert();", "to.transfer(amount);")
    )
    body = f"{first} {_tally(kit, 'amount')} {call} {kit.log('amount')}"
    params = f"{kit.payee} to, uint256 amount"
    return kit.member("unchecked.send_argument", kit.function(fn, params, body, modifier), {fn: labeled(R, bad)})


def call_value(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _guarded(kit)
    call = kit.raw_call("to", "amount")
    body = f"{first} {_tally(kit, 'amount')} {kit.unchecked(call) if bad else kit.checked(call)} {kit.log('amount')}"
    params = f"address {'payable' if kit.v5 else ''} to, uint256 amount"
    return kit.member("unchecked.call_value", kit.function(fn, params, body, modifier), {fn: labeled(R, bad)})


def call_data(kit: Kit, bad: bool) -> Member:
    fn, visibility = kit.verb(), kit.visibility
    modifier, first = kit.authorize()
    call = kit.raw_call("target", "", "data")
    body = f"{first} {_tally(kit, '1')} {kit.unchecked(call) if bad else kit.checked(call)} {kit.log()}"
    params = f"address target, {kit.bytes_in(visibility)} data"
    return kit.member(
        "unchecked.call_data", kit.function(fn, params, body, modifier, visibility), {fn: labeled(R, bad)}
    )


def payout_loop(kit: Kit, bad: bool) -> Member:
    fn, people = kit.verb(), kit.name("people")
    kit.declare(f"{kit.payee}[] {people};")
    modifier, first = _guarded(kit)
    call = (
        f"{people}[i].send(each);"
        if bad
        else kit.pick(f"require({people}[i].send(each));", f"{people}[i].transfer(each);")
    )
    body = (
        f"{first} uint256 each = {kit.self_balance} / {people}.length;"
        f" for (uint256 i = 0; i < {people}.length; i++) {{ {call} }} {kit.log('each')}"
    )
    return kit.member("unchecked.payout_loop", kit.function(fn, "", body, modifier), {fn: labeled(R, bad)})


def stored_recipient(kit: Kit, bad: bool) -> Member:
    fn, till = kit.verb(), kit.name("till")
    kit.declare(f"{kit.payee} {till};")
    amount = kit.pick(kit.self_balance, "msg.value", str(kit.rng.randrange(1, 10**9)))
    send = kit.maybe()
    expression = f"{till}.send({amount})" if send else kit.raw_call(till, amount)
    if bad:
        call = f"{expression};" if send else kit.unchecked(expression)
    else:
        call = f"require({expression});" if send else kit.checked(expression)
    body = f"{kit.noise()} {_tally(kit, '1')} {call} {kit.log()}"
    return kit.member("unchecked.stored_recipient", kit.function(fn, "", body, "payable"), {fn: labeled(R, bad)})


def credit_on_failure(kit: Kit, bad: bool) -> Member:
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    call = f"{kit.sender}.send(due)"
    act = f"{call};" if bad else f"if (!{call}) {{ {ledger}[msg.sender] = due; }}"
    body = f"{kit.noise()} uint256 due = {ledger}[msg.sender]; {ledger}[msg.sender] = 0; {act} {kit.log('due')}"
    return kit.member("unchecked.credit_on_failure", kit.function(fn, "", body), {fn: labeled(R, bad)})


def forwarded_flag(kit: Kit, bad: bool) -> Member:
    """An internal function returns the flag; its caller forgets it."""
    fn, inner = kit.verb(), kit.name("_try")
    modifier, first = _guarded(kit)
    returned = "return to.send(amount);" if kit.maybe() or kit.v5 else f"return {kit.raw_call('to', 'amount')};"
    if kit.v5 and kit.maybe():
        returned = f"(bool done, ) = {kit.raw_call('to', 'amount')}; return done;"
    kit.declare(f"function {inner}({kit.payee} to, uint256 amount) internal returns (bool) {{ {returned} }}")
    use = f"{inner}({kit.sender}, amount);" if bad else kit.fail_unless(f"{inner}({kit.sender}, amount)")
    body = f"{first} {_tally(kit, 'amount')} {use} {kit.log('amount')}"
    return kit.member(
        "unchecked.forwarded_flag", kit.function(fn, "uint256 amount", body, modifier), {fn: labeled(R, bad)}
    )


def assembly_call(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _guarded(kit)
    gas = "gas()" if kit.v5 else "gas"
    call = f"call({gas}, to, amount, 0, 0, 0, 0)"
    act = (
        f"assembly {{ pop({call}) }}"
        if bad
        else kit.pick(
            f"bool ok; assembly {{ ok := {call} }} require(ok);", f"assembly {{ if iszero({call}) {{ revert(0, 0) }} }}"
        )
    )
    body = f"{first} {_tally(kit, 'amount')} {act} {kit.log('amount')}"
    return kit.member(
        "unchecked.assembly_call", kit.function(fn, "address to, uint256 amount", body, modifier), {fn: labeled(R, bad)}
    )


def token_call(kit: Kit, bad: bool) -> Member:
    fn, token = kit.verb(), kit.name("token")
    kit.declare(f"address {token};")
    modifier, first = kit.authorize()
    data = f'abi.encodeWithSignature("{kit.pick("transfer", "mint", "approve")}(address,uint256)", to, amount)'
    call = kit.raw_call(token, "", data)
    body = f"{first} {_tally(kit, 'amount')} {kit.unchecked(call) if bad else kit.checked(call)} {kit.log('amount')}"
    return kit.member(
        "unchecked.token_call", kit.function(fn, "address to, uint256 amount", body, modifier), {fn: labeled(R, bad)}
    )


def branch_refund(kit: Kit, bad: bool) -> Member:
    fn, price = kit.name(kit.pick("buy", "mint", "enter")), kit.name("price")
    sold = kit.mapping("address", "uint256")
    kit.declare(f"uint256 {price} = 1;")
    call = f"{kit.sender}.send(msg.value - {price})"
    act = f"{call};" if bad else kit.pick(f"require({call});", f"{kit.sender}.transfer(msg.value - {price});")
    take = f"{kit.fail_unless(f'msg.value >= {price}')} {sold}[msg.sender] += 1;"
    body = f"{take} if (msg.value > {price}) {{ {act} }} {kit.log()}"
    return kit.member("unchecked.branch_refund", kit.function(fn, "", body, "payable"), {fn: labeled(R, bad)})


def limited_gas(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = _guarded(kit)
    gas = kit.rng.choice((5_000, 20_000, 50_000))
    if kit.version >= (0, 6, 2):
        call = f'to.call{{value: amount, gas: {gas}}}("")'
    else:
        call = f"to.call.value(amount).gas({gas})({'' if not kit.v5 else chr(34) * 2})"
    body = f"{first} {_tally(kit, 'amount')} {kit.unchecked(call) if bad else kit.checked(call)} {kit.log('amount')}"
    params = f"{kit.payee} to, uint256 amount"
    return kit.member("unchecked.limited_gas", kit.function(fn, params, body, modifier), {fn: labeled(R, bad)})


def owner_delegate(kit: Kit, bad: bool) -> Member:
    """Somebody in charge runs other code here and does not look whether it worked."""
    fn, code = kit.verb(), kit.name("library")
    kit.declare(f"address {code};")
    modifier, first = kit.authorize()
    what = kit.pick("sync", "migrate", "update")
    call = f'{code}.delegatecall(abi.encodeWithSignature("{what}()"))'
    body = f"{first} {kit.unchecked(call) if bad else kit.checked(call)} {kit.log()}"
    return kit.member("unchecked.owner_delegate", kit.function(fn, "", body, modifier), {fn: labeled(R, bad)})


def split_payment(kit: Kit, bad: bool) -> Member:
    """Two payments, the first one checked."""
    fn, first, second = kit.verb(), kit.name("first"), kit.name("second")
    kit.declare(f"{kit.payee} {first};")
    kit.declare(f"{kit.payee} {second};")
    last = f"{second}.send(half)"
    tail = f"{last};" if bad else f"require({last});"
    body = (
        f"{kit.noise()} uint256 half = {kit.self_balance} / 2; {kit.pay_safely(first, 'half')} {tail} {kit.log('half')}"
    )
    return kit.member("unchecked.split_payment", kit.function(fn, "", body), {fn: labeled(R, bad)})


TRAIN = (
    send_argument,
    call_value,
    call_data,
    payout_loop,
    stored_recipient,
    assembly_call,
    token_call,
    limited_gas,
    owner_delegate,
)
VALIDATION = (branch_refund, split_payment)
TEST = (credit_on_failure, forwarded_flag)
