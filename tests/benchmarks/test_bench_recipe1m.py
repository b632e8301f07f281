"""Indexing and reading Recipe1M's JSON files, beside loading them whole, in one run.

    pytest tests/benchmarks --benchmark-only

The copy is generated: 100,000 recipes with rows as long as the real ones (152 MB), a tenth of the real dataset.
`extra_info` holds the other method's time in the same process, the ratio, and the peak memory of each in a process of
its own; nothing is asserted about time. Without `--benchmark-only` the copy is a hundred times smaller.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foodbench.data.recipe1m import Recipe1M
from foodbench.data.recipe1m_index import index_path, open_index
from foodbench.data.recipe1m_vocabulary import official_vocabulary

WORDS = """
the and into pan stir until add with bowl heat oven minutes mixture large small sugar salt pepper onion chicken butter
oil water cook over medium high bake sprinkle cheese flour cream egg garlic sauce remove from place cover serve hot cold
""".split()  # noqa: SIM905 - forty words read better than forty strings
NAMES = ("layer1.json", "det_ingrs.json", "layer2.json")
FETCHES = 500


def sentence(rng, count):
    return " ".join(rng.choices(WORDS, k=count)).capitalize()


def recipe(rng, number):
    recipe_id = f"{number:010x}"
    lines = [rng.choices(WORDS, k=3) for _ in range(rng.randint(3, 15))]
    texts = {
        "ingredients": [{"text": f"{rng.randint(1, 9)} cups {' '.join(line)}"} for line in lines],
        "url": f"http://www.food.com/recipe/{'-'.join(rng.choices(WORDS, k=4))}-{number % 500_000}",
        "partition": rng.choices(["train", "val", "test"], [70, 15, 15])[0],
        "title": sentence(rng, 4),
        "id": recipe_id,
        "instructions": [{"text": sentence(rng, rng.randint(3, 14)) + "."} for _ in range(rng.randint(2, 16))],
    }
    valid = [rng.random() < 0.9 for _ in lines]
    detections = {"valid": valid, "id": recipe_id, "ingredients": [{"text": " ".join(line[:2])} for line in lines]}
    url = "http://img.sndimg.com/food/image/upload/img/recipes/picture.jpg"
    images = [{"id": f"{rng.randrange(16**10):010x}.jpg", "url": url} for _ in range(rng.randint(1, 4))]
    return texts, detections, {"id": recipe_id, "images": images} if rng.random() < 0.4 else None


@pytest.fixture(scope="module")
def root(request, tmp_path_factory):
    count = 1_000 if request.config.getoption("benchmark_disable") else 100_000
    folder = tmp_path_factory.mktemp("bench") / "Recipe1M"
    (folder / "images").mkdir(parents=True)
    rng = random.Random(0)
    streams = [(folder / name).open("w") for name in NAMES]
    for stream in streams:
        stream.write("[")
    begun = [""] * len(streams)
    for number in sorted(rng.sample(range(16**10), count)):
        for place, row in enumerate(recipe(rng, number)):
            if row is not None:
                streams[place].write(begun[place] + json.dumps(row))
                begun[place] = ", "
    for stream in streams:
        stream.write("]")
        stream.close()
    return folder


def seconds(run):
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def load_whole(root):
    for name in NAMES:
        with (root / name).open() as stream:
            json.load(stream)


PEAK = """
import json, sys
from pathlib import Path
root = Path(sys.argv[2])
if sys.argv[1] == "index":
    from foodbench.data.recipe1m import Recipe1M
    Recipe1M(root)
else:
    held = [json.load((root / name).open()) for name in ("layer1.json", "det_ingrs.json", "layer2.json")]
# Not getrusage: its peak goes on from that of the parent process.
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")))
"""


def peak_megabytes(what, root):
    done = subprocess.run([sys.executable, "-c", PEAK, what, str(root)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_building_the_index(benchmark, root):
    path = index_path(root)

    def build():
        path.unlink(missing_ok=True)
        open_index(root, official_vocabulary())

    benchmark.pedantic(build, rounds=2)
    ours, whole = seconds(build), seconds(lambda: load_whole(root))
    size = sum((root / name).stat().st_size for name in NAMES)
    benchmark.extra_info.update(
        json_megabytes=size / 1e6, index_megabytes=path.stat().st_size / 1e6, json_load_seconds=whole,
        times_as_long_as_json_load=ours / whole,
    )  # fmt: skip
    if Path("/proc/self/status").is_file():
        path.unlink()
        benchmark.extra_info["peak_megabytes"] = peak_megabytes("index", root)
        benchmark.extra_info["json_load_peak_megabytes"] = peak_megabytes("load", root)


def test_opening_again(benchmark, root):
    Recipe1M(root)
    benchmark(lambda: Recipe1M(root))


def test_listing_a_split(benchmark, root):
    benchmark(lambda: Recipe1M(root).ids("train"))


def test_fetching_recipes_at_random(benchmark, root):
    reader = Recipe1M(root, allow_partial=True)
    numbers = list(reader.index.split("train").ids)
    random.Random(0).shuffle(numbers)
    numbers = numbers[:FETCHES]

    def fetch():
        for number in numbers:
            reader.record(number)

    benchmark(fetch)
    benchmark.extra_info["us_per_record"] = seconds(fetch) / len(numbers) * 1e6


def test_looking_for_photos(benchmark, root):
    (root / "images" / "train").mkdir(exist_ok=True)
    reader = Recipe1M(root, allow_partial=True)
    numbers = reader.index.split("train").first_images

    def look():
        from foodbench.data.recipe1m import photos_present

        return photos_present(root, "train", numbers)

    assert not any(benchmark(look))
    benchmark.extra_info["us_per_photo"] = seconds(look) / len(numbers) * 1e6
