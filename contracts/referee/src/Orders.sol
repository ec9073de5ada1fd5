// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Attributes} from "./Attributes.sol";
import {Axes} from "./Axes.sol";
import {Cases} from "./Cases.sol";
import "./Types.sol";

/// @title TopK: indices in the order of (key, index), which one pair or one that was passed over refutes
/// @dev The specification is `node/themis/exact/referee/order.py`.
contract Orders is IReferee {
    uint256 private constant INDICES = 1;

    struct Order {
        Operand x;
        Operand indices;
        uint256 along;
        bool falls;
    }

    /// @inheritdoc IReferee
    function rule(Roots calldata roots, Proof calldata proof) external pure returns (bool convicted) {
        Case memory c = Cases.open(roots, proof);
        if (c.op != keccak256("TopK")) revert OtherOperator(c.node.op);
        Operand memory x = Cases.operand(c, 0);
        Order memory o = Order(
            x, Cases.result(c, INDICES), Axes.axis(c, -1, x.shape.length), Attributes.integer(c, "largest", 1) != 0
        );
        if (proof.accusation == Accusation.ELEMENT && c.output != INDICES) {
            int256 claimed = Cases.at(c, Cases.result(c, c.output), proof.index);
            uint256 place = Axes.wrapped(Cases.at(c, o.indices, proof.index), x.shape[o.along]);
            return claimed != Cases.at(c, x, Axes.moved(proof.index, o.along, place));
        }
        if (c.output != INDICES || proof.accusation == Accusation.KIND) revert Undefined();
        if (proof.accusation == Accusation.ORDER) return _disordered(c, o, proof.index);
        if (proof.accusation == Accusation.RIVAL) return _passedOver(c, o, proof.index, proof.rival);
        revert Undefined();
    }

    /// @dev The index there is none, or its key does not come before the next one's.
    function _disordered(Case memory c, Order memory o, uint256[] memory index) private pure returns (bool) {
        (bool isOne, uint256 here) = _claimed(c, o, index, index[o.along]);
        if (!isOne) return true;
        if (index[o.along] + 1 >= o.indices.shape[o.along]) return false;
        (bool follows, uint256 next) = _claimed(c, o, index, index[o.along] + 1);
        return follows && !_before(c, o, index, here, next);
    }

    /// @dev The rival's key comes before that of the index there, and behind that of the one before.
    function _passedOver(Case memory c, Order memory o, uint256[] memory index, uint256 rival)
        private
        pure
        returns (bool)
    {
        (bool isOne, uint256 here) = _claimed(c, o, index, index[o.along]);
        if (!isOne) return true;
        if (rival >= o.x.shape[o.along]) revert Undefined();
        if (!_before(c, o, index, rival, here)) return false;
        if (index[o.along] == 0) return true;
        (bool leads, uint256 previous) = _claimed(c, o, index, index[o.along] - 1);
        return leads && _before(c, o, index, previous, rival);
    }

    function _claimed(Case memory c, Order memory o, uint256[] memory index, uint256 place)
        private
        pure
        returns (bool isOne, uint256 chosen)
    {
        int256 found = Cases.at(c, o.indices, Axes.moved(index, o.along, place));
        isOne = found >= 0 && found < int256(o.x.shape[o.along]);
        if (isOne) chosen = uint256(found);
    }

    function _before(Case memory c, Order memory o, uint256[] memory index, uint256 one, uint256 other)
        private
        pure
        returns (bool)
    {
        int256 left = Cases.at(c, o.x, Axes.moved(index, o.along, one));
        int256 right = Cases.at(c, o.x, Axes.moved(index, o.along, other));
        if (left == right) return one < other;
        return o.falls ? left > right : left < right;
    }
}
