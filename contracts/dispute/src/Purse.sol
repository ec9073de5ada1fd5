// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IPurse} from "./interfaces/IPurse.sol";

/// @title What accounts are owed: paid at once where they take it
abstract contract Purse is IPurse {
    /// @inheritdoc IPurse
    mapping(address account => uint256) public credits;

    /// @inheritdoc IPurse
    function withdraw(address account) external returns (uint256 amount) {
        return _withdraw(account, account);
    }

    /// @inheritdoc IPurse
    function withdrawTo(address to) external returns (uint256 amount) {
        return _withdraw(msg.sender, to);
    }

    /// @dev With the 2,300 gas of a plain transfer: nothing that the receiver does can disturb. A credit where it takes more.
    function _send(address to, uint256 amount) internal {
        if (amount == 0) return;
        bool paid;
        assembly ("memory-safe") {
            paid := call(0, to, amount, 0, 0, 0, 0)
        }
        if (paid) return;
        credits[to] += amount;
        emit Credited(to, amount);
    }

    /// @dev With all gas, as the last step.
    function _pay(address to, uint256 amount) internal {
        bool paid;
        assembly ("memory-safe") {
            paid := call(gas(), to, amount, 0, 0, 0, 0)
        }
        if (!paid) revert TransferFailed(to);
    }

    function _withdraw(address account, address to) private returns (uint256 amount) {
        amount = credits[account];
        if (amount == 0) return 0;
        credits[account] = 0;
        emit Withdrawn(account, to, amount);
        _pay(to, amount);
    }
}
