"""Output layers, one class a kind of task; each maps states of the encoder, chosen by the caller, to logits.

A head named `nli3` in two phases is the same function, and its weights are carried.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.family import Family
from training.tasks.row import Kind, TaskRow


class SentenceHead(nn.Module):
    """Sentence classification: dense, tanh, linear on the state that stands for a row (`pooling.row_states`)."""

    def __init__(self, width: int, labels: int, dropout: float) -> None:
        super().__init__()
        self.dense, self.out, self.dropout = nn.Linear(width, width), nn.Linear(width, labels), nn.Dropout(dropout)

    def forward(self, rows: Tensor) -> Tensor:
        """Logits of each row, [rows, labels]; `rows` is [rows, width]."""
        states = torch.tanh(self.dense(self.dropout(rows)))
        logits: Tensor = self.out(self.dropout(states))
        return logits


class ChoiceHead(SentenceHead):
    """Multiple choice: one score a (context, ending) row, [rows, 1]; the caller folds the endings."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__(width, 1, dropout)


class TokenHead(nn.Module):
    """Tagging: linear on the tokens that have a tag."""

    def __init__(self, width: int, tags: int, dropout: float) -> None:
        super().__init__()
        self.out, self.dropout = nn.Linear(width, tags), nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """Logits of each token, [tokens, tags]; `states` is [tokens, width]."""
        logits: Tensor = self.out(self.dropout(states))
        return logits


class SpanHead(nn.Module):
    """Span extraction: start and end logits of every token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, 2)

    def forward(self, states: Tensor) -> Tensor:
        """Start and end logits of each token, [tokens, 2]; `states` is [tokens, width]."""
        logits: Tensor = self.out(states)
        return logits


class MaskedHead(nn.Module):
    """Masked language modelling: dense, GELU, LayerNorm, the encoder's own word embeddings, which may have another width.

    `scale` is what the norm's weights begin with.
    """

    def __init__(self, width: int, vocabulary: int, embedding: int, scale: float = 1.0) -> None:
        super().__init__()
        self.dense, self.norm = nn.Linear(width, embedding), nn.LayerNorm(embedding)
        nn.init.constant_(self.norm.weight, scale)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Logits at masked tokens, [masked, vocabulary]: `states` is [masked, width], `embeddings` [vocabulary, embedding]."""
        states = self.norm(nn.functional.gelu(self.dense(states)))
        return nn.functional.linear(states, embeddings, self.bias)


class NextHead(nn.Module):
    """Next-token prediction of a decoder: its own word embeddings, as a decoder that ties them was published."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, states: Tensor, embeddings: Tensor) -> Tensor:
        """Logits of what comes next, [tokens, vocabulary]: `states` is [tokens, width], `embeddings` [vocabulary, width]."""
        return nn.functional.linear(states, embeddings, self.bias)


def build_head(
    row: TaskRow,
    width: int,
    vocabulary: int,
    dropout: float,
    family: Family = Family.ENCODER,
    embedding: int = 0,
    scale: float = 1.0,
) -> nn.Module:
    """The head of a task, with weights drawn as BERT does (normal, 0.02); torch's generator must be seeded by the caller.

    `embedding` is the width of the word embeddings where it is not that of the states (0), `scale` how large states are to be
    where they meet them.
    """
    head: nn.Module
    if row.kind is Kind.CLASSIFICATION:
        head = SentenceHead(width, len(row.labels), dropout)
    elif row.kind is Kind.CHOICE:
        head = ChoiceHead(width, dropout)
    elif row.kind is Kind.TAGGING:
        head = TokenHead(width, len(row.labels), dropout)
    elif row.kind is Kind.SPAN:
        head = SpanHead(width)
    elif row.kind is Kind.MLM:
        head = NextHead(vocabulary) if family is Family.DECODER else MaskedHead(width, vocabulary, embedding or width, scale)
    else:
        raise ValueError(f"{row.kind} has no head")
    for module in head.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    return head


def head_name(row: TaskRow) -> str:
    """Name of the head a task uses: its row's, or the task's own."""
    return row.head or row.name
