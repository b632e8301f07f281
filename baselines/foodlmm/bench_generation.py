"""Time batched generation against the one-by-one loop, at the paper's 7B size with random weights.

    python baselines/foodlmm/bench_generation.py --out runs/bench-generation.json

The same requests, each with a picture of its own, are answered one by one and in batches, greedily, with a KV cache, to
a fixed number of new tokens. How fast that is does not depend on what the weights are, so none are needed; masks and
nutrition values are not read out, because random weights would ask for them by chance. `--size tiny` runs the same on
any machine within seconds, and measures nothing but that it runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from transformers import CLIPVisionConfig, LlamaConfig, SamConfig

from baselines.common.command import command
from baselines.common.publishing import versions
from baselines.foodlmm.devices import resolve_device
from baselines.foodlmm.throughput import peak_memory
from foodbench.core.errors import UsageError
from foodbench.core.files import atomic_write_json
from foodbench.models.foodlmm import FoodLMMConfig, FoodLMMForConditionalGeneration

_QUESTION_TOKENS = (24, 56)
"""Shortest and longest question, with the prompt's words."""
_ORDINARY_IDS = 3
"""Ids before this one are padding, beginning and end."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Questions about pictures.

    Attributes:
        prompts: ids of each, the picture's tokens among them.
        pictures: (requests, 3, side, side), on the device.
    """

    prompts: list[list[int]]
    pictures: torch.Tensor


@dataclass(frozen=True, slots=True)
class Timing:
    """One batch size.

    Attributes:
        batch: requests answered together; 1 is the loop.
        seconds: median over the repeats, for all requests; None if memory did not suffice.
        samples_per_second: requests by seconds.
        tokens_per_second: new tokens by seconds.
        times_the_loop: speed in units of the loop's.
        peak_memory_bytes: of the GPU, or of the process on a CPU.
    """

    batch: int
    seconds: float | None
    samples_per_second: float | None
    tokens_per_second: float | None
    times_the_loop: float | None
    peak_memory_bytes: int | None


def tiny_config() -> FoodLMMConfig:
    """The paper's architecture in miniature."""
    return FoodLMMConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=28,
            patch_size=14,
            projection_dim=16,
        ),
        text_config=LlamaConfig(
            vocab_size=320,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=256,
            pad_token_id=0,
        ),
        sam_config=SamConfig(
            vision_config={
                "hidden_size": 16,
                "output_channels": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "image_size": 32,
                "patch_size": 8,
                "window_size": 2,
                "global_attn_indexes": [1],
                "num_pos_feats": 8,
            },
            prompt_encoder_config={"hidden_size": 16, "image_size": 32, "patch_size": 8},
            mask_decoder_config={"hidden_size": 16, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16},
        ),
        image_token_index=319,
        image_seq_length=4,
        vision_feature_layer=-2,
        projector_type="linear",
    )


def random_model(config: FoodLMMConfig, device: torch.device) -> FoodLMMForConditionalGeneration:
    """A model of random bfloat16 weights, made where it will be used, that never ends an answer by itself."""
    torch.manual_seed(0)
    with torch.device(device):
        model = FoodLMMForConditionalGeneration._from_config(config, dtype=torch.bfloat16)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    model.config.segment_token_ids = model.config.nutrition_token_ids = model.config.plain_segment_token_id = None
    return model.eval()


def random_requests(config: FoodLMMConfig, count: int, device: torch.device) -> Requests:
    """Random pictures and words; the same for each device."""
    rng = np.random.default_rng(0)
    picture = [config.image_token_index] * config.image_seq_length
    highest = min(config.text_config.vocab_size, config.image_token_index)
    prompts = []
    for length in rng.integers(*_QUESTION_TOKENS, endpoint=True, size=count).tolist():
        words = rng.integers(_ORDINARY_IDS, highest, size=length).tolist()
        prompts.append([1, *words[:4], *picture, *words[4:]])
    side = config.vision_config.image_size
    pixels = torch.from_numpy(rng.standard_normal((count, 3, side, side), dtype=np.float32))
    return Requests(prompts, pixels.to(device, torch.bfloat16))


def answer(model: FoodLMMForConditionalGeneration, requests: Requests, batch: int, new_tokens: int) -> int:
    """Answer all requests; returns how many new tokens that were."""
    written = 0
    for start in range(0, len(requests.prompts), batch):
        rows = requests.prompts[start : start + batch]
        longest = max(map(len, rows))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows], device=model.device)
        given = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=model.device)
        pictures = requests.pictures[start : start + batch]
        answers = model.generate_answers(
            input_ids=ids, attention_mask=given, pixel_values=pictures, max_new_tokens=new_tokens
        )
        written += sum(len(each.token_ids) for each in answers)
    return written


