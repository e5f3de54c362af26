"""URLs under `/api/v1/users/`: other people."""

from django.urls import path

from accounts.views import people

urlpatterns = [
    path("by-username/<str:username>", people.ProfileByUsername.as_view()),
    path("<uuid:user_id>", people.Profile.as_view()),
    path("<uuid:user_id>/follow", people.Followed.as_view()),
    path("<uuid:user_id>/block", people.Blocked.as_view()),
    path("<uuid:user_id>/mute", people.Muted.as_view()),
    path("<uuid:user_id>/followers", people.Followers.as_view()),
    path("<uuid:user_id>/following", people.Following.as_view()),
]
