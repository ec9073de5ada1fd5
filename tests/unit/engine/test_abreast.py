"""Two requests to one model run side by side, in processes of their own; a third waits for one of them."""

import struct
import threading
from pathlib import Path

from tests import foreign_models as foreign
from tests.unit.engine.test_apart import made
from themis.core.types import Hash32
from themis.engine.abreast import Abreast
from themis.engine.apart import Limits
from themis.engine.engine import OnnxEngine

ID = Hash32(b"\x07" * 32)


def test_two_requests_are_answered_at_once(tmp_path: Path) -> None:
    asked = [struct.pack(">ii", 6, divisor) for divisor in (1, 2, 3)]
    engine = OnnxEngine({ID: made(tmp_path, foreign.quotient(), asked[0])}, 1, limits=Limits(abreast=2))
    try:
        alone = [engine.stream(ID, each, lambda _: None) for each in asked]
        model = engine.answerer(ID)
        assert isinstance(model, Abreast)
        workers = {worker.worker.pid for worker in model._workers}
        assert len(workers) == 2
        with model._taken() as first, model._taken() as second:
            assert first is not second
            waits = threading.Thread(target=engine.stream, args=(ID, asked[2], lambda _: None))
            waits.start()
            waits.join(0.2)
            assert waits.is_alive(), "both are taken"
        waits.join(10)
        assert not waits.is_alive()
        assert len(set(alone)) == 3
        assert engine.restarts() == {ID: 0}
    finally:
        engine.close()
