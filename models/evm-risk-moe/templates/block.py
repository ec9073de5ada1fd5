"""Luck taken from the block, and block values used for what they are good for: time."""

from collections.abc import Callable

from templates.kit import Kit, Member, Risk, labeled

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


def committed_block(kit: Kit, bad: bool) -> Member:
    """The hash of a block that was chosen before; gone after 256 blocks, known to who waits."""
    fn, chosen, won = kit.name(kit.pick("reveal", "open", "settle")), kit.mapping("address", "uint256"), kit.name("won")
    kit.declare(f"mapping(address => uint256) {won};")
    wait = kit.fail_unless(f"{chosen}[msg.sender] > 0 && block.number > {chosen}[msg.sender]")
    luck = f"uint256(blockhash({chosen}[msg.sender])) % {kit.rng.randrange(2, 999)}"
    fair = f"block.number - {chosen}[msg.sender]"
    body = f"{wait} {won}[msg.sender] += {luck if bad else fair}; {chosen}[msg.sender] = 0; {kit.log()}"
    return kit.risky("block.committed_block", R, bad, fn, "", body)


def shuffle(kit: Kit, bad: bool) -> Member:
    """A list is mixed; fairly with a seed that was fixed before."""
    fn, deck, seed = kit.name(kit.pick("shuffle", "mix", "deal")), kit.name("deck"), kit.name("seed")
    kit.declare(f"uint256[] {deck};")
    kit.declare(f"uint256 {seed};")
    source = kit.keccak(kit.now, "i") if bad else kit.keccak(seed, "i")
    swap = (
        f"uint256 j = uint256({source}) % {deck}.length; uint256 held = {deck}[i]; {deck}[i] = {deck}[j];"
        f" {deck}[j] = held;"
    )
    modifier, first = kit.authorize() if kit.maybe(0.3) else ("", "")
    body = f"{first} for (uint256 i = 0; i < {deck}.length; i++) {{ {swap} }} {kit.log()}"
    return kit.risky("block.shuffle", R, bad, fn, "", body, modifier)


def traits(kit: Kit, bad: bool) -> Member:
    """Parts of a hash make an item's traits: masks and divisions, no modulo of the hash."""
    fn, item, count, seed = (
        kit.name(kit.pick("mint", "hatch", "breed")),
        kit.mapping("uint256", "uint256"),
        kit.name("count"),
        kit.name("seed"),
    )
    kit.declare(f"uint256 {count};")
    kit.declare(f"uint256 {seed};")
    source = _entropy(kit).replace("guess", count) if bad else kit.keccak(seed, count)
    rare = f"uint8(genes / {1 << 8 * kit.rng.randrange(1, 20)}) < {kit.rng.randrange(5, 60)}"
    body = (
        f"{kit.noise()} uint256 genes = uint256({source}); {count} += 1;"
        f" {item}[{count}] = genes / {1 << kit.rng.randrange(9, 99)};"
        f" if ({rare}) {{ {item}[{count}] = 1; }} {kit.log()}"
    )
    return kit.risky("block.traits", R, bad, fn, "", body, "payable")


def mixed_values(kit: Kit, bad: bool) -> Member:
    """Block values mixed without a hash."""
    difficulty = "block.difficulty" if not kit.v8 else "block.gaslimit"
    parts = (f"({kit.now} ^ {difficulty})", f"({kit.now} * block.number)", f"({kit.now} + {difficulty} * 31)")
    return _game(
        kit, "block.mixed_values", bad, f"{kit.pick(*parts)} % {kit.rng.randrange(2, 50)} == {kit.pick('0', 'guess')}"
    )


def helper_random(kit: Kit, bad: bool) -> Member:
    """An internal function gives the number."""
    fn, helper, nonce = kit.name(kit.pick("spin", "attack", "explore")), kit.name("_random"), kit.name("nonce")
    score = kit.mapping("address", "uint256")
    kit.declare(f"uint256 {nonce};")
    source = kit.keccak(kit.now, "msg.sender", nonce) if bad else kit.keccak("msg.sender", nonce)
    kit.declare(
        f"function {helper}(uint256 n) internal returns (uint256) {{ {nonce}++; return uint256({source}) % n; }}"
    )
    body = (
        f"{kit.noise()} uint256 hit = {helper}({kit.rng.randrange(6, 200)});"
        f" if (hit > {kit.rng.randrange(1, 5)}) {{ {score}[msg.sender] += hit; }} {kit.log('hit')}"
    )
    return kit.risky("block.helper_random", R, bad, fn, "", body)


