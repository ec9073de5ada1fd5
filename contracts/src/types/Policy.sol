// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Role, UseClass} from "../interfaces/ILicenseRegistry.sol";

/// @notice One `Mode` per role and use class, two bits each: bits 2 * (3 * role + useClass).
type Policy is uint16;

/// @notice Whether a use is permitted: to nobody, to everybody, or to whoever has a grant.
enum Mode {
    CLOSED,
    OPEN,
    GRANT
}

using Policies for Policy global;

/// @title Reading policies
library Policies {
    /// @notice The mode for a role and class. An unset or undefined one is closed.
    function mode(Policy policy, Role role, UseClass useClass) internal pure returns (Mode) {
        uint256 bits = (Policy.unwrap(policy) >> (2 * (3 * uint256(role) + uint256(useClass)))) & 3;
        return bits > uint256(Mode.GRANT) ? Mode.CLOSED : Mode(bits);
    }
}
