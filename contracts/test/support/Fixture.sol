// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Plain} from "./Plain.sol";
import {InferenceOracle} from "../../src/InferenceOracle.sol";
import {Lens} from "../../src/Lens.sol";
import {Registry} from "../../src/Registry.sol";
import {Ask, State} from "../../src/interfaces/IInferenceOracle.sol";
import {GrantState} from "../../src/interfaces/ILens.sol";
import {Grant, Role, UseClass} from "../../src/interfaces/ILicenseRegistry.sol";
import {Policy} from "../../src/types/Policy.sol";
import {VM, account} from "./Vm.sol";

/// @notice One registry with one oracle on it, one licensed model, one operator who serves it, one requester.
abstract contract Fixture {
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant LICENSOR_KEY = 0xA11CE;
    uint40 internal constant NOTICE = 14 days;
    uint96 internal constant MIN_FEE = 1000;
    uint32 internal constant MAX_CALLBACK_GAS = 300_000;
    uint16 internal constant ROYALTY_BPS = 1250;

    Policy internal constant ALL_CLOSED = Policy.wrap(0);
    Policy internal constant ALL_OPEN = Policy.wrap(0x0555);
    Policy internal constant ALL_GRANT = Policy.wrap(0x0aaa);
    /// @dev Non-commercial use is free, commercial use needs an authorization, for both roles.
    Policy internal constant NON_COMMERCIAL_FREE = Policy.wrap(uint16((0x25 << 6) | 0x25));

    bytes32 internal constant TERMS_HASH = "terms";
    bytes internal constant INPUT = hex"00112233";
    bytes internal constant OUTPUT = hex"aabbccddeeff";

    Registry internal registry;
    InferenceOracle internal oracle;
    Lens internal lens;
    address internal licensor = VM.addr(LICENSOR_KEY);
    address internal operator = account("operator");
    address internal requester = account("requester");
    address internal stranger = account("stranger");
    bytes32 internal modelId;

    function setUp() public virtual {
        VM.warp(START);
        registry = new Registry();
        oracle = new InferenceOracle(registry);
        lens = Lens(oracle.LENS());
        VM.prank(licensor);
        modelId = registry.registerModel("program", "weights", "manifest", "ipfs://bundle");
        VM.deal(requester, 100 ether);
    }

    /// @dev The model under first terms, served for free.
    function _ready(Policy policy) internal {
        _publish(policy);
        _serve(0);
    }

    function _publish(Policy policy) internal {
        VM.prank(licensor);
        registry.publishTerms(modelId, TERMS_HASH, policy, 0, "ipfs://terms", "Built with it");
    }

    function _serve(uint96 minFee) internal {
        VM.prank(operator);
        oracle.serve(modelId, address(0), minFee, MAX_CALLBACK_GAS);
    }

    function _grant(address licensee, Role role, uint32 seq) internal view returns (Grant memory) {
        return Grant({
            modelId: modelId,
            licensor: licensor,
            licensee: licensee,
            role: role,
            classes: 7,
            termsVersion: 0,
            notBefore: uint40(START),
            expiry: uint40(START + 30 days),
            quota: type(uint32).max,
            dailyRate: type(uint32).max,
            market: address(0),
            royaltyBps: ROYALTY_BPS,
            priceToken: address(0),
            priceFloor: 0,
            payTo: address(0),
            epoch: 0,
            seq: seq,
            nonce: seq
        });
    }

    /// @dev A grant whose uses this oracle counts.
    function _metered(address licensee, Role role, uint32 seq, uint32 quota, uint32 dailyRate)
        internal
        view
        returns (Grant memory grant)
    {
        grant = _grant(licensee, role, seq);
        (grant.quota, grant.dailyRate, grant.market) = (quota, dailyRate, address(oracle));
    }

    function _sign(uint256 key, Grant memory grant) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(key, registry.hashGrant(grant));
        return abi.encodePacked(r, s, v);
    }

    function _activate(address licensee, Role role) internal {
        _activate(_grant(licensee, role, 1));
    }

    function _activate(Grant memory grant) internal {
        registry.activate(grant, _sign(LICENSOR_KEY, grant));
    }

    function _ask() internal view returns (Ask memory) {
        return Ask({
            modelId: modelId,
            operator: operator,
            useClass: UseClass.PERSONAL,
            lane: 7,
            deadline: uint40(block.timestamp + 1 hours),
            callbackGas: 0
        });
    }

    /// @dev What an ask by `from` becomes while the first terms are in force; with its own first grant, if it pays a royalty.
    function _made(Ask memory ask, address from, uint32 seq, uint96 fee, uint16 royaltyBps)
        internal
        view
        returns (Plain memory)
    {
        return Plain({
            requester: from,
            lane: ask.lane,
            seq: seq,
            modelId: ask.modelId,
            inputHash: keccak256(INPUT),
            operator: ask.operator,
            token: address(0),
            fee: fee,
            payTo: address(0),
            royaltyBps: fee > 0 ? royaltyBps : 0,
            termsVersion: 1,
            useClass: ask.useClass,
            licensee: royaltyBps > 0 ? from : address(0),
            grantSeq: royaltyBps > 0 ? 1 : 0,
            deadline: ask.deadline,
            callbackGas: ask.callbackGas
        });
    }

    function _request(Ask memory ask, uint96 fee) internal returns (bytes32) {
        VM.prank(requester);
        return oracle.request{value: fee}(ask, INPUT);
    }

    function _fulfill(Plain memory made) internal {
        VM.prank(made.operator);
        oracle.fulfill(made.wire(), OUTPUT, 0);
    }

    /// @dev What the operator's answers about the model have earned in ether and nobody has collected.
    function _assertTill(uint256 operators, uint256 models) internal view {
        (uint256 gotOperators, uint256 gotModels) = oracle.tillOf(address(0), modelId, operator);
        VM.assertEq(gotOperators, operators);
        VM.assertEq(gotModels, models);
    }

    /// @dev What is left of a grant's quota, and what was used today.
    function _assertUses(address licensee, Role role, uint32 left, uint32 usedToday) internal view {
        GrantState memory state = lens.grantOf(modelId, licensee, role);
        bool counted = state.quota != type(uint32).max;
        VM.assertEq(counted ? state.quota - state.used : state.quota, left);
        VM.assertEq(state.usedToday, usedToday);
    }

    function _assertLane(address owner, uint64 lane, State state, uint32 seq, bytes32 hash) internal view {
        (State gotState, uint32 gotSeq, uint200 digest) = oracle.stateOf(owner, lane);
        VM.assertEq(uint256(gotState), uint256(state));
        VM.assertEq(gotSeq, seq);
        VM.assertEq(digest, uint200(uint256(hash)));
    }

    function _expect(bytes4 selector) internal {
        VM.expectRevert(abi.encodeWithSelector(selector));
    }
}
