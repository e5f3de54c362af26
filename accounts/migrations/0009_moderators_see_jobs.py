"""Let moderators see and retry background jobs, as the groups that are made from now on do."""

from django.db import migrations


def add_permissions(apps, schema_editor):
    group = apps.get_model("auth", "Group").objects.filter(name="Moderators").first()
    if group is None:
        return
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="procrastinate",
        codename__in=["view_procrastinatejob", "change_procrastinatejob"],
    )
    group.permissions.add(*permissions)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_language_and_mutes"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(add_permissions, migrations.RunPython.noop)]