def raffle_mint(kit: Kit, bad: bool) -> Member:
    """Only a lucky block lets you in; fairly, only an open season does."""
    fn, owned, opens = kit.name(kit.pick("enter", "mint", "join")), kit.mapping("address", "uint256"), kit.name("opens")
    kit.declare(f"uint256 {opens};")
    luck = f"uint256(blockhash(block.number - 1)) % {kit.rng.randrange(2, 30)} == uint256(uint160(msg.sender)) % 2"
    fair = f"{kit.now} >= {opens} && {kit.now} < {opens} + {kit.rng.randrange(1, 60)} days"
    body = f"{kit.fail_unless(luck if bad else fair)} {owned}[msg.sender] += 1; {kit.log()}"
    return kit.risky("block.raffle_mint", R, bad, fn, "", body, "payable")


def payout_factor(kit: Kit, bad: bool) -> Member:
    """How much a stake is worth."""
    fn, stake, begun = (
        kit.name(kit.pick("settle", "cashOut", "finish")),
        kit.mapping("address", "uint256"),
        kit.name("begun"),
    )
    kit.declare(f"mapping(address => uint256) {begun};")
    luck = f"uint256({kit.keccak('blockhash(block.number - 1)', 'msg.sender')}) % {kit.rng.randrange(3, 9)}"
    fair = f"({kit.now} - {begun}[msg.sender]) / {kit.rng.randrange(1, 30)} days"
    pay = f"uint256 due = {stake}[msg.sender] * ({luck if bad else fair}); {stake}[msg.sender] = 0;"
    return kit.risky(
        "block.payout_factor",
        R,
        bad,
        fn,
        "",
        f"{kit.noise()} {pay} {kit.pay_safely(kit.sender, 'due')} {kit.log('due')}",
    )


def picked_entry(kit: Kit, bad: bool) -> Member:
    """One of a list is taken out, by the clock or in order."""
    fn, queue, owed = kit.name(kit.pick("next", "pick", "serve")), kit.name("queue"), kit.mapping("address", "uint256")
    kit.declare(f"address[] {queue};")
    kit.declare(f"uint256 {kit.name('head')};")
    index = f"{kit.now} % {queue}.length" if bad else f"{kit.name('head')} % {queue}.length"
    body = (
        f"{kit.fail_unless(f'{queue}.length > 0')} uint256 at = {index}; address lucky = {queue}[at];"
        f" {queue}[at] = {queue}[{queue}.length - 1]; {kit.name('head')} += 1; {owed}[lucky] += msg.value;"
        f" {kit.log('at')}"
    )
    return kit.risky("block.picked_entry", R, bad, fn, "", body, "payable")


def loot_table(kit: Kit, bad: bool) -> Member:
    """A roll is compared with weights one after another; fairly, the roll comes from an oracle's answer."""
    fn, weights, prize = (
        kit.name(kit.pick("loot", "openChest", "fulfill")),
        kit.name("weights"),
        kit.mapping("address", "uint256"),
    )
    kit.declare(f"uint256[] {weights};")
    modifier, first = ("", "") if bad else kit.authorize()
    source = f"uint256({_entropy(kit)})".replace("guess", "word") if bad else "word"
    loop = (
        f"for (uint256 i = 0; i < {weights}.length; i++) {{ if (roll < {weights}[i]) {{ {prize}[who] = i + 1;"
        f" break; }} roll -= {weights}[i]; }}"
    )
    body = f"{first} uint256 roll = {source} % {kit.rng.randrange(100, 9999)}; {loop} {kit.log()}"
    return kit.risky("block.loot_table", R, bad, fn, "address who, uint256 word", body, modifier)


def duel(kit: Kit, bad: bool) -> Member:
    """Two players, one internal judge."""
    fn, judge, rival, ledger = (
        kit.name(kit.pick("duel", "fight", "match")),
        kit.name("_wins"),
        kit.name("rival"),
        kit.mapping("address", "uint256"),
    )
    kit.declare(f"address {rival};")
    luck = f"uint256({kit.keccak('a', 'b', kit.pick('block.number', 'block.coinbase', kit.now))}) & 1 == 1".replace(
        "& 1 ==", "% 2 =="
    )
    kit.declare(
        f"function {judge}(address a, address b) internal view returns (bool) {{ return"
        f" {luck if bad else f'{ledger}[a] > {ledger}[b]'}; }}"
    )
    body = (
        f"address other = {rival}; {kit.fail_unless('other != address(0)')} {rival} = address(0);"
        f" if ({judge}(msg.sender, other)) {{ {ledger}[msg.sender] += {kit.self_balance};"
        f" }} else {{ {ledger}[other] += 1; }} {kit.log()}"
    )
    return kit.risky("block.duel", R, bad, fn, "", body, "payable")


TRAIN = (
    hash_modulo,
    blockhash_modulo,
    time_modulo,
    lottery_winner,
    random_amount,
    stored_seed,
    blockhash_bits,
    ticket,
    committed_block,
    shuffle,
    traits,
    mixed_values,
    helper_random,
)
VALIDATION = (coinbase_hash, double_or_nothing, raffle_mint)
TEST = (number_modulo, blockhash_winner, payout_factor, picked_entry, loot_table, duel)
