// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICommittee} from "../src/interfaces/ICommittee.sol";
import {CommitteeFixture} from "./support/CommitteeFixture.sol";
import {VM} from "./support/Vm.sol";

/// @notice The digests of `tests/vectors/committee.json`, which Python computed, at the committees' addresses and on their chains.
contract CommitteeVectorsTest is CommitteeFixture {
    function test_digests() public {
        string memory json = VM.readFile("../tests/vectors/committee.json");
        bytes memory code = address(committee).code; // a clone with these rules
        uint256 cases;
        for (string memory at; VM.keyExistsJson(json, at = string.concat("[", VM.toString(cases), "]")); ++cases) {
            VM.chainId(VM.parseJsonUint(json, string.concat(at, ".chainId")));
            address place = VM.parseJsonAddress(json, string.concat(at, ".committee"));
            VM.etch(place, code);
            ICommittee there = ICommittee(place);
            bytes32 id = VM.parseJsonBytes32(json, string.concat(at, ".request"));
            bytes32 result = VM.parseJsonBytes32(json, string.concat(at, ".resultHash"));
            bytes32 commitment = keccak256(
                abi.encode(
                    result,
                    VM.parseJsonBytes32(json, string.concat(at, ".salt")),
                    VM.parseJsonAddress(json, string.concat(at, ".member"))
                )
            );
            VM.assertEq(commitment, VM.parseJsonBytes32(json, string.concat(at, ".commitment")));
            bytes32 digest = VM.parseJsonBytes32(json, string.concat(at, ".commitmentDigest"));
            VM.assertEq(there.hashCommitment(id, commitment), digest);
            VM.assertEq(there.hashResult(id, result), VM.parseJsonBytes32(json, string.concat(at, ".resultDigest")));
            VM.assertEq(there.hashResults(result), VM.parseJsonBytes32(json, string.concat(at, ".resultsDigest")));
        }
        VM.assertEq(cases, 9);
    }
}
