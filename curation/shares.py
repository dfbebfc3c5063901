"""A share in words: everything a person reads writes it the same way, as the README does."""


def percent(share: float | None, form: str = ".0f") -> str:
    """`26.1 %`, with a space before the sign; `-` where there is none.

    `form` says how many figures: `.1f` for one behind the point, `.3g` for a rate that may be far below one percent.

    >>> percent(0.5), percent(0.261, ".1f"), percent(0.00123, ".3g"), percent(None)
    ('50 %', '26.1 %', '0.123 %', '-')
    """
    return "-" if share is None else f"{100 * share:{form}} %"
