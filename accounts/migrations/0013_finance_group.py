"""Make the group of finance, and let moderators see orders and decide disputes.

The tables are in this release, and Django makes their permissions after the last migration: those that a group
needs now are made here as Django makes them.
"""

from django.db import migrations

VIEWED = (
    *("payment", "refund", "chargeback", "payout", "transfer", "selleraccount", "savedcard", "feebill"),
    *("entry", "entryline", "document", "documentseries", "webhookevent", "reconciliation", "financecase"),
    *("correction", "providermovement"),
    *("sandboxaccount", "sandboxpayment", "sandboxoperation", "sandboxmovement", "sandboxcardsetup"),
)
FINANCE = {
    "payments": (
        *(f"view_{name}" for name in VIEWED),
        *("change_refund", "change_payout", "change_transfer", "change_financecase", "change_feebill"),
        *("add_correction", "change_correction"),
    ),
    "orders": ("view_order", "view_dispute", "change_dispute", "view_review"),
    "accounts": ("view_user",),
    "offers": ("view_offer", "view_transaction"),
    "listings": ("view_product",),
    "chat": ("view_conversation", "view_message"),
    "livestream": ("view_stream",),
    "procrastinate": ("view_procrastinatejob", "change_procrastinatejob"),
}
MODERATORS = {"orders": ("view_order", "view_dispute", "change_dispute", "view_review", "change_review")}


def add_permissions(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    finance, is_new = groups.get_or_create(name="Finance")
    if is_new:
        finance.permissions.add(*_permissions(apps, FINANCE))
    moderators = groups.filter(name="Moderators").first()
    if moderators is not None:
        moderators.permissions.add(*_permissions(apps, MODERATORS))


def _permissions(apps, wanted):
    types = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    for app_label, codenames in wanted.items():
        for codename in codenames:
            verb, model = codename.split("_", 1)
            content_type, _ = types.get_or_create(app_label=app_label, model=model)
            try:
                words = apps.get_model(app_label, model)._meta.verbose_name
            except LookupError:  # of an app whose migrations come later on a new database
                words = model
            name = f"Can {verb} {words}"
            permission, _ = permissions.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": name}
            )
            yield permission


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_ratings"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("payments", "0007_movements_and_corrections"),
        ("orders", "0001_initial"),
    ]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
