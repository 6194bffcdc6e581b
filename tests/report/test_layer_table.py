"""Layer tables hold the record's numbers, and with the rest they add up to the program."""

from smidgen.report.document import Document
from smidgen.report.layer_table import draw_layer_tables


def tables(document):
    return draw_layer_tables(Document.from_mapping(document))


def number(text):
    return int(text.replace(",", ""))


def test_rows_add_up_to_the_program(document):
    """Instructions, flash and share of the rows, the rest included, sum to the total."""
    for table in tables(document):
        assert number(table.total.instructions) == sum(number(row.instructions) for row in table.rows)
        assert number(table.total.flash_bytes) == sum(number(row.flash_bytes) for row in table.rows)
        assert abs(100 - sum(row.share for row in table.rows)) <= 0.05 * len(table.rows)


def test_a_layer_as_written(document):
    """Name, op, MACs, instructions, share, instructions per MAC and flash of one layer; no ratio without MACs."""
    mamba = tables(document)[0]
    (scan,) = (row for row in mamba.rows if row.name == "layers.0.scan")
    assert (
        scan.op, scan.macs, scan.instructions, scan.share, scan.per_mac, scan.flash_bytes,
    ) == ("SelectiveScan", "15,360", "88,700", 42.3, "5.77", "1,420")  # fmt: skip
    assert (mamba.rows[0].macs, mamba.rows[0].per_mac) == ("", "")


def test_int8_programs_are_shown_and_the_best_is_marked(document):
    """Float32 programs have no table beside int8 ones."""
    assert [(table.program, table.best) for table in tables(document)] == [
        ("mamba int8", True),
        ("transformer int8", False),
        ("gru int8", False),
    ]


def test_cycles_are_called_an_estimate_or_not_named(document):
    """The exact count needs no such word; a core without a cycle model says nothing of cycles."""
    assert tables(document)[0].summary == (
        "cortex-m4: 209,922 instructions in the costliest of 1,204 invokes measured, 209,531 in the cheapest. "
        "About 274,997 cycles (estimate)."
    )
    document["measurements"][1]["cycles_estimate"] = None
    document["measurements"][1]["instructions_min"] = document["measurements"][1]["instructions"]
    assert tables(document)[0].summary == "cortex-m4: 209,922 instructions in the costliest of 1,204 invokes measured."
