// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC165} from "../interfaces/IERC165.sol";
import {IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {ISafe, ISafeGuard} from "../interfaces/ISafe.sol";
import {Assessing, CodeAssessor} from "./CodeAssessor.sol";

/// @title A Safe's transaction guard: a call of code nobody has assessed needs a second confirmation after a delay
/// @notice A call of assessed, unflagged code goes through as ever. For any other transaction an owner calls `announce` with its
/// Safe transaction hash; once the extra delay is over an owner calls `confirm`; then it can be executed. It never locks a Safe:
/// whatever the owners sign goes through that way, the removal of this guard too. A transaction that delegates (`operation` 1)
/// always needs it. What counts as an assessment, and what is not seen: `CodeAssessor`.
///
/// Warning: modules of a Safe 1.4.1 do not pass its guard.
contract SafeRiskGuard is CodeAssessor, ISafeGuard {
    /// @notice An owner announced a transaction; it can be confirmed once the extra delay is over.
    event Announced(bytes32 indexed safeTxHash, address indexed owner);
    /// @notice An owner confirmed an announced transaction.
    event Confirmed(bytes32 indexed safeTxHash, address indexed owner);

    /// @notice Only the Safe this guard was made for.
    error NotSafe(address caller);
    /// @notice Only an owner of the Safe.
    error NotOwner(address caller);
    /// @notice The transaction was announced before.
    error AlreadyAnnounced(bytes32 safeTxHash);
    /// @notice The transaction can be confirmed from `from` on; the largest number where nobody has announced it.
    error TooEarly(bytes32 safeTxHash, uint256 from);
    /// @notice The code has no clean assessment: announce this transaction, and confirm it after the delay.
    error NeedsConfirmation(bytes32 safeTxHash, address to);

    /// @notice The Safe whose transactions are judged.
    ISafe public immutable SAFE;

    /// @notice Seconds at which a transaction was announced; 0: it was not.
    mapping(bytes32 safeTxHash => uint256) public announcedAt;
    /// @notice Seconds at which a transaction was confirmed; 0: it was not.
    mapping(bytes32 safeTxHash => uint256) public confirmedAt;

    constructor(ISafe safe, IInferenceOracle oracle, Assessing memory assessing_) CodeAssessor(oracle, assessing_) {
        SAFE = safe;
    }

    /// @notice Takes refunds of the oracle.
    receive() external payable {}

    modifier onlySafe() {
        if (msg.sender != address(SAFE)) revert NotSafe(msg.sender);
        _;
    }

    modifier onlyOwner() {
        if (!SAFE.isOwner(msg.sender)) revert NotOwner(msg.sender);
        _;
    }

    /// @notice Starts the delay of a transaction that needs a second confirmation.
    function announce(bytes32 safeTxHash) external onlyOwner {
        if (announcedAt[safeTxHash] != 0) revert AlreadyAnnounced(safeTxHash);

        announcedAt[safeTxHash] = block.timestamp;

        emit Announced(safeTxHash, msg.sender);
    }

    /// @notice The second confirmation.
    function confirm(bytes32 safeTxHash) external onlyOwner {
        uint256 announced = announcedAt[safeTxHash];
        uint256 from = announced == 0 ? type(uint256).max : announced + _extraDelay();
        if (block.timestamp < from) revert TooEarly(safeTxHash, from);

        confirmedAt[safeTxHash] = block.timestamp;

        emit Confirmed(safeTxHash, msg.sender);
    }

    /// @notice Asks another model, operator or class, or reads answers otherwise. Only the Safe, in a transaction that this guard
    /// has let through; assessments under the settings before are void.
    function setAssessing(Assessing calldata assessing_) external onlySafe {
        _set(assessing_);
    }

    /// @inheritdoc ISafeGuard
    function checkTransaction(
        address to,
        uint256 value,
        bytes memory data,
        uint8 operation,
        uint256 safeTxGas,
        uint256 baseGas,
        uint256 gasPrice,
        address gasToken,
        address payable refundReceiver,
        bytes memory,
        address
    ) external view onlySafe {
        if (operation == 0 && _isClean(to)) return;
        // the Safe has counted its nonce up before it asks
        bytes32 safeTxHash = SAFE.getTransactionHash(
            to, value, data, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver, SAFE.nonce() - 1
        );
        if (confirmedAt[safeTxHash] == 0) revert NeedsConfirmation(safeTxHash, to);
    }

    /// @inheritdoc ISafeGuard
    function checkAfterExecution(bytes32, bool) external {}

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) external pure returns (bool) {
        return interfaceId == type(ISafeGuard).interfaceId || interfaceId == type(IERC165).interfaceId;
    }
}
