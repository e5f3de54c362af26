"""What must be true between payouts, transfers and sellers' balances and the ledger."""

from payments.ledger_rules.rule import Rule

RULES = (
    Rule(
        name="payout_is_in_the_ledger",
        title="The ledger holds of every payout what its state demands",
        sql="""
            WITH posted AS (
                SELECT entry.payout_id, line.account, line.person_id, sum(line.amount) AS amount
                FROM payments_entryline line JOIN payments_entry entry ON entry.id = line.entry_id
                WHERE entry.payout_id IS NOT NULL GROUP BY 1, 2, 3
            ), due AS (
                SELECT id AS payout_id, 'seller_available' AS account, seller_id AS person_id, amount
                FROM payments_payout WHERE state <> 'failed'
                UNION ALL
                SELECT id, 'seller_on_its_way', seller_id, -amount
                FROM payments_payout WHERE state IN ('requested', 'on_its_way')
                UNION ALL
                SELECT id, 'provider_clearing', NULL, -amount FROM payments_payout WHERE state = 'paid'
            )
            SELECT 'payout ' || coalesce(due.payout_id, posted.payout_id) AS subject,
                jsonb_build_object('account', due.account, 'person', due.person_id,
                    'sum', coalesce(due.amount, 0)) AS expected,
                jsonb_build_object('account', posted.account, 'person', posted.person_id,
                    'sum', coalesce(posted.amount, 0)) AS found
            FROM due FULL JOIN posted ON posted.payout_id = due.payout_id AND posted.account = due.account
                AND coalesce(posted.person_id::text, '') = coalesce(due.person_id::text, '')
            WHERE coalesce(due.amount, 0) <> coalesce(posted.amount, 0)""",
    ),
    Rule(
        name="payout_has_its_entries",
        title="Every payout was entered once, and once more for each step",
        sql="""
            SELECT 'payout ' || payout.id AS subject,
                jsonb_build_object('state', payout.state) AS expected,
                jsonb_build_object('entries', array_agg(entry.kind ORDER BY entry.id)) AS found
            FROM payments_payout payout
            LEFT JOIN payments_entry entry ON entry.payout_id = payout.id AND entry.kind <> 'correction'
            GROUP BY payout.id
            HAVING count(*) FILTER (WHERE entry.kind = 'payout') <> 1
                OR (count(*) FILTER (WHERE entry.kind = 'payout_paid') <> 1 AND payout.state = 'paid')
                OR count(*) FILTER (WHERE entry.kind = 'payout_paid') > 1
                OR count(*) FILTER (WHERE entry.kind = 'payout_returned')
                    <> (payout.state = 'failed')::int""",
    ),
    Rule(
        name="transfer_is_the_released_share",
        title="Every transfer is of a released payment on our account, and of the share that was released",
        sql="""
            SELECT 'transfer ' || transfer.id AS subject,
                jsonb_build_object('released', sum(line.amount), 'is_separate', payment.is_separate)
                    AS expected,
                jsonb_build_object('amount', transfer.amount, 'state', transfer.state) AS found
            FROM payments_transfer transfer
            JOIN payments_payment payment ON payment.id = transfer.payment_id
            LEFT JOIN payments_entry entry ON entry.payment_id = payment.id AND entry.kind = 'release'
            LEFT JOIN payments_entryline line
                ON line.entry_id = entry.id AND line.account = 'seller_pending'
            GROUP BY transfer.id, payment.id
            HAVING NOT payment.is_separate OR sum(line.amount) IS DISTINCT FROM transfer.amount::numeric""",
    ),
    Rule(
        name="sellers_are_not_overpaid",
        title="No more of a seller's money arrived than was on its way",
        sql="""
            SELECT 'seller ' || person_id AS subject,
                jsonb_build_object('account', account, 'at_most', 0) AS expected,
                jsonb_build_object('balance', sum(amount)) AS found
            FROM payments_entryline WHERE account = 'seller_on_its_way'
            GROUP BY account, person_id HAVING sum(amount) > 0""",
    ),
)
