"""Person and card, from the collected record to the cancelled card.

``enrolment`` takes checked records in, ``openings`` sends them to the banks and reads the answers,
``production`` orders cards and reads what the factory made, ``issuing`` and ``lifecycle`` follow each card,
``status`` counts. Every call is bulk, one transaction per file or batch, and may be repeated without effect.
"""
