// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, bound} from "./support/Vm.sol";

contract FulfillTest is Fixture {
    Plain private made;
    bytes32 private id;

    /// @dev A paid commercial request with a royalty; both sides need grants.
    function setUp() public override {
        super.setUp();
        _ready(ALL_GRANT);
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        (made, id) = _open(1 ether);
    }

    function test_fulfill_reverts_neverMade() public {
        made.seq = 2;
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire())));
    }

    /// @dev Whoever changes one parameter has another id, which is not open.
    function testFuzz_fulfill_reverts_tampered(uint96 fee, uint16 bps, address to, uint24 version) public {
        VM.assume(fee != made.fee && bps != made.royaltyBps && to != made.payTo && version != 1);
        Plain memory honest = made;
        made.fee = fee;
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire())));
        made = honest;
        made.royaltyBps = bps;
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire())));
        made = honest;
        made.payTo = to;
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire())));
        made = honest;
        made.termsVersion = version;
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, oracle.idOf(made.wire())));
    }

    /// @dev Bits above a field's width are either refused by the decoder or part of another id.
    function test_fulfill_reverts_dirtyCalldata() public {
        bytes memory call = abi.encodeCall(IInferenceOracle.fulfill, (made.wire(), OUTPUT, 0));
        for (uint256 word; word < 9; ++word) {
            if (word == 1 || word == 2 || word == 8) continue; // whole words
            bytes memory dirty = bytes.concat(call);
            dirty[4 + 32 * word] = 0x80;
            VM.prank(operator);
            (bool done,) = address(oracle).call(dirty);
            VM.assertFalse(done);
        }
        VM.prank(operator);
        (bool clean,) = address(oracle).call(call);
        VM.assertTrue(clean);
    }

    function test_fulfill_reverts_twice() public {
        _fulfill(made);
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
    }

    function test_fulfill_reverts_refunded() public {
        VM.warp(made.deadline + 1);
        oracle.refund(made.wire());
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
    }

    function testFuzz_fulfill_reverts_late(uint40 at) public {
        VM.warp(bound(at, made.deadline + 1, type(uint40).max));
        _refused(abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, made.deadline));
    }

    function testFuzz_fulfill_reverts_notOperator(address from) public {
        VM.assume(from != operator);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotOperator.selector, id, from, operator));
        VM.prank(from);
        oracle.fulfill(made.wire(), OUTPUT, 0);
    }

    function testFuzz_fulfill_reverts_outputTooLarge(uint256 size) public {
        size = bound(size, 1025, 10_000);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.OutputTooLarge.selector, size, 1024));
        VM.prank(operator);
        oracle.fulfill(made.wire(), new bytes(size), 0);
    }

    /// @dev The operator's license counts at this moment, not when the request was made.
    function test_fulfill_reverts_operatorRevoked() public {
        VM.prank(licensor);
        registry.revoke(modelId, operator, Role.OPERATOR, 1);
        bytes4 selector = ILicenseRegistry.GrantIsRevoked.selector;
        _refused(abi.encodeWithSelector(selector, operator, Role.OPERATOR, 1));
        Grant memory renewed = _grant(operator, Role.OPERATOR, 2);
        registry.activate(renewed, _sign(LICENSOR_KEY, renewed));
        _fulfill(made);
    }

    function test_fulfill_reverts_operatorGrantExpired() public {
        Grant memory brief = _grant(operator, Role.OPERATOR, 2);
        brief.expiry = uint40(START + 10);
        registry.activate(brief, _sign(LICENSOR_KEY, brief));
        VM.warp(START + 11);
        bytes4 selector = ILicenseRegistry.GrantExpired.selector;
        _refused(abi.encodeWithSelector(selector, operator, Role.OPERATOR, brief.expiry));
    }

    function testFuzz_fulfill_paid(uint96 fee, bytes calldata output, uint16 bps, uint40 at) public {
        VM.assume(output.length <= 1024);
        Grant memory grant = _grant(requester, Role.REQUESTER, 2);
        grant.royaltyBps = uint16(bound(bps, 0, 5000));
        registry.activate(grant, _sign(LICENSOR_KEY, grant));
        fee = uint96(bound(fee, 1, type(uint96).max));
        VM.deal(requester, fee);
        Ask memory ask = _ask();
        (ask.useClass, ask.lane) = (UseClass.COMMERCIAL, 99);
        bytes32 request = _request(ask, fee);
        Plain memory paid = _made(ask, requester, 1, fee, grant.royaltyBps);
        (paid.licensee, paid.grantSeq) = (requester, 2);
        VM.warp(bound(at, START, paid.deadline));

        bytes32 resultHash = keccak256(
            abi.encode(oracle.RESULT_TYPEHASH(), block.chainid, address(oracle), request, modelId, keccak256(output))
        );
        VM.assertEq(oracle.resultHashOf(request, modelId, output), resultHash);
        VM.assertFalse(oracle.finalized(paid.wire(), output));
        uint256 held = address(oracle).balance;
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Fulfilled(request, operator, resultHash, 1, ROYALTY_BPS, output);
        VM.prank(operator);
        oracle.fulfill(paid.wire(), output, 0);

        _assertLane(requester, 99, State.FINAL, 1, resultHash);
        VM.assertTrue(oracle.finalized(paid.wire(), output));
        VM.assertFalse(oracle.finalized(paid.wire(), bytes.concat(output, "x")));
        uint256 royalty = uint256(fee) * grant.royaltyBps / 10_000 + uint256(fee) * ROYALTY_BPS / 10_000;
        _assertTill(fee - royalty, royalty);
        VM.assertEq(oracle.credits(address(0), licensor) + oracle.credits(address(0), operator), 0);
        VM.expectEmit(address(oracle));
        emit IPayments.Collected(address(0), modelId, operator, fee - royalty, licensor, royalty);
        VM.prank(stranger);
        (uint256 operators, uint256 models) = oracle.collect(address(0), modelId, operator);
        VM.assertEq(operators, fee - royalty);
        VM.assertEq(models, royalty);
        _assertTill(0, 0);
        VM.assertEq(oracle.credits(address(0), licensor), royalty);
        VM.assertEq(oracle.credits(address(0), operator), fee - royalty);
        VM.assertEq(oracle.credits(address(0), requester), 0);
        VM.assertEq(address(oracle).balance, held);
    }

    /// @dev One SSTORE for a free request: nobody's till or credit is touched.
    function test_fulfill_free_writesOneWord() public {
        Ask memory ask = _ask();
        ask.lane = 99;
        _request(ask, 0);
        VM.record();
        _fulfill(_made(ask, requester, 1, 0, ROYALTY_BPS));
        (, bytes32[] memory writes) = VM.accesses(address(oracle));
        VM.assertEq(writes.length, 1);
        _assertTill(0, 0);
        VM.assertEq(oracle.credits(address(0), operator) + oracle.credits(address(0), licensor), 0);
    }

    /// @dev Free use of the requester's, paid service of the operator's: then the operator serves commercially.
    function test_fulfill_paidServiceIsCommercial() public {
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _ready(NON_COMMERCIAL_FREE);
        Ask memory ask = _ask();
        ask.lane = 98;
        _request(ask, 0);
        _fulfill(_made(ask, requester, 1, 0, 0));
        _request(ask, 1);
        Plain memory paid = _made(ask, requester, 2, 1, 0);
        bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
        VM.expectRevert(abi.encodeWithSelector(selector, operator, Role.OPERATOR, UseClass.COMMERCIAL));
        _fulfill(paid);
        _activate(operator, Role.OPERATOR);
        _fulfill(paid);
        _assertTill(1, 0);
    }

    /// @dev A request keeps the terms it was made under: a change neither frees nor closes it.
    function testFuzz_fulfill_pinsTerms(bool opened) public {
        VM.prank(licensor);
        modelId = registry.registerModel("other", "weights", "manifest", "");
        _ready(opened ? ALL_GRANT : ALL_OPEN);
        if (opened) _activate(requester, Role.REQUESTER);
        VM.prank(licensor);
        registry.publishTerms(modelId, "t2", opened ? ALL_OPEN : ALL_CLOSED, uint40(START) + NOTICE, "", "");
        Ask memory ask = _ask();
        (ask.lane, ask.deadline) = (97, uint40(START) + NOTICE + 10);
        _request(ask, 0);
        VM.warp(START + NOTICE);
        Plain memory pinned = _made(ask, requester, 1, 0, opened ? ROYALTY_BPS : 0);
        if (opened) {
            bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
            VM.expectRevert(abi.encodeWithSelector(selector, operator, Role.OPERATOR, UseClass.PERSONAL));
        }
        _fulfill(pinned);
        VM.assertEq(oracle.finalized(pinned.wire(), OUTPUT), !opened);
    }

    function test_fulfill_afterStopServing() public {
        VM.prank(operator);
        oracle.stopServing(modelId, address(0));
        _fulfill(made);
        VM.assertTrue(oracle.finalized(made.wire(), OUTPUT));
    }

    /// @dev A settled lane is reused; the earlier answer is then no longer vouched for, nor answerable again.
    function test_fulfill_recyclesLane() public {
        _fulfill(made);
        (Plain memory next, bytes32 nextId) = _open(1 ether);
        VM.assertEq(next.seq, 2);
        _assertLane(requester, made.lane, State.OPEN, 2, nextId);
        VM.assertFalse(oracle.finalized(made.wire(), OUTPUT));
        _refused(abi.encodeWithSelector(IInferenceOracle.NotOpen.selector, id));
        _fulfill(next);
        VM.assertTrue(oracle.finalized(next.wire(), OUTPUT));
        VM.assertFalse(oracle.finalized(made.wire(), OUTPUT));
    }

    function _open(uint96 fee) private returns (Plain memory open, bytes32 openId) {
        Ask memory ask = _ask();
        ask.useClass = UseClass.COMMERCIAL;
        (, uint32 seq,) = oracle.stateOf(requester, ask.lane);
        openId = _request(ask, fee);
        open = _made(ask, requester, seq + 1, fee, ROYALTY_BPS);
        VM.assertEq(oracle.idOf(open.wire()), openId);
    }

    function _refused(bytes memory reason) private {
        (State state, uint32 seq, uint200 digest) = oracle.stateOf(requester, made.lane);
        VM.expectRevert(reason);
        VM.prank(operator);
        oracle.fulfill(made.wire(), OUTPUT, 0);
        (State stateAfter, uint32 seqAfter, uint200 digestAfter) = oracle.stateOf(requester, made.lane);
        VM.assertEq(abi.encode(state, seq, digest), abi.encode(stateAfter, seqAfter, digestAfter));
    }
}
