"""What a file is written in: each format gives header, batches and digest."""
