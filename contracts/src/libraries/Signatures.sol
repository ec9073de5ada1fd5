// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "solady/utils/ECDSA.sol";
import {SignatureCheckerLib} from "solady/utils/SignatureCheckerLib.sol";

import {ILicenseRegistry} from "../interfaces/ILicenseRegistry.sol";

/// @title Has this account signed this digest?
library Signatures {
    /// @dev The largest canonical `s`: half of secp256k1's order (EIP-2).
    uint256 private constant MAX_S = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @notice ECDSA first, then ERC-1271: an account delegated under EIP-7702 has code and still signs with its key. Reverts where
    /// neither has signed, and for the high-s twin of a key's signature.
    /// @param signature r ‖ s ‖ v (65 bytes), r ‖ vs (64 bytes, EIP-2098), or whatever the signer's contract wants.
    function requireValid(address signer, bytes32 digest, bytes calldata signature) internal view {
        bool byKey = signer != address(0) && ECDSA.tryRecoverCalldata(digest, signature) == signer;
        if (byKey && _isCanonical(signature)) return;
        if (SignatureCheckerLib.isValidERC1271SignatureNowCalldata(signer, digest, signature)) return;
        if (byKey) revert ILicenseRegistry.MalleableSignature(signer);
        revert ILicenseRegistry.InvalidSignature(signer);
    }

    /// @dev Of 64 or 65 bytes: solady's recovery takes no others, and both twins.
    function _isCanonical(bytes calldata signature) private pure returns (bool) {
        uint256 s = uint256(bytes32(signature[32:64]));
        if (signature.length == 64) s &= type(uint256).max >> 1; // EIP-2098 keeps v in the top bit
        return s <= MAX_S;
    }
}
