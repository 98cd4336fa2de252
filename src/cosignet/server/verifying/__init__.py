"""Verifying what passkeys answer: on the event loop, or beside it when many answers come.

A signature takes longer to verify than most of what surrounds it, and while that lasts the loop
serves nobody. So when a crowd decides, or somebody throws rubbish at a link, a process of its own
verifies. It has no key and no store, and decides nothing: it gets bytes and says what they prove.
What it does not say, the loop finds out for itself.
"""

from cosignet.server.verifying.answer import Expected, VerifiedAnswer, verify_answer
from cosignet.server.verifying.verifier import Verifier

__all__ = ["Expected", "VerifiedAnswer", "Verifier", "verify_answer"]
