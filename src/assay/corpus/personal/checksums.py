"""Check digits of payment cards and bank accounts, and what else makes a number valid."""

#: Length of an IBAN by country: the SWIFT IBAN registry (release 99).
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29,
    "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24,
    "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip


def luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card(digits: str) -> bool:
    """Whether digits are the number of a payment card: issuer's range and length (ISO/IEC 7812) and Luhn."""
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    match len(digits):
        case 14:
            issued = two in (36, 38, 39) or 300 <= three <= 305
        case 15:
            issued = two in (34, 37)
        case 16:
            issued = (
                digits[0] == "4" or 51 <= two <= 55 or 2221 <= four <= 2720 or two in (62, 65)
                or four == 6011 or 644 <= three <= 649 or 3528 <= four <= 3589
            )  # fmt: skip
        case _:
            issued = False
    return issued and luhn(digits)


def iban(number: str) -> bool:
    """Whether a number without spaces is an IBAN: its country's length, and 1 modulo 97 (ISO 13616, ISO 7064)."""
    if IBAN_LENGTHS.get(number[:2]) != len(number):
        return False
    return int("".join(str(int(each, 36)) for each in number[4:] + number[:4])) % 97 == 1


def social_security(digits: str) -> bool:
    """Whether nine digits can be a US social security number: no area 000, 666 or 9xx, no group or serial of zeros."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    published = digits in ("078051120", "219099999")  # in advertisements; the administration never gave them out
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000" and not published
