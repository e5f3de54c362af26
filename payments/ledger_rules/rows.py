"""What must be true of the rows to which entries belong, so that nothing vanishes with them."""

from payments.ledger_rules.rule import Rule

# A correction may move every account.
_GIVEN_BACK = ("seller_pending", "seller_available", "fees", "vat", "fee_debt")
_ACCOUNTS = {
    "charge": ("buyers_charges", "provider_clearing", "seller_pending", "fees", "vat"),
    "hand_over_fee": ("fee_debt", "fees", "vat"),
    "fee_paid": ("provider_clearing", "fee_debt"),
    "release": ("seller_pending", "seller_available"),
    "refund": ("refunds", "provider_clearing", *_GIVEN_BACK),
    "refund_returned": ("refunds", "provider_clearing", *_GIVEN_BACK),
    "fee_waived": ("fee_debt", "fees", "vat"),
    "chargeback": ("disputes", "provider_clearing"),
    "chargeback_won": ("disputes", "provider_clearing", *_GIVEN_BACK),
    "chargeback_lost": ("disputes", "provider_clearing", *_GIVEN_BACK),
    "payout": ("seller_available", "seller_on_its_way"),
    "payout_paid": ("seller_on_its_way", "provider_clearing"),
    "payout_returned": ("seller_on_its_way", "provider_clearing", "seller_available"),
    "provider_fee": ("provider_fees", "provider_clearing"),
}
_ALLOWED = " ".join(f"WHEN '{kind}' THEN line.account IN {accounts}" for kind, accounts in _ACCOUNTS.items())

RULES = (
    Rule(
        name="entry_has_its_rows",
        title="Every entry's payment or payout exists, and every line's entry",
        sql="""
            SELECT 'entry ' || entry.id AS subject,
                jsonb_build_object('payment', entry.payment_id, 'payout', entry.payout_id) AS expected,
                jsonb_build_object('payment', payment.id, 'payout', payout.id) AS found
            FROM payments_entry entry
            LEFT JOIN payments_payment payment ON payment.id = entry.payment_id
            LEFT JOIN payments_payout payout ON payout.id = entry.payout_id
            WHERE (entry.payment_id IS NOT NULL AND payment.id IS NULL)
                OR (entry.payout_id IS NOT NULL AND payout.id IS NULL)
            UNION ALL
            SELECT 'line ' || line.id, jsonb_build_object('entry', line.entry_id),
                jsonb_build_object('entry', NULL)
            FROM payments_entryline line
            WHERE NOT EXISTS (SELECT FROM payments_entry entry WHERE entry.id = line.entry_id)""",
    ),
    Rule(
        name="entry_moves_its_accounts",
        title="Every entry moves only accounts of its kind",
        sql=f"""
            SELECT DISTINCT 'entry ' || entry.id AS subject,
                jsonb_build_object('kind', entry.kind) AS expected,
                jsonb_build_object('account', line.account) AS found
            FROM payments_entryline line JOIN payments_entry entry ON entry.id = line.entry_id
            WHERE entry.kind <> 'correction' AND NOT CASE entry.kind {_ALLOWED} ELSE false END""",  # noqa: S608
    ),
    Rule(
        name="correction_is_as_approved",
        title="Every correction in the ledger is one that two people decided, with its lines, and each once",
        sql="""
            WITH approved AS (
                SELECT 'correction:' || correction.id AS key, line ->> 'account' AS account,
                    line ->> 'person' AS person, (line ->> 'amount')::bigint AS amount
                FROM payments_correction correction, jsonb_array_elements(correction.lines) line
                WHERE correction.state = 'posted'
            ), demanded AS (
                SELECT key, jsonb_agg(jsonb_build_array(account, person, amount)
                    ORDER BY account, person, amount) AS lines
                FROM approved GROUP BY key
            ), posted AS (
                SELECT entry.key, jsonb_agg(jsonb_build_array(line.account, line.person_id, line.amount)
                    ORDER BY line.account, line.person_id::text, line.amount) AS lines
                FROM payments_entry entry JOIN payments_entryline line ON line.entry_id = entry.id
                WHERE entry.kind = 'correction' GROUP BY entry.key
            )
            SELECT coalesce('correction ' || row.id, 'entry ' || entry.id) AS subject,
                jsonb_build_object('actor', row.decided_by_id, 'payment', row.payment_id,
                    'lines', demanded.lines) AS expected,
                jsonb_build_object('actor', entry.actor_id, 'payment', entry.payment_id,
                    'lines', posted.lines) AS found
            FROM (SELECT * FROM payments_correction WHERE state = 'posted') row
            FULL JOIN (SELECT * FROM payments_entry WHERE kind = 'correction') entry
                ON entry.key = 'correction:' || row.id
            LEFT JOIN demanded ON demanded.key = 'correction:' || row.id
            LEFT JOIN posted ON posted.key = entry.key
            WHERE row.id IS NULL OR entry.id IS NULL OR demanded.lines IS DISTINCT FROM posted.lines
                OR entry.actor_id IS DISTINCT FROM row.decided_by_id
                OR entry.payment_id IS DISTINCT FROM row.payment_id OR entry.note <> row.note""",
    ),
    Rule(
        name="payment_is_on_its_sellers_account",
        title="Every payment by card is on its own seller's account at its provider",
        sql="""
            SELECT 'payment ' || payment.id AS subject,
                jsonb_build_object('seller', payment.payee_id, 'provider', payment.provider) AS expected,
                jsonb_build_object('seller', account.seller_id, 'provider', account.provider) AS found
            FROM payments_payment payment
            LEFT JOIN payments_selleraccount account ON account.id = payment.account_id
            WHERE payment.kind = 'sale' AND payment.provider <> 'in_person'
                AND (account.seller_id IS DISTINCT FROM payment.payee_id
                    OR account.provider <> payment.provider)""",
    ),
)
