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
using {isClosed, isGrant} for Mode global;

/// @dev Without the check of its bounds that a comparison of enums makes each time.
function isClosed(Mode mode) pure returns (bool closed) {
    assembly ("memory-safe") {
        closed := iszero(mode)
    }
}

/// @dev Likewise.
function isGrant(Mode mode) pure returns (bool grant) {
    assembly ("memory-safe") {
        grant := eq(mode, 2)
    }
}

/// @title Reading policies
library Policies {
    /// @notice The mode for a role and class. An unset or undefined one is closed.
    function mode(Policy policy, Role role, UseClass useClass) internal pure returns (Mode found) {
        assembly ("memory-safe") {
            let bits := and(shr(add(mul(6, role), shl(1, useClass)), policy), 3)
            found := mul(bits, lt(bits, 3)) // the fourth value is none
        }
    }
}
