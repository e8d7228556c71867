"""p(motion | speech): a conditional diffusion model over windows of motion channels, whatever these channels are."""
