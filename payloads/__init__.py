"""The satellite's power and heat, the payload computer, its models and what faults do to them."""
