"""How large a model is: its parameters, what a token costs, and what a stored phase takes. No weights are loaded.

Where there is a folder, parameters are counted (`sweep.planning.counting`). What is `KNOWN` without one follows from published
configurations in the same way; only what is neither is assumed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from search_spaces.schema import Model
from sweep.planning.counting import counted
from sweep.sources import ResolvedModel
from training.identity import Adapter
from training.models.adapters import ATTENTION
from training.models.encoding import PACKABLE

BYTES = 4
"""Of a weight: phases are stored in float32."""
MOMENTS = 3
"""A checkpoint inside a phase holds the weights and AdamW's two moments."""


@dataclass(frozen=True)
class Architecture:
    """An encoder. `basis` says where the numbers come from.

    `counted` are its parameters and `layered` those that are no embeddings, 0 where they follow from the shape of a BERT.
    `heads` is 0 where there is one for 64 of its width, `gated` where the feed-forward has three matrices, and `alike` is off
    where it is not built like BERT. `trained` is what a phase trains of it, 0 for all.
    """

    layers: int
    width: int
    inner: int
    vocabulary: int
    positions: int = 514
    basis: str = "its config.json"
    heads: int = 0
    gated: bool = False
    alike: bool = True
    counted: int = 0
    layered: int = 0
    trained: int = 0

    @property
    def encoder(self) -> int:
        """Parameters of the layers: attention (4 matrices), feed-forward (2), their biases and two layer norms."""
        if self.layered:
            return self.layered
        return self.layers * (4 * self.width**2 + 2 * self.width * self.inner + 9 * self.width + self.inner)

    @property
    def parameters(self) -> int:
        """Those of the embeddings too."""
        if self.counted:
            return self.counted
        return self.encoder + (self.vocabulary + self.positions + 3) * self.width

    @property
    def phase_bytes(self) -> int:
        """What a stored phase takes."""
        return BYTES * self.parameters

    @property
    def checkpoint_bytes(self) -> int:
        """What a checkpoint inside a phase takes, and the trunk of wsd phases."""
        return MOMENTS * BYTES * (self.trained or self.parameters)

    def flops(self, length: float) -> float:
        """Of a training token in sequences of `length`: six a parameter, and attention's two products, three times."""
        return 6.0 * self.encoder + 12.0 * self.layers * self.width * length

    def adapter_weights(self, adapter: Adapter) -> int:
        """The numbers of its adapters: of four layers of attention, and of two or three of the feed-forward."""
        found = 4 * 2 * self.width
        if adapter.targets != ATTENTION:
            found += (3 if self.gated else 2) * (self.width + self.inner)
        return self.layers * adapter.rank * found


def _known(name: str, layers: int, width: int, inner: int, vocabulary: int, heads: int) -> Architecture:
    return Architecture(layers, width, inner, vocabulary, basis=f"published: {name}", heads=heads)


def _other(
    name: str, layers: int, width: int, inner: int, vocabulary: int, heads: int, counted: int, layered: int, gated: bool = False
) -> Architecture:
    """An encoder that is not built like BERT, whose numbers were counted from its published configuration."""
    found = _known(name, layers, width, inner, vocabulary, heads)
    return replace(found, gated=gated, alike=False, counted=counted, layered=layered)


