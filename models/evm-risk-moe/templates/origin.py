"""tx.origin taken for the caller, and the same code asking who really calls."""

from templates.kit import Kit, Member, Risk, labeled

ORIGIN = Risk.TX_ORIGIN_AUTH


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


def origin_role(kit: Kit, bad: bool) -> Member:
    """Role tables as in AccessControl."""
    fn, (params, deed), data, roles = kit.verb(), _deed(kit), kit.name("RoleData"), kit.name("_roles")
    kit.declare(f"struct {data} {{ mapping(address => bool) members; bytes32 admin; }}")
    kit.declare(f"mapping(bytes32 => {data}) {roles};")
    check = kit.name("_checkRole")
    role = f'keccak256("{kit.pick("MINTER", "TREASURER", "ADMIN")}_ROLE")'
    condition = f"{roles}[role].members[{_who(bad)}]"
    kit.declare(f"function {check}(bytes32 role) internal view {{ {kit.fail_unless(condition)} }}")
    body = f"{_eoa_check(kit, bad)} {check}({role}); {kit.noise()} {deed} {kit.log()}"
    return kit.risky("origin.role", ORIGIN, bad, fn, params, body)


def origin_context(kit: Kit, bad: bool) -> Member:
    """Who acts is told by a function, as in Context; the guard is a modifier."""
    fn, actor, guard, (params, deed) = kit.verb(), kit.name("_msgSender"), kit.name("only"), _deed(kit)
    kit.declare(f"function {actor}() internal view returns (address) {{ return {_who(bad)}; }}")
    kit.declare(f"modifier {guard}() {{ {kit.fail_unless(f'{kit.owner()} == {actor}()')} _; }}")
    return kit.risky("origin.context", ORIGIN, bad, fn, params, f"{_eoa_check(kit, bad)} {deed} {kit.log()}", guard)


def origin_account(kit: Kit, bad: bool) -> Member:
    """Whose balance is spent."""
    ledger, fn, who = kit.mapping("address", "uint256"), kit.name(kit.pick("transfer", "send", "give")), _who(bad)
    check = kit.fail_unless(f"{ledger}[{who}] >= amount")
    take = kit.pick(f"{ledger}[{who}] -= amount;", f"{ledger}[{who}] = {ledger}[{who}] - amount;")
    body = f"{_eoa_check(kit, bad)} {kit.noise()} {check} {take} {ledger}[to] += amount; {kit.log('amount')}"
    return kit.risky("origin.account", ORIGIN, bad, fn, "address to, uint256 amount", body)


def origin_asked(kit: Kit, bad: bool) -> Member:
    """Another contract is asked whether the one who acts may."""
    fn, (params, deed), rules = kit.verb(), _deed(kit), kit.name("rules")
    book = kit.interface("Rules", "function allows(address who) external view returns (bool)")
    kit.declare(f"{book} {rules};")
    body = f"{_eoa_check(kit, bad)} {kit.fail_unless(f'{rules}.allows({_who(bad)})')} {deed} {kit.log()}"
    return kit.risky("origin.asked", ORIGIN, bad, fn, params, body)


def origin_revert(kit: Kit, bad: bool) -> Member:
    """Two refusals in a row, the second one about who acts."""
    fn, (params, deed), closed = kit.verb(), _deed(kit), kit.name("closed")
    kit.declare(f"bool {closed};")
    refuse = f"if ({closed}) revert(); if ({_who(bad)} != {kit.owner()}) revert();"
    return kit.risky("origin.revert", ORIGIN, bad, fn, params, f"{_eoa_check(kit, bad)} {refuse} {deed} {kit.log()}")


def origin_logged(kit: Kit, bad: bool) -> Member:
    """Origin is written down in any case; in the bad twin it also decides."""
    fn, (params, deed), by = kit.verb(), _deed(kit), kit.name("By")
    kit.declare(f"event {by}(address who);")
    body = f"{kit.noise()} {kit.fail_unless(f'{kit.owner()} == {_who(bad)}')} {deed} emit {by}(tx.origin);"
    return kit.risky("origin.logged", ORIGIN, bad, fn, params, body)


def origin_bits(kit: Kit, bad: bool) -> Member:
    """Rights are bits of a number."""
    fn, (params, deed), rights = kit.verb(), _deed(kit), kit.mapping("address", "uint256")
    check = kit.fail_unless(f"({rights}[{_who(bad)}] & {1 << kit.rng.randrange(8)}) != 0")
    return kit.risky("origin.bits", ORIGIN, bad, fn, params, f"{_eoa_check(kit, bad)} {check} {deed} {kit.log()}")


def origin_hashed(kit: Kit, bad: bool) -> Member:
    """The owner is kept as a hash."""
    fn, (params, deed), secret = kit.verb(), _deed(kit), kit.name("ownerHash")
    kit.declare(f"bytes32 {secret};")
    check = kit.fail_unless(f"keccak256(abi.encodePacked({_who(bad)})) == {secret}")
    return kit.risky("origin.hashed", ORIGIN, bad, fn, params, f"{_eoa_check(kit, bad)} {check} {deed} {kit.log()}")


def origin_allowance(kit: Kit, bad: bool) -> Member:
    """Whose allowance is used up."""
    ledger, fn, allowed = kit.mapping("address", "uint256"), kit.name("transferFrom"), kit.name("allowed")
    kit.declare(f"mapping(address => mapping(address => uint256)) {allowed};")
    place = f"{allowed}[from][{_who(bad)}]"
    body = (
        f"{kit.fail_unless(f'{place} >= amount')} {place} -= amount; {ledger}[from] -= amount; {ledger}[to] += amount;"
        f" {kit.log('amount')}"
    )
    return kit.risky("origin.allowance", ORIGIN, bad, fn, "address from, address to, uint256 amount", body)


def origin_listed(kit: Kit, bad: bool) -> Member:
    """A list of keepers is searched."""
    fn, (params, deed), keepers = kit.verb(), _deed(kit), kit.name("keepers")
    kit.declare(f"address[] {keepers};")
    loop = f"for (uint256 i = 0; i < {keepers}.length; i++) {{ if ({keepers}[i] == {_who(bad)}) {{ known = true; }} }}"
    body = f"bool known = false; {loop} {kit.fail_unless('known')} {deed} {kit.log()}"
    return kit.risky("origin.listed", ORIGIN, bad, fn, params, body)


def origin_passed(kit: Kit, bad: bool) -> Member:
    """Who acts is handed to the function that checks."""
    fn, check, (params, deed) = kit.verb(), kit.name("_requireAdmin"), _deed(kit)
    kit.declare(f"function {check}(address who) internal view {{ {kit.fail_unless(f'who == {kit.stored_owner()}')} }}")
    body = f"{_eoa_check(kit, bad)} {kit.noise()} {check}({_who(bad)}); {deed} {kit.log()}"
    return kit.risky("origin.passed", ORIGIN, bad, fn, params, body)


TRAIN = (
    origin_statement,
    origin_modifier,
    origin_if,
    origin_internal,
    origin_recorded,
    origin_return,
    origin_local,
    origin_role,
    origin_context,
    origin_account,
    origin_asked,
    origin_revert,
    origin_logged,
    origin_bits,
)
VALIDATION = (origin_either, origin_and_flag, origin_hashed)
TEST = (origin_member, origin_item, origin_allowance, origin_listed, origin_passed)
