// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Request} from "../../src/interfaces/IInferenceOracle.sol";
import {UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {RequestFacts} from "../../src/types/Facts.sol";

/// @notice A request with its facts unpacked, for tests to change one by one, and its licensee named even if it is the requester.
struct Plain {
    address requester;
    uint64 lane;
    uint32 seq;
    bytes32 modelId;
    bytes32 inputHash;
    address operator;
    address token;
    uint96 fee;
    address payTo;
    uint16 royaltyBps;
    uint24 termsVersion;
    UseClass useClass;
    address licensee;
    uint32 grantSeq;
    uint40 deadline;
    uint32 callbackGas;
}

using {wire} for Plain global;

function wire(Plain memory plain) pure returns (Request memory) {
    return Request({
        requester: plain.requester,
        modelId: plain.modelId,
        inputHash: plain.inputHash,
        operator: plain.operator,
        token: plain.token,
        fee: plain.fee,
        payTo: plain.payTo,
        licensee: plain.licensee == plain.requester ? address(0) : plain.licensee,
        facts: RequestFacts.pack(
            plain.lane,
            plain.seq,
            plain.grantSeq,
            plain.deadline,
            plain.callbackGas,
            plain.termsVersion,
            plain.royaltyBps,
            plain.useClass
        )
    });
}
