"""Steps from raw text to text one can defend: each takes documents and keeps, changes or removes every one of them."""
