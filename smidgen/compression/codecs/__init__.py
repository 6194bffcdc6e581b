"""How a weight is stored. One codec a module: fit, encode, decode, byte cost."""

from smidgen.compression.codecs.uniform import EncodedWeight, Uniform

__all__ = ["EncodedWeight", "Uniform"]
