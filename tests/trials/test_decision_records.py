"""Decisions and updates are read as they were written, by this version or an earlier one, and written as they were read."""

import json
import shutil
from pathlib import Path

import pytest

from admire.errors import TrialError
from admire.trials.atomic_files import write_json
from admire.trials.decision_records import ProposalRecord, UpdateRecord, read_proposal, read_update

EARLIER = Path(__file__).parents[1] / "workflow/earlier/results.tar.xz"


@pytest.fixture(scope="module")
def earlier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("earlier")
    shutil.unpack_archive(EARLIER, folder)
    return folder


@pytest.mark.parametrize(("name", "read"), [("proposal.json", read_proposal), ("update.json", read_update)])
def test_what_an_earlier_version_wrote_is_written_again_to_the_byte(earlier, tmp_path, name, read):
    found = [path for path in earlier.rglob(name) if path.parent.name != "kept"]
    assert len(found) > 3
    for path in found:
        write_json(tmp_path / name, read(path).written())
        assert (tmp_path / name).read_text() == path.read_text()


def test_keys_that_came_later_or_are_gone_are_no_obstacle(tmp_path):
    path = tmp_path / "proposal.json"
    spec = {"digest": "ab" * 8, "decides": {}, "labels": {"model": "S"}}
    path.write_text(json.dumps({"trials": [{"spec": spec, "cost": 1, "once": 3}], "gone": {}}))
    (entry,) = read_proposal(path).trials
    assert (entry.digest, entry.model, entry.share, entry.cost, entry.why) == ("ab" * 8, "S", 1, 1, "")
    path.write_text("{}")
    assert read_proposal(path).trials == () and ProposalRecord().written() == {}


@pytest.mark.parametrize("content", ["{}", '{"seen": "many"}', "[]"])
def test_an_update_that_was_edited_is_refused_by_file_and_key(tmp_path, content):
    path = tmp_path / "update.json"
    path.write_text(content)
    with pytest.raises(TrialError, match=r"update\.json: .*restore or remove it") as refused:
        read_update(path)
    assert "\n" not in str(refused.value)


def test_the_kept_copy_is_read_while_the_file_is_missing(earlier):
    path = next(path for path in earlier.rglob("update.json") if path.parent.name == "kept")
    declared = path.parent.parent / path.name
    whole = read_update(declared)
    declared.unlink()
    assert read_update(declared) == whole and isinstance(whole, UpdateRecord)
