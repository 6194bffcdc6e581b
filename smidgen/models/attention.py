"""Causal multi-head self-attention (Vaswani et al. 2017, Section 3.2.2), kept whole by export.

Shapes: b batch, t time steps, D = d_model, H heads, d_head = D / H.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class CausalSelfAttention(nn.Module):
    """Each step attends to itself and the steps before it, (b, t, D) to (b, t, D)."""

    def __init__(self, *, d_model: int, n_heads: int) -> None:
        super().__init__()
        self.head_shape = (n_heads, d_model // n_heads)
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self._heads(self.q_proj(x)), self._heads(self.k_proj(x)), self._heads(self.v_proj(x))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (b, H, t, d_head)
        projected: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return projected

    def _heads(self, x: Tensor) -> Tensor:
        """(b, t, D) to (b, H, t, d_head)."""
        return x.reshape(x.shape[0], x.shape[1], *self.head_shape).transpose(1, 2)
