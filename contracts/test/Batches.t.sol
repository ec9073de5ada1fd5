// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {InferenceConsumer} from "../src/consumers/InferenceConsumer.sol";
import {Ask, IInferenceOracle, Request, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UNLIMITED} from "../src/interfaces/ILicenseRegistry.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {Policy} from "../src/types/Policy.sol";
import {Fixture} from "./support/Fixture.sol";
import {Plain} from "./support/Plain.sol";
import {HookedToken, StandardToken} from "./support/Tokens.sol";
import {VM, Vm} from "./support/Vm.sol";

/// @notice A licensor that asks for an inference of its own model and ends the operator's grant when it is answered.
contract RevokingLicensor is InferenceConsumer {
    IRegistry private immutable _REGISTRY;
    bytes32 public modelId;
    address private _operator;

    constructor(IInferenceOracle oracle) InferenceConsumer(oracle) {
        _REGISTRY = oracle.REGISTRY();
    }

    function publish(Policy policy) external {
        modelId = _REGISTRY.registerModel("its", "own", "model", "");
        _REGISTRY.publishTerms(modelId, "terms", policy, 0, "", "");
    }

    function ask(Ask calldata ask_, bytes calldata input) external payable returns (bytes32) {
        _operator = ask_.operator;
        return _ask(ask_, input, msg.value);
    }

    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }

    function _onInference(bytes32, uint64, bytes calldata) internal override {
        _REGISTRY.revoke(modelId, _operator, Role.OPERATOR, 1);
    }
}

