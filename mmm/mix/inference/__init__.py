"""From a design and priors to draws: the collapsed posterior, its sampler, its diagnostics."""
