"""Sections that recipes of training share: what is trained, how completions are drawn, how weights are moved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from baselines.common.sections import NotNegative, Positive, Rate, Section, Share
from baselines.rl_segmentation.sampling_settings import SamplingSettings


class ModelSettings(Section):
    """Where training begins. What is asked how, and the grid, come from the checkpoint's `qwen_seg.json`.

    Attributes:
        start: checkpoint folder, relative to the repository, or a repository of the Hub.
        dtype: of the master weights; a learning rate of 1e-6 is lost in bfloat16.
        bf16: multiply in bfloat16 (autocast); not on a CPU.
        gradient_checkpointing: recompute activations instead of keeping them.
        attention: implementation, e.g. `sdpa` or `flash_attention_2`.
        freeze: leave the vision tower, or the language model, as it is.
        published: type of the weights in the finished checkpoint.
    """

    start: str
    dtype: Literal["float32", "bfloat16"] = "float32"
    bf16: bool = False
    gradient_checkpointing: bool = False
    attention: str = "sdpa"
    freeze: Literal["vision", "language"] | None = None
    published: Literal["float32", "bfloat16", "float16"] = "float16"


class LoraSettings(Section):
    """Adapters instead of all weights.

    Attributes:
        rank, alpha, dropout: as in peft.
        targets: names of modules, or `all-linear`.
        exclude: regular expression of modules that get none; by default those of the vision tower.
    """

    rank: Positive = 64
    alpha: Positive = 128
    dropout: Share = 0.0
    targets: str | tuple[str, ...] = "all-linear"
    exclude: str | None = r".*visual.*"


class VllmSettings(Section):
    """Generation by vLLM instead of transformers, as TRL offers it.

    Attributes:
        mode: `colocate`, on the GPUs that train, or `server`, a running `trl vllm-serve`.
        memory: share of a GPU's memory, for `colocate`.
        tensor_parallel: GPUs that share the model, for `colocate`.
        sleep: free the memory while weights are updated, for `colocate`.
        server: address of the server, for `server`.
    """

    mode: Literal["colocate", "server"] = "colocate"
    memory: Annotated[float, Field(gt=0, lt=1)] = 0.3
    tensor_parallel: Positive = 1
    sleep: bool = True
    server: str | None = None

    @model_validator(mode="after")
    def _reachable(self) -> VllmSettings:
        if self.mode == "server" and not self.server:
            raise ValueError("vllm.server (an address) is missing")
        return self


class RolloutSettings(Section):
    """What is generated for one batch of updates.

    Attributes:
        prompts: questions in a rollout, over all processes.
        completions: of each question, G in the paper.
        updates: optimiser steps per rollout. With one, the ratio of new to old probabilities is always 1 and no bound
            clips anything.
        max_tokens: of a completion.
        temperature, top_p: of sampling.
        micro_batch: completions that go through the model at once in an update, on each process; None: all.
        overlong: tokens at the end of `max_tokens` that are punished, as a share of it.
        vllm: generate by vLLM.
    """

    prompts: Positive
    completions: Annotated[int, Field(ge=2)] = 8
    updates: Positive = 4
    max_tokens: Positive
    temperature: Rate = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    micro_batch: Positive | None = None
    overlong: Annotated[float, Field(gt=0, le=1)] = 0.2
    vllm: VllmSettings | None = None


class PolicySettings(Section):
    """The objective.

    Attributes:
        loss: `grpo`: mean over sequences of their mean over tokens (equation 10); `dapo`: mean over the tokens of all
            sequences (equation 11); `bnpo`: that of each micro-batch (Seg-Zero's code).
        kl: weight of the divergence from the model that training began with.
        kl_correction: multiply the divergence by the ratio of probabilities, which makes its gradient unbiased; TRL's
            default, and not in equation 10.
        clip_low, clip_high: the ratio of probabilities counts between 1 - low and 1 + high.
        scale: divide advantages by the standard deviation of their group, of the batch, or not at all.
        overlong_weight: of the punishment of long answers.
        mask_truncated: leave completions out that were cut off.
        entropy: weight of a bonus for entropy.
        sampling: dynamic sampling; None: learn from all groups.
    """

    loss: Literal["grpo", "dapo", "bnpo", "dr_grpo"]
    kl: NotNegative
    kl_correction: bool = False
    clip_low: Annotated[float, Field(gt=0, lt=1)] = 0.2
    clip_high: Rate = 0.2
    scale: Literal["group", "batch", "none"] = "group"
    overlong_weight: NotNegative = 0.0
    mask_truncated: bool = False
    entropy: NotNegative = 0.0
    sampling: SamplingSettings | None = None


class OptimiserSettings(Section):
    """How weights are moved.

    Attributes:
        steps: updates.
        kind: `adamw`, or `sgd` with `beta1` as its momentum. Rewards of a small rollout say little about the gradient,
            and AdamW moves weights that they say nothing about as far as those that they do; plain steps do not.
        learning_rate, weight_decay, beta1, beta2: as usual.
        warmup: steps in which the rate grows.
        schedule: what it does after that.
        max_norm: of the gradient.
        batch: examples per update over all processes; supervised fine-tuning only.
    """

    steps: Positive
    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Rate
    weight_decay: NotNegative = 0.01
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[float, Field(gt=0, lt=1)] = 0.999
    warmup: Annotated[int, Field(ge=0)] = 0
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    max_norm: Rate = 1.0
    batch: Positive | None = None


__all__ = [
    "LoraSettings",
    "ModelSettings",
    "OptimiserSettings",
    "PolicySettings",
    "RolloutSettings",
    "VllmSettings",
]
