// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";

import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {Assessing, CodeAssessor} from "./CodeAssessor.sol";

/// @title A DAO's timelock that takes more time for code nobody has assessed
/// @notice OpenZeppelin's `TimelockController`: roles, batches, predecessors, salts and views are as DAOs know them. One rule is added,
/// when a call is made: the code that is about to run has a clean assessment by the model the DAO chose, or the operation waits for the
/// extra delay. It never rejects a call and never shortens a delay. What counts as an assessment, and what is not seen: `CodeAssessor`.
contract TimelockGuard is TimelockController, CodeAssessor {
    /// @notice `target` may be called from `from` on: nobody has assessed its code, or a report has flagged it.
    error MustWait(address target, uint256 from);

    /// @dev When the operation that is being executed became ready.
    uint256 private _readyAt;

    /// @param minDelay Seconds from schedule to execution, of assessed code
    /// @param proposers Accounts that schedule and cancel
    /// @param executors Accounts that execute; with the zero address everybody does
    /// @param admin Sets roles up without delay and then renounces; zero: nobody
    constructor(
        uint256 minDelay,
        address[] memory proposers,
        address[] memory executors,
        address admin,
        IInferenceOracle oracle,
        Assessing memory assessing_
    ) TimelockController(minDelay, proposers, executors, admin) CodeAssessor(oracle, assessing_) {}

    /// @notice Asks another model, operator or class, or reads answers otherwise. Only this timelock itself, as an operation of its
    /// own; assessments under the settings before are void.
    function setAssessing(Assessing calldata assessing_) external {
        if (msg.sender != address(this)) revert TimelockUnauthorizedCaller(msg.sender);
        _set(assessing_);
    }

    /// @notice Seconds from which a scheduled operation can be executed, as far as it can be known now; 0: it is not scheduled.
    function executableFrom(bytes32 id, address[] calldata targets) external view returns (uint256 from) {
        if (!isOperationPending(id)) return 0;
        uint256 readyAt = getTimestamp(id);
        from = readyAt;
        for (uint256 i; i < targets.length; ++i) {
            uint256 callable = _callableFrom(targets[i], readyAt);
            if (callable > from) from = callable;
        }
    }

    /// @inheritdoc TimelockController
    function execute(address target, uint256 value, bytes calldata payload, bytes32 predecessor, bytes32 salt)
        public
        payable
        override
    {
        uint256 outer = _enter(hashOperation(target, value, payload, predecessor, salt));
        super.execute(target, value, payload, predecessor, salt);
        _readyAt = outer;
    }

    /// @inheritdoc TimelockController
    function executeBatch(
        address[] calldata targets,
        uint256[] calldata values,
        bytes[] calldata payloads,
        bytes32 predecessor,
        bytes32 salt
    ) public payable override {
        uint256 outer = _enter(hashOperationBatch(targets, values, payloads, predecessor, salt));
        super.executeBatch(targets, values, payloads, predecessor, salt);
        _readyAt = outer;
    }

    /// @dev Judged at the last moment: an earlier call of a batch may have changed what this one runs.
    function _execute(address target, uint256 value, bytes calldata data) internal override {
        uint256 from = _callableFrom(target, _readyAt);
        if (block.timestamp < from) revert MustWait(target, from);
        super._execute(target, value, data);
    }

    /// @dev An operation may execute another one on its way.
    function _enter(bytes32 id) private returns (uint256 outer) {
        outer = _readyAt;
        _readyAt = getTimestamp(id);
    }
}
