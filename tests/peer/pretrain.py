"""OpenCLIP's own model, loss and optimiser, as its training script puts them together, with random weights.

Captions of 13 tokens are padded to the context length, as there. Reading the data is not part of a step.
"""
import torch

try:
    import open_clip
except ImportError:
    open_clip = None

SMALL = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 64, "layers": 6, "width": 256, "head_width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 256, "heads": 4, "layers": 6},
}
NAMES = {"ViT-B/32": "ViT-B-32", "ViT-B/16": "ViT-B-16", "RN50": "RN50"}


def create(name):
    if name == "small ViT":
        return open_clip.CLIP(**SMALL)
    return open_clip.create_model(NAMES[name])


def noise(visual, n):
    size = visual.image_size
    return torch.randn(n, 3, *(size if isinstance(size, tuple) else (size, size)))


def adamw(model, weight_decay):
    """Two groups, as in open_clip_train: no decay for gains, biases and the temperature."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
              {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay}]
    return torch.optim.AdamW(groups, lr=5e-4, betas=(0.9, 0.98), eps=1e-6)


class PretrainStep:
    """A step on n pairs; bfloat16 is amp_bf16."""

    def __init__(self, name, n, dtype):
        self.model, self.dtype = create(name).train(), dtype
        self.images = noise(self.model.visual, n)
        self.texts = torch.randint(1, 49000, (n, 77))
        self.texts[:, 0], self.texts[:, 12], self.texts[:, 13:] = 49406, 49407, 0
        self.loss = open_clip.ClipLoss()
        self.optimizer = adamw(self.model, 0.2)

    def __call__(self):
        self.optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            out = self.model(self.images, self.texts)
            image, text, scale = out[:3] if isinstance(out, tuple) else (
                out["image_features"], out["text_features"], out["logit_scale"])
            loss = self.loss(image, text, scale)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, 4.6052)


class FinetuneStep:
    """A step of SGD on the image encoder with n images, against the fixed text features of 100 classes."""

    def __init__(self, name, n, dtype):
        self.model, self.dtype = create(name).visual.eval(), dtype
        self.images = noise(self.model, n)
        self.text = torch.nn.functional.normalize(torch.randn(100, self.model.output_dim), dim=-1)
        self.labels = torch.arange(n) % 100
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-5, momentum=0.9, weight_decay=5e-4)

    def __call__(self):
        self.optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            image = torch.nn.functional.normalize(self.model(self.images), dim=-1)
            loss = torch.nn.functional.cross_entropy(100 * image @ self.text.T, self.labels)
        loss.backward()
        self.optimizer.step()

