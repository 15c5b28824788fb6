"""Models, from a published folder to logits.

* `backbone` finds, names and loads phase 0, an encoder, a decoder or half of an encoder-decoder (`halves`); `family` says what
  it is, `tokenizer` what its tokenizer has to give.
* `carry` takes weights from phase to phase, `heads` are the output layers, `adapters` the low-rank ones, `compact` trains the
  rows of a vocabulary that occur.
* A pass: `encoding` takes packs, with `attention` of each row to itself; `pooling` makes one vector of a text; `buckets` and
  `graphs` record passes of equal shape.
* `pieces` makes a tokenizer of one's own texts, `plain` a model that transformers loads alone.
"""
