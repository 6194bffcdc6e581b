"""How numbers are written on the page, in the terminal and in markdown."""

NOTHING = "–"
"""Stands where a number does not apply."""

_NUMBER_WORDS = (
    "No",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
)


def score(value: float | None) -> str:
    """Return a macro-F1 to three decimals."""
    return NOTHING if value is None else f"{value:.3f}"


def score_with_spread(mean: float, std: float | None, n_seeds: int) -> str:
    """Return mean and standard deviation over the seeds; one seed has no spread."""
    return score(mean) if std is None or n_seeds < 2 else f"{mean:.3f}±{std:.3f}"


def hundredths(value: float) -> str:
    """Return a fraction in percent, to two decimals and without the sign; only the whole is written as 100.00."""
    rounded = round(100 * value, 2)
    return f"{min(rounded, 99.99) if value < 1 else rounded:.2f}"


def percent(value: float) -> str:
    """Return a fraction as `hundredths` with the percent sign."""
    return f"{hundredths(value)} %"


def signed(value: float) -> str:
    """Return a difference to three decimals with its sign; what rounds to zero has none."""
    text = f"{value:+.3f}"
    return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", "−")


def relative(value: float) -> str:
    """Return a relative error to two figures, e.g. 2.1e-06."""
    return f"{value:.1e}"


def count(value: int) -> str:
    """Return a whole number with its thousands parted."""
    return f"{value:,}"


def kilobytes(value: int) -> str:
    """Return bytes in KB of 1024, to one decimal, whole where whole."""
    return f"{value // 1024} KB" if value % 1024 == 0 else f"{value / 1024:.1f} KB"


def number_word(value: int) -> str:
    """Return a whole number as it opens a sentence: in words up to twelve."""
    return _NUMBER_WORDS[value] if value < len(_NUMBER_WORDS) else count(value)
