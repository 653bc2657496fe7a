"""What a model can be evaluated on: one task a file, each named in the registry as an `evaluation_task`.

A task says which fields the rows of its files have, reads a row into an item, and measures a model on items through a
`Reader`. To add one, write a file like `last_word.py` here, add its line to `spec/registry.py`, and give its format to
`ROWS` in `tests/conformance/test_evaluation_task.py`:

    class Shout:
        '''Rows {"text"}: bits per byte of the text in capitals.'''

        fields = ("text",)

        def read(self, row: Row) -> str:
            return row.text("text").upper()

        def measure(self, items: Sequence[str], reader: Reader) -> list[Measured]:
            nats = reader.texts(items)
            return [Measured({"bits_per_byte": bits_per_byte(n, t)}) for n, t in zip(nats, items, strict=True)]

        def texts(self, item: str) -> list[str]:
            return [item]
"""
