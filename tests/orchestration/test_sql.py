"""Text in SQL: whatever it is, it comes back as it went in, and finds no file of the host."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.sql import Sql, confined, joined, kind, name, names, number, run, scratch, sql, text

#: Any text, and texts of what SQL, format strings and paths are made of.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.lists(
    st.sampled_from(
        ["'", '"', "''", ";", "--", "/*", "*/", "\\", "{", "}", "{0}", "$1", "$$", "?", "%s", "\n", "a"]
    )
).map("".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS, TEXTS.filter(bool))
def test_a_quoted_text_is_that_text_and_a_quoted_name_that_name(value, column):
    with duckdb.connect() as connection:
        found = run(
            connection, "SELECT {value} AS {column}, ?", [value], value=text(value), column=name(column)
        )
        assert found.fetchall() == [(value, value)]
        assert [found.description[0][0]] == [column]


@pytest.mark.parametrize("value", ["a\0b", "\0"])
def test_a_nul_byte_is_refused_where_duckdb_would_cut_the_statement(value):
    for quote in (text, name):
        with pytest.raises(ValueError, match="NUL"):
            quote(value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sql("SELECT {a}", a="x"),
        lambda: joined(", ", ["x"]),
        lambda: number("1; DROP TABLE x"),
        lambda: number(True),
    ],
)
def test_a_text_that_nobody_quoted_is_no_piece_of_sql(make):
    with pytest.raises(TypeError):
        make()


@pytest.mark.parametrize("value", ["VARCHAR) --", "varchar", "", "STRUCT(a VARCHAR)", "INT; SELECT 1"])
def test_what_is_no_plain_type_is_refused(value):
    with pytest.raises(ValueError, match="no type"):
        kind(value)
    assert kind("DECIMAL(18,3)") == "DECIMAL(18,3)"


def test_names_are_those_of_a_table_where_it_is_given():
    assert names(["a", 'b"c'], "t") == '"t"."a", "t"."b""c"'
    assert isinstance(names([]), Sql)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT content FROM read_text({outside})",
        "SELECT * FROM read_csv({outside})",
        "SELECT * FROM glob({folder} || '/*')",
        "COPY (SELECT 1) TO {written}",
        "ATTACH {written}",
        "EXPORT DATABASE {written}",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET lock_configuration = false",
    ],
)
def test_a_confined_database_finds_no_file_outside_its_folder(tmp_path, statement):
    (tmp_path / "outside.txt").write_text("secret")
    pieces = {
        "outside": text(str(tmp_path / "outside.txt")),
        "written": text(str(tmp_path / "written")),
        "folder": text(str(tmp_path)),
    }
    with confined("footfall-test-") as (connection, _), pytest.raises(duckdb.Error):
        found = run(connection, "{all}", all=sql(statement, **pieces)).fetchall()
        assert found == [], "what it answers with is a failure as well"
        raise duckdb.Error
    assert [path.name for path in tmp_path.iterdir()] == ["outside.txt"]


def test_a_confined_database_uses_its_own_folder():
    with confined("footfall-it's-") as (connection, folder):
        run(connection, "COPY (SELECT 7 AS n) TO ? (FORMAT parquet)", [str(folder / "a.parquet")])
        assert run(connection, "FROM read_parquet(?)", [str(folder / "a.parquet")]).fetchall() == [(7,)]
        assert scratch(connection).rstrip("/") == str(folder)
    assert not folder.exists()
