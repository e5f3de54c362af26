"""Take the rights on payments, and those on orders that only finance needs, from an older group of moderators."""

from django.db import migrations
from django.db.models import Q

KEPT = ("view_order", "view_dispute", "change_dispute", "view_review", "change_review")


def remove_permissions(apps, schema_editor):
    moderators = apps.get_model("auth", "Group").objects.filter(name="Moderators").first()
    if moderators is None:
        return
    of_money = Q(content_type__app_label="payments") | Q(content_type__app_label="orders") & ~Q(codename__in=KEPT)
    moderators.permissions.remove(*moderators.permissions.filter(of_money))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_finance_group")]
    operations = [migrations.RunPython(remove_permissions, migrations.RunPython.noop)]
