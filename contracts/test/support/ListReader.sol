// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle, Request} from "../../src/interfaces/IInferenceOracle.sol";
import {ResultList} from "../../src/libraries/ResultList.sol";

/// @notice A consumer that believes one answer of a list at a time.
contract ListReader {
    IInferenceOracle private immutable ORACLE;

    constructor(IInferenceOracle oracle) {
        ORACLE = oracle;
    }

    function proves(
        Request calldata order,
        bytes32 root,
        uint256 index,
        bytes calldata input,
        bytes calldata output,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        return ResultList.proves(ORACLE, order, root, index, input, output, siblings);
    }
}
