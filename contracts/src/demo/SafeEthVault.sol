// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Pooled ether with time-locked exits, the safe one of a pair
/// @notice The twin of `EthVault` whose `leave` forgets the deposit before it pays. The demo asks the oracle about this
/// contract; it must never be used for training.
contract SafeEthVault {
    struct Position {
        uint128 principal; // wei
        uint64 unlocksAt; // seconds
    }

    event Joined(address indexed member, uint256 principal, uint64 unlocksAt);
    event Left(address indexed member, uint256 paid, uint256 toll);
    event TollChanged(uint16 tollBps);

    address public immutable steward;
    uint64 public immutable lockSeconds;
    uint16 public tollBps = 25;
    uint256 public pooled;
    uint256 public tolls;
    mapping(address => Position) public positions;

    constructor(uint64 lockSeconds_) {
        steward = msg.sender;
        lockSeconds = lockSeconds_;
    }

    function join() external payable {
        require(msg.value > 0 && msg.value <= type(uint96).max, "bad amount");
        Position storage position = positions[msg.sender];
        position.principal += uint128(msg.value);
        position.unlocksAt = uint64(block.timestamp) + lockSeconds;
        pooled += msg.value;
        emit Joined(msg.sender, position.principal, position.unlocksAt);
    }

    function leave() external {
        Position storage position = positions[msg.sender];
        uint256 principal = position.principal;
        require(principal > 0, "not a member");
        require(block.timestamp >= position.unlocksAt, "locked");
        uint256 toll = principal * tollBps / 10_000;

        position.principal = 0;
        pooled -= principal;
        tolls += toll;
        emit Left(msg.sender, principal - toll, toll);

        (bool received,) = payable(msg.sender).call{value: principal - toll}("");
        require(received, "refused");
    }

    function setToll(uint16 tollBps_) external {
        require(msg.sender == steward, "steward only");
        require(tollBps_ <= 200, "too high");
        tollBps = tollBps_;
        emit TollChanged(tollBps_);
    }

    function collectTolls() external {
        require(msg.sender == steward, "steward only");
        uint256 due = tolls;
        tolls = 0;
        (bool received,) = payable(steward).call{value: due}("");
        require(received, "refused");
    }
}
