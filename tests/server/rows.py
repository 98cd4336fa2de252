"""What must be true of the rows of every store, whatever happened to its server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from tests import postgres, sqlite
from tests.engines import engines

Rows: TypeAlias = sqlite.Rows | postgres.Rows

NEVER = {
    "an approval without its one signature and one leaf": """
        SELECT c.id FROM confirmations c WHERE c.status = 'approved' AND NOT (
            c.evidence_id IS NOT NULL
            AND 1 = (SELECT count(*) FROM signatures WHERE confirmation_id = c.id)
            AND 1 = (SELECT count(*) FROM signatures
                     WHERE confirmation_id = c.id AND purpose = 'approve')
            AND 1 = (SELECT count(*) FROM leaves WHERE subject = c.id
                     AND kind NOT IN ('consumption', 'outcome'))
            AND 1 = (SELECT count(*) FROM leaves WHERE subject = c.id AND kind = 'approval'
                     AND json_extract(opening, '$.evidence') = c.evidence_id))""",
    "a signed rejection without its one signature and one leaf": """
        SELECT c.id FROM confirmations c
        WHERE c.status = 'rejected' AND c.rejection_signed AND NOT (
            1 = (SELECT count(*) FROM signatures
                 WHERE confirmation_id = c.id AND purpose = 'reject')
            AND 1 = (SELECT count(*) FROM leaves WHERE subject = c.id)
            AND 1 = (SELECT count(*) FROM leaves WHERE subject = c.id AND kind = 'rejection'
                     AND json_extract(opening, '$.evidence') = c.evidence_id))""",
    "a signature or leaf of what nobody signed": """
        SELECT c.id FROM confirmations c
        WHERE (c.status IN ('pending', 'expired')
               OR (c.status = 'rejected' AND NOT c.rejection_signed))
        AND (EXISTS (SELECT 1 FROM signatures WHERE confirmation_id = c.id)
             OR EXISTS (SELECT 1 FROM leaves WHERE subject = c.id) OR c.evidence_id IS NOT NULL)""",
    "a decision that a webhook is not owed, or owed twice": """
        SELECT c.id FROM confirmations c JOIN webhooks w ON w.organisation_id = c.organisation_id
        WHERE (SELECT count(*) FROM deliveries d
               WHERE d.confirmation_id = c.id AND d.webhook_id = w.id AND d.event = c.status)
        NOT BETWEEN CASE WHEN w.created_at < c.decided_at
                AND (w.revoked_at IS NULL OR w.revoked_at > c.decided_at)
                AND w.events LIKE '% ' || c.status || ' %' THEN 1 ELSE 0 END
            AND CASE WHEN c.status = 'pending' THEN 0 ELSE 1 END""",
    "a consumption without its leaf, or a leaf without it": """
        SELECT c.id FROM confirmations c WHERE CASE WHEN c.consumed_at IS NULL THEN 0 ELSE 1 END !=
            (SELECT count(*) FROM leaves WHERE subject = c.id AND kind = 'consumption')""",
    "an outcome without its leaf, or a leaf without it": """
        SELECT c.id FROM confirmations c WHERE CASE WHEN c.outcome IS NULL THEN 0 ELSE 1 END !=
            (SELECT count(*) FROM leaves WHERE subject = c.id AND kind = 'outcome')""",
    "a revoked credential without its leaf, or a leaf of one that is not": """
        SELECT k.id FROM credentials k WHERE CASE WHEN k.revoked_at IS NULL THEN 0 ELSE 1 END !=
            (SELECT count(*) FROM leaves WHERE subject = k.id AND kind = 'credential_revoked')""",
    "a delivery of something that did not happen": """
        SELECT d.id FROM deliveries d JOIN confirmations c ON c.id = d.confirmation_id
        WHERE d.event != c.status OR d.occurred_at != c.decided_at""",
    "a leaf of nothing": """
        SELECT l.subject FROM leaves l WHERE l.kind NOT IN ('asset_manifest', 'log_key')
        AND NOT EXISTS (SELECT 1 FROM confirmations WHERE id = l.subject AND status != 'pending')
        AND NOT EXISTS (SELECT 1 FROM credentials WHERE id = l.subject)""",
    "a credential that is logged without a leaf, or has one without being logged": """
        SELECT k.id FROM credentials k WHERE CASE WHEN k.logged_at IS NULL THEN 0 ELSE 1 END !=
            (SELECT count(*) FROM leaves WHERE subject = k.id AND kind = 'credential')""",
    "an approver without a passkey": """
        SELECT id FROM approvers a
        WHERE NOT EXISTS (SELECT 1 FROM credentials WHERE approver_id = a.id)""",
    "a registration that no invite paid for, and that its own approver did not make": """
        SELECT 1 WHERE (SELECT coalesce(sum(uses), 0) FROM invites)
            != (SELECT count(*) FROM credentials
                WHERE NOT (enroller = 'member' AND enroller_id = approver_id))""",
    "a passkey that its own approver made without having had one before": """
        SELECT k.id FROM credentials k WHERE k.enroller = 'member' AND k.enroller_id = k.approver_id
        AND NOT EXISTS (SELECT 1 FROM credentials o WHERE o.approver_id = k.approver_id
                        AND NOT (o.enroller = 'member' AND o.enroller_id = o.approver_id))""",
    "a session of a passkey that is not its approver's": """
        SELECT s.approver_id FROM sessions s JOIN credentials k ON k.id = s.credential_id
        WHERE k.approver_id != s.approver_id""",
    "a first key that is not there, or not the organisation's": """
        SELECT o.id FROM organisations o WHERE o.first_key_id IS NOT NULL AND NOT EXISTS
            (SELECT 1 FROM api_keys WHERE id = o.first_key_id AND organisation_id = o.id)""",
    "a confirmation above normal risk without a match code, or one below with it": """
        SELECT id FROM confirmations WHERE (risk != 'normal') != (match_code IS NOT NULL)
            OR (match_code IS NULL) != (match_choices IS NULL)""",
    "a match code that is not among its choices": """
        SELECT id FROM confirmations
        WHERE instr(' ' || match_choices || ' ', ' ' || match_code || ' ') = 0""",
    "a count of wrong picks without the last one's time": """
        SELECT id FROM confirmations
        WHERE (wrong_picks = 0) != (wrong_pick_at IS NULL)""",
    "a reason, or a browser, of a rejection that was none": """
        SELECT id FROM confirmations WHERE status != 'rejected'
        AND (rejection_reason IS NOT NULL OR rejected_in IS NOT NULL)""",
    "a view of what is not private, or of nobody who may see it": """
        SELECT v.confirmation_id FROM private_views v
        WHERE NOT EXISTS (SELECT 1 FROM confirmations c JOIN credentials k
            ON k.id = v.credential_id AND k.approver_id = v.approver_id
            WHERE c.id = v.confirmation_id AND c.private AND c.approver_id = v.approver_id)""",
    "a reference to nothing": "PRAGMA foreign_key_check",
}


@contextmanager
def opened(database: Path) -> Iterator[Any]:
    """Open a database as anybody can: a file, or what the file's folder stands for elsewhere."""
    shared = engines.opened(database.parent)
    if shared is not None:
        with shared as rows:
            yield rows
        return
    connection = sqlite.Rows(database)
    try:
        yield connection
    finally:
        connection.close()


def check(rows: Rows) -> None:
    """Assert that nothing is there that never may be."""
    assert [row[0] for row in rows.execute("PRAGMA integrity_check")] == ["ok"]
    for what, sql in NEVER.items():
        assert [tuple(row) for row in rows.execute(sql)] == [], what


def value(rows: Rows, sql: str, *values: object) -> object:
    """Return the first column of the first row, or None."""
    row = rows.execute(sql, values).fetchone()
    return None if row is None else row[0]


def add_webhook(rows: Rows) -> None:
    """Subscribe a webhook of the default organisation to every decision."""
    rows.execute(
        "INSERT INTO webhooks (id, organisation_id, url, events, secret_sealed, created_at)"
        " SELECT lower(hex(randomblob(16))), id, 'https://hooks.example/',"
        " ' approved rejected expired ', x'00', 0 FROM organisations WHERE slug = 'default'"
    )
    rows.commit()
