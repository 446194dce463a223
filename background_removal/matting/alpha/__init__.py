"""Turn a network's probabilities into a sharp, steady alpha."""
