"""The log likelihood of Gaussian processes, with its derivative in closed form."""

from __future__ import annotations

from typing import Any

import torch
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable


class LogLikelihood(Function):
    """Log density (p) of values z (p x n) with mean 0 and covariance K (p x n x n), up to a constant.

    Its derivative by K is `(a aT - inverse of K) / 2` with `K a = z` (Rasmussen and Williams 2006, eq. 5.9), which is less work
    than automatic differentiation through the factorisation.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, K: Tensor, z: Tensor) -> Tensor:
        """Log densities (p).

        Raises:
            NotPSDError: if a K has no Cholesky factor even with a small constant added to its diagonal.
        """
        factor = psd_safe_cholesky(K)
        precision = torch.cholesky_inverse(factor)
        solved = precision @ z.unsqueeze(-1)
        ctx.save_for_backward(precision, solved)
        return -0.5 * (z * solved.squeeze(-1)).sum(-1) - factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Turn derivatives by the densities (p) into those by K (p x n x n); z is data and has none."""
        precision, solved = ctx.saved_tensors
        by_covariance = torch.baddbmm(precision, solved, solved.mT, beta=-0.5, alpha=0.5)
        return by_covariance.mul_(gradient[:, None, None]), None
