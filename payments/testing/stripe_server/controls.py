"""What buyers, sellers, banks and Stripe itself do: what no call of ours can bring about."""

import json
from typing import TYPE_CHECKING, Any

from payments.testing.stripe_server import accounts, disputes, payments, payouts, refunds
from payments.testing.stripe_server.errors import ApiError
from payments.testing.stripe_server.store import Object

if TYPE_CHECKING:
    from payments.testing.stripe_server.server import StripeServer


class Controls:
    """Each method is also `POST /control/<name>` with its arguments as JSON."""

    def __init__(self, server: "StripeServer") -> None:
        self._server = server
        self._store = server.store

    def handle(self, name: str, body: str) -> tuple[int, Object]:
        """Call a method by its name and return status and answer."""
        method = getattr(self, name, None)
        if name.startswith("_") or name == "handle" or method is None:
            return 404, {"error": f"there is no control {name}"}
        try:
            return 200, {"result": method(**json.loads(body or "{}"))}
        except (ApiError, LookupError, TypeError, ValueError) as error:
            return 400, {"error": f"{type(error).__name__}: {error}"}

    # --- Payers

    def pay(self, payment: str, card: str = "pm_card_visa") -> str:
        """Enter a card in Stripe's form; return the payment's status afterwards."""
        with self._store.lock:
            intent, account = self._found(payment)
            try:
                payments._confirm(self._store, intent, card, account, is_off_session=False)
            except ApiError as error:
                if error.status != 402:
                    raise
            return str(intent["status"])

    def challenge(self, payment: str, passed: bool = True) -> str:
        """Answer the bank's question about a payment."""
        with self._store.lock:
            intent, account = self._found(payment)
            if intent["status"] != "requires_action":
                raise ValueError(f"{payment} is {intent['status']}")
            if passed:
                payments.authorise(self._store, intent, account)
            else:
                code = "payment_intent_authentication_failure"
                try:
                    payments.decline(self._store, intent, account, code, "")
                except ApiError:
                    intent["last_payment_error"]["decline_code"] = None
            return str(intent["status"])

    def enter_card(self, setup: str, card: str = "pm_card_visa") -> str:
        """Save a card in Stripe's form; return its id."""
        with self._store.lock:
            return str(accounts.enter_card(self._store, self._found(setup)[0], card)["id"])

    # --- Banks

    def charge_back(self, payment: str, reason: str = "fraudulent", inquiry: bool = False) -> str:
        with self._store.lock:
            charge = self._charge(payment)
            amount = charge["amount_captured"] - charge["amount_refunded"]
            return str(disputes.open_dispute(self._store, charge, reason, amount, is_inquiry=inquiry)["id"])

    def escalate_inquiry(self, dispute: str) -> None:
        with self._store.lock:
            found, _ = self._found(dispute)
            disputes.withdraw(self._store, found, self._charge(found["payment_intent"]))

    def close_dispute(self, dispute: str, won: bool) -> None:
        with self._store.lock:
            disputes.close_dispute(self._store, self._found(dispute)[0], won=won)

    def settle_refund(self, refund: str) -> None:
        with self._store.lock:
            refunds.settle_refund(self._store, self._found(refund)[0])

    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> None:
        with self._store.lock:
            refunds.fail_refund(self._store, self._found(refund)[0], reason)

    def send_payout(self, payout: str) -> None:
        with self._store.lock:
            payouts.advance_payout(self._store, self._found(payout)[0], "in_transit")

    def pay_payout(self, payout: str) -> None:
        with self._store.lock:
            payouts.advance_payout(self._store, self._found(payout)[0], "paid")

    def return_payout(self, payout: str, code: str = "account_closed") -> None:
        with self._store.lock:
            payouts.return_payout(self._store, self._found(payout)[0], code=code)

    # --- Stripe and the sellers

    def complete_onboarding(self, account: str) -> None:
        with self._store.lock:
            accounts.complete_onboarding(self._store, self._found(account)[0])

    def restrict(self, account: str, capability: str = "card_payments", due: list[str] | None = None) -> None:
        with self._store.lock:
            accounts.restrict(self._store, self._found(account)[0], capability, due or [])

    def expire_payment(self, payment: str) -> None:
        """Let the block on a card run out, as after seven days."""
        with self._store.lock:
            payments.cancel_intent(self._store, self._found(payment)[0], "automatic")

    def move(self, account: str, amount: int, kind: str = "adjustment") -> str:
        """Move money on a balance for no reason that we know of."""
        with self._store.lock:
            return self._store.move(account, amount, kind, None)

    def forget_idempotency_keys(self) -> None:
        self._server.idempotency.forget()

    # --- The connection

    def fault(self, kind: str, **details: Any) -> None:
        self._server.faults.order(kind, **details)

    def webhooks(self, **behaviour: Any) -> None:
        """Change how messages are sent; see `Behaviour`."""
        for name, value in behaviour.items():
            if not hasattr(self._server.webhooks.behaviour, name):
                raise ValueError(f"webhooks have no {name}")
            setattr(self._server.webhooks.behaviour, name, value)

    def settle_webhooks(self, timeout: float = 30) -> bool:
        return self._server.webhooks.settle(timeout)

    # --- Looking

    def balance(self, account: str = "") -> list[int]:
        with self._store.lock:
            return list(self._store.balance(account))

    def objects(self, noun: str) -> list[Object]:
        with self._store.lock:
            return [self._store.copy(item) for item in self._store.all_of(noun)]

    def object(self, object_id: str) -> Object:
        with self._store.lock:
            return self._store.copy(self._found(object_id)[0])

    def _found(self, object_id: str) -> tuple[Object, str]:
        found = self._store.find(object_id)
        if found is None:
            raise LookupError(object_id)
        return found, self._store.account_of(object_id)

    def _charge(self, payment: str) -> Any:
        return self._store.find(self._found(payment)[0]["latest_charge"])
