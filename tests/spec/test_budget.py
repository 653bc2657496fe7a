import pytest

from assay.spec.budget import Budget
from assay.spec.errors import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", Budget(seconds=90)),
        ("20m", Budget(seconds=1200)),
        ("20min", Budget(seconds=1200)),
        ("2h", Budget(seconds=7200)),
        ("1.5d", Budget(seconds=129_600)),
        ("1run", Budget(runs=1)),
        ("40runs", Budget(runs=40)),
        ("1e2runs", Budget(runs=100)),
        ("1e15flop", Budget(flops=1e15)),
        ("2.5E+15FLOPS", Budget(flops=2.5e15)),
        ("5usd", Budget(usd=5)),
        ("0.5 USD", Budget(usd=0.5)),
        (" 2h , 5usd,40 runs,1e15flop ", Budget(seconds=7200, usd=5, runs=40, flops=1e15)),
    ],
)
def test_units(text: str, expected: Budget) -> None:
    assert Budget.read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "is not understood: write 20m, 2h, 40runs, 1e15flop or 5usd"),
        ("soon", "is not understood"),
        ("20", "is not understood"),
        ("m", "is not understood"),
        ("-5m", "is not understood"),
        ("0m", "is not understood"),
        ("1h30m", "is not understood"),
        ("1..5h", "is not understood"),
        (".h", "is not understood"),
        ("nanh", "is not understood"),
        ("inf", "is not understood"),
        ("20m,", "is not understood"),
        ("20m 2h", "is not understood"),
        ("1e400s", "is not understood"),
        ("1e400runs", "is not understood"),
        ("1e308d", "is too large to count"),
        ("3weeks", "has an unknown unit 'weeks'"),
        ("2.5runs", "runs come in whole numbers"),
        ("0.5runs", "runs come in whole numbers"),
        ("20m,2h", "limits seconds twice"),
        ("3runs,4runs", "limits runs twice"),
    ],
)
def test_nonsense_is_refused_in_one_sentence(text: str, expected: str) -> None:
    with pytest.raises(UserError) as caught:
        Budget.read(text)
    message = str(caught.value)
    assert message.startswith(f"budget '{text}'")
    assert expected in message
    assert "\n" not in message
