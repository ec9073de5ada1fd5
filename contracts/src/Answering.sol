// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Payments} from "./Payments.sol";
import {IInferenceOracle, Request, Uses} from "./interfaces/IInferenceOracle.sol";
import {Limits, Role, UseClass} from "./interfaces/ILicenseRegistry.sol";
import {AnswerAt} from "./libraries/Answers.sol";
import {GrantLimits} from "./libraries/GrantLimits.sol";
import {LicenseAt} from "./libraries/Licenses.sol";
import {Places} from "./libraries/Places.sol";
import {Requests} from "./libraries/Requests.sol";
import {LaneWord} from "./types/LaneWord.sol";

/// @title What an answer needs, however it was asked for: lanes, counted uses, pay, the callback
abstract contract Answering is IInferenceOracle, Payments {
    using GrantLimits for Limits;
    using GrantLimits for Uses;
    using Requests for Request;

    /// @dev One word per (requester, lane).
    struct Lane {
        LaneWord word;
    }

    /// @notice The largest output. It is paid for by the operator.
    uint256 public constant MAX_OUTPUT_BYTES = 1024;

    /// @dev Two cold accounts (the consumer's, and under EIP-7702 that of its code) and the steps up to the call, with room for dearer
    /// ones. That the callback had its gas is checked again after it, whatever such things cost by then.
    uint256 private constant CALL_OVERHEAD_GAS = 10_000;

    mapping(bytes32 grantHash => Uses) private _uses;

    /// @inheritdoc IInferenceOracle
    function usesOf(bytes32 grantHash) external view returns (Uses memory) {
        return _uses[grantHash];
    }

    function _lane(address requester, uint64 lane) internal pure returns (Lane storage at) {
        bytes32 place = Places.ofLane(requester, lane);
        assembly ("memory-safe") {
            at.slot := place
        }
    }

    function _laneOf(Request calldata request_) internal pure returns (Lane storage) {
        return _lane(request_.requesterOf(), request_.facts.lane());
    }

    function _requireAnswerable(bytes32 id, Request calldata request_, bytes calldata output) internal view {
        if (block.timestamp > request_.facts.deadline()) revert DeadlinePassed(request_.facts.deadline());
        if (msg.sender != request_.operator) revert NotOperator(id, msg.sender, request_.operator);
        if (output.length > MAX_OUTPUT_BYTES) revert OutputTooLarge(output.length, MAX_OUTPUT_BYTES);
    }

    /// @dev A paid answer is commercial use of whoever gives it, whatever the requester's is.
    function _operatorsUse(uint96 fee, UseClass useClass) internal pure returns (UseClass) {
        if (fee > 0) return UseClass.COMMERCIAL;
        return useClass;
    }

    /// @dev So many uses more of a grant that `isLimited`. Reverts with the reason where they are not left.
    function _count(
        LicenseAt license,
        bytes32 modelId,
        address account,
        Role role,
        address token,
        uint96 fee,
        uint256 more
    ) internal {
        address licensee = _holder(license.licensee(), account);
        Limits memory limits = REGISTRY.limitsOf(modelId, licensee, role, license.word().seq());
        Uses memory uses = _uses[limits.digest];
        limits.check(uses, licensee, role, token, fee, more, address(this));
        if (limits.market != address(0)) {
            _uses[limits.digest] = Uses(uses.total + uint32(more), uses.onDay() + uint32(more), GrantLimits.today());
        }
    }

    /// @dev Gives a use back to the grant it was taken from, if that is still there: in a later epoch another may have its number. The
    /// day's rate is not given back.
    function _release(Request calldata request_, uint16 epoch) internal {
        if (REGISTRY.epochOf(request_.modelId) != epoch) return;
        address licensee = _holder(request_.licensee, request_.requester);
        Limits memory limits = REGISTRY.limitsOf(request_.modelId, licensee, Role.REQUESTER, request_.facts.grantSeq());
        Uses storage uses = _uses[limits.digest];
        if (limits.market == address(this) && uses.total > 0) --uses.total;
    }

    /// @dev Royalties, of the requester's and of the operator's grant, are rounded down; the rest is the operator's, so that nothing is
    /// lost. Each grant's is half the fee at most. A royalty without a payee of its own is the model's.
    function _settle(
        bytes32 id,
        Request calldata request_,
        address payTo,
        uint256 royaltyBps,
        LicenseAt operators,
        uint96 minPay
    ) internal returns (uint256 pay) {
        uint256 fee = request_.feeOf();
        uint256 requesters;
        uint256 models;
        unchecked {
            requesters = fee * royaltyBps / 10_000;
            models = requesters + fee * operators.word().royaltyBps() / 10_000;
            pay = fee - models;
        }
        if (pay < minPay) revert PayTooLow(pay, minPay);
        if (fee == 0) return 0;
        address token = request_.tokenOf();
        address operatorsPayTo = operators.payTo();
        if (payTo != address(0)) models -= _payRoyalty(id, token, payTo, Role.REQUESTER, requesters);
        if (operatorsPayTo != address(0)) {
            models -= _payRoyalty(id, token, operatorsPayTo, Role.OPERATOR, fee - pay - requesters);
        }
        _fill(token, request_.modelId, msg.sender, pay, models);
    }

    /// @dev Exactly `gasLimit` gas or a revert: the operator cannot starve a callback and be paid for it. EIP-150 passes on 63/64 at
    /// most, so whoever had its gas has left a 63rd of it here, whatever else the call cost. What the callback does or returns has no
    /// effect.
    function _callBack(bytes32 id, Request calldata request_, AnswerAt answer) internal {
        uint256 gasLimit = request_.facts.callbackGas();
        if (gasLimit == 0) return;
        uint256 required = gasLimit + gasLimit / 63 + CALL_OVERHEAD_GAS;
        if (gasleft() < required) revert InsufficientGas(gasleft(), required);
        bool done = answer.callBack(request_.requesterOf(), gasLimit, id, request_.facts.lane());
        if (gasleft() < gasLimit / 63) revert InsufficientGas(gasleft(), gasLimit / 63);
        if (!done) emit CallbackFailed(id);
    }

    /// @dev To the payee that a grant names.
    function _payRoyalty(bytes32 id, address token, address payTo, Role role, uint256 amount)
        private
        returns (uint256)
    {
        if (amount == 0) return 0;
        _credit(token, payTo, amount);
        emit RoyaltyPaid(id, payTo, role, amount);
        return amount;
    }

    /// @dev Whose grant it is: the licensee's, or where none is named the account's own.
    function _holder(address licensee, address account) private pure returns (address) {
        return licensee == address(0) ? account : licensee;
    }
}
