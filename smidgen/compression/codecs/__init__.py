"""How a weight is stored. One codec a module: fit, encode, decode, byte cost."""

from collections.abc import Mapping

from smidgen.compression.codecs.encoded_weight import Codec, EncodedWeight
from smidgen.compression.codecs.palette import Palette
from smidgen.compression.codecs.uniform import Uniform

__all__ = ["CODECS", "Codec", "EncodedWeight", "Palette", "Uniform"]

#: The codecs that a recipe's file names.
CODECS: Mapping[str, Codec] = {
    "int8": Uniform(),
    "int4": Uniform(bits=4, fit="least-squares"),
    "palette16": Palette(),
    "palette16-normal": Palette(levels="normal"),
}
