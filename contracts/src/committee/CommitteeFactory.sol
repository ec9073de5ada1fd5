// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LibClone} from "solady/utils/LibClone.sol";

import {ICommittee, Rules} from "../interfaces/ICommittee.sol";
import {CommitteeView, ICommitteeFactory} from "../interfaces/ICommitteeFactory.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Committee} from "./Committee.sol";

/// @title Themis: makes committees
/// @notice Immutable, without owner.
/// @dev A committee is a clone of one code with its rules and its list behind it (ADR 0042).
/// @custom:security-contact See SECURITY.md
contract CommitteeFactory is ICommitteeFactory {
    uint256 private constant MAX_LISTED = 64;
    uint256 private constant MAX_UNBONDING = 365 days;
    /// @dev The registry's largest royalty of one grant.
    uint256 private constant MAX_ROYALTY_BPS = 5000;

    /// @inheritdoc ICommitteeFactory
    IInferenceOracle public immutable ORACLE;

    /// @inheritdoc ICommitteeFactory
    ICommittee public immutable SHARED;

    /// @inheritdoc ICommitteeFactory
    mapping(address operator => bool) public isCommittee;

    constructor(IInferenceOracle oracle) {
        ORACLE = oracle;
        SHARED = new Committee(oracle);
    }

    /// @inheritdoc ICommitteeFactory
    function create(Rules calldata rules, address[] calldata listed) external returns (address committee) {
        _requireValid(rules);
        _requireAscending(listed, rules.threshold);
        bool existed;
        (existed, committee) = LibClone.createDeterministicClone(address(SHARED), _arguments(rules, listed), 0);
        if (existed) return committee;

        isCommittee[committee] = true;

        emit CommitteeCreated(committee, rules, listed);
    }

    /// @inheritdoc ICommitteeFactory
    function committeeOf(address operator) external view returns (CommitteeView memory seen) {
        if (!isCommittee[operator]) revert UnknownCommittee(operator);
        ICommittee committee = ICommittee(operator);
        seen.rules = committee.rules();
        seen.listed = committee.listed();
        seen.members = committee.members();
        for (uint256 i; i < seen.members.length; ++i) {
            if (committee.isSigning(seen.members[i])) ++seen.signing;
        }
        seen.stakeBehindAnswer = uint256(seen.rules.stake) * seen.rules.threshold;
    }

    /// @inheritdoc ICommitteeFactory
    function addressOf(Rules calldata rules, address[] calldata listed) external view returns (address) {
        return LibClone.predictDeterministicAddress(address(SHARED), _arguments(rules, listed), 0, address(this));
    }

    function _requireValid(Rules calldata rules) private pure {
        bool valid = rules.threshold > 0 && rules.stake > 0 && rules.fine <= rules.stake && rules.window > 0
            && rules.unbonding <= MAX_UNBONDING && rules.maxRoyaltyBps <= MAX_ROYALTY_BPS;
        // whoever commits on chain and leaves can be fined before its stake has gone
        if (!valid || uint256(rules.window) * 3 > rules.unbonding) revert InvalidRules();
    }

    /// @dev One list, one address.
    function _requireAscending(address[] calldata listed, uint256 threshold) private pure {
        if (listed.length == 0) return;
        if (listed.length < threshold || listed.length > MAX_LISTED) revert InvalidList();
        address last;
        for (uint256 i; i < listed.length; ++i) {
            if (listed[i] <= last) revert InvalidList();
            last = listed[i];
        }
    }

    function _arguments(Rules calldata rules, address[] calldata listed) private pure returns (bytes memory) {
        return abi.encodePacked(abi.encode(rules), listed);
    }
}
