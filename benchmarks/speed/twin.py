"""The same network as Hugging Face has it, with the same weights, and its batches as Hugging Face's collators make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    DataCollatorForTokenClassification,
    DataCollatorWithPadding,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForSequenceClassification,
    XLMRobertaForTokenClassification,
    default_data_collator,
)
from transformers.initialization import no_init_weights

from benchmarks.speed.shapes import PAD
from benchmarks.speed.texts import Workload
from training.data.draws import Draw
from training.data.features import IGNORED, Feature
from training.models.carry import ChainModel
from training.models.heads import head_name
from training.tasks.row import Kind, TaskRow

Example = dict[str, Any]
Collate = Callable[[list[Example]], dict[str, Tensor]]


class MaskedQuestionAnswering(XLMRobertaForQuestionAnswering):
    """Span extraction whose padding can't be an answer: without this the loss depends on how much padding there is."""

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, start_positions: Tensor, end_positions: Tensor, **_: Any
    ) -> dict[str, Tensor]:
        """The mean of the losses of start and end."""
        logits = self.qa_outputs(self.roberta(input_ids, attention_mask=attention_mask)[0]).float()
        logits = logits.masked_fill(attention_mask[..., None] == 0, torch.finfo(torch.float32).min)
        loss = (cross_entropy(logits[..., 0], start_positions) + cross_entropy(logits[..., 1], end_positions)) / 2
        return {"loss": loss}


_CLASSES: dict[Kind, Any] = {
    Kind.CLASSIFICATION: XLMRobertaForSequenceClassification,
    Kind.TAGGING: XLMRobertaForTokenClassification,
    Kind.SPAN: MaskedQuestionAnswering,
}
_HEADS: dict[Kind, dict[str, str]] = {
    Kind.CLASSIFICATION: {"dense": "classifier.dense", "out": "classifier.out_proj"},
    Kind.TAGGING: {"out": "classifier"},
    Kind.SPAN: {"out": "qa_outputs"},
}


def twin_of(model: ChainModel, task: TaskRow) -> Any:
    """Hugging Face's model of the task, with `scaled_dot_product_attention` and a copy of the weights of `model`."""
    config = XLMRobertaConfig.from_dict(model.backbone.config.to_dict())
    config.num_labels = len(task.labels) or 2
    with no_init_weights():
        twin = _CLASSES[task.kind]._from_config(config, attn_implementation="sdpa")
    twin.load_state_dict(twin_weights(model.state_dict(), task))
    return twin


def twin_weights(weights: dict[str, Tensor], task: TaskRow) -> dict[str, Tensor]:
    """Weights of a chain's model under the names that the twin has for them."""
    found = {}
    for name, value in weights.items():
        if name.startswith("backbone."):
            found["roberta." + name.removeprefix("backbone.")] = value
        else:
            part, _, kind = name.removeprefix(f"heads.{head_name(task)}.").partition(".")
            found[f"{_HEADS[task.kind][part]}.{kind}"] = value
    return found


def examples_of(work: Workload, draws: Sequence[Draw]) -> list[Example]:
    """Rows as Hugging Face's example scripts tokenise them, without padding, in the order in which the steps see them."""
    return [_example(work.encoded.features[int(unit)]) for draw in draws for part in draw.parts for unit in part.units]


def _example(feature: Feature) -> Example:
    found: Example = {"input_ids": feature.ids.tolist(), "attention_mask": [1] * len(feature)}
    if feature.tags is not None and feature.positions is not None:
        tags = [IGNORED] * len(feature)
        for place, tag in zip(feature.positions.tolist(), feature.tags.tolist(), strict=True):
            tags[place] = tag
        return found | {"labels": tags}
    if isinstance(feature.label, tuple):
        return found | {"start_positions": feature.label[0], "end_positions": feature.label[1]}
    return found | {"labels": feature.label}


def padded_to(example: Example, length: int) -> Example:
    """A row padded while it is tokenised, as the example scripts do by default."""
    fills = {"input_ids": PAD, "attention_mask": 0, "labels": IGNORED}
    return {
        name: value + [fills[name]] * (length - len(value)) if isinstance(value, list) else value
        for name, value in example.items()
    }


def collator(task: TaskRow, dynamic: bool) -> Collate:
    """What the example scripts collate with: rows that are padded already, or `dynamic` padding to a batch's longest row."""
    if not dynamic:
        return default_data_collator
    padding = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<s>": 0, "<pad>": PAD, "<unk>": 3}, unk_token="<unk>")),
        pad_token="<pad>",
        unk_token="<unk>",
    )
    return DataCollatorForTokenClassification(padding) if task.kind is Kind.TAGGING else DataCollatorWithPadding(padding)
