// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Request} from "../../../src/interfaces/IInferenceOracle.sol";
import {VM, account, bound} from "../../../test/support/Vm.sol";
import {Game, IDispute, Judge, Phase, Place} from "../../src/interfaces/IDispute.sol";
import {Bond, Claim, Cover, IWarranty} from "../../src/interfaces/IWarranty.sol";

/// @notice Everybody about some answers, of which the even ones are true: an honest guarantor that reveals and opens in time, one
/// that lies and does what it likes, an honest challenger of lies, and one that challenges anything.
contract Players {
    struct Setting {
        IWarranty warranty;
        IDispute dispute;
        Cover[2] covers; // of the honest guarantor, and of the liar
        Request[] requests;
        bytes output;
        bytes32[2] traces; // of an honest run, and of the lie
        Judge[2] judges;
        bytes[2] calls; // proofs that do not convict, and that do
    }

    uint256 internal constant CHALLENGERS = 3;

    Setting private at;
    address private immutable HONEST = account("honest challenger");
    address private immutable KEEPER = account("keeper");
    mapping(uint256 answer => mapping(address challenger => bool)) private playing;
    string[12] private broken;

    /// @dev Challengers that lost their bond, of which a tenth is burnt.
    uint256 private dismissed;

    /// @notice What came about, for whoever looks.
    uint256[6] public reached;

    constructor(Setting memory setting) {
        (at.warranty, at.dispute, at.output) = (setting.warranty, setting.dispute, setting.output);
        (at.covers[0], at.covers[1]) = (setting.covers[0], setting.covers[1]);
        at.traces = setting.traces;
        at.judges = setting.judges;
        (at.calls[0], at.calls[1]) = (setting.calls[0], setting.calls[1]);
        for (uint256 i; i < setting.requests.length; ++i) {
            at.requests.push(setting.requests[i]);
        }
    }

    function violation(uint256 invariant) external view returns (string memory) {
        return broken[invariant];
    }

    /// @dev Time passes; who is honest moves before its clock runs out.
    function wait(uint256 seconds_) external {
        seconds_ = bound(seconds_, 1, 2 hours);
        VM.warp(block.timestamp + seconds_);
        _honestly();
    }

    function challenge(uint256 which, uint256 who) external {
        uint256 answer = which % at.requests.length;
        address challenger = _challenger(who);
        if (challenger == HONEST && answer % 2 == 0) return; // it accuses no truth
        VM.deal(challenger, 10 ether);
        VM.prank(challenger);
        try at.dispute.challenge{value: at.covers[0].challengeBond}(_cover(answer), at.requests[answer], at.output) {
            playing[answer][challenger] = true;
            ++reached[0];
        } catch {}
        _check();
    }

    function register(uint256 which) external {
        uint256 answer = which % at.requests.length;
        try at.warranty.register(_cover(answer), at.requests[answer], at.output) {
            ++reached[1];
        } catch {}
        _check();
    }

    function release(uint256 which) external {
        uint256 answer = which % at.requests.length;
        try at.warranty.release(_cover(answer), _claim(answer).answer) {} catch {}
        _check();
    }

    function lie(uint256 which, uint256 who, uint256 move) external {
        uint256 answer = which % at.requests.length | 1;
        if (answer >= at.requests.length) answer = 1;
        address guarantor = at.covers[1].guarantor;
        address challenger = _challenger(who);
        VM.prank(guarantor);
        if (move % 3 == 0) {
            try at.dispute.reveal(_claim(answer), challenger, at.traces[1], 0) {} catch {}
        } else if (move % 3 == 1) {
            try at.warranty.unbond(uint96(move % 20 ether)) {} catch {}
        } else {
            try at.warranty.withdrawBond(guarantor) {} catch {}
        }
        _check();
    }

    /// @dev Anything against anybody: what convicts a lie, what convicts no one, and time-outs.
    function accuse(uint256 which, uint256 who, uint256 move) external {
        uint256 answer = which % at.requests.length;
        address challenger = _challenger(who);
        Claim memory claim = _claim(answer);
        if (move % 4 == 0) {
            _timeout(answer, challenger);
        } else if (move % 4 == 1) {
            try at.dispute.settle(claim, challenger) {} catch {}
        } else if (challenger != HONEST) {
            bytes memory call = at.calls[move % 2];
            Place memory root;
            VM.prank(challenger);
            if (move % 4 == 2) {
                try at.dispute.prove(claim, at.judges[move % 2], call) {} catch {}
            } else {
                try at.dispute.ask(keccak256(abi.encode(claim)), root) {} catch {}
            }
        }
        _check();
    }

    /// @dev 9: past the last clock everything ends, and all money leaves.
    function assertProgress() external {
        VM.warp(block.timestamp + 60 days);
        for (uint256 answer; answer < at.requests.length; ++answer) {
            for (uint256 who; who < CHALLENGERS; ++who) {
                _timeout(answer, _challenger(who));
            }
            try at.warranty.release(_cover(answer), _claim(answer).answer) {} catch {}
        }
        for (uint256 i; i < 2; ++i) {
            address guarantor = at.covers[i].guarantor;
            VM.assertEq(at.warranty.bondOf(guarantor).reserved, 0);
            VM.prank(guarantor);
            at.warranty.unbond(type(uint96).max);
        }
        VM.warp(block.timestamp + at.warranty.UNBONDING());
        for (uint256 i; i < 2; ++i) {
            VM.prank(at.covers[i].guarantor);
            at.warranty.withdrawBond(KEEPER);
        }
        (uint256 bonds, uint256 challenges) = _burnt();
        VM.assertEq(address(at.warranty).balance, bonds);
        VM.assertEq(address(at.dispute).balance, challenges);
    }

    /// @dev 1 and 3: balances are what is owed, to the wei, and no bond is reserved that is not there.
    function assertMoney() external view {
        Bond memory honest = at.warranty.bondOf(at.covers[0].guarantor);
        Bond memory liar = at.warranty.bondOf(at.covers[1].guarantor);
        uint256 bonds = uint256(honest.amount) + liar.amount;
        (uint256 burnt, uint256 challenges) = _burnt();
        VM.assertEq(address(at.warranty).balance, bonds + burnt);
        VM.assertTrue(honest.reserved <= honest.amount && liar.reserved <= liar.amount);
        uint256 games;
        for (uint256 answer; answer < at.requests.length; ++answer) {
            for (uint256 who; who < CHALLENGERS; ++who) {
                if (_game(answer, _challenger(who)).phase != Phase.NONE) ++games;
            }
        }
        VM.assertEq(address(at.dispute).balance, games * at.covers[0].challengeBond + challenges);
    }

    /// @dev Ends a game whose clock has run out, and counts whose bond is lost by it.
    function _timeout(uint256 answer, address challenger) private {
        bool isChallengers = _game(answer, challenger).phase == Phase.CHALLENGER && !_isConvicted(answer);
        try at.dispute.timeout(_claim(answer), challenger) {
            if (isChallengers) ++dismissed;
        } catch {}
    }

    /// @dev What is burnt in either contract: of each conviction all but the shares, so much of it in the dispute contract as the
    /// warranty paid the challenger for it.
    function _burnt() private view returns (uint256 bonds, uint256 challenges) {
        (uint256 bond, uint256 own) = (at.covers[1].bond, at.covers[1].challengeBond);
        challenges = dismissed * (own / 10);
        for (uint256 answer; answer < at.requests.length; ++answer) {
            if (!_isConvicted(answer)) continue;
            bonds += bond - bond * 45 / 100 - bond * 5 / 100 - at.requests[answer].fee - own;
            challenges += own;
        }
    }

    function _isConvicted(uint256 answer) private view returns (bool) {
        Claim memory claim = _claim(answer);
        return at.warranty.coveredOf(at.warranty.coverIdOf(claim.cover), claim.answer).convicted;
    }

    /// @dev Reveals and opens on one side; proves, or asks when the trace is shown to nobody, on the other.
    function _honestly() private {
        for (uint256 answer; answer < at.requests.length; ++answer) {
            Claim memory claim = _claim(answer);
            for (uint256 who; who < CHALLENGERS; ++who) {
                address challenger = _challenger(who);
                Game memory game = _game(answer, challenger);
                if (answer % 2 == 0 && game.phase == Phase.REVEAL) {
                    VM.prank(claim.cover.guarantor);
                    at.dispute.reveal(claim, challenger, at.traces[0], 0);
                } else if (answer % 2 == 0 && game.phase == Phase.GUARANTOR) {
                    bytes32[] memory one = new bytes32[](1);
                    one[0] = "top"; // of the tree that its root is of
                    at.dispute.open(at.dispute.gameOf(claim, challenger), 1, one);
                    ++reached[2];
                }
            }
            _convict(answer, claim);
        }
    }

    function _convict(uint256 answer, Claim memory claim) private {
        Game memory game = _game(answer, HONEST);
        if (game.phase == Phase.NONE) return;
        bool isLate = game.phase == Phase.REVEAL && block.timestamp > game.since + at.dispute.REVEAL_TIME();
        if (isLate) {
            at.dispute.timeout(claim, HONEST);
            return _won(answer);
        }
        if (game.phase != Phase.CHALLENGER || block.timestamp <= game.since) return;
        bytes memory proof = abi.encodeCall(IDispute.prove, (claim, at.judges[1], at.calls[1]));
        bytes32 id = at.dispute.gameOf(claim, HONEST);
        if (game.committed == 0) {
            VM.prank(HONEST);
            at.dispute.commit(keccak256(abi.encode(claim)), keccak256(abi.encode(id, keccak256(proof))));
        } else if (uint40(uint256(game.committed)) < block.timestamp) {
            VM.prank(HONEST);
            (bool proved,) = address(at.dispute).call(proof);
            if (!proved) broken[10] = "a lie was not convicted by a proof in time";
            _won(answer);
        }
    }

    /// @dev 10: the honest challenger has its bond back, and a share unless another was first.
    function _won(uint256 answer) private {
        ++reached[3];
        if (!_isConvicted(answer)) broken[10] = "a lie was not convicted";
    }

    /// @dev 10: an honest guarantor that moves in time has its whole bond.
    function _check() private {
        if (at.warranty.bondOf(at.covers[0].guarantor).amount != 50 ether) broken[10] = "the truth was convicted";
    }

    function _game(uint256 answer, address challenger) private view returns (Game memory) {
        return at.dispute.stateOf(at.dispute.gameOf(_claim(answer), challenger));
    }

    function _challenger(uint256 who) private view returns (address) {
        who %= CHALLENGERS;
        return who == 0 ? HONEST : who == 1 ? account("rash") : account("rasher");
    }

    function _cover(uint256 answer) private view returns (Cover memory) {
        return at.covers[answer % 2];
    }

    function _claim(uint256 answer) private view returns (Claim memory) {
        Request memory request = at.requests[answer];
        bytes32 id = at.warranty.ORACLE().idOf(request);
        bytes32 result = at.warranty.ORACLE().resultHashOf(id, request.modelId, at.output);
        return Claim(_cover(answer), id, result, request.inputHash, request.requester, request.fee);
    }
}
