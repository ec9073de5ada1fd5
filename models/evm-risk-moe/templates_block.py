"""Luck taken from the block, and block values used for what they are good for: time."""

from collections.abc import Callable

from template_kit import Kit, Member, Risk, labeled

R = Risk.BLOCK_DEPENDENCE


def _prize(kit: Kit) -> str:
    pot = kit.name("pot")
    kit.declare(f"uint256 {pot};")
    return kit.pick(
        f"{kit.sender}.transfer({kit.self_balance});",
        f"uint256 won = {pot}; {pot} = 0; {kit.sender}.transfer(won);",
        f"{kit.sender}.transfer(msg.value * 2);",
    )


def _timely(kit: Kit) -> str:
    """A condition on time that no miner profits from."""
    start = kit.name("start")
    kit.declare(f"uint256 {start};")
    days = kit.rng.randrange(1, 90)
    return kit.pick(
        f"{kit.now} >= {start}",
        f"{kit.now} - {start} > {days} days",
        f"block.number > {start} + {days}",
        f"{kit.now} < {start} + {days} hours",
    )


def _game(kit: Kit, template: str, bad: bool, condition: str, params: str = "uint256 guess") -> Member:
    """Pay to play; a lucky condition (or, in the good twin, the calendar) pays the prize."""
    fn, last = kit.name(kit.pick("play", "spin", "draw", "bet", "roll", "flip")), kit.name("last")
    kit.declare(f"uint256 {last};")
    test = condition if bad else _timely(kit)
    stake = kit.fail_unless(f"msg.value >= {kit.rng.randrange(1, 10**9)}")
    before = f"{last} = {kit.now};" if kit.maybe() else ""
    inner = (
        f"{kit.fail_unless(test)} {before} {_prize(kit)}"
        if kit.maybe()
        else f"{before} if ({test}) {{ {_prize(kit)} }}"
    )
    return kit.member(
        template, kit.function(fn, params, f"{stake} {inner} {kit.log()}", "payable"), {fn: labeled(R, bad)}
    )


def _entropy(kit: Kit) -> str:
    difficulty = (
        "block.difficulty"
        if not kit.v8
        else kit.pick("block.difficulty", "block.gaslimit", "uint256(uint160(address(block.coinbase)))")
    )
    parts = [kit.now, difficulty, kit.pick("msg.sender", "block.number", "guess")]
    kit.rng.shuffle(parts)
    return kit.keccak(*parts[: kit.rng.randrange(2, 4)])


def hash_modulo(kit: Kit, bad: bool) -> Member:
    sides = kit.rng.choice((2, 3, 6, 10, 37, 100, 1000))
    want = kit.pick("0", "1", "guess")
    return _game(kit, "block.hash_modulo", bad, f"uint256({_entropy(kit)}) % {sides} == {want}")


def blockhash_modulo(kit: Kit, bad: bool) -> Member:
    back = kit.pick("1", "2", "guess % 200 + 1")
    return _game(
        kit,
        "block.blockhash_modulo",
        bad,
        f"uint256(blockhash(block.number - {back})) % {kit.rng.randrange(2, 99)} == {kit.pick('0', '7', 'guess')}",
    )


def time_modulo(kit: Kit, bad: bool) -> Member:
    return _game(kit, "block.time_modulo", bad, f"{kit.now} % {kit.rng.randrange(2, 60)} == {kit.pick('0', 'guess')}")


def number_modulo(kit: Kit, bad: bool) -> Member:
    return _game(kit, "block.number_modulo", bad, f"block.number % {kit.rng.randrange(2, 60)} == guess")


def blockhash_bits(kit: Kit, bad: bool) -> Member:
    divisor = kit.rng.getrandbits(250)
    test = kit.pick(
        f"uint256(blockhash(block.number - 1)) / {divisor} == guess",
        "uint256(blockhash(block.number - 1)) & 1 == guess",
        f"uint8(uint256(blockhash(block.number - {kit.rng.randrange(1, 9)}))) < {kit.rng.randrange(20, 200)}",
    )
    return _game(kit, "block.blockhash_bits", bad, f"({test})".replace("& 1 == guess", "% 2 == guess"))


def coinbase_hash(kit: Kit, bad: bool) -> Member:
    test = f"uint256({kit.keccak('block.coinbase', kit.now)}) % {kit.rng.randrange(2, 99)} == guess"
    return _game(kit, "block.coinbase_hash", bad, test)


def _winner(kit: Kit, template: str, bad: bool, luck: Callable[[], str], fair: Callable[[], str]) -> Member:
    fn, players = kit.name(kit.pick("draw", "pickWinner", "settle")), kit.name("players")
    kit.declare(f"{kit.payee}[] {players};")
    index = f"({luck()}) % {players}.length" if bad else f"{fair()} % {players}.length"
    body = (
        f"{kit.noise()} {kit.fail_unless(f'{players}.length > 0')} {kit.payee} winner = {players}[{index}];"
        f" delete {players}; winner.transfer({kit.self_balance}); {kit.log()}"
    )
    modifier, first = kit.authorize() if kit.maybe(0.3) else ("", "")
    return kit.member(template, kit.function(fn, "", f"{first} {body}", modifier), {fn: labeled(R, bad)})


