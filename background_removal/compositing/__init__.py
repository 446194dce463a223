"""What stands behind the person: backgrounds, how they are made from what the user writes, and the keys for them."""
