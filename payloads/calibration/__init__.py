"""A board's heat from its recordings: a network of nodes, fitted, judged and predicted with."""