def lottery_winner(kit: Kit, bad: bool) -> Member:
    seed, round_ = kit.name("seed"), kit.name("round")
    kit.declare(f"uint256 {seed};")
    kit.declare(f"uint256 {round_};")
    return _winner(
        kit,
        "block.lottery_winner",
        bad,
        lambda: f"uint256({kit.keccak(kit.now, kit.pick('block.number', round_, 'msg.sender'))})",
        lambda: kit.pick(seed, f"uint256({kit.keccak(seed, round_)})"),
    )


def blockhash_winner(kit: Kit, bad: bool) -> Member:
    seed = kit.name("seed")
    kit.declare(f"uint256 {seed};")
    return _winner(
        kit,
        "block.blockhash_winner",
        bad,
        lambda: f"uint256(blockhash(block.number - {kit.rng.randrange(1, 99)}))",
        lambda: seed,
    )


def random_amount(kit: Kit, bad: bool) -> Member:
    fn, rate, since = kit.name(kit.pick("open", "mint", "reveal")), kit.name("rate"), kit.mapping("address", "uint256")
    kit.declare(f"uint256 {rate};")
    luck = f"uint256({_entropy(kit)}) % {kit.rng.randrange(10, 10**6)}".replace("guess", "msg.value")
    fair = kit.pick(
        f"({kit.now} - {since}[msg.sender]) * {rate}",
        f"{rate} * ({kit.now} - {since}[msg.sender]) / 1 days",
        f"msg.value * {rate}",
    )
    body = (
        f"{kit.noise()} uint256 got = {luck if bad else fair}; {since}[msg.sender] = {kit.now};"
        f" {kit.sender}.transfer(got); {kit.log('got')}"
    )
    return kit.member("block.random_amount", kit.function(fn, "", body, "payable"), {fn: labeled(R, bad)})


def stored_seed(kit: Kit, bad: bool) -> Member:
    """A pseudo-random state fed with time; the good twin keeps books by epoch."""
    fn, state, item = (
        kit.name(kit.pick("summon", "forge", "roll")),
        kit.name("state"),
        kit.mapping("address", "uint256"),
    )
    kit.declare(f"uint256 {state};")
    luck = kit.pick(
        f"{state} = uint256({kit.keccak(state, kit.now)}); {item}[msg.sender] = {state} % {kit.rng.randrange(3, 999)};",
        f"{state} = uint256({kit.keccak(state, 'block.number', 'msg.sender')});"
        f" {item}[msg.sender] += {state} % {kit.rng.randrange(3, 999)};",
    )
    fair = kit.pick(
        f"{state} = {kit.now} / 1 days; {item}[msg.sender] = {state};",
        f"{state} = {kit.now} - {kit.now} % 1 weeks; {item}[msg.sender] += 1;",
        f"{state} = block.number; {item}[msg.sender] = {kit.now} + {kit.rng.randrange(1, 30)} days;",
    )
    body = f"{kit.noise()} {luck if bad else fair} {kit.log()}"
    return kit.member("block.stored_seed", kit.function(fn, "", body), {fn: labeled(R, bad)})


def ticket(kit: Kit, bad: bool) -> Member:
    """Who gets which of a series."""
    fn, holder, sold = kit.name(kit.pick("mint", "buy", "open")), kit.name("holder"), kit.name("sold")
    kit.declare(f"mapping(uint256 => address) {holder};")
    kit.declare(f"uint256 {sold};")
    luck = f"uint256({kit.keccak('msg.sender', kit.now, sold)}) % {kit.rng.randrange(50, 9999)}"
    fair = kit.pick(
        sold, f"uint256({kit.keccak('msg.sender', sold)}) % {kit.rng.randrange(50, 9999)}", f"({kit.now} / 1 days)"
    )
    body = (
        f"{kit.noise()} uint256 id = {luck if bad else fair}; {kit.fail_unless(f'{holder}[id] == address(0)')}"
        f" {sold} += 1; {holder}[id] = msg.sender; {kit.log('id')}"
    )
    return kit.member("block.ticket", kit.function(fn, "", body, "payable"), {fn: labeled(R, bad)})


def double_or_nothing(kit: Kit, bad: bool) -> Member:
    fn, ledger = kit.name(kit.pick("flip", "gamble", "double")), kit.mapping("address", "uint256")
    luck = kit.pick(
        "uint256(blockhash(block.number - 1)) % 2 == 0", f"uint256({_entropy(kit)}) % 2 == 1".replace("guess", "amount")
    )
    test = luck if bad else _timely(kit)
    check = kit.fail_unless(f"{ledger}[msg.sender] >= amount")
    win, lose = f"{ledger}[msg.sender] += amount;", f"{ledger}[msg.sender] -= amount;"
    body = f"{check} if ({test}) {{ {win} }} else {{ {lose} }} {kit.log('amount')}"
    return kit.member("block.double_or_nothing", kit.function(fn, "uint256 amount", body), {fn: labeled(R, bad)})


TRAIN = (hash_modulo, blockhash_modulo, time_modulo, lottery_winner, random_amount, stored_seed, blockhash_bits, ticket)
VALIDATION = (coinbase_hash, double_or_nothing)
TEST = (number_modulo, blockhash_winner)
