// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Lens} from "../../src/Lens.sol";
import {Ask, State} from "../../src/interfaces/IInferenceOracle.sol";
import {GrantState} from "../../src/interfaces/ILens.sol";
import {Grant, Role, UNLIMITED, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {IRegistry} from "../../src/interfaces/IRegistry.sol";
import {Mode, Policy} from "../../src/types/Policy.sol";
import {StandardToken} from "./Tokens.sol";
import {VM} from "./Vm.sol";

/// @notice Who may do what with one model and who is owed what for it, by plain reckoning, and what must hold of the oracle. Six
/// accounts: three requesters, the third a hot key of the other two, and three operators likewise. Two licensors, of whom one
/// holds the model.
abstract contract Books {
    uint256 internal constant ACCOUNTS = 6;
    uint256 internal constant PAYEES = ACCOUNTS + 3;
    address private constant PAYEE = address(0xfee);
    address private immutable ALICE = VM.addr(0xA11CE);
    address private immutable BOB = VM.addr(0xB0B);

    /// @dev A request, and what became of it.
    struct Known {
        Plain request;
        uint16 epoch; // in which it was made
        bytes32 grantHash; // of the requester's grant, where its uses are counted
        uint96 minFee; // the operator's, when it was made
        uint32 uses; // of each grant
        State state;
        bytes32 hash; // whose digest the oracle keeps
        uint8 settlements;
    }

    /// @dev What should be in force for a licensee, and beside it.
    struct Book {
        Grant grant;
        Grant waiting; // `seq` zero: none
        uint32 seq; // the latest in force, or revoked
        uint16 epoch; // in which that was
        bool live; // neither revoked nor missing
    }

    /// @dev Uses of one voucher.
    struct Count {
        uint32 reserved;
        uint32 spent;
        uint32 lost; // of requests that were refunded when the grant was not there any more
        uint256 day;
        uint32 today;
    }

    /// @dev By what an account may use the model.
    struct Licensed {
        bool good;
        address licensee;
        Grant grant; // all zero where it is not good, or none is needed
    }

    struct Offer {
        bool serving;
        uint96 minFee;
    }

    struct Version {
        uint40 effectiveAt;
        Policy policy;
    }

    struct Till {
        uint256 operators;
        uint256 models;
    }

    struct Money {
        uint256 paidIn;
        uint256 open;
        uint256 settled;
        uint256 paidOut;
    }

    /// @dev What activating a voucher does.
    enum Outcome {
        REFUSED,
        NOTHING,
        IN_FORCE,
        WAITS
    }

    /// @dev How often what is at stake was done.
    struct Reached {
        uint256 activations;
        uint256 waits; // vouchers for later beside a grant in force
        uint256 requests;
        uint256 firstUses; // requests with their voucher
        uint256 batches; // of several requests
        uint256 answers;
        uint256 batchAnswers; // given together with others
        uint256 passedOver; // refused beside answers that stand
        uint256 earned; // answers that were paid, by an operator's grant
        uint256 counted; // uses that were counted, of either role
        uint256 early; // requests and answers by a grant that waited
        uint256 orders; // answered, and requested and paid by that
        uint256 lists; // of them, of several inputs
        uint256 cancels; // of orders
        uint256 takenBack; // deposits
        uint256 refunds;
        uint256 byHotKeys; // requests and answers by another's grant
        uint256 collections; // of tills with something in them
        uint256 paidElsewhere; // credits, to an account that their holder chose
        uint256 transfers; // of the model to another licensor
        uint256 epochs;
    }

    InferenceOracle public immutable ORACLE;
    IRegistry public immutable REGISTRY;
    Lens public immutable LENS;
    StandardToken public immutable TOKEN;
    bytes32 internal immutable MODEL_ID;

    /// @notice What went against an invariant, by its number.
    mapping(uint256 invariant => string) public violation;
    Reached internal _reached;

    address[ACCOUNTS] private _accounts;
    Known[] internal _known;
    Version[] internal _versions;
    bytes32[] private _models; // registered, the played one first
    mapping(bytes32 modelId => address) internal _registrants;
    address internal _licensor;
    uint16 internal _epoch;
    mapping(address licensor => mapping(uint256 nonce => bool)) internal _canceled;
    mapping(address licensee => mapping(Role => Book)) internal _books;
    mapping(bytes32 grantHash => Count) internal _counts;
    mapping(address licensee => mapping(address => bool)) internal _named;
    mapping(address hotKey => address) internal _claims;
    mapping(address operator => mapping(address token => Offer)) internal _offers;
    mapping(address token => Money) internal _money;
    mapping(address token => mapping(address operator => Till)) internal _tills;
    mapping(address token => mapping(address account => uint256)) internal _credits;
    mapping(address token => mapping(address account => uint256)) internal _deposits;
    mapping(address token => mapping(address operator => uint256)) internal _agreed; // least pay of its answers
    mapping(address token => mapping(address operator => uint256)) internal _collected;

    constructor(InferenceOracle oracle, bytes32 modelId) {
        (ORACLE, REGISTRY, LENS) = (oracle, oracle.REGISTRY(), Lens(oracle.LENS()));
        (MODEL_ID, TOKEN) = (modelId, new StandardToken());
        for (uint256 i; i < ACCOUNTS; ++i) {
            _accounts[i] = VM.addr(keyOfAccount(i));
        }
        _licensor = REGISTRY.licensorOf(modelId);
        _registered(modelId, _licensor);
        (uint24 version, Policy policy) = REGISTRY.termsInForce(modelId);
        require(version == 1);
        _versions.push(Version(uint40(block.timestamp), policy));
    }

    /// @dev 1: to the smallest unit, the oracle holds what it owes in open fees, deposits, tills and credits, each by the books.
    function assertMoney() external view {
        for (uint256 i; i < 2; ++i) {
            address token = tokenOf(i);
            uint256 owed;
            for (uint256 who; who < PAYEES; ++who) {
                uint256 credit = ORACLE.credits(token, payeeOf(who));
                VM.assertEq(credit, _credits[token][payeeOf(who)]);
                owed += credit;
            }
            for (uint256 who; who < ACCOUNTS; ++who) {
                (uint256 operators, uint256 models) = ORACLE.tillOf(token, MODEL_ID, accountOf(who));
                VM.assertEq(operators, _tills[token][accountOf(who)].operators);
                VM.assertEq(models, _tills[token][accountOf(who)].models);
                owed += operators + models;
            }
            uint256 deposited;
            for (uint256 who; who < ACCOUNTS; ++who) {
                uint256 deposit = ORACLE.deposits(token, accountOf(who));
                VM.assertEq(deposit, _deposits[token][accountOf(who)]);
                deposited += deposit;
            }
            Money memory money = _money[token];
            VM.assertEq(_held(token), owed + money.open + deposited);
            VM.assertEq(money.settled, owed + money.paidOut);
        }
    }

    /// @dev 2: no request is settled twice, and what came in is open or settled.
    function assertPaidOnce() external view {
        for (uint256 i; i < _known.length; ++i) {
            VM.assertTrue(_known[i].settlements < 2);
        }
        for (uint256 i; i < 2; ++i) {
            Money memory money = _money[tokenOf(i)];
            VM.assertEq(money.paidIn, money.open + money.settled);
        }
    }

    /// @dev 4: what is in force and what waits is what the books say; every use of it is left, reserved or spent, and no more than
    /// the voucher's are ever out.
    function assertGrants() external view {
        for (uint256 who; who < ACCOUNTS; ++who) {
            Book storage book = _books[accountOf(who)][roleOf(who)];
            GrantState memory state = LENS.grantOf(MODEL_ID, accountOf(who), roleOf(who));
            VM.assertEq(state.seq, book.seq);
            VM.assertEq(state.epoch, book.epoch);
            VM.assertEq(state.seq > 0 && !state.revoked, book.live);
            if (book.live) _assertCount(book.grant, state);
            state = LENS.waitingOf(MODEL_ID, accountOf(who), roleOf(who));
            VM.assertEq(state.seq, book.waiting.seq);
            if (state.seq > 0) _assertCount(book.waiting, state);
        }
    }

    /// @dev 5: a model is its registrant's for ever, and its licensor's.
    function assertModels() external view {
        for (uint256 i; i < _models.length; ++i) {
            address registrant = _registrants[_models[i]];
            VM.assertEq(REGISTRY.registrantOf(_models[i]), registrant);
            VM.assertEq(REGISTRY.licensorOf(_models[i]), i == 0 ? _licensor : registrant);
        }
    }

    /// @dev 5: a lane stands where the books stand, in which nothing follows FINAL and REFUNDED but the next request.
    function assertStates() external view {
        for (uint256 i; i < _known.length; ++i) {
            Known storage known = _known[i];
            (State state, uint32 seq, uint200 digest) = ORACLE.stateOf(known.request.requester, known.request.lane);
            VM.assertTrue(seq >= known.request.seq);
            if (seq > known.request.seq) {
                VM.assertTrue(known.state != State.OPEN);
            } else {
                VM.assertEq(uint256(state), uint256(known.state));
                VM.assertEq(digest, uint200(uint256(known.hash)));
            }
        }
    }

    /// @dev 6: no request leaves its operator less than it asked, and what an operator has earned is at least what it answered for.
    function assertPay() external view {
        for (uint256 i; i < _known.length; ++i) {
            VM.assertTrue(_payOf(_known[i].request, 0) >= _known[i].minFee);
        }
        for (uint256 i; i < 2; ++i) {
            address token = tokenOf(i);
            for (uint256 who; who < ACCOUNTS; ++who) {
                (uint256 pay,) = ORACLE.tillOf(token, MODEL_ID, accountOf(who));
                VM.assertTrue(pay + _collected[token][accountOf(who)] >= _agreed[token][accountOf(who)]);
            }
        }
    }

    /// @dev 9: whatever was played, time and anyone's calls give everything back to whom it belongs.
    function assertProgress() external {
        for (uint256 i; i < _known.length; ++i) {
            if (block.timestamp <= _known[i].request.deadline) VM.warp(_known[i].request.deadline + 1);
        }
        for (uint256 i; i < _known.length; ++i) {
            if (_known[i].state == State.OPEN) ORACLE.refund(_known[i].request.wire());
        }
        for (uint256 i; i < 2; ++i) {
            for (uint256 who; who < ACCOUNTS; ++who) {
                ORACLE.collect(tokenOf(i), MODEL_ID, accountOf(who));
                uint256 deposit = ORACLE.deposits(tokenOf(i), accountOf(who));
                VM.prank(accountOf(who));
                ORACLE.withdrawDeposit(tokenOf(i), deposit, accountOf(who));
            }
            for (uint256 who; who < PAYEES; ++who) {
                ORACLE.withdraw(tokenOf(i), payeeOf(who));
            }
            VM.assertEq(_held(tokenOf(i)), 0);
        }
    }

    function reached() external view returns (Reached memory) {
        return _reached;
    }

    function accountOf(uint256 index) public view returns (address) {
        return _accounts[index % ACCOUNTS];
    }

    function keyOfAccount(uint256 index) public pure returns (uint256) {
        return 0xacc0 + index % ACCOUNTS;
    }

    function roleOf(uint256 index) public pure returns (Role) {
        return index % ACCOUNTS > 2 ? Role.OPERATOR : Role.REQUESTER;
    }

    function tokenOf(uint256 index) public view returns (address) {
        return index % 2 == 0 ? address(0) : address(TOKEN);
    }

    /// @dev Everybody who can have a credit.
    function payeeOf(uint256 index) public view returns (address) {
        index %= PAYEES;
        if (index < ACCOUNTS) return accountOf(index);
        return index == ACCOUNTS ? PAYEE : licensorAt(index);
    }

    /// @dev Of the two licensors.
    function keyOf(uint256 index) public pure returns (uint256) {
        return index % 2 == 0 ? 0xA11CE : 0xB0B;
    }

    function licensorAt(uint256 index) internal view returns (address) {
        return index % 2 == 0 ? ALICE : BOB;
    }

    function _payTo(bool licensors) internal pure returns (address) {
        return licensors ? address(0) : PAYEE;
    }

    // what should be

    /// @dev What activating the voucher, signed by its licensor, does when `sender` asks for it.
    function _outcome(Grant memory grant, address sender) internal view returns (Outcome) {
        Book storage book = _books[grant.licensee][grant.role];
        if (book.live && _isSame(book.grant, grant)) return Outcome.NOTHING;
        bool waits = _isSame(book.waiting, grant);
        bool early = sender != grant.licensee && _inForce(book) && _isLater(grant, book.grant);
        if (waits && early) return Outcome.NOTHING;
        if (grant.epoch != _epoch || grant.expiry < block.timestamp) return Outcome.REFUSED;
        bool fresh = grant.seq > _latest(book) && grant.licensor == _licensor && !_canceled[_licensor][grant.nonce];
        if (!waits && !fresh) return Outcome.REFUSED;
        if (!early) return Outcome.IN_FORCE;
        return book.waiting.seq == 0 || _isOver(book.waiting) || _holds(book.waiting) ? Outcome.WAITS : Outcome.REFUSED;
    }

    /// @dev The highest number used in this epoch.
    function _latest(Book storage book) internal view returns (uint32) {
        if (book.waiting.seq > 0 && book.waiting.epoch == _epoch) return book.waiting.seq;
        return book.epoch == _epoch ? book.seq : 0;
    }

    /// @dev Whether offers, the terms in force and the books allow a request, and what it is then.
    function _expected(address from, Ask memory ask, address token, uint96 fee)
        internal
        view
        returns (bool allowed, Known memory known)
    {
        uint24 version = _versionInForce();
        Policy policy = _versions[version - 1].policy;
        Plain memory made = known.request;
        (made.requester, made.lane, made.modelId, made.inputHash) = (from, ask.lane, MODEL_ID, keccak256("in"));
        (made.operator, made.token, made.fee, made.termsVersion) = (ask.operator, token, fee, version);
        (made.useClass, made.deadline, made.callbackGas) = (ask.useClass, ask.deadline, ask.callbackGas);
        (, made.seq,) = ORACLE.stateOf(from, ask.lane);
        ++made.seq;
        Offer storage offer = _offers[ask.operator][token];
        (known.epoch, known.minFee, known.state, known.uses) = (_epoch, offer.minFee, State.OPEN, 1);
        allowed = offer.serving && _free(from, ask.lane)
            && policy.mode(Role.OPERATOR, fee > 0 ? UseClass.COMMERCIAL : ask.useClass) != Mode.CLOSED;
        Mode mode = policy.mode(Role.REQUESTER, ask.useClass);
        if (mode == Mode.CLOSED) allowed = false;
        if (mode == Mode.GRANT) {
            Licensed memory license = _licensed(from, Role.REQUESTER, ask.useClass, version, _epoch);
            allowed = allowed && license.good && _usable(license.grant, token, fee, 1);
            (made.licensee, made.grantSeq) = (license.licensee, license.grant.seq);
            if (license.grant.market != address(0)) known.grantHash = REGISTRY.hashGrant(license.grant);
            if (fee > 0 && license.grant.royaltyBps > 0) {
                (made.royaltyBps, made.payTo) = (license.grant.royaltyBps, license.grant.payTo);
            }
        }
        allowed = allowed && _payOf(made, 0) >= offer.minFee;
        known.hash = ORACLE.idOf(made.wire());
    }

    /// @dev Whether `by` may answer for that pay now, and by which grant.
    function _answerable(Known memory known, address by, uint96 minPay)
        internal
        view
        returns (bool allowed, Licensed memory license)
    {
        Plain memory made = known.request;
        UseClass use = made.fee > 0 ? UseClass.COMMERCIAL : made.useClass;
        allowed = known.state == State.OPEN && by == made.operator && block.timestamp <= made.deadline;
        if (_versions[made.termsVersion - 1].policy.mode(Role.OPERATOR, use) == Mode.GRANT) {
            license = _licensed(by, Role.OPERATOR, use, made.termsVersion, known.epoch);
            allowed = allowed && license.good && _usable(license.grant, made.token, made.fee, 1);
        }
        allowed = allowed && _payOf(made, license.grant.royaltyBps) >= minPay;
    }

    /// @dev Whether an order that is signed well may be answered for that pay now, what it is then, and by which grant of the operator.
    /// @param order Names no grant and no royalty, and the terms its requester wants.
    function _orderable(Plain memory order, uint32 uses, uint96 minPay)
        internal
        view
        returns (bool allowed, Known memory known, Licensed memory license)
    {
        uint24 version = _versionInForce();
        Policy policy = _versions[version - 1].policy;
        UseClass operatorsUse = order.fee > 0 ? UseClass.COMMERCIAL : order.useClass;
        Plain memory made = order;
        (known.epoch, known.state, known.uses, known.request) = (_epoch, State.OPEN, uses, made);
        (, uint32 seq,) = ORACLE.stateOf(order.requester, order.lane);
        allowed = order.termsVersion == version && order.seq == seq + 1 && _free(order.requester, order.lane)
            && block.timestamp <= order.deadline && _deposits[order.token][order.requester] >= order.fee;
        Mode mode = policy.mode(Role.REQUESTER, order.useClass);
        allowed = allowed && mode != Mode.CLOSED;
        if (mode == Mode.GRANT) {
            license = _licensed(order.requester, Role.REQUESTER, order.useClass, version, _epoch);
            allowed = allowed && license.good && _usable(license.grant, order.token, order.fee, uses);
            (made.licensee, made.grantSeq) = (license.licensee, license.grant.seq);
            if (license.grant.market != address(0)) known.grantHash = REGISTRY.hashGrant(license.grant);
            (made.royaltyBps, made.payTo) = (license.grant.royaltyBps, license.grant.payTo);
            delete license;
        }
        mode = policy.mode(Role.OPERATOR, operatorsUse);
        allowed = allowed && mode != Mode.CLOSED;
        if (mode == Mode.GRANT) {
            license = _licensed(order.operator, Role.OPERATOR, operatorsUse, version, _epoch);
            allowed = allowed && license.good && _usable(license.grant, order.token, order.fee, uses);
        }
        allowed = allowed && _payOf(made, license.grant.royaltyBps) >= minPay;
    }

    /// @dev What is left for the operator.
    function _payOf(Plain memory made, uint16 royaltyBps) internal pure returns (uint256) {
        uint256 fee = made.fee;
        return fee - fee * made.royaltyBps / 10_000 - fee * royaltyBps / 10_000;
    }

    function _licensed(address who, Role role, UseClass use, uint24 version, uint16 epoch)
        private
        view
        returns (Licensed memory license)
    {
        license.licensee = who;
        address claimed = _claims[who];
        if (_books[who][role].seq == 0 && claimed != address(0) && _named[claimed][who]) license.licensee = claimed;
        Book storage book = _books[license.licensee][role];
        license.good = true;
        if (_allows(book.waiting, use, version, epoch)) license.grant = book.waiting;
        else if (book.live && _allows(book.grant, use, version, epoch)) license.grant = book.grant;
        else license.good = false;
    }

    function _allows(Grant storage grant, UseClass use, uint24 version, uint16 epoch) private view returns (bool) {
        return (grant.classes >> uint8(use)) & 1 == 1 && grant.epoch >= epoch && grant.notBefore <= block.timestamp
            && block.timestamp <= grant.expiry && (grant.termsVersion == 0 || grant.termsVersion == version);
    }

    function _usable(Grant memory grant, address token, uint96 fee, uint32 uses) private view returns (bool) {
        if (grant.market != address(0) && grant.market != address(ORACLE)) return false;
        Count storage count = _counts[REGISTRY.hashGrant(grant)];
        if (grant.quota != UNLIMITED && count.reserved + count.spent + count.lost + uses > grant.quota) {
            return false;
        }
        if (grant.dailyRate != UNLIMITED && _today(count) + uses > grant.dailyRate) return false;
        return grant.priceFloor == 0 || (token == grant.priceToken && fee >= uint256(grant.priceFloor) * uses);
    }

    function _free(address from, uint64 lane) internal view returns (bool) {
        for (uint256 i; i < _known.length; ++i) {
            Known storage known = _known[i];
            if (known.request.requester == from && known.request.lane == lane && known.state == State.OPEN) {
                return false;
            }
        }
        return true;
    }

    function _versionInForce() internal view returns (uint24 version) {
        version = uint24(_versions.length);
        if (_versions[version - 1].effectiveAt > block.timestamp) --version;
    }

    function _inForce(Book storage book) private view returns (bool) {
        return book.live && book.epoch == _epoch && block.timestamp <= book.grant.expiry;
    }

    /// @dev Whether the voucher does not permit now what the grant in force does: its time or its terms have yet to come.
    function _isLater(Grant memory grant, Grant storage current) private view returns (bool) {
        bool bound = grant.termsVersion != 0 && grant.termsVersion != current.termsVersion;
        return bound || grant.notBefore > block.timestamp;
    }

    function _holds(Grant storage grant) private view returns (bool) {
        return
            grant.notBefore <= block.timestamp && (grant.termsVersion == 0 || grant.termsVersion == _versionInForce());
    }

    function _isOver(Grant storage grant) private view returns (bool) {
        return grant.expiry < block.timestamp || grant.epoch != _epoch;
    }

    function _isSame(Grant storage one, Grant memory two) private view returns (bool) {
        return one.seq == two.seq && REGISTRY.hashGrant(one) == REGISTRY.hashGrant(two);
    }

    function _today(Count storage count) private view returns (uint32) {
        return count.day == block.timestamp / 1 days ? count.today : 0;
    }

    function _held(address token) private view returns (uint256) {
        return token == address(0) ? address(ORACLE).balance : TOKEN.balanceOf(address(ORACLE));
    }

    function _assertCount(Grant storage grant, GrantState memory state) private view {
        VM.assertEq(state.quota, grant.quota);
        VM.assertEq(state.dailyRate, grant.dailyRate);
        VM.assertEq(state.market, grant.market);
        if (grant.market == address(0)) return;
        Count storage count = _counts[REGISTRY.hashGrant(grant)];
        VM.assertEq(state.used, count.reserved + count.spent + count.lost);
        VM.assertEq(state.usedToday, _today(count));
        VM.assertTrue(count.reserved + count.spent <= grant.quota);
    }

    // what was

    function _registered(bytes32 modelId, address registrant) internal {
        _models.push(modelId);
        _registrants[modelId] = registrant;
    }

    function _entered(Grant memory grant, Outcome outcome) internal {
        Book storage book = _books[grant.licensee][grant.role];
        if (outcome == Outcome.IN_FORCE) {
            (book.grant, book.seq, book.epoch, book.live) = (grant, grant.seq, grant.epoch, true);
            delete book.waiting;
            ++_reached.activations;
        } else if (outcome == Outcome.WAITS) {
            if (book.waiting.seq > 0 && !_isOver(book.waiting)) {
                (book.grant, book.seq, book.epoch) = (book.waiting, book.waiting.seq, book.waiting.epoch);
            }
            book.waiting = grant;
            ++_reached.waits;
        }
    }

    function _asked(Known memory known) internal {
        Plain memory made = known.request;
        if (known.grantHash != 0) {
            _counts[known.grantHash].reserved += known.uses;
            _usedToday(known.grantHash, known.uses);
        }
        if (made.grantSeq > 0 && made.licensee != made.requester) ++_reached.byHotKeys;
        if (made.grantSeq > 0 && _books[made.licensee][Role.REQUESTER].waiting.seq == made.grantSeq) ++_reached.early;
        _money[made.token].paidIn += made.fee;
        _money[made.token].open += made.fee;
        _known.push(known);
        ++_reached.requests;
    }

    function _answered(Known storage known, Licensed memory license, uint96 minPay, bytes memory output) internal {
        Plain memory made = known.request;
        Grant memory grant = license.grant;
        if (grant.market != address(0)) {
            _counts[REGISTRY.hashGrant(grant)].spent += known.uses;
            _usedToday(REGISTRY.hashGrant(grant), known.uses);
        }
        if (grant.seq > 0 && made.fee > 0) ++_reached.earned;
        if (grant.seq > 0 && license.licensee != made.operator) ++_reached.byHotKeys;
        if (grant.seq > 0 && _books[license.licensee][Role.OPERATOR].waiting.seq == grant.seq) ++_reached.early;
        ++_reached.answers;
        if (known.grantHash != 0) {
            _counts[known.grantHash].reserved -= known.uses;
            _counts[known.grantHash].spent += known.uses;
        }
        uint256 pay = _payOf(made, grant.royaltyBps);
        Till storage till = _tills[made.token][made.operator];
        till.operators += pay;
        _agreed[made.token][made.operator] += minPay;
        uint256 requesters = uint256(made.fee) * made.royaltyBps / 10_000;
        uint256 operators = made.fee - pay - requesters;
        if (made.payTo == address(0)) till.models += requesters;
        else _credits[made.token][made.payTo] += requesters;
        if (grant.payTo == address(0)) till.models += operators;
        else _credits[made.token][grant.payTo] += operators;
        _settled(known, State.FINAL, ORACLE.resultHashOf(known.hash, MODEL_ID, output));
    }

    /// @dev The reserved use is given back if its grant is still there.
    function _refunded(Known storage known) internal {
        Plain memory made = known.request;
        _credits[made.token][made.requester] += made.fee;
        if (known.grantHash != 0) {
            Book storage book = _books[made.licensee][Role.REQUESTER];
            bool isThere = (book.live && REGISTRY.hashGrant(book.grant) == known.grantHash)
                || (book.waiting.seq > 0 && REGISTRY.hashGrant(book.waiting) == known.grantHash);
            Count storage count = _counts[known.grantHash];
            --count.reserved;
            if (!isThere || known.epoch != _epoch) ++count.lost;
        }
        _settled(known, State.REFUNDED, 0);
        ++_reached.refunds;
    }

    function _emptied(address token, address operator) internal {
        Till storage till = _tills[token][operator];
        if (till.operators + till.models > 0) ++_reached.collections;
        _credits[token][operator] += till.operators;
        _credits[token][_licensor] += till.models;
        _collected[token][operator] += till.operators;
        delete _tills[token][operator];
    }

    function _paidOut(address token, address account) internal returns (uint256 amount) {
        amount = _credits[token][account];
        _credits[token][account] = 0;
        _money[token].paidOut += amount;
    }

    function _check(uint256 invariant, bool holds, string memory otherwise) internal {
        if (!holds) violation[invariant] = otherwise;
    }

    function _settled(Known storage known, State state, bytes32 hash) private {
        ++known.settlements;
        (known.state, known.hash) = (state, hash);
        _money[known.request.token].open -= known.request.fee;
        _money[known.request.token].settled += known.request.fee;
    }

    function _usedToday(bytes32 grantHash, uint32 uses) private {
        Count storage count = _counts[grantHash];
        (count.today, count.day) = (_today(count) + uses, block.timestamp / 1 days);
        ++_reached.counted;
    }
}
