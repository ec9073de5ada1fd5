"""What docs/operators.md tells exists: settings, commands, alerts, reasons; and its systemd unit is sound."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families

from tests.scene import Scene
from themis.cli.program import app
from themis.config import Config
from themis.core.errors import Reason
from themis.core.trouble import Trouble
from themis.telemetry import LOOPS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operators.md").read_text()


def test_settings_it_names_exist() -> None:
    sections = {name: field.annotation for name, field in Config.model_fields.items()}
    named = re.findall(r"`((?:chain|key|fees|requesters|api|dispute|engine|log)\.\w+)`", PAGE)
    assert len(set(named)) > 8
    for section, key in (name.split(".") for name in named):
        assert key in getattr(sections[section], "model_fields", {}), f"{section}.{key}"


def test_commands_it_names_exist() -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
    lines = re.findall(r"^themis ([a-z][^\n#]*)", blocks, re.MULTILINE) + re.findall(r"`themis ([a-z][^`\n#]*)`", PAGE)
    assert len(lines) > 15
    for line in lines:
        command: Any = typer.main.get_command(app)
        for word in line.split():
            if not hasattr(command, "get_command"):
                break
            command = command.get_command(typer.Context(command), word)
            assert command is not None, line
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"--[a-z-]+", line)) <= options, line


def test_it_tells_of_every_alert_reason_and_loop() -> None:
    for word in (*Trouble, *Reason, *LOOPS):
        assert f"`{word}`" in PAGE, word


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="NOT RUN for want of systemd-analyze: the systemd unit")
def test_the_unit_is_sound(tmp_path: Path) -> None:
    unit = tmp_path / "themis.service"
    program = Path(sys.executable).with_name("themis")
    unit.write_text((ROOT / "docs/themis.service").read_text().replace("/opt/themis/bin/themis", str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_restarts_what_a_restart_can_mend() -> None:
    unit = (ROOT / "docs/themis.service").read_text()
    assert "RestartPreventExitStatus=70 78" in unit
    assert "Restart=always" in unit
    assert "ReadWritePaths=/tmp" in unit, "the lock of the key lies there"


def test_metrics_it_names_exist(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "db")
    exported = {
        sample.name
        for family in text_string_to_metric_families(scene.client.get("/metrics").text)
        for sample in family.samples
    }
    scene.close()
    stems = exported | {name.removesuffix("_count") for name in exported}
    named = set(re.findall(r"`((?:themis|process)_\w+\*?)", PAGE))
    assert len(named) > 30
    for name in named:
        assert any(each == name or (name.endswith("*") and each.startswith(name[:-1])) for each in stems), name
