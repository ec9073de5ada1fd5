// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LibClone} from "solady/utils/LibClone.sol";

import {ICommittee, Member, Rules} from "../interfaces/ICommittee.sol";
import {Treasury} from "./Treasury.sol";

/// @title Who signs for a committee, and what is at stake for it
/// @dev Rules and list are neither in storage nor in the shared code, but behind the code of the clone: its address commits to them.
abstract contract Membership is Treasury {
    /// @dev One slot says whether a signature counts.
    struct Seat {
        uint96 stake;
        uint40 releaseAt;
        uint32 place; // in `_members`, from 1; zero: not in
        bool slashed;
        address owner;
        address slashBy;
        string endpoint;
    }

    /// @inheritdoc ICommittee
    uint256 public constant MAX_ENDPOINT_BYTES = 200;

    /// @dev Where in a clone's code its arguments begin: the rules, a word each, and whoever is listed.
    uint256 private constant ARGUMENTS = 0x2d;
    uint256 private constant RULES_BYTES = 0xc0;

    /// @dev The code that all committees share; it is none itself.
    address private immutable SHARED = address(this);

    address[] private _members;
    mapping(address account => Seat) private _seats;

    /// @inheritdoc ICommittee
    function join(address owner, address slashBy, string calldata endpoint) external payable {
        if (address(this) == SHARED) revert NoCommittee();
        Seat storage seat = _seats[msg.sender];
        uint96 stake = _rules().stake;
        _requireListed(msg.sender);
        if (seat.slashed) revert WasSlashed(msg.sender);
        if (seat.place > 0 || seat.releaseAt > 0) revert AlreadyMember(msg.sender);
        if (msg.value != stake) revert WrongStake(msg.value, stake);
        // otherwise a stolen key could join again, and have what it has earned before
        if (owner == address(0) || (seat.owner != address(0) && seat.owner != owner)) revert WrongOwner(owner);
        _requireShort(endpoint);

        _members.push(msg.sender);
        seat.place = uint32(_members.length);
        seat.stake = stake;
        seat.owner = owner;
        seat.slashBy = slashBy;
        seat.endpoint = endpoint;
        owed[ETHER] += stake;

        emit Joined(msg.sender, owner, slashBy, endpoint);
    }

    /// @inheritdoc ICommittee
    function setEndpoint(string calldata endpoint) external {
        _requireIn(msg.sender);
        _requireShort(endpoint);

        _seats[msg.sender].endpoint = endpoint;

        emit EndpointChanged(msg.sender, endpoint);
    }

    /// @inheritdoc ICommittee
    function leave(address member) external {
        Seat storage seat = _requireIn(member);
        if (msg.sender != member && msg.sender != seat.owner) revert NotMember(member, msg.sender);
        uint40 releaseAt = uint40(block.timestamp) + _rules().unbonding;

        _unseat(seat);
        seat.releaseAt = releaseAt;

        emit Left(member, releaseAt);
    }

    /// @inheritdoc ICommittee
    function release(address member) external {
        Seat storage seat = _seats[member];
        if (seat.releaseAt == 0) revert NotIn(member);
        if (block.timestamp < seat.releaseAt) revert StillBonded(member, seat.releaseAt);
        uint256 amount = seat.stake;

        (seat.stake, seat.releaseAt) = (0, 0);
        credits[ETHER][seat.owner] += amount; // owed before, owed now

        emit Released(member, amount);
    }

    /// @inheritdoc ICommittee
    function topUp(address member) external payable {
        Seat storage seat = _requireIn(member);
        uint96 missing = _rules().stake - seat.stake;
        if (missing == 0 || msg.value != missing) revert WrongStake(msg.value, missing);

        seat.stake += missing;
        owed[ETHER] += missing;

        emit ToppedUp(member, missing);
    }

    /// @inheritdoc ICommittee
    function convict(address member, address reporter, address requester) external {
        if (msg.sender != _seats[member].slashBy) revert NotSlasher(member, msg.sender);

        emit Convicted(member, msg.sender, reporter, _takeAll(member, reporter, requester));
    }

    /// @inheritdoc ICommittee
    function rules() external view returns (Rules memory) {
        return _rules();
    }

    /// @inheritdoc ICommittee
    function listed() public view returns (address[] memory accounts) {
        bytes memory words = LibClone.argsOnClone(address(this), RULES_BYTES);
        assembly ("memory-safe") {
            accounts := words // addresses, a word each
            mstore(accounts, shr(5, mload(words)))
        }
    }

    /// @inheritdoc ICommittee
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc ICommittee
    function memberOf(address account) external view returns (Member memory) {
        Seat storage seat = _seats[account];
        return Member(seat.stake, seat.releaseAt, seat.slashed, seat.owner, seat.slashBy, seat.endpoint);
    }

    /// @inheritdoc ICommittee
    function isSigning(address account) external view returns (bool) {
        return _isSigning(account, _rules().stake);
    }

    /// @dev What the factory wrote behind the clone's code.
    function _rules() internal view returns (Rules memory rules_) {
        assembly ("memory-safe") {
            extcodecopy(address(), rules_, ARGUMENTS, RULES_BYTES)
        }
    }

    function _isSigning(address account, uint96 stake) internal view returns (bool) {
        Seat storage seat = _seats[account];
        return seat.stake == stake && seat.releaseAt == 0;
    }

    /// @dev Whether all of it is at stake still; it may be leaving.
    function _hasWholeStake(address account, uint96 stake) internal view returns (bool) {
        return _seats[account].stake == stake;
    }

    /// @dev As much of the fine as there is.
    function _takeFine(address member, address reporter, address requester) internal returns (uint256 amount) {
        Seat storage seat = _seats[member];
        amount = _rules().fine;
        if (amount > seat.stake) amount = seat.stake;
        if (amount == 0) revert NotIn(member);
        seat.stake -= uint96(amount);
        _forfeit(amount, reporter, requester);
    }

    /// @dev The whole stake, and for ever.
    function _takeAll(address member, address reporter, address requester) internal returns (uint256 amount) {
        Seat storage seat = _seats[member];
        amount = seat.stake;
        if (amount == 0) revert NotIn(member);
        if (seat.place > 0) _unseat(seat);
        (seat.stake, seat.releaseAt, seat.slashed) = (0, 0, true);
        _forfeit(amount, reporter, requester);
    }

    function _ownerOf(address member) internal view override returns (address) {
        return _seats[member].owner;
    }

    function _requireListed(address account) private view {
        address[] memory accounts = listed();
        for (uint256 i; i < accounts.length; ++i) {
            if (accounts[i] == account) return;
        }
        if (accounts.length > 0) revert NotListed(account);
    }

    function _requireIn(address member) private view returns (Seat storage seat) {
        seat = _seats[member];
        if (seat.place == 0) revert NotIn(member);
    }

    /// @dev The last one of the list takes the place.
    function _unseat(Seat storage seat) private {
        address last = _members[_members.length - 1];
        _members[seat.place - 1] = last;
        _seats[last].place = seat.place;
        seat.place = 0; // after the other: it may be the same
        _members.pop();
    }

    function _requireShort(string calldata endpoint) private pure {
        uint256 size = bytes(endpoint).length;
        if (size > MAX_ENDPOINT_BYTES) revert EndpointTooLong(size, MAX_ENDPOINT_BYTES);
    }
}
