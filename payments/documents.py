"""Invoices, receipts and credit notes as pages and as PDF, in English and Arabic, from one template."""

import subprocess
import sys
import threading
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import formats, translation
from django.utils.translation import gettext as _

from payments.models import Document
from soukloop.core.db.release import release_connection
from soukloop.core.errors import Busy
from soukloop.core.media.sandbox import Limits, confined
from soukloop.core.money import from_fils, price_display

# One takes 1.2 s of a processor and 120 MB, in a process of its own, which leaves nothing behind. It runs as
# we do, because `nobody` may not read a developer's Python; all that people wrote is escaped in the page.
_LIMITS = Limits(cpu_seconds=20, wall_seconds=30, memory_bytes=2 * 2**30, file_bytes=0)
_COMMAND = (sys.executable, "-m", "weasyprint", "--quiet", "--allowed-protocols", "data", "-", "-")
# What names and prices people wrote stands in it: it runs nothing and loads nothing.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
_slots = threading.BoundedSemaphore(2)


class PdfError(Exception):
    """A document could not be made into a PDF."""


def render_html(document: Document, language: str) -> str:
    """Return the document as a page that needs nothing else, in "en" or "ar"."""
    with translation.override(language):
        return render_to_string("payments/document.html", _context(document, language))


def render_pdf(document: Document, language: str) -> bytes:
    """Return the document as a PDF. Raises Busy if this process makes two already, and PdfError."""
    page = render_html(document, language)
    if not _slots.acquire(blocking=False):
        raise Busy(_("Too many documents are being made. Try again in a moment."))
    try:
        release_connection()
        run = subprocess.run(
            [*confined(_LIMITS, as_nobody=False), *_COMMAND],
            input=page.encode(),
            capture_output=True,
            timeout=_LIMITS.wall_seconds,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        )
    except subprocess.TimeoutExpired as error:
        raise PdfError("it took too long") from error
    finally:
        _slots.release()
    if run.returncode or not run.stdout.startswith(b"%PDF"):
        raise PdfError(run.stderr.decode(errors="replace")[-500:])
    return run.stdout


def title_of(document: Document) -> str:
    """Return what the document is called, in the active language."""
    titles = {
        Document.Kind.FEE_INVOICE: _("Tax invoice"),
        Document.Kind.CREDIT_NOTE: _("Tax credit note"),
        Document.Kind.RECEIPT: _("Receipt"),
    }
    return titles[Document.Kind(document.kind)]


def _context(document: Document, language: str) -> dict[str, Any]:
    content = document.content
    is_receipt = document.kind == Document.Kind.RECEIPT
    sold = content["sold"]
    if is_receipt:
        description = sold
    elif document.kind == Document.Kind.FEE_INVOICE:
        description = _("Commission for the sale of “%(product)s”") % {"product": sold}
    else:
        description = _("Commission given back for the sale of “%(product)s”") % {"product": sold}
    return {
        "language": language,
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
        "title": title_of(document),
        "number": str(document),
        "issued_on": formats.date_format(_local(document.issued_at), "DATE_FORMAT"),
        "issuer": {**content["issuer"], "name": content["issuer"]["name"][language]},
        "recipient": content["payer" if is_receipt else "payee"].get(language, ""),
        "seller": content["payee"].get(language, "") if is_receipt else "",
        "is_receipt": is_receipt,
        "is_in_person": content["provider"] == "in_person",
        "description": description,
        "price": _amount(content["price"], document.currency),
        "net": _amount(document.net, document.currency),
        "vat": _amount(document.vat, document.currency),
        "vat_percent": f"{float(content['vat_rate']) * 100:g}",
        "total": _amount(document.total, document.currency),
    }


def _amount(fils: int, currency: str) -> str:
    return price_display(from_fils(fils), currency)


def _local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(settings.STAFF_TIME_ZONE))
