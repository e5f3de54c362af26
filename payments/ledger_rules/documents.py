"""What must be true of the numbers of documents."""

from payments.ledger_rules.rule import Rule

RULES = (
    Rule(
        name="document_numbers_have_no_gaps",
        title="The numbers of invoices, receipts and credit notes have no gaps",
        sql="""
            SELECT 'series ' || series.name AS subject,
                jsonb_build_object('documents', series.last_number, 'last', series.last_number) AS expected,
                jsonb_build_object('documents', count(document.id), 'first', min(document.number),
                    'last', max(document.number)) AS found
            FROM payments_documentseries series
            LEFT JOIN payments_document document ON document.series_id = series.name
            GROUP BY series.name
            HAVING count(document.id) <> series.last_number
                OR coalesce(max(document.number), 0) <> series.last_number
                OR coalesce(min(document.number), 1) <> 1""",
    ),
    Rule(
        name="document_has_its_series",
        title="Every document's series exists and has reached its number",
        sql="""
            SELECT 'document ' || document.id AS subject,
                jsonb_build_object('number', document.number) AS expected,
                jsonb_build_object('series', series.name, 'last_number', series.last_number) AS found
            FROM payments_document document
            LEFT JOIN payments_documentseries series ON series.name = document.series_id
            WHERE series.name IS NULL OR series.last_number < document.number""",
    ),
)
