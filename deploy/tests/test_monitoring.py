"""What is in deploy/monitoring agrees with `/metrics`, and promtool, Prometheus's own tool, accepts it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.instance import ROOT
from livestream import metrics as video_metrics
from livestream.media.health import HealthWarning
from soukloop.core import metrics as core_metrics
from soukloop.core.http.request_metrics import count_request
from soukloop.core.metrics.database import database_collector
from soukloop.core.metrics.page import render
from soukloop.core.metrics.processes import process_sampler
from soukloop.core.tests.factories import make_job
from soukloop.realtime import metrics as socket_metrics

MONITORING = ROOT / "deploy" / "monitoring"
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
_NAME = re.compile(r"\bsouk_\w+")


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _metric(series: str) -> str:
    return re.sub(r"_(bucket|count|sum)$", "", series)


def expressions() -> list[str]:
    """Return those of the dashboard, with values for Grafana's variables."""
    targets = [target for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return [
        target["expr"].replace("$__rate_interval", "1m").replace("$job", "soukloop") for target in targets
    ]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Return the names of the series that `/metrics` has once everything has happened that is counted."""
    make_job()
    make_job(status="doing")
    make_job(status="failed")
    make_job(scheduled_at="2999-01-01")
    monkeypatch.setattr(process_sampler, "kind", "web")
    monkeypatch.setattr(database_collector, "_read_at", float("-inf"))  # not what another test has read
    count_request("GET", "/api/v1/offers", 200, 0.1)
    labels = {"kind": "user", "warning": HealthWarning.NO_MEDIA.value}
    for module in (core_metrics, socket_metrics, video_metrics):
        for metric in vars(module).values():
            if getattr(metric, "_labelnames", ()):
                metric.labels(*(labels.get(name, "x") for name in metric._labelnames))
    text = render()[0].decode()
    yield {line.partition("{")[0].partition(" ")[0] for line in text.splitlines() if line[:1] != "#"}
    for module in (core_metrics, socket_metrics, video_metrics):
        for metric in vars(module).values():
            if getattr(metric, "_labelnames", ()):
                metric.remove(*(labels.get(name, "x") for name in metric._labelnames))


def test_promtool_accepts_the_alerts_and_the_example_of_a_configuration() -> None:
    promtool("check", "rules", MONITORING / "alerts.yml")
    promtool("check", "config", "--syntax-only", MONITORING / "prometheus.yml")


def test_each_alert_fires_when_it_should_and_none_when_all_is_as_usual() -> None:
    promtool("test", "rules", MONITORING / "alerts_test.yml")
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    *single, usual = tests
    names = [rule["alert"] for rule in RULES]
    assert [test["name"] for test in single] == names
    assert [case["alertname"] for case in usual["alert_rule_test"]] == names


def test_each_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions())]
    assert len(rules) > 30
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", path)


@pytest.mark.django_db
def test_each_metric_of_the_dashboard_and_of_the_alerts_is_served(served: set[str]) -> None:
    used = {name for text in expressions() for name in _NAME.findall(text)}
    alerted = {name for rule in RULES for name in _NAME.findall(rule["expr"])}
    assert used - served == set()
    assert alerted - served == set()


@pytest.mark.django_db
def test_the_dashboard_shows_every_metric(served: set[str]) -> None:
    shown = {
        re.sub(r"_(bucket|count|sum)$", "", name) for text in expressions() for name in _NAME.findall(text)
    }
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in served} - shown == set()


def test_operations_page_says_for_each_alert_what_to_do() -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    rows: list[Any] = re.findall(r"^\| `(\w+)` \| (page|ticket) \| (.+) \| (.+) \|$", page, re.M)
    assert [row[:2] for row in rows] == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]
    assert all(len(what) > 20 and len(action) > 20 for _, _, what, action in rows)


def test_the_example_asks_where_metrics_are_served_with_a_token() -> None:
    [scraped] = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    assert (scraped["job_name"], scraped["metrics_path"]) == ("soukloop", "/metrics")
    assert scraped["authorization"]["type"] == "Bearer"
