"""What one trial may use and how the sweep runs it: the part of a grid that changes no result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from search_spaces.values import Amount, Count, Part, Positive

AUTO: Literal["auto"] = "auto"


def _gpu(value: object) -> object:
    if value == AUTO or (isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")):
        return value
    raise PydanticCustomError("gpu", "must be auto or a number from 0")


class Resources(Part):
    """What one trial may use and how the sweep runs it; none of this changes a result."""

    executor: Literal["auto", "inline", "train"] = "auto"
    """auto, inline or train"""
    workers: Count = 1
    """processes that train a trial together, each with `cpu` cores and on cuda a whole GPU, a whole number from 1"""
    cpu: Positive = 1.0
    """CPU cores a trial, or each of its workers, above 0"""
    gpu: Annotated[float | Literal["auto"], BeforeValidator(_gpu)] = AUTO
    """GPUs a trial: auto (on cuda the share of one that its memory needs, on cpu none) or a number from 0"""
    gpu_memory: Positive | None = None
    """GB (2^30 bytes) of one GPU's memory, where the cluster does not tell them, above 0; or null"""
    device: Literal["cpu", "cuda"] = "cpu"
    """cpu or cuda"""
    micro_batch: Amount = 0
    """the most examples a forward pass, 0 for the whole batch"""
    checkpoint_seconds: Positive = 60.0
    """seconds between two checkpoints inside a phase, above 0"""
    packed: bool = True
    """whether rows go through the encoder beside each other, without padding, true or false"""
    compact: bool = True
    """whether only the words that occur in a phase's data are optimised, true or false"""
    graphs: bool = False
    """whether the encoder's kernels are replayed as CUDA graphs, on one cuda worker in bfloat16, true or false"""
    max_failures: Amount = 3
    """how often a trial is tried again, a whole number from 0"""
    trials_at_once: Count | None = None
    """trials that run at once, or null for as many as fit"""

    @property
    def shares_itself_out(self) -> bool:
        """Whether the share of a GPU that a trial gets follows from its memory."""
        return self.gpu == AUTO and self.workers == 1

    @property
    def gpus_by_hand(self) -> float:
        """GPUs a worker as the grid says; 0 where they follow from memory."""
        if isinstance(self.gpu, str):
            return 0.0 if self.shares_itself_out else 1.0
        return self.gpu

    @model_validator(mode="before")
    @classmethod
    def _holds_none_without_cuda(cls, said: Any) -> Any:
        if isinstance(said, Mapping) and said.get("gpu", AUTO) == AUTO and said.get("device", "cpu") == "cpu":
            return {**said, "gpu": 0.0}
        return said

    @model_validator(mode="after")
    def _has_its_device(self) -> Resources:
        if self.device == "cuda" and not self.gpu:
            raise PydanticCustomError("device", "device cuda needs a GPU", {"remedy": "write `gpu: auto`, 1, or a fraction"})
        if self.device == "cpu" and self.gpu:
            remedy = "add `device: cuda`, or leave `gpu` out"
            raise PydanticCustomError("device", "a GPU would be held and, on device cpu, not used", {"remedy": remedy})
        if self.device == "cpu" and self.graphs:
            raise PydanticCustomError("device", "there are no CUDA graphs on device cpu", {"remedy": "leave `graphs` out"})
        return self

    @model_validator(mode="after")
    def _is_a_team(self) -> Resources:
        if self.workers > 1 and self.executor == "inline":
            remedy = "write `executor: train`, or `workers: 1`"
            raise PydanticCustomError("workers", "several workers a trial need the executor train", {"remedy": remedy})
        if self.workers > 1 and self.graphs:
            remedy = "leave `graphs` out, or write `workers: 1`"
            raise PydanticCustomError("workers", "graphs are for one worker a trial", {"remedy": remedy})
        if self.workers > 1 and self.gpu not in (0, 1, AUTO):
            remedy = "write `gpu: 1`, or `workers: 1`"
            raise PydanticCustomError("workers", "each of several workers needs a whole GPU, and no more", {"remedy": remedy})
        return self
