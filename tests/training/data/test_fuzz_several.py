"""One of several files damaged: a fault of the user's, or all that the files hold."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest

from tests.training.data import mutations
from tests.training.data.fuzz_disk import ROOT, Disk, Several
from tests.training.data.fuzz_documents import DOCUMENTS
from tests.training.data.fuzz_forms import BY_BYTE
from tests.training.data.fuzz_lines import LINES
from training.errors import UserError

pytestmark = pytest.mark.slow
INPUTS = 10_000
CASES = LINES | DOCUMENTS


def outcome(case: Several, content: bytes, packed: bool, disk: Disk) -> bool:
    """Whether the content was accepted; fails the test on another error than a user's, and on anything lost or made up."""
    sound = {name: value for name, value in case.files.items() if name != case.damaged}
    disk.files = {**sound, f"{case.damaged}.gz" if packed else case.damaged: content}
    try:
        found = case.read(ROOT)
    except UserError as fault:
        assert str(fault).strip()
        return False
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} on {content[:2000]!r}") from error
    plain = gzip.decompress(content) if packed else content
    assert found == case.held({**case.files, case.damaged: plain}), plain
    return True


@pytest.mark.parametrize("name", CASES)
def test_one_damaged_file_of_several_is_a_fault_or_all_are_read_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case, dice, disk = CASES[name], random.Random(zlib.crc32(name.encode())), Disk(monkeypatch)
    whole = case.files[case.damaged]
    assert outcome(case, whole, False, disk), "the files as they were are not accepted"
    accepted = 0
    for _ in range(INPUTS):
        mutate = dice.choice(case.kinds)
        packed = mutate is mutations.gzip_damaged
        content = mutate(whole, dice)
        if not packed and content and dice.random() < 0.3:
            content = dice.choice(BY_BYTE[:5])(content, dice)
        accepted += outcome(case, content, packed, disk)
    assert 0.01 * INPUTS < accepted < 0.9 * INPUTS, f"{accepted} of {INPUTS} were accepted"
