"""One of several files damaged: a fault of the user's, or all that the files hold."""

from __future__ import annotations

import gzip
import random
import zlib
from pathlib import Path

import pytest

from tests.data import mutations
from tests.data.fuzz_forms import BY_BYTE
from tests.data.fuzz_several import SEVERAL, Several
from training.errors import UserError

pytestmark = pytest.mark.slow
INPUTS = 10_000


def outcome(case: Several, content: bytes, packed: bool, root: Path) -> bool:
    """Whether the content was accepted; fails the test on another error than a user's, and on anything lost or made up."""
    plain = root / case.damaged
    path = plain.with_name(f"{plain.name}.gz") if packed else plain
    path.write_bytes(content)
    if packed:
        plain.unlink()
    try:
        found = case.read(root)
    except UserError as fault:
        assert str(fault).strip()
        return False
    except Exception as error:
        raise AssertionError(f"{type(error).__name__}: {error} on {content[:2000]!r}") from error
    finally:
        if packed:
            path.unlink()
            plain.touch()
    whole = gzip.decompress(content) if packed else content
    assert found == case.held({**case.files, case.damaged: whole}), whole
    return True


@pytest.mark.parametrize("name", SEVERAL)
def test_one_damaged_file_of_several_is_a_fault_or_all_are_read_whole(name: str, tmp_path: Path) -> None:
    case, dice = SEVERAL[name], random.Random(zlib.crc32(name.encode()))
    for relative, content in case.files.items():
        (tmp_path / relative).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / relative).write_bytes(content)
    whole = case.files[case.damaged]
    assert outcome(case, whole, False, tmp_path), "the files as they were are not accepted"
    accepted = 0
    for _ in range(INPUTS):
        mutate = dice.choice(case.kinds)
        packed = mutate is mutations.gzip_damaged
        content = mutate(whole, dice)
        if not packed and content and dice.random() < 0.3:
            content = dice.choice(BY_BYTE[:5])(content, dice)
        accepted += outcome(case, content, packed, tmp_path)
    assert 0.01 * INPUTS < accepted < 0.9 * INPUTS, f"{accepted} of {INPUTS} were accepted"
