"""How large a model is: its parameters, what a token costs, and what a stored phase takes. Nothing is loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.schema import Model
from sweep.sources import ResolvedModel

BYTES = 4
"""Of a weight: phases are stored in float32."""
MOMENTS = 3
"""A checkpoint inside a phase holds the weights and AdamW's two moments."""


@dataclass(frozen=True)
class Architecture:
    """An encoder. `basis` says where the numbers come from."""

    layers: int
    width: int
    inner: int
    vocabulary: int
    positions: int = 514
    basis: str = "its config.json"

    @property
    def encoder(self) -> int:
        """Parameters of the layers: attention (4 matrices), feed-forward (2), their biases and two layer norms."""
        return self.layers * (4 * self.width**2 + 2 * self.width * self.inner + 9 * self.width + self.inner)

    @property
    def parameters(self) -> int:
        """Those of the embeddings too."""
        return self.encoder + (self.vocabulary + self.positions + 3) * self.width

    @property
    def phase_bytes(self) -> int:
        """What a stored phase takes."""
        return BYTES * self.parameters

    @property
    def checkpoint_bytes(self) -> int:
        """What a checkpoint inside a phase takes, and the trunk of wsd phases."""
        return MOMENTS * self.phase_bytes

    def flops(self, length: float) -> float:
        """Of a training token in sequences of `length`: six a parameter, and attention's two products, three times."""
        return 6.0 * self.encoder + 12.0 * self.layers * self.width * length


_LARGE = Architecture(24, 1024, 4096, 250_002, basis="published: XLM-R Large")
_BASE = Architecture(12, 768, 3072, 250_002, basis="published: XLM-R Base")
KNOWN: Mapping[str, Architecture] = {
    "FacebookAI/xlm-roberta-large": _LARGE,
    "FacebookAI/xlm-roberta-base": _BASE,
    "google-bert/bert-base-multilingual-cased": Architecture(12, 768, 3072, 119_547, 512, "published: mBERT"),
    "microsoft/Multilingual-MiniLM-L12-H384": Architecture(12, 384, 1536, 250_037, 514, "published: multilingual MiniLM"),
}


def architecture_of(model: Model, resolved: ResolvedModel) -> Architecture:
    """That of a model's folder; without one the published one of its name, else that of XLM-R Base, said to be assumed."""
    try:
        config = json.loads((resolved.folder / "config.json").read_bytes())
        return Architecture(
            int(config["num_hidden_layers"]),
            int(config["hidden_size"]),
            int(config["intermediate_size"]),
            int(config["vocab_size"]),
            int(config.get("max_position_embeddings", 514)),
        )
    except (OSError, ValueError, KeyError, TypeError):
        assumed = Architecture(_BASE.layers, _BASE.width, _BASE.inner, _BASE.vocabulary, basis="assumed: as XLM-R Base")
        return KNOWN.get(model.source, assumed)
