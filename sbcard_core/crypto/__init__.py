"""Keys, diversification, MAC, TAC and the arithmetic of the electronic purse.

Every bulk call makes one pass over contiguous bytes. The ``cryptography``
package is loaded at the first computation, never at import.
"""
