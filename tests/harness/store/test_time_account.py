from __future__ import annotations

from dataclasses import replace

from harness.ops.cases import make_case
from harness.run.recording import blank_record
from harness.store.time_account import Account, Ledger, total


def test_time_goes_to_the_stage_that_was_entered_last():
    now = iter([0.0, 1.0, 3.0, 6.0, 10.0])
    ledger = Ledger(lambda: next(now))
    for stage in ("gate", "sampling", "gate"):
        ledger.enter(stage)
    timed = replace(
        blank_record(make_case("elu", (4,), "float32"), "eager", "d", "ok", None), measured_s=2.0, warmup_s=0.5
    )
    ledger.add([timed, timed])
    content = ledger.content()
    assert content.wall_s == 10.0
    assert content.stages_s == {"other": 1.0, "gate": 2.0 + 4.0, "sampling": 3.0}
    assert (content.measured_s, content.warmup_s) == (4.0, 1.0)


def test_sessions_add_up_and_the_share_is_that_of_the_whole_run():
    session = Account(10.0, 4.0, 1.0, 0.5, {"gate": 6.0, "sampling": 4.0})
    once = total(None, session)
    assert once.timed_share == 0.5
    twice = total(once, replace(session, measured_s=9.0, stages_s={"start": 1.0}))
    assert (twice.wall_s, twice.measured_s, twice.timed_share) == (20.0, 13.0, 0.75)
    assert twice.stages_s == {"gate": 6.0, "sampling": 4.0, "start": 1.0}


def test_no_time_at_all_has_no_share():
    assert total(None, Ledger(lambda: 1.0).content()).timed_share == 0.0
