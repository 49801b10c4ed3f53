"""Published tables: what programs read of a client's marts and reports, without the warehouse.

For each client one pointer, one snapshot that names the files of all tables, and immutable Parquet files:

    marts/client=demo/current.json                                   the pointer, replaced last
    marts/client=demo/snapshots/0b881b4e0231aaaa.json                what each table's files are
    marts/client=demo/page_views/2026-11-20-1f0c2b….parquet          a day; `2026-09-…` is a month
    marts/client=demo/visitors/base-07-5453b7….parquet               a table by row, a part of it
    marts/client=demo/visitors/newer-000012-0b421a….parquet          rows that changed since

`documents`: what a snapshot says. `layout`: which rows lie in which file. `opening`: the pointer, what may
go. `tables`: rows, through DuckDB.
"""
