"""Options of the benchmarks under pytest-benchmark, and the measuring behind them."""

from __future__ import annotations

import dataclasses
import functools

import pytest

DEFAULT_SWEEP = "smoke"


def pytest_addoption(parser):
    group = parser.getgroup("elubench")
    group.addoption("--sweep", default=DEFAULT_SWEEP, help="a sweep's name, or a TOML file [default: smoke]")
    group.addoption("--device", default="auto", help="auto, cpu or cuda:N [default: auto]")
    group.addoption("--provider", action="append", help="this provider, or FILE.py; may be repeated")


def pytest_generate_tests(metafunc):
    if "case_key" in metafunc.fixturenames:
        sweep = plan(metafunc.config)
        cells = [(case.key, spec) for case in sweep.cases for spec in sweep.providers]
        metafunc.parametrize(("case_key", "spec"), cells, ids=[" ".join(cell) for cell in cells])


def pytest_collection_modifyitems(config, items):
    if config.getoption("benchmark_only", default=False):
        return
    here = [item for item in items if "case_key" in getattr(item, "fixturenames", ())]
    for item in here:
        item.add_marker(pytest.mark.skip(reason="a benchmark; run: pytest tests/bench --benchmark-only"))


@functools.cache
def device_of(spec):
    from harness.device.devices import find_device

    return find_device(spec)


@functools.cache
def _plan(sweep, kind, providers):
    from harness.sweeps.sweep import load

    return load(sweep).on(kind).by(providers, [])


def plan(config):
    """The sweep of the session, on its device."""
    device = device_of(config.getoption("--device", default="auto"))
    providers = config.getoption("--provider", default=None) or ()
    return _plan(config.getoption("--sweep", default=DEFAULT_SWEEP), device.kind, tuple(providers))


@pytest.fixture(scope="session")
def measured(request, tmp_path_factory):
    """The records of a case by provider: all providers take turns, once, as in `elubench run`."""
    from harness.run.runner import Progress, run_sweep
    from harness.store.files import Store
    from harness.store.manifest import Manifest
    from harness.store.records import iter_records
    from harness.store.vocabulary import SCHEMA

    @functools.cache
    def records_of(case_key):
        sweep = plan(request.config)
        store = Store.create(tmp_path_factory.mktemp("bench") / "run", Manifest(schema=SCHEMA))
        only = dataclasses.replace(sweep, cases=tuple(case for case in sweep.cases if case.key == case_key))
        device = device_of(request.config.getoption("--device", default="auto"))
        run_sweep(only, device, store, Progress(lambda *_: None, lambda *_: None))
        store.close()
        rows = [record for record in iter_records(store.path) if record.role == "provider"]
        return {record.provider: record for record in reversed(rows)}  # of several regimes, the first

    return records_of
