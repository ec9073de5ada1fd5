// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {Ask, IInferenceOracle} from "../interfaces/IInferenceOracle.sol";
import {IRegistry} from "../interfaces/IRegistry.sol";
import {Terms} from "../interfaces/ITermsRegistry.sol";

/// @title What a contract inherits to ask and be answered, if it takes ether by itself
/// @notice Ask with `_ask`, act in `_onInference`. Fees of unanswered requests come back when anyone calls
/// `ORACLE.withdraw(address(0), address(this))` after `ORACLE.refund`.
abstract contract InferenceRequester is IInferenceConsumer {
    /// @notice Only the oracle may call back.
    error NotOracle(address caller);
    /// @notice There is no code to ask about.
    error TargetWithoutCode(address target);

    /// @notice The only account that may deliver answers.
    IInferenceOracle public immutable ORACLE;

    constructor(IInferenceOracle oracle) {
        ORACLE = oracle;
    }

    /// @inheritdoc IInferenceConsumer
    function onInference(bytes32 id, uint64 lane, bytes calldata output) external {
        if (msg.sender != address(ORACLE)) revert NotOracle(msg.sender);
        _onInference(id, lane, output);
    }

    /// @dev Acts on the final answer to what was asked in a lane. A lane has one open request, so what it is about can be kept by
    /// the lane. A revert here changes nothing at the oracle: the answer stays final and paid.
    function _onInference(bytes32 id, uint64 lane, bytes calldata output) internal virtual;

    /// @dev Asks. The oracle's custom errors (license, offer, fee) reach the caller unchanged.
    function _ask(Ask memory ask, bytes memory input, uint256 fee) internal returns (bytes32 id) {
        return ORACLE.request{value: fee}(ask, input);
    }

    /// @dev What whoever shows results of a model has to say, and the hash of the terms in force that ask for it.
    function _attribution(bytes32 modelId) internal view returns (string memory text, bytes32 termsHash) {
        IRegistry registry = ORACLE.REGISTRY();
        (uint24 version,) = registry.termsInForce(modelId);
        Terms memory terms = registry.termsOf(modelId, version);
        return (terms.attribution, terms.termsHash);
    }

    /// @dev The input by which a model that reads deployed code is asked about `target`. It names the code as it is now, so
    /// that nobody can answer about other code.
    function _codeInput(address target) internal view returns (bytes memory) {
        if (target.code.length == 0) revert TargetWithoutCode(target);
        return abi.encode(target, target.codehash);
    }
}

/// @title What a contract inherits to ask and be answered
abstract contract InferenceConsumer is InferenceRequester {
    constructor(IInferenceOracle oracle) InferenceRequester(oracle) {}

    /// @notice Takes refunds.
    receive() external payable virtual {}
}
