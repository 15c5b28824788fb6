"""The report as one HTML page: records in, a file out that needs nothing else.

* `facts` is what a page is made from: tables, records, intervals. Nothing here reads a run folder or a clock.
* A *section* (`sections`) turns facts into a template and its values; the page is the list of them, in order.
* `charts` draws SVG, `templates/` writes HTML in which every value is escaped, `assets/` holds the style and the script.

Equal facts give equal bytes.
"""
