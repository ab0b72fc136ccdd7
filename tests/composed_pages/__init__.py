"""Pages of handwritten digits with known truth, composed from MNIST's test digits, in several grades."""
