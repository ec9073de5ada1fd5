"""What pools say, in the words of the clients that are out there."""

import pytest

from themis.core.pool import Reply, understood


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("already known", Reply.KNOWN),
        ("transaction already imported", Reply.KNOWN),
        ("AlreadyKnown", Reply.KNOWN),
        ("Known transaction", Reply.KNOWN),
        ("nonce too low: next nonce 4, tx nonce 1", Reply.USED),
        ("Nonce too low. Expected nonce to be 1 but got 0.", Reply.USED),
        ("OldNonce, Current nonce: 7, nonce of rejected tx: 1", Reply.USED),
        ("insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1", Reply.POOR),
        ("Insufficient funds for gas * price + value", Reply.POOR),
        ("InsufficientFunds, Balance is 0 less than sending value", Reply.POOR),
        ("Sender doesn't have enough funds to send tx", Reply.POOR),
        ("Upfront cost exceeds account balance", Reply.POOR),
        ("exceeds block gas limit", Reply.UNSENDABLE),
        ("transaction gas limit too high (cap: 16777216, tx: 20000000)", Reply.UNSENDABLE),
        ("intrinsic gas too high", Reply.UNSENDABLE),
        ("oversized data: transaction size 200000, limit 131072", Reply.UNSENDABLE),
        ("GasLimitExceeded, Gas limit: 3, gas limit of rejected tx: 9", Reply.UNSENDABLE),
        ("transaction underpriced: tip needed 25000000000, tip permitted 1000000000", Reply.UNDERPRICED),
        ("transaction underpriced: gas tip cap 1, minimum needed 25", Reply.UNDERPRICED),
        ("replacement transaction underpriced", Reply.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x1, maxFeePerGas: 1, baseFee: 9", Reply.UNDERPRICED),
        ("FeeTooLow, MaxFeePerGas too low", Reply.UNDERPRICED),
        ("txpool is full", Reply.FULL),
        ("in-flight transaction limit reached for delegated accounts", Reply.FULL),
        ("transactions are disabled here", Reply.REFUSED),
    ],
)
def test_words_are_understood(words: str, reply: Reply) -> None:
    said = understood(words)
    assert (said.reply, said.words) == (reply, words)
