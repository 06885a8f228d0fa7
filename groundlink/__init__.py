"""What a satellite may say to the ground, when, and how fast."""
