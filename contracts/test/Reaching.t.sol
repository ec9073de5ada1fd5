// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Fixture} from "./support/Fixture.sol";
import {Reaching} from "./support/Reaching.sol";

/// @notice What the random plays are held to can fail: only a call that stands has reached its function.
contract ReachingTest is Fixture, Reaching {
    function test_onlyWhatStandsIsReached() public {
        _expectCalls("Registry");
        _watch(0, address(registry));
        uint256 all = _unreached();
        _seen(address(this), abi.encodeCall(this.play, ()));
        require(all == 12 && _unreached() == 11);
        _seen(address(this), abi.encodeCall(this.play, ()));
        require(_unreached() == 11);
    }

    /// @dev One call that stands, one that is refused, one that is undone, and one that changes nothing.
    function play() external {
        registry.delegate(stranger, true);
        try registry.raiseEpoch("?") {} catch {}
        try this.undone() {} catch {}
        registry.principalOf(stranger);
    }

    function undone() external {
        registry.cancel(1);
        revert();
    }
}
