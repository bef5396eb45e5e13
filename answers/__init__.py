"""What the hub knows about itself: where things stand, what is held and why, where a number comes from. Read by every door."""
