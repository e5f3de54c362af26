"""Let PostgreSQL itself keep the ledger: entries balance, and nothing is changed or deleted."""

import django.db.models.expressions
from django.db import migrations, models

# IntegrityError in Django: 23001 is restrict_violation, 23514 is check_violation.
APPEND_ONLY = """
CREATE FUNCTION payments_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is refused: the ledger is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = '23001', HINT = 'Post a correction instead.';
END $$;
CREATE TRIGGER payments_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payments_entry
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_change();
CREATE TRIGGER payments_entryline_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON payments_entryline
    FOR EACH STATEMENT EXECUTE FUNCTION payments_refuse_change();
"""
BALANCED = """
CREATE FUNCTION payments_require_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM payments_entryline WHERE entry_id = NEW.id) THEN
        RAISE EXCEPTION 'ledger entry % has no lines', NEW.id USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payments_entry_has_lines AFTER INSERT ON payments_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_require_lines();

-- For each line, so that lines are also checked which follow a SET CONSTRAINTS … IMMEDIATE.
CREATE FUNCTION payments_require_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    total numeric;
BEGIN
    SELECT sum(amount) INTO total FROM payments_entryline WHERE entry_id = NEW.entry_id;
    IF total <> 0 THEN
        RAISE EXCEPTION 'the lines of ledger entry % add up to % fils instead of 0', NEW.entry_id, total
            USING ERRCODE = '23514';
    END IF;
    PERFORM FROM payments_entry WHERE id = NEW.entry_id AND transaction_id = txid_current();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger entry % is complete: no line can be added to it', NEW.entry_id
            USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER payments_entryline_balances AFTER INSERT ON payments_entryline
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_require_balance();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="entry",
            name="transaction_id",
            field=models.BigIntegerField(
                db_default=django.db.models.expressions.Func(function="txid_current"),
                editable=False,
                help_text="PostgreSQL's transaction that wrote it, which alone may add lines",
            ),
        ),
        migrations.RunSQL(
            APPEND_ONLY,
            "DROP TRIGGER payments_entry_append_only ON payments_entry;"
            " DROP TRIGGER payments_entryline_append_only ON payments_entryline;"
            " DROP FUNCTION payments_refuse_change()",
        ),
        migrations.RunSQL(
            BALANCED,
            "DROP TRIGGER payments_entry_has_lines ON payments_entry;"
            " DROP TRIGGER payments_entryline_balances ON payments_entryline;"
            " DROP FUNCTION payments_require_lines();"
            " DROP FUNCTION payments_require_balance()",
        ),
    ]
