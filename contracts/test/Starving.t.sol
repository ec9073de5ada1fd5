// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ask, Request, State} from "../src/interfaces/IInferenceOracle.sol";
import {Fixture} from "./support/Fixture.sol";
import {VM, account} from "./support/Vm.sol";

/// @notice An operator cannot starve a callback and be paid: with every gas limit it reverts, or the callback has its gas.
/// The requester's code writes some fresh slots and needs the gas it asked for to the last unit.
abstract contract StarvingTest is Fixture {
    address internal immutable GAUGE = account("gauge");
    address internal immutable DELEGATED = account("delegated"); // to the gauge, as EIP-7702 writes it
    uint256 private immutable SLOTS; // that the callback writes
    Ask private ask;
    Request private made;

    constructor(uint256 slots) {
        SLOTS = slots;
    }

    /// @dev All that reads the requester's accounts: in the test they are cold.
    function setUp() public override {
        _rules();
        super.setUp();
        _ready(ALL_OPEN);
        VM.etch(GAUGE, _writing(SLOTS));
        VM.etch(DELEGATED, abi.encodePacked(hex"ef0100", GAUGE));
        ask = _ask();
        ask.callbackGas = _need();
        VM.prank(_requester());
        oracle.request(ask, INPUT);
        made = _made(ask, _requester(), 1, 0, 0).wire();
    }

    function test_neverStarved() public {
        _rules();
        (Request memory request, uint256 least) = (made, ask.callbackGas);
        (uint256 refused, uint256 answered) = (0, 0);
        uint256 cold = VM.snapshotState();
        for (uint256 gas_ = least; gas_ < least + 80_000; gas_ += 100) {
            VM.prank(operator);
            try oracle.fulfill{gas: gas_}(request, OUTPUT, 0) {
                VM.assertTrue(_ran());
                ++answered;
            } catch {
                (State state,,) = oracle.stateOf(_requester(), 7);
                VM.assertTrue(state == State.OPEN);
                ++refused;
            }
            VM.revertToState(cold);
        }
        VM.assertTrue(refused > 50 && answered > 50);
    }

    function _rules() internal virtual {}

    function _requester() internal view virtual returns (address);

    /// @dev The least gas with which the code ends.
    function _need() private returns (uint32 least) {
        uint256 fresh = VM.snapshotState();
        uint32 low;
        for (least = MAX_CALLBACK_GAS; least - low > 1;) {
            uint32 middle = (low + least) / 2;
            (bool done,) = _requester().call{gas: middle}("");
            if (done && _ran()) least = middle;
            else low = middle;
            VM.revertToState(fresh);
        }
    }

    function _ran() private view returns (bool) {
        return VM.load(_requester(), bytes32(SLOTS - 1)) != 0;
    }

    /// @dev Code that writes the gas that is left to slots 0, 1, 2, ...
    function _writing(uint256 slots) private pure returns (bytes memory code) {
        for (uint256 slot; slot < slots; ++slot) {
            code = abi.encodePacked(code, hex"5a60", uint8(slot), hex"55");
        }
    }
}

/// @notice The requester is a contract: the call reads one cold account.
abstract contract StarvingContractTest is StarvingTest {
    function _requester() internal view override returns (address) {
        return GAUGE;
    }
}

/// @notice The requester is an account that is delegated to a contract (EIP-7702, so under Osaka's rules): the call reads two.
abstract contract StarvingDelegatedTest is StarvingTest {
    function _rules() internal override {
        VM.setEvmVersion("osaka");
    }

    function _requester() internal view override returns (address) {
        return DELEGATED;
    }
}

contract StarvingContractSmallTest is StarvingContractTest {
    constructor() StarvingTest(1) {}
}

contract StarvingContractLargeTest is StarvingContractTest {
    constructor() StarvingTest(9) {}
}

contract StarvingDelegatedSmallTest is StarvingDelegatedTest {
    constructor() StarvingTest(1) {}
}

contract StarvingDelegatedMiddleTest is StarvingDelegatedTest {
    constructor() StarvingTest(3) {}
}

contract StarvingDelegatedLargeTest is StarvingDelegatedTest {
    constructor() StarvingTest(9) {}
}
