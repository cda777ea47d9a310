"""Outcomes are written in batches."""

import queue
import threading
from types import SimpleNamespace

from manifests.scoring.verdict import Verdict
from tasks.render.outcomes import Judged
from tasks.render.result_writer import ResultWriter


def test_outcomes_that_follow_soon_share_a_transaction():
    batches, ended = [], queue.SimpleQueue()
    results = SimpleNamespace(record_batch=lambda judged: batches.append(list(judged)) or [])
    writer = ResultWriter(SimpleNamespace(results=results), ended, linger_s=60.0)
    outcomes = [Judged(None, SimpleNamespace(variant_id=name), None, None, Verdict(name)) for name in ("a", "b", "c")]
    taken = threading.Event()
    for outcome in outcomes:
        writer.put(outcome)
        while not writer._queue.empty():
            taken.wait(0.001)
    writer.close()
    assert [len(batch) for batch in batches] == [3]
    assert [ended.get_nowait() for _ in outcomes] == outcomes
    assert writer.outcomes == {"passed": 3}
