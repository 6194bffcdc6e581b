"""Attention networks. B batch, T time, D width, H heads, w width of a head, R classes."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TorchEncoder(nn.Module):
    """nn.TransformerEncoder as in PyTorch's tutorial: sinusoidal positions, mean over time."""

    def __init__(self, features: int = 6, width: int = 16, classes: int = 5, steps: int = 12) -> None:
        super().__init__()
        self.embed = nn.Linear(features, width)
        position = torch.arange(steps).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        pe = torch.zeros(steps, width)
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)
        layer = nn.TransformerEncoderLayer(width, 4, 32, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) * math.sqrt(16) + self.pe[: x.size(1)]
        return self.head(self.encoder(h).mean(dim=1))


class SequenceFirst(nn.Module):
    """Time before batch, as nn.Transformer had it first; pre-norm, GELU, a final norm, the last step decides."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, activation="gelu", norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, norm=nn.LayerNorm(16), enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x).permute(1, 0, 2)
        h = self.encoder(h)
        return self.head(h[-1])


class AttentionWithWeights(nn.Module):
    """nn.MultiheadAttention called the short way, which computes weights that nobody uses."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.mlp = nn.Sequential(nn.Linear(8, 16), nn.ReLU(inplace=True), nn.Linear(16, 8))
        self.out = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        attended, _ = self.attn(x, x, x)
        h = self.norm(x + attended)
        h = h + self.mlp(h)
        return self.out(h.max(dim=1).values)


class CausalSelfAttention(nn.Module):
    """Hand-written causal attention of the GPT tutorials, with a triangular buffer."""

    def __init__(self, width: int, heads: int, steps: int) -> None:
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.heads, self.width = heads, width
        self.attn_dropout = nn.Dropout(0.1)
        self.register_buffer("bias", torch.tril(torch.ones(steps, steps)).view(1, 1, steps, steps))

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.width, dim=2)
        k = k.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        q = q.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, C // self.heads).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float("-inf"))
        att = self.attn_dropout(F.softmax(att, dim=-1))
        y = (att @ v).transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)


class TinyGPT(nn.Module):
    """Token ids in, logits of every step out, output weights tied to the embedding."""

    def __init__(self, vocabulary: int = 20, width: int = 16, steps: int = 10) -> None:
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(steps, width)
        self.ln_1, self.ln_2, self.ln_f = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, 2, steps)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, idx: Tensor) -> Tensor:
        _, T = idx.size()
        pos = torch.arange(0, T, dtype=torch.long, device=idx.device)
        x = self.wte(idx) + self.wpe(pos)
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return self.lm_head(self.ln_f(x))


class RMSNormByHand(nn.Module):
    """RMSNorm as the Llama code writes it."""

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.rand(dim) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


def rotate_half(x: Tensor) -> Tensor:
    """Return the halves of the last axis swapped, one negated."""
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


