"""From a grid to its studies, trials and phases: what is shared, what is the same for every pair, and what changes a study."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.planning.costs import costs_of
from sweep.planning.needs import needed_splits
from sweep.planning.overview import _phase_bounds
from sweep.planning.plan import Plan, trial_name
from sweep.planning.sizes import Sizes
from sweep.planning.studies import Setting
from sweep.sources import resolve_sources
from tests.sweep.plans import SMALL, grid_of, name_digest, plan_of, study_of
from training.errors import Faults, UserError
from training.identity import Adapter, ChainIdentity, Mixing, Role
from training.record import ENGLISH
from training.tasks.registry import ROWS

REAL = """\
name: real
models:
  xlmr: {source: org/xlmr, revision: "0123456789012345678901234567890123456789"}
  mbert: {source: org/mbert, revision: "0123456789012345678901234567890123456789"}
intermediates: [none, mnli, {both: [mnli, hellaswag]}]
targets: [xquad, udpos, mlqa, tatoeba, xnli]
seeds: [1, 2]
search:
  trials: 4
  space:
    intermediate: {lr: [1e-5, 2e-5], epochs: [1, 2]}
    target: {lr: {low: 1e-6, high: 1e-4, log: true}, epochs: [2]}
"""
SETTING = {"intermediate.lr": 1e-5, "intermediate.epochs": 2, "target.lr": 2e-5, "target.epochs": 2}


def _chains(plan: Plan, setting: Setting = SETTING, seed: int = 1) -> dict[str, ChainIdentity]:
    return {study.name: plan.chain(study, {name: setting[name] for name in study.axes}, seed) for study in plan.studies}


def test_targets_that_learn_from_one_row_share_a_study() -> None:
    plan = plan_of(REAL)
    assert [study.name for study in plan.studies if study.model == "xlmr"] == [
        f"xlmr.{intermediate}.{group}"
        for intermediate in ("none", "mnli", "both")
        for group in ("squad_v1", "udpos", "tatoeba", "mnli")
    ]
    shared = study_of(plan, "xlmr.mnli.squad_v1")
    assert shared.targets == ("xquad", "mlqa")
    assert [item.task for item in _chains(plan)[shared.name].evaluations] == ["xquad", "mlqa"]
    assert study_of(plan, "xlmr.none.mnli").targets == ("xnli",)


def test_targets_that_learn_from_one_row_share_its_phases_and_not_its_results() -> None:
    both, one = _chains(plan_of(REAL))["xlmr.none.squad_v1"], _chains(plan_of(REAL.replace("mlqa, ", "")))["xlmr.none.squad_v1"]
    assert both.phase_keys == one.phase_keys
    assert both.key != one.key


def test_chains_share_the_phases_that_they_have_in_common() -> None:
    chains = _chains(plan_of(REAL))
    through_mnli = [chains[f"xlmr.mnli.{group}"].phase_keys for group in ("squad_v1", "udpos", "tatoeba", "mnli")]
    assert len({keys[0] for keys in through_mnli}) == 1
    assert [len(keys) for keys in through_mnli] == [2, 2, 1, 2]
    assert len({keys[1] for keys in through_mnli if len(keys) == 2}) == 3
    assert chains["xlmr.mnli.udpos"].phase_keys != chains["mbert.mnli.udpos"].phase_keys


def test_pretraining_is_the_first_phase_of_every_chain_and_one() -> None:
    plan = plan_of()
    chains = _chains(plan).values()
    assert {chain.phases[0].role for chain in chains} == {Role.PRETRAIN}
    assert len({chain.phase_keys[0] for chain in chains}) == 1
    assert plan.chain(plan.studies[0], SETTING, 1).phase_keys[0] == plan.chain(plan.studies[0], SETTING, 2).phase_keys[0]


def test_intermediate_task_that_is_the_targets_own_still_has_two_phases() -> None:
    chain = _chains(plan_of(REAL))["xlmr.mnli.mnli"]
    assert [phase.role for phase in chain.phases] == [Role.INTERMEDIATE, Role.TARGET]


def test_every_pair_with_the_same_axes_has_the_same_budget() -> None:
    plan = plan_of(REAL)
    budgets = {(study.intermediate.is_baseline, study.group): plan.settings_of(study) for study in plan.studies}
    assert set(budgets.values()) == {1, 4}
    assert [key for key, settings in budgets.items() if settings == 1] == [(True, "tatoeba")]
    assert plan.trials() == 2 * 2 * (11 * 4 + 1)


@pytest.mark.parametrize(
    ("target", "trials", "settings"),
    [
        ("{lr: [1e-4], epochs: [1]}", 8, 1),
        ("{lr: [1e-4, 1e-3], epochs: [1, 2, 3]}", 8, 6),
        ("{lr: [1e-4, 1e-3], epochs: [1, 2, 3]}", 5, 5),
        ("{lr: [1e-4, 1e-3], epochs: {low: 1, high: 3}}", 8, 6),
        ("{lr: {low: 1e-4, high: 1e-3}, epochs: [1]}", 8, 8),
    ],
)
def test_settings_are_no_more_than_the_space_has(target: str, trials: int, settings: int) -> None:
    text = SMALL.replace("trials: 3", f"trials: {trials}").replace("{lr: [1e-4, 1e-3], epochs: [1, 2]}", target)
    plan = plan_of(text)
    assert plan.settings_of(study_of(plan, "mini.none.mini_udpos")) == settings
    assert plan.settings_of(study_of(plan, "mini.none.mini_tatoeba")) == 1


def test_trial_names_say_study_setting_and_seed_and_are_unique() -> None:
    plan = plan_of(REAL)
    names = [
        trial_name(study, number, seed, plan.chain(study, SETTING, seed))
        for study in plan.studies
        for number in range(2)
        for seed in (1, 2)
    ]
    assert len(set(names)) == len(names)
    assert names[0].startswith("xlmr.none.squad_v1-000-s1--")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("lr: [1e-4, 1e-3]", "lr: [1e-4, 2e-3]"),
        ("sampler: random", "sampler: tpe"),
        ("trials: 3", "trials: 3\n  seed: 1"),
        ("trials: 3", "trials: 3\n  at_once: 2"),
        ("search:", "training: {batch: 8}\nsearch:"),
        ("search:", "data: {mini_udpos: {max_length: 32}}\nsearch:"),
        ("epochs: 1}}", "epochs: 2}}"),
    ],
)
def test_study_label_changes_with_what_its_scores_depend_on(was: str, becomes: str) -> None:
    name = "mini.none.mini_udpos"
    assert was in SMALL
    assert study_of(plan_of(SMALL.replace(was, becomes)), name).label != study_of(plan_of(), name).label


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("trials: 3", "trials: 9"),
        ("search:", "seeds: [1, 2, 3]\nsearch:"),
        ("search:", "resources: {cpu: 2, micro_batch: 4, max_failures: 0, checkpoint_seconds: 1}\nsearch:"),
        ("search:", "about: another line\nsearch:"),
        ("mini_tatoeba]", "mini_tatoeba, mini_panx]"),
        ("intermediates: [none, mini_nli]", "intermediates: [none, mini_nli, mini_hellaswag]"),
        ("lr: [3e-4]", "lr: [1e-4]"),
    ],
)
def test_study_label_stays_with_what_its_scores_do_not_depend_on(was: str, becomes: str) -> None:
    name = "mini.none.mini_udpos"
    assert was in SMALL
    assert study_of(plan_of(SMALL.replace(was, becomes)), name).label == study_of(plan_of(), name).label


def test_study_label_changes_with_the_data_of_its_chain_alone() -> None:
    def changed(key: str) -> str:
        return "0" * 16 if key == "mini_nli/train" else name_digest(key)

    before, after = plan_of(), plan_of(digest=changed)
    assert study_of(before, "mini.none.mini_udpos").label == study_of(after, "mini.none.mini_udpos").label
    assert study_of(before, "mini.mini_nli.mini_udpos").label != study_of(after, "mini.mini_nli.mini_udpos").label


TARGETS = sorted(name for name, row in ROWS.items() if row.target and not row.synthetic and name != "tydiqa")
INTERMEDIATES = sorted(name for name, row in ROWS.items() if row.intermediate and not row.synthetic and name != "ccg")
"""CCG's labels are in a file of the user's."""


@settings(max_examples=25, deadline=None)
@given(
    targets=st.lists(st.sampled_from(TARGETS), min_size=1, max_size=4, unique=True),
    intermediates=st.lists(st.sampled_from(INTERMEDIATES), min_size=1, max_size=3, unique=True),
)
def test_chain_learns_and_is_chosen_by_english_alone(targets: list[str], intermediates: list[str]) -> None:
    text = REAL.replace("[xquad, udpos, mlqa, tatoeba, xnli]", f"[{', '.join(targets)}]")
    plan = plan_of(text.replace("mnli, {both: [mnli, hellaswag]}", ", ".join(intermediates)))
    learned = {key: languages for key, _, _, languages in needed_splits(plan.grid, plan.sources) if not key.endswith("/scored")}
    for key, languages in learned.items():
        task, _, split = key.partition("/")
        assert languages == (ROWS[task].train_languages if split == "train" else (ENGLISH,))
    for chain in _chains(plan).values():
        target_uses = [use for phase in chain.phases if phase.role is Role.TARGET for use in phase.tasks]
        assert all(use.languages == (ENGLISH,) for use in target_uses)
        assert {use.data for phase in chain.phases for use in phase.tasks} <= {name_digest(key) for key in learned}
        assert all(item.languages == (ENGLISH,) for item in chain.selection)
        assert {item.data for item in chain.selection} <= {name_digest(key) for key in learned if key.endswith("/dev")}


def test_retrieval_is_chosen_by_the_intermediate_tasks_and_trains_no_target_phase() -> None:
    chains = _chains(plan_of(REAL))
    assert [item.task for item in chains["xlmr.both.tatoeba"].selection] == ["mnli", "hellaswag"]
    assert chains["xlmr.none.tatoeba"].selection == ()
    assert [phase.role for phase in chains["xlmr.both.tatoeba"].phases] == [Role.INTERMEDIATE]
    assert chains["xlmr.none.tatoeba"].phases == ()


def test_no_two_phases_of_a_grid_have_one_key() -> None:
    plan = plan_of(REAL)
    found: dict[str, object] = {}
    others = [SETTING | {"target.lr": 1e-6}, SETTING | {"intermediate.lr": 1e-6}]
    for setting, seed in itertools.product([SETTING, *others], (1, 2)):
        for chain in _chains(plan, setting, seed).values():
            for place, key in enumerate(chain.phase_keys):
                way = (chain.model, chain.phases[: place + 1])
                assert found.setdefault(key, way) == way


def test_plan_without_its_data_folder_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWEEP_DATA", raising=False)
    with pytest.raises(UserError, match="no data folder was given"):
        resolve_sources(grid_of(REAL), None)


def test_job_holds_what_the_grid_says_of_resources() -> None:
    plan = plan_of(SMALL + "resources: {cpu: 2, micro_batch: 4, checkpoint_seconds: 7}\n", run=Path("there"))
    job = plan.job(study_of(plan, "mini.none.mini_udpos"), SETTING, 1)
    assert (job.runtime.threads, job.runtime.micro_batch, job.runtime.checkpoint_seconds) == (2, 4, 7.0)
    assert job.store == Path("there/phases")


def test_grid_with_an_unknown_target_is_refused() -> None:
    with pytest.raises(Faults, match="mini_udpoz"):
        grid_of(SMALL.replace("[mini_udpos", "[mini_udpoz"))


def test_a_target_with_a_task_before_its_own_has_a_phase_for_each() -> None:
    plan = plan_of(SMALL.replace("mini_udpos", "mini_xcopa_xr"))
    chain = _chains(plan)["mini.none.mini_xcopa_xr"]
    assert [(phase.role, phase.tasks[0].task) for phase in chain.phases][-2:] == [
        (Role.TARGET, "mini_siqa"),
        (Role.TARGET, "mini_xcopa_xr"),
    ]
    assert [item.task for item in chain.selection] == ["mini_xcopa_xr"]


def test_a_mixture_carries_its_options_into_the_phase() -> None:
    mixture = (
        "{both: {tasks: [mini_nli, mini_hellaswag], sampling: weights, weights: [3, 1], cap: 9, alpha: 0.3,"
        " batches: mixed, loss_scaling: log_classes}}"
    )
    plan = plan_of(SMALL.replace("[none, mini_nli]", f"[none, mini_nli, {mixture}]"))
    chains = _chains(plan)
    (phase,) = [phase for phase in chains["mini.both.mini_udpos"].phases if phase.role is Role.INTERMEDIATE]
    assert phase.mixing == Mixing(
        kind="weights", cap=9, weights=(3.0, 1.0), alpha=0.3, batches="mixed", loss_scaling="log_classes"
    )
    (alone,) = [phase for phase in chains["mini.mini_nli.mini_udpos"].phases if phase.role is Role.INTERMEDIATE]
    assert alone.mixing == Mixing(cap=0), "a task that stands alone is learned from all of its examples"


def test_a_target_with_a_space_of_its_own_searches_that_and_keeps_the_rest() -> None:
    plan = plan_of(SMALL.replace("    target: {lr", "    targets: {mini_udpos: {epochs: [5, 9]}}\n    target: {lr"))
    axes = study_of(plan, "mini.none.mini_udpos").axes
    assert axes["target.epochs"].values == (5.0, 9.0)
    assert axes["target.lr"] == study_of(plan_of(SMALL), "mini.none.mini_udpos").axes["target.lr"]


def test_space_of_what_no_target_is_trained_on_is_refused() -> None:
    with pytest.raises(Faults, match="no target of the grid is trained on this"):
        plan_of(SMALL.replace("    target: {lr", "    targets: {mini_tatoeba: {epochs: [5]}}\n    target: {lr"))


@pytest.mark.parametrize(
    ("said", "own", "values"),
    [("lr: [5e-6, 6e-6]", "intermediate.lr", (5e-6, 6e-6)), ("epochs: [7]", "intermediate.epochs", (7.0,))],
)
def test_a_setting_with_a_space_of_its_own_searches_that_and_keeps_the_rest(
    said: str, own: str, values: tuple[float, ...]
) -> None:
    plan = plan_of(SMALL.replace("[none, mini_nli]", f"[none, mini_nli, {{slow: {{tasks: [mini_nli], space: {{{said}}}}}}}]"))
    axes, usual = (dict(study_of(plan, f"mini.{name}.mini_udpos").axes) for name in ("slow", "mini_nli"))
    assert axes.pop(own).values == values != usual.pop(own).values
    assert axes == usual


def test_a_task_trained_in_several_languages_needs_them_all() -> None:
    plan = plan_of(SMALL.replace("[none, mini_nli]", "[none, mini_xnli_all]"))
    needed = {key: languages for key, _, _, languages in needed_splits(plan.grid, plan.sources)}
    assert set(needed["mini_xnli_all/train"]) > {ENGLISH, "qaa", "qah"}
    assert needed["mini_xnli_all/dev"] == (ENGLISH,)
    (phase,) = [p for p in _chains(plan)["mini.mini_xnli_all.mini_udpos"].phases if p.role is Role.INTERMEDIATE]
    assert phase.tasks[0].languages == needed["mini_xnli_all/train"]


def test_overview_counts_every_target_phase_and_the_space_of_each_setting() -> None:
    text = SMALL.replace("mini_udpos", "mini_xcopa_xr").replace(
        "[none, mini_nli]", "[none, {slow: {tasks: [mini_nli], space: {lr: [5e-6, 6e-6], epochs: [1]}}}]"
    )
    counts = dict(_phase_bounds(plan_of(text)))
    # Two studies of three settings for xcopa, each with a phase on Social IQa before COPA's.
    assert counts == {"pretrain": 1, "intermediate": 2, "target": 2 * 3 * 2}


def test_adapter_of_a_grid_is_that_of_its_phases_but_not_of_pretraining() -> None:
    plain = plan_of()
    plan = plan_of(SMALL + "training: {adapter: {rank: 4, targets: all_linear}}\n")
    name = "mini.mini_nli.mini_udpos"
    setting = {"intermediate.lr": 3e-4, "intermediate.epochs": 1, "target.lr": 1e-3, "target.epochs": 1}
    chain, before = (one.chain(study_of(one, name), setting, 1) for one in (plan, plain))
    wanted = Adapter(kind="lora", rank=4, alpha=16.0, dropout=0.0, targets="all_linear")
    assert [phase.adapter for phase in chain.phases] == [None, wanted, wanted]
    assert chain.phase_keys[0] == before.phase_keys[0] and not set(chain.phase_keys[1:]) & set(before.phase_keys)


def test_checkpoints_of_adapters_are_planned_as_small_as_they_are() -> None:
    published = SMALL.replace("{source: mini_world, pretrain: {task: mini_mlm, epochs: 1}}", "{source: ./folder}")
    grids = [published, published + "training: {adapter: {}}\n"]
    whole, adapted = (costs_of(plan, Sizes({})).architectures["mini"] for plan in map(plan_of, grids))
    assert whole.phase_bytes == adapted.phase_bytes and adapted.checkpoint_bytes < 0.05 * whole.checkpoint_bytes
