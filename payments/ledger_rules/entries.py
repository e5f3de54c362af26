"""What must be true of each entry of the ledger by itself."""

from payments.ledger_rules.rule import Rule

# The row whose id stands in an entry's key, by the kind of the entry.
_KEYS = """
    CASE kind
        WHEN 'charge' THEN key = 'charge:' || payment_id
        WHEN 'hand_over_fee' THEN key = 'hand_over_fee:' || payment_id
        WHEN 'fee_paid' THEN key = 'fee_paid:' || payment_id
        WHEN 'release' THEN key = 'release:' || payment_id
        WHEN 'payout' THEN key = 'payout:' || payout_id
        WHEN 'payout_paid' THEN key = 'payout_paid:' || payout_id
        WHEN 'payout_returned' THEN key = 'payout_returned:' || payout_id
        WHEN 'provider_fee' THEN key LIKE 'provider_fee:%' AND payout_id IS NULL
        WHEN 'correction' THEN key LIKE 'correction:%' AND actor_id IS NOT NULL AND note <> ''
        ELSE split_part(key, ':', 1) = kind AND payment_id IS NOT NULL
    END"""

RULES = (
    Rule(
        name="entry_balances",
        title="The lines of every entry add up to zero",
        sql="""
            SELECT 'entry ' || entry_id AS subject,
                jsonb_build_object('sum', 0) AS expected, jsonb_build_object('sum', sum(amount)) AS found
            FROM payments_entryline GROUP BY entry_id HAVING sum(amount) <> 0""",
    ),
    Rule(
        name="entry_has_lines",
        title="Every entry has lines",
        sql="""
            SELECT 'entry ' || entry.id AS subject,
                jsonb_build_object('has_lines', true) AS expected,
                jsonb_build_object('has_lines', false, 'key', entry.key) AS found
            FROM payments_entry entry
            WHERE NOT EXISTS (SELECT FROM payments_entryline line WHERE line.entry_id = entry.id)""",
    ),
    Rule(
        name="entry_names_its_row",
        title="Every entry is about the row that its key names, and a correction has a person and a reason",
        sql=f"""
            SELECT 'entry ' || id AS subject,
                jsonb_build_object('kind', kind, 'payment', payment_id, 'payout', payout_id) AS expected,
                jsonb_build_object('key', key, 'actor', actor_id, 'note', note) AS found
            FROM payments_entry WHERE ({_KEYS}) IS NOT TRUE""",  # noqa: S608 - our own text
    ),
    Rule(
        name="provider_fee_was_kept",
        title="Every fee of a provider that was entered is what the provider's list of movements says",
        sql="""
            SELECT 'entry ' || entry.id AS subject,
                jsonb_build_object('kept', movement.fee) AS expected,
                jsonb_build_object('entered', entered.amount, 'key', entry.key) AS found
            FROM payments_entry entry
            LEFT JOIN (
                SELECT entry_id, sum(amount) AS amount FROM payments_entryline
                WHERE account = 'provider_fees' GROUP BY entry_id
            ) entered ON entered.entry_id = entry.id
            LEFT JOIN (
                SELECT left('provider_fee:' || external_id, 80) AS key, sum(fee) AS fee
                FROM payments_providermovement GROUP BY 1
            ) movement ON movement.key = entry.key
            WHERE entry.kind = 'provider_fee' AND movement.fee IS DISTINCT FROM entered.amount""",
    ),
    Rule(
        name="passing_accounts_are_empty",
        title="What buyers were charged and what was refunded is shared out completely",
        sql="""
            SELECT 'account ' || account AS subject,
                jsonb_build_object('balance', 0) AS expected,
                jsonb_build_object('balance', sum(amount)) AS found
            FROM payments_entryline WHERE account IN ('buyers_charges', 'refunds')
            GROUP BY account HAVING sum(amount) <> 0""",
    ),
    Rule(
        name="turnover_is_of_the_entry",
        title="Charges and refunds are entered with their whole amounts",
        sql="""
            SELECT 'entry ' || entry.id AS subject,
                jsonb_build_object('amount', coalesce(refund.amount, payment.amount)) AS expected,
                jsonb_build_object('entered', turnover.amount) AS found
            FROM payments_entry entry
            JOIN payments_payment payment ON payment.id = entry.payment_id
            LEFT JOIN payments_refund refund
                ON entry.kind <> 'charge' AND refund.id::text = split_part(entry.key, ':', 2)
            LEFT JOIN (
                SELECT entry_id, sum(amount) AS amount FROM payments_entryline
                WHERE account IN ('buyers_charges', 'refunds') AND amount > 0 GROUP BY entry_id
            ) turnover ON turnover.entry_id = entry.id
            WHERE entry.kind IN ('charge', 'refund', 'refund_returned')
                AND payment.kind = 'sale'
                AND turnover.amount IS DISTINCT FROM coalesce(refund.amount, payment.amount)""",
    ),
)
