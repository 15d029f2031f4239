"""The density that hyper-parameters are searched by: its value and its derivative in closed form."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from admire.optimize.surrogates.log_likelihood import LogLikelihood


@pytest.fixture
def evidence():
    torch.manual_seed(0)
    root = torch.randn(3, 5, 5, dtype=torch.float64)
    return root @ root.mT + torch.eye(5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)


def test_it_is_the_normal_density_up_to_a_constant(evidence):
    covariance, z = evidence
    known = MultivariateNormal(torch.zeros_like(z), covariance).log_prob(z)
    difference = LogLikelihood.apply(covariance, z) - known
    assert difference.sub(difference[0]).abs().max() < 1e-12


def test_its_derivative_is_that_of_the_density(evidence):
    covariance, z = evidence
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)

    def derivative(density):
        at = covariance.clone().requires_grad_()
        (weights * density(at)).sum().backward()
        return (at.grad + at.grad.mT) / 2  # a covariance's two halves move together

    known = derivative(lambda K: MultivariateNormal(torch.zeros_like(z), K).log_prob(z))
    found = derivative(lambda K: LogLikelihood.apply(K, z))
    assert (known - found).abs().max() < 1e-12
