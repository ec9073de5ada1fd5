// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceConsumer} from "../../src/interfaces/IInferenceConsumer.sol";
import {OwnedWallet} from "./OwnedWallet.sol";

/// @notice A wallet that gives orders (ERC-1271) and takes their answers.
contract OrderingWallet is OwnedWallet, IInferenceConsumer {
    bytes32 public answered;
    bytes public output;
    bool public refuses;

    constructor(address owner) OwnedWallet(owner) {}

    function refuse() external {
        refuses = true;
    }

    function onInference(bytes32 id, uint64, bytes calldata output_) external {
        require(!refuses);
        (answered, output) = (id, output_);
    }
}
