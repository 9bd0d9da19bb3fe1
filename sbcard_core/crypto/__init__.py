"""Keys, diversification, MAC, TAC and the arithmetic of the electronic purse.

=====================  ==============================================================
``keys`` ``kcv``       ``SecretKey``, ``Cipher``, ``KeyUsage``, check values
``cipher`` ``mac``     block ciphers and MACs, one at a time and ``_many``
``diversify``          city and card keys, session keys
``tac`` ``purse``      TACs and MACs of the purse, as declared layouts
``auth``               process keys and cryptograms of mutual authentication
``secure_messaging``   protected commands; ``pin_block``: PINs
``rules``              what is not public: profile data, refused until set
``keystore``           master keys in memory; ``keyfile``: in an encrypted file
``holder``             one shape for whoever holds keys: ``software_holder``,
                       ``psam_holder``, ``pkcs11_holder``, ``hsm_strings``
``bulk`` ``arrow``     the forms of a batch
``engine``             kernels, chosen once and tested before their first answer
=====================  ==============================================================

DES, 3DES and SM4 run on this package's constant-time kernels at the best level
of the processor (``SBCARD_CPU`` names a lower one); AES is that of the
``cryptography`` package. Importing loads neither numpy nor ``cryptography``:
numpy at the first array, ``cryptography`` at the first AES or key file.

Figures of the benchmarks are those of keys in software. Whether master keys may
be there is the issuer's policy, not this package's.
"""