class LlamaBlock(nn.Module):
    """Grouped-query attention with rotary positions, SwiGLU."""

    def __init__(self, width: int = 16, heads: int = 4, kv_heads: int = 2, steps: int = 10) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, width // heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(width, kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)
        self.gate_proj, self.up_proj = nn.Linear(width, 32, bias=False), nn.Linear(width, 32, bias=False)
        self.down_proj = nn.Linear(32, width, bias=False)
        self.input_layernorm, self.post_attention_layernorm = RMSNormByHand(width), RMSNormByHand(width)
        inv_freq = 1.0 / (10000 ** (torch.arange(0, self.head_dim, 2).float() / self.head_dim))
        freqs = torch.outer(torch.arange(steps).float(), inv_freq)
        emb = torch.cat((freqs, freqs), dim=-1)
        self.register_buffer("cos", emb.cos())
        self.register_buffer("sin", emb.sin())

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        h = self.input_layernorm(x)
        q = self.q_proj(h).view(b, t, self.heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(h).view(b, t, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(h).view(b, t, self.kv_heads, self.head_dim).transpose(1, 2)
        cos, sin = self.cos[:t], self.sin[:t]
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        groups = self.heads // self.kv_heads
        k = k[:, :, None].expand(b, self.kv_heads, groups, t, self.head_dim).reshape(b, self.heads, t, self.head_dim)
        v = v[:, :, None].expand(b, self.kv_heads, groups, t, self.head_dim).reshape(b, self.heads, t, self.head_dim)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o_proj(y.transpose(1, 2).reshape(b, t, -1))
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class TinyLlama(nn.Module):
    """Two Llama blocks over sensor frames, one output a step."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(5, 16)
        self.layers = nn.ModuleList(LlamaBlock() for _ in range(2))
        self.norm = RMSNormByHand(16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        for layer in self.layers:
            h = layer(h)
        return self.head(self.norm(h))


class AlibiAttention(nn.Module):
    """Causal attention with linear biases (Press et al. 2022), the bias added as a float mask."""

    def __init__(self, width: int = 16, heads: int = 4, steps: int = 10) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        slopes = torch.tensor([2.0 ** (-8.0 * (i + 1) / heads) for i in range(heads)])
        distance = torch.arange(steps)[None, :] - torch.arange(steps)[:, None]
        mask = torch.full((steps, steps), float("-inf")).triu(1)
        self.register_buffer("alibi", slopes[:, None, None] * distance + mask)

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.alibi[:, :t, :t])
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class AlibiNet(nn.Module):
    """One ALiBi layer between linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.attn, self.out = nn.Linear(5, 16), AlibiAttention(), nn.Linear(16, 3)
        self.norm = nn.LayerNorm(16)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inp(x)
        return self.out(self.norm(h + self.attn(h)))


class RelativeBiasEncoder(nn.Module):
    """Bidirectional attention with a learned bias by distance (Raffel et al. 2020, without buckets)."""

    def __init__(self, width: int = 12, heads: int = 3, steps: int = 9) -> None:
        super().__init__()
        self.heads, self.steps = heads, steps
        self.embed = nn.Linear(4, width)
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.relative_attention_bias = nn.Embedding(2 * steps - 1, heads)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 4)

    def split(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        return x.view(b, t, self.heads, d // self.heads).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        q, k, v = self.split(self.q(h)), self.split(self.k(h)), self.split(self.v(h))
        scores = torch.einsum("bhid,bhjd->bhij", q, k)
        position = torch.arange(self.steps)
        bias = self.relative_attention_bias(position[None, :] - position[:, None] + self.steps - 1).permute(2, 0, 1)
        weights = torch.softmax(scores + bias.unsqueeze(0), dim=-1)
        y = torch.einsum("bhij,bhjd->bhid", weights, v)
        y = y.transpose(1, 2).contiguous().view(x.shape[0], self.steps, -1)
        return self.out(self.norm(h + y).mean(1))


class LocalAttention(nn.Module):
    """Causal attention over the last four frames, by a boolean mask."""

    def __init__(self, steps: int = 14, window: int = 4) -> None:
        super().__init__()
        self.inp = nn.Linear(5, 12)
        self.qkv = nn.Linear(12, 36)
        self.out = nn.Linear(12, 3)
        i = torch.arange(steps)
        self.register_buffer("mask", (i[:, None] >= i[None, :]) & (i[:, None] - i[None, :] < window))

    def forward(self, x: Tensor) -> Tensor:
        b, t, _ = x.shape
        h = self.inp(x)
        q, k, v = (part.view(b, t, 3, 4).transpose(1, 2) for part in self.qkv(h).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask)
        return self.out(h + y.transpose(1, 2).flatten(2))


class PatchTransformer(nn.Module):
    """Vision-transformer style over a signal: strided patches, class token, learned positions."""

    def __init__(self, steps: int = 24, patch: int = 4, width: int = 16) -> None:
        super().__init__()
        self.patch_embed = nn.Conv1d(3, width, kernel_size=patch, stride=patch)
        self.cls_token = nn.Parameter(torch.randn(1, 1, width) * 0.5)
        self.pos_embed = nn.Parameter(torch.randn(1, steps // patch + 1, width) * 0.5)
        self.blocks = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(width, 2, 32, activation="gelu", batch_first=True, norm_first=True)
                for _ in range(2)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x.transpose(1, 2)).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1)
        x = self.blocks(x + self.pos_embed)
        return self.head(self.norm(x)[:, 0])


class LinearAttention(nn.Module):
    """Attention with the ELU + 1 feature map (Katharopoulos et al. 2020), not causal."""

    def __init__(self, width: int = 12, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.inp = nn.Linear(4, width)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inp(x)
        b, t, d = h.shape
        q, k, v = (f(h).view(b, t, self.heads, -1) for f in (self.to_q, self.to_k, self.to_v))
        q, k = F.elu(q) + 1, F.elu(k) + 1
        kv = torch.einsum("nshd,nshm->nhmd", k, v)
        z = 1 / (torch.einsum("nlhd,nhd->nlh", q, k.sum(dim=1)) + 1e-6)
        y = torch.einsum("nlhd,nhmd,nlh->nlhm", q, kv, z)
        return self.out(self.norm(h + y.reshape(b, t, d)).mean(dim=1))


class ConformerBlock(nn.Module):
    """Half feed-forward, attention, convolution, half feed-forward (Gulati et al. 2020)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.ff1, self.ff2 = (
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 24), nn.SiLU(), nn.Linear(24, width)) for _ in range(2)
        )
        self.norm_attn, self.norm_conv, self.norm_out = (nn.LayerNorm(width) for _ in range(3))
        self.attn = nn.MultiheadAttention(width, 2, batch_first=True)
        self.pointwise_in = nn.Conv1d(width, 2 * width, 1)
        self.depthwise = nn.Conv1d(width, width, 5, padding="same", groups=width)
        self.batch_norm = nn.BatchNorm1d(width)
        self.pointwise_out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.ff1(x)
        h = self.norm_attn(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        h = F.glu(self.pointwise_in(self.norm_conv(x).transpose(1, 2)), dim=1)
        h = self.pointwise_out(F.silu(self.batch_norm(self.depthwise(h))))
        x = x + h.transpose(1, 2)
        return self.norm_out(x + 0.5 * self.ff2(x))


class Conformer(nn.Module):
    """Strided convolution, one Conformer block, a log-softmax a step."""

    def __init__(self) -> None:
        super().__init__()
        self.subsample = nn.Conv1d(6, 12, 3, stride=2, padding=1)
        self.block = ConformerBlock()
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.subsample(x.transpose(1, 2))).transpose(1, 2)
        return F.log_softmax(self.head(self.block(h)), dim=-1)


class Perceiver(nn.Module):
    """Learned queries read the sequence through cross-attention (Jaegle et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(3, 12))
        self.cross = nn.MultiheadAttention(12, 2, kdim=6, vdim=6, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True)
        self.head = nn.Linear(36, 4)

    def forward(self, x: Tensor) -> Tensor:
        latents = self.latents.unsqueeze(0).repeat(x.size(0), 1, 1)
        latents = latents + self.cross(latents, x, x, need_weights=False)[0]
        return self.head(torch.flatten(self.layer(latents), start_dim=1))


class Retention(nn.Module):
    """Retention in its parallel form (Sun et al. 2023): decay instead of softmax."""

    def __init__(self, width: int = 12, steps: int = 10) -> None:
        super().__init__()
        self.inp, self.out = nn.Linear(4, width), nn.Linear(width, 3)
        self.wq, self.wk, self.wv = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.group_norm = nn.GroupNorm(2, width)
        i = torch.arange(steps)
        decay = torch.where(i[:, None] >= i[None, :], 0.8 ** (i[:, None] - i[None, :]).float(), torch.zeros(()))
        self.register_buffer("decay", decay)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inp(x)
        q, k, v = self.wq(h), self.wk(h) * h.shape[-1] ** -0.5, self.wv(h)
        retained = torch.bmm(torch.bmm(q, k.transpose(1, 2)) * self.decay, v)
        b, t, d = retained.shape
        normed = self.group_norm(retained.reshape(b * t, d)).view(b, t, d)
        return self.out(h + normed)


SPECIMENS: dict[str, dict[str, Any]] = {
    "torch-encoder": {"build": TorchEncoder, "shape": (12, 6), "causal": False},
    "sequence-first": {"build": SequenceFirst, "shape": (9, 6), "causal": False},
    "attention-with-weights": {"build": AttentionWithWeights, "shape": (7, 8), "causal": False},
    "tiny-gpt": {"build": TinyGPT, "shape": (10,), "causal": True, "vocabulary": 20},
    "tiny-llama": {"build": TinyLlama, "shape": (10, 5), "causal": True},
    "alibi": {"build": AlibiNet, "shape": (10, 5), "causal": True},
    "relative-bias": {"build": RelativeBiasEncoder, "shape": (9, 4), "causal": False},
    "local-attention": {"build": LocalAttention, "shape": (14, 5), "causal": True},
    "patch-transformer": {"build": PatchTransformer, "shape": (24, 3), "causal": False},
    "linear-attention": {"build": LinearAttention, "shape": (8, 4), "causal": False},
    "conformer": {"build": Conformer, "shape": (16, 6), "causal": False},
    "perceiver": {"build": Perceiver, "shape": (11, 6), "causal": False},
    "retention": {"build": Retention, "shape": (10, 4), "causal": True},
}
