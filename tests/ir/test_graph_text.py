"""A graph as text."""

from graph_maker import INT16, GraphMaker

from smidgen.ir import graph_text

#: From `python -c "from test_graph_text import small; ..."` as below; changes only when the text's form does.
GOLDEN = """\
graph rooms
  input  rssi int8 20x4 scale 0.03125 zero_point 3
  linear.0: linear(rssi) -> t1 int16 20x8 scale 0.000244141
  mean.1: mean(t1) -> t2 int8 8 scale 0.03125 zero_point 3
  argmax.2: argmax(t2) -> t3 int32 scalar
  output t2 int8 8 scale 0.03125 zero_point 3
  output t3 int32 scalar
"""


def test_one_line_an_operator() -> None:
    """Inputs, operators with their operands, outputs; types, shapes, scales and zero points that are not 0."""
    m = GraphMaker("rooms")
    pooled = m.mean(m.linear(m.input("rssi", 20, 4), 8, INT16), 0)
    assert graph_text(m.graph(pooled, m.argmax(pooled, 0))) == GOLDEN
