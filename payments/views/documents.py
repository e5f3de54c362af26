"""Invoices, receipts and credit notes over REST, as JSON, as a page and as PDF."""

import logging
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import current_user
from payments import access, documents
from payments.serializers.documents import (
    DocumentPageOutput,
    DocumentsQuery,
    LanguageQuery,
    document_body,
)
from soukloop.core.errors import Unavailable
from soukloop.core.http.languages import active_language
from soukloop.core.http.openapi_errors import refusals
from soukloop.core.http.pagination import PAGE_PARAMETERS, page_of, paginate
from soukloop.core.http.validation import validated_query

logger = logging.getLogger(__name__)
_TAGS = ["Documents"]


class Documents(APIView):
    """Your documents."""

    @extend_schema(
        operation_id="listDocuments",
        tags=_TAGS,
        summary="List your invoices, receipts and credit notes, the newest first",
        description="One is there some seconds after the payment or refund that it is about.",
        parameters=[DocumentsQuery, *PAGE_PARAMETERS],
        responses={200: DocumentPageOutput},
    )
    def get(self, request: Request) -> Response:
        wanted = validated_query(DocumentsQuery, request.query_params)
        names = {"kind": "kind", "reference": "payment__reference"}
        found = access.documents_of(current_user(request)).filter(
            **{names[name]: value for name, value in wanted.items()}
        )

        def render(page: Any) -> list[Any]:
            return [document_body(document) for document in page]

        return Response(paginate(found.order_by("-issued_at", "-id"), page_of(request), render))


class DocumentPage(APIView):
    """A document as a page."""

    @extend_schema(
        operation_id="getDocumentPage",
        tags=_TAGS,
        summary="Read one of your documents as a page",
        parameters=[LanguageQuery],
        responses={(200, "text/html"): OpenApiTypes.STR},
    )
    def get(self, request: Request, document_id: UUID) -> HttpResponse:
        document = access.document_of(current_user(request), document_id)
        page = documents.render_html(document, _language(request))
        headers = {"Content-Security-Policy": documents.PAGE_POLICY, "Cache-Control": "no-store"}
        return HttpResponse(page, headers=headers)


class DocumentPdf(APIView):
    """A document as a PDF."""

    rate_scope = "document_pdf"

    @extend_schema(
        operation_id="getDocumentPdf",
        tags=_TAGS,
        summary="Download one of your documents as a PDF",
        description="It is made when you ask, which takes one to two seconds.",
        parameters=[LanguageQuery],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY} | refusals(503),
    )
    def get(self, request: Request, document_id: UUID) -> HttpResponse:
        document = access.document_of(current_user(request), document_id)
        try:
            pdf = documents.render_pdf(document, _language(request))
        except documents.PdfError as error:
            logger.error("document %s could not be made into a PDF: %s", document.pk, error)
            raise Unavailable(_("The PDF could not be made. Try again in a moment.")) from error
        headers = {
            "Content-Disposition": f'attachment; filename="{document}.pdf"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(pdf, content_type="application/pdf", headers=headers)


def _language(request: Request) -> str:
    named = validated_query(LanguageQuery, request.query_params).get("lang")
    return str(named) if named else active_language()
