"""URLs under `/api/v1/auth/`: registration, login, the current user's own account."""

from django.urls import path

from accounts.views import logins, passwords, profiles

urlpatterns = [
    path("register", logins.Register.as_view()),
    path("login", logins.LogIn.as_view()),
    path("refresh", logins.Refresh.as_view()),
    path("logout", logins.LogOut.as_view()),
    path("logout-all", logins.LogOutEverywhere.as_view()),
    path("ws-ticket", logins.WsTicket.as_view()),
    path("send-otp", passwords.SendOtp.as_view()),
    path("verify-otp", passwords.VerifyOtp.as_view()),
    path("reset-password", passwords.ResetPassword.as_view()),
    path("change-password", passwords.ChangePassword.as_view()),
    path("me", profiles.Me.as_view()),
    path("me/delete", profiles.AccountDeletion.as_view()),
    path("me/avatar", profiles.Avatar.as_view()),
    path("blocks", profiles.Blocks.as_view()),
    path("mutes", profiles.Mutes.as_view()),
]
