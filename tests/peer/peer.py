"""The loops of `coop bench` beside the same loops in PyTorch:  python peer.py build/coop [LOOP...]

The bench says what it measured, a JSON object per row; each loop that has a like here is then measured with as many
threads, in float and in bfloat16, image towers in ONNX Runtime too. LOOP is a part of the names of loops. Times are
medians after one run to warm up; a ratio above 1 says how many times faster coop is.
"""
import io
import json
import re
import subprocess
import sys
import time

import numpy as np
import torch
from PIL import Image

import classifiers
import onnx_tower
import pretrain
from model import IMAGE_TOWERS, TOKENS, ConditionalStep, TrainingStep

GROUPS = ["10 classes", "100 classes", "cocoop", "JPEG", "RN50", "RN101", "ViT-B/32", "ViT-B/16", "ViT-L/14", "small ViT", "linear probe, 100 ", "zero-shot, 80 templates, 10 "]
TRIES, ENOUGH_SECONDS = 5, 4  # as in `coop bench`
MAX_ROWS = 200 * TOKENS  # a padded batch beyond this takes more memory than most machines have


def median_seconds(loop):
    loop()
    seconds = []
    while len(seconds) < TRIES and sum(seconds) < ENOUGH_SECONDS:
        start = time.perf_counter()
        loop()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2]


def step_seconds(dtype, n_classes, position, csc):
    if int(n_classes) * TOKENS > MAX_ROWS:
        return None
    return median_seconds(TrainingStep(int(n_classes), position, bool(csc), dtype))


def cocoop_seconds(dtype, what, n_ctx, n_images):
    step = ConditionalStep(100, dtype, int(n_ctx), int(n_images) if what == "step" else 1)
    if what == "step":
        return median_seconds(step)
    with torch.inference_mode():  # each image takes as long as the first
        return median_seconds(step.logits) * int(n_images)


def tower_seconds(dtype, name, n_images):
    if name not in IMAGE_TOWERS:
        return None
    tower = IMAGE_TOWERS[name]().eval().to(dtype)
    images = torch.randn(int(n_images), 3, 224, 224).to(dtype)
    with torch.inference_mode():
        return median_seconds(lambda: tower(images))


def onnx_seconds(loop):
    match = re.match(r"(\S+), (\d+) images?$", loop)
    if match and match[1] in IMAGE_TOWERS and onnx_tower.onnxruntime:
        images = torch.randn(int(match[2]), 3, 224, 224)
        return median_seconds(onnx_tower.OnnxTower(IMAGE_TOWERS[match[1]]().eval(), images, torch.get_num_threads()))


def pretrain_seconds(dtype, name, n_pairs):
    return median_seconds(pretrain.PretrainStep(name, int(n_pairs), dtype)) if pretrain.open_clip else None


def finetune_seconds(dtype, name, n_images):
    return median_seconds(pretrain.FinetuneStep(name, int(n_images), dtype)) if pretrain.open_clip else None


def draw_photo(width, height):
    """The picture of `coop bench`, compressed as it does."""
    y, x, c = np.indices((height, width, 3))
    grain = ((x * 73 + y * 179 + c * 283) * 2654435761 % 2**32 >> 27) - 16
    pixels = 128 + 60 * np.sin(x / 17 + c) + 40 * np.sin(y / 11 - x / 29) + grain
    jpeg = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(jpeg, "JPEG", quality=90, optimize=True)
    return jpeg.getvalue()


def photo_seconds(dtype, width, height, size):
    """Decode, bicubic resize of the short side, centre crop, normalise: Pillow and a float tensor."""
    if dtype != torch.float32:
        return None
    jpeg, width, height, size = draw_photo(int(width), int(height)), int(width), int(height), int(size)
    scale = size / min(width, height)
    wide, high = int(width * scale), int(height * scale)
    left, top = round((wide - size) / 2), round((high - size) / 2)

    def loop():
        image = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((wide, high), Image.BICUBIC)
        image = image.crop((left, top, left + size, top + size))
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        pixels.float().div_(255).sub_(0.5).div_(0.25)

    return median_seconds(lambda: [loop() for _ in range(5)]) / 5


def probe_seconds(dtype, n_classes, shots, n_features):
    shape = int(n_classes), int(shots), int(n_features)
    return classifiers.probe_seconds(*shape) if dtype == torch.float32 and classifiers.LogisticRegression else None


def zeroshot_seconds(dtype, n_templates, n_classes):
    """Each class takes as long as the first ones."""
    n = min(int(n_classes), 4)
    return median_seconds(classifiers.Ensemble(int(n_templates), n, dtype)) * int(n_classes) / n


LOOPS = [
    (r"train step, (\d+) classes, (end|middle|front)(, csc)?$", step_seconds),
    (r"learner (step|test), cocoop, M (\d+), (\d+) images$", cocoop_seconds),
    (r"(\S+), (\d+) images?$", tower_seconds),
    (r"pretrain step, (.+), (\d+) pairs$", pretrain_seconds),
    (r"fine-tune step, (.+), (\d+) images$", finetune_seconds),
    (r"linear probe, (\d+) x (\d+) of (\d+)$", probe_seconds),
    (r"zero-shot, (\d+) templates, (\d+) classes$", zeroshot_seconds),
    (r"JPEG (\d+)x(\d+) to (\d+), 1 thread$", photo_seconds),
]


def peer_seconds(loop, dtype):
    for pattern, seconds in LOOPS:
        if match := re.match(pattern, loop):
            return seconds(dtype, *match.groups())


def cells(coop, peer):
    return f"{peer:10.4f} s {peer / coop:7.2f}" if peer else f"{'-':>12} {'-':>7}"


def main(coop, *parts):
    print(f"{'':34} {'coop':>12} {'PyTorch':>12} {'ratio':>7} {'bfloat16':>12} {'ratio':>7} {'ONNX':>12} {'ratio':>7}", flush=True)
    for part in parts or GROUPS:  # the two take turns, so that a change of the machine's load spoils less
        bench = subprocess.run([coop, "bench", "--json", part], check=True, stdout=subprocess.PIPE, text=True)
        for row in map(json.loads, bench.stdout.splitlines()):
            loop, seconds = row["loop"], row["seconds"]
            torch.set_num_threads(1 if loop.endswith("1 thread") else row["threads"])
            peers = [peer_seconds(loop, dtype) for dtype in (torch.float32, torch.bfloat16)]
            peers.append(onnx_seconds(loop))
            print(f"{loop:34} {seconds:10.4f} s", *(cells(seconds, peer) for peer in peers), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
