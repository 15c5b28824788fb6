"""Files and values.

* Files: `storage` (whole or not at all), `tensorfile`, `seal`; `background` writes beside the training.
* Typed values to JSON and back: `codec`, `writing`, `building`.
"""
