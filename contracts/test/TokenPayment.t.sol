// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {SafeTransferLib} from "solady/utils/SafeTransferLib.sol";

import {Ask, IInferenceOracle, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role} from "../src/interfaces/ILicenseRegistry.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {Fixture} from "./support/Fixture.sol";
import {BlockingToken, HookedToken, SilentToken, StandardToken} from "./support/Tokens.sol";
import {VM, bound} from "./support/Vm.sol";

/// @notice Asks, serves and answers in a token, and tries more from the token's hook.
contract TokenUser {
    IInferenceOracle private immutable _ORACLE;
    HookedToken private immutable _TOKEN;

    Ask private _ask;
    Plain private _made;
    bytes4 private _what;

    constructor(IInferenceOracle oracle, HookedToken token) {
        (_ORACLE, _TOKEN) = (oracle, token);
        token.approve(address(oracle), type(uint256).max);
    }

    function serve(bytes32 modelId) external {
        _ORACLE.serve(modelId, address(_TOKEN), 0, 0);
    }

    function reenter(bytes4 what, Ask calldata ask_, Plain calldata made) external {
        (_what, _ask, _made) = (what, ask_, made);
        _TOKEN.setHook(abi.encodeCall(this.hook, ()));
    }

    function ask(Ask calldata ask_, uint96 fee) external {
        _ORACLE.requestWithToken(ask_, "in", address(_TOKEN), fee);
    }

    function hook() external {
        _TOKEN.setHook("");
        if (_what == IInferenceOracle.requestWithToken.selector) {
            uint256 toll = _TOKEN.toll();
            _TOKEN.setToll(0);
            try _ORACLE.requestWithToken(_ask, "in", address(_TOKEN), 10) {} catch {}
            _TOKEN.setToll(toll);
        } else {
            _ORACLE.fulfill(_made.wire(), "out", 0);
            _ORACLE.collect(address(_TOKEN), _made.modelId, address(this));
            _ORACLE.withdraw(address(_TOKEN), address(this));
        }
    }
}

