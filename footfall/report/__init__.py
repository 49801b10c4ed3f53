"""A report: what a site's period holds, asked of its daily tables, as one page that needs nothing else.

Pure but for the questions (`asking`), which are put to whatever connection has the tables: the warehouse
where a report is delivered, or the published tables where somebody looks at one.
"""
