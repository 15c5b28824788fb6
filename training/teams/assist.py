"""What the workers of a team do that are not its leader: they take part in the phases that it orders (`training.teams.team`).

An assistant reads the data of a phase itself and draws the same batches. It keeps nothing: weights come from the leader, who
has them at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial

from training.data.corpus import Corpus
from training.data.features import Encoded
from training.data.packs import Vocabulary
from training.errors import OutOfMemoryFault, UserError
from training.identity import PhaseIdentity, Runtime
from training.job import Order
from training.learning.beginning import draws_digest, shared_tensors
from training.learning.memory import release_memory
from training.learning.optimiser import allocate_moments
from training.learning.peaks import keep_to_share
from training.learning.schedule import rate_at
from training.learning.steps import Steps
from training.models.adapters import adapted
from training.models.backbone import load_tokenizer
from training.models.carry import ChainModel, without_weights
from training.phase import all_draws, micro_batch_fit, on_device, vocabulary_of, word_table
from training.stores.behind import behind_at
from training.teams.team import DismissedError, StartFailedError, Team, TeamLostError
from training.walk import training_set, use_threads


@dataclass(frozen=True)
class Material:
    """What a phase is trained with; the model's weights don't matter."""

    model: ChainModel
    phase: PhaseIdentity
    data: Sequence[Encoded]
    vocabulary: Vocabulary
    runtime: Runtime


def assist(team: Team, during: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
    """Take part in every phase that the leader orders, inside of `during`, until it orders no more.

    Raises TeamLostError where the leader or another worker is gone.
    """
    while (order := team.told()) is not None:
        with during():
            take_part(team, partial(material_of, order))
        release_memory()


def take_part(team: Team, made: Callable[[], Material]) -> None:
    """Take part in one phase, to its end or until the leader ends it; raises TeamLostError."""
    try:
        _train(team, made)
    except DismissedError:
        return
    except (StartFailedError, OutOfMemoryFault):
        pass  # the leader has met it as well, and it is the leader's to tell
    team.wait_for_end()


def material_of(order: Order) -> Material:
    """A phase's data and model; raises DataError, ModelError, and torch's own error where memory does not suffice."""
    job, phase = order.job, order.job.identity.phases[order.number]
    keep_to_share(order.runtime)
    use_threads(order.runtime.threads)
    tokenizer = load_tokenizer(job.model_folder)
    behind = behind_at(order.behind) if order.behind else None
    corpus = Corpus(job.sources, tokenizer, job.identity.model.tokenizer, folder=job.encoded, behind=behind)
    data = [training_set(corpus, use) for use in phase.tasks]
    model = without_weights(job.model_folder, [job.sources[use.task].row for use in phase.tasks])
    return Material(model, phase, data, vocabulary_of(model, tokenizer), order.runtime)


def _train(team: Team, made: Callable[[], Material]) -> None:
    with ExitStack() as prepared:
        try:
            found = made()
            draws = all_draws(found.phase, found.data)
            prepared.enter_context(adapted(found.model, found.phase))
        except (UserError, OSError, RuntimeError, MemoryError) as error:
            team.ready(_said(error))
            raise
        model, phase, runtime = found.model, found.phase, found.runtime
        steps = len(draws)
        words = word_table(model, phase, found.data, found.vocabulary, steps, compact=runtime.compact)
        prepared.enter_context(words.compact())
        seen = ""
        try:
            optimiser = on_device(model, phase, runtime)
            allocate_moments(optimiser)
        except (RuntimeError, MemoryError) as error:
            seen = _said(error)
        team.ready(seen)
        begun = team.start(None, shared_tensors(model, optimiser))
        if begun.draws != draws_digest(draws):
            raise TeamLostError("a worker's training data is not that of its leader")
        fit = micro_batch_fit(phase, found.data, runtime, None)
        fit.size = begun.micro_batch
        device = next(model.parameters()).device
        run = Steps(model, phase, found.data, found.vocabulary, fit, device, optimiser, team)
        for step in range(begun.step, begun.stop):
            run.step(draws[step], step, rate_at(phase, step, steps))
            words.step = step + 1


def _said(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
