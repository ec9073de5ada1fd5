// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./support/Plain.sol";
import {InferenceOracle} from "../src/InferenceOracle.sol";
import {Registry} from "../src/Registry.sol";
import {Request} from "../src/interfaces/IInferenceOracle.sol";
import {Grant, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {Facts, RequestFacts} from "../src/types/Facts.sol";
import {VM} from "./support/Vm.sol";

/// @notice The hashes of `tests/vectors/ids.json`, which Python computed: one judge for both sides.
contract VectorsTest {
    string private json = VM.readFile("../tests/vectors/ids.json");
    bytes private oracleCode = address(new InferenceOracle(new Registry())).code;
    bytes private registryCode = address(new Registry()).code;
    string private at; // path of the current case

    function test_modelIds() public {
        uint256 cases;
        for (; _next("models", cases); ++cases) {
            bytes32 id = _registry()
                .modelIdOf(_address("licensor"), _word("programRoot"), _word("weightsRoot"), _word("manifestHash"));
            VM.assertEq(id, _word("expected"));
        }
        VM.assertEq(cases, 9);
    }

    function test_requestIds() public {
        uint256 cases;
        for (; _next("requests", cases); ++cases) {
            Plain memory request = Plain({
                requester: _address("requester"),
                lane: uint64(_uint("lane")),
                seq: uint32(_uint("seq")),
                modelId: _word("modelId"),
                inputHash: _word("inputHash"),
                operator: _address("operator"),
                token: _address("token"),
                fee: uint96(_uint("fee")),
                payTo: _address("payTo"),
                royaltyBps: uint16(_uint("royaltyBps")),
                termsVersion: uint24(_uint("termsVersion")),
                useClass: UseClass(_uint("useClass")),
                licensee: _address("licensee"),
                grantSeq: uint32(_uint("grantSeq")),
                deadline: uint40(_uint("deadline")),
                callbackGas: uint32(_uint("callbackGas"))
            });
            Request memory wired = request.wire();
            wired.licensee = request.licensee; // even where a contract would leave it out
            VM.assertEq(_oracle().idOf(wired), _word("expected"));
        }
        VM.assertEq(cases, 9);
    }

    /// @dev The id of an order, and what its requester signs.
    function test_orderDigests() public {
        uint256 cases;
        for (; _next("orders", cases); ++cases) {
            Facts facts = RequestFacts.pack(
                uint64(_uint("lane")),
                uint32(_uint("seq")),
                0,
                uint40(_uint("deadline")),
                uint32(_uint("callbackGas")),
                uint24(_uint("termsVersion")),
                0,
                UseClass(_uint("useClass"))
            );
            Request memory order = Request({
                requester: _address("requester"),
                modelId: _word("modelId"),
                inputHash: _word("inputHash"),
                operator: _address("operator"),
                token: _address("token"),
                fee: uint96(_uint("fee")),
                payTo: address(0),
                licensee: address(0),
                facts: Facts.wrap(Facts.unwrap(facts) | _uint("items") << 248)
            });
            VM.assertEq(_oracle().idOf(order), _word("id"));
            VM.assertEq(_oracle().hashOrder(order), _word("expected"));
        }
        VM.assertEq(cases, 9);
    }

    function test_resultHashes() public {
        uint256 cases;
        for (; _next("results", cases); ++cases) {
            bytes memory output = VM.parseJsonBytes(json, string.concat(at, ".output"));
            VM.assertEq(_oracle().resultHashOf(_word("id"), _word("modelId"), output), _word("expected"));
        }
        VM.assertEq(cases, 24);
    }

    function test_grantDigests() public {
        uint256 cases;
        for (; _next("grants", cases); ++cases) {
            Grant memory grant = Grant({
                modelId: _word("modelId"),
                licensor: _address("licensor"),
                licensee: _address("licensee"),
                role: Role(_uint("role")),
                classes: uint8(_uint("classes")),
                termsVersion: uint24(_uint("termsVersion")),
                notBefore: uint40(_uint("notBefore")),
                expiry: uint40(_uint("expiry")),
                quota: uint32(_uint("quota")),
                dailyRate: uint32(_uint("dailyRate")),
                market: _address("market"),
                royaltyBps: uint16(_uint("royaltyBps")),
                priceToken: _address("priceToken"),
                priceFloor: uint96(_uint("priceFloor")),
                payTo: _address("payTo"),
                epoch: uint16(_uint("epoch")),
                seq: uint32(_uint("seq")),
                nonce: _uint("nonce")
            });
            VM.assertEq(_registry().hashGrant(grant), _word("expected"));
        }
        VM.assertEq(cases, 9);
    }

    /// @dev Moves to a case and to its chain; false after the last one.
    function _next(string memory list, uint256 index) private returns (bool) {
        at = string.concat(".", list, "[", VM.toString(index), "]");
        if (!VM.keyExistsJson(json, at)) return false;
        VM.chainId(_uint("chainId"));
        return true;
    }

    /// @dev The oracle at the case's address.
    function _oracle() private returns (InferenceOracle) {
        address place = _address("oracle");
        VM.etch(place, oracleCode);
        return InferenceOracle(place);
    }

    /// @dev The registry at the case's address.
    function _registry() private returns (Registry) {
        address place = _address("oracle");
        VM.etch(place, registryCode);
        return Registry(place);
    }

    function _uint(string memory key) private view returns (uint256) {
        return VM.parseJsonUint(json, string.concat(at, ".", key));
    }

    function _word(string memory key) private view returns (bytes32) {
        return VM.parseJsonBytes32(json, string.concat(at, ".", key));
    }

    function _address(string memory key) private view returns (address) {
        return VM.parseJsonAddress(json, string.concat(at, ".", key));
    }
}
