"""A refund that waits for finance to sign it. Needs `pip install cosignet` and nothing else.

COSIGNET_API_KEY=… COSIGNET_BASE_URL=… COSIGNET_USER=finance-ops python3 refund.py cus_8821 4200
"""

import os
import sys

from cosignet.client import Cosignet, NotApproved, Unavailable


def refund(customer_id: str, amount_usd: int) -> None:
    """Pay back; here it only says so. Make yours idempotent: a retry must not pay twice."""
    print(f"refunded {amount_usd} USD to {customer_id}")


def main() -> int:
    """Ask, and refund exactly what was signed."""
    cosignet = Cosignet()
    try:
        decision = cosignet.request_approval(
            username=os.environ["COSIGNET_USER"],
            action="Refund customer",
            payload={"customer_id": sys.argv[1], "amount_usd": int(sys.argv[2])},
            on_created=lambda asked: print("Approve here:", asked.url, flush=True),
        )
        cosignet.run(decision, lambda signed: refund(**signed))
    except NotApproved as outcome:
        print(f"not refunded: {outcome}")
        return 1
    except Unavailable as outage:
        print(f"try again later: {outage}")
        return 75
    return 0


if __name__ == "__main__":
    sys.exit(main())
