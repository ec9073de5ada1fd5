// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ICommittee, Rules} from "./ICommittee.sol";
import {IInferenceOracle} from "./IInferenceOracle.sol";

/// @notice What a consumer sees of a committee.
struct CommitteeView {
    Rules rules;
    address[] listed; // who may join, ascending; empty: anyone
    address[] members; // who has joined and not left
    uint256 signing; // members whose stake is whole
    uint256 stakeBehindAnswer; // wei: M stakes
}

/// @title Makes committees
/// @notice Rules and list make the address (CREATE2): anyone makes a committee, and it is the same whoever does.
interface ICommitteeFactory {
    /// @notice A committee was made.
    event CommitteeCreated(address indexed committee, Rules rules, address[] listed);

    /// @notice The address was not made by this factory.
    error UnknownCommittee(address operator);
    /// @notice Rules that make no committee: no member or no stake is needed, a fine is above the stake, three windows are longer than
    /// unbonding, unbonding is longer than 365 days, or the royalty is above half the fee.
    error InvalidRules();
    /// @notice The list does not ascend, or is shorter than the threshold or longer than 64.
    error InvalidList();

    /// @notice Makes a committee, or finds it if it was made before.
    /// @param listed Who may join, ascending, at most 64; empty: anyone.
    function create(Rules calldata rules, address[] calldata listed) external returns (address committee);

    /// @notice Where that committee is, or will be.
    function addressOf(Rules calldata rules, address[] calldata listed) external view returns (address);

    /// @notice Whether this factory made it.
    function isCommittee(address operator) external view returns (bool);

    /// @notice What stands behind an operator that is a committee. Its history is in its events.
    function committeeOf(address operator) external view returns (CommitteeView memory);

    /// @notice The code that its committees share.
    function SHARED() external view returns (ICommittee);

    /// @notice The market in which its committees answer.
    function ORACLE() external view returns (IInferenceOracle);
}
