// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IInferenceOracle, Request} from "../src/interfaces/IInferenceOracle.sol";
import {License, Role, UseClass} from "../src/interfaces/ILicenseRegistry.sol";
import {IRegistry} from "../src/interfaces/IRegistry.sol";
import {AnswerAt, Answers} from "../src/libraries/Answers.sol";
import {LicenseAt, Licenses} from "../src/libraries/Licenses.sol";
import {Oracles} from "../src/libraries/Oracles.sol";
import {Requests} from "../src/libraries/Requests.sol";
import {GrantWord} from "../src/types/GrantWord.sol";
import {LaneWord} from "../src/types/LaneWord.sol";
import {Mode} from "../src/types/Policy.sol";
import {Calls} from "./Calls.sol";

/// @dev Longer than what would fit into the words that are told.
string constant REASON = "what the registry refuses, it refuses with its own words, however many";

/// @notice Whoever is called: keeps what it heard, and answers as it was told to.
contract Heard {
    bytes32 public heard;
    bool public refuses;
    uint256[7] public told;

    constructor(bool refuses_, uint256[7] memory told_) {
        (refuses, told) = (refuses_, told_);
    }

    /// @dev What has another selector, or no more than the words it is declared with, is heard as it is.
    fallback() external payable {
        heard = keccak256(abi.encode(msg.sender, msg.value, msg.data));
        require(!refuses, REASON);
    }

    function fulfill(Request calldata request, bytes calldata output, uint96 minPay)
        external
        payable
        returns (uint256)
    {
        heard = keccak256(abi.encode(msg.sender, msg.value, request, output, minPay));
        require(!refuses, REASON);
        return told[0];
    }

    function laneOf(address requester, uint64 lane) external view returns (uint256) {
        require(!refuses, REASON);
        return uint256(keccak256(abi.encode(msg.sender, requester, lane)));
    }

    function licenseNow(bytes32 modelId, address account, UseClass useClass, UseClass operatorsUse)
        external
        view
        returns (License memory license, uint24 version, uint16 epoch, Mode mode)
    {
        require(!refuses, REASON);
        license = _license(keccak256(abi.encode(modelId, account, useClass, operatorsUse)), 1);
        (version, epoch, mode) = (uint24(told[3]), uint16(told[4]), Mode(told[5] % 3));
    }

    function licensesOfOrder(
        bytes32 modelId,
        address requester,
        UseClass requestersUse,
        address operator,
        UseClass operatorsUse
    ) external view returns (GrantWord, address, address, GrantWord, address, address, uint24) {
        require(!refuses, REASON);
        License memory one = _license(keccak256(abi.encode(modelId, requester, requestersUse)), 1);
        License memory other = _license(keccak256(abi.encode(modelId, operator, operatorsUse)), 4);
        return (one.word, one.licensee, one.payTo, other.word, other.licensee, other.payTo, uint24(told[0]));
    }

    function pinnedLicense(bytes32 modelId, address account, Role role, UseClass useClass, uint24 version, uint16 epoch)
        external
        view
        returns (License memory)
    {
        require(!refuses, REASON);
        return _license(keccak256(abi.encode(modelId, account, role, useClass, version, epoch)), 1);
    }

    function _license(bytes32 asked, uint256 at) private view returns (License memory) {
        return License(GrantWord.wrap(uint256(asked)), address(uint160(told[at])), address(uint160(told[at + 1])));
    }
}

