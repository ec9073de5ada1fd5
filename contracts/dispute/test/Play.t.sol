// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Request} from "../../src/interfaces/IInferenceOracle.sol";
import {VM} from "../../test/support/Vm.sol";
import {Cover} from "../src/interfaces/IWarranty.sol";
import {Players} from "./support/Players.sol";
import {Stage} from "./support/Stage.sol";

/// @notice Invariants 1, 3, 9 and 10 of the protocol, with every role played at random and time passing. (11 is the referee's.)
contract PlayTest is Stage {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Players private players;

    function setUp() public override {
        super.setUp();
        Line memory lie = _line(true);
        Players.Setting memory setting;
        (setting.warranty, setting.dispute, setting.output) = (warranty, dispute, OUTPUT);
        setting.covers[1] = _covered(lie.program, lie.weights);
        _bond(50 ether);
        setting.requests = new Request[](6);
        for (uint256 i = 1; i < 6; i += 2) {
            setting.requests[i] = _answered(setting.covers[1].modelId, OUTPUT);
        }
        operator = stranger;
        VM.deal(stranger, 1000 ether);
        setting.covers[0] = abi.decode(abi.encode(setting.covers[1]), (Cover));
        (setting.covers[0].guarantor, setting.covers[0].operator) = (stranger, stranger);
        VM.prank(stranger);
        warranty.cover(setting.covers[0], "manifest");
        VM.prank(stranger);
        oracle.serve(setting.covers[0].modelId, address(0), 0, 0);
        _bond(50 ether);
        for (uint256 i; i < 6; i += 2) {
            setting.requests[i] = _answered(setting.covers[0].modelId, OUTPUT);
        }
        // an honest trace of one header, whose leaf hashes to "top" here: nothing in it can be accused by these proofs
        setting.traces = [sha256(abi.encodePacked(bytes1(0x02), uint256(1), bytes32("top"))), lie.trace];
        setting.judges = [lie.judge, lie.judge];
        setting.calls = [lie.call, lie.call];
        players = new Players(setting);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(players);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(players);
        bytes4[] memory plays = new bytes4[](7);
        (plays[0], plays[1], plays[2]) = (Players.wait.selector, Players.wait.selector, Players.challenge.selector);
        (plays[3], plays[4]) = (Players.register.selector, Players.release.selector);
        (plays[5], plays[6]) = (Players.lie.selector, Players.accuse.selector);
        targets[0].selectors = plays;
    }

    function invariant_1_and_3_moneyIsWhatIsOwed() public view {
        players.assertMoney();
    }

    function invariant_10_honestyNeverLoses() public view {
        VM.assertEq(players.violation(10), "");
    }

    /// @dev 9, progress: asked once at the end of each play, as it moves time and money.
    function afterInvariant() public {
        players.assertProgress();
    }

    /// @dev The play reaches what it is about.
    function test_reached() public {
        for (uint256 i; i < 6; ++i) {
            players.challenge(i, 0);
            players.challenge(i, 1);
            players.accuse(i, 1, 3);
            if (i % 3 == 0) players.lie(i, 0, 0);
            players.wait(1 hours);
            players.accuse(i, 1, 3);
        }
        for (uint256 i; i < 8; ++i) {
            players.wait(1 hours);
        }
        players.assertMoney();
        VM.assertEq(players.violation(10), "");
        VM.assertEq(players.reached(0), 9);
        VM.assertTrue(players.reached(2) > 0);
        VM.assertEq(players.reached(3), 3);
        players.assertProgress();
    }
}
