// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VM} from "../../test/support/Vm.sol";
import {BytesAdaptor} from "../src/BytesAdaptor.sol";
import {EvmTraceAdaptor} from "../src/EvmTraceAdaptor.sol";
import {Opcodes} from "../src/Opcodes.sol";
import {TensorAdaptor} from "../src/TensorAdaptor.sol";
import {IAdaptor} from "../src/interfaces/IAdaptor.sol";

interface Cheats {
    function readLine(string calldata path) external view returns (string memory);
    function closeFile(string calldata path) external;
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function etch(address target, bytes calldata code) external;
    function assertEq(string calldata left, string calldata right, string calldata error) external pure;
}

/// @notice What Python asks adaptors about inputs and answers, a line each, honest and altered: every one has its ruling.
contract AdaptorsTest {
    struct Line {
        string name;
        string adaptor;
        string ruling;
        address place;
        bytes code;
        bytes call;
    }

    Cheats private constant CHEATS = Cheats(address(VM));
    uint256 private constant CASES = 126;
    string private constant FILE = "../tests/vectors/trace/links.jsonl";

    mapping(string => address) private adaptors;

    constructor() {
        adaptors["BytesAdaptor"] = address(new BytesAdaptor());
        adaptors["TensorAdaptor"] = address(new TensorAdaptor());
        adaptors["EvmTraceAdaptor"] = address(new EvmTraceAdaptor());
    }

    function test_eachCallHasItsRuling() public {
        uint256 cases;
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            CHEATS.assertEq(_ruled(line), line.ruling, line.name);
            ++cases;
        }
        VM.assertEq(cases, CASES);
    }

    /// @dev Whatever byte of whatever honest call is changed behind roots and request: nobody is convicted by what does not lead there.
    function testFuzz_aByteThatIsChangedInATree(uint256 seed) public {
        for (Line memory line = _next(); line.call.length > 0; line = _next()) {
            if (keccak256(bytes(line.ruling)) != keccak256("holds")) continue;
            seed = uint256(keccak256(abi.encode(seed)));
            uint256 half = line.call.length / 2; // leaves and siblings of the link
            uint256 place = half + seed % (half - 64);
            line.call[place] = bytes1(uint8(line.call[place]) ^ uint8(1 + (seed >> 128) % 255));
            string memory ruling = _ruled(line);
            VM.assertTrue(keccak256(bytes(ruling)) != keccak256("convicted"));
        }
    }

    function test_theyReadWhatTheySay() public view {
        VM.assertTrue(_is(IAdaptor(adaptors["BytesAdaptor"]), "bytes/1"));
        VM.assertTrue(_is(IAdaptor(adaptors["TensorAdaptor"]), "tensors/1"));
        VM.assertTrue(_is(IAdaptor(adaptors["EvmTraceAdaptor"]), "evm-trace-5"));
    }

    /// @dev A PUSH's bytes are no instructions; one that the end cuts off is one.
    function test_instructions() public pure {
        bytes memory code = hex"61f1f15b60";
        VM.assertTrue(!Opcodes.occur(code, 1 << 0xf1));
        VM.assertTrue(Opcodes.occur(code, 1 << 0x5b) && Opcodes.occur(code, 1 << 0x60));
        VM.assertTrue(Opcodes.isAt(code, 0, 1 << 0x61) && Opcodes.isAt(code, 3, 1 << 0x5b));
        VM.assertTrue(!Opcodes.isAt(code, 1, type(uint256).max) && !Opcodes.isAt(code, 5, type(uint256).max));
        VM.assertTrue(!Opcodes.occur("", type(uint256).max) && !Opcodes.isAt("", 0, type(uint256).max));
    }

    function _ruled(Line memory line) private returns (string memory) {
        CHEATS.etch(line.place, line.code);
        (bool ruled, bytes memory said) = adaptors[line.adaptor].staticcall{gas: 100_000_000}(line.call);
        if (!ruled) return "undecided";
        return abi.decode(said, (bool)) ? "convicted" : "holds";
    }

    function _is(IAdaptor adaptor, string memory preprocessing) private view returns (bool) {
        return keccak256(bytes(adaptor.preprocessing())) == keccak256(bytes(preprocessing));
    }

    /// @dev At the end of the file one without a call; the file begins anew.
    function _next() private returns (Line memory line) {
        string memory json = CHEATS.readLine(FILE);
        if (bytes(json).length == 0) {
            CHEATS.closeFile(FILE);
            return line;
        }
        line.name = CHEATS.parseJsonString(json, ".name");
        line.adaptor = CHEATS.parseJsonString(json, ".contract");
        line.ruling = CHEATS.parseJsonString(json, ".ruling");
        line.place = CHEATS.parseJsonAddress(json, ".place");
        line.code = VM.parseJsonBytes(json, ".code");
        line.call = VM.parseJsonBytes(json, ".call");
    }
}