_BASE = Architecture(12, 768, 3072, 250_002, basis="published: XLM-R Base")
KNOWN: Mapping[str, Architecture] = {
    "FacebookAI/xlm-roberta-large": Architecture(24, 1024, 4096, 250_002, basis="published: XLM-R Large"),
    "FacebookAI/xlm-roberta-base": _BASE,
    "facebook/xlm-roberta-xl": _known("XLM-R XL", 36, 2560, 10_240, 250_880, 32),
    "facebook/xlm-roberta-xxl": _known("XLM-R XXL", 48, 4096, 16_384, 250_880, 32),
    "FacebookAI/roberta-base": _known("RoBERTa base", 12, 768, 3072, 50_265, 12),
    "FacebookAI/roberta-large": _known("RoBERTa large", 24, 1024, 4096, 50_265, 16),
    "google-bert/bert-base-multilingual-cased": Architecture(12, 768, 3072, 119_547, 512, "published: mBERT"),
    "microsoft/Multilingual-MiniLM-L12-H384": Architecture(12, 384, 1536, 250_037, 514, "published: multilingual MiniLM"),
    "google/mt5-small": _other("mT5 small's encoder", 8, 512, 1_024, 250_112, 6, 146_940_608, 18_883_072, True),
    "google/mt5-base": _other("mT5 base's encoder", 12, 768, 2_048, 250_112, 12, 277_040_256, 84_953_856, True),
    "google/mt5-large": _other("mT5 large's encoder", 24, 1_024, 2_816, 250_112, 16, 564_446_720, 308_331_520, True),
    "google/mt5-xl": _other("mT5 XL's encoder", 24, 2_048, 5_120, 250_112, 32, 1_669_958_656, 1_157_728_256, True),
    "google/mt5-xxl": _other("mT5 XXL's encoder", 24, 4_096, 10_240, 250_112, 64, 5_655_173_120, 4_630_712_320, True),
    "Qwen/Qwen2.5-0.5B": _other("Qwen2.5 0.5B", 24, 896, 4_864, 151_936, 14, 494_032_768, 357_898_112, True),
    "Qwen/Qwen2.5-1.5B": _other("Qwen2.5 1.5B", 28, 1_536, 8_960, 151_936, 12, 1_543_714_304, 1_310_340_608, True),
    "bigscience/bloom-560m": _other("BLOOM 560M", 24, 1_024, 4_096, 250_880, 16, 559_214_592, 302_313_472),
    "facebook/xglm-564M": _other("XGLM 564M", 24, 1_024, 4_096, 256_008, 16, 564_463_616, 302_311_424),
    "answerdotai/ModernBERT-base": _other("ModernBERT base", 22, 768, 1_152, 50_368, 12, 149_014_272, 110_331_648, True),
    "answerdotai/ModernBERT-large": _other("ModernBERT large", 28, 1_024, 2_624, 50_368, 16, 394_781_696, 343_204_864, True),
}
"""Models by their names on the hub; of encoder-decoders the encoder alone."""
ASSUMED = "assumed: as XLM-R Base"
"""The basis of a model of which neither folder nor name says how large it is."""
_INNER = ("intermediate_size", "d_ff", "ffn_dim", "n_inner")
_GATED = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "modernbert", "phi3")


def architecture_of(model: Model, resolved: ResolvedModel) -> Architecture:
    """That of a model's folder; without one the published one of its name, else that of XLM-R Base, said to be assumed."""
    try:
        config = json.loads((resolved.folder / "config.json").read_bytes())
        return _of_config(config, resolved)
    except (OSError, ValueError, KeyError, TypeError):
        assumed = Architecture(_BASE.layers, _BASE.width, _BASE.inner, _BASE.vocabulary, basis=ASSUMED)
        return KNOWN.get(model.source, assumed)


def _of_config(config: Mapping[str, Any], resolved: ResolvedModel) -> Architecture:
    vocabulary, positions = int(config["vocab_size"]), int(config.get("max_position_embeddings", 514))
    found = counted(resolved.folder)
    if found is None:
        shape = int(config["num_hidden_layers"]), int(config["hidden_size"]), int(config["intermediate_size"])
        return Architecture(*shape, vocabulary, positions)
    inner = next((int(config[name]) for name in _INNER if config.get(name)), 4 * found.width)
    return Architecture(
        found.layers,
        found.width,
        inner,
        vocabulary,
        positions,
        heads=found.heads,
        gated=bool(config.get("is_gated_act")) or config["model_type"] in _GATED,
        alike=config["model_type"] in PACKABLE,
        counted=found.parameters,
        layered=found.layered,
    )