def time_batch(
    model: FoodLMMForConditionalGeneration, requests: Requests, batch: int, new_tokens: int, repeats: int
) -> tuple[float | None, int | None]:
    """Median seconds for all requests, after one batch to warm up, and the most memory; no seconds if it ran out."""
    on_gpu = model.device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(model.device)
    first = Requests(requests.prompts[:batch], requests.pictures[:batch])
    seconds = []
    try:
        answer(model, first, batch, new_tokens)
        for _ in range(repeats):
            _wait(on_gpu)
            began = time.perf_counter()
            written = answer(model, requests, batch, new_tokens)
            _wait(on_gpu)
            seconds.append(time.perf_counter() - began)
            if written != len(requests.prompts) * new_tokens:
                raise RuntimeError(f"{written} tokens, not {len(requests.prompts)} x {new_tokens}.")
    except torch.OutOfMemoryError:
        return None, peak_memory(model.device)
    return statistics.median(seconds), peak_memory(model.device)


def _wait(on_gpu: bool) -> None:
    if on_gpu:
        torch.cuda.synchronize()


def measure(
    model: FoodLMMForConditionalGeneration, requests: Requests, batches: list[int], new_tokens: int, repeats: int
) -> list[Timing]:
    """Time the loop and each batch size."""
    timings: list[Timing] = []
    loop: float | None = None
    for batch in sorted({1, *batches}):
        seconds, memory = time_batch(model, requests, batch, new_tokens, repeats)
        loop = seconds if batch == 1 else loop
        rate = len(requests.prompts) / seconds if seconds else None
        timings.append(
            Timing(
                batch=batch,
                seconds=round(seconds, 4) if seconds else None,
                samples_per_second=round(rate, 3) if rate else None,
                tokens_per_second=round(rate * new_tokens, 1) if rate else None,
                times_the_loop=round(loop / seconds, 2) if seconds and loop else None,
                peak_memory_bytes=memory,
            )
        )
    return timings


def show(record: dict[str, Any]) -> None:
    """Print the table to stdout."""
    table = Table(title=f"{record['size']}, bfloat16, {record['new_tokens']} new tokens, {record['device']}")
    for heading in ("batch", "samples/s", "tokens/s", "x the loop", "peak memory, GiB"):
        table.add_column(heading, justify="right")
    for row in record["timings"]:
        rates = [row[key] for key in ("samples_per_second", "tokens_per_second", "times_the_loop")]
        told = ["out of memory" if rate is None else f"{rate:,.2f}" for rate in rates]
        memory = row["peak_memory_bytes"]
        name = "1 (loop)" if row["batch"] == 1 else str(row["batch"])
        table.add_row(name, *told, "not known" if memory is None else f"{memory / 2**30:.2f}")
    Console(width=100).print(table)


def run(size: str, device_name: str, batches: list[int], count: int, new_tokens: int, repeats: int) -> dict[str, Any]:
    """Make the model, time it, and return the record.

    Raises:
        UsageError: the paper's size without a GPU, or a device that is not there.
    """
    device = resolve_device(device_name)
    if size == "paper" and device.type == "cpu":
        raise UsageError(
            "The paper's size (7.7 billion weights, 16 GB in bfloat16) is timed on a GPU, and PyTorch sees none here.",
            hint="Run this where there is an NVIDIA GPU of 24 GB or more, or try --size tiny.",
        )
    config = FoodLMMConfig.paper() if size == "paper" else tiny_config()
    model, requests = random_model(config, device), random_requests(config, count, device)
    timings = measure(model, requests, batches, new_tokens, repeats)
    return {
        "size": size,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "requests": count,
        "prompt_tokens": [len(prompt) for prompt in requests.prompts],
        "new_tokens": new_tokens,
        "repeats": repeats,
        "versions": versions(),
        "timings": [asdict(timing) for timing in timings],
    }


def _batch_sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if min(sizes) < 1:
        raise ValueError(text)
    return sizes


def _positive(text: str) -> int:
    return _batch_sizes(text)[0]


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("paper", "tiny"), default="paper")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU if there is one)")
    parser.add_argument("--batches", type=_batch_sizes, default=[1, 8, 32], help="batch sizes (default: 1,8,32)")
    parser.add_argument("--requests", type=_positive, default=32, help="questions, each about a picture of its own")
    parser.add_argument("--new-tokens", type=_positive, default=64, help="length of every answer")
    parser.add_argument("--repeats", type=_positive, default=3, help="of which the median counts")
    parser.add_argument("--out", type=Path, help="JSON file for the record")
    return parser.parse_args(argv)


@command
def main(argv: list[str] | None = None) -> None:
    """Entry point; returns the exit code."""
    given = _arguments(argv)
    record = run(given.size, given.device, given.batches, given.requests, given.new_tokens, given.repeats)
    show(record)
    if given.out is not None:
        atomic_write_json(given.out, record)


if __name__ == "__main__":
    sys.exit(main())
