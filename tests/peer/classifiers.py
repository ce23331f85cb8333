"""The linear probe with its search in scikit-learn, and the zero-shot ensemble in PyTorch.

The probe is CoOp's lpclip (Zhou et al. 2022): a C of {1e6, 1e4, ..., 1e-6} by the validation images, then bisection around
it, each time a LogisticRegression(solver="lbfgs", max_iter=1000). Its data are those of `coop bench`, number for number.
"""
import time
import warnings

import numpy as np
import torch
from torch.nn import functional as F

from model import TOKENS, TextTower

try:
    from sklearn.linear_model import LogisticRegression
except ImportError:
    LogisticRegression = None

VALIDATION, BISECTIONS = 4, 8


def mixed(x, key):
    """lowbias32, to -0.5 .. 0.5"""
    x = (x + np.uint32(key * 0x9E3779B9 % 2**32)).astype(np.uint32)
    x = (x ^ x >> np.uint32(16)) * np.uint32(0x7FEB352D)
    x = (x ^ x >> np.uint32(15)) * np.uint32(0x846CA68B)
    return ((x ^ x >> np.uint32(16)) / 2.0**32 - 0.5).astype(np.float32)


def probe_data(n_classes, each, n_features, key):
    labels = np.repeat(np.arange(n_classes), each)
    centres = mixed(np.arange(n_classes * n_features, dtype=np.uint32), 3).reshape(n_classes, n_features)
    noise = mixed(np.arange(len(labels) * n_features, dtype=np.uint32), key).reshape(-1, n_features)
    return np.float32(0.2) * centres[labels] + noise, labels


def probe_seconds(n_classes, shots, n_features):
    images, labels = probe_data(n_classes, shots, n_features, 1)
    val_images, val_labels = probe_data(n_classes, VALIDATION, n_features, 2)

    def accuracy(C):
        probe = LogisticRegression(solver="lbfgs", max_iter=1000, C=C).fit(images, labels)
        return np.mean(probe.predict(val_images) == val_labels)

    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a large C does not converge, here as there
        grid = [1e6, 1e4, 1e2, 1, 1e-2, 1e-4, 1e-6]
        peak = grid[int(np.argmax([accuracy(C) for C in grid]))]
        left, right = [(C, accuracy(C)) for C in (0.1 * peak, 10 * peak)]
        for _ in range(1, BISECTIONS):
            C = 10 ** (0.5 * (np.log10(right[0]) + np.log10(left[0])))
            if left[1] < right[1]:
                left = C, accuracy(C)
            else:
                right = C, accuracy(C)
    return time.perf_counter() - start


class Ensemble:
    """The mean of unit features over the templates, of unit length: every prompt is padded to 77 tokens."""

    def __init__(self, n_templates, n_classes, dtype):
        self.tower = TextTower().eval().to(dtype)
        self.prompts = torch.randn(n_classes, n_templates, TOKENS, 512).mul(0.02).to(dtype)
        self.ends = torch.full((n_templates,), 9)

    def __call__(self):
        with torch.inference_mode():
            for prompts in self.prompts:
                F.normalize(F.normalize(self.tower(prompts, self.ends), dim=-1).mean(0), dim=-1)
