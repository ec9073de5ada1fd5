// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Integrity} from "../../../referee/src/Integrity.sol";
import {Moves} from "../../../referee/src/Moves.sol";
import {Orders} from "../../../referee/src/Orders.sol";
import {Pointwise} from "../../../referee/src/Pointwise.sol";
import {Products} from "../../../referee/src/Products.sol";
import {Reductions} from "../../../referee/src/Reductions.sol";
import {Shapes} from "../../../referee/src/Shapes.sol";
import {Ask, IInferenceOracle, Request} from "../../../src/interfaces/IInferenceOracle.sol";
import {UseClass} from "../../../src/interfaces/ILicenseRegistry.sol";
import {IRegistry} from "../../../src/interfaces/IRegistry.sol";
import {Policy} from "../../../src/types/Policy.sol";
import {VM, Vm, account} from "../../../test/support/Vm.sol";
import {BytesAdaptor} from "../../src/BytesAdaptor.sol";
import {IDispute, Judge} from "../../src/interfaces/IDispute.sol";
import {Claim, Cover, IWarranty} from "../../src/interfaces/IWarranty.sol";

interface Lines {
    function readLine(string calldata path) external view returns (string memory);
    function closeFile(string calldata path) external;
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
}

/// @notice The packaged contracts with an operator that bonds its answers, and a challenger.
abstract contract Stage {
    /// @dev A proof of `tests/vectors/trace/proofs.jsonl`: what the referee is called with, and how it rules.
    struct Line {
        string op;
        Judge judge;
        bool convicted;
        bytes32 program;
        bytes32 weights;
        bytes32 trace;
        bytes call;
    }

    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant WINDOW = 2 days;
    uint256 internal constant HOUR = 1 hours;
    uint40 internal constant REVEAL_TIME = 6 hours;
    uint24 internal constant CLOCK = 1 days;
    uint96 internal constant FEE = 1 gwei + 3;
    uint96 internal constant BOND = 10 ether + 7;
    uint96 internal constant CHALLENGE_BOND = 1 ether + 9;
    bytes internal constant INPUT = hex"00112233";
    bytes internal constant OUTPUT = hex"aabbccddeeff";
    Lines private constant LINES = Lines(address(VM));
    string private constant FILE = "../tests/vectors/trace/proofs.jsonl";

    IRegistry internal registry;
    IInferenceOracle internal oracle;
    IWarranty internal warranty;
    IDispute internal dispute;
    BytesAdaptor internal adaptor;
    address internal operator = account("operator");
    address internal requester = account("requester");
    address internal challenger = account("challenger");
    address internal stranger = account("stranger");
    uint64 internal lane;

    function setUp() public virtual {
        VM.warp(START);
        registry = IRegistry(_created("Registry", ""));
        oracle = IInferenceOracle(_created("InferenceOracle", abi.encode(registry)));
        warranty = IWarranty(_created("Warranty", abi.encode(oracle, registry)));
        adaptor = new BytesAdaptor();
        address[7] memory referees = [
            address(new Moves()),
            address(new Pointwise()),
            address(new Reductions()),
            address(new Products()),
            address(new Orders()),
            address(new Shapes()),
            address(new Integrity())
        ];
        dispute = IDispute(_created("Dispute", abi.encode(warranty, referees, REVEAL_TIME, CLOCK)));
        VM.deal(requester, 1 ether);
        VM.deal(challenger, 100 ether);
        VM.deal(stranger, 100 ether);
        VM.deal(operator, 10_000 ether);
    }

    /// @dev A model with these roots that the operator serves and covers.
    function _covered(bytes32 program, bytes32 weights) internal returns (Cover memory cover) {
        bytes32 modelId = registry.registerModel(program, weights, "manifest", "");
        registry.publishTerms(modelId, "terms", Policy.wrap(0x0555), 0, "", "");
        VM.prank(operator);
        oracle.serve(modelId, address(0), 0, 0);
        cover = Cover({
            guarantor: operator,
            operator: operator,
            modelId: modelId,
            programRoot: program,
            weightsRoot: weights,
            dispute: address(dispute),
            adaptor: address(adaptor),
            bond: BOND,
            challengeBond: CHALLENGE_BOND,
            window: uint40(WINDOW)
        });
        VM.prank(operator);
        warranty.cover(cover, "manifest");
    }

    function _bond(uint256 amount) internal {
        VM.prank(operator);
        warranty.bond{value: amount}(operator);
    }

    /// @dev A request in a lane of its own, answered.
    function _answered(bytes32 modelId, bytes memory output) internal returns (Request memory request) {
        request = _asked(modelId, ++lane);
        VM.prank(operator);
        oracle.fulfill(request, output, 0);
    }

    function _asked(bytes32 modelId, uint64 lane_) internal returns (Request memory request) {
        Ask memory ask = Ask(modelId, operator, UseClass.PERSONAL, lane_, uint40(block.timestamp + HOUR), 0);
        VM.recordLogs();
        VM.prank(requester);
        oracle.request{value: FEE}(ask, INPUT);
        Vm.Log[] memory logs = VM.getRecordedLogs();
        (request,) = abi.decode(logs[logs.length - 1].data, (Request, bytes));
    }

    function _claim(Cover memory cover, Request memory request, bytes memory output)
        internal
        view
        returns (Claim memory)
    {
        bytes32 id = oracle.idOf(request);
        bytes32 answer = oracle.resultHashOf(id, request.modelId, output);
        return Claim(cover, id, answer, request.inputHash, request.requester, request.fee);
    }

    function _hash(Claim memory claim) internal pure returns (bytes32) {
        return keccak256(abi.encode(claim));
    }

    function _challenge(address who, Cover memory cover, Request memory request) internal returns (bytes32 game) {
        VM.prank(who);
        return dispute.challenge{value: CHALLENGE_BOND}(cover, request, OUTPUT);
    }

    /// @dev The first proof that is ruled on so.
    function _line(bool convicted) internal returns (Line memory line) {
        line = _next();
        while (line.convicted != convicted) {
            line = _next();
        }
        LINES.closeFile(FILE);
    }

    /// @dev The next proof of the file; at its end one without a call, and the file begins anew.
    function _next() internal returns (Line memory line) {
        string memory json = LINES.readLine(FILE);
        if (bytes(json).length == 0) {
            LINES.closeFile(FILE);
            return line;
        }
        line.op = LINES.parseJsonString(json, ".op");
        line.judge = _judge(LINES.parseJsonString(json, ".contract"));
        line.convicted = LINES.parseJsonBool(json, ".convicted");
        bytes memory whole = VM.parseJsonBytes(json, ".call");
        (line.program, line.weights, line.trace) = abi.decode(_from(whole, 4), (bytes32, bytes32, bytes32));
        line.call = bytes.concat(bytes4(whole), _from(whole, 100));
    }

    function _judge(string memory name) private pure returns (Judge) {
        string[7] memory names = ["Moves", "Pointwise", "Reductions", "Products", "Orders", "Shapes", "Integrity"];
        for (uint256 i; i < 7; ++i) {
            if (keccak256(bytes(names[i])) == keccak256(bytes(name))) return Judge(i);
        }
        revert(name);
    }

    function _from(bytes memory whole, uint256 first) private pure returns (bytes memory part) {
        part = new bytes(whole.length - first);
        for (uint256 i; i < part.length; ++i) {
            part[i] = whole[first + i];
        }
    }

    function _created(string memory name, bytes memory arguments) internal returns (address made) {
        string memory file = string.concat("../node/themis/chain/artifacts/", name, ".json");
        bytes memory code = bytes.concat(VM.parseJsonBytes(VM.readFile(file), ".bytecode"), arguments);
        assembly ("memory-safe") {
            made := create(0, add(code, 0x20), mload(code))
        }
        if (made == address(0)) {
            assembly ("memory-safe") {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }
}
