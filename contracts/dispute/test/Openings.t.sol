// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Opening} from "../../referee/src/Types.sol";
import {Request} from "../../src/interfaces/IInferenceOracle.sol";
import {VM, account, bound} from "../../test/support/Vm.sol";
import {IDispute, Phase, Place} from "../src/interfaces/IDispute.sol";
import {Claim, Cover} from "../src/interfaces/IWarranty.sol";
import {Stage} from "./support/Stage.sol";

/// @notice A guarantor that shows a root and nothing else is made to show the rest, or loses.
contract OpeningsTest is Stage {
    Cover private cover;
    Claim private claim;
    bytes32 private game;
    /// @dev Levels of the trace's tree and of its one tensor's that is looked into, the leaves' hashes first.
    bytes32[][] private trace;
    bytes32[][] private tensor;
    bytes private header;
    uint256 private constant PLACE = 37;

    function setUp() public override {
        super.setUp();
        cover = _covered("program", "weights");
        _bond(BOND);
        Request memory request = _answered(cover.modelId, OUTPUT);
        claim = _claim(cover, request, OUTPUT);
        game = _challenge(challenger, cover, request);
    }

    /// @dev Trees of all sizes: from the root down to every leaf, whatever is asked is what the honest tree has.
    function testFuzz_downToALeaf(uint256 headers, uint256 leaves, uint256 leaf) public {
        (headers, leaves) = (bound(headers, PLACE + 1, 500), bound(leaves, 1, 1300));
        _reveal(headers, leaves);
        _descend(trace, 4, PLACE, false);
        _descend(tensor, 2, bound(leaf, 0, leaves - 1), true);
        VM.assertTrue(dispute.stateOf(game).phase == Phase.CHALLENGER);
    }

    function test_withheld_isConvicted() public {
        _reveal(436, 619);
        _ask(_place(trace, 0, 0, 0, false));
        uint256 by = block.timestamp + CLOCK;
        VM.warp(by);
        VM.expectRevert(abi.encodeWithSelector(IDispute.TooEarly.selector, by));
        dispute.timeout(claim, challenger);
        VM.warp(by + 1);
        VM.expectRevert(abi.encodeWithSelector(IDispute.TooLate.selector, by));
        dispute.open(game, 436, _level(trace, 4));
        dispute.timeout(claim, challenger);
        VM.assertEq(challenger.balance, 100 ether + uint256(BOND) * 45 / 100);
    }

    /// @dev What no transaction's own calldata holds is in the event: nobody has to trace transactions to go on.
    function test_open_isToldByWhoeverIsNoPlainAccount() public {
        _reveal(436, 619);
        address plain = account("plain");
        bytes memory open = abi.encodeCall(IDispute.open, (game, 436, _level(trace, 4)));
        bytes[2] memory told = [bytes(""), open];
        for (uint256 i; i < 2; ++i) {
            _ask(_place(trace, 0, 0, 0, false));
            if (i == 1) VM.etch(plain, hex"ef0100000000000000000000000000000000000000beef"); // it has delegated to code
            VM.prank(plain, plain);
            VM.expectEmit(address(dispute));
            emit IDispute.Opened(game, told[i]);
            dispute.open(game, 436, _level(trace, 4));
        }
        _ask(_place(trace, 0, 0, 0, false));
        VM.prank(plain, challenger); // called within another's transaction
        VM.expectEmit(address(dispute));
        emit IDispute.Opened(game, open);
        dispute.open(game, 436, _level(trace, 4));
    }

    /// @dev Each side has one clock for all its moves, which runs in its turn alone.
    function test_clocks() public {
        _reveal(436, 619);
        for (uint256 i; i < 4; ++i) {
            VM.warp(block.timestamp + 5 hours);
            _ask(_place(trace, 0, 0, 0, false));
            VM.warp(block.timestamp + 6 hours);
            dispute.open(game, 436, _level(trace, 4));
        }
        VM.assertEq(dispute.stateOf(game).challengers, 4 hours);
        VM.assertEq(dispute.stateOf(game).guarantors, 0);
        _ask(_place(trace, 0, 0, 0, false));
        VM.warp(block.timestamp + 1);
        dispute.timeout(claim, challenger);
        VM.assertEq(warranty.bondOf(operator).amount, 0);
    }

    function test_open_isWhatWasAsked() public {
        _reveal(436, 619);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotNow.selector, Phase.CHALLENGER));
        dispute.open(game, 436, _level(trace, 4));
        _ask(_place(trace, 0, 0, 0, false));
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotNow.selector, Phase.GUARANTOR));
        dispute.ask(_hash(claim), _place(trace, 0, 0, 0, false));
        _isWrong(436, _level(trace, 3)); // more than 32
        _isWrong(436, _level(trace, 5)); // fewer than there are
        _isWrong(435, _level(trace, 4));
        _isWrong(0, _level(trace, 4)); // of a node
        _isWrong(1 << 41, _level(trace, 4));
        _isWrong(436, new bytes32[](0));
        bytes[] memory leaves = new bytes[](1);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongOpening.selector));
        dispute.openLeaves(game, leaves);
        dispute.open(game, 436, _level(trace, 4));
    }

    /// @dev Leaves of a node are leaves, not the nodes that they are hashed to.
    function test_openLeaves_isWhatWasAsked() public {
        _reveal(436, 619);
        _ask(_place(trace, 4, 2, 0, false));
        bytes[] memory leaves = _headers(32, 16);
        (leaves[3], leaves[4]) = (leaves[4], leaves[3]);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongOpening.selector));
        dispute.openLeaves(game, leaves);
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongOpening.selector));
        dispute.openLeaves(game, _headers(32, 15));
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongOpening.selector));
        dispute.openLeaves(game, new bytes[](0));
        _isWrong(0, _slice(trace[0], 32, 16));
        dispute.openLeaves(game, _headers(32, 16));
    }

    /// @dev Another index, level, count or node, siblings left out or left over: nothing of it leads to the root.
    function test_ask_leadsToTheRoot() public {
        _reveal(436, 619);
        Place memory place = _place(trace, 2, 5, 0, false);
        place.index = 4;
        _leadsNowhere(place);
        place = _place(trace, 2, 5, 0, false);
        place.level = 3;
        _leadsNowhere(place);
        place = _place(trace, 2, 5, 0, false);
        place.count = 437;
        _leadsNowhere(place);
        place.count = 1 << 200;
        _leadsNowhere(place);
        place = _place(trace, 2, 5, 0, false);
        place.level = 1 << 200;
        _leadsNowhere(place);
        place = _place(trace, 2, 5, 0, false);
        place.index = 109;
        _leadsNowhere(place);
        place = _place(trace, 2, 5, 0, false);
        place.node = trace[2][6];
        _leadsNowhere(place);
        place = _place(trace, 2, 5, 0, false);
        place.siblings = _slice(place.siblings, 0, place.siblings.length - 1);
        _leadsNowhere(place);
        place.siblings = new bytes32[](9);
        _leadsNowhere(place);
        place = _place(tensor, 2, 5, 0, true);
        place.header.leaf = "no header";
        _leadsNowhere(place);
        place = _place(tensor, 2, 5, 0, true);
        place.header.index = 1;
        _leadsNowhere(place);
        _ask(_place(tensor, 2, 5, 0, true));
    }

    function test_ask_byOthers() public {
        _reveal(436, 619);
        bytes32 none = dispute.gameOf(claim, address(this));
        VM.expectRevert(abi.encodeWithSelector(IDispute.NoGame.selector, none));
        dispute.ask(_hash(claim), _place(trace, 0, 0, 0, false));
        VM.expectRevert(abi.encodeWithSelector(IDispute.NoGame.selector, bytes32("none")));
        dispute.open("none", 436, _level(trace, 4));
    }

    /// @dev As a challenger does: what was opened last gives the next place.
    function _descend(bytes32[][] storage tree, uint256 above, uint256 leaf, bool isTensor) private {
        uint256 count = tree[0].length;
        _ask(_place(tree, 0, 0, 0, isTensor));
        uint256 level;
        while (tree[level].length > 32) ++level;
        dispute.open(game, count, tree[level]);
        while (level > above) {
            uint256 next = level < 5 ? 0 : level - 5;
            _ask(_place(tree, level, leaf >> level, 1, isTensor));
            uint256 first = (leaf >> level) << (level - next);
            uint256 number = tree[next].length - first;
            if (number > 1 << (level - next)) number = 1 << (level - next);
            dispute.open(game, 0, _slice(tree[next], first, number));
            level = next;
        }
        _ask(_place(tree, level, leaf >> level, 1, isTensor));
        uint256 begin = (leaf >> level) << level;
        uint256 most = count - begin < 1 << level ? count - begin : 1 << level;
        dispute.openLeaves(game, isTensor ? _leaves(begin, most) : _headers(begin, most));
    }

    function _ask(Place memory place) private {
        VM.prank(challenger);
        dispute.ask(_hash(claim), place);
    }

    function _leadsNowhere(Place memory place) private {
        VM.prank(challenger);
        VM.expectRevert(abi.encodeWithSelector(IDispute.NotInTrace.selector));
        dispute.ask(_hash(claim), place);
    }

    function _isWrong(uint256 count, bytes32[] memory nodes) private {
        VM.expectRevert(abi.encodeWithSelector(IDispute.WrongOpening.selector));
        dispute.open(game, count, nodes);
    }

    /// @dev A node with what leads to the root; with `counted` zero at level 0, index 0: the root itself.
    function _place(bytes32[][] storage tree, uint256 level, uint256 index, uint256 counted, bool isTensor)
        private
        view
        returns (Place memory place)
    {
        if (isTensor) place.header = Opening(header, PLACE, trace[0].length, _siblings(trace, 0, PLACE));
        if (counted == 0 && level == 0) return place;
        (place.count, place.level, place.index) = (tree[0].length, level, index);
        (place.node, place.siblings) = (tree[level][index], _siblings(tree, level, index));
    }

    function _reveal(uint256 headers, uint256 leaves) private {
        bytes32[] memory hashes = new bytes32[](leaves);
        bytes[] memory found = _leaves(0, leaves);
        for (uint256 i; i < leaves; ++i) {
            hashes[i] = sha256(abi.encodePacked(bytes1(0), found[i]));
        }
        bytes32 root = _grow(tensor, hashes);
        header = abi.encode(uint256(2) << 248 | PLACE, uint256(7), new uint256[](2), root);
        hashes = new bytes32[](headers);
        found = _headers(0, headers);
        for (uint256 i; i < headers; ++i) {
            hashes[i] = sha256(abi.encodePacked(bytes1(0), found[i]));
        }
        root = _grow(trace, hashes);
        VM.prank(operator);
        dispute.reveal(claim, challenger, root, 0);
    }

    function _grow(bytes32[][] storage tree, bytes32[] memory level) private returns (bytes32) {
        tree.push(level);
        uint256 count = level.length;
        while (level.length > 1) {
            bytes32[] memory above = new bytes32[]((level.length + 1) / 2);
            for (uint256 i; i < above.length; ++i) {
                above[i] = 2 * i + 1 < level.length
                    ? sha256(abi.encodePacked(bytes1(0x01), level[2 * i], level[2 * i + 1]))
                    : level[2 * i];
            }
            level = above;
            tree.push(level);
        }
        return sha256(abi.encodePacked(bytes1(0x02), count, level[0]));
    }

    function _siblings(bytes32[][] storage tree, uint256 level, uint256 index)
        private
        view
        returns (bytes32[] memory found)
    {
        found = new bytes32[](tree.length);
        uint256 used;
        for (; level + 1 < tree.length; ++level) {
            if (index ^ 1 < tree[level].length) found[used++] = tree[level][index ^ 1];
            index >>= 1;
        }
        return _slice(found, 0, used);
    }

    function _headers(uint256 first, uint256 count) private view returns (bytes[] memory found) {
        found = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            found[i] = first + i == PLACE ? header : abi.encode("header", first + i);
        }
    }

    function _leaves(uint256 first, uint256 count) private pure returns (bytes[] memory found) {
        found = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            found[i] = abi.encode("leaf", first + i);
        }
    }

    function _level(bytes32[][] storage tree, uint256 level) private view returns (bytes32[] memory) {
        return tree[level];
    }

    function _slice(bytes32[] memory all, uint256 first, uint256 count) private pure returns (bytes32[] memory part) {
        part = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            part[i] = all[first + i];
        }
    }
}
