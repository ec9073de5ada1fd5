// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Request} from "../src/interfaces/IInferenceOracle.sol";
import {Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {ResultList} from "../src/libraries/ResultList.sol";
import {Facts, RequestFacts} from "../src/types/Facts.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM} from "./support/Vm.sol";

/// @notice Orders for the lists of `tests/vectors/lists.json`, each answered by its root, and single answers of them proved.
contract ResultListTest is Fixture {
    uint256 private constant KEY = 0xA5C;

    string private json = VM.readFile("../tests/vectors/lists.json");

    function setUp() public override {
        super.setUp();
        requester = VM.addr(KEY);
        _publish(ALL_GRANT);
        _activate(requester, Role.REQUESTER);
        _activate(operator, Role.OPERATOR);
    }

    function test_proves() public {
        for (uint256 list; list < 6; ++list) {
            string memory at = string.concat("[", VM.toString(list), "]");
            uint8 items = uint8(VM.parseJsonUint(json, string.concat(at, ".items")));
            bytes32 root = VM.parseJsonBytes32(json, string.concat(at, ".root"));
            Request memory order =
                _answered(items, uint32(list + 1), VM.parseJsonBytes32(json, string.concat(at, ".inputHash")), root);
            for (uint256 i; i < (items < 3 ? items : 3); ++i) {
                _open(order, root, string.concat(at, ".opened[", VM.toString(i), "]"));
            }
        }
    }

    /// @dev Neither an order that is not final, nor one of another number of items, proves anything.
    function test_proves_onlyWhatIsFinal() public {
        bytes32 root = VM.parseJsonBytes32(json, "[2].root");
        Request memory order = _order(3, 1, VM.parseJsonBytes32(json, "[2].inputHash"));
        VM.assertFalse(_proves(order, root, "[2].opened[0]", 0));
        order = _answered(3, 1, order.inputHash, root);
        VM.assertTrue(_proves(order, root, "[2].opened[0]", 0));
        VM.assertFalse(_proves(order, root, "[3].opened[0]", 0));
        order.facts = Facts.wrap(Facts.unwrap(order.facts) ^ 1 << 248);
        VM.assertFalse(_proves(order, root, "[2].opened[0]", 0));
    }

    function proves(
        Request calldata order,
        bytes32 root,
        uint256 index,
        bytes calldata input,
        bytes calldata output,
        bytes32[] calldata siblings
    ) external view returns (bool) {
        return ResultList.proves(oracle, order, root, index, input, output, siblings);
    }

    function _open(Request memory order, bytes32 root, string memory at) private view {
        VM.assertTrue(_proves(order, root, at, 0));
        VM.assertFalse(_proves(order, root, at, 1));
        VM.assertFalse(_proves(order, bytes32(uint256(root) ^ 1), at, 0));
        (bytes memory input, bytes memory output, bytes32[] memory siblings) = _at(at);
        uint256 index = VM.parseJsonUint(json, string.concat(at, ".index"));
        VM.assertFalse(this.proves(order, root, index, bytes.concat(input, "x"), output, siblings));
        VM.assertFalse(this.proves(order, root, index, input, bytes.concat(output, "x"), siblings));
    }

    function _proves(Request memory order, bytes32 root, string memory at, uint256 shift) private view returns (bool) {
        (bytes memory input, bytes memory output, bytes32[] memory siblings) = _at(at);
        uint256 index = VM.parseJsonUint(json, string.concat(at, ".index"));
        return this.proves(order, root, index + shift, input, output, siblings);
    }

    function _at(string memory at)
        private
        view
        returns (bytes memory input, bytes memory output, bytes32[] memory siblings)
    {
        input = VM.parseJsonBytes(json, string.concat(at, ".input"));
        output = VM.parseJsonBytes(json, string.concat(at, ".output"));
        siblings = VM.parseJsonBytes32Array(json, string.concat(at, ".siblings"));
    }

    function _answered(uint8 items, uint32 seq, bytes32 inputHash, bytes32 root)
        private
        returns (Request memory order)
    {
        order = _order(items, seq, inputHash);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(KEY, oracle.hashOrder(order));
        VM.prank(operator);
        oracle.fulfillOrder(order, abi.encodePacked(r, s, v), abi.encode(root), 0);
        VM.assertTrue(oracle.finalized(order, abi.encode(root)));
    }

    function _order(uint8 items, uint32 seq, bytes32 inputHash) private view returns (Request memory) {
        Facts facts = RequestFacts.pack(7, seq, 0, uint40(START + 1 hours), 0, 1, 0, UseClass.COMMERCIAL);
        return Request({
            requester: requester,
            modelId: modelId,
            inputHash: inputHash,
            operator: operator,
            token: address(0),
            fee: 0,
            payTo: address(0),
            licensee: address(0),
            facts: Facts.wrap(Facts.unwrap(facts) | uint256(items) << 248)
        });
    }
}
