"""What agents are told: of the whole, of each tool, and of each state of a confirmation."""

from cosignet.core.confirmation import Confirmation, Status

INSTRUCTIONS = """\
Cosignet puts a named human in front of actions that cannot be taken back. They see the exact \
payload you send, and sign it with a passkey.

Rules:
1. Before anything irreversible, privileged or costly, call request_human_approval with the exact \
parameters of the operation as payload. Put no secrets in it: send ids and references.
2. Only the status "approved" allows the action. "pending", "rejected", "expired", an error, a \
timeout and no answer at all mean: do not run it.
3. Run exactly the payload that was approved, nothing more and nothing else. If a parameter \
changes, ask again.
4. An approval is used once: call consume_approval right before you run the action, and run it \
only if that succeeds.
5. Show the url to the human, and the matchCode if there is one. You cannot approve anything \
yourself, and nobody can approve for you in a chat."""

REQUEST = """\
Ask a named human to approve one exact action before you run it. Call this before any \
irreversible, privileged or risky operation. The payload must hold the exact parameters: its \
SHA-256 is what the human signs with a passkey, and nothing else is approved. Answers approved, \
rejected, expired or pending. Run the action only on "approved", after consume_approval; on \
anything else, an error included, do not run it. While it is pending, show the url to the human \
and call get_approval_status with the id; do not ask again."""

STATUS = """\
Read a confirmation by its id, or wait for its decision with wait_seconds. Run the action only on \
"approved", and only with the payload in this answer. "pending" means: not approved, call again. \
"rejected" and "expired" are final: do not run it."""

CONSUME = """\
Use an approval up, once, right before you run its action. Send a random token that you made for \
this one run: the first token wins, the same token gets the same answer again, and every other one \
is refused. Run the action only if this succeeds; if it is refused, somebody has run it, or may \
not: do not run it."""

VERIFY = """\
Compare the payload that you are about to run with the one that was approved, as JSON values (the \
order of keys does not matter, their types do), and read whether it may still run. Changes \
nothing, and does not use the approval up. The answer is this server's word; evidenceUrl leads to \
what `cosignet verify` checks without trusting it."""


def advice(found: Confirmation) -> str:
    """Return what the agent does now."""
    if found.status is Status.PENDING:
        return (
            f"Not approved: do not run the action. {found.approver} has to decide on the page at "
            "url. Call get_approval_status with this id until it is no longer pending."
        )
    if found.status is Status.REJECTED:
        return (
            f"{found.approver} rejected it. Do not run the action, and do not ask again for the "
            "same thing; tell whoever wanted it."
        )
    if found.status is Status.EXPIRED:
        return (
            "Nobody decided in time, or it was withdrawn. Do not run the action. Ask again only "
            "if it is still needed."
        )
    if found.consumed_at is not None:
        return "Approved, and used up already. Do not run the action again; ask for a new approval."
    return (
        f"{found.approver} approved exactly this payload. Call consume_approval with a random "
        "token, then run this payload, once, and nothing else."
    )


def ask_to_open(found: Confirmation) -> str:
    """Return what the human is asked where the agent runs."""
    return (
        f"{found.requester} asks {found.approver} to approve: {found.action}. "
        "Open the page, read what will be run, and decide there with your passkey."
    )


def waits_for(found: Confirmation, url: str) -> str:
    """Return what is shown while the agent waits."""
    return f"Waiting for {found.approver} to decide: {url}"
