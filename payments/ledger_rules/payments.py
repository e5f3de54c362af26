"""What must be true between payments, refunds and chargebacks and the ledger."""

from payments.ledger_rules.rule import Rule

ACCOUNTS = (
    "buyers_charges",
    "provider_clearing",
    "seller_pending",
    "seller_available",
    "seller_on_its_way",
    "fees",
    "vat",
    "refunds",
    "disputes",
    "fee_debt",
)
"""Those that payments post to, apart from the provider's own fees."""

# As payments.fees.part_of: half up, in integers. 2 × 999,999,999² is within bigint.
_FEE_LEFT = "(2 * fee * rest + amount) / (2 * amount)"
_VAT_LEFT = "(2 * vat * rest + amount) / (2 * amount)"

# `out` is what the payer got back, `disputed` what banks hold until they decide.
_BACK = """
    refunded AS (
        SELECT payment_id, sum(amount)::bigint AS amount FROM payments_refund
        WHERE state = 'succeeded' GROUP BY 1
    ),
    taken AS (
        SELECT payment_id,
            coalesce(sum(amount) FILTER (WHERE state = 'lost'), 0)::bigint AS lost,
            coalesce(sum(amount) FILTER (WHERE state = 'open'), 0)::bigint AS open
        FROM payments_chargeback GROUP BY 1
    ),
    row AS (
        SELECT payment.*, coalesce(refunded.amount, 0) + coalesce(taken.lost, 0) AS out,
            coalesce(taken.open, 0) AS disputed,
            greatest(payment.amount - coalesce(refunded.amount, 0) - coalesce(taken.lost, 0), 0) AS rest
        FROM payments_payment payment
        LEFT JOIN refunded ON refunded.payment_id = payment.id
        LEFT JOIN taken ON taken.payment_id = payment.id
    )"""

_SUMS = ", ".join(
    f"coalesce(sum(line.amount) FILTER (WHERE line.account = '{account}'), 0)::bigint AS {account}"
    for account in ACCOUNTS
)
_POSTED_OF_NULL = ", ".join(f"coalesce(posted.{account}, 0) AS posted_{account}" for account in ACCOUNTS)

# Which sums the state of a payment demands; all others are zero.
_DEMANDED = {
    "provider_clearing": "CASE WHEN by_card THEN amount - out - disputed ELSE 0 END",
    "disputes": "CASE WHEN by_card THEN disputed ELSE 0 END",
    "seller_pending": "CASE WHEN by_card AND is_sale AND released_at IS NULL"
    " THEN -(amount - out - fee_left) ELSE 0 END",
    "seller_available": "CASE WHEN by_card AND is_sale AND released_at IS NOT NULL"
    " THEN -(amount - out - fee_left) ELSE 0 END",
    "fees": "CASE WHEN captured AND is_sale THEN vat_left - fee_left ELSE 0 END",
    "vat": "CASE WHEN captured AND is_sale THEN -vat_left ELSE 0 END",
    "fee_debt": "CASE WHEN NOT captured THEN 0 WHEN NOT is_sale THEN -(amount - out)"
    " WHEN by_card THEN 0 ELSE fee_left END",
}
_DEMANDED_SUMS = ", ".join(f"{_DEMANDED.get(account, '0')} AS due_{account}" for account in ACCOUNTS)
_DIFFERS = " OR ".join(f"due_{account} <> posted_{account}" for account in ACCOUNTS)


def _as_json(prefix: str) -> str:
    return "jsonb_build_object({})".format(
        ", ".join(f"'{account}', {prefix}_{account}" for account in ACCOUNTS)
    )


