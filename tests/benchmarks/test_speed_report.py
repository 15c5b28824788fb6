"""What the benchmarks of speed count and print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import XLMRobertaModel

from benchmarks.gpu.__main__ import main as gpu_main
from benchmarks.gpu.utilisation import model_flops
from benchmarks.speed.__main__ import main as speed_main
from benchmarks.speed.elsewhere import ROWS, Elsewhere
from benchmarks.speed.embedding import embedding_ratio
from benchmarks.speed.profile import part_of
from benchmarks.speed.rounds import Run, Series, ratios, take_turns
from benchmarks.speed.shapes import TINY
from benchmarks.speed.table import Ratio, Report, rounded
from benchmarks.speed.texts import of_length

ROOT = Path(__file__).parents[2]
ABSENT = ("ray", "mlflow", "optuna", "datasets", "pydantic", "click", "rich", "accelerate", "sweep", "reports", "search_spaces")


def test_model_flops_are_those_that_torch_counts() -> None:
    work = of_length(24, TINY, 3)
    model = XLMRobertaModel(TINY.config(0.0), add_pooling_layer=False)
    model.set_attn_implementation("eager")
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.full((3, 24), 7))
    assert model_flops(TINY, work.lengths) == 3 * counter.get_total_flops()


def test_arms_take_turns_in_alternating_order() -> None:
    order: list[str] = []

    def arm(name: str, seconds: float) -> Run:
        order.append(name)
        return Run(seconds=seconds, processor=2 * seconds, start=0.0, steps=1, rows=4, tokens=10)

    found = take_turns({"a": lambda: arm("a", 1.0), "b": lambda: arm("b", 3.0)}, rounds=2, warm=1)
    assert order == ["b", "a", "a", "b", "b", "a"]
    assert len(found["a"].runs) == 2
    assert ratios(found["a"], found["b"]) == pytest.approx((3.0, 3.0, 3.0))


def test_a_ratio_is_of_seconds_a_real_token_whatever_each_arm_saw() -> None:
    pairs = ((1.0, 10), (4.0, 20))
    runs = [Run(seconds=seconds, processor=1.0, start=0.0, steps=1, rows=4, tokens=tokens) for seconds, tokens in pairs]
    assert ratios(Series(runs[:1]), Series(runs[1:]))[0] == 2.0


def test_compact_table_ends_with_the_weights_of_the_whole_one() -> None:
    ratio = next(item for item in embedding_ratio(16, torch.device("cpu"), rounds=1, steps=2) if isinstance(item, Ratio))
    assert ratio.note == "bit-identical at decay 0"


def test_page_says_what_was_reached_and_json_has_it_all(tmp_path: Path) -> None:
    report = Report("Title", "command", {"device": "none"})
    report.add([Ratio(number=2, name="two", value=2.4, aim=3.0), Ratio(number=1, name="one", value=3.1234, aim=3.0)])
    report.write(tmp_path / "a.json", tmp_path / "a.md")
    lines = (tmp_path / "a.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith(("| 1", "| 2"))]
    assert rows == ["| 1 | one | ≥ 3 | 3.12 | – | – | yes |  |", "| 2 | two | ≥ 3 | 2.4 | – | – | no |  |"]
    assert [item["value"] for item in json.loads((tmp_path / "a.json").read_text("utf-8"))["ratios"]] == [2.4, 3.1234]


@pytest.mark.parametrize(("cell", "shown"), [(None, "–"), (1234, "1,234"), (1234.5, "1,234"), (0.012345, "0.0123"), ("x", "x")])
def test_cell_of_a_table_has_three_digits(cell: object, shown: str) -> None:
    assert rounded(cell) == shown


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}-{row.page}")
def test_page_of_another_benchmark_has_the_number(row: Elsewhere) -> None:
    assert any(character.isdigit() for character in row.found())


def test_operations_are_put_where_they_belong() -> None:
    names = ("aten::mm", "aten::_fused_adamw_", "aten::_scaled_dot_product_attention_math", "aten::fill_", "aten::view")
    parts = ["matrix products", "AdamW", "attention", "filling new memory", "the rest"]
    assert [part_of(name) for name in names] == parts


def test_one_part_can_be_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_DATA", raising=False)
    speed_main(["--only", "elsewhere", "--quick", "--json", str(tmp_path / "out.json")])
    assert "naive ÷ tree" in capsys.readouterr().out
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert found["command"] == "python -m benchmarks.speed --quick --only elsewhere"


def test_gpu_benchmark_without_a_gpu_says_how_to_rehearse() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit, match="--rehearse"):
        gpu_main(["--quick"])


def test_gpu_benchmark_runs_without_what_a_gpu_box_lacks(tmp_path: Path) -> None:
    """All of it, in a process where nothing but torch, transformers, numpy and pyarrow can be imported."""
    script = tmp_path / "bare.py"
    blocked = f"import sys\nsys.modules.update(dict.fromkeys({ABSENT!r}))\n"
    script.write_text(f"{blocked}from benchmarks.gpu.__main__ import main\nmain(sys.argv[1:])\n", "utf-8")
    command = [sys.executable, str(script), "--rehearse", "--threads", "1", "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert {item["number"] for item in found["ratios"]} == {3, 4, 6}
    assert not found["failed"]
    gaps = [item["note"] for item in found["ratios"] if item["number"] == 3]
    assert all(float(note.partition("differ by ")[2].split()[0]) <= 1e-5 for note in gaps)
