from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "soukloop.realtime"
    label = "realtime"
