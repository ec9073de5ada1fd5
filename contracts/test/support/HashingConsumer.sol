// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {InferenceConsumer} from "../../src/consumers/InferenceConsumer.sol";
import {Ask, IInferenceOracle} from "../../src/interfaces/IInferenceOracle.sol";
import {UseClass} from "../../src/interfaces/ILicenseRegistry.sol";

/// @notice The smallest useful consumer: keeps the hash of the last answer. What the gas snapshot asks with.
contract HashingConsumer is InferenceConsumer {
    bytes32 public immutable MODEL_ID;
    address public immutable OPERATOR;
    UseClass public immutable USE_CLASS;
    uint32 public immutable CALLBACK_GAS;

    bytes32 public last;

    constructor(IInferenceOracle oracle, bytes32 modelId, address operator, UseClass useClass, uint32 callbackGas)
        InferenceConsumer(oracle)
    {
        MODEL_ID = modelId;
        OPERATOR = operator;
        USE_CLASS = useClass;
        CALLBACK_GAS = callbackGas;
    }

    function ask(uint64 lane, bytes calldata input) external payable returns (bytes32) {
        uint40 deadline = uint40(block.timestamp + 1 hours);
        return _ask(Ask(MODEL_ID, OPERATOR, USE_CLASS, lane, deadline, CALLBACK_GAS), input, msg.value);
    }

    function _onInference(bytes32, uint64, bytes calldata output) internal override {
        last = keccak256(output);
    }
}
