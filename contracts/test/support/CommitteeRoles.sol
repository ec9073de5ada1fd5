// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {VM, account} from "./Vm.sol";
import {ICommittee, Member, Offer, Rules, Signature, Statement} from "../../src/interfaces/ICommittee.sol";
import {ICommitteeFactory} from "../../src/interfaces/ICommitteeFactory.sol";
import {Ask, IInferenceOracle, Request, State} from "../../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";

/// @notice Plays everybody around a committee of M = 2 at random: a requester, a licensor, members 0 and 1 who are honest, 2 and 3 who
/// lie, a reporter, a griefer who sends whatever was signed; and lets time pass. Honest members sign the one right output, and reveal what
/// they have committed to.
contract CommitteeRoles {
    struct Reached {
        uint256 answers;
        uint256 batches;
        uint256 counts;
        uint256 fines;
        uint256 slashes;
        uint256 refunds;
        uint256 refusals; // of answers
        uint256 unlicensed; // of those, for want of a signer's grant
        uint256 releases;
        uint256 orders;
    }

    struct Known {
        Plain made;
        bytes32 id;
        bool answered;
    }

    uint256 private constant MEMBERS = 4;
    uint256 private constant HONEST = 2;
    address private constant ETHER = address(0);
    bytes private constant RIGHT = "right";
    bytes private constant WRONG = "wrong";
    uint16 private constant ROYALTY_BPS = 1250;

    ICommitteeFactory private immutable FACTORY;
    ICommittee private immutable COMMITTEE;
    IInferenceOracle private immutable ORACLE;
    ILicenseRegistry private immutable REGISTRY;
    bytes32 private immutable MODEL_ID;
    uint256 private immutable LICENSOR_KEY;
    uint96 private immutable STAKE;
    uint40 private immutable WINDOW;
    uint256 private constant REQUESTER_KEY = 0xA5C;
    address private immutable REQUESTER = VM.addr(REQUESTER_KEY);
    address private immutable REPORTER = account("reporting");
    address private immutable SLASHER = account("slashing"); // whom members name

    mapping(uint256 property => string) public violation;
    mapping(address licensee => bytes) private _vouchers;
    Reached private _reached;
    Known[] private _known;
    uint256[4] private _keys;
    mapping(address licensee => bool) private _granted;
    mapping(address licensee => uint32) private _seqs;
    mapping(address member => bool) private _wasSlashed;
    bool private _serving;
    uint96 private _minFee; // of the offer, wei
    uint256 private _pays; // of all answers, wei
    uint256 private _staked; // by all who joined or topped up
    uint256 private _lost; // of stakes

    constructor(
        ICommitteeFactory factory,
        ICommittee committee,
        bytes32 modelId,
        uint256 licensorKey,
        uint256[4] memory keys
    ) {
        (FACTORY, COMMITTEE, MODEL_ID, LICENSOR_KEY, _keys) = (factory, committee, modelId, licensorKey, keys);
        (ORACLE, REGISTRY) = (committee.ORACLE(), ILicenseRegistry(address(committee.ORACLE().REGISTRY())));
        (STAKE, WINDOW) = (committee.rules().stake, committee.rules().window);
        _grant(REQUESTER, Role.REQUESTER);
        _grant(address(committee), Role.OPERATOR);
        for (uint256 i; i < MEMBERS; ++i) {
            _grant(_who(i), Role.OPERATOR);
            _join(i);
        }
        _offer(Offer(MODEL_ID, ETHER, true, 0, 0, 0), 0, 1);
    }

    function plays() external pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](18);
        selectors[0] = this.ask.selector;
        selectors[1] = this.answer.selector;
        selectors[2] = this.answerMany.selector;
        selectors[3] = this.commit.selector;
        selectors[4] = this.reveal.selector;
        selectors[5] = this.count.selector;
        selectors[6] = this.fine.selector;
        selectors[7] = this.slash.selector;
        selectors[8] = this.move.selector;
        selectors[9] = this.license.selector;
        selectors[10] = this.money.selector;
        selectors[11] = this.refund.selector;
        selectors[12] = this.wait.selector;
        selectors[13] = this.ask.selector;
        selectors[14] = this.commit.selector;
        selectors[15] = this.count.selector;
        selectors[16] = this.wait.selector;
        selectors[17] = this.order.selector;
    }

    function reached() external view returns (Reached memory) {
        return _reached;
    }

    // requester

    function ask(uint256 seed) public {
        Plain memory made;
        (made.requester, made.lane, made.modelId) = (REQUESTER, uint64(_pick(seed, 0, 5)), MODEL_ID);
        made.fee = _pick(seed, 1, 4) == 0 ? 0 : uint96(_pick(seed, 2, 1 ether));
        (made.inputHash, made.operator, made.useClass) = (keccak256("in"), address(COMMITTEE), UseClass.COMMERCIAL);
        (made.royaltyBps, made.termsVersion) = (made.fee > 0 ? ROYALTY_BPS : 0, 1);
        (made.licensee, made.grantSeq) = (REQUESTER, 1);
        made.deadline = uint40(block.timestamp + WINDOW + _pick(seed, 3, 11 * WINDOW));
        (State state, uint32 last,) = ORACLE.stateOf(REQUESTER, made.lane);
        made.seq = last + 1;
        bool allowed = state != State.OPEN && _serving && made.fee - _royaltyOf(made.fee) >= _minFee;
        VM.deal(REQUESTER, REQUESTER.balance + made.fee);
        VM.prank(REQUESTER);
        try ORACLE.request{value: made.fee}(
            Ask(MODEL_ID, address(COMMITTEE), UseClass.COMMERCIAL, made.lane, made.deadline, 0), "in"
        ) returns (
            bytes32 id
        ) {
            _check(4, allowed, "asked against the offer");
            _check(2, ORACLE.idOf(made.wire()) == id, "another request was made");
            _known.push(Known(made, id, false));
        } catch {
            _check(4, !allowed, "a request was refused");
        }
    }

    function refund(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        try ORACLE.refund(known.made.wire()) {
            _check(2, !known.answered, "an answered request was refunded");
            ++_reached.refunds;
        } catch {}
    }

    // answers: by two who tell the truth, or by two who lie; seldom one twice, or out of order

    function answer(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        (uint256 a, uint256 b) = _pair(seed);
        bytes memory output = a < HONEST || b < HONEST ? RIGHT : WRONG; // liars can tell the truth too
        Request memory request = known.made.wire();
        Signature[] memory signatures =
            _signedBy(seed, COMMITTEE.hashResult(known.id, ORACLE.resultHashOf(known.id, MODEL_ID, output)));
        uint256 before = _earned();
        try COMMITTEE.answer(request, output, signatures) {
            _accepted(known, a, b, _earned() - before);
            ++_reached.answers;
        } catch (bytes memory reason) {
            ++_reached.refusals;
            if (bytes4(reason) == ILicenseRegistry.GrantIsRevoked.selector) ++_reached.unlicensed;
            bool allowed = _mayAnswer(known, a, b) && _granted[address(COMMITTEE)];
            _check(4, !allowed, "an answer was refused");
        }
    }

    function answerMany(uint256 seed) external {
        if (_known.length < 2) return;
        (Known storage one, Known storage other) = (_some(seed), _some(seed >> 8));
        if (one.id == other.id) return;
        (bytes32 root, Request[] memory requests, bytes[] memory outputs) = _batch(one, other);
        Signature[] memory signatures = _signedBy(seed, COMMITTEE.hashResults(root));
        uint256 pay = (_isOpen(one) ? _payOf(one) : 0) + (_isOpen(other) ? _payOf(other) : 0);
        uint256 before = _earned();
        try COMMITTEE.answerMany(requests, outputs, signatures) {
            _check(6, _earned() - before == pay, "signers of a batch were paid something else");
            _acceptedOfBatch(one, seed);
            _acceptedOfBatch(other, seed);
            ++_reached.batches;
        } catch {}
    }

    /// @dev The next in its lane, signed by the requester or by somebody else, paid out of a deposit that is there or is not.
    function order(uint256 seed) external {
        Plain memory made;
        (made.requester, made.lane, made.modelId) = (REQUESTER, uint64(_pick(seed, 0, 5)), MODEL_ID);
        (made.inputHash, made.operator, made.fee) =
        (keccak256("in"), address(COMMITTEE), uint96(_pick(seed, 2, 1 ether)));
        (made.termsVersion, made.useClass, made.deadline) = (1, UseClass.COMMERCIAL, uint40(block.timestamp + WINDOW));
        (State state, uint32 last,) = ORACLE.stateOf(REQUESTER, made.lane);
        made.seq = last + uint32(_pick(seed, 3, 8) == 0 ? 0 : 1);
        (bool forged, bool covered) = (_pick(seed, 4, 8) == 0, _pick(seed, 5, 8) > 0);
        if (covered) _deposit(made.fee);
        bool isNext = state != State.OPEN && made.seq == last + 1;
        bool paid = ORACLE.deposits(ETHER, REQUESTER) >= made.fee && made.fee - _royaltyOf(made.fee) >= _minFee; // what is left of it for the committee, its own royalty included
        (Request memory wire, bytes memory signature) = (made.wire(), _orderSigned(made.wire(), forged));
        Known memory known = Known(made, ORACLE.idOf(wire), false);
        (uint256 a, uint256 b) = _pair(seed);
        bytes memory output = a < HONEST || b < HONEST ? RIGHT : WRONG;
        Signature[] memory signatures =
            _signedBy(seed, COMMITTEE.hashResult(known.id, ORACLE.resultHashOf(known.id, MODEL_ID, output)));
        bool allowed = _maySign(a, b) && _granted[address(COMMITTEE)] && isNext && paid && !forged;
        uint256 before = _earned();
        try COMMITTEE.answerOrder(wire, signature, output, signatures) {
            _check(4, allowed, "an order was answered against the rules");
            _known.push(known);
            _accepted(_known[_known.length - 1], a, b, _earned() - before);
            ++_reached.orders;
        } catch {
            _check(4, !allowed, "an order was refused");
        }
    }

    // on chain

    /// @dev Some member, or one after the other; then time may pass.
    function commit(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        uint256 first = _pick(seed, 1, 2) == 0 ? 0 : _pick(seed, 3, MEMBERS);
        uint256 last = _pick(seed, 2, 2) == 0 ? first : MEMBERS - 1;
        for (uint256 member = first; member <= last; ++member) {
            bytes32[] memory commitments = new bytes32[](1);
            Signature[] memory signatures = new Signature[](1);
            commitments[0] = keccak256(abi.encode(_said(known.id, member), bytes32(member), _who(member)));
            signatures[0] = _signature(member, COMMITTEE.hashCommitment(known.id, commitments[0]));
            try COMMITTEE.commit(known.made.wire(), commitments, signatures) {
                _check(3, _isIn(member), "a stranger's commitment was taken");
            } catch {}
        }
        if (_pick(seed, 4, 2) == 0) _wait(3); // into the window for reveals
    }

    function reveal(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        _reveal(known, HONEST + _pick(seed, 1, 2));
    }

    function count(uint256 seed) external {
        if (_known.length == 0) return;
        bytes memory output = _pick(seed, 1, 4) == 0 ? WRONG : RIGHT;
        Known storage known = _some(seed);
        for (uint256 i; i < _known.length && !(_isOpen(known) && _revealed(known, output) >= 2); ++i) {
            known = _known[i];
        }
        uint256 before = _earned();
        try COMMITTEE.count(known.made.wire(), output) {
            bytes32 resultHash = ORACLE.resultHashOf(known.id, MODEL_ID, output);
            address[] memory signers = COMMITTEE.revealedBy(known.id, resultHash);
            _check(7, signers.length >= 2 && signers[0] != signers[1], "one member was counted twice");
            _check(5, !known.answered, "answered twice");
            _answered(known, _earned() - before);
            ++_reached.counts;
        } catch {}
    }

    function fine(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        uint256 member = _pick(seed, 1, MEMBERS);
        for (uint256 i; i < _known.length && COMMITTEE.commitmentOf(known.id, _who(member)) == 0; ++i) {
            known = _known[i];
        }
        (uint256 before, uint256 burnt) = (_stakeOf(member), address(0).balance);
        VM.prank(REPORTER);
        try COMMITTEE.fine(known.made.wire(), _who(member)) {
            _check(5, !known.answered, "fined though it is answered");
            _taken(before - _stakeOf(member), address(0).balance - burnt);
            ++_reached.fines;
        } catch {}
    }

    // reporter: whatever members sign; honest ones never sign two results

    function slash(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        uint256 member = _pick(seed, 1, MEMBERS);
        if (member >= HONEST && _pick(seed, 2, 3) > 0) return; // liars seldom sign both
        bytes32 other = member < HONEST || _pick(seed, 3, 4) == 0 ? _right(known.id) : _wrong(known.id);
        (uint256 before, uint256 burnt) = (_stakeOf(member), address(0).balance);
        Statement memory one = _statement(known.id, member, _right(known.id));
        Statement memory two = _statement(known.id, member, other);
        VM.prank(REPORTER);
        try COMMITTEE.slash(known.made.wire(), _who(member), one, two) {
            _check(3, member >= HONEST && other == _wrong(known.id), "slashed without a proof");
            _taken(before, address(0).balance - burnt);
            _wasSlashed[_who(member)] = true;
            ++_reached.slashes;
        } catch {
            _check(3, other == _right(known.id) || before == 0, "a proof was refused");
        }
    }

    // members

    function move(uint256 seed) external {
        uint256 member = _fined(_pick(seed, 0, MEMBERS));
        address who = _who(member);
        Member memory seat = COMMITTEE.memberOf(who);
        if (_pick(seed, 2, 8) == 0) {
            _convict(member, _pick(seed, 3, 2) == 0);
        } else if (seat.releaseAt > 0) {
            bool free = block.timestamp >= seat.releaseAt;
            try COMMITTEE.release(who) {
                _check(3, free, "released too early");
                ++_reached.releases;
            } catch {
                _check(9, !free, "a stake is stuck");
            }
        } else if (_isIn(member) && _pick(seed, 1, 5) == 0) {
            VM.prank(who);
            COMMITTEE.leave(who);
        } else if (_isIn(member) && _pick(seed, 1, 5) == 1) {
            VM.prank(who);
            COMMITTEE.setEndpoint("https://elsewhere.example");
        } else if (_isIn(member)) {
            uint256 missing = STAKE - seat.stake;
            if (missing == 0) return;
            VM.deal(address(this), missing);
            COMMITTEE.topUp{value: missing}(who);
            _staked += missing;
        } else if (_wasSlashed[who]) {
            VM.deal(who, STAKE);
            VM.prank(who);
            try COMMITTEE.join{value: STAKE}(_owner(member), SLASHER, "") {
                _check(5, false, "a slashed key came back");
            } catch {}
        } else {
            _join(member);
        }
    }

    /// @dev Two members, or who would be, change what the committee offers; mostly they go on.
    function offer(uint256 seed) public {
        bool serving = _pick(seed, 1, 6) > 0;
        uint96 minFee = serving && _pick(seed, 2, 2) == 0 ? uint96(_pick(seed, 3, 0.1 ether)) : 0;
        uint256 nonce = COMMITTEE.offers();
        if (_pick(seed, 4, 8) == 0) nonce = _pick(seed, 5, nonce + 2);
        (uint256 a, uint256 b) = _pair(seed);
        _offer(Offer(MODEL_ID, ETHER, serving, minFee, 0, nonce), a, b);
    }

    /// @dev The licensor revokes a grant or gives another.
    function license(uint256 seed) external {
        if (_pick(seed, 2, 3) == 0) return offer(seed);
        uint256 index = _pick(seed, 0, MEMBERS + 1);
        address licensee = index == MEMBERS ? address(COMMITTEE) : _who(index);
        if (!_granted[licensee]) {
            _grant(licensee, Role.OPERATOR);
        } else if (_pick(seed, 1, 3) == 0) {
            VM.prank(VM.addr(LICENSOR_KEY));
            REGISTRY.revoke(MODEL_ID, licensee, Role.OPERATOR, ++_seqs[licensee]);
            _granted[licensee] = false;
            _replay(licensee);
        }
    }

    // anybody

    function money(uint256 seed) external {
        uint256 what = _pick(seed, 0, 6);
        address payee = _payee(_pick(seed, 1, MEMBERS + 2));
        if (what == 0) COMMITTEE.collect(ETHER, _models());
        if (what == 1) {
            try COMMITTEE.split(ETHER, _group(_pick(seed, 1, MEMBERS), _pick(seed, 2, MEMBERS))) {} catch {}
        }
        if (what == 2) COMMITTEE.withdraw(ETHER, payee);
        if (what == 3) _withdrawTo(payee, _payee(_pick(seed, 2, MEMBERS + 2)));
        if (what == 4) _claim(seed, payee);
        if (what == 5) _create(seed);
    }

    function wait(uint256 seed) external {
        bool longer = _pick(seed, 0, 8) == 0;
        _wait(longer ? 6 : 1 + _pick(seed, 1, 3));
        if (longer) VM.warp(block.timestamp + 8 days); // no round goes on
    }

    // what is to hold

    /// @dev 1, to the wei: here, in the oracle's till and its credit is what stakes, credits and groups of signers are owed.
    function assertMoney() external view {
        (uint256 till,) = ORACLE.tillOf(ETHER, MODEL_ID, address(COMMITTEE));
        uint256 there = till + ORACLE.credits(ETHER, address(COMMITTEE));
        VM.assertEq(address(COMMITTEE).balance + there, COMMITTEE.owed(ETHER) + _earned());
        VM.assertEq(COMMITTEE.owed(ETHER), _stakes() + _credits());
    }

    /// @dev 3 and 10: no more than a stake is at stake, honest members' is whole, and who is slashed has none.
    function assertStakes() external view {
        for (uint256 i; i < MEMBERS; ++i) {
            Member memory seat = COMMITTEE.memberOf(_who(i));
            VM.assertTrue(seat.stake <= STAKE);
            VM.assertEq(seat.slashed, _wasSlashed[_who(i)]);
            if (seat.slashed) VM.assertTrue(seat.stake == 0 && !COMMITTEE.isSigning(_who(i)));
            if (i < HONEST) VM.assertTrue(!seat.slashed && (seat.stake == 0 || seat.stake == STAKE));
        }
    }

    /// @dev 9: past all deadlines everything can be had, and nothing is left.
    function assertProgress() external {
        VM.warp(block.timestamp + 31 days);
        for (uint256 i; i < _known.length; ++i) {
            try ORACLE.refund(_known[i].made.wire()) {} catch {}
        }
        for (uint256 i; i < MEMBERS; ++i) {
            if (_isIn(i)) {
                VM.prank(_owner(i));
                COMMITTEE.leave(_who(i));
            }
        }
        VM.warp(block.timestamp + 365 days);
        COMMITTEE.collect(ETHER, _models());
        for (uint256 i; i < MEMBERS; ++i) {
            if (COMMITTEE.memberOf(_who(i)).releaseAt > 0) COMMITTEE.release(_who(i));
            for (uint256 j; j < MEMBERS; ++j) {
                COMMITTEE.split(ETHER, _group(i, j));
            }
        }
        for (uint256 i; i < MEMBERS + 2; ++i) {
            COMMITTEE.withdraw(ETHER, _payee(i));
        }
        VM.assertEq(COMMITTEE.owed(ETHER), 0);
        VM.assertEq(address(COMMITTEE).balance, 0);
        VM.assertEq(COMMITTEE.members().length, 0);
    }

    function _offer(Offer memory offered, uint256 a, uint256 b) private {
        bytes32 digest = COMMITTEE.hashOffer(offered);
        Signature[] memory signatures = new Signature[](2);
        (signatures[0], signatures[1]) = (_signature(a, digest), _signature(b, digest));
        bool signing = COMMITTEE.isSigning(_who(a)) && COMMITTEE.isSigning(_who(b)) && a < b;
        bool allowed = signing && offered.nonce == COMMITTEE.offers() && (offered.serving || _serving);
        try COMMITTEE.offer(offered, signatures) {
            _check(7, allowed, "an offer was not two members' next");
            (_serving, _minFee) = (offered.serving, offered.minFee);
        } catch {
            _check(7, !allowed, "an offer was refused");
        }
    }

    /// @dev The contract that members named takes the stake of a liar; nobody else takes any.
    function _convict(uint256 member, bool byOther) private {
        (uint256 before, uint256 burnt) = (_stakeOf(member), address(0).balance);
        address by = byOther ? REPORTER : SLASHER;
        if (member < HONEST && !byOther) return;
        VM.prank(by);
        try COMMITTEE.convict(_who(member), REPORTER, REQUESTER) {
            _check(3, by == SLASHER, "convicted by somebody whom the member had not named");
            _taken(before, address(0).balance - burnt);
            _wasSlashed[_who(member)] = true;
        } catch {
            _check(3, by != SLASHER || before == 0, "a conviction was refused");
        }
    }

    function _withdrawTo(address who, address to) private {
        (uint256 credit, uint256 before) = (COMMITTEE.credits(ETHER, who), to.balance);
        VM.prank(who);
        uint256 amount = COMMITTEE.withdrawTo(ETHER, to);
        _check(1, amount == credit && to.balance == before + amount, "a credit went elsewhere");
    }

    /// @dev Whatever two groups have earned is there to be claimed, once.
    function _claim(uint256 seed, address payee) private {
        address[][] memory groups = new address[][](2);
        for (uint256 i; i < 2; ++i) {
            (uint256 a, uint256 b) = _pair(uint256(keccak256(abi.encode(seed, i))));
            groups[i] = _group(a, b);
        }
        uint256 before = payee.balance;
        uint256 amount = COMMITTEE.claim(ETHER, _models(), groups, payee);
        _check(1, payee.balance == before + amount, "a claim went elsewhere");
        for (uint256 i; i < 2; ++i) {
            _check(1, COMMITTEE.earnedBy(ETHER, groups[i]) == 0, "a claim left something");
        }
    }

    /// @dev Another committee, this one again, or one whose rules are none.
    function _create(uint256 seed) private {
        Rules memory rules = COMMITTEE.rules();
        rules.threshold = uint8(_pick(seed, 2, 4));
        address[] memory nobody = new address[](0);
        try FACTORY.create(rules, nobody) returns (address made) {
            _check(7, rules.threshold > 0 && made == FACTORY.addressOf(rules, nobody), "another committee was made");
            _check(7, (made == address(COMMITTEE)) == (rules.threshold == 2), "this committee was made again");
        } catch {
            _check(7, rules.threshold == 0, "a committee was not made");
        }
    }

    // books

    function _accepted(Known storage known, uint256 a, uint256 b, uint256 pay) private {
        _check(7, a < b, "one member was counted twice");
        _check(3, COMMITTEE.isSigning(_who(a)) && COMMITTEE.isSigning(_who(b)), "without a whole stake");
        _check(4, _granted[_who(a)] && _granted[_who(b)] && _granted[address(COMMITTEE)], "without a grant");
        _check(5, !known.answered, "answered twice");
        _answered(known, pay);
    }

    /// @dev One that is final now and was not before.
    function _acceptedOfBatch(Known storage known, uint256 seed) private {
        if (known.answered || !ORACLE.finalized(known.made.wire(), RIGHT)) return;
        (uint256 a, uint256 b) = _pair(seed);
        _accepted(known, a, b, _payOf(known));
    }

    function _answered(Known storage known, uint256 pay) private {
        known.answered = true;
        _pays += pay;
        _check(6, pay == _payOf(known), "signers were paid something else");
    }

    /// @dev What was forfeited is 45 and 5 parts of 100 credited, and the rest is gone.
    function _taken(uint256 amount, uint256 burnt) private {
        _lost += amount;
        _check(3, amount > 0 && amount <= STAKE, "more was taken than there is");
        _check(1, burnt == amount - amount * 45 / 100 - amount * 5 / 100, "another part was burnt");
    }

    function _mayAnswer(Known storage known, uint256 a, uint256 b) private view returns (bool) {
        return _maySign(a, b) && _isOpen(known);
    }

    function _maySign(uint256 a, uint256 b) private view returns (bool) {
        bool signing = COMMITTEE.isSigning(_who(a)) && COMMITTEE.isSigning(_who(b)) && a < b;
        return signing && _granted[_who(a)] && _granted[_who(b)];
    }

    function _isOpen(Known storage known) private view returns (bool) {
        (State state, uint32 seq,) = ORACLE.stateOf(REQUESTER, known.made.lane);
        return state == State.OPEN && seq == known.made.seq && block.timestamp <= known.made.deadline;
    }

    function _payOf(Known storage known) private view returns (uint256) {
        return known.made.fee - 2 * _royaltyOf(known.made.fee);
    }

    /// @dev Of either grant.
    function _royaltyOf(uint256 fee) private pure returns (uint256) {
        return fee * ROYALTY_BPS / 10_000;
    }

    function _wait(uint256 steps) private {
        for (uint256 i; i < steps; ++i) {
            VM.warp(block.timestamp + WINDOW / 2);
            for (uint256 j; j < _known.length; ++j) {
                (uint40 from, uint40 to) = COMMITTEE.roundOf(_known[j].id);
                if (block.timestamp <= from || block.timestamp > to) continue;
                for (uint256 member; member < HONEST; ++member) {
                    if (COMMITTEE.commitmentOf(_known[j].id, _who(member)) != 0) _reveal(_known[j], member);
                }
            }
        }
    }

    function _reveal(Known storage known, uint256 member) private {
        bytes32 resultHash = _said(known.id, member);
        try COMMITTEE.reveal(known.id, _who(member), resultHash, bytes32(member)) {}
        catch {
            _check(9, member >= HONEST, "an honest member could not reveal");
        }
    }

    function _deposit(uint256 amount) private {
        VM.deal(address(this), amount);
        ORACLE.deposit{value: amount}(ETHER, REQUESTER, amount);
    }

    function _join(uint256 member) private {
        VM.deal(_who(member), STAKE);
        VM.prank(_who(member));
        COMMITTEE.join{value: STAKE}(_owner(member), SLASHER, "");
        _staked += STAKE;
    }

    function _grant(address licensee, Role role) private {
        Grant memory grant;
        (grant.modelId, grant.licensor, grant.licensee) = (MODEL_ID, VM.addr(LICENSOR_KEY), licensee);
        (grant.role, grant.classes, grant.expiry) = (role, 7, type(uint40).max);
        (grant.quota, grant.dailyRate) = (type(uint32).max, type(uint32).max);
        (grant.royaltyBps, grant.seq) = (ROYALTY_BPS, ++_seqs[licensee]);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(LICENSOR_KEY, REGISTRY.hashGrant(grant));
        REGISTRY.activate(grant, abi.encodePacked(r, s, v));
        _granted[licensee] = true;
        _vouchers[licensee] = abi.encode(grant, abi.encodePacked(r, s, v));
    }

    /// @dev The voucher that was canceled, shown again so that the committee may answer after all.
    function _replay(address licensee) private {
        (Grant memory grant, bytes memory signature) = abi.decode(_vouchers[licensee], (Grant, bytes));
        try REGISTRY.activate(grant, signature) {
            _check(8, false, "a canceled voucher is in force again");
        } catch {}
    }

    function _batch(Known storage one, Known storage other)
        private
        view
        returns (bytes32 root, Request[] memory requests, bytes[] memory outputs)
    {
        (requests, outputs) = (new Request[](2), new bytes[](2));
        (requests[0], requests[1]) = (one.made.wire(), other.made.wire());
        (outputs[0], outputs[1]) = (RIGHT, RIGHT);
        bytes32 left = keccak256(bytes.concat(hex"00", one.id, _right(one.id)));
        bytes32 right = keccak256(bytes.concat(hex"00", other.id, _right(other.id)));
        bytes32 top = keccak256(bytes.concat(hex"01", left, right));
        root = keccak256(abi.encodePacked(bytes1(0x02), uint256(2), top));
    }

    function _orderSigned(Request memory wire, bool forged) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(forged ? LICENSOR_KEY : REQUESTER_KEY, ORACLE.hashOrder(wire));
        return abi.encodePacked(r, s, v);
    }

    function _statement(bytes32 id, uint256 member, bytes32 resultHash) private view returns (Statement memory) {
        Signature memory signature = _signature(member, COMMITTEE.hashResult(id, resultHash));
        return Statement(resultHash, signature, 0, 0, 0, new bytes32[](0));
    }

    function _signedBy(uint256 seed, bytes32 digest) private view returns (Signature[] memory signatures) {
        (uint256 a, uint256 b) = _pair(seed);
        signatures = new Signature[](2);
        (signatures[0], signatures[1]) = (_signature(a, digest), _signature(b, digest));
    }

    function _signature(uint256 member, bytes32 digest) private view returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(_keys[member], digest);
        return Signature(r, bytes32(uint256(v - 27) << 255 | uint256(s)));
    }

    /// @dev What a member commits to: liars lie together.
    function _said(bytes32 id, uint256 member) private view returns (bytes32) {
        return member < HONEST ? _right(id) : _wrong(id);
    }

    function _right(bytes32 id) private view returns (bytes32) {
        return ORACLE.resultHashOf(id, MODEL_ID, RIGHT);
    }

    function _wrong(bytes32 id) private view returns (bytes32) {
        return ORACLE.resultHashOf(id, MODEL_ID, WRONG);
    }

    function _isIn(uint256 member) private view returns (bool) {
        address[] memory members = COMMITTEE.members();
        for (uint256 i; i < members.length; ++i) {
            if (members[i] == _who(member)) return true;
        }
        return false;
    }

    /// @dev A member of which a part of the stake was taken, if there is one.
    function _fined(uint256 otherwise) private view returns (uint256) {
        for (uint256 i = HONEST; i < MEMBERS; ++i) {
            if (_isIn(i) && _stakeOf(i) < STAKE) return i;
        }
        return otherwise;
    }

    function _stakeOf(uint256 member) private view returns (uint256) {
        return COMMITTEE.memberOf(_who(member)).stake;
    }

    function _revealed(Known storage known, bytes memory output) private view returns (uint256) {
        return COMMITTEE.revealedBy(known.id, ORACLE.resultHashOf(known.id, MODEL_ID, output)).length;
    }

    function _stakes() private view returns (uint256 sum) {
        for (uint256 i; i < MEMBERS; ++i) {
            sum += _stakeOf(i);
        }
    }

    function _credits() private view returns (uint256 sum) {
        for (uint256 i; i < MEMBERS + 2; ++i) {
            sum += COMMITTEE.credits(ETHER, _payee(i));
        }
    }

    /// @dev Of every pair, in either order.
    function _earned() private view returns (uint256 sum) {
        for (uint256 i; i < MEMBERS; ++i) {
            for (uint256 j; j < MEMBERS; ++j) {
                sum += COMMITTEE.earnedBy(ETHER, _group(i, j));
            }
        }
    }

    function _group(uint256 a, uint256 b) private view returns (address[] memory group) {
        group = new address[](2);
        (group[0], group[1]) = (_who(a), _who(b));
    }

    function _models() private view returns (bytes32[] memory models) {
        models = new bytes32[](1);
        models[0] = MODEL_ID;
    }

    function _who(uint256 member) private view returns (address) {
        return VM.addr(_keys[member]);
    }

    function _owner(uint256 member) private pure returns (address) {
        return address(uint160(0xABCD00 + member));
    }

    function _payee(uint256 index) private view returns (address) {
        return index < MEMBERS ? _owner(index) : index == MEMBERS ? REQUESTER : REPORTER;
    }

    function _pair(uint256 seed) private pure returns (uint256 a, uint256 b) {
        (a, b) = (_pick(seed, 20, MEMBERS), _pick(seed, 21, MEMBERS));
        if (a > b && _pick(seed, 22, 8) > 0) (a, b) = (b, a);
    }

    /// @dev Mostly one of the last.
    function _some(uint256 seed) private view returns (Known storage) {
        uint256 last = _pick(seed, 30, 4) > 0 && _known.length > 5 ? 5 : _known.length;
        return _known[_known.length - 1 - _pick(seed, 31, last)];
    }

    function _check(uint256 property, bool held, string memory what) private {
        if (!held) violation[property] = what;
    }

    function _pick(uint256 seed, uint256 index, uint256 below) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index))) % below;
    }
}
