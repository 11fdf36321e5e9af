"""Short cuts through recording, for the cases that nearly every operation falls under."""
