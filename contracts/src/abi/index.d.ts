// Written by contracts/typescript.py.
export declare const registryAbi: [
  {inputs:[{name:"seq",type:"uint32"}],name:"AnotherWaits",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"useClass",type:"uint8"}],name:"AuthorizationRequired",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"dailyRate",type:"uint32"}],name:"DailyRateReached",type:"error"},
  {inputs:[],name:"EmptyCommitment",type:"error"},
  {inputs:[{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"}],name:"EndsBeforeStart",type:"error"},
  {inputs:[{name:"priceFloor",type:"uint96"}],name:"FloorForOperator",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"expiry",type:"uint40"}],name:"GrantExpired",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"market",type:"address"}],name:"GrantForOtherMarket",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"termsVersion",type:"uint24"}],name:"GrantForOtherTerms",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"seq",type:"uint32"}],name:"GrantIsRevoked",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"notBefore",type:"uint40"}],name:"GrantNotYetValid",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"epoch",type:"uint16"}],name:"GrantOutdated",type:"error"},
  {inputs:[{name:"classes",type:"uint8"}],name:"InvalidClasses",type:"error"},
  {inputs:[{name:"licensor",type:"address"}],name:"InvalidSignature",type:"error"},
  {inputs:[{name:"licensor",type:"address"}],name:"MalleableSignature",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"ModelExists",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"caller",type:"address"},{name:"licensor",type:"address"}],name:"NotLicensor",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"caller",type:"address"},{name:"successor",type:"address"}],name:"NotSuccessor",type:"error"},
  {inputs:[{name:"effectiveAt",type:"uint40"},{name:"latest",type:"uint40"}],name:"NoticeTooLong",type:"error"},
  {inputs:[{name:"effectiveAt",type:"uint40"},{name:"earliest",type:"uint40"}],name:"NoticeTooShort",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"token",type:"address"},{name:"priceFloor",type:"uint96"}],name:"PriceBelowFloor",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"}],name:"QuotaExhausted",type:"error"},
  {inputs:[{name:"royaltyBps",type:"uint16"},{name:"maxRoyaltyBps",type:"uint16"}],name:"RoyaltyTooHigh",type:"error"},
  {inputs:[{name:"seq",type:"uint32"},{name:"current",type:"uint32"}],name:"StaleGrant",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"TermsNotInForce",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"effectiveAt",type:"uint40"}],name:"TermsPending",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"UnknownModel",type:"error"},
  {inputs:[{name:"role",type:"uint8"},{name:"useClass",type:"uint8"}],name:"UseClosed",type:"error"},
  {inputs:[{name:"licensor",type:"address"},{name:"nonce",type:"uint256"}],name:"VoucherCanceled",type:"error"},
  {inputs:[{name:"market",type:"address"}],name:"WrongMarket",type:"error"},
  {inputs:[{indexed:true,name:"hotKey",type:"address"},{indexed:true,name:"licensee",type:"address"}],name:"ActingFor",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"reason",type:"string"}],name:"AuthorizationRefused",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"purpose",type:"string"},{name:"uri",type:"string"}],name:"AuthorizationRequested",type:"event"},
  {inputs:[{indexed:true,name:"licensee",type:"address"},{indexed:true,name:"hotKey",type:"address"},{name:"allowed",type:"bool"}],name:"Delegated",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{name:"epoch",type:"uint16"}],name:"EpochRaised",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensee",type:"address"},{name:"grantHash",type:"bytes32"},{components:[{name:"modelId",type:"bytes32"},{name:"licensor",type:"address"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"seq",type:"uint32"},{name:"nonce",type:"uint256"}],name:"grant",type:"tuple"}],name:"GrantActivated",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"seq",type:"uint32"}],name:"GrantRevoked",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensee",type:"address"},{name:"grantHash",type:"bytes32"},{components:[{name:"modelId",type:"bytes32"},{name:"licensor",type:"address"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"seq",type:"uint32"},{name:"nonce",type:"uint256"}],name:"grant",type:"tuple"}],name:"GrantWaits",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensor",type:"address"},{indexed:true,name:"successor",type:"address"}],name:"LicensorTransferStarted",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"from",type:"address"},{indexed:true,name:"to",type:"address"}],name:"LicensorTransferred",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"licensor",type:"address"},{name:"programRoot",type:"bytes32"},{name:"weightsRoot",type:"bytes32"},{name:"manifestHash",type:"bytes32"},{name:"uri",type:"string"}],name:"ModelRegistered",type:"event"},
  {inputs:[{indexed:true,name:"licensor",type:"address"},{name:"nonce",type:"uint256"}],name:"NonceCanceled",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"version",type:"uint24"},{name:"termsHash",type:"bytes32"},{name:"policy",type:"uint16"},{name:"effectiveAt",type:"uint40"},{name:"uri",type:"string"},{name:"attribution",type:"string"}],name:"TermsPublished",type:"event"},
  {inputs:[],name:"GRANT_TYPEHASH",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"MAX_NOTICE",outputs:[{name:"",type:"uint40"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"MAX_ROYALTY_BPS",outputs:[{name:"",type:"uint16"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"MODEL_TYPEHASH",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"NOTICE_PERIOD",outputs:[{name:"",type:"uint40"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"acceptLicensor",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"licensee",type:"address"}],name:"actFor",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"licensor",type:"address"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"seq",type:"uint32"},{name:"nonce",type:"uint256"}],name:"grant",type:"tuple"},{name:"signature",type:"bytes"}],name:"activate",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"nonce",type:"uint256"}],name:"cancel",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"hotKey",type:"address"},{name:"allowed",type:"bool"}],name:"delegate",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[],name:"eip712Domain",outputs:[{name:"fields",type:"bytes1"},{name:"name",type:"string"},{name:"version",type:"string"},{name:"chainId",type:"uint256"},{name:"verifyingContract",type:"address"},{name:"salt",type:"bytes32"},{name:"extensions",type:"uint256[]"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"epochOf",outputs:[{name:"",type:"uint16"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"licensee",type:"address"},{name:"role",type:"uint8"}],name:"grantsOf",outputs:[{name:"current",type:"uint256"},{name:"waiting",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"licensor",type:"address"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"seq",type:"uint32"},{name:"nonce",type:"uint256"}],name:"grant",type:"tuple"}],name:"hashGrant",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"licensor",type:"address"},{name:"nonce",type:"uint256"}],name:"isCanceled",outputs:[{name:"",type:"bool"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"latestTerms",outputs:[{name:"version",type:"uint24"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"licensorOf",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"seq",type:"uint32"}],name:"limitsOf",outputs:[{components:[{name:"digest",type:"bytes32"},{name:"market",type:"address"},{name:"quota",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"}],name:"limits",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"registrant",type:"address"},{name:"programRoot",type:"bytes32"},{name:"weightsRoot",type:"bytes32"},{name:"manifestHash",type:"bytes32"}],name:"modelIdOf",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"account",type:"address"}],name:"principalOf",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"termsHash",type:"bytes32"},{name:"policy",type:"uint16"},{name:"effectiveAt",type:"uint40"},{name:"uri",type:"string"},{name:"attribution",type:"string"}],name:"publishTerms",outputs:[{name:"version",type:"uint24"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"raiseEpoch",outputs:[{name:"epoch",type:"uint16"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"reason",type:"string"}],name:"refuseAuthorization",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"programRoot",type:"bytes32"},{name:"weightsRoot",type:"bytes32"},{name:"manifestHash",type:"bytes32"},{name:"uri",type:"string"}],name:"registerModel",outputs:[{name:"modelId",type:"bytes32"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"registrantOf",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"purpose",type:"string"},{name:"uri",type:"string"}],name:"requestAuthorization",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"seq",type:"uint32"}],name:"revoke",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"successorOf",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"interfaceId",type:"bytes4"}],name:"supportsInterface",outputs:[{name:"",type:"bool"}],stateMutability:"pure",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"termsInForce",outputs:[{name:"version",type:"uint24"},{name:"policy",type:"uint16"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"version",type:"uint24"}],name:"termsOf",outputs:[{components:[{name:"termsHash",type:"bytes32"},{name:"policy",type:"uint16"},{name:"effectiveAt",type:"uint40"},{name:"publishedAt",type:"uint40"},{name:"uri",type:"string"},{name:"attribution",type:"string"}],name:"",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"successor",type:"address"}],name:"transferLicensor",outputs:[],stateMutability:"nonpayable",type:"function"}
];
export declare const inferenceOracleAbi: [
  {inputs:[{name:"callbackGas",type:"uint32"},{name:"maxCallbackGas",type:"uint32"}],name:"CallbackGasTooHigh",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"dailyRate",type:"uint32"}],name:"DailyRateReached",type:"error"},
  {inputs:[{name:"deadline",type:"uint40"}],name:"DeadlineNotReached",type:"error"},
  {inputs:[{name:"deadline",type:"uint40"}],name:"DeadlinePassed",type:"error"},
  {inputs:[{name:"deadline",type:"uint40"},{name:"latest",type:"uint256"}],name:"DeadlineTooFar",type:"error"},
  {inputs:[{name:"held",type:"uint256"},{name:"amount",type:"uint256"}],name:"DepositTooLow",type:"error"},
  {inputs:[{name:"token",type:"address"},{name:"received",type:"uint256"},{name:"fee",type:"uint256"}],name:"FeeNotReceived",type:"error"},
  {inputs:[{name:"net",type:"uint256"},{name:"minFee",type:"uint96"}],name:"FeeTooLow",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"market",type:"address"}],name:"GrantForOtherMarket",type:"error"},
  {inputs:[{name:"size",type:"uint256"},{name:"maxSize",type:"uint256"}],name:"InputTooLarge",type:"error"},
  {inputs:[{name:"available",type:"uint256"},{name:"required",type:"uint256"}],name:"InsufficientGas",type:"error"},
  {inputs:[{name:"licensor",type:"address"}],name:"InvalidSignature",type:"error"},
  {inputs:[{name:"requester",type:"address"},{name:"lane",type:"uint64"}],name:"LaneBusy",type:"error"},
  {inputs:[{name:"licensor",type:"address"}],name:"MalleableSignature",type:"error"},
  {inputs:[],name:"NotAnOrder",type:"error"},
  {inputs:[{name:"seq",type:"uint32"},{name:"next",type:"uint32"}],name:"NotNext",type:"error"},
  {inputs:[{name:"id",type:"bytes32"}],name:"NotOpen",type:"error"},
  {inputs:[{name:"id",type:"bytes32"},{name:"caller",type:"address"},{name:"operator",type:"address"}],name:"NotOperator",type:"error"},
  {inputs:[],name:"NothingFulfilled",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"}],name:"OperatorNotServing",type:"error"},
  {inputs:[{name:"signed",type:"uint24"},{name:"inForce",type:"uint24"}],name:"OrderForOtherTerms",type:"error"},
  {inputs:[{name:"size",type:"uint256"},{name:"maxSize",type:"uint256"}],name:"OutputTooLarge",type:"error"},
  {inputs:[{name:"pay",type:"uint256"},{name:"minPay",type:"uint96"}],name:"PayTooLow",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"token",type:"address"},{name:"priceFloor",type:"uint96"}],name:"PriceBelowFloor",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"}],name:"QuotaExhausted",type:"error"},
  {inputs:[],name:"Reentrancy",type:"error"},
  {inputs:[{name:"to",type:"address"}],name:"TransferFailed",type:"error"},
  {inputs:[{name:"items",type:"uint256"},{name:"others",type:"uint256"}],name:"UnequalLists",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"UnknownModel",type:"error"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"}],name:"CallbackFailed",type:"event"},
  {inputs:[{indexed:true,name:"token",type:"address"},{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"operator",type:"address"},{name:"operators",type:"uint256"},{name:"licensor",type:"address"},{name:"models",type:"uint256"}],name:"Collected",type:"event"},
  {inputs:[{indexed:true,name:"token",type:"address"},{indexed:true,name:"account",type:"address"},{name:"amount",type:"uint256"}],name:"DepositReleased",type:"event"},
  {inputs:[{indexed:true,name:"token",type:"address"},{indexed:true,name:"account",type:"address"},{name:"amount",type:"uint256"}],name:"Deposited",type:"event"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"},{indexed:true,name:"operator",type:"address"},{name:"resultHash",type:"bytes32"},{name:"termsVersion",type:"uint24"},{name:"royaltyBps",type:"uint16"},{name:"output",type:"bytes"}],name:"Fulfilled",type:"event"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"},{indexed:true,name:"operator",type:"address"},{name:"reason",type:"bytes"}],name:"NotFulfilled",type:"event"},
  {inputs:[{indexed:true,name:"requester",type:"address"},{name:"lane",type:"uint64"},{name:"seq",type:"uint32"}],name:"OrderCanceled",type:"event"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"},{indexed:true,name:"operator",type:"address"},{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"facts",type:"uint256"},{name:"requestersBps",type:"uint16"},{name:"operatorsBps",type:"uint16"},{name:"output",type:"bytes"}],name:"OrderFulfilled",type:"event"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"},{indexed:true,name:"requester",type:"address"},{name:"fee",type:"uint96"}],name:"Refunded",type:"event"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"},{indexed:true,name:"operator",type:"address"},{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"request",type:"tuple"},{name:"input",type:"bytes"}],name:"Requested",type:"event"},
  {inputs:[{indexed:true,name:"id",type:"bytes32"},{indexed:true,name:"payTo",type:"address"},{name:"role",type:"uint8"},{name:"amount",type:"uint256"}],name:"RoyaltyPaid",type:"event"},
  {inputs:[{indexed:true,name:"modelId",type:"bytes32"},{indexed:true,name:"operator",type:"address"},{name:"token",type:"address"},{name:"serving",type:"bool"},{name:"minFee",type:"uint96"},{name:"maxCallbackGas",type:"uint32"}],name:"Served",type:"event"},
  {inputs:[{indexed:true,name:"token",type:"address"},{indexed:true,name:"account",type:"address"},{name:"to",type:"address"},{name:"amount",type:"uint256"}],name:"Withdrawn",type:"event"},
  {inputs:[],name:"LENS",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"MAX_INPUT_BYTES",outputs:[{name:"",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"MAX_OUTPUT_BYTES",outputs:[{name:"",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"MAX_WINDOW",outputs:[{name:"",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"REGISTRY",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"REQUEST_TYPEHASH",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"RESULT_TYPEHASH",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"lane",type:"uint64"},{name:"seq",type:"uint32"}],name:"cancelOrder",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"modelId",type:"bytes32"},{name:"operator",type:"address"}],name:"collect",outputs:[{name:"operators",type:"uint256"},{name:"models",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"account",type:"address"},{name:"modelIds",type:"bytes32[]"},{name:"operators",type:"address[]"}],name:"collectAndWithdraw",outputs:[{name:"amount",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"account",type:"address"}],name:"credits",outputs:[{name:"",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"account",type:"address"},{name:"amount",type:"uint256"}],name:"deposit",outputs:[],stateMutability:"payable",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"account",type:"address"}],name:"deposits",outputs:[{name:"",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"eip712Domain",outputs:[{name:"fields",type:"bytes1"},{name:"name",type:"string"},{name:"version",type:"string"},{name:"chainId",type:"uint256"},{name:"verifyingContract",type:"address"},{name:"salt",type:"bytes32"},{name:"extensions",type:"uint256[]"}],stateMutability:"view",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"request_",type:"tuple"},{name:"output",type:"bytes"}],name:"finalized",outputs:[{name:"",type:"bool"}],stateMutability:"view",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"request_",type:"tuple"},{name:"output",type:"bytes"},{name:"minPay",type:"uint96"}],name:"fulfill",outputs:[{name:"pay",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"requests",type:"tuple[]"},{name:"outputs",type:"bytes[]"},{name:"minPays",type:"uint96[]"}],name:"fulfillMany",outputs:[{name:"fulfilled",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"order",type:"tuple"},{name:"signature",type:"bytes"},{name:"output",type:"bytes"},{name:"minPay",type:"uint96"}],name:"fulfillOrder",outputs:[{name:"pay",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"order",type:"tuple"}],name:"hashOrder",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"request_",type:"tuple"}],name:"idOf",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"requester",type:"address"},{name:"lane",type:"uint64"}],name:"laneOf",outputs:[{name:"",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"}],name:"offerOf",outputs:[{name:"serving",type:"bool"},{name:"minFee",type:"uint96"},{name:"maxCallbackGas",type:"uint32"}],stateMutability:"view",type:"function"},
  {inputs:[{components:[{name:"requester",type:"address"},{name:"modelId",type:"bytes32"},{name:"inputHash",type:"bytes32"},{name:"operator",type:"address"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{name:"payTo",type:"address"},{name:"licensee",type:"address"},{name:"facts",type:"uint256"}],name:"request_",type:"tuple"}],name:"refund",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"lane",type:"uint64"},{name:"deadline",type:"uint40"},{name:"callbackGas",type:"uint32"}],name:"ask",type:"tuple"},{name:"input",type:"bytes"}],name:"request",outputs:[{name:"id",type:"bytes32"}],stateMutability:"payable",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"lane",type:"uint64"},{name:"deadline",type:"uint40"},{name:"callbackGas",type:"uint32"}],name:"asks",type:"tuple[]"},{name:"inputs",type:"bytes[]"},{name:"token",type:"address"},{name:"fees",type:"uint96[]"}],name:"requestMany",outputs:[{name:"ids",type:"bytes32[]"}],stateMutability:"payable",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"lane",type:"uint64"},{name:"deadline",type:"uint40"},{name:"callbackGas",type:"uint32"}],name:"ask",type:"tuple"},{name:"input",type:"bytes"},{name:"token",type:"address"},{name:"fee",type:"uint96"},{components:[{name:"modelId",type:"bytes32"},{name:"licensor",type:"address"},{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"seq",type:"uint32"},{name:"nonce",type:"uint256"}],name:"grant",type:"tuple"},{name:"signature",type:"bytes"}],name:"requestWithGrant",outputs:[{name:"id",type:"bytes32"}],stateMutability:"payable",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"lane",type:"uint64"},{name:"deadline",type:"uint40"},{name:"callbackGas",type:"uint32"}],name:"ask",type:"tuple"},{name:"input",type:"bytes"},{name:"token",type:"address"},{name:"fee",type:"uint96"}],name:"requestWithToken",outputs:[{name:"id",type:"bytes32"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"id",type:"bytes32"},{name:"modelId",type:"bytes32"},{name:"output",type:"bytes"}],name:"resultHashOf",outputs:[{name:"",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"token",type:"address"},{name:"minFee",type:"uint96"},{name:"maxCallbackGas",type:"uint32"}],name:"serve",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"requester",type:"address"},{name:"lane",type:"uint64"}],name:"stateOf",outputs:[{name:"state",type:"uint8"},{name:"seq",type:"uint32"},{name:"digest",type:"uint200"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"token",type:"address"}],name:"stopServing",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"interfaceId",type:"bytes4"}],name:"supportsInterface",outputs:[{name:"",type:"bool"}],stateMutability:"pure",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"modelId",type:"bytes32"},{name:"operator",type:"address"}],name:"tillOf",outputs:[{name:"operators",type:"uint256"},{name:"models",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"grantHash",type:"bytes32"}],name:"usesOf",outputs:[{components:[{name:"total",type:"uint32"},{name:"today",type:"uint32"},{name:"day",type:"uint32"}],name:"",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"account",type:"address"}],name:"withdraw",outputs:[{name:"amount",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"amount",type:"uint256"},{name:"to",type:"address"}],name:"withdrawDeposit",outputs:[{name:"paid",type:"uint256"}],stateMutability:"nonpayable",type:"function"},
  {inputs:[{name:"token",type:"address"},{name:"to",type:"address"}],name:"withdrawTo",outputs:[{name:"amount",type:"uint256"}],stateMutability:"nonpayable",type:"function"}
];
export declare const lensAbi: [
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"dailyRate",type:"uint32"}],name:"DailyRateReached",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"},{name:"market",type:"address"}],name:"GrantForOtherMarket",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"token",type:"address"},{name:"priceFloor",type:"uint96"}],name:"PriceBelowFloor",type:"error"},
  {inputs:[{name:"licensee",type:"address"},{name:"role",type:"uint8"}],name:"QuotaExhausted",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"TermsNotInForce",type:"error"},
  {inputs:[{name:"modelId",type:"bytes32"}],name:"UnknownModel",type:"error"},
  {inputs:[{name:"role",type:"uint8"},{name:"useClass",type:"uint8"}],name:"UseClosed",type:"error"},
  {inputs:[],name:"ORACLE",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"version",type:"uint24"}],name:"attributionOf",outputs:[{name:"",type:"string"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"version",type:"uint24"},{name:"account",type:"address"},{name:"role",type:"uint8"},{name:"useClass",type:"uint8"}],name:"checkLicense",outputs:[{name:"royaltyBps",type:"uint16"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"account",type:"address"},{name:"role",type:"uint8"},{name:"useClass",type:"uint8"},{name:"token",type:"address"},{name:"fee",type:"uint96"}],name:"checkUse",outputs:[{name:"royaltyBps",type:"uint16"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"account",type:"address"},{name:"role",type:"uint8"},{name:"useClass",type:"uint8"},{name:"version",type:"uint24"}],name:"grantFor",outputs:[{name:"licensee",type:"address"},{components:[{name:"seq",type:"uint32"},{name:"revoked",type:"bool"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"used",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"usedToday",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"digest",type:"bytes32"}],name:"",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"licensee",type:"address"},{name:"role",type:"uint8"}],name:"grantOf",outputs:[{components:[{name:"seq",type:"uint32"},{name:"revoked",type:"bool"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"used",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"usedToday",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"digest",type:"bytes32"}],name:"",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"time",type:"uint40"}],name:"termsAt",outputs:[{name:"version",type:"uint24"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"modelId",type:"bytes32"},{name:"licensee",type:"address"},{name:"role",type:"uint8"}],name:"waitingOf",outputs:[{components:[{name:"seq",type:"uint32"},{name:"revoked",type:"bool"},{name:"classes",type:"uint8"},{name:"termsVersion",type:"uint24"},{name:"notBefore",type:"uint40"},{name:"expiry",type:"uint40"},{name:"quota",type:"uint32"},{name:"used",type:"uint32"},{name:"dailyRate",type:"uint32"},{name:"usedToday",type:"uint32"},{name:"market",type:"address"},{name:"royaltyBps",type:"uint16"},{name:"priceToken",type:"address"},{name:"priceFloor",type:"uint96"},{name:"payTo",type:"address"},{name:"epoch",type:"uint16"},{name:"digest",type:"bytes32"}],name:"",type:"tuple"}],stateMutability:"view",type:"function"}
];
export declare const timelockGuardAbi: [
  {inputs:[{name:"target",type:"address"}],name:"EndlessPointers",type:"error"},
  {inputs:[],name:"InvalidReport",type:"error"},
  {inputs:[{name:"target",type:"address"},{name:"from",type:"uint256"}],name:"MustWait",type:"error"},
  {inputs:[{name:"caller",type:"address"}],name:"NotOracle",type:"error"},
  {inputs:[{name:"target",type:"address"}],name:"TargetWithoutCode",type:"error"},
  {inputs:[{name:"requestId",type:"bytes32"}],name:"UnknownRequest",type:"error"},
  {inputs:[],name:"UselessSettings",type:"error"},
  {inputs:[{indexed:true,name:"codeHash",type:"bytes32"},{indexed:true,name:"target",type:"address"},{name:"code",type:"address"},{name:"requestId",type:"bytes32"}],name:"Asked",type:"event"},
  {inputs:[{indexed:true,name:"requestId",type:"bytes32"},{name:"scoresBps",type:"uint16[7]"},{name:"coverageBps",type:"uint16"},{name:"programCounter",type:"uint16"},{name:"flagged",type:"bool"}],name:"Assessed",type:"event"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"extraDelay",type:"uint40"},{name:"answerWindow",type:"uint40"},{name:"thresholdBps",type:"uint16"},{name:"minCoverageBps",type:"uint16"},{name:"callbackGas",type:"uint32"}],name:"assessing",type:"tuple"}],name:"AssessingChanged",type:"event"},
  {inputs:[],name:"ORACLE",outputs:[{name:"",type:"address"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"target",type:"address"}],name:"assess",outputs:[{name:"requestId",type:"bytes32"}],stateMutability:"payable",type:"function"},
  {inputs:[],name:"assessing",outputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"extraDelay",type:"uint40"},{name:"answerWindow",type:"uint40"},{name:"thresholdBps",type:"uint16"},{name:"minCoverageBps",type:"uint16"},{name:"callbackGas",type:"uint32"}],name:"",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"target",type:"address"}],name:"assessmentOf",outputs:[{name:"codeHash",type:"bytes32"},{components:[{name:"at",type:"uint40"},{name:"flaggedAt",type:"uint40"}],name:"assessment",type:"tuple"}],stateMutability:"view",type:"function"},
  {inputs:[],name:"attribution",outputs:[{name:"text",type:"string"},{name:"termsHash",type:"bytes32"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"id",type:"bytes32"},{name:"targets",type:"address[]"}],name:"executableFrom",outputs:[{name:"from",type:"uint256"}],stateMutability:"view",type:"function"},
  {inputs:[{name:"id",type:"bytes32"},{name:"lane",type:"uint64"},{name:"output",type:"bytes"}],name:"onInference",outputs:[],stateMutability:"nonpayable",type:"function"},
  {inputs:[{components:[{name:"modelId",type:"bytes32"},{name:"operator",type:"address"},{name:"useClass",type:"uint8"},{name:"extraDelay",type:"uint40"},{name:"answerWindow",type:"uint40"},{name:"thresholdBps",type:"uint16"},{name:"minCoverageBps",type:"uint16"},{name:"callbackGas",type:"uint32"}],name:"assessing_",type:"tuple"}],name:"setAssessing",outputs:[],stateMutability:"nonpayable",type:"function"}
];
export declare const State: Readonly<{NONE:0,OPEN:1,FINAL:2,REFUNDED:3}>;
export type State = (typeof State)[keyof typeof State];
export declare const UseClass: Readonly<{PERSONAL:0,RESEARCH:1,COMMERCIAL:2}>;
export type UseClass = (typeof UseClass)[keyof typeof UseClass];
export declare const Role: Readonly<{REQUESTER:0,OPERATOR:1}>;
export type Role = (typeof Role)[keyof typeof Role];
export declare const RiskClass: Readonly<{REENTRANCY:0,UNCHECKED_CALL:1,TX_ORIGIN_AUTH:2,BLOCK_DEPENDENCE:3,UNPROTECTED_SELFDESTRUCT:4,UNPROTECTED_DELEGATECALL:5,UNPROTECTED_AUTHORITY:6}>;
export type RiskClass = (typeof RiskClass)[keyof typeof RiskClass];
export declare const NotKnown: Readonly<{TRUNCATED:0,LEFT_OUT:1,STEPS_SPENT:2,UNKNOWN_JUMP:3,UNKNOWN_DISPATCHER:4,PROXY:5,DELEGATION:6,NAMED:7}>;
export type NotKnown = (typeof NotKnown)[keyof typeof NotKnown];
export declare const Mode: Readonly<{CLOSED:0,OPEN:1,GRANT:2}>;
export type Mode = (typeof Mode)[keyof typeof Mode];
export declare const GrantTypes: {Grant:[{type:"bytes32",name:"modelId"},{type:"address",name:"licensor"},{type:"address",name:"licensee"},{type:"uint8",name:"role"},{type:"uint8",name:"classes"},{type:"uint24",name:"termsVersion"},{type:"uint40",name:"notBefore"},{type:"uint40",name:"expiry"},{type:"uint32",name:"quota"},{type:"uint32",name:"dailyRate"},{type:"address",name:"market"},{type:"uint16",name:"royaltyBps"},{type:"address",name:"priceToken"},{type:"uint96",name:"priceFloor"},{type:"address",name:"payTo"},{type:"uint16",name:"epoch"},{type:"uint32",name:"seq"},{type:"uint256",name:"nonce"}]};
export declare const InferenceOrderTypes: {InferenceOrder:[{type:"address",name:"requester"},{type:"bytes32",name:"modelId"},{type:"bytes32",name:"inputHash"},{type:"address",name:"operator"},{type:"address",name:"token"},{type:"uint96",name:"fee"},{type:"uint8",name:"items"},{type:"uint64",name:"lane"},{type:"uint32",name:"seq"},{type:"uint40",name:"deadline"},{type:"uint32",name:"callbackGas"},{type:"uint24",name:"termsVersion"},{type:"uint8",name:"useClass"}]};
export { domainOf, requestOf, factsOf, type Facts, type InferenceOrder } from "./orders.js";
export interface Ask {
  modelId: `0x${string}`;
  operator: `0x${string}`;
  useClass: UseClass;
  lane: bigint;
  deadline: number;
  callbackGas: number;
}
export interface Assessing {
  modelId: `0x${string}`;
  operator: `0x${string}`;
  useClass: UseClass;
  extraDelay: number;
  answerWindow: number;
  thresholdBps: number;
  minCoverageBps: number;
  callbackGas: number;
}
export interface Assessment {
  at: number;
  flaggedAt: number;
}
export interface Grant {
  modelId: `0x${string}`;
  licensor: `0x${string}`;
  licensee: `0x${string}`;
  role: Role;
  classes: number;
  termsVersion: number;
  notBefore: number;
  expiry: number;
  quota: number;
  dailyRate: number;
  market: `0x${string}`;
  royaltyBps: number;
  priceToken: `0x${string}`;
  priceFloor: bigint;
  payTo: `0x${string}`;
  epoch: number;
  seq: number;
  nonce: bigint;
}
export interface GrantState {
  seq: number;
  revoked: boolean;
  classes: number;
  termsVersion: number;
  notBefore: number;
  expiry: number;
  quota: number;
  used: number;
  dailyRate: number;
  usedToday: number;
  market: `0x${string}`;
  royaltyBps: number;
  priceToken: `0x${string}`;
  priceFloor: bigint;
  payTo: `0x${string}`;
  epoch: number;
  digest: `0x${string}`;
}
export interface Limits {
  digest: `0x${string}`;
  market: `0x${string}`;
  quota: number;
  dailyRate: number;
  priceToken: `0x${string}`;
  priceFloor: bigint;
  payTo: `0x${string}`;
}
export interface Request {
  requester: `0x${string}`;
  modelId: `0x${string}`;
  inputHash: `0x${string}`;
  operator: `0x${string}`;
  token: `0x${string}`;
  fee: bigint;
  payTo: `0x${string}`;
  licensee: `0x${string}`;
  facts: bigint;
}
export interface Terms {
  termsHash: `0x${string}`;
  policy: number;
  effectiveAt: number;
  publishedAt: number;
  uri: string;
  attribution: string;
}
export interface Uses {
  total: number;
  today: number;
  day: number;
}
