"""CLIP and CoOp in plain PyTorch, written from the formulas of the papers, with random weights.

CLIP: Radford et al. 2021, section 2.4. Blocks: x + attention(norm(x)), then x + mlp(norm(x)), with
QuickGELU x sigmoid(1.702 x). Image towers: ViT (Dosovitskiy et al. 2021) with one more norm in front, and the
ResNet-D of He et al. 2019 with an anti-aliasing pool before every stride and attention for its last pool.
CoOp: Zhou et al. 2022, section 3.2: prompts are padded to 77 tokens, and all rows of all classes are computed.
Shapes: B images, K classes, T tokens, C width, H heads.
"""
import torch
from torch import nn
from torch.nn import functional as F

TOKENS = 77


class Block(nn.Module):
    def __init__(self, width, causal=False):
        super().__init__()
        self.heads, self.causal = width // 64, causal
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):  # (B, T, C)
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in self.qkv(self.norm1(x)).chunk(3, -1))
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)  # (B, H, T, C / H)
        x = x + self.proj(heads.transpose(1, 2).flatten(2))
        y = self.up(self.norm2(x))
        return x + self.down(y * torch.sigmoid(1.702 * y))


class TextTower(nn.Module):
    def __init__(self, width=512, layers=12, embed=512):
        super().__init__()
        self.positions = nn.Parameter(0.01 * torch.randn(TOKENS, width))
        self.blocks = nn.Sequential(*(Block(width, causal=True) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Parameter(width**-0.5 * torch.randn(width, embed))

    def forward(self, prompts, ends):  # (K, T, C), (K): the place of each end-of-text token
        x = self.norm(self.blocks(prompts + self.positions))
        return x[torch.arange(len(x)), ends] @ self.projection


class Vit(nn.Module):
    def __init__(self, width, layers, patch, embed, size=224):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch, bias=False)
        self.cls = nn.Parameter(0.02 * torch.randn(width))
        self.positions = nn.Parameter(0.02 * torch.randn((size // patch) ** 2 + 1, width))
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(layers)))
        self.projection = nn.Parameter(width**-0.5 * torch.randn(width, embed))

    def forward(self, images):  # (B, 3, S, S)
        x = self.patches(images).flatten(2).transpose(1, 2)  # (B, T - 1, C)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], 1) + self.positions
        return self.after(self.blocks(self.before(x))[:, 0]) @ self.projection


def conv(n_in, n_out, kernel, stride=1):
    return nn.Sequential(nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(n_out))


class Bottleneck(nn.Module):
    def __init__(self, n_in, planes, stride):
        super().__init__()
        pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.path = nn.Sequential(conv(n_in, planes, 1), nn.ReLU(), conv(planes, planes, 3), nn.ReLU(), pool,
                                  conv(planes, 4 * planes, 1))
        same = stride == 1 and n_in == 4 * planes
        self.skip = nn.Identity() if same else nn.Sequential(pool, conv(n_in, 4 * planes, 1))

    def forward(self, x):
        return F.relu(self.path(x) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self, layers, embed, width=64, size=224):
        super().__init__()
        parts = [conv(3, width // 2, 3, 2), nn.ReLU(), conv(width // 2, width // 2, 3), nn.ReLU(),
                 conv(width // 2, width, 3), nn.ReLU(), nn.AvgPool2d(2)]
        n_in = width
        for stage, n_blocks in enumerate(layers):
            for block in range(n_blocks):
                parts.append(Bottleneck(n_in, width << stage, 2 if stage > 0 and block == 0 else 1))
                n_in = 4 * width << stage
        self.body = nn.Sequential(*parts)
        self.heads = n_in // 64
        self.positions = nn.Parameter(n_in**-0.5 * torch.randn((size // 32) ** 2 + 1, n_in))
        self.q, self.k, self.v = (nn.Linear(n_in, n_in) for _ in range(3))
        self.projection = nn.Linear(n_in, embed)

    def forward(self, images):
        x = self.body(images).flatten(2).transpose(1, 2)  # (B, 49, C)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positions
        q, k, v = (f(y).unflatten(-1, (self.heads, -1)).transpose(1, 2)
                   for f, y in ((self.q, x[:, :1]), (self.k, x), (self.v, x)))  # the mean asks
        return self.projection(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(1))


IMAGE_TOWERS = {
    "RN50": lambda: ResNet((3, 4, 6, 3), 1024),
    "RN101": lambda: ResNet((3, 4, 23, 3), 512),
    "ViT-B/32": lambda: Vit(768, 12, 32, 512),
    "ViT-B/16": lambda: Vit(768, 12, 16, 512),
    "ViT-L/14": lambda: Vit(1024, 24, 14, 768),
}


class TrainingStep:
    """One step of SGD on the context vectors of K classes, everything else frozen."""

    def __init__(self, n_classes, position, csc, dtype, n_ctx=16, batch=32, width=512, embed=512):
        # As in `coop bench`: names of two tokens, every eighth of three; then the period and the end of the text.
        name = [2 + (k % 8 == 0) for k in range(n_classes)]
        before = {"end": n_ctx, "middle": n_ctx // 2, "front": 0}[position]
        self.places = [[1 + m + (name[k] if m >= before else 0) for m in range(n_ctx)] for k in range(n_classes)]
        self.rows, self.places = torch.arange(n_classes)[:, None], torch.tensor(self.places)
        self.ends = torch.tensor([1 + n_ctx + n + 1 for n in name])
        self.fixed = 0.02 * torch.randn(n_classes, TOKENS, width, dtype=dtype)  # embeddings of all other tokens
        self.text = TextTower(width, embed=embed).to(dtype).requires_grad_(False)
        shape = (n_classes, n_ctx, width) if csc else (n_ctx, width)
        self.ctx = nn.Parameter((0.02 * torch.randn(shape)).to(dtype))
        self.images = F.normalize(torch.randn(batch, embed), dim=-1).to(dtype)
        self.labels = torch.arange(batch) % n_classes
        self.sgd = torch.optim.SGD([self.ctx], lr=0.002, momentum=0.9, weight_decay=5e-4)

    def __call__(self):
        ctx = self.ctx.expand(len(self.fixed), -1, -1)
        prompts = self.fixed.index_put((self.rows, self.places), ctx)
        text = F.normalize(self.text(prompts, self.ends), dim=-1)
        loss = F.cross_entropy(100 * self.images @ text.T, self.labels)
        self.sgd.zero_grad()
        loss.backward()
        self.sgd.step()


class ConditionalStep(TrainingStep):
    """CoCoOp (Zhou et al. 2022, github.com/KaiyangZhou/CoOp): a vector from each image is added to the contexts, and each
    image has text features of its own."""

    def __init__(self, n_classes, dtype, n_ctx=4, batch=1, width=512, embed=512):
        super().__init__(n_classes, "end", False, dtype, n_ctx, batch, width, embed)
        hidden = embed // 16
        self.net = nn.Sequential(nn.Linear(embed, hidden), nn.ReLU(), nn.Linear(hidden, width)).to(dtype)
        parameters = [self.ctx, *self.net.parameters()]
        self.sgd = torch.optim.SGD(parameters, lr=0.002, momentum=0.9, weight_decay=5e-4)

    def logits(self):
        rows = []
        for image, vector in zip(self.images, self.net(self.images)):
            ctx = (self.ctx + vector).expand(len(self.fixed), -1, -1)
            prompts = self.fixed.index_put((self.rows, self.places), ctx)
            rows.append(100 * image @ F.normalize(self.text(prompts, self.ends), dim=-1).T)
        return torch.stack(rows)

    def __call__(self):
        loss = F.cross_entropy(self.logits(), self.labels)
        self.sgd.zero_grad()
        loss.backward()
        self.sgd.step()
