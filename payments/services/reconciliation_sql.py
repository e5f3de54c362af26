"""What differs between a provider's movements of a day and our rows, as one statement."""

# `ours` has what the sum of all movements of an object must be by our row's state: NULL where the provider
# may or may not have moved it yet. `touched` are the objects that moved on that day by either side; of them,
# the movements of all days are summed. Transfers are between accounts of the provider; those that are our
# share of a payment have no row of ours.
DIFFERENCES = """
WITH ours AS (
    SELECT 'payment' AS sort, payment.external_id AS source, payment.state, payment.currency,
        CASE payment.state WHEN 'captured' THEN payment.amount ELSE 0 END AS amount,
        CASE WHEN payment.is_separate THEN '' ELSE coalesce(account.external_id, '') END AS account,
        payment.captured_at AS moved_at, payment.id AS payment_id, NULL::uuid AS payout_id
    FROM payments_payment payment LEFT JOIN payments_selleraccount account ON account.id = payment.account_id
    WHERE payment.provider = %(provider)s
    UNION ALL
    SELECT 'refund', refund.external_id, refund.state, payment.currency,
        CASE refund.state WHEN 'succeeded' THEN -refund.amount WHEN 'failed' THEN 0 END,
        CASE WHEN payment.is_separate THEN '' ELSE coalesce(account.external_id, '') END,
        refund.closed_at, payment.id, NULL
    FROM payments_refund refund JOIN payments_payment payment ON payment.id = refund.payment_id
    LEFT JOIN payments_selleraccount account ON account.id = payment.account_id
    WHERE payment.provider = %(provider)s
    UNION ALL
    SELECT 'chargeback', chargeback.external_id, chargeback.state, payment.currency,
        CASE chargeback.state WHEN 'won' THEN 0 ELSE -chargeback.amount END,
        CASE WHEN payment.is_separate THEN '' ELSE coalesce(account.external_id, '') END,
        chargeback.created_at, payment.id, NULL
    FROM payments_chargeback chargeback JOIN payments_payment payment ON payment.id = chargeback.payment_id
    LEFT JOIN payments_selleraccount account ON account.id = payment.account_id
    WHERE payment.provider = %(provider)s
    UNION ALL
    SELECT 'payout', payout.external_id, payout.state, payout.currency,
        CASE payout.state WHEN 'failed' THEN 0 ELSE -payout.amount END,
        account.external_id, payout.created_at, NULL, payout.id
    FROM payments_payout payout JOIN payments_selleraccount account ON account.id = payout.account_id
    WHERE account.provider = %(provider)s
    UNION ALL
    SELECT 'transfer', transfer.external_id, transfer.state, payment.currency,
        CASE WHEN transfer.state IN ('succeeded', 'reversed') THEN -transfer.amount END,
        '', transfer.closed_at, payment.id, NULL
    FROM payments_transfer transfer JOIN payments_payment payment ON payment.id = transfer.payment_id
    WHERE payment.provider = %(provider)s
), listed AS (
    SELECT CASE kind WHEN 'charge' THEN 'payment' WHEN 'refund_failed' THEN 'refund'
            WHEN 'chargeback_won' THEN 'chargeback' WHEN 'payout_failed' THEN 'payout' ELSE kind END AS sort,
        source, external_id, amount, currency, account, day
    FROM payments_providermovement
    WHERE provider = %(provider)s AND kind <> 'fee' AND (kind <> 'transfer' OR account = '')
), touched AS (
    SELECT sort, source FROM listed WHERE day = %(day)s AND sort NOT IN ('transfer', 'other')
    UNION
    SELECT sort, source FROM ours
    WHERE source <> '' AND moved_at >= %(since)s AND moved_at < %(until)s AND amount IS NOT NULL
), theirs AS (
    SELECT sort, source, sum(amount)::bigint AS amount, min(currency) AS currency, min(account) AS account,
        count(DISTINCT (currency, account)) AS sides
    FROM listed JOIN touched USING (sort, source) GROUP BY sort, source
)
SELECT sort || ' ' || source AS subject,
    jsonb_build_object('amount', ours.amount, 'currency', ours.currency, 'account', ours.account,
        'state', ours.state) AS ours,
    jsonb_build_object('amount', theirs.amount, 'currency', theirs.currency, 'account', theirs.account)
        AS theirs,
    ours.payment_id, ours.payout_id
FROM touched LEFT JOIN theirs USING (sort, source) LEFT JOIN ours USING (sort, source)
WHERE ours.sort IS NULL
    OR ours.amount <> coalesce(theirs.amount, 0)
    OR theirs.sides > 1 OR theirs.currency <> ours.currency OR theirs.account <> ours.account
UNION ALL
SELECT 'movement ' || external_id, '{}', jsonb_build_object('amount', amount, 'currency', currency,
    'account', account, 'source', source), NULL, NULL
FROM listed WHERE sort = 'other' AND day = %(day)s
ORDER BY subject"""
