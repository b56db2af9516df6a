"""A quick claims run says on every face that it is a look only; a full one does not."""

import dataclasses

import pytest

from reports.paper.build import texts
from tests.reports.paper.runs import stored

FACES = ("index.html", "report.md", "claims.tex")


@pytest.mark.parametrize(("name", "said"), [("quick", True), ("full", False)])
def test_every_face_says_whether_the_run_is_a_look_only(tmp_path, name, said):
    run = stored(tmp_path / "run")
    made = texts(dataclasses.replace(run, plan=dataclasses.replace(run.plan, name=name)), {})
    for face in FACES:
        assert ("This is a quick run, a look only" in made[face]) is said, face
