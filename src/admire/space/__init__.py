"""WHERE we search: mixtures on the capped simplex, exact counts, model sizes."""
