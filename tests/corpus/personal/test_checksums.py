"""Check digits against numbers that their issuers and standards publish."""

import random

import pytest

from assay.corpus.personal import checksums

# Test numbers of Visa, Mastercard, American Express, Discover, JCB and Diners Club, as payment services publish them.
CARDS = (
    "4111111111111111", "4012888888881881", "5555555555554444", "5105105105105100", "2223003122003222",
    "378282246310005", "371449635398431", "6011111111111117", "6011000990139424", "3530111333300000",
    "3566002020360505", "30569309025904", "38520000023237",
)  # fmt: skip

# The examples of the SWIFT IBAN registry.
IBANS = (
    "GB29NWBK60161331926819", "DE89370400440532013000", "FR1420041010050500013M02606", "NO9386011117947",
    "CH9300762011623852957", "MT84MALT011000012345MTLCAST001S", "BR9700360305000010009795493P1", "NL91ABNA0417164300",
    "SA0380000000608010167519", "PL61109010140000071219812874",
)  # fmt: skip


@pytest.mark.parametrize("number", CARDS)
def test_published_cards(number: str) -> None:
    assert checksums.card(number)


@pytest.mark.parametrize("number", IBANS)
def test_published_ibans(number: str) -> None:
    assert checksums.iban(number)


@pytest.mark.parametrize("number", ["79927398713", "0"])
def test_luhn_by_its_known_example(number: str) -> None:
    assert checksums.luhn(number)  # 7992739871 with check digit 3: the example of the algorithm's descriptions


@pytest.mark.parametrize("number", CARDS + IBANS)
def test_every_wrong_digit_is_noticed(number: str) -> None:
    """Both checks find every single wrong digit; that is what they were made for."""
    valid = checksums.iban if number[0].isalpha() else checksums.luhn
    for place in range(4, len(number)):
        if number[place].isdigit():
            for digit in set("0123456789") - {number[place]}:
                assert not valid(number[:place] + digit + number[place + 1 :])


def test_random_digits_are_seldom_cards() -> None:
    draw = random.Random(0)
    numbers = ["".join(draw.choices("0123456789", k=16)) for _ in range(5000)]
    assert sum(map(checksums.card, numbers)) < 0.05 * len(numbers)


@pytest.mark.parametrize(("digits", "can_be"), [
    ("536228746", True), ("000123456", False), ("666123456", False), ("900123456", False), ("536008746", False),
    ("536220000", False), ("078051120", False),
])  # fmt: skip
def test_social_security_numbers_that_are_never_given_out(digits: str, can_be: bool) -> None:
    assert checksums.social_security(digits) is can_be
