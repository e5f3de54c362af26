"""Views of a seller's money: balance, payouts, bills of fees, statements."""

from datetime import date, datetime
from uuid import UUID

from django.http import HttpResponse
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from accounts.models import User
from payments.selectors.balances import balance_of, fee_bills_of, payouts_of
from payments.selectors.statements import (
    BUSINESS_ZONE,
    balances_before,
    bounds_of,
    months_of,
    statement_lines,
)
from payments.serializers.balances import (
    MONTH,
    BalanceOutput,
    FeeBillOutput,
    FeeBillPageOutput,
    PayoutPageOutput,
    StatementsOutput,
    balance_body,
    fee_bill_body,
    payout_body,
    statement_body,
)
from payments.serializers.statements import BYTE_ORDER_MARK, balance_row, heading, line_rows
from payments.services import billing
from soukloop.core.db.clock import database_now
from soukloop.core.errors import NotFound
from soukloop.core.http.idempotency import idempotent
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import NoInput, validated

_TAGS = ["Payments"]


class BalanceView(APIView):
    @extend_schema(
        operation_id="getBalance",
        tags=_TAGS,
        summary="Show your money from sales",
        description="We hold none of it: it is at the payment provider, or on its way to your bank.",
        responses=BalanceOutput,
    )
    def get(self, request: Request) -> Response:
        return Response(balance_body(balance_of(current_user(request))))


class PayoutList(APIView):
    @extend_schema(
        operation_id="listPayouts",
        tags=_TAGS,
        summary="List your payouts, newest first",
        parameters=PAGE_PARAMETERS,
        responses=PayoutPageOutput,
    )
    def get(self, request: Request) -> Response:
        payouts = payouts_of(current_user(request))
        return Response(paginate(payouts, page_of(request), lambda rows: [payout_body(row) for row in rows]))


class FeeBillList(APIView):
    @extend_schema(
        operation_id="listFeeBills",
        tags=_TAGS,
        summary="List your bills for the fees of sales in person, newest first",
        parameters=PAGE_PARAMETERS,
        responses=FeeBillPageOutput,
    )
    def get(self, request: Request) -> Response:
        bills = fee_bills_of(current_user(request))
        return Response(paginate(bills, page_of(request), lambda rows: [fee_bill_body(row) for row in rows]))


class FeeBillPayment(APIView):
    @extend_schema(
        operation_id="payFeeBill",
        tags=_TAGS,
        summary="Charge a bill of fees to your saved card now",
        description="The bill's state changes when the provider has answered. Errors: 409 `fee_bill_closed`,"
        " `card_required`, `payment_pending`.",
        request=None,
        responses={200: FeeBillOutput} | refusals(404, 409),
    )
    @idempotent
    def post(self, request: Request, bill_id: UUID) -> Response:
        validated(NoInput, request.data)
        return Response(fee_bill_body(billing.pay_bill(actor=current_user(request), bill_id=bill_id)))


class StatementList(APIView):
    @extend_schema(
        operation_id="listStatements",
        tags=_TAGS,
        summary="List the months of which there is a statement, newest first",
        responses=StatementsOutput,
    )
    def get(self, request: Request) -> Response:
        months = months_of(current_user(request).pk)
        return Response({"items": [statement_body(month) for month in months]})


class Statement(APIView):
    @extend_schema(
        operation_id="getStatement",
        tags=_TAGS,
        summary="Download the statement of a month as CSV",
        description="UTF-8, in your account's language: what each sale, refund and payout changed in your"
        " balances, between the balances at the month's beginning and end, in Dubai's time.",
        responses={(200, "text/csv"): {"type": "string"}} | refusals(404),
    )
    def get(self, request: Request, month: str) -> HttpResponse:
        user = current_user(request)
        response = HttpResponse(_statement(user, _month(month)), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="statement-{month}.csv"'
        response["Content-Language"] = user.language
        response["Cache-Control"] = "private, no-store"
        return response


def _month(name: str) -> date:
    """Return the first day of a month such as 2026-11 that has begun; raises NotFound."""
    try:
        month = datetime.strptime(name, MONTH).date()
    except ValueError as error:
        raise NotFound from error
    if month.strftime(MONTH) != name or month > database_now().astimezone(BUSINESS_ZONE).date():
        raise NotFound
    return month


def _statement(user: User, month: date) -> bytes:
    """Return a statement, whole: answers below `/api/` are collected for their `ETag` in any case."""
    since, until = bounds_of(month)
    with translation.override(user.language):
        parts = [BYTE_ORDER_MARK, heading()]
        parts.append(balance_row(_("Opening balance"), since, balances_before(user.pk, since)))
        after = 0
        while lines := statement_lines(user.pk, month, after=after):
            after = lines[-1].entry_id
            parts.append(line_rows(lines))
        moment = min(until, database_now())
        parts.append(balance_row(_("Closing balance"), moment, balances_before(user.pk, until)))
    return "".join(parts).encode()
