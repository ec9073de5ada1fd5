"""A call's success flag that decides nothing, and the same call checked."""

from templates.kit import Kit, Member, Risk, labeled

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


def batch_call(kit: Kit, bad: bool) -> Member:
    """Many calls in one, by somebody in charge."""
    fn, run = kit.verb(), kit.name("_run")
    modifier, first = _guarded(kit)
    call = kit.raw_call(
        "to", "", kit.pick('abi.encodeWithSignature("poke()")', 'abi.encodeWithSignature("sync(uint256)", 1)')
    )
    kit.declare(f"function {run}(address to) internal {{ {kit.unchecked(call) if bad else kit.checked(call)} }}")
    body = f"{first} for (uint256 i = 0; i < targets.length; i++) {{ {run}(targets[i]); }} {kit.log()}"
    return kit.risky(
        "unchecked.batch_call", R, bad, fn, f"{kit.array_in('address', 'public')} targets", body, modifier, "public"
    )


def overwritten(kit: Kit, bad: bool) -> Member:
    """Two payments, one flag: the bad twin forgets what the first one said."""
    fn, first, second = kit.verb(), kit.name("first"), kit.name("second")
    kit.declare(f"{kit.payee} {first};")
    kit.declare(f"{kit.payee} {second};")
    flag = f"bool ok = {first}.send(amount);"
    check = "" if bad else "require(ok);"
    body = f"{kit.noise()} {flag} {check} ok = {second}.send(amount); require(ok); {kit.log('amount')}"
    return kit.risky("unchecked.overwritten", R, bad, fn, "uint256 amount", body)


def previous_leader(kit: Kit, bad: bool) -> Member:
    """Who was outbid gets the stake back, if the payment works."""
    fn, leader, top = kit.name(kit.pick("bid", "claimThrone")), kit.name("leader"), kit.name("top")
    owed = kit.mapping("address", "uint256")
    kit.declare(f"{kit.payee} {leader};")
    kit.declare(f"uint256 {top};")
    pay = (
        "last.send(back);"
        if bad
        else kit.pick("require(last.send(back));", f"if (!last.send(back)) {{ {owed}[last] += back; }}")
    )
    start = f"{kit.fail_unless(f'msg.value > {top}')} {kit.payee} last = {leader}; uint256 back = {top};"
    body = f"{start} {leader} = {kit.sender}; {top} = msg.value; {pay} {kit.log('back')}"
    return kit.risky("unchecked.previous_leader", R, bad, fn, "", body, "payable")


def reported(kit: Kit, bad: bool) -> Member:
    """The good twin hands the flag to its caller; the bad one says yes in any case."""
    fn = kit.verb()
    modifier, first = _guarded(kit)
    call = kit.pick("to.send(amount)", "to.send(amount / 2)")
    answer = f"{call}; return true;" if bad else f"return {call};"
    code = (
        f"function {fn}({kit.payee} to, uint256 amount) public {modifier} returns (bool) {{ {first}"
        f" {_tally(kit, 'amount')} {answer} }}"
    )
    return kit.member("unchecked.reported", code, {fn: labeled(R, bad)})


def returned_data(kit: Kit, bad: bool) -> Member:
    """The bad twin keeps what came back and forgets whether it worked."""
    fn, result = kit.verb(), kit.name("Result")
    modifier, first = kit.authorize()
    kit.declare(f"event {result}(bytes what);")
    call = kit.raw_call("target", "", "data")
    if kit.v5:
        head = f"(bool ok, bytes memory back) = {call}; {'' if bad else kit.fail_unless('ok')} ok; emit {result}(back);"
    else:
        head = f"{kit.unchecked(call) if bad else kit.checked(call)} emit {result}(data);"
    data = "bytes memory data" if kit.v5 else "bytes data"
    body = f"{first} {_tally(kit, '1')} {head}"
    return kit.risky("unchecked.returned_data", R, bad, fn, f"address target, {data}", body, modifier, "public")


def dividend(kit: Kit, bad: bool) -> Member:
    """Shares of the balance to holders in turn."""
    fn, holders, part = kit.verb(), kit.name("holders"), kit.mapping("address", "uint256")
    kit.declare(f"{kit.payee}[] {holders};")
    call = kit.raw_call("one", f"pot * {part}[one] / 100")
    each = f"{kit.payee} one = {holders}[i]; {kit.unchecked(call) if bad else kit.checked(call)}"
    body = (
        f"uint256 pot = {kit.self_balance}; for (uint256 i = 0; i < {holders}.length;"
        f" i++) {{ {each} }} {kit.log('pot')}"
    )
    return kit.risky("unchecked.dividend", R, bad, fn, "", body)


def token_swap(kit: Kit, bad: bool) -> Member:
    """Takes a token by a low-level call, then pays ether for it."""
    fn, token, rate = kit.name(kit.pick("swap", "sell")), kit.name("token"), kit.name("rate")
    kit.declare(f"address {token};")
    kit.declare(f"uint256 {rate};")
    selector = hex(kit.rng.getrandbits(32) | 1 << 31)
    call = kit.raw_call(token, "", f"abi.encodeWithSelector(bytes4({selector}), msg.sender, address(this), amount)")
    take = kit.unchecked(call) if bad else kit.checked(call)
    body = f"{take} {_tally(kit, 'amount')} {kit.pay_safely(kit.sender, f'amount * {rate}')} {kit.log('amount')}"
    return kit.risky("unchecked.token_swap", R, bad, fn, "uint256 amount", body)


def relay(kit: Kit, bad: bool) -> Member:
    """A signed request is forwarded."""
    fn, nonces = kit.name(kit.pick("relay", "forward")), kit.mapping("address", "uint256")
    data = "bytes memory data" if kit.v5 else "bytes data"
    hash_ = kit.keccak("from", "to", f"{nonces}[from]", "keccak256(data)")
    call = kit.raw_call("to", "", "data")
    body = (
        f"{kit.fail_unless(f'ecrecover({hash_}, v, r, s) == from')} {nonces}[from] += 1;"
        f" {kit.unchecked(call) if bad else kit.checked(call)} {kit.log()}"
    )
    return kit.risky(
        "unchecked.relay",
        R,
        bad,
        fn,
        f"address from, address to, {data}, uint8 v, bytes32 r, bytes32 s",
        body,
        "",
        "public",
    )


def closing(kit: Kit, bad: bool) -> Member:
    """Winner or draw: on one way out the flag is forgotten."""
    fn, winner, loser = kit.name(kit.pick("close", "finish")), kit.name("winner"), kit.name("loser")
    kit.declare(f"{kit.payee} {winner};")
    kit.declare(f"{kit.payee} {loser};")
    half = f"{kit.self_balance} / 2"
    draw = (
        f"{winner}.send({half}); {loser}.send({half});"
        if bad
        else f"require({winner}.send({half}) && {loser}.send({half}));"
    )
    modifier, first = _guarded(kit)
    body = f"{first} if (draw) {{ {draw} }} else {{ {kit.pay_safely(winner, kit.self_balance)} }} {kit.log()}"
    return kit.risky("unchecked.closing", R, bad, fn, "bool draw", body, modifier)


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
    batch_call,
    overwritten,
    previous_leader,
    reported,
    returned_data,
)
VALIDATION = (branch_refund, split_payment, dividend)
TEST = (credit_on_failure, forwarded_flag, token_swap, relay, closing)
