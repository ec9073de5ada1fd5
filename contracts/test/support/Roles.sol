// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Books} from "./Books.sol";
import {Plain} from "./Plain.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Ask, Request, State} from "../../src/interfaces/IInferenceOracle.sol";
import {Grant, Role, UNLIMITED, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {Policy} from "../../src/types/Policy.sol";
import {VM} from "./Vm.sol";

/// @notice Plays every role at random, each function from one seed. Whatever the contracts let pass or refuse against the books
/// is a `violation`.
contract Roles is Books {
    uint256 internal constant FORGERS_KEY = 0xBAD;
    uint256 private constant NONCES = 64;
    uint32 private constant MAX_CALLBACK_GAS = 50_000;
    address private constant ANYONE = address(0xa11);
    address private constant ELSEWHERE = address(0xe15e); // another market

    Grant[] private _vouchers;
    bool private _offered; // the model, to the other licensor

    constructor(InferenceOracle oracle, bytes32 modelId) Books(oracle, modelId) {
        for (uint256 i; i < ACCOUNTS; ++i) {
            VM.prank(accountOf(i));
            TOKEN.approve(address(ORACLE), type(uint256).max);
            for (uint256 token; roleOf(i) == Role.OPERATOR && token < 2; ++token) {
                _serve(accountOf(i), tokenOf(token), 0);
            }
        }
    }

    /// @notice All that can be played, each with one number.
    function plays() public view virtual returns (bytes4[] memory all) {
        all = new bytes4[](14);
        (all[0], all[1], all[2], all[3]) =
        (this.sign.selector, this.replay.selector, this.manage.selector, this.arrange.selector);
        (all[4], all[5], all[6], all[7]) =
        (this.ask.selector, this.askFirst.selector, this.askMany.selector, this.fulfill.selector);
        (all[8], all[9], all[10], all[11]) =
        (this.fulfillMany.selector, this.refund.selector, this.collect.selector, this.withdraw.selector);
        (all[12], all[13]) = (this.withdrawTo.selector, this.wait.selector);
    }

    // licensors

    /// @dev Some vouchers of any kind: good, canceled, expired, early, of another epoch, signed by somebody else. Half of them wait.
    function sign(uint256 seed) external {
        for (uint256 i; i < 3; ++i) {
            _sign(uint256(keccak256(abi.encode(seed, i))));
        }
    }

    /// @dev Any voucher that was ever signed, perhaps again.
    function replay(uint256 seed) external {
        if (_vouchers.length > 0) _activate(_vouchers[seed % _vouchers.length], seed, false);
    }

    /// @dev Whatever else a licensor can do.
    function manage(uint256 seed) external {
        uint256 what = _pick(seed, 30, 18);
        if (what < 2) _revoke(seed);
        else if (what < 5) _cancel(seed);
        else if (what < 6) _raiseEpoch();
        else if (what < 9) _publish(seed);
        else if (what < 12) _transfer();
        else if (what < 16) _accept(seed);
        else if (what < 17) _refuse(seed);
        else _register(seed);
    }

    // licensees and their hot keys, operators and their offers

    /// @dev Twice, so that both sides of a delegation agree now and then.
    function arrange(uint256 seed) external {
        for (uint256 i; i < 2; ++i) {
            _arrange(uint256(keccak256(abi.encode(seed, i))));
        }
    }

    // requesters, operators, anyone

    function ask(uint256 seed) external {
        (address from, Ask memory ask_, address token, uint96 fee) = _wanted(seed);
        (bool allowed, Known memory known) = _expected(from, ask_, token, fee);
        bytes memory call = token == address(0)
            ? abi.encodeCall(ORACLE.request, (ask_, "in"))
            : abi.encodeCall(ORACLE.requestWithToken, (ask_, "in", token, fee));
        if (_send(call, from, token, fee, allowed)) _asked(known);
    }

    /// @dev With a voucher, the asker's own or another's.
    function askFirst(uint256 seed) external {
        if (_vouchers.length == 0) return;
        (address from, Ask memory ask_, address token, uint96 fee) = _wanted(seed);
        Grant memory grant = _vouchers[seed % _vouchers.length];
        if (_pick(seed, 20, 2) == 0) from = grant.licensee;
        bytes memory call =
            abi.encodeCall(ORACLE.requestWithGrant, (ask_, "in", token, fee, grant, _signature(grant, false)));
        bool allowed;
        try this.bookFirst(grant, from, ask_, token, fee) {
            allowed = true;
        } catch {}
        _send(call, from, token, fee, allowed);
    }

    /// @dev Some requests of one account together; sometimes with too much ether.
    function askMany(uint256 seed) external {
        (address from,, address token,) = _wanted(seed);
        uint256 many = 1 + _pick(seed, 21, 3);
        Ask[] memory asks = new Ask[](many);
        bytes[] memory inputs = new bytes[](many);
        uint96[] memory fees = new uint96[](many);
        uint256 total;
        for (uint256 i; i < many; ++i) {
            (, asks[i],, fees[i]) = _wanted(uint256(keccak256(abi.encode(seed, "many", i))));
            (inputs[i], total) = ("in", total + fees[i]);
        }
        bytes memory call = abi.encodeCall(ORACLE.requestMany, (asks, inputs, token, fees));
        bool exact = token != address(0) || _pick(seed, 22, 8) > 0;
        bool allowed;
        if (exact) {
            try this.bookMany(from, asks, token, fees) {
                allowed = true;
            } catch {}
        }
        if (_send(call, from, token, exact ? total : total + 1, allowed) && many > 1) ++_reached.batches;
    }

    function fulfill(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        address by = _operatorFor(known, seed);
        uint96 minPay = _minPay(known, by, seed);
        (bool allowed, Licensed memory license) = _answerable(known, by, minPay);
        Request memory request = known.request.wire();
        VM.prank(by);
        try ORACLE.fulfill(request, abi.encode(seed), minPay) {
            _check(4, allowed, "answered without a license");
            _answered(known, license, minPay, abi.encode(seed));
        } catch {
            _check(4, !allowed, "an answer was not accepted");
        }
    }

    /// @dev Several answers by one operator, among them such that are not its, not open or not licensed, or twice the same.
    function fulfillMany(uint256 seed) external {
        if (_known.length == 0) return;
        uint256 many = 1 + _pick(seed, 21, 4);
        Request[] memory requests = new Request[](many);
        bytes[] memory outputs = new bytes[](many);
        uint96[] memory minPays = new uint96[](many);
        address by = _operatorFor(_some(seed), seed);
        uint256 expected;
        for (uint256 i; i < many; ++i) {
            uint256 one = i == 0 ? seed : uint256(keccak256(abi.encode(seed, "many", i)));
            Known storage known = i == 0 ? _some(one) : _someOf(by, one);
            (requests[i], outputs[i], minPays[i]) = (known.request.wire(), abi.encode(one), _minPay(known, by, one));
            (bool allowed, Licensed memory license) = _answerable(known, by, minPays[i]);
            if (!allowed) continue;
            _answered(known, license, minPays[i], outputs[i]);
            ++expected;
        }
        VM.prank(by);
        try ORACLE.fulfillMany(requests, outputs, minPays) returns (uint256 fulfilled) {
            _check(4, fulfilled == expected, "of several, others were answered");
            if (fulfilled > 1) _reached.batchAnswers += fulfilled;
            if (fulfilled < many) ++_reached.passedOver;
        } catch {
            _check(4, expected == 0, "several answers were not accepted");
        }
    }

    function refund(uint256 seed) external {
        if (_known.length == 0) return;
        Known storage known = _some(seed);
        bool allowed = known.state == State.OPEN && block.timestamp > known.request.deadline;
        try ORACLE.refund(known.request.wire()) {
            _check(5, allowed, "refunded too early or twice");
            _refunded(known);
        } catch {
            _check(5, !allowed, "a refund was not accepted");
        }
    }

    function collect(uint256 seed) external {
        (address token, address operator) = (tokenOf(_pick(seed, 0, 2)), accountOf(3 + seed % 3));
        (uint256 operators, uint256 models) = ORACLE.collect(token, MODEL_ID, operator);
        Till memory till = _tills[token][operator];
        _check(1, operators == till.operators && models == till.models, "another till was emptied");
        _emptied(token, operator);
    }

    function withdraw(uint256 seed) external {
        (address token, address who) = (tokenOf(_pick(seed, 0, 2)), payeeOf(seed));
        uint256 before = _balance(token, who);
        bool withTills = _pick(seed, 32, 3) == 0;
        uint256 amount = withTills ? _collectAndWithdraw(seed, token, who) : ORACLE.withdraw(token, who);
        _check(1, amount == _paidOut(token, who), "another credit was paid out");
        _check(1, _balance(token, who) == before + amount, "a credit went elsewhere");
    }

    function withdrawTo(uint256 seed) external {
        (address token, address to) = (tokenOf(_pick(seed, 0, 2)), payeeOf(seed >> 8));
        address who = _creditor(token, seed);
        uint256 before = _balance(token, to);
        VM.prank(who);
        uint256 amount = ORACLE.withdrawTo(token, to);
        _check(1, amount == _paidOut(token, who), "another credit was paid elsewhere");
        _check(1, _balance(token, to) == before + amount, "a credit went to nobody");
        if (amount > 0 && to != who) ++_reached.paidElsewhere;
    }

    // the books, before it is known whether all of it is allowed: what reverts here leaves them as they were

    function bookFirst(Grant memory grant, address from, Ask memory ask_, address token, uint96 fee) external {
        require(msg.sender == address(this));
        Outcome outcome = _outcome(grant, address(ORACLE));
        require(outcome != Outcome.REFUSED);
        _entered(grant, outcome);
        (bool allowed, Known memory known) = _expected(from, ask_, token, fee);
        require(allowed);
        _asked(known);
        if (outcome != Outcome.NOTHING) ++_reached.firstUses;
    }

    function bookMany(address from, Ask[] memory asks, address token, uint96[] memory fees) external {
        require(msg.sender == address(this));
        for (uint256 i; i < asks.length; ++i) {
            (bool allowed, Known memory known) = _expected(from, asks[i], token, fees[i]);
            require(allowed);
            _asked(known);
        }
    }

    function wait(uint256 seed) external {
        uint256 most = seed % 8 == 0 ? 15 days : seed % 4 == 0 ? 1 days : 100;
        VM.warp(block.timestamp + _pick(seed, 0, most));
    }

    /// @dev None, or some tills first, perhaps one of them twice.
    function _collectAndWithdraw(uint256 seed, address token, address who) private returns (uint256 amount) {
        uint256 many = _pick(seed, 33, 4);
        (bytes32[] memory models, address[] memory operators) = (new bytes32[](many), new address[](many));
        for (uint256 i; i < many; ++i) {
            (models[i], operators[i]) = (MODEL_ID, accountOf(3 + _pick(seed, 34 + i, 3)));
            _emptied(token, operators[i]);
        }
        return ORACLE.collectAndWithdraw(token, who, models, operators);
    }

    function _revoke(uint256 seed) private {
        Book storage book = _books[accountOf(seed)][roleOf(seed)];
        uint32 seq = _latest(book) + uint32(_pick(seed, 0, 2));
        if (seq == 0) return;
        VM.prank(_licensor);
        REGISTRY.revoke(MODEL_ID, accountOf(seed), roleOf(seed), seq);
        (book.live, book.seq, book.epoch) = (false, seq, _epoch);
        delete book.waiting;
    }

    function _refuse(uint256 seed) private {
        VM.prank(_licensor);
        REGISTRY.refuseAuthorization(MODEL_ID, accountOf(seed), roleOf(seed), "no");
    }

    /// @dev By anybody, with roots that may be registered already, or of which one is missing.
    function _register(uint256 seed) private {
        address from = _pick(seed, 31, 2) == 0 ? VM.addr(keyOf(0)) : accountOf(_pick(seed, 1, 3));
        bytes32 manifestHash = [bytes32(0), "manifest", "another"][_pick(seed, 2, 3)];
        bytes32 id = REGISTRY.modelIdOf(from, "program", "weights", manifestHash);
        bool allowed = manifestHash != 0 && _registrants[id] == address(0);
        VM.prank(from);
        try REGISTRY.registerModel("program", "weights", manifestHash, "") returns (bytes32 made) {
            _check(5, allowed && made == id, "a model was registered twice");
            _registered(id, from);
        } catch {
            _check(5, !allowed, "a model was not registered");
        }
    }

    function _cancel(uint256 seed) private {
        VM.prank(_licensor);
        REGISTRY.cancel(seed % NONCES);
        _canceled[_licensor][seed % NONCES] = true;
    }

    function _raiseEpoch() private {
        VM.prank(_licensor);
        _epoch = REGISTRY.raiseEpoch(MODEL_ID);
        ++_reached.epochs;
    }

    /// @dev Mostly terms under which something is allowed.
    function _publish(uint256 seed) private {
        uint16 modes = uint16(seed >> 16);
        Policy policy = Policy.wrap(seed % 4 == 0 ? modes : 0x0555 + (modes & 0x0555));
        uint40 at = uint40(block.timestamp + 14 days);
        VM.prank(_licensor);
        try REGISTRY.publishTerms(MODEL_ID, bytes32(seed), policy, at, "", "") {
            _check(5, block.timestamp >= _versions[_versions.length - 1].effectiveAt, "two pending versions");
            _versions.push(Version(at, policy));
        } catch {}
    }

    function _transfer() private {
        VM.prank(_licensor);
        REGISTRY.transferLicensor(MODEL_ID, _other());
        _offered = true;
    }

    function _accept(uint256 seed) private {
        address who = seed % 4 == 0 ? accountOf(seed) : _other();
        bool allowed = _offered && who == _other();
        VM.prank(who);
        try REGISTRY.acceptLicensor(MODEL_ID) {
            _check(5, allowed, "the model was taken");
            (_licensor, _offered) = (who, false);
            ++_reached.transfers;
        } catch {
            _check(5, !allowed, "an offered model could not be taken over");
        }
    }

    function _arrange(uint256 seed) private {
        uint256 what = _pick(seed, 30, 6);
        if (what < 3) _delegate(seed);
        if (what > 0 && what < 4) _actFor(seed);
        if (what == 4) _offer(seed);
        if (what == 5) _askLicensor(seed);
    }

    function _delegate(uint256 seed) private {
        (address licensee, address hotKey) = _keys(seed);
        bool allowed = _pick(seed, 1, 4) > 0;
        VM.prank(licensee);
        REGISTRY.delegate(hotKey, allowed);
        _named[licensee][hotKey] = allowed;
    }

    function _actFor(uint256 seed) private {
        (address licensee, address hotKey) = _keys(seed);
        if (_pick(seed, 1, 4) == 0) licensee = address(0);
        VM.prank(hotKey);
        REGISTRY.actFor(licensee);
        _claims[hotKey] = licensee;
    }

    function _offer(uint256 seed) private {
        address operator = accountOf(3 + seed % 3);
        address token = tokenOf(_pick(seed, 0, 2));
        if (_pick(seed, 1, 4) > 0) {
            _serve(operator, token, _pick(seed, 2, 2) == 0 ? 0 : uint96(_pick(seed, 3, 0.5 ether)));
        } else if (_offers[operator][token].serving) {
            VM.prank(operator);
            ORACLE.stopServing(MODEL_ID, token);
            delete _offers[operator][token];
        }
    }

    function _askLicensor(uint256 seed) private {
        VM.prank(accountOf(seed));
        REGISTRY.requestAuthorization(MODEL_ID, roleOf(seed), uint8(1 + _pick(seed, 1, 7)), "", "");
    }

    function _sign(uint256 seed) private {
        uint256 who = seed % 3 == 2 && _pick(seed, 18, 4) > 0 ? seed + 1 : seed; // seldom a hot key
        (address licensee, Role role) = (accountOf(who), roleOf(who));
        uint32 seq = _latest(_books[licensee][role]) + uint32(_pick(seed, 0, 4));
        bool plain = _pick(seed, 1, 2) == 0; // without limits
        uint32 quota = plain || _pick(seed, 7, 2) == 0 ? UNLIMITED : uint32(_pick(seed, 8, 4));
        uint32 dailyRate = plain || _pick(seed, 9, 2) == 0 ? UNLIMITED : uint32(_pick(seed, 10, 4));
        address market = _pick(seed, 19, 5) == 0 ? ELSEWHERE : address(ORACLE);
        _vouchers.push(
            Grant({
                modelId: MODEL_ID,
                licensor: _licensor,
                licensee: licensee,
                role: role,
                classes: plain ? 7 : uint8(1 + _pick(seed, 2, 7)),
                termsVersion: plain || _pick(seed, 3, 4) > 0 ? 0 : uint24(1 + _pick(seed, 4, _versions.length)),
                notBefore: uint40(block.timestamp + (_pick(seed, 5, 3) == 0 ? 50 : 0)),
                expiry: uint40(block.timestamp + 200 + _pick(seed, 6, 3) * 30 days),
                quota: quota,
                dailyRate: dailyRate,
                market: quota == UNLIMITED && dailyRate == UNLIMITED ? address(0) : market,
                royaltyBps: uint16(_pick(seed, 11, 5001)),
                priceToken: tokenOf(_pick(seed, 12, 2)),
                priceFloor: plain || role == Role.OPERATOR || _pick(seed, 13, 3) > 0 ? 0 : 1 gwei,
                payTo: _payTo(_pick(seed, 14, 2) == 0),
                epoch: _epoch,
                seq: seq == 0 ? 1 : seq,
                nonce: _pick(seed, 15, NONCES)
            })
        );
        if (_pick(seed, 16, 2) == 0) _activate(_vouchers[_vouchers.length - 1], seed, _pick(seed, 17, 4) == 0);
    }

    /// @dev Seldom by the licensee itself, whom nothing makes wait.
    function _activate(Grant memory grant, uint256 seed, bool forged) private {
        address sender = _pick(seed, 23, 4) == 0 ? grant.licensee : ANYONE;
        Outcome outcome = _outcome(grant, sender);
        bool good = outcome == Outcome.NOTHING || (outcome != Outcome.REFUSED && (!forged || _isKept(grant)));
        bytes memory signature = _signature(grant, forged);
        VM.prank(sender);
        try REGISTRY.activate(grant, signature) {
            _check(8, good, "a used, canceled, expired or forged voucher was accepted");
            _entered(grant, outcome);
        } catch {
            _check(8, !good, "a voucher was not accepted");
        }
    }

    /// @dev Whether it waits: its signature was seen.
    function _isKept(Grant memory grant) private view returns (bool) {
        Grant memory waiting = _books[grant.licensee][grant.role].waiting;
        return waiting.seq == grant.seq && REGISTRY.hashGrant(waiting) == REGISTRY.hashGrant(grant);
    }

    function _signature(Grant memory grant, bool forged) private view returns (bytes memory) {
        uint256 key = forged ? FORGERS_KEY : grant.licensor == licensorAt(0) ? keyOf(0) : keyOf(1);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, REGISTRY.hashGrant(grant));
        return abi.encodePacked(r, s, v);
    }

    function _serve(address operator, address token, uint96 minFee) private {
        VM.prank(operator);
        ORACLE.serve(MODEL_ID, token, minFee, MAX_CALLBACK_GAS);
        _offers[operator][token] = Offer(true, minFee);
    }

    /// @dev A licensee and the hot key of its role.
    function _keys(uint256 seed) private view returns (address licensee, address hotKey) {
        uint256 first = seed % 2 * 3;
        return (accountOf(first + _pick(seed, 0, 2)), accountOf(first + 2));
    }

    function _other() private view returns (address) {
        return licensorAt(_licensor == licensorAt(0) ? 1 : 0);
    }

    /// @dev Mostly one that is open, if there is one.
    function _some(uint256 seed) private view returns (Known storage known) {
        known = _known[seed % _known.length];
        for (uint256 i = _known.length; i > 0 && known.state != State.OPEN && _pick(seed, 31, 4) > 0; --i) {
            known = _known[i - 1];
        }
    }

    /// @dev Mostly an open one of that operator, if there is one.
    function _someOf(address operator, uint256 seed) private view returns (Known storage known) {
        known = _some(seed);
        if (_pick(seed, 29, 4) == 0) return known;
        for (uint256 i; i < _known.length; ++i) {
            Known storage one = _known[(seed % _known.length + i) % _known.length];
            if (one.state == State.OPEN && one.request.operator == operator) return one;
        }
    }

    /// @dev Somebody with a credit, if anybody has one.
    function _creditor(address token, uint256 seed) private view returns (address who) {
        for (uint256 i; i < PAYEES; ++i) {
            who = payeeOf(seed % PAYEES + i);
            if (_credits[token][who] > 0) break;
        }
    }

    /// @dev Mostly the one that was asked.
    function _operatorFor(Known storage known, uint256 seed) private view returns (address) {
        return _pick(seed, 24, 8) == 0 ? accountOf(3 + _pick(seed, 25, 3)) : known.request.operator;
    }

    /// @dev None, what would be paid, one more, or anything up to the fee.
    function _minPay(Known storage known, address by, uint256 seed) private view returns (uint96) {
        uint256 what = _pick(seed, 26, 8);
        if (what < 3) return 0;
        Plain memory made = known.request;
        if (what == 3) return uint96(_pick(seed, 27, uint256(made.fee) + 1));
        (, Licensed memory license) = _answerable(known, by, 0);
        uint256 pay = _payOf(made, license.grant.royaltyBps);
        return uint96(what == 4 && pay < type(uint96).max ? pay + 1 : pay);
    }

    function _balance(address token, address who) internal view returns (uint256) {
        return token == address(0) ? who.balance : TOKEN.balanceOf(who);
    }

    function _wanted(uint256 seed) internal view returns (address from, Ask memory ask_, address token, uint96 fee) {
        from = accountOf(_pick(seed, 0, 3));
        token = tokenOf(_pick(seed, 1, 2));
        if (_pick(seed, 2, 3) > 0) fee = _pick(seed, 3, 8) == 0 ? type(uint96).max : uint96(_pick(seed, 4, 1 ether));
        ask_ = Ask({
            modelId: MODEL_ID,
            operator: accountOf(3 + _pick(seed, 5, 3)),
            useClass: UseClass(_pick(seed, 6, 3)),
            lane: uint64(_pick(seed, 7, 6)),
            deadline: uint40(block.timestamp + 1 + _pick(seed, 8, 2 days)),
            callbackGas: uint32(_pick(seed, 9, 2)) * MAX_CALLBACK_GAS
        });
        for (uint256 i; i < 3 && _pick(seed, 28, 2) == 0; ++i) {
            if (_books[accountOf(i)][Role.REQUESTER].waiting.seq == 0) continue;
            (from, ask_.useClass) = (accountOf(i), UseClass.COMMERCIAL); // what it waits for
        }
    }

    function _send(bytes memory call, address from, address token, uint256 fee, bool allowed)
        private
        returns (bool done)
    {
        if (token == address(0)) VM.deal(from, from.balance + fee);
        else TOKEN.mint(from, fee);
        VM.prank(from);
        (done,) = address(ORACLE).call{value: token == address(0) ? fee : 0}(call);
        _check(4, !done || allowed, "asked without a license");
        _check(4, done || !allowed, "a license was not accepted");
    }

    /// @dev The `index`-th of the small numbers in a seed.
    function _pick(uint256 seed, uint256 index, uint256 below) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, index))) % below;
    }
}
