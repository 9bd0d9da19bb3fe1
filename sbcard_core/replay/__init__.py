"""A campaign replayed: synthetic people, simulated partners, and every room of the library between them."""
