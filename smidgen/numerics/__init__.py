"""Integer and float32 arithmetic, written once in numpy; every function has a bit-exact twin in codegen/kernels.

One module an operator: the function that turns real parameters into integers (`*_parameters`), and the one that
computes with them. Arrays carry a leading batch axis; integers are held in int64 so that no step can wrap here.
"""
