"""A simulated city: far sides over real protocols and a provincial platform. Nothing in the product imports it."""
