"""Audio-visual saliency prediction for video (DAVE) in JAX and Flax."""

__version__ = '0.1.0'
