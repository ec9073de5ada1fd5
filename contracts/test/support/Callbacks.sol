// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {InferenceConsumer} from "../../src/consumers/InferenceConsumer.sol";
import {Ask, IInferenceOracle} from "../../src/interfaces/IInferenceOracle.sol";

/// @notice A consumer whose reaction to an answer is chosen per test.
contract Callbacks is InferenceConsumer {
    enum Reaction {
        RECORD,
        REVERT,
        BURN,
        BOMB, // returns a megabyte
        FULFILL_AGAIN,
        REFUND,
        WITHDRAW,
        ASK_AGAIN
    }

    Reaction public reaction;
    uint256 public gasAtEntry;
    bytes32 public answered;
    uint64 public lane; // of the answer
    bytes public output;
    bool public inner; // whether the reentrant call went through

    Ask private _next;
    Plain private _made;

    constructor(IInferenceOracle oracle) InferenceConsumer(oracle) {}

    function react(Reaction reaction_, Ask calldata next, Plain calldata made) external {
        (reaction, _next, _made) = (reaction_, next, made);
    }

    function ask(Ask calldata ask_, bytes calldata input) external payable returns (bytes32) {
        return _ask(ask_, input, msg.value);
    }

    function codeInput(address target) external view returns (bytes memory) {
        return _codeInput(target);
    }

    function fulfillAsOperator(Plain calldata made, bytes calldata output_) external {
        ORACLE.fulfill(made.wire(), output_, 0);
    }

    function serve(bytes32 modelId, uint32 maxCallbackGas) external {
        ORACLE.serve(modelId, address(0), 0, maxCallbackGas);
    }

    function _onInference(bytes32 id, uint64 lane_, bytes calldata output_) internal override {
        uint256 entry = gasleft();
        if (reaction == Reaction.REVERT) revert("no");
        if (reaction == Reaction.BURN) {
            while (true) {}
        }
        if (reaction == Reaction.BOMB) {
            assembly {
                return(0, 1000000)
            }
        }
        (gasAtEntry, answered, lane, output) = (entry, id, lane_, output_);
        if (reaction == Reaction.FULFILL_AGAIN) {
            inner = _try(abi.encodeCall(ORACLE.fulfill, (_made.wire(), "other", 0)));
        }
        if (reaction == Reaction.REFUND) inner = _try(abi.encodeCall(ORACLE.refund, (_made.wire())));
        if (reaction == Reaction.WITHDRAW) {
            inner = _try(abi.encodeCall(ORACLE.collect, (address(0), _made.modelId, _made.operator)));
            inner = inner && _try(abi.encodeCall(ORACLE.withdraw, (address(0), _made.operator)));
        }
        if (reaction == Reaction.ASK_AGAIN) inner = _try(abi.encodeCall(ORACLE.request, (_next, "again")));
    }

    function _try(bytes memory call) private returns (bool done) {
        (done,) = address(ORACLE).call(call);
    }
}
