"""Rows: nodes with one key on one PostgreSQL. One leads, the other stands by and takes over."""

import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from tests import postgres
from tests.chaos.stage import Stage, must
from tests.chaos.table import row

KIND = "standby"
TAKEN_OVER_S = 10.0


@contextmanager
def _on_postgres(stage: Stage) -> Iterator[str]:
    """The home's store is a database."""
    must(postgres.PROGRAMS is not None, "PostgreSQL is not installed: Debian's package postgresql has it")
    with postgres.serving() as url:
        file = stage.home / "config.toml"
        file.write_text(f'[store]\nurl = "{url}"\n{file.read_text()}')
        yield url
        stage.kill()


@row("SIGKILLs on the node that leads, with work open: another takes over", KIND, started=False)
def taken_over(stage: Stage) -> None:
    """The killed one is started again, and stands by."""
    chance = random.Random(7)  # noqa: S311 (no secret)
    with _on_postgres(stage):
        elsewhere = stage.home.with_name(stage.home.name + "-other")
        shutil.copytree(stage.home, elsewhere)
        leads, stands_by = replace(stage), replace(stage, home=elsewhere)
        try:
            leads.start()
            for _ in range(4):
                said = _stand_by(stands_by)
                stage.ask(8)
                time.sleep(chance.uniform(0, 0.4))
                leads.kill()
                killed_s = time.monotonic()
                stands_by.until(partial(_leads, stands_by, said), "the other one leads", 60)
                took_s = time.monotonic() - killed_s
                must(took_s <= TAKEN_OVER_S, f"another took over after {took_s:.1f} s")
                stands_by.ready()
                leads, stands_by = stands_by, leads
            stage.process = leads.process
            stage.ask(8)
            stage.all_answered(60)
            stage.final = stage.tally()
        finally:
            leads.kill()
            stands_by.kill()


def _leads(stage: Stage, said: int) -> bool:
    return "ready: " in (stage.home / "log").read_text()[said:]


def _stand_by(stage: Stage) -> int:
    """How long its log was before it was started."""
    log = stage.home / "log"
    said = log.stat().st_size if log.exists() else 0
    (stage.home / "api.port").unlink(missing_ok=True)
    stage.start(wait=False)
    stage.until(lambda: "standing by" in log.read_text()[said:], "the other one stands by", 60)
    return said


@row("the database ends every session, ten times under load", KIND, started=False)
def sessions_ended(stage: Stage) -> None:
    with _on_postgres(stage) as url, postgres.connected(url) as db:
        stage.start()
        for _ in range(10):
            stage.ask(8)
            time.sleep(0.3)
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()")
        stage.all_answered(60)
        stage.final = stage.tally()
