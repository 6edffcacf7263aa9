"""Money for people: whole minor units of a currency, with the decimals that the currency has. Pure, never a float.

The exponents are those of Stripe's API, because the amounts come from there (docs.stripe.com/currencies): its lists of
zero-decimal and of three-decimal currencies. Two currencies without coins stay at two decimals, which are always "00":
Stripe's "Special cases" say of ISK and UGX that 5 of them are the amount 500.
"""

ZERO_DECIMAL = frozenset(
    {
        *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF"),
        *("VND", "VUV", "XAF", "XOF", "XPF"),
    }
)
THREE_DECIMAL = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
NO_BREAK = "\N{NO-BREAK SPACE}"


def exponent(currency: str) -> int:
    """How many decimals an amount of this currency has: 0, 2 or 3. ``currency`` is an ISO 4217 code in any case."""
    code = currency.upper()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def decimal(amount_minor: int, currency: str, *, thousands: str = ",") -> str:
    """The number alone: ``1,234.50``. It is exact at every size, and negative amounts begin with a minus."""
    places = exponent(currency)
    whole, rest = divmod(abs(amount_minor), 10**places)
    text = f"{whole:,}".replace(",", thousands)
    text = f"{text}.{rest:0{places}}" if places else text
    return f"-{text}" if amount_minor < 0 else text


def shown(amount_minor: int, currency: str) -> str:
    """An amount as people read it: ``1,234.50 EUR``, ``1,250 JPY``, ``5.120 KWD``; never broken over two lines."""
    return f"{decimal(amount_minor, currency)}{NO_BREAK}{currency.upper()}"
