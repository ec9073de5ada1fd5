// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceOracle} from "../src/InferenceOracle.sol";
import {Ask, IInferenceOracle, Request, State} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, ILicenseRegistry, Role, UNLIMITED, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IPayments} from "../src/interfaces/IPayments.sol";
import {Facts, RequestFacts} from "../src/types/Facts.sol";
import {Fixture} from "./support/Fixture.sol";
import {OrderingWallet} from "./support/OrderingWallet.sol";
import {OwnedWallet} from "./support/OwnedWallet.sol";
import {VM, account, bound} from "./support/Vm.sol";

/// @notice Orders: asked, paid and answered in one transaction.
contract OrdersTest is Fixture {
    uint256 private constant KEY = 0xA5C;
    uint96 private constant FEE = 1 ether;
    uint64 private constant LANE = 7;
    uint256 private constant BORN = 31_337; // forge's chain id

    function setUp() public override {
        super.setUp();
        requester = VM.addr(KEY);
        VM.deal(requester, 100 ether);
        _publish(ALL_GRANT); // and nobody serves: whoever answers an order agrees to it
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
        VM.prank(requester);
        oracle.deposit{value: 10 ether}(address(0), requester, 10 ether);
    }

    function testFuzz_fulfillOrder_paid(uint96 fee, bytes calldata output, uint40 at, uint64 lane) public {
        VM.assume(output.length <= 1024);
        fee = uint96(bound(fee, 1, 10 ether));
        Request memory order = _order(fee, lane, 1, 0, 0);
        bytes32 id = oracle.idOf(order);
        VM.warp(bound(at, START, order.facts.deadline()));
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.OrderFulfilled(
            id,
            operator,
            requester,
            modelId,
            order.inputHash,
            address(0),
            fee,
            order.facts,
            ROYALTY_BPS,
            ROYALTY_BPS,
            output
        );
        bytes memory signature = _signed(order);
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, output, 0);

        _assertLane(requester, lane, State.FINAL, 1, oracle.resultHashOf(id, modelId, output));
        VM.assertTrue(oracle.finalized(order, output));
        VM.assertFalse(oracle.finalized(order, bytes.concat(output, "x")));
        uint256 royalty = uint256(fee) * ROYALTY_BPS / 10_000 * 2;
        _assertTill(fee - royalty, royalty);
        VM.assertEq(oracle.deposits(address(0), requester), 10 ether - fee);
        VM.assertEq(address(oracle).balance, 10 ether);
    }

    /// @dev Nothing moves for a free order but its lane.
    function test_fulfillOrder_free_writesOneWord() public {
        Request memory order = _order(0, LANE, 1, 0, 0);
        bytes memory signature = _signed(order);
        VM.record();
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
        (, bytes32[] memory writes) = VM.accesses(address(oracle));
        VM.assertEq(writes.length, 1);
    }

    function test_fulfillOrder_policyOpen() public {
        VM.prank(licensor);
        modelId = registry.registerModel("open", "weights", "manifest", "");
        _publish(ALL_OPEN);
        _answer(_order(FEE, LANE, 1, 0, 0));
        _assertTill(FEE, 0);
    }

    /// @dev One lane holds requests and orders, one after the other.
    function test_fulfillOrder_sharesItsLaneWithRequests() public {
        _serve(0);
        _answer(_order(FEE, LANE, 1, 0, 0));
        Ask memory ask = _ask();
        (ask.lane, ask.useClass) = (LANE, UseClass.COMMERCIAL);
        _request(ask, FEE);
        Request memory next = _order(FEE, LANE, 3, 0, 0);
        _refused(next, abi.encodeWithSelector(IInferenceOracle.LaneBusy.selector, requester, LANE));
        _fulfill(_made(ask, requester, 2, FEE, ROYALTY_BPS));
        _answer(next);
        _assertLane(requester, LANE, State.FINAL, 3, oracle.resultHashOf(oracle.idOf(next), modelId, OUTPUT));
    }

    /// @dev An order says nothing of a grant: a request that does is none, whoever signed what.
    function testFuzz_fulfillOrder_reverts_notAnOrder(uint8 what, uint160 more) public {
        VM.assume(more != 0);
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        uint256 facts = Facts.unwrap(order.facts);
        if (what % 4 == 0) order.payTo = address(more);
        if (what % 4 == 1) order.licensee = address(more);
        if (what % 4 == 2) order.facts = Facts.wrap(facts | uint256(uint32(more) | 1) << 120);
        if (what % 4 == 3) order.facts = Facts.wrap(facts | uint256(uint16(more) | 1) << 8);
        _refused(order, abi.encodeWithSelector(IInferenceOracle.NotAnOrder.selector));
    }

    function testFuzz_fulfillOrder_reverts_late(uint40 at) public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        VM.warp(bound(at, order.facts.deadline() + 1, START + 20 days));
        _refused(order, abi.encodeWithSelector(IInferenceOracle.DeadlinePassed.selector, order.facts.deadline()));
    }

    function testFuzz_fulfillOrder_reverts_notOperator(address from) public {
        VM.assume(from != operator);
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory signature = _signed(order);
        VM.expectRevert(
            abi.encodeWithSelector(IInferenceOracle.NotOperator.selector, oracle.idOf(order), from, operator)
        );
        VM.prank(from);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
    }

    function test_fulfillOrder_reverts_outputTooLarge() public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory signature = _signed(order);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.OutputTooLarge.selector, 1025, 1024));
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, new bytes(1025), 0);
    }

    function test_fulfillOrder_reverts_replayed() public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        _answer(order);
        _refused(order, abi.encodeWithSelector(IInferenceOracle.NotNext.selector, 1, 2));
    }

    function testFuzz_fulfillOrder_reverts_notNext(uint32 seq) public {
        VM.assume(seq != 1);
        _refused(_order(FEE, LANE, seq, 0, 0), abi.encodeWithSelector(IInferenceOracle.NotNext.selector, seq, 1));
    }

    /// @dev Whatever is changed of what was signed, the signature is not for it.
    function testFuzz_fulfillOrder_reverts_tampered(uint8 field, uint248 change) public {
        VM.assume(change != 0);
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory signature = _signed(order);
        field = field % 8;
        if (field == 0) order.modelId ^= bytes32(uint256(change));
        if (field == 1) order.inputHash ^= bytes32(uint256(change));
        if (field == 2) order.token = address(uint160(order.token) ^ uint160(change | 1));
        if (field == 3) order.fee ^= uint96(change | 1);
        if (field == 4) order.facts = Facts.wrap(Facts.unwrap(order.facts) ^ uint256(uint8(change) | 1) << 248); // items
        if (field == 5) order.facts = Facts.wrap(Facts.unwrap(order.facts) ^ uint256(uint64(change) | 1) << 184); // lane
        if (field == 6) order.facts = Facts.wrap(Facts.unwrap(order.facts) ^ uint256(uint32(change) | 1) << 48); // gas
        if (field == 7) order.facts = Facts.wrap(Facts.unwrap(order.facts) ^ uint256(uint24(change) | 1) << 24); // terms
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, requester));
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
    }

    function testFuzz_fulfillOrder_reverts_signedByAnother(uint128 key) public {
        VM.assume(key != 0 && key != KEY);
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory signature = _signed(key, order);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, requester));
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
    }

    /// @dev What was signed for another market is not signed here.
    function test_fulfillOrder_reverts_otherMarket() public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory signature = _signed(order);
        InferenceOracle other = InferenceOracle(account("other"));
        VM.etch(address(other), address(oracle).code);
        VM.prank(operator);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, requester));
        other.fulfillOrder(order, signature, OUTPUT, 0);
    }

    /// @dev Nor what was signed under another id of the chain; where it has that id again, it is.
    function testFuzz_fulfillOrder_afterChainIdChanges(uint64 first, uint64 second) public {
        VM.assume(first != 0 && second != 0 && first != second && first != BORN && second != BORN);
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        uint256[3] memory chains = [BORN, first, second];
        bytes[3] memory signatures;
        for (uint256 i; i < 3; ++i) {
            VM.chainId(chains[i]);
            signatures[i] = _signed(order);
        }
        for (uint256 i = 3; i > 0; --i) {
            VM.chainId(chains[i - 1]);
            for (uint256 other; other < 3; ++other) {
                if (other == i - 1) continue;
                VM.prank(operator);
                VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, requester));
                oracle.fulfillOrder(order, signatures[other], OUTPUT, 0);
            }
            uint256 before = VM.snapshotState();
            VM.prank(operator);
            oracle.fulfillOrder(order, signatures[i - 1], OUTPUT, 0);
            VM.assertTrue(oracle.finalized(order, OUTPUT));
            VM.revertToState(before);
        }
    }

    /// @dev Bits above a field's width are refused by the decoder, or are part of what was not signed.
    function test_fulfillOrder_reverts_dirtyCalldata() public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory call = abi.encodeCall(IInferenceOracle.fulfillOrder, (order, _signed(order), OUTPUT, 0));
        for (uint256 word; word < 9; ++word) {
            bytes memory dirty = bytes.concat(call);
            dirty[4 + 32 * word] ^= 0x80;
            VM.prank(operator);
            (bool done,) = address(oracle).call(dirty);
            VM.assertFalse(done);
        }
        VM.prank(operator);
        (bool clean,) = address(oracle).call(call);
        VM.assertTrue(clean);
    }

    /// @dev Not even its requester can sign bits above a field's width: nobody could read the event.
    function test_fulfillOrder_reverts_signedWithDirtyWords() public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        for (uint256 word; word < 8; ++word) {
            if (word == 1 || word == 2) continue; // whole words
            bytes memory call = abi.encodeCall(oracle.hashOrder, (order));
            call[4 + 32 * word] ^= 0x80;
            (, bytes memory digest) = address(oracle).staticcall(call);
            (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, abi.decode(digest, (bytes32)));
            call = abi.encodeCall(oracle.fulfillOrder, (order, abi.encodePacked(r, s, v), OUTPUT, 0));
            call[4 + 32 * word] ^= 0x80;
            VM.prank(operator);
            (bool done, bytes memory reason) = address(oracle).call(call);
            VM.assertFalse(done);
            VM.assertEq(reason, abi.encodeWithSelector(IInferenceOracle.NotAnOrder.selector));
        }
    }

    // licenses, at the moment of the answer

    function test_fulfillOrder_reverts_requesterUnlicensed() public {
        VM.prank(licensor);
        registry.revoke(modelId, requester, Role.REQUESTER, 1);
        bytes4 selector = ILicenseRegistry.GrantIsRevoked.selector;
        _refused(_order(FEE, LANE, 1, 0, 0), abi.encodeWithSelector(selector, requester, Role.REQUESTER, 1));
    }

    function test_fulfillOrder_reverts_operatorUnlicensed() public {
        VM.prank(licensor);
        registry.revoke(modelId, operator, Role.OPERATOR, 1);
        bytes4 selector = ILicenseRegistry.GrantIsRevoked.selector;
        _refused(_order(FEE, LANE, 1, 0, 0), abi.encodeWithSelector(selector, operator, Role.OPERATOR, 1));
    }

    /// @dev Terms that come into force meanwhile are not what the requester signed.
    function test_fulfillOrder_reverts_otherTerms() public {
        VM.prank(licensor);
        registry.publishTerms(modelId, "changed", ALL_GRANT, uint40(START) + NOTICE, "", "");
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        order.facts = _facts(LANE, 1, uint40(START + 20 days), 0, 0);
        VM.warp(START + NOTICE);
        _refused(order, abi.encodeWithSelector(IInferenceOracle.OrderForOtherTerms.selector, 1, 2));
    }

    /// @dev A free service of a requester for its own use is not commercial; a paid one is.
    function test_fulfillOrder_paidServiceIsCommercial() public {
        VM.prank(licensor);
        modelId = registry.registerModel("free", "weights", "manifest", "");
        _publish(NON_COMMERCIAL_FREE);
        Request memory order = _order(0, LANE, 1, 0, 0);
        order.facts = RequestFacts.pack(LANE, 1, 0, order.facts.deadline(), 0, 1, 0, UseClass.PERSONAL);
        _answer(order);
        (order.fee, order.facts) =
        (FEE, RequestFacts.pack(LANE, 2, 0, order.facts.deadline(), 0, 1, 0, UseClass.PERSONAL));
        bytes4 selector = ILicenseRegistry.AuthorizationRequired.selector;
        _refused(order, abi.encodeWithSelector(selector, operator, Role.OPERATOR, UseClass.COMMERCIAL));
    }

    /// @dev A list of n inputs is n uses of either grant.
    function testFuzz_fulfillOrder_countsItems(uint8 items, bool operators) public {
        (address licensee, Role role) = operators ? (operator, Role.OPERATOR) : (requester, Role.REQUESTER);
        uint32 uses = items == 0 ? 1 : items;
        _activate(_metered(licensee, role, 2, 300, 260));
        Request memory order = _order(FEE, LANE, 1, 0, items);
        _answer(order);
        _assertUses(licensee, role, 300 - uses, uses);
        VM.assume(uses > 130);
        _refused(
            _order(FEE, LANE, 2, 0, items),
            uses * 2 > 300
                ? abi.encodeWithSelector(ILicenseRegistry.QuotaExhausted.selector, licensee, role)
                : abi.encodeWithSelector(ILicenseRegistry.DailyRateReached.selector, licensee, role, 260)
        );
    }

    /// @dev A price floor is each item's.
    function testFuzz_fulfillOrder_reverts_belowFloor(uint8 items) public {
        uint256 uses = items == 0 ? 1 : items;
        Grant memory grant = _grant(requester, Role.REQUESTER, 2);
        grant.priceFloor = 100;
        _activate(grant);
        bytes4 selector = ILicenseRegistry.PriceBelowFloor.selector;
        _refused(
            _order(uint96(100 * uses - 1), LANE, 1, 0, items),
            abi.encodeWithSelector(selector, requester, address(0), 100)
        );
        _answer(_order(uint96(100 * uses), LANE, 1, 0, items));
    }

    /// @dev A hot key orders by its licensee's grant, and a payee of its own has its royalty credited.
    function test_fulfillOrder_hotKeyAndPayee() public {
        Grant memory grant = _metered(stranger, Role.REQUESTER, 1, 5, UNLIMITED);
        grant.payTo = account("payee");
        _activate(grant);
        VM.prank(stranger);
        registry.delegate(VM.addr(0xB0B), true);
        VM.prank(VM.addr(0xB0B));
        registry.actFor(stranger);
        oracle.deposit{value: FEE}(address(0), VM.addr(0xB0B), FEE);
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        order.requester = VM.addr(0xB0B);
        bytes memory signature = _signed(0xB0B, order);
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
        VM.assertEq(oracle.credits(address(0), account("payee")), FEE / 8);
        _assertTill(FEE - FEE / 4, FEE / 8);
        _assertUses(stranger, Role.REQUESTER, 4, 1);
    }

    // money

    function testFuzz_fulfillOrder_reverts_payTooLow(uint96 more) public {
        uint256 pay = FEE - FEE / 4;
        uint96 minPay = uint96(bound(more, pay + 1, type(uint96).max));
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        bytes memory signature = _signed(order);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.PayTooLow.selector, pay, minPay));
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, minPay);
    }

    function testFuzz_fulfillOrder_reverts_depositTooLow(uint96 fee) public {
        fee = uint96(bound(fee, 10 ether + 1, type(uint96).max));
        _refused(_order(fee, LANE, 1, 0, 0), abi.encodeWithSelector(IPayments.DepositTooLow.selector, 10 ether, fee));
    }

    /// @dev What an account takes back, its orders cannot be paid from: an operator bears that.
    function test_withdrawDeposit() public {
        uint256 before = requester.balance;
        VM.expectEmit(address(oracle));
        emit IPayments.DepositReleased(address(0), requester, 9.5 ether);
        VM.expectEmit(address(oracle));
        emit IPayments.Withdrawn(address(0), requester, requester, 9.5 ether);
        VM.prank(requester);
        VM.assertEq(oracle.withdrawDeposit(address(0), 9.5 ether, requester), 9.5 ether);
        VM.assertEq(requester.balance, before + 9.5 ether);
        _refused(_order(FEE, LANE, 1, 0, 0), abi.encodeWithSelector(IPayments.DepositTooLow.selector, 0.5 ether, FEE));
        VM.prank(requester);
        oracle.withdrawDeposit(address(0), 0.5 ether, stranger);
        VM.assertEq(stranger.balance, 0.5 ether);
        VM.assertEq(address(oracle).balance, 0);
    }

    function testFuzz_withdrawDeposit_reverts_tooMuch(address from, uint256 amount) public {
        VM.assume(amount != 0);
        uint256 held = from == requester ? 10 ether : 0;
        amount = bound(amount, held + 1, type(uint256).max);
        VM.expectRevert(abi.encodeWithSelector(IPayments.DepositTooLow.selector, held, amount));
        VM.prank(from);
        oracle.withdrawDeposit(address(0), amount, from);
    }

    /// @dev Nobody but the account takes a deposit back: `withdraw` pays credits.
    function test_withdraw_leavesDeposits() public {
        VM.assertEq(oracle.withdraw(address(0), requester), 0);
        VM.assertEq(oracle.deposits(address(0), requester), 10 ether);
    }

    function testFuzz_deposit(address from, uint96 amount, address to) public {
        VM.assume(from != address(oracle) && to != requester);
        VM.deal(from, amount);
        VM.expectEmit(address(oracle));
        emit IPayments.Deposited(address(0), to, amount);
        VM.prank(from);
        oracle.deposit{value: amount}(address(0), to, amount);
        VM.assertEq(oracle.deposits(address(0), to), amount);
        VM.assertEq(oracle.deposits(address(0), requester), 10 ether);
    }

    function testFuzz_deposit_reverts_notSent(uint96 sent, uint96 amount) public {
        VM.assume(sent != amount);
        VM.deal(stranger, sent);
        VM.expectRevert(abi.encodeWithSelector(IPayments.FeeNotReceived.selector, address(0), sent, amount));
        VM.prank(stranger);
        oracle.deposit{value: sent}(address(0), stranger, amount);
    }

    // cancel

    function testFuzz_cancelOrder(uint64 lane) public {
        Request memory order = _order(FEE, lane, 1, 0, 0);
        VM.expectEmit(address(oracle));
        emit IInferenceOracle.OrderCanceled(requester, lane, 1);
        VM.prank(requester);
        oracle.cancelOrder(lane, 1);
        _assertLane(requester, lane, State.REFUNDED, 1, 0);
        _refused(order, abi.encodeWithSelector(IInferenceOracle.NotNext.selector, 1, 2));
        _answer(_order(FEE, lane, 2, 0, 0));
    }

    /// @dev An answer that was first stays, and the next order with it.
    function test_cancelOrder_reverts_answered() public {
        _answer(_order(FEE, LANE, 1, 0, 0));
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.NotNext.selector, 1, 2));
        VM.prank(requester);
        oracle.cancelOrder(LANE, 1);
        _answer(_order(FEE, LANE, 2, 0, 0));
    }

    function test_cancelOrder_reverts_open() public {
        _serve(0);
        Ask memory ask = _ask();
        ask.lane = LANE;
        _request(ask, 0);
        VM.expectRevert(abi.encodeWithSelector(IInferenceOracle.LaneBusy.selector, requester, LANE));
        VM.prank(requester);
        oracle.cancelOrder(LANE, 2);
    }

    /// @dev Somebody else's lane is somebody else's.
    function test_cancelOrder_byStranger() public {
        VM.prank(stranger);
        oracle.cancelOrder(LANE, 1);
        _answer(_order(FEE, LANE, 1, 0, 0));
    }

    // who signs, who is called back

    /// @dev A contract signs by ERC-1271 and is called back with the fixed gas.
    function testFuzz_fulfillOrder_wallet(bool refuses) public {
        OrderingWallet wallet = new OrderingWallet(VM.addr(KEY));
        if (refuses) wallet.refuse();
        _activate(address(wallet), Role.REQUESTER);
        oracle.deposit{value: FEE}(address(0), address(wallet), FEE);
        Request memory order = _order(FEE, LANE, 1, 200_000, 0);
        order.requester = address(wallet);
        bytes32 id = oracle.idOf(order);
        bytes memory signature = _signed(0xBAD, order);
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.InvalidSignature.selector, address(wallet)));
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
        signature = _signed(KEY, order);
        if (refuses) {
            VM.expectEmit(address(oracle));
            emit IInferenceOracle.CallbackFailed(id);
        }
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
        VM.assertEq(wallet.answered(), refuses ? bytes32(0) : id);
        VM.assertEq(wallet.output(), refuses ? bytes("") : OUTPUT);
        VM.assertTrue(oracle.finalized(order, OUTPUT));
    }

    function test_fulfillOrder_reverts_callbackStarved() public {
        Request memory order = _order(FEE, LANE, 1, 200_000, 0);
        bytes memory call = abi.encodeCall(IInferenceOracle.fulfillOrder, (order, _signed(order), OUTPUT, 0));
        VM.prank(operator);
        (bool done, bytes memory reason) = address(oracle).call{gas: 260_000}(call);
        VM.assertFalse(done);
        VM.assertEq(bytes32(bytes4(reason)), bytes32(IInferenceOracle.InsufficientGas.selector));
    }

    /// @dev An account that is delegated to a contract (EIP-7702) which would not confirm it still signs with its key.
    function test_fulfillOrder_delegatedAccount() public {
        VM.etch(requester, bytes.concat(hex"ef0100", bytes20(address(new OwnedWallet(stranger)))));
        _answer(_order(FEE, LANE, 1, 0, 0));
    }

    /// @dev The high-s twin of a signature is refused, the short form (EIP-2098) is not.
    function test_fulfillOrder_formsOfASignature() public {
        Request memory order = _order(FEE, LANE, 1, 0, 0);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, oracle.hashOrder(order));
        uint256 n = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;
        VM.expectRevert(abi.encodeWithSelector(ILicenseRegistry.MalleableSignature.selector, requester));
        VM.prank(operator);
        oracle.fulfillOrder(order, abi.encodePacked(r, n - uint256(s), v == 27 ? uint8(28) : uint8(27)), OUTPUT, 0);
        VM.prank(operator);
        oracle.fulfillOrder(order, abi.encodePacked(r, uint256(s) | uint256(v - 27) << 255), OUTPUT, 0);
    }

    function _order(uint96 fee, uint64 lane, uint32 seq, uint32 callbackGas, uint8 items)
        private
        view
        returns (Request memory)
    {
        return Request({
            requester: requester,
            modelId: modelId,
            inputHash: keccak256(INPUT),
            operator: operator,
            token: address(0),
            fee: fee,
            payTo: address(0),
            licensee: address(0),
            facts: _facts(lane, seq, uint40(START + 1 hours), callbackGas, items)
        });
    }

    function _facts(uint64 lane, uint32 seq, uint40 deadline, uint32 callbackGas, uint8 items)
        private
        pure
        returns (Facts)
    {
        Facts facts = RequestFacts.pack(lane, seq, 0, deadline, callbackGas, 1, 0, UseClass.COMMERCIAL);
        return Facts.wrap(Facts.unwrap(facts) | uint256(items) << 248);
    }

    function _signed(Request memory order) private view returns (bytes memory) {
        return _signed(KEY, order);
    }

    function _signed(uint256 key, Request memory order) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, oracle.hashOrder(order));
        return abi.encodePacked(r, s, v);
    }

    function _answer(Request memory order) private {
        bytes memory signature = _signed(order);
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
    }

    function _refused(Request memory order, bytes memory reason) private {
        bytes memory signature = _signed(order);
        VM.expectRevert(reason);
        VM.prank(operator);
        oracle.fulfillOrder(order, signature, OUTPUT, 0);
    }
}
