"""What a corpus holds, in numbers and samples: nothing here changes a document."""