/// @notice Fees, royalties and refunds in tokens.
contract TokenPaymentTest is Fixture {
    uint96 private constant MIN = 20; // half of it is what the operator asks

    StandardToken private standard;
    SilentToken private silent;
    HookedToken private hooked;
    Ask private ask;

    function setUp() public override {
        super.setUp();
        _publish(ALL_GRANT);
        (standard, silent, hooked) = (new StandardToken(), new SilentToken(), new HookedToken());
        _activate(operator, Role.OPERATOR);
        _activate(requester, Role.REQUESTER);
        ask = _ask();
        address[3] memory tokens = [address(standard), address(silent), address(hooked)];
        for (uint256 i; i < 3; ++i) {
            VM.prank(operator);
            oracle.serve(modelId, tokens[i], 10, 0);
            VM.prank(requester);
            SilentToken(tokens[i]).approve(address(oracle), type(uint256).max);
        }
    }

    /// @dev The first use of a grant, paid in a token.
    function testFuzz_requestWithGrant(uint96 fee) public {
        fee = uint96(bound(fee, MIN, type(uint96).max));
        Grant memory grant = _grant(requester, Role.REQUESTER, 2);
        bytes memory signature = _sign(LICENSOR_KEY, grant);
        standard.mint(requester, fee);
        VM.prank(requester);
        oracle.requestWithGrant(ask, INPUT, address(standard), fee, grant, signature);
        VM.assertEq(standard.balanceOf(address(oracle)), fee);
        VM.assertEq(lens.grantOf(modelId, requester, Role.REQUESTER).seq, 2);
        (State state,,) = oracle.stateOf(requester, ask.lane);
        VM.assertTrue(state == State.OPEN);
    }

    function test_requestWithToken_reverts_otherOffer() public {
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceOracle.OperatorNotServing.selector, modelId, operator, address(0xdead))
        );
        _requestWith(address(0xdead), 10);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.FeeTooLow.selector, 8, 10));
        _requestWith(address(standard), 9); // of which the royalty is 1
    }

    /// @dev Neither ether by the wrong door, nor an account without code, is a token.
    function testFuzz_requestWithToken_reverts_noToken(address none) public {
        if (none.code.length > 0 || uint160(none) < 256) none = address(0);
        VM.prank(operator);
        oracle.serve(modelId, none, 0, 0);
        _expect(SafeTransferLib.TransferFromFailed.selector);
        _requestWith(none, 10);
    }

    function testFuzz_requestWithToken_reverts_notPaid(uint96 fee, bool allowed) public {
        fee = uint96(bound(fee, MIN, type(uint96).max));
        if (allowed) {
            standard.mint(requester, fee - 1);
        } else {
            standard.mint(requester, fee);
            VM.prank(requester);
            standard.approve(address(oracle), fee - 1);
        }
        _expect(SafeTransferLib.TransferFromFailed.selector);
        _requestWith(address(standard), fee);
        _assertLane(requester, ask.lane, State.NONE, 0, 0);
    }

    function testFuzz_requestWithToken_reverts_feeOnTransfer(uint96 fee, uint96 toll) public {
        fee = uint96(bound(fee, MIN, type(uint96).max));
        toll = uint96(bound(toll, 1, fee));
        hooked.mint(requester, fee);
        hooked.setToll(toll);
        VM.expectRevert(abi.encodeWithSelector(IPayments.FeeNotReceived.selector, address(hooked), fee - toll, fee));
        _requestWith(address(hooked), fee);
        VM.assertEq(hooked.balanceOf(requester), fee);
    }

    /// @dev One payment cannot count for two requests: not even where the inner one makes up for the toll of the outer one. The inner
    /// one is refused, so that the toll shows.
    function test_requestWithToken_cannotBeNested() public {
        TokenUser user = _user();
        hooked.setToll(10);
        Ask memory inner = ask;
        inner.lane = 8;
        Plain memory none;
        user.reenter(IInferenceOracle.requestWithToken.selector, inner, none);
        VM.expectRevert(abi.encodeWithSelector(IPayments.FeeNotReceived.selector, address(hooked), 10, 20));
        user.ask(ask, 20);
        _assertLane(address(user), 7, State.NONE, 0, 0);
        VM.assertEq(hooked.balanceOf(address(user)), 1000);
    }

    /// @dev A request is open before its fee arrives. Whoever answers it then and takes the fee takes others' money, which is seen.
    function test_requestWithToken_cannotBeAnsweredBeforePaid() public {
        hooked.mint(requester, 500);
        _requestWith(address(hooked), 500); // what could be taken
        TokenUser user = _user();
        user.serve(modelId);
        _activate(address(user), Role.OPERATOR);
        ask.operator = address(user);
        Plain memory made = _in(address(hooked), address(user), 1, 20);
        made.royaltyBps = ROYALTY_BPS;
        user.reenter(IInferenceOracle.fulfill.selector, ask, made);
        VM.expectRevert(abi.encodeWithSelector(IPayments.FeeNotReceived.selector, address(hooked), 4, 20));
        user.ask(ask, 20);
        VM.assertEq(hooked.balanceOf(address(oracle)), 500);
        VM.assertEq(oracle.credits(address(hooked), address(user)), 0);
    }

    /// @dev Every kind of token, to the smallest unit: paid in, credited, paid out.
    function testFuzz_fulfill(uint8 kind, uint96 fee, uint16 requesters, uint16 operators) public {
        SilentToken token = _token(kind);
        fee = uint96(bound(fee, MIN, type(uint96).max));
        Grant memory first = _grant(requester, Role.REQUESTER, 2);
        (first.royaltyBps, first.payTo) = (uint16(bound(requesters, 0, 5000)), stranger);
        _activate(first);
        Grant memory second = _grant(operator, Role.OPERATOR, 2);
        second.royaltyBps = uint16(bound(operators, 0, 5000));
        _activate(second);
        token.mint(requester, fee);
        Plain memory made = _in(address(token), requester, 1, fee);
        (made.royaltyBps, made.payTo, made.grantSeq) =
        (first.royaltyBps, first.royaltyBps > 0 ? stranger : address(0), 2);

        VM.expectEmit(address(oracle));
        emit IInferenceOracle.Requested(oracle.idOf(made.wire()), operator, made.wire(), "in");
        bytes32 id = _requestWith(address(token), fee);

        VM.assertEq(id, oracle.idOf(made.wire()));
        VM.assertEq(token.balanceOf(requester), 0);
        VM.assertEq(token.balanceOf(address(oracle)), fee);
        _fulfill(made);
        uint256 one = uint256(fee) * first.royaltyBps / 10_000;
        uint256 two = uint256(fee) * second.royaltyBps / 10_000;
        (uint256 pay, uint256 models) = oracle.tillOf(address(token), modelId, operator);
        VM.assertEq(pay, fee - one - two);
        VM.assertEq(models, two);
        VM.assertEq(oracle.credits(address(token), operator) + oracle.credits(address(token), licensor), 0);
        oracle.collect(address(token), modelId, operator);
        _withdraw(token, stranger, one);
        _withdraw(token, licensor, two);
        _withdraw(token, operator, fee - one - two);
        VM.assertEq(token.balanceOf(address(oracle)), 0);
        VM.assertEq(oracle.credits(address(0), operator), 0);
    }

    function testFuzz_refund(uint8 kind, uint96 fee) public {
        SilentToken token = _token(kind);
        fee = uint96(bound(fee, MIN, type(uint96).max));
        token.mint(requester, fee);
        _requestWith(address(token), fee);
        VM.warp(ask.deadline + 1);
        oracle.refund(_in(address(token), requester, 1, fee).wire());
        VM.assertEq(oracle.credits(address(0), requester), 0);
        _withdraw(token, requester, fee);
    }

    /// @dev An account that its token has blocked has its credit paid elsewhere.
    function test_withdrawTo_blocked() public {
        BlockingToken token = new BlockingToken();
        VM.prank(operator);
        oracle.serve(modelId, address(token), 10, 0);
        token.mint(requester, 100);
        VM.prank(requester);
        token.approve(address(oracle), 100);
        _requestWith(address(token), 100);
        VM.warp(ask.deadline + 1);
        oracle.refund(_in(address(token), requester, 1, 100).wire());
        token.refuse(requester);
        _expect(SafeTransferLib.TransferFailed.selector);
        oracle.withdraw(address(token), requester);
        VM.assertEq(oracle.credits(address(token), requester), 100);
        VM.prank(requester);
        VM.assertEq(oracle.withdrawTo(address(token), stranger), 100);
        VM.assertEq(token.balanceOf(stranger), 100);
    }

    /// @dev A grant with a floor in a token is for requests paid in that token.
    function testFuzz_priceFloor(uint96 floor, uint96 fee) public {
        (floor, fee) = (uint96(bound(floor, 1, 1e24)), uint96(bound(fee, MIN, 1e24)));
        Grant memory grant = _grant(requester, Role.REQUESTER, 2);
        (grant.priceToken, grant.priceFloor) = (address(standard), floor);
        _activate(grant);
        standard.mint(requester, fee);
        silent.mint(requester, type(uint96).max);
        bytes memory below =
            abi.encodeWithSelector(ILicenseRegistry.PriceBelowFloor.selector, requester, address(standard), floor);
        VM.expectRevert(below);
        _requestWith(address(silent), type(uint96).max);
        if (fee < floor) VM.expectRevert(below);
        _requestWith(address(standard), fee);
    }

    function _user() private returns (TokenUser user) {
        user = new TokenUser(oracle, hooked);
        hooked.mint(address(user), 1000);
        _activate(address(user), Role.REQUESTER);
    }

    function _token(uint8 kind) private view returns (SilentToken) {
        return kind % 3 == 0 ? SilentToken(address(standard)) : kind % 3 == 1 ? silent : hooked;
    }

    function _in(address token, address from, uint32 seq, uint96 fee) private view returns (Plain memory made) {
        made = _made(ask, from, seq, fee, ROYALTY_BPS);
        (made.token, made.inputHash) = (token, keccak256("in"));
    }

    function _requestWith(address token, uint96 fee) private returns (bytes32) {
        VM.prank(requester);
        return oracle.requestWithToken(ask, "in", token, fee);
    }

    function _withdraw(SilentToken token, address to, uint256 amount) private {
        VM.assertEq(oracle.credits(address(token), to), amount);
        if (amount > 0) {
            VM.expectEmit(address(oracle));
            emit IPayments.Withdrawn(address(token), to, to, amount);
        }
        VM.assertEq(oracle.withdraw(address(token), to), amount);
        VM.assertEq(token.balanceOf(to), amount);
        VM.assertEq(oracle.credits(address(token), to), 0);
    }
}