RULES = (
    Rule(
        name="payment_is_in_the_ledger",
        title="The ledger holds of every payment what its state, its refunds and its chargebacks demand",
        sql=f"""
            WITH posted AS (
                SELECT entry.payment_id, {_SUMS}
                FROM payments_entryline line JOIN payments_entry entry ON entry.id = line.entry_id
                WHERE entry.payment_id IS NOT NULL AND entry.kind <> 'provider_fee'
                GROUP BY entry.payment_id
            ), {_BACK}, due AS (
                SELECT row.*, state = 'captured' AS captured, kind = 'sale' AS is_sale,
                    state = 'captured' AND provider <> 'in_person' AS by_card,
                    {_FEE_LEFT} AS fee_left, {_VAT_LEFT} AS vat_left
                FROM row
            ), compared AS (
                SELECT due.id, due.state, {_DEMANDED_SUMS}, {_POSTED_OF_NULL}
                FROM due LEFT JOIN posted ON posted.payment_id = due.id
            )
            SELECT 'payment ' || id AS subject, {_as_json("due")} AS expected, {_as_json("posted")} AS found
            FROM compared WHERE {_DIFFERS}""",  # noqa: S608 - our own names
    ),
    Rule(
        name="payment_counts_its_refunds",
        title="Every payment counts what was refunded of it",
        sql=f"""
            WITH {_BACK}
            SELECT 'payment ' || id AS subject,
                jsonb_build_object('refunded', out) AS expected,
                jsonb_build_object('refunded', refunded) AS found
            FROM row WHERE refunded <> out""",  # noqa: S608 - our own names
    ),
    Rule(
        name="payment_has_its_entry",
        title="Every captured payment was entered once, and no other payment was",
        sql="""
            SELECT 'payment ' || payment.id AS subject,
                jsonb_build_object('entries', (payment.state = 'captured')::int) AS expected,
                jsonb_build_object('entries', count(entry.id)) AS found
            FROM payments_payment payment
            LEFT JOIN payments_entry entry
                ON entry.payment_id = payment.id AND entry.kind IN ('charge', 'hand_over_fee', 'fee_paid')
            GROUP BY payment.id
            HAVING count(entry.id) <> (payment.state = 'captured')::int
                AND NOT (payment.provider = 'in_person' AND payment.fee = 0 AND count(entry.id) = 0)""",
    ),
    Rule(
        name="seller_of_the_entry",
        title="A sale's money and fees stand on its own seller's accounts",
        sql="""
            SELECT 'payment ' || payment.id AS subject,
                jsonb_build_object('seller', coalesce(payment.payee_id, payment.payer_id)) AS expected,
                jsonb_build_object('person', line.person_id, 'account', line.account, 'sum', sum(line.amount))
                    AS found
            FROM payments_entryline line
            JOIN payments_entry entry ON entry.id = line.entry_id
            JOIN payments_payment payment ON payment.id = entry.payment_id
            WHERE line.person_id IS NOT NULL
                AND line.person_id <> coalesce(payment.payee_id, payment.payer_id)
            GROUP BY payment.id, line.person_id, line.account HAVING sum(line.amount) <> 0""",
    ),
    Rule(
        name="refund_has_its_entry",
        title="Every refund that succeeded was entered, and what was returned was entered as returned",
        sql="""
            SELECT 'refund ' || refund.id AS subject,
                jsonb_build_object('state', refund.state) AS expected,
                jsonb_build_object('entered', entry.id IS NOT NULL, 'returned', back.id IS NOT NULL) AS found
            FROM payments_refund refund
            JOIN payments_payment payment ON payment.id = refund.payment_id
            LEFT JOIN payments_entry entry ON entry.payment_id = payment.id AND entry.key =
                CASE payment.provider WHEN 'in_person' THEN 'fee_waived:' ELSE 'refund:' END || refund.id
            LEFT JOIN payments_entry back
                ON back.payment_id = payment.id AND back.key = 'refund_returned:' || refund.id
            WHERE NOT CASE refund.state
                WHEN 'succeeded' THEN
                    (entry.id IS NOT NULL OR payment.provider = 'in_person') AND back.id IS NULL
                WHEN 'failed' THEN (entry.id IS NULL) = (back.id IS NULL)
                ELSE entry.id IS NULL AND back.id IS NULL
            END
            UNION ALL
            SELECT 'entry ' || entry.id, jsonb_build_object('refund', split_part(entry.key, ':', 2)),
                jsonb_build_object('refund', NULL)
            FROM payments_entry entry
            LEFT JOIN payments_refund refund ON refund.payment_id = entry.payment_id
                AND entry.key = entry.kind || ':' || refund.id
            WHERE entry.kind IN ('refund', 'refund_returned', 'fee_waived') AND refund.id IS NULL""",
    ),
    Rule(
        name="chargeback_has_its_entries",
        title="Every chargeback was entered, with its last decision",
        sql="""
            WITH entry AS (
                SELECT DISTINCT ON (split_part(key, ':', 2)) split_part(key, ':', 2) AS chargeback_id,
                    payment_id, CASE kind WHEN 'chargeback' THEN 'open' ELSE substr(kind, 12) END AS state
                FROM payments_entry WHERE kind IN ('chargeback', 'chargeback_won', 'chargeback_lost')
                ORDER BY split_part(key, ':', 2), id DESC
            )
            SELECT 'chargeback ' || coalesce(chargeback.id::text, entry.chargeback_id) AS subject,
                jsonb_build_object('state', chargeback.state) AS expected,
                jsonb_build_object('entered', entry.state) AS found
            FROM payments_chargeback chargeback
            FULL JOIN entry ON entry.chargeback_id = chargeback.id::text
                AND entry.payment_id = chargeback.payment_id
            WHERE chargeback.id IS NULL OR entry.chargeback_id IS NULL
                OR entry.state <> chargeback.state""",
    ),
    Rule(
        name="fee_bill_is_paid",
        title="A bill of fees is paid exactly if its payment was captured with its amount",
        sql="""
            SELECT 'fee bill ' || bill.id AS subject,
                jsonb_build_object('state', bill.state, 'amount', bill.amount) AS expected,
                jsonb_build_object('captured', payment.amount) AS found
            FROM payments_feebill bill
            LEFT JOIN payments_payment payment ON payment.reference = bill.id
                AND payment.kind = 'fee_bill' AND payment.state = 'captured'
            WHERE CASE WHEN bill.state = 'paid'
                THEN payment.amount IS DISTINCT FROM bill.amount OR payment.payer_id <> bill.seller_id
                ELSE payment.id IS NOT NULL END""",
    ),
)
