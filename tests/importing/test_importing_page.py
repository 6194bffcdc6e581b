"""docs/importing.md shows what happens: each example runs, and prints or raises what stands below it."""

from importing_page import EXAMPLE, PAGE, filled


def test_every_example_shows_what_it_does() -> None:
    """In the order of the page, letter by letter; if not, run tests/importing/importing_page.py."""
    page = PAGE.read_text(encoding="utf-8")
    assert len(EXAMPLE.findall(page)) == page.count("```python")
    assert filled(page) == page
