"""The shipped alerting rules speak of metrics that a node has, and of commands that exist."""

import re

from tests.fakes import MODEL
from tests.homes import ROOT
from themis.telemetry import Telemetry

RULES = (ROOT / "docs/alerts.yml").read_text()


def test_every_metric_exists_with_the_labels_it_is_asked_for() -> None:
    families = {family.name: family for family in Telemetry([MODEL]).registry.collect()}
    named = set(re.findall(r"\bthemis_\w+", RULES))
    labels = set(re.findall(r"\$labels\.(\w+)", RULES))
    assert named
    for name in named:
        assert all(labels == set(sample.labels) for sample in families[name].samples)
        assert families[name].samples


def test_every_alert_says_what_to_do() -> None:
    alerts = RULES.count("- alert:")
    assert alerts == RULES.count("summary:") == RULES.count("action:") == RULES.count("themis license ")
