// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Integrity} from "../src/Integrity.sol";
import {Moves} from "../src/Moves.sol";
import {Orders} from "../src/Orders.sol";
import {Pointwise} from "../src/Pointwise.sol";
import {Products} from "../src/Products.sol";
import {Reductions} from "../src/Reductions.sol";
import {Shapes} from "../src/Shapes.sol";
import {BadProof, OtherOperator, Undefined} from "../src/Types.sol";

interface Vm {
    function readLine(string calldata path) external view returns (string memory);
    function closeFile(string calldata path) external;
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function assertTrue(bool condition, string calldata error) external pure;
    function assertEq(bool left, bool right, string calldata error) external pure;
    function assertEq(uint256 left, uint256 right) external pure;
}

/// @notice Accusations that Python made, a line each, of honest traces and of altered ones: every one has its ruling.
contract RefereeTest {
    struct Line {
        string op;
        string name;
        bool isKind;
        bool convicted;
        bytes call;
    }

    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant CASES = 129;
    string private constant FILE = "../../tests/vectors/trace/proofs.jsonl";

    mapping(string => address) private contracts;

    constructor() {
        contracts["Integrity"] = address(new Integrity());
        contracts["Moves"] = address(new Moves());
        contracts["Orders"] = address(new Orders());
        contracts["Pointwise"] = address(new Pointwise());
        contracts["Products"] = address(new Products());
        contracts["Reductions"] = address(new Reductions());
        contracts["Shapes"] = address(new Shapes());
    }

    function test_eachAccusationHasItsRuling() public {
        uint256 cases;
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            (bool ruled, bytes memory said) = contracts[line.name].staticcall(line.call);
            VM.assertTrue(ruled, line.op);
            VM.assertEq(abi.decode(said, (bool)), line.convicted, line.op);
            ++cases;
        }
        VM.assertEq(cases, CASES);
    }

    /// @dev Whatever byte of whatever honest proof is changed: what does not lead to the roots is not ruled on.
    function testFuzz_aByteThatIsChangedConvictsNobody(uint256 seed) public {
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            if (line.convicted) continue;
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 place = 4 + 96 + seed % (line.call.length - 100); // behind selector and roots
            line.call[place] = bytes1(uint8(line.call[place]) ^ uint8(1 + (seed >> 128) % 255));
            (bool ruled, bytes memory said) = contracts[line.name].staticcall{gas: 100_000_000}(line.call);
            VM.assertTrue(!ruled || !abi.decode(said, (bool)), line.op);
        }
    }

    /// @dev Of another model, of another trace.
    function test_aProofReachesItsOwnRootsAlone() public {
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            for (uint256 root; root < 3; root += 2) {
                line.call[4 + 32 * root] ^= 0x01;
                (bool ruled, bytes memory said) = contracts[line.name].staticcall(line.call);
                VM.assertTrue(!ruled && bytes4(said) == BadProof.selector, line.op);
                line.call[4 + 32 * root] ^= 0x01;
            }
        }
    }

    function test_eachContractRefereesItsOwnOperators() public {
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            if (line.isKind) continue;
            bool isOrder = keccak256(bytes(line.name)) == keccak256("Orders");
            (bool ruled, bytes memory said) = contracts[isOrder ? "Moves" : "Orders"].staticcall(line.call);
            bytes4 why = bytes4(said);
            VM.assertTrue(!ruled && (why == OtherOperator.selector || isOrder && why == Undefined.selector), line.op);
        }
    }

    function test_eachFitsAChain() public view {
        string[7] memory names = ["Integrity", "Moves", "Orders", "Pointwise", "Products", "Reductions", "Shapes"];
        for (uint256 i; i < names.length; ++i) {
            VM.assertTrue(contracts[names[i]].code.length < 21_500, names[i]);
        }
    }

    /// @dev The next line of the file; at its end one without a call, and the file begins anew.
    function _next() private returns (Line memory line) {
        string memory json = VM.readLine(FILE);
        if (bytes(json).length == 0) {
            VM.closeFile(FILE);
            return line;
        }
        line.op = VM.parseJsonString(json, ".op");
        line.name = VM.parseJsonString(json, ".contract");
        line.isKind = VM.parseJsonBool(json, ".kind");
        line.convicted = VM.parseJsonBool(json, ".convicted");
        line.call = VM.parseJsonBytes(json, ".call");
    }
}
