"""Do what banks, and the provider itself, would do to payments of the sandbox."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.models import SandboxAccount, SandboxOperation, SandboxPayment
from payments.providers.base import ProviderRefused
from payments.providers.sandbox import accounts, operations
from payments.providers.sandbox.records import is_allowed

Kind = SandboxOperation.Kind
_SHOWN = 20

_ACTIONS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "charge-back": ("PAYMENT", "let the payer's bank take a payment back", operations.open_chargeback),
    "fail-refund": ("REFUND", "let the payer's bank return a refund", operations.fail_refund),
    "return-payout": ("PAYOUT", "let the seller's bank return a payout", operations.return_payout),
    "ask-seller": ("ACCOUNT", "ask a seller for the licence again", accounts.ask_again),
    "complete-account": (
        "ACCOUNT",
        "give all that is asked of a seller",
        accounts.complete_account,
    ),
}


class Command(BaseCommand):
    help = "Does what banks would do at the sandbox of payments. An id is the sandbox's, or one of ours."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="show the newest accounts, payments and operations")
        for name, (noun, purpose, _call) in _ACTIONS.items():
            actions.add_parser(name, help=purpose).add_argument("id", metavar=noun)
        close = actions.add_parser("close-chargeback", help="let the bank decide about a chargeback")
        close.add_argument("id", metavar="CHARGEBACK")
        outcome = close.add_mutually_exclusive_group(required=True)
        outcome.add_argument("--won", action="store_true", help="the money stays with the seller")
        outcome.add_argument("--lost", action="store_true", help="the payer keeps the money")

    def handle(self, *args: Any, **options: Any) -> None:
        if not is_allowed():
            raise CommandError("The sandbox is not allowed on this server: see SANDBOX_PAYMENTS_ALLOWED.")
        try:
            self._run(options)
        except ProviderRefused as error:
            raise CommandError(f"{error.code}: {error}") from error

    def _run(self, options: dict[str, Any]) -> None:
        action = options["action"]
        if action == "list":
            self.stdout.write("\n".join(_newest()) or "There is nothing in the sandbox.")
            return
        object_id = _id_at_sandbox(options["id"])
        if action == "close-chargeback":
            changed: Any = operations.close_chargeback(object_id, is_won=options["won"])
        else:
            changed = _ACTIONS[action][2](object_id)
        state = getattr(changed, "state", None) or ("ready" if changed.is_ready else "incomplete")
        self.stdout.write(f"{changed.pk} is {state}.")


def _id_at_sandbox(text: str) -> str:
    """Return the sandbox's id of an object that is named by it or by ours, which is its reference."""
    try:
        reference = str(UUID(text))
    except ValueError:
        return text
    for model in (SandboxPayment, SandboxOperation, SandboxAccount):
        found = model._default_manager.filter(reference=reference).values_list("pk", flat=True).first()
        if found:
            return str(found)
    return text


def _newest() -> list[str]:
    lines = [
        f"{account.pk}  account  {'ready' if account.is_ready else 'incomplete'}  {account.email}"
        for account in SandboxAccount.objects.order_by("-created_at")[:_SHOWN]
    ]
    lines += [
        f"{payment.pk}  payment  {payment.state}  {payment.currency} {payment.amount / 100:,.2f}"
        f"  {payment.description}"
        for payment in SandboxPayment.objects.order_by("-created_at")[:_SHOWN]
    ]
    lines += [
        f"{operation.pk}  {operation.kind}  {operation.state}"
        f"  {operation.currency} {operation.amount / 100:,.2f}"
        for operation in SandboxOperation.objects.order_by("-created_at")[:_SHOWN]
    ]
    return lines
