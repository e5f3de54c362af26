"""A payer in a real browser, in Arabic: the page, the bank's question, and what is shown at the end."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from payments.models import SandboxPayment
from payments.providers.sandbox import accounts, payments
from payments.tests.provider_contract import request_for
from soukloop.tests.browser import Browser

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.sockets,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
]
# Whether everything is on the screen, and in which direction.
LOOKS = """
const parts = [...document.querySelectorAll('header, .summary, .panel, button')];
const boxes = parts.map(part => part.getBoundingClientRect());
return {
  direction: getComputedStyle(document.body).direction,
  fits: boxes.every(box => box.left >= 0 && box.right <= innerWidth),
  heading: document.querySelector('h1, legend').textContent,
  styled: getComputedStyle(document.querySelector('.panel')).borderRadius !== '0px',
  secondColumn: boxes[2].right <= boxes[1].left,
}
"""


def press(browser: Browser, selector: str) -> None:
    """Press a button that leads to another page, and wait for that page."""
    browser.events.clear()
    browser.run(f"document.querySelector({selector!r}).click()")
    browser.wait_for(lambda event: event.get("method") == "Page.loadEventFired")


def looks(browser: Browser, width: int) -> dict[str, Any]:
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.command("Emulation.setDeviceMetricsOverride", screen, browser.page)
    found: dict[str, Any] = browser.run(LOOKS)
    return found


def test_a_payer_passes_the_banks_question_in_arabic(
    live_server_process: Callable[..., Any],
) -> None:
    [server] = live_server_process()
    account = accounts.create_account(reference="s", email="s@example.com", country="AE", key="account")
    accounts.complete_account(account.pk)
    payment = payments.create_payment(request_for(account.pk, return_url=f"{server.url}/healthz"))

    assert CHROMIUM is not None
    with Browser(CHROMIUM) as browser:
        browser.open(f"{server.url}/sandbox/pay/{payment.client_secret}?lang=ar")
        for width in (390, 1400):
            seen = looks(browser, width)
            assert seen == {
                "direction": "rtl",
                "fits": True,
                "heading": "اختر بطاقة تجريبية",
                "styled": True,
                "secondColumn": width == 1400,
            }
        browser.run("document.querySelector('input[value=challenge]').click()")
        press(browser, "form button")
        assert looks(browser, 390)["heading"] == "يسأل بنكك: هل أنت من يدفع؟"
        press(browser, "button[value=pass]")
        assert looks(browser, 390)["heading"] == "تم الدفع"
        assert browser.run("return document.querySelector('a.button').href") == f"{server.url}/healthz"
        # A page of the history is asked for again, and shows that all is paid.
        browser.open(f"{server.url}/sandbox/pay/{payment.client_secret}?lang=en")
        assert looks(browser, 390)["heading"] == "Paid"
    assert SandboxPayment.objects.get().state == "authorised"
