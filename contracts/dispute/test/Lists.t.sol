// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Request} from "../../src/interfaces/IInferenceOracle.sol";
import {UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {Merkle} from "../../src/libraries/Merkle.sol";
import {Facts, RequestFacts} from "../../src/types/Facts.sol";
import {VM} from "../../test/support/Vm.sol";
import {Claim, Cover, Item, IWarranty} from "../src/interfaces/IWarranty.sol";
import {Stage} from "./support/Stage.sol";

/// @notice Items of a list: each is covered by itself, and proved under the roots of what was asked and of what was answered.
contract ListsTest is Stage {
    uint256 private constant KEY = 0xa11ce;
    uint8 private constant ITEMS = 3;
    uint96 private constant FEE_OF_ALL = 3 gwei + 2;

    Cover private cover;
    Request private order;
    bytes[3] private inputs = [bytes("first"), "second", "third"];
    bytes[3] private outputs = [bytes("one"), "two", "three"];

    function setUp() public override {
        super.setUp();
        requester = VM.addr(KEY);
        VM.deal(address(this), 1 ether);
        oracle.deposit{value: 1 ether}(address(0), requester, 1 ether);
        cover = _covered("program", "weights");
        _bond(2 * uint256(BOND));
        order = _answeredList(_results(inputs));
    }

    /// @dev Its own id, input and part of the fee; beside it nothing is touched.
    function test_anItemIsAsOneThatWasAskedAlone() public {
        Claim memory claim = _claimOf(1, outputs[1]);
        bytes memory item = _item(1);
        VM.assertEq(warranty.challengeableUntil(cover, order, item), order.facts.deadline() + WINDOW);
        bytes32 game = _play(item);
        VM.assertEq(game, dispute.gameOf(claim, challenger));
        VM.assertEq(warranty.bondOf(operator).reserved, BOND);
        VM.warp(block.timestamp + REVEAL_TIME + 1);
        uint256 before = requester.balance;
        dispute.timeout(claim, challenger);
        VM.assertEq(requester.balance - before, uint256(BOND) * 5 / 100 + FEE_OF_ALL / ITEMS);
        VM.assertTrue(warranty.coveredOf(warranty.coverIdOf(cover), claim.answer).convicted);
        _isRefused(item, abi.encodeWithSelector(IWarranty.AlreadyConvicted.selector, claim.answer));
        _play(_item(0)); // another one of the list: with a bond of its own
        VM.assertEq(warranty.bondOf(operator).reserved, BOND);
    }

    /// @dev Whoever accuses in vain pays; what is registered outlives the order's lane.
    function test_anHonestItemKeepsItsBond() public {
        bytes memory item = _item(2);
        warranty.register(cover, order, item);
        order.facts = Facts.wrap(Facts.unwrap(order.facts) + (1 << 152));
        Request memory next = order;
        _answer(next, abi.encode(bytes32("another")));
        order.facts = Facts.wrap(Facts.unwrap(order.facts) - (1 << 152));
        _play(item);
        Claim memory claim = _claimOf(2, outputs[2]);
        VM.prank(operator);
        dispute.reveal(claim, challenger, "trace", 0);
        VM.warp(block.timestamp + CLOCK + 1);
        uint256 before = operator.balance;
        dispute.timeout(claim, challenger);
        VM.assertEq(operator.balance - before, CHALLENGE_BOND - CHALLENGE_BOND / 10);
        VM.assertFalse(warranty.coveredOf(warranty.coverIdOf(cover), claim.answer).convicted);
        VM.warp(block.timestamp + WINDOW);
        warranty.release(cover, claim.answer);
        VM.assertEq(warranty.bondOf(operator).reserved, 0);
        bytes32 gone = _claimOf(0, outputs[0]).answer;
        _isRefused(_item(0), abi.encodeWithSelector(IWarranty.NotFinal.selector, gone));
    }

    function test_whatIsInNoListIsNotCovered() public {
        bytes memory reason = abi.encodeWithSelector(IWarranty.NotInList.selector, oracle.idOf(order));
        bytes[3] memory honest = outputs;
        Item memory item = _itemOf(1, _results(inputs));
        item.output = "another";
        _isRefused(_said(item), reason);
        item = _itemOf(1, _results(inputs));
        item.inputHash = keccak256("another");
        _isRefused(_said(item), reason);
        item = _itemOf(1, _results(inputs));
        item.index = 0;
        _isRefused(_said(item), reason);
        item = _itemOf(2, _results(inputs));
        item.index = 3; // as many as there are
        _isRefused(_said(item), reason);
        item = _itemOf(1, _results(inputs));
        item.inputs = new bytes32[](3); // one is left over
        _isRefused(_said(item), reason);
        item = _itemOf(1, _results(inputs));
        item.results = new bytes32[](1); // one is missing
        _isRefused(_said(item), reason);
        _isRefused(outputs[0], abi.encodeWithSelector(IWarranty.NotInList.selector, bytes32(0)));
        outputs[1] = "never said";
        bytes32 other = _claimOf(1, outputs[1]).answer;
        _isRefused(_item(1), abi.encodeWithSelector(IWarranty.NotFinal.selector, other));
        outputs = honest;
        order.facts = Facts.wrap(Facts.unwrap(order.facts) - (1 << 248)); // a list of two
        _isRefused(_item(1), abi.encodeWithSelector(IWarranty.NotInList.selector, oracle.idOf(order)));
    }

    /// @dev A leaf about something else is an answer of 64 bytes, the second half of which no run can give.
    function test_anAnswerAboutAnotherInputIsNone() public {
        bytes[3] memory swapped = [inputs[0], bytes("not asked"), inputs[2]];
        lane = 5;
        order = _answeredList(_results(swapped));
        Item memory item = _itemOf(1, _results(swapped));
        item.about = keccak256("not asked");
        Claim memory claim = _claimOf(1, abi.encode(item.about, keccak256(inputs[1])));
        VM.assertEq(_play(_said(item)), dispute.gameOf(claim, challenger));
    }

    function _answeredList(bytes32[] memory results) private returns (Request memory made) {
        uint40 deadline = uint40(block.timestamp + HOUR);
        Facts facts = RequestFacts.pack(++lane, 1, 0, deadline, 0, 1, 0, UseClass.PERSONAL);
        facts = Facts.wrap(Facts.unwrap(facts) | uint256(ITEMS) << 248);
        bytes32 asked = Merkle.rootOf(_leaves());
        made = Request(requester, cover.modelId, asked, operator, address(0), FEE_OF_ALL, address(0), address(0), facts);
        _answer(made, abi.encode(Merkle.rootOf(results)));
    }

    function _answer(Request memory made, bytes memory output) private {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, oracle.hashOrder(made));
        VM.prank(operator);
        oracle.fulfillOrder(made, abi.encodePacked(r, s, v), output, 0);
    }

    function _play(bytes memory item) private returns (bytes32 game) {
        VM.prank(challenger);
        return dispute.challenge{value: CHALLENGE_BOND}(cover, order, item);
    }

    function _isRefused(bytes memory item, bytes memory reason) private {
        VM.prank(challenger);
        VM.expectRevert(reason);
        dispute.challenge{value: CHALLENGE_BOND}(cover, order, item);
        VM.expectRevert(reason);
        warranty.register(cover, order, item);
    }

    function _claimOf(uint256 index, bytes memory output) private view returns (Claim memory) {
        bytes32 id = keccak256(abi.encode(oracle.idOf(order), index));
        bytes32 answer = oracle.resultHashOf(id, cover.modelId, output);
        return Claim(cover, id, answer, keccak256(inputs[index]), requester, FEE_OF_ALL / ITEMS);
    }

    function _item(uint256 index) private view returns (bytes memory) {
        return _said(_itemOf(index, _results(inputs)));
    }

    function _itemOf(uint256 index, bytes32[] memory results) private view returns (Item memory) {
        (bytes32[] memory asked, bytes32 hash) = (_siblings(_leaves(), index), keccak256(inputs[index]));
        bytes32[] memory said = _siblings(results, index);
        return Item(Merkle.rootOf(results), hash, hash, index, outputs[index], asked, said);
    }

    /// @dev Fields, one behind the other.
    function _said(Item memory item) private pure returns (bytes memory) {
        return abi.encode(item.root, item.about, item.inputHash, item.index, item.output, item.inputs, item.results);
    }

    function _leaves() private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ITEMS);
        for (uint256 i; i < ITEMS; ++i) {
            leaves[i] = Merkle.leafHash(abi.encode(keccak256(inputs[i])));
        }
    }

    function _results(bytes[3] memory about) private view returns (bytes32[] memory leaves) {
        leaves = new bytes32[](ITEMS);
        for (uint256 i; i < ITEMS; ++i) {
            leaves[i] = Merkle.leafHash(keccak256(about[i]), keccak256(outputs[i]));
        }
    }

    /// @dev Of three leaves.
    function _siblings(bytes32[] memory leaves, uint256 index) private pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](index == 2 ? 1 : 2);
        if (index == 2) siblings[0] = keccak256(abi.encodePacked(bytes1(0x01), leaves[0], leaves[1]));
        else (siblings[0], siblings[1]) = (leaves[1 - index], leaves[2]);
    }
}
