// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Statement} from "../../../src/interfaces/ICommittee.sol";
import {Request} from "../../../src/interfaces/IInferenceOracle.sol";
import {Cover, IWarranty} from "./IWarranty.sol";

/// @title What a convicted answer costs the members of a committee who signed it
/// @notice A member names this contract (`slashBy`) when it joins, and cannot name another one later. Whoever shows that it signed a
/// result, or revealed it on chain, and that this very answer was convicted, takes its stake: 45 % are the caller's, 5 % the
/// requester's, the rest is burnt (`ICommittee.convict`).
///
/// Which convictions count: those under covers of one guarantor, by one dispute contract, with adaptors that were named. For a guarantor
/// can convict itself of a right answer, by silence or by a false trace: its word costs the stakes of those alone who chose it. Where
/// the guarantor is zero each member answers for itself: covers count whose guarantor is the member, or its owner.
///
/// Warning: a stake is at risk only while its guarantor covers the committee's answers, and the committee's `unbonding` should outlast a
/// cover's window and a game. Warning: a call can be copied by whoever builds the block.
interface IStakes {
    /// @notice The cover is decided by another contract or read by another adaptor, or its guarantor does not answer for the member.
    error OtherCover(address member, address guarantor);
    /// @notice The answer has not been convicted under this cover.
    error NotConvicted(bytes32 answer);
    /// @notice The member neither signed nor revealed that result.
    error NotSaid(address member, bytes32 resultHash);

    /// @notice Takes the stake of a member. Anyone.
    /// @param cover Under which the answer was convicted; its operator is the committee.
    /// @param request Or order, that was answered.
    /// @param item Of an order for a list the `Item` that was convicted; empty otherwise.
    /// @param said The member's statement; without a signature where it revealed the result on chain.
    function convict(
        Cover calldata cover,
        Request calldata request,
        bytes calldata item,
        address member,
        Statement calldata said
    ) external;

    /// @notice Where answers are convicted.
    function WARRANTY() external view returns (IWarranty);

    /// @notice The dispute contract whose convictions count.
    function DISPUTE() external view returns (address);

    /// @notice Whose covers count; zero: each member's own.
    function GUARANTOR() external view returns (address);

    /// @notice Whether covers with this adaptor count.
    function isAdaptor(address adaptor) external view returns (bool);
}
