"""The search space: mixtures on the capped simplex, their exact counts, and fidelities with their costs."""
