"""A selfdestruct that anybody reaches, and the guarded twins."""

from templates.kit import Kit, Member, Risk, labeled

KILL = Risk.UNPROTECTED_SELFDESTRUCT


def kill_caller(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = kit.protect(bad)
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct({kit.sender});"
    return kit.member("kill.caller", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_argument(kit: Kit, bad: bool) -> Member:
    fn = kit.verb()
    modifier, first = kit.protect(bad)
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct(to);"
    return kit.member("kill.argument", kit.function(fn, f"{kit.payee} to", body, modifier), {fn: labeled(KILL, bad)})


def kill_stored(kit: Kit, bad: bool) -> Member:
    fn, heir = kit.verb(), kit.name("heir")
    kit.declare(f"{kit.payee} {heir};")
    modifier, first = kit.protect(bad)
    body = f"{kit.noise()} {first} {kit.log()} selfdestruct({heir});"
    return kit.member("kill.stored", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_internal(kit: Kit, bad: bool) -> Member:
    fn, inner = kit.verb(), kit.name("_end")
    kit.declare(f"function {inner}({kit.payee} to) internal {{ {kit.log()} selfdestruct(to); }}")
    modifier, first = kit.protect(bad)
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
    modifier, first = kit.protect(bad)
    body = f"{kit.noise()} {first} assembly {{ selfdestruct(to) }}"
    return kit.member("kill.assembly", kit.function(fn, "address to", body, modifier), {fn: labeled(KILL, bad)})


def kill_expired(kit: Kit, bad: bool) -> Member:
    fn, ends = kit.verb(), kit.name("ends")
    kit.declare(f"uint256 {ends};")
    modifier, first = ("", "") if bad else kit.authorize()
    body = f"{first} {kit.fail_unless(f'{kit.now} > {ends}')} {kit.log()} selfdestruct({kit.sender});"
    return kit.member("kill.expired", kit.function(fn, "", body, modifier), {fn: labeled(KILL, bad)})


def kill_emptied(kit: Kit, bad: bool) -> Member:
    """Pays out first, then ends; who asks is checked only in the good twin."""
    ledger, fn = kit.mapping("address", "uint256"), kit.verb()
    modifier, first = kit.protect(bad)
    pay = f"uint256 due = {ledger}[to]; {ledger}[to] = 0; to.transfer(due);"
    body = f"{first} {pay} {kit.log('due')} selfdestruct({kit.sender});"
    return kit.member("kill.emptied", kit.function(fn, f"{kit.payee} to", body, modifier), {fn: labeled(KILL, bad)})


def kill_either(kit: Kit, bad: bool) -> Member:
    """Two ways in; the bad twin's second one is open to everybody."""
    owner, other = kit.owner(), kit.stored_owner()
    fn, code = kit.verb(), kit.rng.randrange(1, 10**6)
    second = (
        kit.pick(f"code == {code}", "msg.value > 0", f"{kit.now} % 2 == 3 || code > {code}")
        if bad
        else f"msg.sender == {other}"
    )
    check = kit.fail_unless(f"msg.sender == {owner} || {second}")
    body = f"{kit.noise()} {check} {kit.log('code')} selfdestruct({kit.sender});"
    return kit.risky("kill.either", KILL, bad, fn, "uint256 code", body, "payable")


def kill_role(kit: Kit, bad: bool) -> Member:
    """The bad twin asks whether the account named in the call may, not whether the caller may."""
    fn, roles = kit.verb(), kit.name("roles")
    kit.declare(f"mapping(address => bool) {roles};")
    check = kit.fail_unless(f"{roles}[{'account' if bad else 'msg.sender'}]")
    body = f"{check} {kit.noise()} {kit.log()} selfdestruct({kit.payable('account')});"
    return kit.risky("kill.role", KILL, bad, fn, "address account", body)


def kill_signed(kit: Kit, bad: bool) -> Member:
    """Anybody with the owner's signature; the bad twin takes any signature."""
    fn, owner = kit.verb(), kit.stored_owner()
    signer = f"ecrecover({kit.keccak('address(this)', 'to')}, v, r, s)"
    check = kit.fail_unless(f"{signer} != address(0)" if bad else f"{signer} == {owner}")
    body = f"{kit.noise()} {check} selfdestruct({kit.payable('to')});"
    return kit.risky("kill.signed", KILL, bad, fn, "address to, uint8 v, bytes32 r, bytes32 s", body)


def kill_armed(kit: Kit, bad: bool) -> Member:
    """Armed by a first call, fired by a second one after a delay."""
    fn, armed = kit.verb(), kit.name("armed")
    kit.declare(f"uint256 {armed};")
    modifier, first = kit.protect(bad)
    arm = f"if ({armed} == 0) {{ {armed} = {kit.now}; return; }}"
    delay = kit.fail_unless(f"{kit.now} > {armed} + {kit.rng.randrange(1, 9)} days")
    return kit.risky("kill.armed", KILL, bad, fn, "", f"{first} {arm} {delay} selfdestruct({kit.sender});", modifier)


def kill_inline_guard(kit: Kit, bad: bool) -> Member:
    """Guard and end in assembly."""
    fn, slot = kit.verb(), kit.rng.getrandbits(200)
    who = "caller()" if kit.v5 else "caller"
    tested = f"iszero({who})" if bad else f"iszero(eq({who}, sload({slot})))"
    body = f"{kit.noise()} assembly {{ if {tested} {{ revert(0, 0) }} selfdestruct({who}) }}"
    return kit.risky("kill.inline_guard", KILL, bad, fn, "", body)


def kill_maker(kit: Kit, bad: bool) -> Member:
    """Only the contract that made this one, or anybody once there is a maker."""
    fn, maker = kit.verb(), kit.stored_owner()
    check = kit.fail_unless(f"{maker} != address(0)" if bad else f"{maker} == msg.sender")
    body = f"{check} {kit.log()} {kit.payee} rest = {kit.payable(maker)}; selfdestruct(rest);"
    return kit.risky("kill.maker", KILL, bad, fn, "", body)


def kill_drained(kit: Kit, bad: bool) -> Member:
    """Ends when nothing is left, after a withdrawal."""
    fn, ledger, total = kit.verb(), kit.mapping("address", "uint256"), kit.name("total")
    kit.declare(f"uint256 {total};")
    modifier, first = kit.protect(bad)
    take = f"{kit.fail_unless(f'{ledger}[msg.sender] >= amount')} {ledger}[msg.sender] -= amount; {total} -= amount;"
    end = f"if ({total} == 0) {{ selfdestruct({kit.sender}); }} {kit.pay_safely(kit.sender, 'amount')}"
    return kit.risky("kill.drained", KILL, bad, fn, "uint256 amount", f"{first} {take} {end}", modifier)


def kill_votes(kit: Kit, bad: bool) -> Member:
    """Enough votes end it; the bad twin lets anybody vote as often as they like."""
    fn, votes, voters = kit.verb(), kit.name("votes"), kit.name("voters")
    kit.declare(f"uint256 {votes};")
    kit.declare(f"mapping(address => bool) {voters};")
    entry = kit.fail_unless("msg.sender != address(this)") if bad else kit.fail_unless(f"{voters}[msg.sender]")
    count = f"{votes} += 1;" if bad else f"{voters}[msg.sender] = false; {votes} += 1;"
    end = f"if ({votes} > {kit.rng.randrange(2, 30)}) {{ selfdestruct({kit.sender}); }}"
    return kit.risky("kill.votes", KILL, bad, fn, "", f"{entry} {count} {kit.log()} {end}")


def kill_sweeper(kit: Kit, bad: bool) -> Member:
    """Sends the tokens away first."""
    fn, keeper = kit.verb(), kit.stored_owner()
    token = kit.interface(
        "Token",
        "function balanceOf(address) external view returns (uint256)",
        "function transfer(address, uint256) external returns (bool)",
    )
    modifier, first = kit.protect(bad)
    sweep = f"{kit.fail_unless(f'{token}(coin).transfer({keeper}, {token}(coin).balanceOf(address(this)))')}"
    body = f"{first} {sweep} {kit.log()} selfdestruct({kit.payable(keeper)});"
    return kit.risky("kill.sweeper", KILL, bad, fn, "address coin", body, modifier)


def kill_paid_out(kit: Kit, bad: bool) -> Member:
    """Everybody is paid in a loop, then it ends."""
    fn, people, due = kit.verb(), kit.name("people"), kit.mapping("address", "uint256")
    kit.declare(f"{kit.payee}[] {people};")
    modifier, first = kit.protect(bad)
    each = f"{kit.payee} one = {people}[i]; uint256 part = {due}[one]; {due}[one] = 0; one.transfer(part);"
    loop = f"for (uint256 i = 0; i < {people}.length; i++) {{ {each} }}"
    return kit.risky(
        "kill.paid_out", KILL, bad, fn, "", f"{first} {loop} {kit.log()} selfdestruct({kit.sender});", modifier
    )


def kill_governed(kit: Kit, bad: bool) -> Member:
    """Another contract says who may; the bad twin asks it about somebody else."""
    fn, council = kit.verb(), kit.name("council")
    board = kit.interface("Council", "function isMember(address who) external view returns (bool)")
    kit.declare(f"{board} {council};")
    check = kit.fail_unless(f"{council}.isMember({'address(this)' if bad else 'msg.sender'})")
    body = (
        f"{kit.fail_unless('heir != address(0)')} {'' if bad and kit.maybe() else check}"
        f" selfdestruct({kit.payable('heir')});"
    )
    return kit.risky("kill.governed", KILL, bad, fn, "address heir", body)


def kill_masked(kit: Kit, bad: bool) -> Member:
    """Rights are bits of a number; the bad twin tests the bits of the argument."""
    fn, rights = kit.verb(), kit.mapping("address", "uint256")
    bit = 1 << kit.rng.randrange(8)
    place = f"{rights}[msg.sender]"
    tested = f"(mask & {bit}) != 0" if bad else f"({place} & {bit}) != 0"
    body = f"{kit.fail_unless(tested)} {kit.log('mask')} selfdestruct({kit.sender});"
    return kit.risky("kill.masked", KILL, bad, fn, "uint256 mask", body)


def kill_succession(kit: Kit, bad: bool) -> Member:
    """The owner ends it; when the owner is silent for long, the heir (in the bad twin: anybody) does."""
    fn, owner, heir, seen = kit.verb(), kit.stored_owner(), kit.name("heir"), kit.name("seen")
    kit.declare(f"address {heir};")
    kit.declare(f"uint256 {seen};")
    late = f"{kit.now} > {seen} + {kit.rng.randrange(30, 900)} days"
    other = "" if bad else f"{kit.fail_unless(f'msg.sender == {heir}')}"
    body = f"if (msg.sender != {owner}) {{ {kit.fail_unless(late)} {other} }} {kit.log()} selfdestruct({kit.sender});"
    return kit.risky("kill.succession", KILL, bad, fn, "", body)


TRAIN = (
    kill_caller,
    kill_argument,
    kill_stored,
    kill_branch,
    kill_member,
    kill_expired,
    kill_emptied,
    kill_either,
    kill_role,
    kill_signed,
    kill_armed,
    kill_inline_guard,
    kill_maker,
    kill_drained,
)
VALIDATION = (kill_assembly, kill_votes, kill_sweeper)
TEST = (kill_internal, kill_logged_only, kill_paid_out, kill_governed, kill_masked, kill_succession)
