// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "solady/tokens/ERC20.sol";

/// @notice A token as the standard wants it. Anyone may mint.
contract StandardToken is ERC20 {
    function name() public pure override returns (string memory) {
        return "Standard";
    }

    function symbol() public pure override returns (string memory) {
        return "STD";
    }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @notice A token with EIP-3009, as USDC has it: an authorization is used once, and only by whom it names.
contract AuthorizedToken is StandardToken {
    bytes32 public constant TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    mapping(address owner => mapping(bytes32 nonce => bool)) public used;

    function digestOf(address from, address to, uint256 value, uint256 until, bytes32 nonce)
        public
        view
        returns (bytes32)
    {
        bytes32 hash = keccak256(abi.encode(TYPEHASH, from, to, value, 0, until, nonce));
        return keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), hash));
    }

    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256,
        uint256 until,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        require(msg.sender == to && block.timestamp < until && !used[from][nonce]);
        require(ecrecover(digestOf(from, to, value, until, nonce), v, r, s) == from);
        used[from][nonce] = true;
        _transfer(from, to, value);
    }
}

/// @notice A token that returns nothing, as USDT does.
contract SilentToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external virtual {
        _move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external virtual {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) internal {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice A token that keeps a part of what is sent, and calls the sender before it moves anything, as ERC-777 does.
contract HookedToken is SilentToken {
    uint256 public toll; // smallest units of every `transferFrom`
    mapping(address sender => bytes) private _hooks;

    function setToll(uint256 toll_) external {
        toll = toll_;
    }

    /// @notice `call` is made to the caller whenever it sends.
    function setHook(bytes calldata call) external {
        _hooks[msg.sender] = call;
    }

    function transferFrom(address from, address to, uint256 amount) external override {
        bytes memory hook = _hooks[from];
        if (hook.length > 0) {
            (bool done, bytes memory reason) = from.call(hook);
            if (!done) {
                assembly {
                    revert(add(reason, 0x20), mload(reason))
                }
            }
        }
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount - toll);
        _move(from, address(this), toll);
    }
}

/// @notice A token that pays nobody on its list, as USDC does.
contract BlockingToken is SilentToken {
    mapping(address account => bool) public isRefused;

    function refuse(address account) external {
        isRefused[account] = true;
    }

    function transfer(address to, uint256 amount) external override {
        require(!isRefused[to], "refused");
        _move(msg.sender, to, amount);
    }
}
