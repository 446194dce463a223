"""What stands behind the person: from what the user writes to backgrounds."""
