"""The rules of judging: what the file says, what is said of a bad one, and that every module that judges is hashed."""

import re

import pytest

from harness.paper.judging import judging_sha256
from harness.paper.plan import CLAIMS, ClaimError
from harness.store.provenance import ROOT
from reports.paper.rules import RULES, read_rules, rules
from tests.house.rooms import imported


def test_every_statement_says_whose_words_it_is_in_and_what_its_margin_is_for():
    found = rules()
    assert found.level == 0.05 and found.data_sets == 2
    assert len({each.key for each in found.statements}) == len(found.statements) >= 15
    for each in found.statements:
        assert each.says.endswith(".") and each.how.endswith(".") and each.margin_why.endswith("."), each.key
        assert each.primary.margin > 0 or each.primary.than is not None, each.key
        assert all(second.why for second in each.secondary), each.key
        assert "“" not in each.says + each.how
    assert {each.claim for each in found.statements} <= set(CLAIMS)


def test_the_paper_s_comparators_count_and_those_that_it_never_trained_do_not():
    named = {name for each in rules().statements for one in (each.primary, *each.secondary) for name in
             (one.ours, one.theirs) if name}  # fmt: skip
    assert {"elu", "relu", "lrelu_0.1", "srelu", "relu+centred", "elu+centred"} <= named
    assert not {name for name in named if name.startswith(("prelu", "lrelu_0.01", "sigmoid"))}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("level = 0.05 ", "level = 5 ", "level: 5.0 is not between 0 and 1"),
        ('side = "below"', 'side = "beside"', r"statement\.cheaper\.primary\.side: invalid enum value 'beside'"),
        (
            'measure = "step_s"',
            'measure = "speed"',
            r"statement\.cheaper\.primary\.measure: there is no measure 'speed'",
        ),
        ('net = "deep"', 'net = "wide"', r"statement\.cheaper\.primary\.net: there is no net 'wide'"),
        ('says = "A training', 'tells = "A training', r"statement\.cheaper: object"),
        ('claim = "step_time"', 'claim = "price"', r"statement\.cheaper\.claim: there is no claim 'price'"),
        ("margin = 0.05", "margin = -1", r"statement\.cheaper\.primary\.margin: -1\.0 is negative"),
        ('theirs = "relu+bn", ', "", r"statement\.cheaper\.primary\.theirs: a value has nothing beside it"),
        ("level = 0.05 ", "level = ", "cannot be read"),
    ],
)
def test_a_bad_rule_is_said_in_one_sentence_with_file_and_key(tmp_path, before, after, said):
    text = RULES.read_text(encoding="utf-8")
    assert before in text
    path = tmp_path / "rules.toml"
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    with pytest.raises(ClaimError, match=re.escape(str(path)) + ".*" + said) as caught:
        read_rules(path)
    assert "\n" not in str(caught.value)


# What the judging modules import and what is not of the rules: where rows lie, and an interval that is shown alone.
READ_ONLY = {"harness.paper.plan", "harness.paper.rows", "harness.timing.estimators"}


def test_every_module_that_a_verdict_follows_from_is_hashed():
    listed = {path.removesuffix(".py").replace("/", ".") for path in rules().judging}
    seen, waiting = set(), ["reports.paper.judge", "reports.paper.across"]
    while waiting:
        module = waiting.pop()
        if module in seen or module in READ_ONLY:
            continue
        seen.add(module)
        source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
        for name in imported(source):
            parts = name.split(".")
            paths = [".".join(parts[:n]) for n in range(len(parts), 2, -1)]
            ours = [each for each in paths if (ROOT / (each.replace(".", "/") + ".py")).is_file()]
            waiting += ours[:1]
    assert seen == listed
    assert set(judging_sha256()) == {"reports/paper/rules.toml", *rules().judging}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in judging_sha256().values())