/// @notice Several requests and several answers in one transaction.
contract BatchesTest is Fixture {
    /// @dev Requesters need nothing, operators a grant.
    Policy private constant OPERATORS_GRANT = Policy.wrap(0x0a95);
    uint256 private constant MANY = 4;

    Ask[] private asks;
    bytes[] private inputs;
    uint96[] private fees;

    function setUp() public override {
        super.setUp();
        _ready(OPERATORS_GRANT);
        _activate(operator, Role.OPERATOR);
        for (uint64 i; i < MANY; ++i) {
            Ask memory ask = _ask();
            ask.lane = i;
            asks.push(ask);
            inputs.push(abi.encode(i));
            fees.push(uint96(1000 * (i + 1)));
        }
    }

    // requests

    /// @dev Each is what it would be by itself, and all fees together are what was sent.
    function testFuzz_requestMany(uint96[MANY] memory paid) public {
        uint256 total;
        for (uint256 i; i < MANY; ++i) {
            (fees[i], total) = (paid[i], total + paid[i]);
        }
        VM.deal(requester, total);
        for (uint256 i; i < MANY; ++i) {
            Plain memory made = _madeAt(i);
            bytes32 expected = oracle.idOf(made.wire());
            VM.expectEmit(address(oracle));
            emit IInferenceOracle.Requested(expected, operator, made.wire(), inputs[i]);
        }
        VM.prank(requester);
        bytes32[] memory ids = oracle.requestMany{value: total}(asks, inputs, address(0), fees);
        VM.assertEq(ids.length, MANY);
        for (uint256 i; i < MANY; ++i) {
            VM.assertEq(ids[i], oracle.idOf(_madeAt(i).wire()));
            _assertLane(requester, uint64(i), State.OPEN, 1, ids[i]);
        }
        VM.assertEq(address(oracle).balance, total);
        VM.assertEq(requester.balance, 0);
    }

    function testFuzz_requestMany_reverts_otherValue(uint96 sent) public {
        VM.assume(sent != 10_000);
        VM.deal(requester, sent);
        _refused(sent, address(0), abi.encodeWithSelector(IPayments.FeeNotReceived.selector, address(0), sent, 10_000));
    }

    /// @dev Fees that sum up beyond their width are not paid by a small number.
    function test_requestMany_reverts_sumBeyondWidth() public {
        (fees[0], fees[1], fees[2], fees[3]) = (type(uint96).max, 1, 0, 0);
        bytes4 selector = IPayments.FeeNotReceived.selector;
        _refused(0, address(0), abi.encodeWithSelector(selector, address(0), 0, uint256(1) << 96));
    }

    function test_requestMany_inToken() public {
        StandardToken token = new StandardToken();
        _serveFor(address(token));
        token.mint(requester, 10_000);
        VM.prank(requester);
        token.approve(address(oracle), 10_000);
        VM.prank(requester);
        bytes32[] memory ids = oracle.requestMany(asks, inputs, address(token), fees);
        VM.assertEq(token.balanceOf(address(oracle)), 10_000);
        VM.assertEq(token.balanceOf(requester), 0);
        for (uint256 i; i < MANY; ++i) {
            Plain memory made = _madeAt(i);
            made.token = address(token);
            VM.assertEq(ids[i], oracle.idOf(made.wire()));
        }
    }

    /// @dev Too little allowed, ether with it, or a token that keeps a part: nothing is asked.
    function test_requestMany_reverts_inToken() public {
        HookedToken token = new HookedToken();
        _serveFor(address(token));
        token.mint(requester, 10_000);
        VM.prank(requester);
        token.approve(address(oracle), 9999);
        _refused(0, address(token), abi.encodeWithSelector(SafeTransferLib.TransferFromFailed.selector));
        bytes4 selector = IPayments.FeeNotReceived.selector;
        _refused(1, address(token), abi.encodeWithSelector(selector, address(0), 1, 0));
        VM.prank(requester);
        token.approve(address(oracle), 10_000);
        token.setToll(1);
        _refused(0, address(token), abi.encodeWithSelector(selector, address(token), 9999, 10_000));
        VM.assertEq(token.balanceOf(requester), 10_000);
    }

    /// @dev One that is refused refuses all, with its reason.
    function testFuzz_requestMany_reverts_allOrNone(uint8 which, uint8 kind) public {
        uint256 bad = which % MANY;
        bytes memory reason;
        if (kind % 4 == 0) {
            asks[bad].deadline = uint40(START);
            reason = abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, START);
        } else if (kind % 4 == 1) {
            asks[bad].operator = stranger;
            bytes4 selector = IInferenceOracle.OperatorNotServing.selector;
            reason = abi.encodeWithSelector(selector, modelId, stranger, address(0));
        } else if (kind % 4 == 2) {
            asks[bad].lane = asks[(bad + 1) % MANY].lane; // the same twice
            reason = abi.encodeWithSelector(IInferenceOracle.LaneBusy.selector, requester, asks[bad].lane);
        } else {
            inputs[bad] = new bytes(24_641);
            reason = abi.encodeWithSelector(IInferenceOracle.InputTooLarge.selector, 24_641, 24_640);
        }
        _refused(10_000, address(0), reason);
    }

    /// @dev Uses of a grant that are left for three are not for four, and then none is used.
    function test_requestMany_reverts_quota() public {
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _ready(ALL_GRANT);
        for (uint256 i; i < MANY; ++i) {
            asks[i].modelId = modelId;
        }
        _activate(_metered(requester, Role.REQUESTER, 1, 3, UNLIMITED));
        bytes4 selector = ILicenseRegistry.QuotaExhausted.selector;
        _refused(10_000, address(0), abi.encodeWithSelector(selector, requester, Role.REQUESTER));
        _assertUses(requester, Role.REQUESTER, 3, 0);
        asks.pop();
        inputs.pop();
        fees.pop();
        VM.prank(requester);
        oracle.requestMany{value: 6000}(asks, inputs, address(0), fees);
        _assertUses(requester, Role.REQUESTER, 0, 3);
    }

    function test_requestMany_reverts_unequalLists() public {
        inputs.pop();
        _refused(10_000, address(0), abi.encodeWithSelector(IPayments.UnequalLists.selector, MANY, MANY - 1));
        asks.pop();
        _refused(10_000, address(0), abi.encodeWithSelector(IPayments.UnequalLists.selector, MANY - 1, MANY));
    }

    // answers

    function test_fulfillMany() public {
        (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) = _open();
        for (uint256 i; i < MANY; ++i) {
            bytes32 id = oracle.idOf(made[i]);
            bytes32 resultHash = oracle.resultHashOf(id, modelId, outputs[i]);
            VM.expectEmit(address(oracle));
            emit IInferenceOracle.Fulfilled(id, operator, resultHash, 1, ROYALTY_BPS, outputs[i]);
        }
        VM.prank(operator);
        VM.assertEq(oracle.fulfillMany(made, outputs, minPays), MANY);
        for (uint256 i; i < MANY; ++i) {
            VM.assertTrue(oracle.finalized(made[i], outputs[i]));
        }
        _assertTill(8750, 1250);
    }

    /// @dev Any one of them, for any reason: it is told, and costs the others nothing.
    function testFuzz_fulfillMany_oneBad(uint8 which, uint8 kind) public {
        uint256 bad = which % MANY;
        if (kind % 5 == 0) asks[bad].operator = stranger;
        if (kind % 5 == 1) asks[bad].deadline = uint40(START + 10);
        if (kind % 5 == 0) _serveAs(stranger);
        (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) = _open();
        bytes32 id = oracle.idOf(made[bad]);
        VM.warp(START + 11);
        bytes memory reason;
        if (kind % 5 == 0) {
            reason = abi.encodeWithSelector(IInferenceOracle.NotOperator.selector, id, operator, stranger);
        } else if (kind % 5 == 1) {
            reason = abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, START + 10);
        } else if (kind % 5 == 2) {
            outputs[bad] = new bytes(1025);
            reason = abi.encodeWithSelector(IInferenceOracle.OutputTooLarge.selector, 1025, 1024);
        } else if (kind % 5 == 3) {
            uint256 pay = fees[bad] - uint256(fees[bad]) * ROYALTY_BPS / 10_000;
            minPays[bad] = uint96(pay + 1);
            reason = abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, pay, pay + 1);
        } else {
            made[bad] = made[(bad + 1) % MANY]; // the same twice: the second is not open any more
            id = oracle.idOf(made[bad]);
            outputs[bad] = outputs[(bad + 1) % MANY];
            reason = abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id);
        }
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.NotFulfilled(id, operator, reason);
        VM.prank(operator);
        VM.assertEq(oracle.fulfillMany(made, outputs, minPays), MANY - 1);
        _assertOthers(made, outputs, kind % 5 == 4 ? MANY : bad, bad);
        if (kind % 5 < 4) _assertLane(requester, uint64(bad), State.OPEN, 1, id);
    }

    /// @dev A grant that was revoked ends the answers about its model, and those alone.
    function test_fulfillMany_revokedGrant() public {
        bytes32 first = modelId;
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _ready(OPERATORS_GRANT);
        _activate(operator, Role.OPERATOR);
        asks[1].modelId = modelId;
        (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) = _open();
        VM.prank(licensor);
        registry.revoke(modelId, operator, Role.OPERATOR, 1);
        bytes4 selector = ILicenseRegistry.GrantIsRevoked.selector;
        bytes32 id = oracle.idOf(made[1]);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.NotFulfilled(id, operator, abi.encodeWithSelector(selector, operator, Role.OPERATOR, 1));
        VM.prank(operator);
        VM.assertEq(oracle.fulfillMany(made, outputs, minPays), MANY - 1);
        modelId = first;
        _assertOthers(made, outputs, 1, 1);
    }

    /// @dev Gas for all but a callback: that one is not answered, and can be later.
    function test_fulfillMany_starvedCallback() public {
        asks[1].callbackGas = 300_000;
        (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) = _open();
        VM.recordLogs();
        VM.prank(operator);
        VM.assertEq(oracle.fulfillMany{gas: 330_000}(made, outputs, minPays), MANY - 1);
        (bytes32 id, bytes memory reason) = _lastNotFulfilled();
        VM.assertEq(id, oracle.idOf(made[1]));
        VM.assertTrue(bytes4(reason) == IInferenceOracle.InsufficientGas.selector);
        _assertOthers(made, outputs, 1, 1);
        VM.prank(operator);
        oracle.fulfill(made[1], outputs[1], minPays[1]);
        VM.assertTrue(oracle.finalized(made[1], outputs[1]));
    }

    /// @dev A callback of the licensor's ends the operator's grant in the middle: what was answered before it stands, and what is
    /// about other models is answered after it.
    function test_fulfillMany_callbackRevokes() public {
        RevokingLicensor revoking = new RevokingLicensor(oracle);
        revoking.publish(OPERATORS_GRANT);
        Grant memory grant = _grant(operator, Role.OPERATOR, 1);
        (grant.modelId, grant.licensor) = (revoking.modelId(), address(revoking));
        registry.activate(grant, "");
        VM.prank(operator);
        oracle.serve(grant.modelId, address(0), 0, MAX_CALLBACK_GAS);
        Request[] memory made = new Request[](4);
        made[0] = _askedBy(revoking, grant.modelId, 0, 0);
        made[1] = _askedBy(revoking, grant.modelId, 1, 200_000);
        made[2] = _askedBy(revoking, grant.modelId, 2, 0);
        Ask memory ask = _ask();
        _request(ask, 1000);
        made[3] = _made(ask, requester, 1, 1000, 0).wire();
        bytes[] memory outputs = new bytes[](4);
        bytes4 selector = ILicenseRegistry.GrantIsRevoked.selector;
        bytes32 id = oracle.idOf(made[2]);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.NotFulfilled(id, operator, abi.encodeWithSelector(selector, operator, Role.OPERATOR, 1));
        VM.prank(operator);
        VM.assertEq(oracle.fulfillMany(made, outputs, new uint96[](4)), 3);
        for (uint256 i; i < 4; ++i) {
            VM.assertEq(oracle.finalized(made[i], ""), i != 2);
        }
        (uint256 pay,) = oracle.tillOf(address(0), grant.modelId, operator);
        VM.assertEq(pay, 2 * 875);
        _assertTill(875, 125);
    }

    function test_fulfillMany_reverts_nothingFulfilled() public {
        (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) = _open();
        _expect(IInferenceOracle.NothingFulfilled.selector);
        VM.prank(stranger);
        oracle.fulfillMany(made, outputs, minPays);
        _expect(IInferenceOracle.NothingFulfilled.selector);
        oracle.fulfillMany(new Request[](0), new bytes[](0), new uint96[](0));
        for (uint256 i; i < MANY; ++i) {
            _assertLane(requester, uint64(i), State.OPEN, 1, oracle.idOf(made[i]));
        }
    }

    function test_fulfillMany_reverts_unequalLists() public {
        (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) = _open();
        VM.expectRevert(abi.encodeWithSelector(IPayments.UnequalLists.selector, MANY, 1));
        VM.prank(operator);
        oracle.fulfillMany(made, new bytes[](1), minPays);
        VM.expectRevert(abi.encodeWithSelector(IPayments.UnequalLists.selector, MANY, MANY + 1));
        VM.prank(operator);
        oracle.fulfillMany(made, outputs, new uint96[](MANY + 1));
    }

    /// @dev Requests in `asks`, made together, with an output for each.
    function _open() private returns (Request[] memory made, bytes[] memory outputs, uint96[] memory minPays) {
        VM.prank(requester);
        oracle.requestMany{value: 10_000}(asks, inputs, address(0), fees);
        (made, outputs, minPays) = (new Request[](MANY), new bytes[](MANY), new uint96[](MANY));
        for (uint256 i; i < MANY; ++i) {
            (made[i], outputs[i]) = (_madeAt(i).wire(), abi.encode(i, "out"));
            minPays[i] = uint96(fees[i] - uint256(fees[i]) * ROYALTY_BPS / 10_000);
        }
    }

    function _madeAt(uint256 i) private view returns (Plain memory made) {
        made = _made(asks[i], requester, 1, fees[i], 0);
        made.inputHash = keccak256(inputs[i]);
    }

    function _askedBy(RevokingLicensor from, bytes32 model, uint64 lane, uint32 callbackGas)
        private
        returns (Request memory)
    {
        Ask memory ask = _ask();
        (ask.modelId, ask.lane, ask.callbackGas) = (model, lane, callbackGas);
        from.ask{value: 1000}(ask, INPUT);
        return _made(ask, address(from), 1, 1000, 0).wire();
    }

    /// @dev All but one are final, and what they earned about the model is in the till.
    function _assertOthers(Request[] memory made, bytes[] memory outputs, uint256 open, uint256 unpaid) private view {
        (uint256 pay, uint256 royalty) = (0, 0);
        for (uint256 i; i < MANY; ++i) {
            VM.assertEq(oracle.finalized(made[i], outputs[i]), i != open);
            if (i == unpaid) continue;
            royalty += uint256(fees[i]) * ROYALTY_BPS / 10_000;
            pay += fees[i] - uint256(fees[i]) * ROYALTY_BPS / 10_000;
        }
        _assertTill(pay, royalty);
    }

    function _lastNotFulfilled() private returns (bytes32 id, bytes memory reason) {
        Vm.Log[] memory logs = VM.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IInferenceOracle.NotFulfilled.selector) continue;
            (id, reason) = (logs[i].topics[1], abi.decode(logs[i].data, (bytes)));
        }
    }

    function _serveFor(address token) private {
        VM.prank(operator);
        oracle.serve(modelId, token, 0, 0);
    }

    function _serveAs(address who) private {
        VM.prank(who);
        oracle.serve(modelId, address(0), 0, 0);
    }

    function _refused(uint256 value, address token, bytes memory reason) private {
        VM.expectRevert(reason);
        VM.prank(requester);
        oracle.requestMany{value: value}(asks, inputs, token, fees);
        for (uint64 i; i < MANY; ++i) {
            _assertLane(requester, i, State.NONE, 0, 0);
        }
        VM.assertEq(address(oracle).balance, 0);
    }
}
