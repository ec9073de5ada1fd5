// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceConsumer} from "../src/interfaces/IInferenceConsumer.sol";
import {IInferenceOracle, Request} from "../src/interfaces/IInferenceOracle.sol";
import {License, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {AnswerAt} from "../src/libraries/Answers.sol";
import {LicenseAt} from "../src/libraries/Licenses.sol";
import {LaneWord} from "../src/types/LaneWord.sol";
import {Mode} from "../src/types/Policy.sol";

/// @title What is called by hand in `Answers`, `Licenses` and `Oracles` (ADR 41), as the compiler calls it
/// @dev Slither reads these in the place of those, whose assembly it does not see into; `Calls.t.sol` proves that both call the same.
library Calls {
    function callBack(AnswerAt answer, address requester, uint256 gasLimit, bytes32 id, uint64 lane)
        internal
        returns (bool done)
    {
        bytes memory output;
        assembly ("memory-safe") {
            output := answer
        }
        (done,) = requester.call{gas: gasLimit}(abi.encodeCall(IInferenceConsumer.onInference, (id, lane, output)));
    }

    function fulfill(IInferenceOracle oracle, Request calldata request, bytes calldata output, uint96 minPay)
        internal
        returns (bool done, uint256 pay)
    {
        try oracle.fulfill(request, output, minPay) returns (uint256 earned) {
            return (true, earned);
        } catch {}
    }

    function fulfillHere(Request calldata request, bytes calldata output, uint96 minPay) internal returns (bool done) {
        (done,) = address(this).delegatecall(abi.encodeCall(IInferenceOracle.fulfill, (request, output, minPay)));
    }

    function laneOf(IInferenceOracle oracle, Request calldata request) internal view returns (LaneWord word) {
        return oracle.laneOf(request.requester, request.facts.lane());
    }

    function now_(IRegistry registry, bytes32 modelId, address account, UseClass useClass, UseClass operatorsUse)
        internal
        view
        returns (LicenseAt license, uint24 version, uint16 epoch, Mode operatorsMode)
    {
        License memory told;
        (told, version, epoch, operatorsMode) = registry.licenseNow(modelId, account, useClass, operatorsUse);
        license = _at(told);
    }

    function ofOrder(
        IRegistry registry,
        bytes32 modelId,
        address requester,
        UseClass requestersUse,
        address operator,
        UseClass operatorsUse
    ) internal view returns (LicenseAt requesters, LicenseAt operators, uint24 version) {
        License memory one;
        License memory other;
        (one.word, one.licensee, one.payTo, other.word, other.licensee, other.payTo, version) =
            registry.licensesOfOrder(modelId, requester, requestersUse, operator, operatorsUse);
        (requesters, operators) = (_at(one), _at(other));
    }

    function pinned(
        IRegistry registry,
        bytes32 modelId,
        address operator,
        UseClass useClass,
        uint24 version,
        uint16 epoch
    ) internal view returns (LicenseAt license) {
        return _at(registry.pinnedLicense(modelId, operator, Role.OPERATOR, useClass, version, epoch));
    }

    function _at(License memory told) private pure returns (LicenseAt license) {
        assembly ("memory-safe") {
            license := told
        }
    }
}