/// @notice Each call in assembly (ADR 41) asks whom the compiler's call asks, sends no ether, has the same heard, and reads the same of
/// what is told, for all values. Both are made here, by the same account.
contract CallsTest {
    using Requests for Request;

    function check_callBack(bytes calldata output, bytes32 id, uint64 lane, bool refuses) public {
        (Heard one, Heard other) = _two(refuses);
        AnswerAt answer = Answers.copied(output);
        bool done = answer.callBack(address(one), 100_000, id, lane);
        assert(done == Calls.callBack(answer, address(other), 100_000, id, lane));
        assert(done == !refuses && one.heard() == other.heard());
    }

    function check_fulfill(Request calldata request, bytes calldata output, uint96 minPay, bool refuses) public {
        (Heard one, Heard other) = _two(refuses);
        (bool done, uint256 pay) = Oracles.fulfill(IInferenceOracle(address(one)), request, output, minPay);
        (bool alike, uint256 same) = Calls.fulfill(IInferenceOracle(address(other)), request, output, minPay);
        assert(done == alike && done == !refuses && one.heard() == other.heard());
        assert(!done || pay == same);
    }

    function check_laneOf(Request calldata request) public {
        (Heard one,) = _two(false);
        IInferenceOracle oracle = IInferenceOracle(address(one));
        LaneWord word = Oracles.laneOf(oracle, request);
        assert(LaneWord.unwrap(word) == LaneWord.unwrap(Calls.laneOf(oracle, request)));
    }

    function check_now(bytes32 modelId, address account, uint8 use, uint8 operatorsUse, uint256[7] calldata told)
        public
    {
        if (use > 2 || operatorsUse > 2) return;
        IRegistry registry = IRegistry(address(new Heard(false, told)));
        assert(
            _nowByHand(registry, modelId, account, UseClass(use), UseClass(operatorsUse))
                == _now(registry, modelId, account, UseClass(use), UseClass(operatorsUse))
        );
    }

    function check_ofOrder(bytes32 modelId, address[2] calldata who, uint8[2] calldata uses, uint256[7] calldata told)
        public
    {
        if (uses[0] > 2 || uses[1] > 2) return;
        IRegistry registry = IRegistry(address(new Heard(false, told)));
        UseClass[2] memory classes = [UseClass(uses[0]), UseClass(uses[1])];
        assert(_ofOrderByHand(registry, modelId, who, classes) == _ofOrder(registry, modelId, who, classes));
    }

    function check_pinned(
        bytes32 modelId,
        address operator,
        uint8 use,
        uint24 version,
        uint16 epoch,
        uint256[7] calldata told
    ) public {
        if (use > 2) return;
        IRegistry registry = IRegistry(address(new Heard(false, told)));
        LicenseAt license = Licenses.pinned(registry, modelId, operator, UseClass(use), version, epoch);
        LicenseAt same = Calls.pinned(registry, modelId, operator, UseClass(use), version, epoch);
        assert(keccak256(abi.encode(_read(license))) == keccak256(abi.encode(_read(same))));
    }

    /// @dev What the registry refuses is refused with its own words.
    function check_refusal(bytes32 modelId, address account, uint24 version, uint16 epoch) public {
        (Heard one,) = _two(true);
        try this.pinned(IRegistry(address(one)), modelId, account, version, epoch) {
            assert(false);
        } catch Error(string memory said) {
            assert(keccak256(bytes(said)) == keccak256(bytes(REASON)));
        }
    }

    function pinned(IRegistry registry, bytes32 modelId, address account, uint24 version, uint16 epoch) external view {
        Licenses.pinned(registry, modelId, account, UseClass.RESEARCH, version, epoch);
    }

    function _two(bool refuses) private returns (Heard, Heard) {
        uint256[7] memory told;
        told[0] = 7;
        return (new Heard(refuses, told), new Heard(refuses, told));
    }

    function _nowByHand(IRegistry registry, bytes32 modelId, address account, UseClass a, UseClass b)
        private
        view
        returns (bytes32)
    {
        (LicenseAt license, uint24 version, uint16 epoch, Mode mode) = Licenses.now_(registry, modelId, account, a, b);
        return keccak256(abi.encode(_read(license), version, epoch, mode));
    }

    function _now(IRegistry registry, bytes32 modelId, address account, UseClass a, UseClass b)
        private
        view
        returns (bytes32)
    {
        (LicenseAt license, uint24 version, uint16 epoch, Mode mode) = Calls.now_(registry, modelId, account, a, b);
        return keccak256(abi.encode(_read(license), version, epoch, mode));
    }

    function _ofOrderByHand(IRegistry registry, bytes32 modelId, address[2] calldata who, UseClass[2] memory uses)
        private
        view
        returns (bytes32)
    {
        (LicenseAt one, LicenseAt other, uint24 version) =
            Licenses.ofOrder(registry, modelId, who[0], uses[0], who[1], uses[1]);
        return keccak256(abi.encode(_read(one), _read(other), version));
    }

    function _ofOrder(IRegistry registry, bytes32 modelId, address[2] calldata who, UseClass[2] memory uses)
        private
        view
        returns (bytes32)
    {
        (LicenseAt one, LicenseAt other, uint24 version) =
            Calls.ofOrder(registry, modelId, who[0], uses[0], who[1], uses[1]);
        return keccak256(abi.encode(_read(one), _read(other), version));
    }

    function _read(LicenseAt license) private pure returns (License memory) {
        return License(license.word(), license.licensee(), license.payTo());
    }
}
