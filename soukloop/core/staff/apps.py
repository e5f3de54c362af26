"""The admin as an installed app."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """`django.contrib.admin` with `StaffSite` as its default site."""

    default_site = "soukloop.core.staff.admin.StaffSite"
